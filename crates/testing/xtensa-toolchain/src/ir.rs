//! Additions to LLVM 22's textual IR for Xtensa.
//!
//! - It counts leading and trailing zeros in some 25 instructions, where Espressif's compilers use
//!   `nsau`, which every ESP32 has. So the intrinsics become functions around that instruction, to
//!   be inlined by `opt`.
//! - The compiler for emulated chips knows no `asm!`. So functions that a program declares become
//!   the instructions of esp-sync's lock.
//! - Its calls to the 128-bit division routines pass the second operand in registers and on the
//!   stack, where rustc's definitions of them expect a pointer. So a function of LLVM's shape
//!   stands in front of each definition.

use std::collections::HashMap;
use std::fmt::Write;

/// Intrinsics that become functions, with those functions. `nsau` of 0 is 32.
const COUNTS: [(&str, &str); 2] = [
    (
        "llvm.ctlz.i32",
        r#"define internal i32 @xtensa.ctlz.i32(i32 %x, i1 %undefined_for_zero) alwaysinline {
  %leading = call i32 asm "nsau $0, $1", "=r,r"(i32 %x)
  ret i32 %leading
}
"#,
    ),
    (
        "llvm.cttz.i32",
        r#"define internal i32 @xtensa.cttz.i32(i32 %x, i1 %undefined_for_zero) alwaysinline {
  br i1 %undefined_for_zero, label %some_bit, label %any
some_bit:
  %negative = sub i32 0, %x
  %lowest = and i32 %negative, %x
  %above = call i32 asm "nsau $0, $1", "=r,r"(i32 %lowest)
  %index = sub i32 31, %above
  ret i32 %index
any:
  %less = add i32 %x, -1
  %not = xor i32 %x, -1
  %trailing = and i32 %less, %not
  %others = call i32 asm "nsau $0, $1", "=r,r"(i32 %trailing)
  %count = sub i32 32, %others
  ret i32 %count
}
"#,
    ),
];

/// Functions that programs declare, with what they are: to mask interrupts up to level 5, to bring
/// a level back, the processor's number.
const INSTRUCTIONS: [(&str, &str); 3] = [
    (
        "xtensa_mask_interrupts",
        r#"define internal i32 @xtensa_mask_interrupts() alwaysinline {
  %status = call i32 asm sideeffect "rsil $0, 5", "=r,~{memory}"()
  ret i32 %status
}
"#,
    ),
    (
        "xtensa_restore_interrupts",
        r#"define internal void @xtensa_restore_interrupts(i32 %status) alwaysinline {
  call void asm sideeffect "wsr $0, ps\0A\09rsync", "r,~{memory}"(i32 %status)
  ret void
}
"#,
    ),
    (
        "xtensa_processor_id",
        r#"define internal i32 @xtensa_processor_id() alwaysinline {
  %number = call i32 asm sideeffect "rsr $0, prid", "=r"()
  ret i32 %number
}
"#,
    ),
];

/// The first two of them in a program that counts how long interrupts stay masked, see
/// `longest_masked` of `on-target`.
const COUNTING: [(&str, &str); 2] = [
    (
        "xtensa_mask_interrupts",
        r#"define internal i32 @xtensa_mask_interrupts() alwaysinline {
  %status = call i32 asm sideeffect "rsil $0, 5", "=r,~{memory}"()
  %now = call i32 asm sideeffect "rsr $0, ccount", "=r,~{memory}"()
  store volatile i32 %now, ptr @masked_since
  ret i32 %status
}
"#,
    ),
    (
        "xtensa_restore_interrupts",
        r#"define internal void @xtensa_restore_interrupts(i32 %status) alwaysinline {
  %now = call i32 asm sideeffect "rsr $0, ccount", "=r,~{memory}"()
  %since = load volatile i32, ptr @masked_since
  %stretch = sub i32 %now, %since
  %longest = load volatile i32, ptr @masked_longest
  %is_longer = icmp ugt i32 %stretch, %longest
  %new = select i1 %is_longer, i32 %stretch, i32 %longest
  store volatile i32 %new, ptr @masked_longest
  call void asm sideeffect "wsr $0, ps\0A\09rsync", "r,~{memory}"(i32 %status)
  ret void
}
"#,
    ),
];
/// Where those keep what they count: words of `targets/xtensa-qemu/calls.S`.
const COUNTERS: [&str; 2] = ["masked_since", "masked_longest"];

