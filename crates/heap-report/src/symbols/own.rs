//! Frames of the heap itself, left out of call stacks.
//!
//! The innermost ones: of this project's crates, of the standard library's allocation, of ESP-IDF's
//! heap and C library. Further out such names can be a program's own business, so only the
//! beginning of a stack is looked at.

use crate::history::Frame;

/// Crates that a request goes through. Their sources lie in a folder of that name, with or without
/// a version.
const CRATES: [&str; 11] = [
    "heap-caps",
    "heap-caps-alloc",
    "heap-caps-c",
    "multi-heap",
    "heap-trace",
    "heap-guard",
    "esp-alloc-compat",
    "hashbrown",
    "smallvec",
    "indexmap",
    "bytes",
];
/// Sources of other allocators and glue, by a part of their path.
const PATHS: [&str; 9] = [
    "library/alloc/src/",
    "library/core/src/",
    "library/std/src/",
    "components/heap/",
    "components/newlib/",
    "components/esp_libc/",
    "/allocator-api2-",
    "crates/heap-caps-c/staticlib/src/",
    "/esp-alloc-",
];
/// Crates and files of theirs that inspect the stack; before 0.2, `context.rs` was `probe.rs`.
const LOOKING: [(&str, &str); 5] = [
    ("heap-trace", "/src/probe.rs"),
    ("heap-trace", "/src/context.rs"),
    ("heap-trace", "/src/ledger/"),
    ("heap-trace", "/src/trace/"),
    ("heap-guard", "/src/origin.rs"),
];
/// Functions without a known file.
const FUNCTIONS: [&str; 9] = [
    "malloc",
    "calloc",
    "realloc",
    "free",
    "_malloc_r",
    "_calloc_r",
    "_realloc_r",
    "posix_memalign",
    "pvPortMalloc",
];
/// Beginnings of the names of the allocator's glue: the compiler places it where the program names
/// its global allocator, in a file of the program's own.
const GLUE: [&str; 9] = [
    "__rust_alloc",
    "__rust_realloc",
    "__rust_dealloc",
    "__rust_no_alloc",
    "__rust_alloc_error",
    "__rustc::",
    "__rg_",
    "__rdl_",
    "operator new",
];

/// Returns the stack from the caller outwards; nothing of a stack that ends inside of the heap.
///
/// ```text
///   chip::call_stack   events::callers   heap_trace::call_stack   heap_caps::malloc   events::measure   events::main
///   └ the context, which walked the stack  └ the heap               and its observer  └ the caller
/// ```
pub(super) fn without_heap(mut stack: Vec<Frame>) -> Vec<Frame> {
    let context = stack.iter().position(is_looking).unwrap_or(0);
    let own = stack.iter().skip(context).take_while(|frame| is_own(frame));
    let asking = context + own.count();
    stack.drain(..asking);
    stack
}

/// Returns whether the heap asks here where it was called from: what is further in belongs to the
/// context.
fn is_looking(frame: &Frame) -> bool {
    let path = frame.file.replace('\\', "/");
    LOOKING.iter().any(|(own, part)| {
        path.split_once(own)
            .is_some_and(|(_, file)| file.contains(part))
    })
}

fn is_own(frame: &Frame) -> bool {
    if frame.file.is_empty() {
        is_glue(&frame.function) || is_own_function(&frame.function)
    } else {
        is_glue(&frame.function) || is_own_file(&frame.file.replace('\\', "/"))
    }
}

fn is_glue(name: &str) -> bool {
    GLUE.iter().any(|start| name.starts_with(start))
}

fn is_own_function(name: &str) -> bool {
    let own_crate = |name: &str| CRATES.iter().any(|own| name == own.replace('-', "_"));
    let root = name
        .trim_start_matches('<')
        .split("::")
        .next()
        .unwrap_or(name);
    let glue = [
        "alloc::",
        "core::",
        "std::",
        "heap_caps_",
        "multi_heap_",
        "__gnu_cxx::",
    ];
    own_crate(root)
        || FUNCTIONS.contains(&name)
        || glue
            .iter()
            .any(|start| name.trim_start_matches('<').starts_with(start))
}

