//! Commands as their help describes them, seen from outside: output and exit codes.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be, also in its helpers"
)]

use std::fs::File;
use std::process::{Command, Output, Stdio};

fn xtask(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn what_does_not_exist_on_the_command_line_is_exit_code_2() {
    let wrong = [
        &["ci", "--only", "everything"][..],
        &["bench", "--target", "pdp11"],
        &["peers", "no/such/file.trace", "--depth", "3"],
        &["sim"],
        &["dance"],
    ];
    for arguments in wrong {
        let output = xtask(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn every_command_has_help() {
    let commands = [
        "qemu",
        "bench",
        "peers",
        "faults",
        "fuzz",
        "build",
        "image",
        "flash",
        "monitor",
        "clib",
        "check-symbols",
        "test-host",
        "ci",
    ];
    for command in commands {
        let output = xtask(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.contains("Usage: cargo xtask"), "{command}");
    }
}

#[test]
fn a_trace_that_is_not_there_is_exit_code_5_with_its_name() {
    let output = xtask(&["peers", "no/such/file.trace.gz"]);
    assert_eq!(output.status.code(), Some(5));
    let complained = String::from_utf8(output.stderr).unwrap();
    assert!(complained.contains("no/such/file.trace.gz"), "{complained}");
}

#[test]
fn a_full_disk_and_a_closed_pipe_are_no_panic() {
    let commands = [
        &["ci", "--only", "columns"][..],
        &["faults", "--count", "1", "--kind", "double-free"],
    ];
    for arguments in commands {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(arguments).stdin(Stdio::null());
        if let Ok(full) = File::options().write(true).open("/dev/full") {
            let error = full.try_clone().unwrap();
            let status = command.stdout(full).stderr(error).status().unwrap();
            assert_eq!(status.code(), Some(5), "{arguments:?}");
        }
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!complaints.contains("panicked"), "{complaints}");
    }
}
