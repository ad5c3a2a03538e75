//! The last words of a program that trapped.

use super::{assembly, cause};
use crate::{exit, exit_code, println};

/// `trap_record` in `traps.S`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Record {
    registers: [u32; 16],
    /// 0 and 1: an ordinary exception; 8: one inside the handling of another; else an interrupt
    /// that nobody wanted.
    kind: u32,
    cause: u32,
    counter: u32,
    address: u32,
    double_counter: u32,
    status: u32,
    shift: u32,
    loops: [u32; 3],
    pub(super) words_read: u32,
    pub(super) words_written: u32,
    words_only: u32,
    handler: u32,
    compare: u32,
}

const DOUBLE: u32 = 8;
/// How far below the stack's end an access is taken for an overflow: more than any frame here.
const BELOW_STACK: u32 = 0x1_0000;

impl Record {
    /// Causes about a data address.
    const fn has_address(&self) -> bool {
        matches!(self.cause, 3 | 9 | 24 | 28 | 29)
    }

    fn is_stack_overflow(&self) -> bool {
        let bottom = (&raw const assembly::_stack_bottom).addr() as u32;
        let distance = bottom.wrapping_sub(self.address);
        self.has_address() && (1..=BELOW_STACK).contains(&distance)
    }

    /// Another access than to an aligned word, in memory that is for words only.
    const fn is_narrow_access(&self) -> bool {
        self.words_only != 0 && self.has_address() && self.address >> 22 == 0x4000_0000 >> 22
    }

    fn headline(&self) -> &'static str {
        if self.is_stack_overflow() {
            "stack overflow"
        } else if self.is_narrow_access() {
            "access to IRAM that is not an aligned word"
        } else {
            cause::in_words(self.cause)
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn trapped(record: &Record) -> ! {
    println!("trap: {}", record.headline());
    println!(
        "  at      {:#010x} (look it up with addr2line)",
        record.counter
    );
    if record.has_address() {
        println!("  address {:#010x}", record.address);
    }
    println!("  caller  {:#010x}", return_address(record.registers[0]));
    if record.kind == DOUBLE {
        println!(
            "  inside the handling of another, at {:#010x}",
            record.double_counter
        );
    }
    println!(
        "  cause {} kind {} status {:#x}",
        record.cause, record.kind, record.status
    );
    for (index, four) in record.registers.chunks(4).enumerate() {
        let number = index * 4;
        println!(
            "  a{number:<2} {:08x} {:08x} {:08x} {:08x}",
            four[0], four[1], four[2], four[3]
        );
    }
    exit(exit_code::TRAP + record.cause as u8)
}

/// Returns a return address as an address of code. Its top bits are the size of the call; code lies
/// in the GiB at 0x4000_0000.
const fn return_address(register: u32) -> u32 {
    register & 0x3FFF_FFFF | 0x4000_0000
}
