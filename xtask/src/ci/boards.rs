//! Steps of CI for what leaves this repository: programs for boards, packages of the C library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::sources::{root, target_folder};
use super::steps::{needs_component, xtask};
use super::tool::{self, StepError, cargo};
use crate::board::Board;
use crate::board::build::{self, Package};
use crate::board::toolchain::Toolchain;
use crate::on_target::{caught, tools};
use esp_heap::say;

const PACKAGE_TOOLS_REMEDY: &str = "pip install platformio idf-component-manager";
const SENDER_REMEDY: &str = "pip install esptool esp32-mock-bootloader";

/// Lints of the ESP32's programs need a compiler that few machines have.
pub(super) fn lints() -> Result<(), StepError> {
    needs_component("fmt", "rustfmt")?;
    let steps = [
        Ok(build::formatting(Package::Bare)),
        Ok(build::formatting(Package::EspHal)),
        Ok(build::formatting(Package::ToCopy)),
        build::lints(Package::EspHal, Board::Esp32c3),
        build::lints(Package::ToCopy, Board::Esp32c3),
    ];
    for step in steps {
        let step = step?;
        say!("   {step}")?;
        if !step.run()? {
            return Err(StepError::Failed(step.to_string()));
        }
    }
    Ok(())
}

/// Packs the C library as PlatformIO, ESP-IDF's component manager and Zephyr take it.
pub(super) fn c_packages() -> Result<(), StepError> {
    let programs = folder_of("compote", PACKAGE_TOOLS_REMEDY)?;
    let packages = target_folder().join("packages");
    let _ = fs::remove_dir_all(&packages);
    let kinds = [
        ("platformio", None),
        ("idf-component", Some("esp32,esp32c3")),
        ("zephyr", Some("esp32,esp32c3,host,host32")),
    ];
    for (kind, targets) in kinds {
        let mut command = xtask();
        command.args(["clib", "--package", kind]);
        command.args(targets.into_iter().flat_map(|list| ["--target", list]));
        let out = packages.join(kind).join("heap_caps");
        tool::run(command.arg("--out").arg(out))?;
    }
    let mut check = script("python3", "xtask/tests/packages.py");
    tool::run(check.arg(&packages).arg(programs))
}

/// Builds what a user of esp-hal builds, with images where a board starts them: all programs for
/// the ESP32-C3, the shortest for the other RISC-V chips.
///
/// A program with a second heap, such as `esp-radio` brings, is refused behind the linker.
pub(super) fn images() -> Result<(), StepError> {
    folder_of("esptool", SENDER_REMEDY)?;
    for example in [
        &[][..],
        &["--example", "three_lines"],
        &["--example", "three_lines_esp_alloc"],
        &["--example", "embassy"],
        &["--features", "defmt"],
    ] {
        let mut command = on_board("image", Board::Esp32c3);
        tool::run(command.args(example).args(["--with", "esptool"]))?;
    }
    folder_of("espflash", "cargo install espflash --locked")?;
    // esptool takes no constants and code in one page of flash, as esp-hal has them on two chips.
    for (board, sender) in [
        (Board::Esp32c2, "esptool"),
        (Board::Esp32c5, "espflash"),
        (Board::Esp32c61, "espflash"),
        (Board::Esp32h2, "esptool"),
    ] {
        let mut command = on_board("image", board);
        tool::run(command.args(["--example", "three_lines", "--with", sender]))?;
    }
    for (board, example) in [
        (Board::Esp32c3, "wifi"),
        (Board::Esp32c3, "wifi_esp_alloc"),
        (Board::Esp32c6, "embassy"),
        (Board::Esp32c6, "wifi"),
        (Board::Esp32c6, "wifi_esp_alloc"),
    ] {
        tool::run(on_board("image", board).args(["--example", example, "--with", "esptool"]))?;
    }
    Ok(())
}

/// Starts the ESP32-C3's program in an emulator and sends it to a boot loader.
pub(super) fn esp32c3() -> Result<(), StepError> {
    let programs = folder_of("esptool", SENDER_REMEDY)?;
    tool::run(&mut on_board("boot", Board::Esp32c3))?;
    tool::run(&mut sending(&programs, Board::Esp32c3, "esp-hal-demo"))?;
    guards_lead_to_lines()
}

