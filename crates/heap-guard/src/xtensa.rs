//! Xtensa's data breakpoints: DBREAKA and DBREAKC, and what their exception reports.
//!
//! ```text
//!   DBREAKC   | 31 on stores | 30 on loads | … | 5..0 mask: address bits that count      144, 145 DBREAKA   160, 161 DBREAKC
//!   DEBUGCAUSE| 11..8 which slot | … | 2 data breakpoint | …                               233
//! ```
//!
//! The exception comes before the write, at the debug level (6 on the ESP32, with EPC6, EPS6 and
//! EXCSAVE6), if the interrupt level is below.

use crate::stop::{Access, Stop};
use crate::watch::Watch;

/// The most bytes that a breakpoint watches.
pub const LARGEST: u32 = 64;

/// Stop at stores.
const STORES: u32 = 1 << 31;
/// DEBUGCAUSE: a data breakpoint.
const DATA_BREAKPOINT: u32 = 1 << 2;

/// Returns what DBREAKC is set to for a watch; DBREAKA is its start. 0 disarms.
#[must_use]
pub const fn control(watch: Watch) -> u32 {
    STORES | !(watch.bytes() - 1) & 0x3F
}

/// Returns what the exception reports; `None` if it is not of a data breakpoint. `counter` is EPC,
/// `registers` are a0 to a15 of the program, `instruction` the three bytes at `counter`, see
/// [`instruction_at`].
#[must_use]
pub fn stop(
    counter: u32,
    registers: &[u32; 16],
    debug_cause: u32,
    instruction: [u8; 3],
) -> Option<Stop> {
    if debug_cause & DATA_BREAKPOINT == 0 {
        return None;
    }
    let [return_address, ..] = *registers;
    Some(Stop {
        counter,
        access: store(instruction, registers),
        slot: Some((debug_cause >> 8 & 0xF) as u8),
        // The top two bits are the size of the call: code lies where this instruction does.
        return_address: Some(return_address & 0x3FFF_FFFF | counter & 0xC000_0000),
    })
}

/// Returns the instruction at `counter`: by aligned words, as memory of instructions demands.
///
/// # Safety
/// Code is there that can be read as data.
#[must_use]
pub unsafe fn instruction_at(counter: u32) -> [u8; 3] {
    let mut bytes = [0; 3];
    let mut address = counter;
    for byte in &mut bytes {
        let word = core::ptr::with_exposed_provenance::<u32>((address & !3) as usize);
        // SAFETY: the caller promises code here, and the address is aligned.
        let word = unsafe { word.read_volatile() };
        *byte = (word >> (8 * (address & 3)) & 0xFF) as u8;
        address = address.wrapping_add(1);
    }
    bytes
}

/// ```text
///   s8i, s16i, s32i …  | imm8 | r | s | t | 0010 |      ssi, ssiu  | imm8 | r | s | t | 0011 |     s32i.n  | imm4 | s | t | 1001 |
/// ```
fn store([low, middle, high]: [u8; 3], registers: &[u32; 16]) -> Option<Access> {
    let (operation, r, s) = (low & 0xF, middle >> 4, middle & 0xF);
    let (shift, scaled) = match (operation, r) {
        (2, 4) => (0, high),                    // s8i
        (2, 5) => (1, high),                    // s16i
        (2, 6 | 14 | 15) | (3, 4) => (2, high), // s32i, s32c1i, s32ri, ssi
        (3, 12) => (2, high),                   // ssiu
        (9, _) => (2, r),                       // s32i.n
        _ => return None,
    };
    let base = registers.get(usize::from(s))?;
    Some(Access {
        address: base.wrapping_add(u32::from(scaled) << shift),
        bytes: 1 << shift,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTERS: [u32; 16] = {
        let mut registers = [0x3FFB_0000; 16];
        registers[0] = 0x800D_1237;
        registers[3] = 0x3FFB_1000;
        registers
    };

    #[test]
    fn the_mask_says_which_bits_of_an_address_count() {
        let of = |bytes| control(Watch::at(0x3FFB_0040, bytes, LARGEST).unwrap());
        assert_eq!(of(4), 0x8000_003C);
        assert_eq!(of(32), 0x8000_0020);
        assert_eq!(of(64), 0x8000_0000);
    }

    /// Encodings from binutils: `s8i a2, a3, 5` and so on.
    #[test]
    fn stores_show_where_they_write() {
        let access = |instruction| {
            stop(0x400D_1234, &REGISTERS, 4, instruction)
                .unwrap()
                .access
                .map(|access| (access.address - 0x3FFB_1000, access.bytes))
        };
        assert_eq!(access([0x22, 0x43, 5]), Some((5, 1)), "s8i a2, a3, 5");
        assert_eq!(access([0x22, 0x53, 3]), Some((6, 2)), "s16i a2, a3, 6");
        assert_eq!(access([0x22, 0x63, 2]), Some((8, 4)), "s32i a2, a3, 8");
        assert_eq!(access([0x22, 0xE3, 1]), Some((4, 4)), "s32c1i a2, a3, 4");
        assert_eq!(
            access([0x29, 0x33, 0xFF]),
            Some((12, 4)),
            "s32i.n a2, a3, 12"
        );
        assert_eq!(access([0x22, 0x23, 2]), None, "l32i");
        assert_eq!(access([0x28, 0x33, 0]), None, "l32i.n");
    }

    #[test]
    fn a_stop_has_slot_and_caller() {
        let found = stop(0x400D_1234, &REGISTERS, 0x104, [0; 3]).unwrap();
        assert_eq!(
            (found.slot, found.return_address),
            (Some(1), Some(0x400D_1237))
        );
        assert_eq!(
            stop(0x400D_1234, &REGISTERS, 1, [0; 3]),
            None,
            "a single step"
        );
    }
}
