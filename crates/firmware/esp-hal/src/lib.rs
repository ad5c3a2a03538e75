//! What do the programs of this package have in common: a console, and last words?

#![no_std]

use core::cell::Cell;
use core::fmt::{self, Write as _};
use core::panic::PanicInfo;

use critical_section::Mutex;
use heap_caps::Observer;
use heap_caps_alloc::{CapsHeap, RawLock};
use multi_heap::Poison;

/// Where esp-println prints.
#[derive(Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        esp_println::print!("{text}");
        Ok(())
    }
}

/// A panic while the heaps are looked at must not look at them again.
static PANICKED: Mutex<Cell<bool>> = Mutex::new(Cell::new(false));

/// Says what went wrong, where, and how the heaps are; then nothing any more. esp-hal makes a panic of an exception: its sentence has the cause,
/// the instruction, the address and the registers.
pub fn last_words<L: RawLock, P: Poison, O: Observer, const HEAPS: usize>(
    info: &PanicInfo<'_>,
    heap: &CapsHeap<L, P, O, HEAPS>,
) -> ! {
    let is_second = critical_section::with(|key| PANICKED.borrow(key).replace(true));
    let _ = writeln!(Console, "{info}");
    if !is_second {
        heap_demo::tables(heap, &mut Console);
    }
    loop {
        core::hint::spin_loop();
    }
}
