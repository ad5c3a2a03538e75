//! Commands for boards on a machine that lacks something, and the steps that they name. Tools are
//! played by scripts.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be, also in its helpers"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A machine with these programs and no others.
fn machine(programs: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, script) in programs {
        let file = folder.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

fn xtask(machine: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).env("PATH", machine);
    command
        .env_remove("ESPFLASH_PORT")
        .env_remove("ESP32_RUSTC");
    command.output().unwrap()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn text_of(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(text).unwrap()
}

const SENDER: (&str, &str) = ("esptool", "exit 1");
/// rustup's compiler for the ESP32-C3: its system root has the target's libraries.
const ACTIVE_RUSTC: &str = r#"root="${0%/*}"; /bin/mkdir -p "$root/lib/rustlib/riscv32imc-unknown-none-elf/lib"; echo "$root""#;

#[test]
fn without_a_compiler_one_line_says_what_to_install() {
    let machine = machine(&[]);
    let lines = [
        ("esp32", "cargo install espup --locked && espup install"),
        ("esp32c3", "rustup target add riscv32imc-unknown-none-elf"),
    ];
    for (chip, line) in lines {
        let command = ["build", "--chip", chip, "--toolchain", "/no/such/rustc"];
        let output = xtask(machine.path(), &command);
        assert_eq!(code(&output), Some(3), "{}", text_of(&output));
        assert!(text_of(&output).contains(line), "{}", text_of(&output));
        assert_eq!(text_of(&output).lines().count(), 1);
    }
}

#[test]
fn without_a_sender_one_line_says_what_to_install() {
    let machine = machine(&[]);
    for command in ["image", "flash", "monitor"] {
        let output = xtask(machine.path(), &[command, "--chip", "esp32c3"]);
        assert_eq!(code(&output), Some(3), "{}", text_of(&output));
        let line = "install it with: cargo install espflash --locked";
        assert!(text_of(&output).contains(line), "{}", text_of(&output));
    }
}

#[test]
fn a_dry_run_needs_no_sender() {
    let machine = machine(&[]);
    for command in ["image", "flash", "monitor"] {
        let words = [
            command,
            "--dry-run",
            "--chip",
            "esp32c3",
            "--elf",
            "demo.elf",
        ];
        let output = xtask(machine.path(), &words);
        assert_eq!(code(&output), Some(0), "{command}: {}", text_of(&output));
        assert!(
            text_of(&output).contains("espflash "),
            "{}",
            text_of(&output)
        );
    }
}

#[test]
fn a_dry_run_prints_the_exact_steps_from_source_to_board() {
    let compilers = [("rustc", ACTIVE_RUSTC), ("rustup", "exit 0")];
    let machine = machine(&[SENDER, compilers[0], compilers[1]]);
    let builds = [
        (
            "esp32",
            "cargo +esp build -Zbuild-std=core,alloc --target xtensa-esp32-none-elf",
        ),
        (
            "esp32c3",
            "cargo build --target riscv32imc-unknown-none-elf",
        ),
    ];
    for (chip, build) in builds {
        let dry = ["flash", "--dry-run", "--release", "--port", "/dev/ttyUSB7"];
        let output = xtask(machine.path(), &[&dry[..], &["--chip", chip]].concat());
        assert_eq!(code(&output), Some(0), "{}", text_of(&output));
        let steps = text_of(&output);
        let expected = [
            build.to_owned(),
            format!("esptool --chip {chip} elf2image"),
            "esptool --port /dev/ttyUSB7 --after no-reset chip-id".to_owned(),
            format!("esptool --chip {chip} --port /dev/ttyUSB7 --baud 460800 write-flash"),
            "pyserial-miniterm --raw /dev/ttyUSB7 115200".to_owned(),
        ];
        assert_eq!(steps.lines().count(), expected.len(), "{steps}");
        for (step, beginning) in steps.lines().zip(expected) {
            assert!(step.contains(&beginning), "{step}");
        }
    }
}

#[test]
fn a_dry_run_of_a_linked_program_prints_the_steps_for_both_chips() {
    let machine = machine(&[SENDER]);
    for (chip, number) in [("esp32", 4), ("esp32c3", 4)] {
        let command = ["flash", "--dry-run", "--chip", chip, "--elf", "demo.elf"];
        let output = xtask(machine.path(), &command);
        assert_eq!(code(&output), Some(0), "{}", text_of(&output));
        assert_eq!(
            text_of(&output).lines().count(),
            number,
            "{}",
            text_of(&output)
        );
        assert!(text_of(&output).contains(&format!("--chip {chip} --port PORT")));
    }
}

#[test]
fn a_program_that_is_not_there_is_exit_code_5() {
    let machine = machine(&[SENDER]);
    let command = ["build", "--chip", "esp32c3", "--elf", "/no/such/program"];
    let output = xtask(machine.path(), &command);
    assert_eq!(code(&output), Some(5), "{}", text_of(&output));
    assert!(text_of(&output).contains("/no/such/program"));
}

#[test]
fn a_compiler_that_fails_is_exit_code_6() {
    let machine = machine(&[("rustc", ACTIVE_RUSTC), ("cargo", "exit 101")]);
    let output = xtask(machine.path(), &["build", "--chip", "esp32c3"]);
    assert_eq!(code(&output), Some(6), "{}", text_of(&output));
    assert!(text_of(&output).contains("`esp-hal-demo` cannot be built"));
}

#[test]
fn a_program_for_another_machine_is_exit_code_5() {
    let machine = machine(&[SENDER]);
    let own = std::env::current_exe().unwrap();
    let command = ["image", "--chip", "esp32c3", "--elf"];
    let output = xtask(
        machine.path(),
        &[&command[..], &[own.to_str().unwrap()]].concat(),
    );
    assert_eq!(code(&output), Some(5), "{}", text_of(&output));
}

#[test]
fn a_port_that_is_not_there_is_exit_code_8_before_anything_is_built() {
    let machine = machine(&[SENDER]);
    for command in ["flash", "monitor"] {
        let port = ["--port", "/dev/no-such-port"];
        let output = xtask(
            machine.path(),
            &[&[command, "--chip", "esp32c3"][..], &port].concat(),
        );
        assert_eq!(code(&output), Some(8), "{}", text_of(&output));
        assert!(text_of(&output).contains("/dev/no-such-port is not there"));
    }
}
