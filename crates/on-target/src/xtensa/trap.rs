//! What the processor says about a trap.

use crate::{exit, exit_code, println};

/// `trap_record` in `traps.S`.
#[repr(C)]
pub(crate) struct Record {
    registers: [u32; 16],
    kind: u32,
    cause: u32,
    counter: u32,
    address: u32,
    double_counter: u32,
    status: u32,
    shift: u32,
    loops: [u32; 3],
}

#[unsafe(no_mangle)]
extern "C" fn trapped(record: &Record) -> ! {
    println!(
        "trap kind {} cause {} at {:#010x} address {:#010x}",
        record.kind, record.cause, record.counter, record.address
    );
    exit(exit_code::TRAP + record.cause as u8)
}
