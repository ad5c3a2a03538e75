//! Compiler target and emulator of a chip.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

/// A chip whose instruction set a stock emulator executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Xtensa LX6, windowed registers
    Esp32,
    /// RISC-V, rv32imc
    Esp32c3,
}

const XTENSA_OPTIONS: &[&str] = &["-machine", "sim", "-cpu", "dc233c"];
const RISCV_OPTIONS: &[&str] = &["-machine", "virt", "-bios", "none", "-serial", "stdio"];

impl Target {
    /// Returns what the user calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Target::Esp32 => "esp32",
            Target::Esp32c3 => "esp32c3",
        }
    }

    /// Returns whether the processor exchanges words atomically.
    pub(crate) fn has_atomics(self) -> bool {
        self == Target::Esp32
    }

    /// Returns what cargo calls the target.
    pub(crate) fn triple(self) -> &'static str {
        match self {
            Target::Esp32 => "xtensa-qemu-none-elf",
            Target::Esp32c3 => "riscv32imc-unknown-none-elf",
        }
    }

    /// Argument of `cargo build --target`: a file of ours, or a target that the compiler knows.
    pub(crate) fn specification(self, root: &Path) -> PathBuf {
        match self {
            Target::Esp32 => root.join("targets/xtensa-qemu-none-elf.json"),
            Target::Esp32c3 => self.triple().into(),
        }
    }

    /// Returns the emulator and its options; the program follows as `-kernel FILE`.
    pub(crate) fn emulator(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Target::Esp32 => ("qemu-system-xtensa", XTENSA_OPTIONS),
            Target::Esp32c3 => ("qemu-system-riscv32", RISCV_OPTIONS),
        }
    }

    /// Returns the options that let every instruction take the same virtual time, 1024 ns and 1 ns,
    /// so that clocks count instructions.
    pub(crate) fn counting(self) -> [&'static str; 2] {
        match self {
            Target::Esp32 => ["-icount", "shift=10,sleep=off"],
            Target::Esp32c3 => ["-icount", "shift=0,sleep=off"],
        }
    }

    /// Returns the physical address of what programs see at 0x3F80_0000, see `boot.S` in
    /// `targets/`.
    pub(crate) fn psram(self) -> u32 {
        match self {
            Target::Esp32 => 0x0080_0000,
            Target::Esp32c3 => 0x80C0_0000,
        }
    }

    /// Returns the physical address of what programs see at 0x3FC0_0000.
    pub(crate) fn below_dram(self) -> u32 {
        self.psram() + 0x0040_0000
    }

    /// Returns what a chip needs beyond the compiler: Debian packages, each with a program that it
    /// brings.
    pub(crate) fn packages(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Target::Esp32 => &[
                ("llvm-22", "llc-22"),
                ("binutils-xtensa-lx106", "xtensa-lx106-elf-ld"),
                ("qemu-system-misc", "qemu-system-xtensa"),
            ],
            Target::Esp32c3 => &[
                ("lld-22", "ld.lld-22"),
                ("qemu-system-misc", "qemu-system-riscv32"),
            ],
        }
    }
}
