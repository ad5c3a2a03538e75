//! Inspection of the heaps from C: walks, dumps, summaries, checks.
//!
//! Blocks are copied a few at a time under the lock, and shown or printed without it: a visitor may
//! use the heap, and a slow console stops nobody. What happens meanwhile may or may not be seen.

use core::ffi::c_void;
use core::ptr::NonNull;

use heap_caps::{BlockView, Corrupt, DamagedBlockView, HeapView};
use soc_regions::Caps;

use crate::callers;
use crate::console::Console;
use crate::ffi;
use crate::heap::HEAP;
use crate::hooks::{FoundIn, fault};
use crate::signatures::{CWalkedBlock, CWalkedHeap, CWalker};

/// Shows every block of the heaps that have `caps` (`MALLOC_CAP_INVALID`: of all) to `walker`.
/// O(blocks).
///
/// A block whose header contradicts what lies around it is the last one shown of its heap, as its
/// header describes it; then it is a fault.
///
/// # Safety
/// - `walker` is null or may be called with `user` and what it is shown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_walk(caps: u32, walker: Option<CWalker>, user: *mut c_void) {
    let Some(walker) = walker else {
        return;
    };
    for shown in heaps(caps) {
        let damaged = shown.each_whole_block(|block| {
            // SAFETY: the caller keeps the same contract.
            unsafe { ffi::show(walker, shown.bounds(), block, user) }
        });
        if let Some(corrupt) = damaged {
            let start = shown.memory.cast::<u8>();
            let found = FoundIn::Call(callers::call_of(c"heap_caps_walk"));
            fault(format_args!(
                "walk of the heap at {start:p}: {}{found}",
                corrupt.corruption
            ));
            callers::keep_frame();
        }
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

/// Prints every block of the heaps that have `caps` (`MALLOC_CAP_INVALID`: of all), as
/// [`heap_caps_walk`] shows them; of a damaged heap also what is wrong. O(blocks).
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_dump(caps: u32) {
    for shown in heaps(caps) {
        let start = shown.memory.cast::<u8>();
        Console.print(format_args!("Showing data for heap: {start:p} \n"));
        let damaged = shown.each_whole_block(|block| {
            print_block(block);
            true
        });
        if let Some(corrupt) = damaged {
            Console.print(format_args!("{corrupt}\n"));
        }
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
    // Widening: no sign, an address
    let views = all.map(|shown| (shown.bounds().start as u64, shown.heap));
    // The console never refuses.
    let _ = heap_caps::print_summary(caps, views, &mut Console);
}

/// Returns whether the heaps that have `caps` (`MALLOC_CAP_INVALID`: all) are sound. O(blocks),
/// O(bytes) under comprehensive poisoning, under the lock.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_check_integrity(caps: u32, print_errors: bool) -> bool {
    let mut found = Found::default();
    HEAP.inspect()
        .locked(|heaps| heaps.check_each(Caps::from_bits_retain(caps), |one| found.record(one)));
    found.report(print_errors)
}

/// Returns whether all heaps are sound.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_check_integrity_all(print_errors: bool) -> bool {
    heap_caps_check_integrity(Caps::INVALID.bits(), print_errors)
}

/// Returns whether the whole heap in which `address` lies is sound; `false` if it lies in none.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_check_integrity_addr(address: isize, print_errors: bool) -> bool {
    let mut found = Found::default();
    let pointer = core::ptr::without_provenance(address.cast_unsigned());
    let checked = HEAP.inspect().locked(|heaps| {
        let checked = heaps.check_integrity_at(heaps.address_of(pointer)?)?;
        checked.unwrap_or_else(|one| found.record(one));
        Some(())
    });
    checked.is_some() && found.report(print_errors)
}

/// The first damages of a check, to be reported after the lock is released.
#[derive(Default)]
struct Found {
    first: [Option<Corrupt>; 4],
    count: usize,
}

impl Found {
    fn record(&mut self, corrupt: Corrupt) {
        if let Some(place) = self.first.get_mut(self.count) {
            *place = Some(corrupt);
        }
        self.count = self.count.saturating_add(1);
    }

    /// Reports damage; returns whether there was none.
    fn report(&self, print: bool) -> bool {
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

/// Returns the heaps that have `caps`, as they are now; all of them if INVALID is among the `caps`.
fn heaps(caps: u32) -> impl Iterator<Item = Shown> {
    let caps = Caps::from_bits_retain(caps);
    let all = caps.contains(Caps::INVALID);
    let serves = move |shown: &Shown| all || shown.heap.caps.contains(caps);
    Shown::all().flatten().filter(serves)
}

impl Shown {
    pub(crate) fn all() -> impl Iterator<Item = Option<Self>> {
        HEAP.inspect().heaps().map(|heap| {
            let memory = HEAP.inspect().locked(|heaps| heaps.memory_of(heap.index));
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
    #[cfg(feature = "heap-task-tracking")]
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

    /// Shows the blocks behind their headers, in address order, until `visit` has seen enough; the
    /// damaged one too, at which the walk ends. Returns what is wrong with that.
    fn each_whole_block(&self, mut visit: impl FnMut(CWalkedBlock) -> bool) -> Option<Corrupt> {
        let mut next = 0;
        loop {
            let batch = self.whole_blocks_from(next);
            for block in batch.iter().flatten() {
                let (header, bytes, used) = match block {
                    Ok(block) => (block.whole.start(), block.whole.size(), block.used),
                    Err(damaged) => (damaged.header, damaged.bytes, damaged.used),
                };
                next = header.wrapping_add(bytes);
                let goes_on = visit(self.walked(header, bytes, used));
                if let Err(damaged) = block {
                    return Some(damaged.corrupt);
                }
                if !goes_on {
                    return None;
                }
            }
            if batch.iter().any(Option::is_none) {
                return None;
            }
        }
    }

    /// Returns a few blocks from an address on.
    fn whole_blocks_from(&self, address: u32) -> [Option<Result<BlockView, DamagedBlockView>>; 4] {
        let mut batch = [None; 4];
        HEAP.inspect().locked(|heaps| {
            let before = |block: &Result<BlockView, DamagedBlockView>| match block {
                Ok(block) => block.whole.start() < address,
                Err(_) => false,
            };
            let blocks = heaps.sound_blocks(self.heap.index).skip_while(before);
            for (place, block) in batch.iter_mut().zip(blocks) {
                *place = Some(block);
            }
        });
        batch
    }

    /// Returns a block behind its header, as C is shown it.
    fn walked(&self, header: u32, bytes: u32, used: bool) -> CWalkedBlock {
        let offset = header
            .wrapping_sub(self.heap.span.start())
            .wrapping_add(HEADER);
        let first = self.memory.cast::<u8>().as_ptr();
        CWalkedBlock {
            pointer: first.wrapping_add(offset as usize).cast(), // widening
            size: bytes.saturating_sub(HEADER) as usize,         // widening
            used,
        }
    }

    /// Returns a few blocks from an address on.
    #[cfg(feature = "heap-task-tracking")]
    fn blocks_from(&self, address: u32) -> [Option<(NonNull<u8>, BlockView)>; 8] {
        let mut batch = [None; 8];
        HEAP.inspect().locked(|heaps| {
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

/// Bytes of a block's header.
pub(crate) const HEADER: u32 = 4;

/// One line of a dump.
pub(crate) fn print_block(block: CWalkedBlock) {
    let CWalkedBlock {
        pointer,
        size,
        used,
    } = block;
    let free = if used { "No" } else { "Yes" };
    Console.print(format_args!(
        "Block {pointer:p} data, size: {size} bytes, Free: {free} \n"
    ));
}
