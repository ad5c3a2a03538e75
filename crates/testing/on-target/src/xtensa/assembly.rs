//! Declarations of `calls.S` and `traps.S`.

use core::mem::MaybeUninit;

use heap_bench::Operation;

unsafe extern "C" {
    pub(super) safe fn emulator_exit(code: u32) -> !;
    pub(super) fn emulator_write(bytes: *const u8, length: usize);
    pub(super) fn emulator_arguments(words: *mut u8, bytes: usize);
    pub(super) safe fn illegal_instruction();
    pub(super) safe fn timed(
        operation: Operation,
        a: usize,
        b: usize,
        c: usize,
        d: usize,
    ) -> MaybeUninit<usize>;
    pub(super) static timed_cycles: u32;
    /// Written where interrupts come back, in programs that are linked for it.
    pub(super) static mut masked_longest: u32;
    /// The return address below, the stack pointer above.
    pub(super) safe fn call_stack_start() -> u64;
    pub(super) safe fn cycle_counter() -> u32;
    pub(super) safe fn timer_after(cycles: u32);
    pub(super) safe fn timer_off();
    pub(super) safe fn mask_interrupts() -> u32;
    pub(super) safe fn restore_interrupts(status: u32);
    pub(super) fn iram_for_words_only(on: u32);
    pub(super) safe fn refetch_instructions();
    /// Of `watch.S`, in programs that are linked with it.
    pub(super) safe fn debug_begin(handler: extern "C" fn(&super::breakpoints::Record));
    pub(super) safe fn set_breakpoint(slot: u32, control: u32, address: u32);
    pub(super) safe fn breakpoint_control(slot: u32) -> u32;
    pub(super) static sample_code: u32;
    pub(super) static sample_code_end: u32;
    pub(super) static trap_record: super::trap::Record;
    pub(super) static _stack_bottom: u8;
}
