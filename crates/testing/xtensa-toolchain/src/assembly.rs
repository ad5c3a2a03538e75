//! Placement of a function's literals in assembly.
//!
//! `l32r` loads a word that lies in front of it. llc prints the literals of a function before it
//! switches to the section of that function:
//!
//! ```text
//!     .literal .LCPI7_0, table        falls into the section of the function before, unaligned
//!     .section .text.insert,"ax"
//!   insert: …
//! ```
//!
//! Here each function gets a section `.literal.insert` for its own; the linker script puts these in
//! front of all code.

use std::fmt::Write;

use crate::instructions;

/// The same assembly, each function's literals in a section of their own. Literals without a
/// function are an error.
///
/// Assembly of the source (`global_asm!`) names its literals itself: they belong to the section
/// that they stand in.
pub(crate) fn with_own_literals(assembly: &str) -> Result<String, String> {
    let mut placed = Placed {
        section: ".text".to_owned(),
        ..Placed::default()
    };
    for line in assembly.lines() {
        placed.line(line)?;
    }
    placed.end()
}

/// Assembly so far.
#[derive(Default)]
struct Placed {
    out: String,
    section: String,
    /// The compiler's literals, and the lines since then: up to the label of their function.
    literals: String,
    waiting: String,
    calls: u32,
    /// Whether the lines are a macro's, which stand in any section, and more than once.
    in_macro: bool,
}

impl Placed {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let words = line.trim_start();
        if words.starts_with(".literal_position") {
            return Ok(());
        }
        if let Some(literal) = words.strip_prefix(".literal") {
            return self.literal(literal.trim());
        }
        if let Some((window, routine)) = direct_call(words) {
            self.call(window, routine);
            return Ok(());
        }
        match words.split_whitespace().next() {
            Some(".macro") => self.in_macro = true,
            Some(".endm") => self.in_macro = false,
            _ => {}
        }
        let bytes = instructions::as_bytes(line);
        let line = bytes.as_deref().unwrap_or(line);
        if let Some(entered) = section_entered(words) {
            entered.clone_into(&mut self.section);
        }
        if is_function(line) && is_code(&self.section) {
            self.place_literals();
        }
        let place = if self.literals.is_empty() {
            &mut self.out
        } else {
            &mut self.waiting
        };
        place.push_str(line);
        place.push('\n');
        Ok(())
    }

    fn literal(&mut self, literal: &str) -> Result<(), String> {
        let (name, value) = literal
            .split_once(", ")
            .ok_or_else(|| format!("a literal without a value: {literal}"))?;
        let literal = format!("{name}:\t.long\t{}\n", quoted(value));
        if name.starts_with(COMPILERS) {
            self.literals.push_str(&literal);
        } else {
            push_literals(&mut self.out, &self.section, &literal);
        }
        Ok(())
    }

    fn call(&mut self, window: &str, routine: &str) {
        self.calls += 1;
        if self.in_macro {
            self.call_in_macro(window, routine);
            return;
        }
        let name = format!(".Lcall{}", self.calls);
        let literal = format!("{name}:\t.long\t{routine}\n");
        push_literals(&mut self.out, &self.section, &literal);
        // Writing to a String can't fail.
        let _ = writeln!(
            self.out,
            "\tl32r\ta{window}, {name}\n\tcallx{window}\ta{window}"
        );
    }

    /// The literal stands among the code, by a name that is another one wherever the macro is used.
    fn call_in_macro(&mut self, window: &str, routine: &str) {
        let number = self.calls;
        // Writing to a String can't fail.
        let _ = writeln!(
            self.out,
            "\tj\t.Lover{number}_\\@\n\t.p2align\t2\n.Lcall{number}_\\@:\t.long\t{routine}\n.Lover{number}_\\@:\n\
             \tl32r\ta{window}, .Lcall{number}_\\@\n\tcallx{window}\ta{window}"
        );
    }

    /// In front of the lines that open their function's section: where sections are in order,
    /// literals are in front of code then.
    fn place_literals(&mut self) {
        if !self.literals.is_empty() {
            push_literals(&mut self.out, &self.section, &self.literals);
            self.out.push_str(&self.waiting);
            self.literals.clear();
            self.waiting.clear();
        }
    }

    fn end(self) -> Result<String, String> {
        if self.literals.is_empty() {
            Ok(literals_of_shared_code_first(self.out))
        } else {
            Err(format!("literals without a function:\n{}", self.literals))
        }
    }
}

/// llc prints names as they are, which the assembler takes in quotes if there are quotes in them
/// (defmt's are JSON).
fn quoted(value: &str) -> String {
    if !value.contains('"') {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""))
}

