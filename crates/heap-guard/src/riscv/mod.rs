//! RISC-V's triggers of type 2 (`mcontrol`), and what their exception reports.
//!
//! ```text
//!   tdata1  | 31..28 type 2 | 27 dmode | … | 10..7 match | 6 m | 4 s | 3 u | 2 execute | 1 store | 0 load |      0x7A1
//!   tdata2  | address; with match 1 its low bits say how much is watched: aaa…a011 is eight bytes        |      0x7A2
//!   tselect | which trigger                                                                               |      0x7A0
//! ```
//!
//! They are written in machine mode, by `Triggers` with the feature `registers`. Processors
//! differ in what they can do: software that writes `tdata1` reads it back. The exception is a
//! breakpoint (cause 3); it comes before the write or behind it.

#[cfg(all(feature = "registers", target_arch = "riscv32"))]
mod registers;

#[cfg(all(feature = "registers", target_arch = "riscv32"))]
pub use registers::{Exception, Triggers};

use crate::stop::{Access, Stop};
use crate::watch::Watch;

/// The most bytes that a trigger with [`control`] is asked to watch here.
pub const LARGEST: u32 = 64;

/// What `tdata1` is set to to disarm: type 2, for nothing. Not every processor takes a 0.
pub const OFF: u32 = 2 << 28;

/// Type 2; on stores, in every mode.
const STORES: u32 = OFF | 1 << 6 | 1 << 4 | 1 << 3 | 1 << 1;
/// An address range by its low bits.
const RANGE: u32 = 1 << 7;

/// Returns what `tdata1` and `tdata2` are set to for a watch. If `tdata1` then reads without the
/// range bit, see [`took_range`], the processor compares one address: [`control_of_first`].
#[must_use]
pub const fn control(watch: Watch) -> (u32, u32) {
    (STORES | RANGE, watch.start() | (watch.bytes() / 2 - 1))
}

/// The same for a processor that compares with one address only.
#[must_use]
pub const fn control_of_first(watch: Watch) -> (u32, u32) {
    (STORES, watch.start())
}

/// Returns whether a processor whose `tdata1` reads like this watches a range.
#[must_use]
pub const fn took_range(tdata1: u32) -> bool {
    is_armed(tdata1) && tdata1 & (0xF << 7) == RANGE
}

/// Returns whether a trigger whose `tdata1` reads like this has fired since it was written.
#[must_use]
pub const fn has_hit(tdata1: u32) -> bool {
    is_armed(tdata1) && tdata1 & 1 << 20 != 0
}

/// Returns whether a trigger whose `tdata1` reads like this is armed, by anybody.
#[must_use]
pub const fn is_armed(tdata1: u32) -> bool {
    tdata1 >> 28 == 2 && tdata1 & 0b111 != 0
}

/// Returns what the exception reports. `counter` is `mepc`, `registers` are x0 to x31 of the
/// program, `code` returns the 16 bits of code at an address, `is_watched` says whether an access
/// is one that is watched.
///
/// The store is the instruction at `counter`, or the one in front of it where the processor stops
/// behind the write: the one that touches what is watched.
#[must_use]
pub fn stop(
    counter: u32,
    registers: &[u32; 32],
    code: impl Fn(u32) -> u16,
    is_watched: impl Fn(Access) -> bool,
) -> Stop {
    let candidates = [
        Some(counter),
        counter.checked_sub(4),
        counter.checked_sub(2),
    ];
    let stores = candidates.into_iter().flatten().filter_map(|address| {
        let access = store(instruction(address, &code)?, registers)?;
        let ends = address.wrapping_add(length(code(address)));
        (address == counter || ends == counter).then_some((address, access))
    });
    let (counter, access) = match stores.into_iter().find(|(_, access)| is_watched(*access)) {
        Some((address, access)) => (address, Some(access)),
        None => (counter, None),
    };
    let [_, return_address, ..] = *registers;
    Stop {
        counter,
        access,
        slot: None,
        return_address: Some(return_address),
    }
}

/// Returns what an exception reports that names the address itself, in `mtval`, and so needs no
/// registers of the program. `slot` is the trigger that [has fired](has_hit), if one reads so; the
/// other arguments are those of [`stop`]. An address that nobody watches is left out.
#[must_use]
pub fn reported(
    counter: u32,
    return_address: u32,
    address: u32,
    slot: Option<u8>,
    code: impl Fn(u32) -> u16,
    is_watched: impl Fn(Access) -> bool,
) -> Stop {
    // How many bytes it writes shows without the registers, where it writes does not.
    let bytes = instruction(counter, &code)
        .and_then(|instruction| store(instruction, &[0; 32]))
        .map_or(1, |access| access.bytes);
    Stop {
        counter,
        access: Some(Access { address, bytes }).filter(|access| is_watched(*access)),
        slot,
        return_address: Some(return_address),
    }
}

const fn length(code: u16) -> u32 {
    if code & 3 == 3 { 4 } else { 2 }
}

/// Returns a whole instruction; of a short one the upper half is 0.
fn instruction(address: u32, code: &impl Fn(u32) -> u16) -> Option<u32> {
    if !address.is_multiple_of(2) {
        return None;
    }
    let low = code(address);
    let high = match length(low) {
        4 => code(address.wrapping_add(2)),
        _ => 0,
    };
    Some(u32::from(high) << 16 | u32::from(low))
}

