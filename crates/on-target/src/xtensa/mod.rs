//! The emulated Xtensa processor: what the assembly in `targets/xtensa-qemu` offers.

mod trap;

use core::mem::MaybeUninit;

use heap_bench::Operation;

mod assembly {
    use core::mem::MaybeUninit;

    use heap_bench::Operation;

    unsafe extern "C" {
        pub(super) safe fn emulator_exit(code: u32) -> !;
        pub(super) unsafe fn emulator_write(bytes: *const u8, length: usize);
        pub(super) safe fn illegal_instruction();
        pub(super) safe fn timed(
            operation: Operation,
            a: usize,
            b: usize,
            c: usize,
            d: usize,
        ) -> MaybeUninit<usize>;
        pub(super) static timed_cycles: u32;
    }
}

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

/// Calls `operation` and counts the instructions of the call.
pub(crate) fn timed(operation: Operation, [a, b, c, d]: [usize; 4]) -> (MaybeUninit<usize>, u32) {
    let result = assembly::timed(operation, a, b, c, d);
    // SAFETY: `timed` has just written it, and nothing else does.
    let cycles = unsafe { (&raw const assembly::timed_cycles).read_volatile() };
    (result, instructions(cycles))
}

/// CCOUNT runs at 10 MHz, and `-icount shift=10` lets an instruction take 1024 ns: 10.24 cycles. The second reading of CCOUNT is
/// inside the interval.
const fn instructions(cycles: u32) -> u32 {
    let counted = (cycles as u64 * 100 + 512) / 1024;
    counted as u32 - 1
}
