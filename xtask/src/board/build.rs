//! Build of a board's program: package, features, output file.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Board;
use super::tool_command::ToolCommand;
use super::toolchain::Toolchain;
use crate::error::Error;
use crate::on_target::xtensa;
use esp_heap::status;

/// What is to be built.
#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// The chip on the board
    #[arg(long, value_enum, default_value_t = Board::Esp32)]
    pub(crate) chip: Board,
    /// For the ESP32: the programs on esp-hal, as for every other chip
    #[arg(long)]
    pub(crate) esp_hal: bool,
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
    /// Without the default features of the demonstration package
    #[arg(long)]
    pub(crate) no_default_features: bool,
    /// A rustup toolchain, the path of a rustc with its library sources, or of the folder that one
    /// was unpacked into; for the ESP32, S2 and S3 also by the variable ESP32_RUSTC
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) toolchain: Option<String>,
    /// Take this linked program instead of building one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["release", "bin", "example", "features", "no_default_features", "toolchain"])]
    pub(crate) elf: Option<PathBuf>,
    /// Print the commands that would be run, and run none
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl Source {
    /// Returns the command that builds it; `None` if the program is given.
    pub(crate) fn command(&self) -> Result<Option<ToolCommand>, Error> {
        if self.elf.is_some() {
            return Ok(None);
        }
        let toolchain = Toolchain::find(self.chip, self.toolchain.as_deref())?;
        let package = self.package();
        let mut command = on_package(package, |root| toolchain.cargo(self.chip, "build", root))?;
        command = command.args([self.kind(), self.program_name()]);
        if self.release {
            command = command.arg("--release");
        }
        if self.no_default_features {
            command = command.arg("--no-default-features");
        }
        let features = self.all_features();
        if !features.is_empty() {
            command = command.args(["--features".to_owned(), features.join(",")]);
        }
        Ok(Some(
            command.arg("--message-format=json-render-diagnostics"),
        ))
    }

    fn package(&self) -> Package {
        if self.chip == Board::Esp32 && !self.esp_hal {
            Package::Bare
        } else {
            Package::EspHal
        }
    }

    /// esp-hal's package has one for each chip, and its examples may need one of their name.
    fn all_features(&self) -> Vec<&str> {
        let mut features = Vec::new();
        if self.package() == Package::EspHal {
            features.push(self.chip.name());
            let example = self.example.as_deref();
            features.extend(example.filter(|name| EXAMPLES_WITH_FEATURES.contains(name)));
        }
        features.extend(self.features.as_deref());
        features
    }

    fn program_name(&self) -> &str {
        let named = self.bin.as_deref().or(self.example.as_deref());
        named.unwrap_or_else(|| self.package().name())
    }

    fn kind(&self) -> &'static str {
        self.example.as_ref().map_or("--bin", |_| "--example")
    }

    /// Returns the file that will be built, for a dry run.
    pub(crate) fn expected_file(&self) -> PathBuf {
        let profile = if self.release { "release" } else { "debug" };
        self.elf.clone().unwrap_or_else(|| {
            let folder = output_folder(&root()).join(self.chip.name());
            folder.join(profile).join(self.program_name())
        })
    }

    /// Builds it, unless it is given. Programs for chips of one instruction set are made in one
    /// folder, so each goes to its chip's.
    pub(crate) fn build(&self) -> Result<PathBuf, Error> {
        let Some(command) = self.command()? else {
            return Ok(self.expected_file());
        };
        if self.chip.is_xtensa() {
            xtensa::build()?;
        }
        status!("{command}");
        let output = command.results()?;
        let messages = String::from_utf8_lossy(&output.stdout);
        let program = executable(&messages, self.program_name());
        let program = program.filter(|_| output.status.success()).ok_or_else(|| {
            let name = self.program_name();
            Error::Build(format!(
                "`{name}` cannot be built for the {}, see above",
                self.chip.printed_name()
            ))
        })?;
        let file = self.expected_file();
        let folder = file.parent().unwrap_or(&file);
        fs::create_dir_all(folder).map_err(|cause| Error::file(folder, cause))?;
        fs::copy(&program, &file).map_err(|cause| Error::file(&file, cause))?;
        Ok(file)
    }
}

/// A package of programs for boards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Package {
    /// For the ESP32, on start-up code and register names alone.
    Bare,
    /// For any chip, on esp-hal.
    EspHal,
    /// A whole project on esp-hal that users copy.
    ToCopy,
}

/// Examples of esp-hal's package that need a feature of the same name.
const EXAMPLES_WITH_FEATURES: [&str; 4] =
    ["embassy", "wifi", "wifi_esp_alloc", "three_lines_esp_alloc"];

impl Package {
    /// Returns what cargo calls it; its first program has the same name.
    fn name(self) -> &'static str {
        match self {
            Package::Bare => "esp32-demo",
            Package::EspHal => "esp-hal-demo",
            Package::ToCopy => "my-firmware",
        }
    }

    fn manifest(self) -> PathBuf {
        let folder = match self {
            Package::Bare => "esp32",
            Package::EspHal => "esp-hal",
            Package::ToCopy => "to-copy",
        };
        root()
            .join("crates/firmware")
            .join(folder)
            .join("Cargo.toml")
    }
}

/// Returns the command that looks for lints in every program of `package` for `board`.
pub(crate) fn lints(package: Package, board: Board) -> Result<ToolCommand, Error> {
    let toolchain = Toolchain::find(board, None)?;
    if board.is_xtensa() {
        xtensa::build()?;
    }
    let command = on_package(package, |root| toolchain.cargo(board, "clippy", root))?;
    let command = if package == Package::EspHal {
        let features = format!(
            "{},defmt,guard,{}",
            board.name(),
            EXAMPLES_WITH_FEATURES.join(",")
        );
        command
            .args(["--features".to_owned(), features])
            .args(["--lib", "--examples"])
    } else {
        command
    };
    Ok(command.args(["--release", "--bins", "--", "-D", "warnings"]))
}

/// Returns the command that looks whether a package is formatted.
pub(crate) fn formatting(package: Package) -> ToolCommand {
    let command = ToolCommand::new("cargo").args(["fmt", "--check", "--manifest-path"]);
    command.arg(package.manifest())
}

/// `command` with a package and the folder for what it makes.
fn on_package(
    package: Package,
    cargo: impl FnOnce(&Path) -> Result<ToolCommand, Error>,
) -> Result<ToolCommand, Error> {
    let root = root();
    let command = cargo(&root)?.arg("--manifest-path").arg(package.manifest());
    Ok(command.arg("--target-dir").arg(output_folder(&root)))
}

/// Returns where cargo says it put the program called `name`.
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

/// Returns the folder of the workspace.
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
