//! Processors for which the C library is built, and what each build needs.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::error::Error;
use crate::on_target::tools;

/// Whose code the library is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Processor {
    /// This machine
    Host,
    /// This machine with 32-bit pointers (x86)
    Host32,
    /// Xtensa LX6
    Esp32,
    /// RISC-V, rv32imc
    Esp32c3,
}

impl Processor {
    /// Returns what the user calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Processor::Host => "host",
            Processor::Host32 => "host32",
            Processor::Esp32 => "esp32",
            Processor::Esp32c3 => "esp32c3",
        }
    }

    /// Returns what cargo calls the target; the host's is the compiler's own.
    pub(crate) fn triple(self) -> Option<&'static str> {
        match self {
            Processor::Host => None,
            Processor::Host32 => Some("i686-unknown-linux-gnu"),
            Processor::Esp32 => Some("xtensa-qemu-none-elf"),
            Processor::Esp32c3 => Some("riscv32imc-unknown-none-elf"),
        }
    }

    /// Argument of `cargo build --target`: a file of ours, or a target that the compiler knows.
    pub(crate) fn specification(self, root: &Path) -> Option<PathBuf> {
        match self {
            Processor::Esp32 => Some(root.join("targets/xtensa-qemu-none-elf.json")),
            _ => self.triple().map(PathBuf::from),
        }
    }

    /// Returns whether programs for it have a C library of their own: then ours has other names for
    /// `malloc` and the like.
    pub(crate) fn is_hosted(self) -> bool {
        matches!(self, Processor::Host | Processor::Host32)
    }

    /// Refuses where the compiler is not installed, with one line that installs it.
    pub(crate) fn require(self) -> Result<(), Error> {
        const XTENSA: [(&str, &str); 2] = [("llvm-22", "llc-22"), ("llvm-22", "llvm-ar-22")];
        let compiler = tools::COMPILER.iter();
        match self {
            Processor::Host => Ok(()),
            Processor::Host32 | Processor::Esp32c3 => tools::require_all(compiler),
            Processor::Esp32 => tools::require_all(compiler.chain(&XTENSA)),
        }
    }
}
