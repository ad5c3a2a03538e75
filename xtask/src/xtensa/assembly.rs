//! Where a function's literals lie.
//!
//! `l32r` loads a word that lies in front of it. llc prints the literals of a function before it switches to the section of that function:
//!
//! ```text
//!     .literal .LCPI7_0, table        falls into the section of the function before, unaligned
//!     .section .text.insert,"ax"
//!   insert: …
//! ```
//!
//! Here each function gets a section `.literal.insert` for its own; the linker script puts these in front of all code.

use std::fmt::Write;

/// The same assembly, each function's literals in a section of their own. Literals without a function are an error.
pub(crate) fn with_own_literals(assembly: &str) -> Result<String, String> {
    let mut out = String::with_capacity(assembly.len());
    let mut literals = String::new();
    let mut section = ".text".to_owned();
    for line in assembly.lines() {
        let words = line.trim_start();
        if words.starts_with(".literal_position") {
            continue;
        }
        if let Some(literal) = words.strip_prefix(".literal") {
            let (name, value) = literal
                .trim()
                .split_once(", ")
                .ok_or_else(|| format!("a literal without a value: {line}"))?;
            let _ = writeln!(literals, "{name}:\t.long\t{value}");
            continue;
        }
        let entered = section_entered(words);
        if let Some(entered) = entered {
            entered.clone_into(&mut section);
        }
        let starts_code = entered.is_some() || is_label(line);
        if let Some(function) = section.strip_prefix(".text").filter(|_| starts_code)
            && !literals.is_empty()
        {
            let _ = write!(
                out,
                "\t.pushsection\t.literal{function},\"ax\",@progbits\n\t.p2align\t2\n{literals}\t.popsection\n"
            );
            literals.clear();
        }
        out.push_str(line);
        out.push('\n');
    }
    if literals.is_empty() {
        Ok(out)
    } else {
        Err(format!("literals without a function:\n{literals}"))
    }
}

fn section_entered(words: &str) -> Option<&str> {
    if let Some(rest) = words.strip_prefix(".section") {
        return rest.trim_start().split(',').next().map(str::trim);
    }
    [".text", ".data", ".bss"]
        .into_iter()
        .find(|plain| words.trim_end() == *plain)
}

fn is_label(line: &str) -> bool {
    let code = line.split('#').next().unwrap_or_default();
    code.trim_end().ends_with(':')
}

#[cfg(test)]
mod tests {
    use super::with_own_literals;

    #[test]
    fn literals_move_in_front_of_the_code_that_follows() {
        let assembly = "\t.literal_position\n\t.literal .LCPI0_0, table\n\
            \t.section\t.text.insert,\"ax\",@progbits\ninsert:\n\tl32r a8, .LCPI0_0\n";
        let expected = "\t.pushsection\t.literal.insert,\"ax\",@progbits\n\t.p2align\t2\n\
            .LCPI0_0:\t.long\ttable\n\t.popsection\n\
            \t.section\t.text.insert,\"ax\",@progbits\ninsert:\n\tl32r a8, .LCPI0_0\n";
        assert_eq!(with_own_literals(assembly).unwrap(), expected);
    }

    #[test]
    fn literals_at_the_end_are_refused() {
        assert!(with_own_literals("\t.literal .LCPI0_0, 7\n").is_err());
    }
}