/// How the compiler's literals are called.
const COMPILERS: &str = ".LCPI";
/// Sections for many functions and assembly. Their literals' sections must come into being before
/// them, to lie in front of them.
const SHARED_CODE: [&str; 2] = [".rwtext", ".iram1.heap"];

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
    let is_shared = |shared: &str| section.starts_with(shared);
    section.starts_with(".text") || SHARED_CODE.iter().any(|shared| is_shared(shared))
}

fn literals_of_shared_code_first(assembly: String) -> String {
    let places = SHARED_CODE.map(literal_section);
    let used = places
        .iter()
        .filter(|place| assembly.contains(&format!("\t{place},")));
    let first: String = used
        .map(|place| format!("\t.section\t{place},\"ax\",@progbits\n"))
        .collect();
    if first.is_empty() {
        assembly
    } else {
        format!("{first}\t.text\n{assembly}")
    }
}

/// `("4", "copy")` of `call4 copy`, which GNU ld for a processor without windows cannot link. Such
/// a call destroys the register that its return address goes to, so that register can hold the
/// routine's address before.
fn direct_call(words: &str) -> Option<(&str, &str)> {
    let (window, routine) = words
        .strip_prefix("call")?
        .split_once(char::is_whitespace)?;
    let routine = routine.split_whitespace().next()?;
    matches!(window, "4" | "8" | "12").then_some((window, routine))
}

fn section_entered(words: &str) -> Option<&str> {
    if let Some(rest) = words.strip_prefix(".section") {
        return rest.trim_start().split(',').next().map(str::trim);
    }
    [".text", ".data", ".bss"]
        .into_iter()
        .find(|plain| words.trim_end() == *plain)
}

/// Returns whether this is the label of a function, not one inside or behind a function.
fn is_function(line: &str) -> bool {
    let code = line.split('#').next().unwrap_or_default();
    code.trim_end().ends_with(':') && !code.starts_with(".L")
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
    fn literals_are_of_the_function_that_follows_not_of_the_one_before() {
        let assembly = "\t.section\t.text.one,\"ax\"\none:\n\tretw.n\n.Lend:\n\t.literal .LCPI1_0, table\n\
            \t.section\t.text.one,\"ax\"\n\t.section\t.rwtext,\"ax\"\ntwo:\n\tl32r a8, .LCPI1_0\n";
        let expected = "\t.section\t.rwtext.literal,\"ax\",@progbits\n\t.text\n\
            \t.section\t.text.one,\"ax\"\none:\n\tretw.n\n.Lend:\n\
            \t.pushsection\t.rwtext.literal,\"ax\",@progbits\n\t.p2align\t2\n\
            .LCPI1_0:\t.long\ttable\n\t.popsection\n\
            \t.section\t.text.one,\"ax\"\n\t.section\t.rwtext,\"ax\"\ntwo:\n\tl32r a8, .LCPI1_0\n";
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
    fn a_direct_call_of_a_windowed_routine_goes_through_a_register() {
        let called =
            with_own_literals("\t.section .rwtext.f,\"ax\"\n\tcall4\tcopy // far\n\tcall0 near\n")
                .unwrap();
        assert!(called.contains(".Lcall1:\t.long\tcopy\n"), "{called}");
        assert!(
            called.contains("\tl32r\ta4, .Lcall1\n\tcallx4\ta4\n\tcall0 near\n"),
            "{called}"
        );
    }

    #[test]
    fn a_direct_call_in_a_macro_has_its_literal_wherever_the_macro_is_used() {
        let called =
            with_own_literals("\t.macro HANDLE level\n\tcall4 \\level\n\t.endm\n\tcall4 f\n");
        let expected = "\t.macro HANDLE level\n\tj\t.Lover1_\\@\n\t.p2align\t2\n\
            .Lcall1_\\@:\t.long\t\\level\n.Lover1_\\@:\n\tl32r\ta4, .Lcall1_\\@\n\tcallx4\ta4\n\t.endm\n";
        let called = called.unwrap();
        assert!(called.starts_with(expected), "{called}");
        assert!(called.contains(".Lcall2:\t.long\tf\n"), "{called}");
    }

    #[test]
    fn a_name_with_quotes_is_quoted() {
        let assembly =
            "\t.literal .LCPI0_0, {\"data\":\"{} at\"}\n\t.section\t.text.f,\"ax\"\nf:\n";
        let placed = with_own_literals(assembly).unwrap();
        let expected = r#".LCPI0_0:	.long	"{\"data\":\"{} at\"}""#;
        assert!(placed.contains(expected), "{placed}");
    }

    #[test]
    fn literals_at_the_end_are_refused() {
        assert!(with_own_literals("\t.literal .LCPI0_0, 7\n").is_err());
    }
}
