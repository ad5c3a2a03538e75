//! A device on this machine that ran for a while, and an image of the memory that its heap is in.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "a helper that fails fails its test"
)]

use std::mem::{MaybeUninit, offset_of};
use std::panic::Location;
use std::ptr::NonNull;

use heap_caps::{BlockView, Description, HeapCaps, HeapView, ImageHeader};
use heap_caps_alloc::{CapsHeap, SpinLock};
use heap_report::image::MemoryImage;
use heap_trace::{CurrentOwner, FailureLog, Ledger, Owner, Recent, RecentLayout, TraceContext};
use multi_heap::Poison;
use soc_regions::Caps;

thread_local! {
    /// Tests run side by side, each on a thread.
    static OWNER: CurrentOwner = const { CurrentOwner::new() };
}

struct ByThread;

impl TraceContext for ByThread {
    fn owner(&self) -> Owner {
        OWNER.with(CurrentOwner::get)
    }
}

const MQTT: Owner = Owner(1);
const CAMERA: Owner = Owner(2);
static NAMES: &[&str] = &["mqtt", "camera"];

type Log = FailureLog<4, 3>;
/// Places for six times as many blocks as live: each has one near where its address leads.
type Accounts = Ledger<ByThread, Option<&'static mut Log>, 256, 16, 3>;
type Observers = (Accounts, Recent<ByThread, 64>);
type Heap<P> = CapsHeap<SpinLock, P, Observers>;
type Heaps<P> = HeapCaps<P, Observers>;

/// A block: address, size, owner, line.
pub type Known = (u32, u32, u8, u32);

const BYTES: [usize; 2] = [12 * 1024, 4 * 1024];

/// A program's heap when it crashed.
pub struct Device<P: Poison + 'static> {
    heap: &'static Heap<P>,
    header: &'static ImageHeader,
    log: *const Log,
    buffers: [*const u8; 2],
}

impl<P: Poison> Device<P> {
    /// Two heaps, three owners, freed blocks in between, and two requests that failed.
    pub fn crashed() -> Self {
        let ledger = Ledger::new(ByThread, None).with_owner_names(&NAMES);
        let heap: &'static Heap<P> =
            Box::leak(Box::new(CapsHeap::new((ledger, Recent::new(ByThread)))));
        let header = Box::leak(Box::new(ImageHeader::new()));
        header.lead_to(heap.inspect().heaps_in_memory());
        let buffers = BYTES.map(|bytes| {
            let buffer = vec![MaybeUninit::uninit(); bytes].leak();
            let start = buffer.as_ptr().cast::<u8>();
            heap.add_buffer(
                [Caps::BIT8 | Caps::DMA, Caps::empty(), Caps::empty()],
                buffer,
            )
            .unwrap();
            start
        });
        let memory = Box::leak(Box::new(MaybeUninit::zeroed()));
        // SAFETY: it consists of bytes, which are zero.
        let log: &'static mut Log = unsafe { Log::recover(memory) };
        let place = std::ptr::from_ref(log);
        heap.with_observer(|(ledger, _)| *ledger.event_sink_mut() = Some(log));
        let device = Self {
            heap,
            header,
            log: place,
            buffers,
        };
        device.run();
        device
    }

    fn run(&self) {
        let mut kept = Vec::new();
        for round in 0..24_usize {
            kept.push(
                self.on_behalf_of(MQTT, || self.heap.malloc(40 + round * 7, Caps::BIT8).ok()),
            );
            kept.push(self.on_behalf_of(CAMERA, || self.heap.malloc(200, Caps::DMA).ok()));
            if round % 3 == 1 {
                let block = kept.remove(round);
                // SAFETY: nobody uses it.
                unsafe { self.heap.free(block) }.unwrap();
            }
        }
        kept.push(self.on_behalf_of(Owner::NOBODY, || self.heap.malloc(33, Caps::BIT8).ok()));
        let refused = OWNER.with(|owner| {
            let large = owner.with(CAMERA, || self.heap.malloc(13_000, Caps::BIT8).ok());
            let none = owner.with(MQTT, || self.heap.malloc(16, Caps::EXEC).ok());
            (large.is_none(), none.is_none())
        });
        assert_eq!(refused, (true, true));
    }

    fn on_behalf_of(
        &self,
        owner: Owner,
        allocate: impl FnOnce() -> Option<NonNull<u8>>,
    ) -> NonNull<u8> {
        OWNER.with(|current| current.with(owner, allocate)).unwrap()
    }

    /// What the running heap says of itself: its heaps, and each live block with its size, owner
    /// and line.
    pub fn heaps_and_blocks(&self) -> (Vec<HeapView>, Vec<Known>) {
        self.heap.inspect().locked(|heaps| {
            let views: Vec<HeapView> = heaps.heaps().collect();
            let blocks = views.iter().flat_map(|view| heaps.blocks(view.index));
            let known = |block: BlockView| {
                let (site, owner) = heaps.observer().0.block(block.address).unwrap();
                let site = heaps.observer().0.site(site).unwrap();
                let line = site.caller.unwrap().line();
                (block.address, block.size, owner.0, line)
            };
            let mut blocks: Vec<_> = blocks.filter(|block| block.used).map(known).collect();
            blocks.sort_unstable();
            (views, blocks)
        })
    }

