//! What C can see of the heaps: walks, dumps, summaries, checks.
//!
//! Blocks are copied a few at a time under the lock, and shown or printed without it: a visitor may use the heap, and a slow
//! console stops nobody. What happens meanwhile may or may not be seen.

use core::ffi::c_void;
use core::ptr::NonNull;

use heap_caps::{BlockView, Corrupt, HeapView};
use soc_regions::Caps;

use crate::console::Console;
use crate::door;
use crate::heap::HEAP;

/// `walker_heap_into_t`: where a heap begins and ends.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CWalkedHeap {
    /// First byte.
    pub start: isize,
    /// Behind its last byte.
    pub end: isize,
}

/// `walker_block_info_t`: a block, from its first byte for the user on.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CWalkedBlock {
    /// First byte for the user.
    pub pointer: *mut c_void,
    /// Bytes for the user.
    pub size: usize,
    /// Whether it is allocated.
    pub used: bool,
}

/// `heap_caps_walker_cb_t`: `false` goes on with the next heap.
pub type CWalker = unsafe extern "C" fn(CWalkedHeap, CWalkedBlock, *mut c_void) -> bool;

/// Shows every block of the heaps that have `caps` (`MALLOC_CAP_INVALID`: of all) to `walker`. O(blocks).
///
/// # Safety
/// - `walker` is null or may be called with `user` and what it is shown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_walk(caps: u32, walker: Option<CWalker>, user: *mut c_void) {
    let Some(walker) = walker else {
        return;
    };
    for shown in heaps(caps) {
        shown.each_block(|pointer, block| {
            // SAFETY: the caller keeps the same contract.
            unsafe { door::show(walker, shown.bounds(), walked(pointer, &block), user) }
        });
    }
}

/// `heap_caps_walk` of all heaps.
///
/// # Safety
/// As [`heap_caps_walk`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_walk_all(walker: Option<CWalker>, user: *mut c_void) {
    // SAFETY: the caller keeps the same contract.
    unsafe { heap_caps_walk(Caps::INVALID.bits(), walker, user) }
}

/// Prints every block of the heaps that have `caps` (`MALLOC_CAP_INVALID`: of all). O(blocks).
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_dump(caps: u32) {
    for shown in heaps(caps) {
        let start = shown.memory.cast::<u8>();
        Console.print(format_args!("Showing data for heap: {start:p} \n"));
        shown.each_block(|pointer, block| {
            print_block(pointer, block.size, block.used);
            true
        });
    }
}

/// `heap_caps_dump` of all heaps.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_dump_all() {
    heap_caps_dump(Caps::INVALID.bits());
}

/// Prints the figures of the heaps that have `caps`, and their totals.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_print_heap_info(caps: u32) {
    let caps = Caps::from_bits_retain(caps);
    let all = Shown::all().flatten();
    let views = all.map(|shown| (shown.bounds().start as u64, shown.heap)); // widening: no sign, an address
    // The console never refuses.
    let _ = heap_caps::print_summary(caps, views, &mut Console);
}

/// Whether the heaps that have `caps` (`MALLOC_CAP_INVALID`: all) are sound. O(blocks), O(bytes) under comprehensive poisoning, under the lock.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_check_integrity(caps: u32, print_errors: bool) -> bool {
    let mut found = Found::default();
    HEAP.inspect(|heaps| heaps.check_each(Caps::from_bits_retain(caps), |one| found.note(one)));
    found.tell(print_errors)
}

/// Whether all heaps are sound.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_check_integrity_all(print_errors: bool) -> bool {
    heap_caps_check_integrity(Caps::INVALID.bits(), print_errors)
}

/// Whether the whole heap in which `address` lies is sound; `false` if it lies in none.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_check_integrity_addr(address: isize, print_errors: bool) -> bool {
    let mut found = Found::default();
    let pointer = core::ptr::without_provenance(address.cast_unsigned());
    let checked = HEAP.inspect(|heaps| {
        let checked = heaps.check_integrity_at(heaps.address_of(pointer)?)?;
        checked.unwrap_or_else(|one| found.note(one));
        Some(())
    });
    checked.is_some() && found.tell(print_errors)
}

/// The first damages of a check, to be told when the lock is open again.
#[derive(Default)]
struct Found {
    first: [Option<Corrupt>; 4],
    count: usize,
}

impl Found {
    fn note(&mut self, corrupt: Corrupt) {
        if let Some(place) = self.first.get_mut(self.count) {
            *place = Some(corrupt);
        }
        self.count = self.count.saturating_add(1);
    }

    /// Whether there was none.
    fn tell(&self, print: bool) -> bool {
        for corrupt in self.first.iter().flatten().filter(|_| print) {
            Console.print(format_args!("{corrupt}\n"));
        }
        self.count == 0
    }
}

/// A heap as C is shown it.
#[derive(Clone, Copy)]
pub(crate) struct Shown {
    pub(crate) heap: HeapView,
    memory: NonNull<[u8]>,
}

/// The heaps that have `caps`, as they are now; all of them if INVALID is among the `caps`.
fn heaps(caps: u32) -> impl Iterator<Item = Shown> {
    let caps = Caps::from_bits_retain(caps);
    let all = caps.contains(Caps::INVALID);
    let serves = move |shown: &Shown| all || shown.heap.caps.contains(caps);
    Shown::all().flatten().filter(serves)
}

impl Shown {
    pub(crate) fn all() -> impl Iterator<Item = Option<Self>> {
        HEAP.heaps().map(|heap| {
            let memory = HEAP.inspect(|heaps| heaps.memory_of(heap.index));
            memory.map(|memory| Self { heap, memory })
        })
    }

    fn bounds(&self) -> CWalkedHeap {
        let start = self.memory.addr().get();
        CWalkedHeap {
            start: start.cast_signed(),
            end: start
                .wrapping_add(self.heap.span.size() as usize)
                .cast_signed(),
        }
    }

    /// Shows the blocks in address order until `visit` has seen enough.
    pub(crate) fn each_block(&self, mut visit: impl FnMut(NonNull<u8>, BlockView) -> bool) {
        let mut next = 0;
        loop {
            let batch = self.blocks_from(next);
            for (pointer, block) in batch.iter().flatten() {
                next = block.whole.end();
                if !visit(*pointer, *block) {
                    return;
                }
            }
            if batch.iter().any(Option::is_none) {
                return;
            }
        }
    }

    /// A few blocks from an address on.
    fn blocks_from(&self, address: u32) -> [Option<(NonNull<u8>, BlockView)>; 8] {
        let mut batch = [None; 8];
        HEAP.inspect(|heaps| {
            let blocks = heaps
                .blocks(self.heap.index)
                .skip_while(|block| block.whole.start() < address);
            let named = blocks.filter_map(|block| Some((heaps.pointer(block.address)?, block)));
            for (place, block) in batch.iter_mut().zip(named) {
                *place = Some(block);
            }
        });
        batch
    }
}

fn walked(pointer: NonNull<u8>, block: &BlockView) -> CWalkedBlock {
    CWalkedBlock {
        pointer: pointer.as_ptr().cast(),
        size: block.size as usize,
        used: block.used,
    }
}

/// One line of a dump.
pub(crate) fn print_block(pointer: NonNull<u8>, size: u32, used: bool) {
    let free = if used { "No" } else { "Yes" };
    Console.print(format_args!(
        "Block {pointer:p} data, size: {size} bytes, Free: {free} \n"
    ));
}