/// Starts the ESP32-C3's program with guards on the core's triggers: what they catch must lead to
/// the planted lines.
fn guards_lead_to_lines() -> Result<(), StepError> {
    let folder = output_of(Board::Esp32c3)?;
    let log = folder.join("guards.log");
    let mut boot = on_board("boot", Board::Esp32c3);
    boot.args([
        "--features",
        "guard",
        "--no-default-features",
        "--cores",
        "1",
    ]);
    tool::run(boot.args(["--reports", "1", "--bytes"]).arg(&log))?;
    let failed = |cause: &dyn std::fmt::Display| StepError::Failed(cause.to_string());
    let text = fs::read_to_string(&log).map_err(|cause| failed(&cause))?;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let not_named = caught::not_named("guard", &lines, &folder.join("release/esp-hal-demo"));
    match not_named.map_err(|cause| failed(&cause))? {
        Some(fault) => Err(StepError::Failed(fault)),
        None => Ok(()),
    }
}

/// Creates the folder for a board's programs and their output; returns it.
fn output_of(board: Board) -> Result<PathBuf, StepError> {
    let folder = build::output_folder(&root()).join(board.name());
    fs::create_dir_all(&folder).map_err(|cause| StepError::Failed(cause.to_string()))?;
    Ok(folder)
}

/// Starts the ESP32's program in an emulator, decodes its frames and sends it to a boot loader.
pub(super) fn esp32() -> Result<(), StepError> {
    Toolchain::find(Board::Esp32, None)?;
    let programs = folder_of("esptool", SENDER_REMEDY)?;
    tool::run(&mut on_board("boot", Board::Esp32))?;
    let mut frames = cargo();
    frames.args(["test", "--manifest-path"]);
    frames.arg(root().join("crates/testing/defmt-frames/Cargo.toml"));
    frames
        .arg("--target-dir")
        .arg(target_folder().join("defmt-frames"));
    tool::run(&mut frames)?;
    events_lead_to_lines()?;
    tool::run(&mut on_board("build", Board::Esp32))?;
    let mut send = sending(&programs, Board::Esp32, "esp32-demo");
    tool::run(send.args(["--sender", "esptool"]))
}

/// Starts the ESP32's program with events, and reports them: what a `Vec` allocates through Rust's
/// glue must lead to the line that asks.
fn events_lead_to_lines() -> Result<(), StepError> {
    const SITE: &str = "src/soak.rs:";
    const FUNCTION: &str = "Soak::step";
    let folder = output_of(Board::Esp32)?;
    let log = folder.join("events.log");
    let mut boot = on_board("boot", Board::Esp32);
    boot.args(["--features", "events", "--cores", "1"]);
    tool::run(boot.args(["--reports", "1", "--bytes"]).arg(&log))?;
    let mut report = cargo();
    report.args(["esp-heap", "report"]).arg(log).arg("--elf");
    report.arg(folder.join("release/esp32-demo"));
    report.arg("--out").arg(folder.join("events.html"));
    // The serial port is slower than the program, so that events are dropped: there is no verdict.
    let (printed, _) = tool::run_quietly(report);
    let mut lines = printed.lines();
    if lines.any(|line| line.contains(SITE) && line.contains(FUNCTION)) {
        return Ok(());
    }
    Err(StepError::Failed(format!(
        "no site of the report is {FUNCTION} in {SITE}\n{printed}"
    )))
}

fn on_board(what: &str, board: Board) -> Command {
    let mut command = xtask();
    command.args([what, "--chip", board.name(), "--release"]);
    command
}

/// Returns the check that sends a program to a boot loader on a pseudo-terminal, run by the
/// interpreter that has the sender's packages.
fn sending(programs: &Path, board: Board, program: &str) -> Command {
    let python = programs.join("python3");
    let python = if python.is_file() {
        python
    } else {
        "python3".into()
    };
    let mut command = script(python, "xtask/tests/flash.py");
    let folder = build::output_folder(&root()).join(board.name());
    command.args(["--chip", board.name(), "--elf"]);
    command.arg(folder.join("release").join(program));
    command
}

fn script(python: impl AsRef<std::ffi::OsStr>, path: &str) -> Command {
    let mut command = Command::new(python);
    command.current_dir(root()).arg(path);
    command
}

/// Returns the folder with a program that the system finds by its name.
fn folder_of(program: &str, remedy: &str) -> Result<PathBuf, StepError> {
    let file = tools::found(program);
    let folder = file.as_deref().and_then(Path::parent);
    folder
        .map(Path::to_owned)
        .ok_or_else(|| StepError::missing(program, remedy))
}