    /// The used blocks.
    pub fn used(&self) -> Vec<BlockView> {
        self.heap.inspect().locked(|heaps| {
            let blocks = heaps.heaps().flat_map(|view| heaps.blocks(view.index));
            blocks.filter(|block| block.used).collect()
        })
    }

    /// The sentences of the failure log, the latest first.
    pub fn failures(&self) -> Vec<String> {
        self.heap.with_observer(|(ledger, _)| {
            let log = ledger.event_sink_mut().as_ref().unwrap();
            let mut records: Vec<_> = log.records().collect();
            records.sort_by_key(|record| std::cmp::Reverse(record.number()));
            records.iter().map(ToString::to_string).collect()
        })
    }

    /// A block of the camera's with another block behind it.
    pub fn culprit(&self) -> BlockView {
        self.heap.inspect().locked(|heaps| {
            let index = heaps.heaps().next().unwrap().index;
            let blocks: Vec<BlockView> = heaps.blocks(index).collect();
            let is_culprit = |pair: &&[BlockView]| {
                let owner = heaps.observer().0.block(pair[0].address);
                pair[0].used && pair[1].used && owner.is_some_and(|(_, owner)| owner == CAMERA)
            };
            blocks.windows(2).find(is_culprit).unwrap()[0]
        })
    }

    /// Frees the culprit on behalf of MQTT, and returns it.
    pub fn free_culprit(&self) -> BlockView {
        let culprit = self.culprit();
        let pointer = self
            .heap
            .inspect()
            .locked(|heaps| heaps.pointer(culprit.address).unwrap());
        // SAFETY: nobody uses it.
        OWNER.with(|owner| owner.with(MQTT, || unsafe { self.heap.free(pointer) }.unwrap()));
        culprit
    }

    /// All that a core dump of RAM has of it, and the constants that it leads to.
    pub fn image(&self) -> Image {
        let mut image = Image {
            ram: vec![
                copied(std::ptr::from_ref(self.header)),
                copied(self.heap.inspect().heaps_in_memory()),
                copied(self.log),
            ],
            heaps: Vec::new(),
            starts: Vec::new(),
            constants: Vec::new(),
        };
        for (start, bytes) in self.buffers.iter().zip(BYTES) {
            image.heaps.push(bytes_at(*start, bytes));
        }
        self.heap.inspect().locked(|heaps| {
            for (view, buffer) in heaps.heaps().zip(&self.buffers) {
                // The heap has the whole words inside.
                let first = buffer.addr().next_multiple_of(4) as u64;
                image.starts.push((first, view.span.start()));
                image.page(view.name.as_ptr(), view.name.len());
            }
            for site in heaps.observer().0.sites() {
                let Some(caller) = site.caller else {
                    continue; // what has no place of its own
                };
                image.page(std::ptr::from_ref(caller).cast(), size_of::<Location<'_>>());
                image.page(caller.file().as_ptr(), caller.file().len());
            }
        });
        image.page((&raw const NAMES).cast(), size_of::<&[&str]>());
        image.page(NAMES.as_ptr().cast(), size_of_val(NAMES));
        for name in NAMES {
            image.page(name.as_ptr(), name.len());
        }
        let (header, _) = image.ram[0].1.as_chunks::<8>();
        let description = usize::from_ne_bytes(header[2]);
        let description = std::ptr::with_exposed_provenance::<u8>(description);
        image.page(description, size_of_val(&Heaps::<P>::DESCRIPTION));
        image
    }
}

/// Pieces of memory: address and bytes.
type Piece = (u64, Vec<u8>);

/// An image of a device's memory.
#[derive(Clone)]
pub struct Image {
    /// Header, heaps with their observer, failure log.
    ram: Vec<Piece>,
    heaps: Vec<Piece>,
    /// Where each heap begins: here, and as the device calls it.
    starts: Vec<(u64, u32)>,
    constants: Vec<Piece>,
}

impl Image {
    pub fn memory(&self) -> MemoryImage {
        let mut memory = MemoryImage::default();
        for (address, bytes) in self.pieces() {
            memory.add(*address, bytes).unwrap();
        }
        memory
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.ram.iter().chain(&self.heaps).chain(&self.constants)
    }

    pub fn without_constants(mut self) -> Self {
        self.constants.clear();
        self
    }

    pub fn leave_out_heap(&mut self, number: usize) {
        self.heaps.remove(number);
    }