/// Routines of `compiler_builtins` whose second operand is an `i128`.
const WIDE: [&str; 5] = ["__udivti3", "__umodti3", "__divti3", "__modti3", "__multi3"];

/// The same module, fit for LLVM's Xtensa back end; it may count how long interrupts are masked.
pub(crate) fn fit(module: &str, counts_masked: bool) -> String {
    let module = with_counts(&with_numbers(&without_summary(module)));
    with_wide_calls(with_instructions(module, counts_masked))
}

/// Assembly of the source names numbers, which LLVM's parser does not look up where an
/// instruction takes few numbers (`bnei`).
fn with_numbers(module: &str) -> String {
    let mut numbers = HashMap::new();
    let mut out = String::with_capacity(module.len());
    for line in module.lines() {
        let assembly = line.strip_prefix("module asm");
        if let Some((name, number)) = assembly.and_then(named_number) {
            numbers.insert(name.to_owned(), number.to_owned());
        }
        match assembly {
            Some(text) if !numbers.is_empty() && named_number(text).is_none() => {
                out.push_str("module asm");
                out.push_str(&replaced(text, &numbers));
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// `("FRAME", "256")` of `"    .set FRAME, 256 // bytes"`.
fn named_number(assembly: &str) -> Option<(&str, &str)> {
    let words = assembly.trim_start().strip_prefix('"')?.trim_start();
    let words = words
        .strip_prefix(".set ")
        .or_else(|| words.strip_prefix(".equ "))?;
    let (name, rest) = words.split_once(',')?;
    let rest = rest.trim_start();
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let is_all = !rest[end..].trim_start().starts_with(['+', '-', '*', 'x']);
    (end > 0 && is_all).then_some((name.trim(), &rest[..end]))
}

/// Returns the text with whole words replaced.
fn replaced(text: &str, numbers: &HashMap<String, String>) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        out.push_str(&rest[..start]);
        let word = &rest[start..];
        let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
        let number = numbers
            .get(&word[..end])
            .map_or(&word[..end], String::as_str);
        out.push_str(number);
        rest = &word[end..];
    }
    out.push_str(rest);
    out
}

/// Returns what rustc notes for link-time optimisation stands behind the functions, where no
/// function may follow.
fn without_summary(module: &str) -> String {
    let is_code = |line: &&str| !line.starts_with('^');
    let lines = module.lines().filter(is_code);
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn with_counts(module: &str) -> String {
    let mut fitted = module.to_owned();
    for (intrinsic, function) in COUNTS {
        let call = format!("@{intrinsic}(");
        if !fitted.contains(&call) {
            continue;
        }
        fitted = without_declaration(&fitted, &call);
        fitted = fitted.replace(&call, &format!("@{}(", intrinsic.replace("llvm", "xtensa")));
        fitted.push_str(function);
    }
    fitted
}

fn with_instructions(mut module: String, counts_masked: bool) -> String {
    let mut counts = false;
    for (name, function) in INSTRUCTIONS {
        let call = format!("@{name}(");
        if !module.contains(&call) {
            continue;
        }
        let counting = COUNTING.iter().find(|(counted, _)| *counted == name);
        let counting = counting.filter(|_| counts_masked);
        counts |= counting.is_some();
        module = without_declaration(&module, &call);
        module.push_str(counting.map_or(function, |(_, function)| *function));
    }
    for counter in COUNTERS {
        if counts && !module.contains(&format!("@{counter} = ")) {
            module += &format!("@{counter} = external global i32\n");
        }
    }
    module
}

fn without_declaration(module: &str, call: &str) -> String {
    let is_other = |line: &&str| !(line.starts_with("declare ") && line.contains(call));
    let lines: Vec<&str> = module.lines().filter(is_other).collect();
    lines.join("\n") + "\n"
}

fn with_wide_calls(mut module: String) -> String {
    for routine in WIDE {
        let name = format!("@{routine}(");
        let takes_pointer = |line: &str| {
            line.starts_with("define ") && line.contains(&name) && line.contains("byval(")
        };
        if module.lines().any(takes_pointer) {
            module = module.replace(&name, &format!("@{routine}.by_pointer("));
            // Writing to a String can't fail.
            let _ = write!(module, "{}", wide_call(routine));
        }
    }
    module
}

fn wide_call(routine: &str) -> String {
    format!(
        "
define hidden i128 @{routine}(i128 %left, i128 %right) {{
  %place = alloca i128, align 8
  store i128 %right, ptr %place, align 8
  %result = call i128 @{routine}.by_pointer(i128 %left, ptr byval([16 x i8]) align 8 %place)
  ret i128 %result
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn counting_zeros_becomes_a_function_around_nsau() {
        let module = "  %2 = tail call range(i32 0, 33) i32 @llvm.ctlz.i32(i32 %1, i1 true), !dbg !7\n\
            declare i32 @llvm.ctlz.i32(i32, i1 immarg) #1\n";
        let fitted = fit(module, false);
        assert!(fitted.starts_with(
            "  %2 = tail call range(i32 0, 33) i32 @xtensa.ctlz.i32(i32 %1, i1 true), !dbg !7\n"
        ));
        assert!(!fitted.contains("declare"));
        assert!(!fitted.contains("cttz"));
        assert_eq!(fitted.matches("nsau").count(), 1);
    }

    #[test]
    fn a_function_that_is_an_instruction_gets_its_body() {
        let module = "  %1 = tail call i32 @xtensa_mask_interrupts() #2\n\
            declare i32 @xtensa_mask_interrupts() #1\n";
        let fitted = fit(module, false);
        assert!(fitted.starts_with("  %1 = tail call i32 @xtensa_mask_interrupts() #2\n"));
        assert!(!fitted.contains("declare"));
        assert!(fitted.contains("rsil $0, 5"));
        assert!(!fitted.contains("rsync"));
    }

    #[test]
    fn a_program_that_counts_reads_the_clock_where_it_masks() {
        let module = "  %1 = tail call i32 @xtensa_mask_interrupts()\n\
            @masked_longest = external global i32\n\
            declare i32 @xtensa_mask_interrupts()\n";
        let fitted = fit(module, true);
        assert!(fitted.contains("ccount"));
        assert_eq!(fitted.matches("@masked_since = external").count(), 1);
        assert_eq!(fitted.matches("@masked_longest = external").count(), 1);
        assert!(!fit(module, false).contains("ccount"));
    }

    #[test]
    fn a_division_that_expects_a_pointer_gets_a_caller_that_has_a_value() {
        let module = "define i128 @__udivti3(i128 %x, ptr byval([16 x i8]) align 8 %y) {\n";
        let fitted = fit(module, false);
        assert!(fitted.starts_with("define i128 @__udivti3.by_pointer(i128 %x, ptr"));
        assert!(fitted.contains("define hidden i128 @__udivti3(i128 %left, i128 %right)"));
    }

    #[test]
    fn names_of_numbers_become_numbers_in_assembly() {
        let module = "module asm \"  .set LEVEL1, 4 // cause\"\nmodule asm \"  bnei a6, LEVEL1, .L\"\n@LEVEL1 = global i32 0\n";
        let expected = "module asm \"  .set LEVEL1, 4 // cause\"\nmodule asm \"  bnei a6, 4, .L\"\n@LEVEL1 = global i32 0\n";
        assert_eq!(fit(module, false), expected);
        assert_eq!(super::named_number(" \"  .set A, B\""), None);
        assert_eq!(super::named_number(" \"  .set A, 4 + B\""), None);
    }

    #[test]
    fn a_summary_of_the_module_is_left_out() {
        let module = "define void @f() {\n  ret void\n}\n^0 = module: (path: \"\")\n";
        assert_eq!(fit(module, false), "define void @f() {\n  ret void\n}\n");
    }

    #[test]
    fn calls_of_a_division_alone_stay_as_they_are() {
        let module = "declare i128 @__udivti3(i128, i128)\n";
        assert_eq!(fit(module, false), module);
    }
}
