//! Compilation of crates whose assembly LLVM cannot write as bitcode.
//!
//! rustc looks through a crate's assembly for symbols when it writes bitcode, and LLVM 22 ends
//! there at Xtensa's `.literal`. As text the same module can be written, and made bitcode without a
//! look:
//!
//! ```text
//!   cargo ─> this program as RUSTC_WRAPPER ─> rustc ─> bitcode                              most crates
//!                                                  └─> IR ─ llvm-as ─ llvm-ar ─> library    those with such assembly
//! ```

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::Error;
use crate::link::run as run_tool;

/// Crates with literals in their assembly.
const WITH_LITERALS: [&str; 3] = ["esp_hal", "esp_rtos", "xtensa_lx_rt"];

/// Compiles as rustc would. `line` is what cargo says to its wrapper: rustc, and rustc's arguments.
///
/// # Errors
/// There is no rustc in the line, it or a tool cannot be run, or a file cannot be read or written.
pub fn compile(line: &[OsString]) -> Result<ExitCode, Error> {
    let Some((rustc, arguments)) = line.split_first() else {
        return Err(Error::new(
            "usage: xtensa-rustc RUSTC ARGUMENTS…, as cargo calls RUSTC_WRAPPER",
        ));
    };
    let library = Library::of(arguments);
    match library.filter(|library| WITH_LITERALS.contains(&library.name.as_str())) {
        Some(library) => library.compile(rustc, arguments),
        None => rustc_ends(rustc, arguments),
    }
}

fn rustc_ends(rustc: &OsStr, arguments: &[OsString]) -> Result<ExitCode, Error> {
    let status = Command::new(rustc).args(arguments).status();
    let status = status.map_err(|cause| Error::file(Path::new(rustc), cause))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

/// What cargo wants to have compiled.
#[derive(Debug, PartialEq, Eq)]
struct Library {
    name: String,
    folder: PathBuf,
    /// What cargo adds to the names of files.
    suffix: String,
}

impl Library {
    fn of(arguments: &[OsString]) -> Option<Library> {
        let words: Vec<&str> = arguments
            .iter()
            .map(|word| word.to_str())
            .collect::<Option<_>>()?;
        let behind = |option: &str| {
            let at = words.iter().position(|word| *word == option)?;
            words.get(at + 1).copied()
        };
        let suffix = words.iter().find_map(|word| {
            let codegen = word.strip_prefix("-C").unwrap_or(word);
            codegen.strip_prefix("extra-filename=")
        });
        Some(Library {
            name: behind("--crate-name")?.to_owned(),
            folder: behind("--out-dir")?.into(),
            suffix: suffix.unwrap_or_default().to_owned(),
        })
    }

    fn file(&self, prefix: &str, extension: &str) -> PathBuf {
        let name = format!("{prefix}{}{}.{extension}", self.name, self.suffix);
        self.folder.join(name)
    }

    /// Compiles a crate. A library is an archive of rustc's metadata and modules of bitcode.
    fn compile(&self, rustc: &OsStr, arguments: &[OsString]) -> Result<ExitCode, Error> {
        let as_text = arguments.iter().map(emitting_text);
        let status = rustc_ends(rustc, &as_text.collect::<Vec<_>>())?;
        if status != ExitCode::SUCCESS {
            return Ok(status);
        }
        // This name within an archive is how rustc finds it.
        let metadata = self.folder.join("lib.rmeta");
        let copied = fs::copy(self.file("lib", "rmeta"), &metadata);
        copied.map_err(|cause| Error::file(&metadata, cause))?;
        let module = self.file("", "rcgu.o");
        run_tool(
            Command::new("llvm-as-22")
                .arg(self.file("", "ll"))
                .arg("-o")
                .arg(&module),
        )?;
        let archive = self.file("lib", "rlib");
        let _ = fs::remove_file(&archive);
        let mut archiver = Command::new("llvm-ar-22");
        run_tool(archiver.arg("rcS").arg(archive).args([&metadata, &module]))?;
        fs::remove_file(&metadata).map_err(|cause| Error::file(&metadata, cause))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn emitting_text(argument: &OsString) -> OsString {
    match argument.to_str() {
        Some(word) if word.starts_with("--emit=") => "--emit=dep-info,metadata,llvm-ir".into(),
        _ => argument.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Library, emitting_text};
    use std::ffi::OsString;

    fn line(words: &str) -> Vec<OsString> {
        words.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn what_cargo_wants_to_have_compiled_is_read_from_its_command() {
        let words = line("--crate-name one src/lib.rs -C extra-filename=-12 --out-dir /t/deps");
        let library = Library::of(&words).unwrap();
        assert_eq!(
            library.file("lib", "rlib").to_str(),
            Some("/t/deps/libone-12.rlib")
        );
        assert_eq!(library.file("", "ll").to_str(), Some("/t/deps/one-12.ll"));
        assert_eq!(Library::of(&line("-vV")), None);
    }

    #[test]
    fn a_library_as_text_still_has_its_metadata() {
        let arguments = line("--emit=dep-info,metadata,link --edition=2024")
            .iter()
            .map(emitting_text)
            .collect::<Vec<_>>();
        assert_eq!(
            arguments,
            line("--emit=dep-info,metadata,llvm-ir --edition=2024")
        );
    }
}
