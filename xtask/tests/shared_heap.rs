//! The program of `docs/c.md`, half C and half Rust, does what the page says.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends where something is not as it should be, and says what it leaves out"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn blocks_of_c_and_of_rust_are_freed_by_the_other() {
    if Command::new("gcc").arg("--version").output().is_err() {
        eprintln!("the program was not compiled: apt-get install gcc libc6-dev");
        return;
    }
    let example = workspace().join("crates/heap-caps-c/examples/shared-heap");
    let output = tempfile::tempdir().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "--manifest-path"]);
    cargo.arg(example.join("Cargo.toml"));
    succeed(cargo.arg("--target-dir").arg(output.path()));
    let program = output.path().join("program");
    let mut gcc = Command::new("gcc");
    gcc.args([
        "-std=c99",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror",
        "-I",
    ]);
    gcc.arg(workspace().join("crates/heap-caps-c/include"));
    gcc.arg(example.join("main.c"));
    gcc.arg(output.path().join("release/libshared_heap.a"));
    succeed(gcc.arg("-o").arg(&program));
    assert_eq!(
        succeed(&mut Command::new(program)),
        "Rust's Vec has 40 bytes, the last number is 81\n\
         Rust adds C's numbers up to 42\n\
         alloc: no 400000 bytes with capabilities 0x1000\n\
         Rust has no more memory than C\n\
         everything came back\n"
    );
}
