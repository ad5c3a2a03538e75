//! The last words of a program that trapped.

use super::{assembly, breakpoints, cause};
use crate::{exit, exit_code, println};

/// `trap_record` in `boot.S`.
#[repr(C)]
struct Record {
    /// Place 0 is the program counter's; x0 needs none.
    registers: [u32; 32],
    cause: u32,
    address: u32,
    status: u32,
}

/// How far below the stack's end an access is taken for an overflow: more than any frame here.
const BELOW_STACK: u32 = 0x1_0000;

impl Record {
    /// Causes about a data address.
    const fn has_address(&self) -> bool {
        matches!(self.cause, 4..=7 | 13 | 15)
    }

    fn is_stack_overflow(&self) -> bool {
        let bottom = (&raw const assembly::_stack_bottom).addr() as u32;
        let distance = bottom.wrapping_sub(self.address);
        self.has_address() && (1..=BELOW_STACK).contains(&distance)
    }

    fn headline(&self) -> &'static str {
        if self.is_stack_overflow() {
            "stack overflow"
        } else {
            cause::in_words(self.cause)
        }
    }
}

/// Returns if the program goes on.
#[unsafe(no_mangle)]
extern "C" fn trapped(record: &Record) {
    const BREAKPOINT: u32 = 3;
    let [counter, caller, ..] = record.registers;
    if record.cause == BREAKPOINT && breakpoints::stopped(counter, &record.registers) {
        return;
    }
    println!("trap: {}", record.headline());
    println!("  at      {counter:#010x} (look it up with addr2line)");
    if record.has_address() {
        println!("  address {:#010x}", record.address);
    }
    println!("  caller  {caller:#010x}");
    println!("  cause {} status {:#x}", record.cause, record.status);
    let mut registers = record.registers;
    registers[0] = 0; // x0
    for (index, four) in registers.chunks(4).enumerate() {
        let number = index * 4;
        println!(
            "  x{number:<2} {:08x} {:08x} {:08x} {:08x}",
            four[0], four[1], four[2], four[3]
        );
    }
    exit(exit_code::TRAP + record.cause as u8)
}
