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
///
/// Assembly of the source (`global_asm!`) names its literals itself: they belong to the section that they stand in.
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
            let literal = format!("{name}:\t.long\t{value}\n");
            if name.starts_with(COMPILERS) {
                literals.push_str(&literal);
            } else {
                push_literals(&mut out, &section, &literal);
            }
            continue;
        }
        let entered = section_entered(words);
        if let Some(entered) = entered {
            entered.clone_into(&mut section);
        }
        let starts_code = (entered.is_some() || is_label(line)) && is_code(&section);
        if starts_code && !literals.is_empty() {
            push_literals(&mut out, &section, &literals);
            literals.clear();
        }
        out.push_str(line);
        out.push('\n');
    }
    if literals.is_empty() {
        Ok(literals_of_shared_code_first(out))
    } else {
        Err(format!("literals without a function:\n{literals}"))
    }
}

/// How the compiler's literals are called.
const COMPILERS: &str = ".LCPI";
/// One section for many functions and assembly. Its literals' section must come into being before it, to lie in front of it.
const SHARED_CODE: &str = ".rwtext";

fn push_literals(out: &mut String, section: &str, literals: &str) {
    let place = literal_section(section);
    // Writing to a String can't fail.
    let _ = write!(
        out,
        "\t.pushsection\t{place},\"ax\",@progbits\n\t.p2align\t2\n{literals}\t.popsection\n"
    );
}

fn literal_section(code: &str) -> String {
    match code.strip_prefix(".text") {
        Some(function) => format!(".literal{function}"),
        None => format!("{code}.literal"),
    }
}

fn is_code(section: &str) -> bool {
    section.starts_with(".text") || section.starts_with(SHARED_CODE)
}

fn literals_of_shared_code_first(assembly: String) -> String {
    let place = literal_section(SHARED_CODE);
    if !assembly.contains(&format!("\t{place},")) {
        return assembly;
    }
    format!("\t.section\t{place},\"ax\",@progbits\n\t.text\n{assembly}")
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
    fn literals_of_assembly_lie_in_front_of_its_section() {
        let assembly = "\t.section .rwtext,\"ax\",@progbits\n\t.literal sym_main, main\nReset:\n\tl32r a2, sym_main\n";
        let expected = "\t.section\t.rwtext.literal,\"ax\",@progbits\n\t.text\n\
            \t.section .rwtext,\"ax\",@progbits\n\
            \t.pushsection\t.rwtext.literal,\"ax\",@progbits\n\t.p2align\t2\n\
            sym_main:\t.long\tmain\n\t.popsection\n\
            Reset:\n\tl32r a2, sym_main\n";
        assert_eq!(with_own_literals(assembly).unwrap(), expected);
    }

    #[test]
    fn literals_at_the_end_are_refused() {
        assert!(with_own_literals("\t.literal .LCPI0_0, 7\n").is_err());
    }
}
