//! Exception handler: prints cause, address and registers.

use xtensa_lx_rt::exception::{Context, ExceptionCause};

use crate::console::say;
use crate::last_words;

/// Where it happened, and what was touched; addresses are for addr2line.
#[unsafe(export_name = "__user_exception")]
extern "C" fn stopped(cause: ExceptionCause, frame: &mut Context) {
    say!("exception: {cause:?}");
    say!("  at      {:#010x} (look it up with addr2line)", frame.PC);
    say!("  address {:#010x}", frame.EXCVADDR);
    // The top bits of a return address are the size of the call.
    say!("  caller  {:#010x}", frame.A0 & 0x3FFF_FFFF | 0x4000_0000);
    let registers = [
        [frame.A0, frame.A1, frame.A2, frame.A3],
        [frame.A4, frame.A5, frame.A6, frame.A7],
        [frame.A8, frame.A9, frame.A10, frame.A11],
        [frame.A12, frame.A13, frame.A14, frame.A15],
    ];
    for (row, [a, b, c, d]) in registers.iter().enumerate() {
        say!("  a{:<2} {a:08x} {b:08x} {c:08x} {d:08x}", row * 4);
    }
    last_words::end()
}
