//! Programs of `crates/testing/on-target`, built and run: compiler, emulator, time limit.
//!
//! ```text
//!   target.rs   which compiler, linker and emulator a chip needs        tools.rs   what must be installed for it
//!   build.rs    program ─> ELF file                                     run.rs     ELF file ─> output and exit code
//!                                                                       size.rs    ELF file ─> bytes of code
//!                                                                       leaks.rs   output ─> the lines that a report names
//!                                                                       caught.rs  output ─> the lines that a report says write where they must not
//!                                                                       in_ram.rs  ELF file ─> what code in RAM refers to
//!   xtensa.rs   the linker and compiler wrapper of Xtensa programs
//! ```

pub(crate) mod build;
pub(crate) mod caught;
pub(crate) mod in_ram;
pub(crate) mod leaks;
pub(crate) mod run;
pub(crate) mod size;
pub(crate) mod target;
pub(crate) mod tools;
pub(crate) mod xtensa;

pub(crate) use build::Programs;
pub(crate) use target::Target;
