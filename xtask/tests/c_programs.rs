//! Real programs in C on one capability heap of fixed size (`cargo xtask c-programs`).
//!
//! SQLite by its memory methods, Lua by its allocator callback, Mbed TLS by its allocation
//! functions. The command fails where they do not print what they print on the system's
//! `malloc`, or leave a block.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be"
)]

use std::process::Command;

const PEERS: [&str; 3] = ["rlsf", "talc", "linked-list"];

fn runs_on_the_heap_as_on_the_systems(program: &str, peers: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["c-programs", program, "--runs", "1"]);
    let output = command
        .args(["--peers", &peers.join(",")])
        .output()
        .unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{table}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rows = |memory: &str| table.lines().filter(|line| line.contains(memory)).count();
    for memory in ["system", "heap, none", "heap, light", "heap, comprehensive"] {
        assert!(rows(memory) >= 1, "no row of {memory} in\n{table}");
    }
    for peer in PEERS {
        let expected = usize::from(peers.contains(&peer));
        assert_eq!(rows(peer), expected, "{table}");
    }
}

#[test]
fn sqlite_runs_on_a_heap_of_6_mib() {
    runs_on_the_heap_as_on_the_systems("sqlite", &PEERS);
}

#[test]
fn lua_runs_on_a_heap_of_12_mib() {
    // The first fit of a linked list takes half a minute for what the others do in one second.
    runs_on_the_heap_as_on_the_systems("lua", &["rlsf", "talc"]);
}

#[test]
fn tls_runs_on_a_heap_of_512_kib() {
    runs_on_the_heap_as_on_the_systems("tls", &PEERS);
}

#[test]
fn a_program_that_is_not_there_is_said_to_be() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command.args(["c-programs", "doom"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
