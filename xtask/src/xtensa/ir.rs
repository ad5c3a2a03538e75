//! What LLVM 22 needs to be told about Xtensa, in its own textual IR.
//!
//! - It counts leading and trailing zeros in some 25 instructions, where Espressif's compilers use `nsau`, which every ESP32 has.
//!   So the intrinsics become functions around that instruction, to be inlined by `opt`.
//! - Its calls to the 128-bit division routines pass the second operand in registers and on the stack, where rustc's definitions of
//!   them expect a pointer. So a function of LLVM's shape stands in front of each definition.

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

/// Routines of `compiler_builtins` whose second operand is an `i128`.
const WIDE: [&str; 5] = ["__udivti3", "__umodti3", "__divti3", "__modti3", "__multi3"];

/// The same module, fit for LLVM's Xtensa back end.
pub(crate) fn fit(module: &str) -> String {
    with_wide_calls(with_counts(module))
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
        let fitted = fit(module);
        assert!(fitted.starts_with(
            "  %2 = tail call range(i32 0, 33) i32 @xtensa.ctlz.i32(i32 %1, i1 true), !dbg !7\n"
        ));
        assert!(!fitted.contains("declare"));
        assert!(!fitted.contains("cttz"));
        assert_eq!(fitted.matches("nsau").count(), 1);
    }

    #[test]
    fn a_division_that_expects_a_pointer_gets_a_caller_that_has_a_value() {
        let module = "define i128 @__udivti3(i128 %x, ptr byval([16 x i8]) align 8 %y) {\n";
        let fitted = fit(module);
        assert!(fitted.starts_with("define i128 @__udivti3.by_pointer(i128 %x, ptr"));
        assert!(fitted.contains("define hidden i128 @__udivti3(i128 %left, i128 %right)"));
    }

    #[test]
    fn calls_of_a_division_alone_stay_as_they_are() {
        let module = "declare i128 @__udivti3(i128, i128)\n";
        assert_eq!(fit(module), module);
    }
}