fn is_own_file(path: &str) -> bool {
    let mut parents = path.split('/').zip(path.split('/').skip(1));
    let own_crate = parents
        .any(|(folder, next)| next == "src" && CRATES.iter().any(|own| is_crate(folder, own)));
    own_crate || PATHS.iter().any(|own| path.contains(own))
}

/// `heap-caps` or `heap-caps-0.1.0`.
fn is_crate(folder: &str, name: &str) -> bool {
    folder.strip_prefix(name).is_some_and(|rest| {
        let version = rest.strip_prefix('-').unwrap_or(rest);
        rest.is_empty() || version.starts_with(|letter: char| letter.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_heap_are_its_own_wherever_they_lie() {
        for own in [
            "/home/me/project/crates/heap-caps/src/allocate.rs",
            "heap-caps-0.1.0/src/allocate.rs",
            "crates/heap-caps-alloc/src/global.rs",
            "/rustc/0123/library/alloc/src/raw_vec/mod.rs",
            "/opt/esp-idf/components/heap/heap_caps.c",
            "C:\\esp\\components\\newlib\\heap.c",
        ] {
            assert!(is_own_file(&own.replace('\\', "/")), "{own}");
        }
        for other in [
            "src/main.rs",
            "heap-caps-viewer/src/main.rs",
            "/home/me/heap-caps/examples/one.rs",
            "crates/testing/on-target/src/bin/leaks.rs",
        ] {
            assert!(!is_own_file(other), "{other}");
        }
    }

    #[test]
    fn the_probe_that_looked_at_the_stack_is_left_out_with_the_heap() {
        let frame = |function: &str, file: &str| Frame {
            function: function.to_owned(),
            file: file.to_owned(),
            line: 1,
        };
        let stack = vec![
            frame("call_stack", "crates/testing/on-target/src/xtensa/mod.rs"),
            frame("callers", "src/bin/events.rs"),
            frame("call_stack", "crates/heap-trace/src/context.rs"),
            frame("began", "crates/heap-trace/src/ledger/mod.rs"),
            frame("branch", "library/core/src/result.rs"),
            frame("malloc", "crates/heap-caps/src/allocate.rs"),
            frame("measure", "src/bin/events.rs"),
            frame("with", "crates/heap-trace/src/owner.rs"),
            frame("main", "src/bin/events.rs"),
        ];
        let kept = |stack: Vec<Frame>| {
            without_heap(stack)
                .into_iter()
                .map(|frame| frame.function)
                .collect::<Vec<_>>()
        };
        assert_eq!(kept(stack.clone()), ["measure", "with", "main"]);
        assert_eq!(
            kept(stack[6..].to_vec()),
            ["measure", "with", "main"],
            "nobody looked"
        );
    }

    #[test]
    fn functions_without_a_file_are_recognised_by_their_names() {
        for own in [
            "malloc",
            "<heap_caps::HeapCaps<P> as Trait>::malloc",
            "alloc::alloc::alloc",
            "heap_caps_malloc_prefer",
            "std::allocator",
        ] {
            assert!(is_own_function(own), "{own}");
        }
        for other in ["app_main", "mqtt::malloc_telegram", "allocate_telegram"] {
            assert!(!is_own_function(other), "{other}");
        }
    }

    #[test]
    fn the_compilers_glue_is_the_heaps_own_in_a_file_of_the_program_too() {
        for glue in [
            "__rustc::__rust_alloc",
            "__rust_realloc",
            "__rg_alloc",
            "operator new(unsigned int)",
        ] {
            let frame = Frame {
                function: glue.to_owned(),
                file: "src/main.rs".to_owned(),
                line: 12,
            };
            assert!(is_own(&frame), "{glue}");
        }
    }
}
