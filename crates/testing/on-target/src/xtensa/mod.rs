//! The emulated Xtensa processor: what the assembly in `targets/xtensa-qemu` offers.

mod assembly;
mod breakpoints;
mod cause;
mod trap;
mod words;

use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ops::Range;

use heap_bench::Operation;
use heap_trace::{StackMemory, Start, windowed_outside};

pub use breakpoints::{Breakpoints, on_data_breakpoint};
pub use words::{WordsOnly, words_only};

/// Ends the emulator with this exit code.
pub fn exit(code: u8) -> ! {
    assembly::emulator_exit(code.into())
}

/// Executes an instruction that no processor has.
pub fn illegal_instruction() {
    assembly::illegal_instruction();
}

pub(crate) fn write(bytes: &[u8]) {
    // SAFETY: the slice is readable, and the emulator only reads it.
    unsafe { assembly::emulator_write(bytes.as_ptr(), bytes.len()) }
}

/// Returns the words that the program was started with, with spaces between; as much as fits. Gives
/// the length.
pub(crate) fn command_line(line: &mut [u8]) -> usize {
    let mut arguments = [const { MaybeUninit::<*const u8>::zeroed() }; 128];
    let first = arguments.as_mut_ptr().cast();
    // SAFETY: the emulator writes pointers, a null pointer and the texts, at most that many bytes.
    unsafe { assembly::emulator_arguments(first, size_of_val(&arguments)) };
    let mut length = 0;
    for argument in &arguments {
        // SAFETY: the emulator wrote it, or it is null as before.
        let text = unsafe { argument.assume_init() };
        if text.is_null() {
            break;
        }
        // SAFETY: the emulator ends texts with a zero.
        let text = unsafe { CStr::from_ptr(text.cast()) }.to_bytes();
        for &byte in text.iter().chain(b" ") {
            if let Some(place) = line.get_mut(length) {
                *place = byte;
                length += 1;
            }
        }
    }
    length
}

/// Calls `operation` and counts the instructions of the call.
pub(crate) fn timed(operation: Operation, [a, b, c, d]: [usize; 4]) -> (MaybeUninit<usize>, u32) {
    let result = assembly::timed(operation, a, b, c, d);
    // SAFETY: `timed` has just written it, and nothing else does.
    let cycles = unsafe { (&raw const assembly::timed_cycles).read_volatile() };
    (result, instructions(cycles))
}

/// Calls `operation` and counts the longest stretch of instructions with interrupts masked, as
/// `crates/testing/xtensa-toolchain/src/ir.rs` reads the clock: behind the instruction that masks,
/// and in front of the one that ends it. Two instructions store the first reading.
pub(crate) fn longest_masked(
    operation: Operation,
    [a, b, c, d]: [usize; 4],
) -> (MaybeUninit<usize>, u32) {
    const STORE: u32 = 2;
    let longest = &raw mut assembly::masked_longest;
    // SAFETY: nothing else uses it while interrupts are not masked.
    unsafe { longest.write_volatile(0) };
    let result = assembly::timed(operation, a, b, c, d);
    // SAFETY: the same.
    let cycles = unsafe { longest.read_volatile() };
    let counted = match cycles {
        0 => 0,
        _ => instructions(cycles).saturating_sub(STORE),
    };
    (result, counted)
}

/// Fills `callers` with return addresses, the innermost first that is not in `own`; returns how
/// many there were.
#[inline(always)]
pub(crate) fn call_stack(
    memory: &StackMemory,
    code: &Range<u32>,
    own: &Range<u32>,
    callers: &mut [u32],
) -> usize {
    let start = assembly::call_stack_start();
    let start = Start {
        counter: start as u32,
        stack: (start >> 32) as u32,
    };
    windowed_outside(memory, start, code, own, callers)
}

/// Returns a clock.
pub(crate) fn ticks() -> u32 {
    assembly::cycle_counter()
}

/// CCOUNT runs at 10 MHz, and `-icount shift=10` lets an instruction take 1024 ns: 10.24 cycles.
/// The second reading of CCOUNT is inside the interval.
const fn instructions(cycles: u32) -> u32 {
    let counted = (cycles as u64 * 100 + 512) / 1024;
    counted as u32 - 1
}

/// 10.24 cycles each, see [`instructions`].
pub(crate) fn timer_after(instructions: u32) {
    assembly::timer_after(instructions.saturating_mul(128) / 100 * 8);
}

pub(crate) fn timer_off() {
    assembly::timer_off();
}

pub(crate) fn mask_interrupts() -> u32 {
    assembly::mask_interrupts()
}

pub(crate) fn restore_interrupts(state: u32) {
    assembly::restore_interrupts(state);
}

/// Returns the instructions of a function `(a, b) -> a + 2 * b` that works wherever it lies.
#[must_use]
pub fn sample_code() -> &'static [u32] {
    let first = &raw const assembly::sample_code;
    let bytes = (&raw const assembly::sample_code_end).addr() - first.addr();
    // SAFETY: the words lie between two labels of one section, and are never written.
    unsafe { core::slice::from_raw_parts(first, bytes / 4) }
}

/// Calls instructions.
///
/// # Safety
/// Those of [`sample_code`] are there.
#[must_use]
pub unsafe fn call_code(entry: *const (), a: u32, b: u32) -> u32 {
    assembly::refetch_instructions();
    // SAFETY: the caller promises that it is such a function.
    let code: extern "C" fn(u32, u32) -> u32 = unsafe { core::mem::transmute(entry) };
    code(a, b)
}
