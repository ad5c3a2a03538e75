//! Panic handler: prints the reason and the heap's tables.

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::console::{Console, say};
use crate::heap::HEAP;
use crate::interrupts;

/// Tries until the heap counts as in use by the code that failed.
const PATIENCE: u32 = 1_000_000;

/// The heaps too, unless looking at them is what went wrong.
pub(crate) fn end() -> ! {
    static ENDED: AtomicBool = AtomicBool::new(false);
    if !ENDED.swap(true, Ordering::Relaxed) {
        show_heaps();
    }
    interrupts::sleep_for_ever()
}

fn show_heaps() {
    let is_free = (0..PATIENCE).any(|_| !interrupts::heap_is_in_use());
    if is_free {
        heap_demo::tables(&HEAP, &mut Console);
    } else {
        say!("it happened inside the heap, whose tables cannot be shown therefore");
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say!("{info}");
    end()
}