    /// Of the heaps only the memory behind the headers of used blocks, each on its own: what
    /// `heap_caps_walk` shows, and ESP-IDF's core dump writes.
    pub fn leave_out_all_but(&mut self, used: &[BlockView]) {
        const HEADER: u32 = 4;
        let heaps = std::mem::take(&mut self.heaps);
        for block in used {
            let (start, size) = (block.whole.start() + HEADER, block.whole.size() - HEADER);
            let piece = self.starts.iter().zip(&heaps).find_map(|(starts, piece)| {
                let at = u64::from(start.checked_sub(starts.1)?) + starts.0;
                let from = usize::try_from(at - piece.0).unwrap();
                let bytes = piece.1.get(from..from + size as usize)?;
                Some((at, bytes.to_vec()))
            });
            self.heaps.push(piece.unwrap());
        }
    }

    /// The first heap's start and size in words are others, and its memory is at the start of all.
    pub fn move_first_heap<P: Poison>(&mut self, start: u32, words: u32) {
        let set = Heaps::<P>::DESCRIPTION;
        let heaps = &mut self.ram[1].1;
        for (field, value) in [(set.start, start), (set.words, words)] {
            let at = (set.slots + field) as usize;
            heaps[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        }
        let base = (set.slots + set.base) as usize;
        heaps[base..base + size_of::<usize>()].copy_from_slice(&0x100_usize.to_ne_bytes());
    }

    /// The byte behind what the block's user has is another one.
    pub fn overwrite_behind(&mut self, block: &BlockView) {
        *self.byte(block.address + block.size) ^= 0x55;
    }

    /// A byte in the middle of the block is another one.
    pub fn overwrite_in(&mut self, block: &BlockView) {
        *self.byte(block.address + block.size / 2) ^= 0x55;
    }

    /// The header of the block is gone.
    pub fn overwrite_header_of(&mut self, block: &BlockView) {
        for place in 0..4 {
            *self.byte(block.whole.start() + place) = 0x31;
        }
    }

    /// What describes the heaps says the opposite of their links.
    pub fn invert_encoded_links(&mut self) {
        let magic = Description::MAGIC.to_ne_bytes();
        let flag = offset_of!(Description, poisoning) + 1;
        for (_, bytes) in &mut self.constants {
            let places = (0..bytes.len()).step_by(4);
            let found = places.filter(|at| bytes[*at..].starts_with(&magic));
            for at in found.collect::<Vec<_>>() {
                bytes[at + flag] ^= 1;
            }
        }
    }

    /// The ring of the last events is not known as one.
    pub fn forget_the_past(&mut self) {
        let magic = RecentLayout::MAGIC;
        for (_, bytes) in &mut self.ram {
            let found = bytes.windows(magic.len()).position(|part| part == magic);
            if let Some(at) = found {
                bytes[at] ^= 1;
            }
        }
    }

    fn byte(&mut self, address: u32) -> &mut u8 {
        let heap = self
            .starts
            .iter()
            .zip(&mut self.heaps)
            .find_map(|(starts, piece)| {
                let place = u64::from(address.checked_sub(starts.1)?) + starts.0 - piece.0;
                piece.1.get_mut(usize::try_from(place).unwrap())
            });
        heap.unwrap()
    }

    /// RAM ends after `part` of `whole` of it.
    pub fn cut(&mut self, part: usize, whole: usize) {
        let ram = self.ram.iter_mut().chain(&mut self.heaps);
        let pieces: Vec<&mut Piece> = ram.collect();
        let all: usize = pieces.iter().map(|piece| piece.1.len()).sum();
        let mut left = all * part / whole;
        for piece in pieces {
            piece.1.truncate(left);
            left -= piece.1.len();
        }
    }

    /// The word after `part` of `whole` of RAM is another one.
    pub fn set_word(&mut self, part: usize, whole: usize, value: u32) {
        let ram = self.ram.iter_mut().chain(&mut self.heaps);
        let mut words: Vec<&mut [u8; 4]> =
            ram.flat_map(|piece| piece.1.as_chunks_mut().0).collect();
        let place = words.len() * part / whole;
        *words[place] = value.to_ne_bytes();
    }

    /// Adds the pages that these bytes are on.
    fn page(&mut self, start: *const u8, bytes: usize) {
        const PAGE: usize = 4096;
        let first = start.addr() / PAGE;
        let last = (start.addr() + bytes.max(1) - 1) / PAGE;
        for page in first..=last {
            let start = start.with_addr(page * PAGE);
            if self
                .constants
                .iter()
                .all(|known| known.0 != start.addr() as u64)
            {
                self.constants.push(bytes_at(start, PAGE));
            }
        }
    }
}

fn copied<T>(value: *const T) -> Piece {
    bytes_at(value.cast(), size_of::<T>())
}

/// Bytes as a debugger reads them.
fn bytes_at(start: *const u8, bytes: usize) -> Piece {
    let byte = |place| {
        // SAFETY: memory of this program that nothing changes meanwhile: whole values, or whole
        // pages of its constants.
        unsafe { start.wrapping_add(place).read_volatile() }
    };
    (start.addr() as u64, (0..bytes).map(byte).collect())
}
