//! Instructions that every ESP32 has and LLVM 22's assembler does not know.
//!
//! ```text
//!   rer at, as    0100 0000 0110 s t 0000     reads an external register, of the debug unit for example
//!   wer at, as    0100 0000 0111 s t 0000     writes one
//! ```
//! Source: Xtensa Instruction Set Architecture Reference Manual, *External Registers Option*.

/// Names of instructions with two registers, `t` and `s`, and their bits without these.
const WITH_TWO_REGISTERS: [(&str, u32); 2] = [("rer", 0x40_6000), ("wer", 0x40_7000)];

/// Returns the line that stands for such an instruction: its bytes, the lowest first.
pub(crate) fn as_bytes(line: &str) -> Option<String> {
    let (name, operands) = line.trim().split_once(char::is_whitespace)?;
    let known = WITH_TWO_REGISTERS.iter().find(|(known, _)| *known == name);
    let (t, s) = operands.split_once(',')?;
    let code = known?.1 | register(s)? << 8 | register(t)? << 4;
    let [low, middle, high, _] = code.to_le_bytes();
    Some(format!("\t.byte\t{low:#04x}, {middle:#04x}, {high:#04x}"))
}

/// 9 of `a9`.
fn register(name: &str) -> Option<u32> {
    let name = name.split_whitespace().next()?;
    let number = match name {
        "sp" => 1,
        _ => name.strip_prefix('a')?.parse().ok()?,
    };
    (number < 16).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::as_bytes;

    #[test]
    fn an_external_register_is_read_and_written_by_bytes() {
        let read = as_bytes("\trer a9, a8").unwrap();
        assert_eq!(read, "\t.byte\t0x90, 0x68, 0x40");
        let written = as_bytes("wer\ta2, sp # comment").unwrap();
        assert_eq!(written, "\t.byte\t0x20, 0x71, 0x40");
    }

    #[test]
    fn what_the_assembler_knows_stays() {
        assert_eq!(as_bytes("\trsr a9, ccount"), None);
        assert_eq!(as_bytes("\trer a9, a16"), None);
        assert_eq!(as_bytes("rer:"), None);
    }
}
