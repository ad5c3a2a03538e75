//! Run time of programs on an emulated chip: output, arguments, counting, traps, interrupts, the
//! heap.
//!
//! ```text
//!   targets/…-qemu             boot, register windows, linker script        ─┐
//!   machine (xtensa, riscv)    what these offer, as functions                │
//!   this library               `println!`, `program!`, `exit`, the heap, …    ─┼─ src/bin: one program each
//!   heap-bench, target-suite   what is measured, what is checked            ─┘
//! ```

#![no_std]

mod arguments;
#[cfg(feature = "c-checks")]
mod c_checks;
pub mod calls;
mod chip;
mod console;
mod context;
mod counter;
pub mod exit_code;
mod heap;
pub mod interrupts;
#[cfg(not(target_has_atomic = "32"))]
mod one_core;
mod panic;
mod trace;

#[cfg(target_arch = "xtensa")]
#[path = "xtensa/mod.rs"]
mod machine;
#[cfg(target_arch = "riscv32")]
#[path = "riscv/mod.rs"]
mod machine;

pub use arguments::{argument, arguments_from, number};
#[cfg(feature = "c-checks")]
pub use c_checks::c_checks;
pub use chip::Emulated;
pub use console::{Console, write};
pub use context::ChipContext;
pub use counter::Instructions;
#[cfg(target_arch = "xtensa")]
pub use counter::MaskedStretch;
pub use heap::{HEAP, Heap, HeapLock, boot_heap, ram};
pub use machine::{Breakpoints, on_data_breakpoint};
#[cfg(target_arch = "xtensa")]
pub use machine::{WordsOnly, words_only};
pub use machine::{call_code, exit, illegal_instruction, sample_code};
pub use trace::{below_dram, heap_region, trace, trace_below_dram};

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

/// A program that contains the four operations of a heap, a panic, and nothing else. It is not for
/// running.
#[macro_export]
macro_rules! sized {
    ($allocator:ty) => {
        $crate::program!(main);

        fn main() -> u8 {
            assert!(core::hint::black_box(true), "as any heap might say");
            core::hint::black_box(heap_bench::operations::<$allocator>());
            $crate::exit_code::SUCCESS
        }
    };
}
