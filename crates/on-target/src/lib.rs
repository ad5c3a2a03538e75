//! What a program on an emulated chip stands on: output, exit, counting, traps.
//!
//! ```text
//!   targets/xtensa-qemu/*.S   boot, register windows, traps      ─┐
//!   this library              `print!`, `exit`, `program!`, ...   ├─ src/bin/*.rs: one program each
//!   heap-bench                workloads and heaps to measure     ─┘
//! ```

#![no_std]

mod console;
mod meter;
mod panic;
#[cfg(target_arch = "xtensa")]
mod xtensa;

pub use console::write;
pub use meter::Instructions;
#[cfg(target_arch = "xtensa")]
pub use xtensa::{exit, illegal_instruction};

#[cfg(target_arch = "xtensa")]
use xtensa as machine;

/// Exit codes of programs on the emulator; `xtask` tells people what they mean.
pub mod exit_code {
    /// All is well.
    pub const SUCCESS: u8 = 0;
    /// A check of the suite failed.
    pub const FAILED: u8 = 1;
    /// A trap: this plus the processor's number for the cause.
    pub const TRAP: u8 = 64;
    /// A panic.
    pub const PANIC: u8 = 101;
}

/// Prints to the emulator's standard output.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => { $crate::write(format_args!($($text)*)) };
}

/// Prints a line to the emulator's standard output.
#[macro_export]
macro_rules! println {
    ($($text:tt)*) => { $crate::write(format_args!("{}\n", format_args!($($text)*))) };
}

/// Makes a function `fn() -> u8` the program; it returns the exit code.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn program() -> ! {
            $crate::exit($main())
        }
    };
}
