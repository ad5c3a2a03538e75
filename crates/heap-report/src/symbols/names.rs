//! Formatting of function and file names.

use std::path::Path;

/// Returns a function without what generic arguments it has: `<ring::Ring<u8, 64>>::push<i32>`
/// becomes `ring::Ring::push`.
pub(super) fn function(name: &str) -> String {
    let (mut out, mut depth) = (String::new(), 0_usize);
    let mut before = ' ';
    for (at, letter) in name.char_indices() {
        let is_impl = || {
            name.get(at..)
                .is_some_and(|rest| rest.starts_with("<impl "))
        };
        match letter {
            '<' if depth == 0 && out.ends_with("::") && !is_impl() => {
                out.truncate(out.len() - 2);
                depth = 1;
            }
            '<' if depth > 0 || before.is_alphanumeric() || before == '_' => depth += 1,
            '>' if depth > 0 && before != '-' => depth -= 1,
            _ if depth == 0 => out.push(letter),
            _ => {}
        }
        before = letter;
    }
    match out
        .strip_prefix('<')
        .and_then(|inner| inner.split_once('>'))
    {
        Some((kind, rest)) if !kind.contains(" as ") => format!("{kind}{rest}"),
        _ => out,
    }
}

/// Returns a file as one would look for it: below `root` without it, of a registry from the crate
/// on, of the standard library from `library` on.
pub(super) fn file(path: &str, root: &Path) -> String {
    let path = path.replace('\\', "/").replace("/./", "/");
    if let Some(below) = Path::new(&path)
        .strip_prefix(root)
        .ok()
        .filter(|_| root.is_absolute())
    {
        return below.display().to_string();
    }
    let from = |found: usize| path.get(found..).unwrap_or_default().to_owned();
    if let Some(found) = path.find("/registry/src/") {
        let index = from(found + "/registry/src/".len());
        return index
            .split_once('/')
            .map_or_else(|| index.clone(), |(_, rest)| rest.to_owned());
    }
    match path
        .find("/library/")
        .filter(|_| path.contains("/rustc/") || path.contains("/rustlib/"))
    {
        Some(found) => from(found + 1),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generic_arguments_are_left_out() {
        let pairs = [
            ("find<32, 6>", "find"),
            ("<ring::Ring<u8, 64>>::push", "ring::Ring::push"),
            ("<a::B<C<D>> as Trait<E>>::run<F>", "<a::B as Trait>::run"),
            ("main::{closure#0}", "main::{closure#0}"),
            ("call<fn(u8) -> Vec<u8>>", "call"),
            ("app_main", "app_main"),
            ("a::measure::<b::Heap, c::Of<64>>", "a::measure"),
            ("a::run::<u8>::{closure#0}", "a::run::{closure#0}"),
            ("core::num::<impl u32>::pow", "core::num::<impl u32>::pow"),
        ];
        for (long, short) in pairs {
            assert_eq!(function(long), short);
        }
    }

    #[test]
    fn files_are_named_as_one_would_look_for_them() {
        let root = Path::new("/home/me/project");
        let pairs = [
            ("/home/me/project/src/main.rs", "src/main.rs"),
            (
                "/home/me/.cargo/registry/src/index-0123/mqtt-1.2.0/src/lib.rs",
                "mqtt-1.2.0/src/lib.rs",
            ),
            (
                "/rustc/0123/library/alloc/src/vec/mod.rs",
                "library/alloc/src/vec/mod.rs",
            ),
            (
                "/usr/lib/rustlib/src/rust/library/core/src/ptr.rs",
                "library/core/src/ptr.rs",
            ),
            ("/opt/other/src/main.c", "/opt/other/src/main.c"),
            ("src/main.rs", "src/main.rs"),
        ];
        for (long, short) in pairs {
            assert_eq!(file(long, root), short);
        }
    }
}
