//! Compilers on this machine for a chip, and what to install if there is none.
//!
//! ```text
//!   RISC-V     cargo with the target installed (rustup)   ─ or ─  Debian's rustc with its library sources, lld
//!   Xtensa     the toolchain `esp` of espup               ─ or ─  a rustc from 1.98 on with its library sources, LLVM's tools, GNU ld
//! ```
//! The upstream compiler knows Xtensa's inline assembly from 1.98 on; its code goes through a
//! linker of its own (`crates/testing/xtensa-toolchain`), crate by crate: LLVM 22 cannot write the
//! assembly of a whole program as bitcode.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::build::{output_folder, root};
use super::tool_command::ToolCommand;
use super::{Board, unpacked};
use crate::error::Error;
use crate::on_target::tools::is_there;
use crate::on_target::xtensa;

/// How cargo is called so that it compiles for the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// rustup's active toolchain, with the target's libraries.
    Rustup,
    /// rustup's toolchain of this name, with Espressif's compiler and linker.
    Espup(String),
    /// This compiler with its library sources, and a linker that is a program of its own.
    Sources { rustc: PathBuf },
}

/// From here on rustc has Xtensa's inline assembly (rust-lang/rust 147302).
const FIRST_WITH_XTENSA_ASSEMBLY: u32 = 98;
const SYSTEM: &str = "/usr/bin/rustc";
const ESPUP: &str = "esp";
/// Names a compiler for the ESP32, ESP32-S2 and ESP32-S3 once and for all.
const RUSTC_VARIABLE: &str = "ESP32_RUSTC";

impl Toolchain {
    /// Returns the toolchain called `wanted`, or the best one that is there.
    pub(crate) fn find(board: Board, wanted: Option<&str>) -> Result<Toolchain, Error> {
        let named = env::var(RUSTC_VARIABLE).ok();
        let named = named.as_deref().filter(|_| board.is_xtensa());
        match wanted.or(named) {
            Some(path) if path.contains('/') => {
                let rustc = unpacked::compiler(Path::new(path));
                let scripts = output_folder(&root()).join("compiler");
                with_sources(board, &unpacked::launched(&rustc, &scripts)?)
            }
            Some(name) if !answers(rustup_rustc(name)) => Err(Error::MissingTool {
                tool: format!("the toolchain `{name}`"),
                remedy: remedy(board),
            }),
            Some(name) => Ok(Toolchain::Espup(name.to_owned())),
            None => match board {
                _ if board.is_xtensa() && answers(rustup_rustc(ESPUP)) => {
                    Ok(Toolchain::Espup(ESPUP.to_owned()))
                }
                _ if !board.is_xtensa() && has_libraries(board) => Ok(Toolchain::Rustup),
                _ => with_sources(board, Path::new(SYSTEM)),
            },
        }
    }

    /// Returns the beginning of a cargo command: `build`, or `clippy`.
    pub(crate) fn cargo(
        &self,
        board: Board,
        what: &str,
        root: &Path,
    ) -> Result<ToolCommand, Error> {
        Ok(match self {
            Toolchain::Rustup => ToolCommand::new("cargo").args([what, "--target", board.triple()]),
            Toolchain::Espup(name) => ToolCommand::new("cargo").args([format!("+{name}")]).args([
                what,
                "-Zbuild-std=core,alloc",
                "--target",
                board.triple(),
            ]),
            Toolchain::Sources { rustc } => {
                let target = if board.is_xtensa() {
                    let file = format!("targets/{}.json", board.triple());
                    root.join(file).into()
                } else {
                    OsString::from(board.triple())
                };
                let command = ToolCommand::new(cargo_beside(rustc, what)?)
                    .env("CARGO", beside(rustc, "cargo"))
                    .env("RUSTC", rustc)
                    .env("RUSTC_BOOTSTRAP", "1");
                with_linker(command, board)?
                    .args([
                        what,
                        "-Zbuild-std=core,alloc",
                        "-Zjson-target-spec",
                        "--target",
                    ])
                    .arg(target)
            }
        })
    }
}

/// Returns the command that installs a compiler for the board.
fn remedy(board: Board) -> String {
    if board.is_xtensa() {
        return format!(
            "cargo install espup --locked && espup install --targets {} && . ~/export-esp.sh (or unpack Debian's: docs/flash.md, section 1)",
            board.name()
        );
    }
    format!("rustup target add {}", board.triple())
}

/// Returns a compiler that builds `core` itself needs sources and a linker, and for Xtensa a
/// certain age.
fn with_sources(board: Board, rustc: &Path) -> Result<Toolchain, Error> {
    let sources = sysroot(rustc).map(|root| root.join("lib/rustlib/src/rust/library/Cargo.lock"));
    let has_sources = sources.is_some_and(|lock| lock.is_file());
    let is_new = !board.is_xtensa()
        || minor_version(rustc).is_some_and(|minor| minor >= FIRST_WITH_XTENSA_ASSEMBLY);
    let tools: &[&str] = if board.is_xtensa() {
        &["llc-22", "xtensa-lx106-elf-ld"]
    } else {
        &["ld.lld-22"]
    };
    let missing = tools.iter().find(|tool| !is_there(tool));
    match missing {
        None if has_sources && is_new => Ok(Toolchain::Sources {
            rustc: rustc.to_owned(),
        }),
        Some(tool) if has_sources && is_new => Err(Error::MissingTool {
            tool: (*tool).to_owned(),
            remedy: "apt-get install llvm-22 lld-22 binutils-xtensa-lx106".to_owned(),
        }),
        _ => Err(Error::MissingTool {
            tool: format!("a compiler for the {}", board.printed_name()),
            remedy: remedy(board),
        }),
    }
}

