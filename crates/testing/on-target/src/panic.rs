//! Panic handler: prints message and place, and ends the run.

use core::panic::PanicInfo;

use crate::{exit, exit_code, println};

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    exit(exit_code::PANIC)
}
