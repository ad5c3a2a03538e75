//! Exit codes of the emulated program.

/// All is well.
pub const SUCCESS: u8 = 0;
/// The program was asked a question, and the answer is no.
pub const NO: u8 = 1;
/// The program was asked for something that it does not have.
pub const USAGE: u8 = 2;
/// A trap: this plus the processor's number for the cause, which is below 37.
pub const TRAP: u8 = 64;
/// A panic: a check failed, or memory ran out.
pub const PANIC: u8 = 101;
