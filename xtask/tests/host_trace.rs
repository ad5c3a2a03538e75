//! A trace of a program in C on this machine: its dump, read with the program's ELF file, names the
//! lines that allocate.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where something is not as it should be"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use heap_report::Site;
use heap_report::read::{Input, read};
use heap_report::symbols::Symbols;

/// `publish` leaks, on line 10; `subscribe` does not.
const PROGRAM: &str = r#"#include "esp_heap_caps.h"
#include "esp_heap_caps_init.h"
#include "esp_heap_trace.h"

static uint32_t memory[4096];
static heap_trace_record_t records[8];

__attribute__((noinline)) static void *publish(size_t size)
{
    void *message = heap_caps_malloc(size, MALLOC_CAP_8BIT);
    return message == NULL ? (void *)memory : message;
}

int main(void)
{
    const uint32_t caps[3] = {MALLOC_CAP_8BIT | MALLOC_CAP_DEFAULT, MALLOC_CAP_INTERNAL, 0};
    heap_caps_add_region_with_caps(caps, (intptr_t)memory, (intptr_t)(memory + 4096));
    heap_trace_init_standalone(records, 8);
    heap_trace_start(HEAP_TRACE_LEAKS);
    publish(96);
    heap_caps_free(heap_caps_malloc(24, MALLOC_CAP_8BIT));
    heap_trace_stop();
    heap_trace_dump();
    return 0;
}
"#;

/// Compiles the program with `options`, and reads what it prints.
fn leaks_are_lines(options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut clib = Command::new(env!("CARGO_BIN_EXE_xtask"));
    clib.args(["clib", "--features", "c-abi-idf,heap-tracing"]);
    clib.env("CARGO_TARGET_DIR", path("target"));
    let output = clib.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let library = stdout
        .lines()
        .next_back()
        .unwrap()
        .split(": ")
        .next()
        .unwrap();
    fs::write(path("main.c"), PROGRAM).unwrap();
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/heap-caps-c/include");
    let mut gcc = Command::new("gcc");
    gcc.args(["-g", "-O1"]).args(options).arg("-I").arg(include);
    gcc.args(["main.c", library, "-o", "main"]);
    let compiled = gcc.current_dir(folder.path()).output().unwrap();
    assert!(compiled.status.success(), "{compiled:?}");

    let dump = Command::new(path("main")).output().unwrap();
    assert!(dump.status.success());
    let Input::History(mut history) = read("dump", &dump.stdout).unwrap() else {
        panic!("{}", String::from_utf8_lossy(&dump.stdout));
    };
    let symbols = Symbols::read(&path("main"), folder.path()).unwrap();
    let named = history.name_callers(|caller| symbols.frames(caller));
    assert!(named.found >= 2, "{named:?}: its callers, and main's");
    let labels: Vec<String> = history.sites.iter().map(Site::label).collect();
    assert_eq!(labels, ["unknown", "main.c:10 publish"]);
}

#[test]
fn a_leak_of_a_program_that_can_lie_anywhere_is_a_line() {
    leaks_are_lines(&["-pie"]);
}

#[test]
fn a_leak_of_a_program_with_a_place_of_its_own_is_a_line() {
    leaks_are_lines(&["-no-pie"]);
}