/// For Xtensa a linker of our own, and a wrapper of rustc where rustc alone fails.
fn with_linker(command: ToolCommand, board: Board) -> Result<ToolCommand, Error> {
    if !board.is_xtensa() {
        return Ok(command.env(linker_variable(board), "ld.lld-22"));
    }
    Ok(command
        .env(linker_variable(board), xtensa::linker()?)
        .env("RUSTC_WRAPPER", xtensa::compiler()?)
        .env("CARGO_PROFILE_DEV_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_LTO", "off"))
}

/// Variable by which cargo gets the linker of a target.
fn linker_variable(board: Board) -> String {
    let name = board.triple().to_uppercase().replace('-', "_");
    format!("CARGO_TARGET_{name}_LINKER")
}

/// Returns the cargo of a compiler. A compiler comes with its cargo; the lints' is a program of its
/// own, since cargo would rather take rustup's.
fn cargo_beside(rustc: &Path, what: &str) -> Result<OsString, Error> {
    if what != "clippy" {
        return Ok(beside(rustc, "cargo"));
    }
    let clippy = rustc.with_file_name("cargo-clippy");
    if clippy.is_file() {
        return Ok(clippy.into());
    }
    Err(Error::MissingTool {
        tool: clippy.display().to_string(),
        remedy: "apt-get install rust-web-clippy".to_owned(),
    })
}

/// Returns the program of this name that came with a compiler; else whichever there is.
fn beside(rustc: &Path, program: &str) -> OsString {
    let beside = rustc.with_file_name(program);
    if beside.is_file() {
        beside.into()
    } else {
        program.into()
    }
}

fn rustup_rustc(toolchain: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", toolchain, "rustc", "--version"]);
    command
}

fn answers(mut command: Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Returns whether the active toolchain has the board's target.
fn has_libraries(board: Board) -> bool {
    let folder = |root: PathBuf| root.join("lib/rustlib").join(board.triple()).join("lib");
    sysroot(Path::new("rustc")).is_some_and(|root| folder(root).is_dir())
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    output_of(rustc, &["--print", "sysroot"]).map(|line| PathBuf::from(line.trim_end()))
}

/// 98 of `rustc 1.98.1 (…)`.
fn minor_version(rustc: &Path) -> Option<u32> {
    minor_of(&output_of(rustc, &["--version"])?)
}

fn minor_of(version: &str) -> Option<u32> {
    version
        .strip_prefix("rustc 1.")?
        .split('.')
        .next()?
        .parse()
        .ok()
}

fn output_of(rustc: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(rustc);
    command.args(arguments).env_remove("RUSTUP_TOOLCHAIN");
    let output = command.output().ok()?;
    let is_well = output.status.success();
    is_well.then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compilers_age_is_read_from_its_version() {
        assert_eq!(minor_of("rustc 1.98.1 (48a229cea 2026-09-01)"), Some(98));
        assert_eq!(minor_of("clang 22"), None);
    }

    #[test]
    fn without_a_compiler_one_line_says_what_to_install() {
        let error = Toolchain::find(Board::Esp32, Some("/no/such/rustc")).unwrap_err();
        assert!(error.to_string().contains("espup install"), "{error}");
        let error = Toolchain::find(Board::Esp32c3, Some("no-such-toolchain")).unwrap_err();
        assert!(
            error.to_string().contains("rustup target add riscv32imc"),
            "{error}"
        );
    }

    #[test]
    fn espups_toolchain_builds_core_for_the_built_in_target() {
        let command = Toolchain::Espup("esp".to_owned())
            .cargo(Board::Esp32, "build", Path::new("/"))
            .unwrap();
        let typed = "cargo +esp build -Zbuild-std=core,alloc --target xtensa-esp32-none-elf";
        assert_eq!(command.to_string(), typed);
    }

    #[test]
    fn a_compiler_with_sources_gets_its_linker() {
        let toolchain = Toolchain::Sources {
            rustc: "/no/rustc".into(),
        };
        let command = toolchain
            .cargo(Board::Esp32c3, "build", Path::new("/"))
            .unwrap()
            .to_string();
        let linker = "CARGO_TARGET_RISCV32IMC_UNKNOWN_NONE_ELF_LINKER=ld.lld-22";
        assert!(
            command.starts_with("CARGO=cargo RUSTC=/no/rustc RUSTC_BOOTSTRAP=1"),
            "{command}"
        );
        assert!(command.contains(linker), "{command}");
    }
}