/// ```text
///   sb, sh, sw  | imm 11..5 | rs2 | rs1 | size | imm 4..0 | 0100011 |     amo  | operation | rs2 | rs1 | 010 | rd | 0101111 |
///   c.sw        | 110 | imm 5..3 | rs1' | imm 2, 6 | rs2' | 00 |          c.swsp  | 110 | imm 5..2, 7..6 | rs2 | 10 |
/// ```
fn store(instruction: u32, registers: &[u32; 32]) -> Option<Access> {
    let bits = |from: u32, count: u32| instruction >> from & ((1 << count) - 1);
    let at = |register: u32, distance: u32, bytes| {
        let base = *registers.get(register as usize)?; // widening
        Some(Access {
            address: base.wrapping_add(distance),
            bytes,
        })
    };
    match (bits(0, 2), bits(13, 3)) {
        (0b00, 0b110) => at(
            8 + bits(7, 3),
            bits(10, 3) << 3 | bits(6, 1) << 2 | bits(5, 1) << 6,
            4,
        ),
        (0b10, 0b110) => at(2, bits(9, 4) << 2 | bits(7, 2) << 6, 4),
        (0b11, _) => {
            let size = bits(12, 3);
            let distance = bits(25, 7) << 5 | bits(7, 5);
            let sign_extended = distance | ((distance >> 11) * 0xFFFF_F000);
            match bits(0, 7) {
                0b010_0011 if size < 3 => at(bits(15, 5), sign_extended, 1 << size),
                0b010_1111 if size == 2 => at(bits(15, 5), 0, 4),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: u32 = 0x3FFB_1000;

    /// a0 (x10) leads to [`PLACE`], everything else nowhere.
    fn registers() -> [u32; 32] {
        let mut registers = [0; 32];
        registers[1] = 0x400D_5678;
        registers[2] = 0x3F41_0000;
        registers[10] = PLACE;
        registers
    }

    /// Code at 0x400D_0000, stopped behind the first `offset` of its bytes.
    fn stopped(code: &[u16], at: u32) -> (u32, Option<Access>) {
        let base = 0x400D_0000;
        let read = |address: u32| {
            let index = address.wrapping_sub(base) as usize / 2;
            code.get(index).copied().unwrap_or(0)
        };
        let stop = stop(base + at, &registers(), read, |access| {
            access.address.wrapping_sub(PLACE) < 64
        });
        assert_eq!(stop.return_address, Some(0x400D_5678));
        (stop.counter - base, stop.access)
    }

    /// Encodings from LLVM's assembler.
    #[test]
    fn stores_show_where_they_write() {
        let of = |code: &[u16]| {
            stopped(code, 0)
                .1
                .map(|access| (access.address - PLACE, access.bytes))
        };
        assert_eq!(of(&[0x02A3, 0x00B5]), Some((5, 1)), "sb a1, 5(a0)");
        assert_eq!(of(&[0x1323, 0x00B5]), Some((6, 2)), "sh a1, 6(a0)");
        assert_eq!(of(&[0x2423, 0x00B5]), Some((8, 4)), "sw a1, 8(a0)");
        assert_eq!(of(&[0xC50C]), Some((8, 4)), "c.sw a1, 8(a0)");
        assert_eq!(of(&[0x252F, 0x00B5]), Some((0, 4)), "amoadd.w a0, a1, (a0)");
        assert_eq!(of(&[0xC22E]), None, "c.swsp: on the stack");
        assert_eq!(of(&[0x2583, 0x0085]), None, "lw a1, 8(a0)");
    }

    #[test]
    fn negative_distances_are_such() {
        let mut registers = registers();
        registers[10] = PLACE + 4;
        assert_eq!(
            store(0xFEB5_0E23, &registers).map(|access| access.address),
            Some(PLACE),
            "sb a1, -4(a0)"
        );
    }

    #[test]
    fn a_processor_may_stop_before_the_write_or_behind_it() {
        let code = [0x2423, 0x00B5, 0x0001]; // sw a1, 8(a0); c.nop
        assert_eq!(stopped(&code, 0).0, 0);
        assert_eq!(stopped(&code, 4).0, 0);
        let code = [0xC50C, 0x0001, 0x0001]; // c.sw a1, 8(a0); c.nop; c.nop
        assert_eq!(stopped(&code, 2).0, 0);
        assert_eq!(stopped(&code, 4), (4, None), "nothing near by writes there");
    }

    #[test]
    fn an_exception_that_names_the_address_needs_no_registers() {
        let code = |address| [0x1323, 0x00B5][(address - 0x400D_0000) as usize / 2]; // sh a1, 6(a0)
        let of = |address| {
            reported(0x400D_0000, 0x400D_5678, address, Some(2), code, |access| {
                access.address.wrapping_sub(PLACE) < 64
            })
        };
        let expected = Access {
            address: PLACE + 6,
            bytes: 2,
        };
        assert_eq!(of(PLACE + 6).access, Some(expected));
        assert_eq!(of(0).access, None, "an address that nobody watches");
        assert_eq!(
            (of(0).slot, of(0).return_address),
            (Some(2), Some(0x400D_5678))
        );
        assert!(has_hit(0x2010_005A) && !has_hit(0x2000_005A) && !has_hit(OFF | 1 << 20));
    }

    #[test]
    fn the_low_bits_of_the_address_say_how_much() {
        let watch = |bytes| Watch::at(0x3FFB_0040, bytes, LARGEST).unwrap();
        assert_eq!(control(watch(4)), (0x2000_00DA, 0x3FFB_0041));
        assert_eq!(control(watch(32)), (0x2000_00DA, 0x3FFB_004F));
        assert_eq!(control_of_first(watch(32)), (0x2000_005A, 0x3FFB_0040));
        assert!(took_range(0x2000_00DA) && !took_range(0x2000_005A));
        assert!(is_armed(0x2000_005A) && !is_armed(OFF) && !is_armed(0));
    }
}
