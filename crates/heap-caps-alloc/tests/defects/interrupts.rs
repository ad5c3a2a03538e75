//! Class B with interrupts: handlers that use the heap, and no output under the lock.

use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::ptr::NonNull;

use heap_caps_alloc::{CapsHeap, InterruptMask, Masked, Unlocked};
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use soc_regions::Caps;

use crate::support::*;

thread_local! {
    static MASKED: Cell<bool> = const { Cell::new(false) };
    /// What an interrupt does; it comes at the last moment before interrupts are off and the first
    /// after.
    static HANDLER: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    static INTERRUPTS: Cell<u32> = const { Cell::new(0) };
}

struct Busy;

fn interrupt() {
    // An interrupt does not interrupt itself: while the handler runs, nobody else finds it here.
    let handler = HANDLER.take();
    if let Some(handler) = &handler {
        INTERRUPTS.set(INTERRUPTS.get() + 1);
        handler();
    }
    HANDLER.set(handler);
}

// SAFETY: one thread plays core and interrupt; "off" is honoured by `mask` and `restore`, the only
// places where one comes.
unsafe impl InterruptMask for Busy {
    type State = bool;

    fn mask() -> bool {
        if !MASKED.get() {
            interrupt();
        }
        MASKED.replace(true)
    }

    unsafe fn restore(before: bool) {
        MASKED.set(before);
        if !before {
            interrupt();
        }
    }
}

/// A lock that panics when its holder comes in again.
type OneCore<P> = CapsHeap<Masked<Busy, Unlocked>, P>;

fn handlers_allocate<P: Poison + 'static>() {
    let heap: &'static OneCore<P> = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    let kept: Cell<Option<NonNull<u8>>> = Cell::new(None);
    INTERRUPTS.set(0);
    HANDLER.set(Some(Box::new(move || {
        if let Some(old) = kept.take() {
            // SAFETY: the handler's own block of the last interrupt.
            unsafe { heap.free(old) }.unwrap();
        }
        kept.set(heap.malloc(24, Caps::DMA).ok());
    })));
    for size in 1..300 {
        let block = heap.calloc(size, 3, Caps::DMA).unwrap();
        // SAFETY: the program's own block.
        let block = unsafe { heap.realloc(block, size * 7, Caps::DMA) }.unwrap();
        // SAFETY: as above, not used again.
        unsafe { heap.free(block) }.unwrap();
    }
    HANDLER.set(None);
    assert!(INTERRUPTS.get() > 1500, "{} interrupts", INTERRUPTS.get());
    assert!(!MASKED.get(), "they are on again");
    heap.inspect()
        .locked(|heaps| assert_eq!(heaps.check_integrity(Caps::INVALID), Ok(())));
    let left = heap.inspect().free_size(Caps::empty());
    assert!(free - left <= 24 + 16, "one block of the handler is left");
}

/// Instruction by instruction on emulated chips: `suite/interrupts.rs`.
///
/// Defects: 5108, 3768, 573ea38, 956ec54.
#[test]
fn handlers_allocate_whatever_the_program_was_about_to_do() {
    handlers_allocate::<Unpoisoned>();
    handlers_allocate::<Light>();
    handlers_allocate::<Comprehensive>();
}

/// A console that needs memory of the heap that is looked at, as `printf` does.
struct Console<'a>(&'a CapsHeap<Unlocked, Light>, String);

impl Write for Console<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let line = self.0.malloc(64, Caps::DMA).map_err(|_| std::fmt::Error)?;
        // SAFETY: the block of the line above.
        unsafe { self.0.free(line) }.map_err(|_| std::fmt::Error)?;
        self.1.push_str(text);
        Ok(())
    }
}

/// Defects: 959462f, e52c0d0.
#[test]
fn a_finding_is_printed_when_the_lock_is_open_again() {
    let heap: &CapsHeap<Unlocked, Light> = esp32(());
    // In DRAM's large heap: the console's memory is elsewhere, and sound.
    let block = heap.malloc(100_000, Caps::DMA).unwrap();
    // SAFETY: the byte behind the block is the canary's: this is what the check is to find.
    unsafe { block.add(100_000).write(0x11) };
    let found = heap
        .inspect()
        .locked(|heaps| heaps.check_integrity(Caps::INVALID));
    let mut console = Console(heap, String::new());
    write!(console, "{}", found.unwrap_err()).unwrap();
    assert!(
        console.1.contains("CORRUPT HEAP: bad tail canary"),
        "{}",
        console.1
    );
}
