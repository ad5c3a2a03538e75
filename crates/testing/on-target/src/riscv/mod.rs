//! The emulated RISC-V processor: what the assembly in `targets/riscv32-qemu` offers.

mod breakpoints;
mod cause;
mod trap;

use core::arch::{asm, global_asm};
use core::mem::MaybeUninit;
use core::ops::Range;

use heap_bench::Operation;
use heap_trace::{StackMemory, frame_pointers_outside};

pub use breakpoints::{Breakpoints, on_data_breakpoint};

global_asm!(include_str!("../../../../../targets/riscv32-qemu/boot.S"));
global_asm!(include_str!("../../../../../targets/riscv32-qemu/calls.S"));

mod assembly {
    use core::mem::MaybeUninit;

    use heap_bench::Operation;

    unsafe extern "C" {
        pub(super) safe fn timed(
            operation: Operation,
            a: usize,
            b: usize,
            c: usize,
            d: usize,
        ) -> MaybeUninit<usize>;
        pub(super) static timed_instructions: u32;
        pub(super) fn semihosting(operation: u32, parameter: *mut u8) -> i32;
        pub(super) static sample_code: u32;
        pub(super) static sample_code_end: u32;
        pub(super) static _stack_bottom: u8;
    }
}

/// The serial line of the board: a 16550, which takes a byte at any time in the emulator.
const SERIAL: usize = 0x1000_0000;

/// What machine mode does for programs, see `boot.S`.
mod service {
    pub(super) const EXIT: u32 = 0;
    pub(super) const TIMER: u32 = 1;
    pub(super) const NO_TIMER: u32 = 2;
    pub(super) const SET_TRIGGER: u32 = 3;
    pub(super) const READ_TRIGGER: u32 = 4;
}

/// Asks machine mode.
fn ask<const SERVICE: u32>(argument: u32) {
    // SAFETY: the services change no memory of the program and no other register.
    unsafe {
        asm!("ecall", inout("a0") argument => _, inout("a7") SERVICE => _, options(nostack));
    }
}

/// Ends the emulator with this exit code.
pub fn exit(code: u8) -> ! {
    ask::<{ service::EXIT }>(code.into());
    loop {
        core::hint::spin_loop();
    }
}

/// Executes an instruction that no processor has.
pub fn illegal_instruction() {
    // SAFETY: it traps, and nothing comes after.
    unsafe { asm!("unimp") };
}

pub(crate) fn write(bytes: &[u8]) {
    let line: *mut u8 = core::ptr::without_provenance_mut(SERIAL);
    for &byte in bytes {
        // SAFETY: the page of the serial line is mapped, and takes bytes.
        unsafe { line.write_volatile(byte) };
    }
}

/// Returns the words that the program was started with, with spaces between. Gives the length.
pub(crate) fn command_line(line: &mut [u8]) -> usize {
    const GET_COMMAND_LINE: u32 = 0x15;
    let mut parameter = [line.as_mut_ptr().expose_provenance(), line.len()];
    // SAFETY: the emulator writes as many bytes as there are, and a length that leaves out the zero
    // behind them.
    let result = unsafe { assembly::semihosting(GET_COMMAND_LINE, (&raw mut parameter).cast()) };
    // SAFETY: the emulator may have written it.
    let length = unsafe { (&raw const parameter[1]).read_volatile() };
    if result == 0 { length } else { 0 }
}

/// Fills `callers` with return addresses, the innermost first that is not in `own`; returns how
/// many there were: none without `-C force-frame-pointers`.
#[inline(always)]
pub(crate) fn call_stack(
    memory: &StackMemory,
    code: &Range<u32>,
    own: &Range<u32>,
    callers: &mut [u32],
) -> usize {
    let frame_pointer: u32;
    // SAFETY: copies a register.
    unsafe { asm!("mv {}, s0", out(reg) frame_pointer, options(nomem, nostack, preserves_flags)) };
    frame_pointers_outside(memory, frame_pointer, code, own, callers)
}

/// Returns a clock.
pub(crate) fn ticks() -> u32 {
    let instructions: u32;
    // SAFETY: reads a counter.
    unsafe {
        asm!("rdinstret {}", out(reg) instructions, options(nomem, nostack, preserves_flags))
    };
    instructions
}

/// Calls `operation` and counts the instructions of the call.
pub(crate) fn timed(operation: Operation, [a, b, c, d]: [usize; 4]) -> (MaybeUninit<usize>, u32) {
    let result = assembly::timed(operation, a, b, c, d);
    // SAFETY: `timed` has just written it, and nothing else does.
    let instructions = unsafe { (&raw const assembly::timed_instructions).read_volatile() };
    (result, instructions)
}

/// An instruction takes a nanosecond under `-icount shift=0`, and the board's clock ticks every
/// hundred.
pub(crate) fn timer_after(instructions: u32) {
    ask::<{ service::TIMER }>(instructions / 100);
}

pub(crate) fn timer_off() {
    ask::<{ service::NO_TIMER }>(0);
}

/// Interrupts of supervisor mode.
const ENABLED: u32 = 1 << 1;

pub(crate) fn mask_interrupts() -> u32 {
    let status: u32;
    // SAFETY: masking interrupts is always allowed; no `nomem`: accesses stay on their side.
    unsafe { asm!("csrrci {}, sstatus, 2", out(reg) status, options(nostack)) };
    status & ENABLED
}

pub(crate) fn restore_interrupts(status: u32) {
    // SAFETY: sets what was set before.
    unsafe { asm!("csrs sstatus, {}", in(reg) status & ENABLED, options(nostack)) };
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
    // SAFETY: forgets instructions fetched ahead, after code was written.
    unsafe { asm!("fence.i", options(nostack)) };
    // SAFETY: the caller promises that it is such a function.
    let code: extern "C" fn(u32, u32) -> u32 = unsafe { core::mem::transmute(entry) };
    code(a, b)
}
