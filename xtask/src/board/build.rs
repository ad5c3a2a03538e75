//! How does a demonstration program become an ELF file?

use std::env;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Board;
use super::step::Step;
use super::toolchain::Toolchain;
use crate::error::Error;
use crate::on_target::xtensa;

/// What is to be built.
#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// The chip on the board
    #[arg(long, value_enum, default_value_t = Board::Esp32)]
    pub(crate) chip: Board,
    /// Build with all optimisations
    #[arg(long)]
    pub(crate) release: bool,
    /// Which program of the demonstration package; its main one by default
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Option<String>,
    /// Which example of the demonstration package instead
    #[arg(long, value_name = "NAME", conflicts_with = "bin")]
    pub(crate) example: Option<String>,
    /// Features of the demonstration package, separated by commas
    #[arg(long, value_name = "LIST")]
    pub(crate) features: Option<String>,
    /// A rustup toolchain, the path of a rustc with its library sources, or of the folder that one was unpacked into;
    /// for the ESP32 also by the variable ESP32_RUSTC
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) toolchain: Option<String>,
    /// Take this linked program instead of building one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["release", "bin", "example", "features", "toolchain"])]
    pub(crate) elf: Option<PathBuf>,
    /// Print the commands that would be run, and run none
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl Source {
    /// The command that builds it; `None` if the program is given.
    pub(crate) fn step(&self) -> Result<Option<Step>, Error> {
        if self.elf.is_some() {
            return Ok(None);
        }
        let toolchain = Toolchain::find(self.chip, self.toolchain.as_deref())?;
        let mut step = on_package(self.chip, |root| toolchain.cargo(self.chip, "build", root))?;
        step = step.args([self.kind(), self.program_name()]);
        if self.release {
            step = step.arg("--release");
        }
        if let Some(features) = &self.features {
            step = step.args(["--features", features]);
        }
        Ok(Some(step.arg("--message-format=json-render-diagnostics")))
    }

    fn program_name(&self) -> &str {
        let named = self.bin.as_deref().or(self.example.as_deref());
        named.unwrap_or_else(|| self.chip.package())
    }

    fn kind(&self) -> &'static str {
        self.example.as_ref().map_or("--bin", |_| "--example")
    }

    /// The file that will be built, for those who only look.
    pub(crate) fn expected_file(&self) -> PathBuf {
        let profile = if self.release { "release" } else { "debug" };
        self.elf.clone().unwrap_or_else(|| {
            let folder = output_folder(&root()).join(self.chip.triple());
            let below = self.example.as_ref().map_or("", |_| "examples");
            folder.join(profile).join(below).join(self.program_name())
        })
    }

    /// Builds it, unless it is given.
    pub(crate) fn build(&self) -> Result<PathBuf, Error> {
        let Some(step) = self.step()? else {
            return Ok(self.expected_file());
        };
        if self.chip == Board::Esp32 {
            xtensa::build()?;
        }
        eprintln!("{step}");
        let output = step.results()?;
        let messages = String::from_utf8_lossy(&output.stdout);
        let program = executable(&messages, self.program_name());
        program.filter(|_| output.status.success()).ok_or_else(|| {
            let name = self.program_name();
            Error::Build(format!(
                "`{name}` cannot be built for the {}, see above",
                self.chip.printed_name()
            ))
        })
    }
}

/// The command that looks for lints in every program of `board`'s package.
pub(crate) fn lints(board: Board) -> Result<Step, Error> {
    let toolchain = Toolchain::find(board, None)?;
    if board == Board::Esp32 {
        xtensa::build()?;
    }
    let step = on_package(board, |root| toolchain.cargo(board, "clippy", root))?;
    Ok(step.args([
        "--release",
        "--lib",
        "--bins",
        "--examples",
        "--",
        "-D",
        "warnings",
    ]))
}

/// The command that looks whether `board`'s package is formatted.
pub(crate) fn formatting(board: Board) -> Result<Step, Error> {
    let step = Step::new("cargo").args(["fmt", "--check", "--manifest-path"]);
    Ok(step.arg(manifest(board)))
}

/// `command` with `board`'s package and the folder for what it makes.
fn on_package(
    board: Board,
    command: impl FnOnce(&Path) -> Result<Step, Error>,
) -> Result<Step, Error> {
    let root = root();
    let step = command(&root)?.arg("--manifest-path").arg(manifest(board));
    Ok(step.arg("--target-dir").arg(output_folder(&root)))
}

/// The manifest of `board`'s package.
fn manifest(board: Board) -> PathBuf {
    let firmware = root().join("crates/firmware");
    firmware.join(board.folder()).join("Cargo.toml")
}

/// Where cargo says it put the program called `name`.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let is_program = |message: &Value| message["target"]["name"] == name;
    let mut files = messages
        .filter(is_program)
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    files.next_back()
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

pub(crate) fn output_folder(root: &Path) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("board")
}

#[cfg(test)]
mod tests {
    use super::executable;
    use std::path::PathBuf;

    #[test]
    fn cargo_says_where_the_program_is() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"build-script-build"},"executable":"/t/build"}
{"reason":"compiler-artifact","target":{"name":"demo"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"demo"},"executable":"/t/demo"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "demo"), Some(PathBuf::from("/t/demo")));
        assert_eq!(executable(messages, "other"), None);
    }
}
