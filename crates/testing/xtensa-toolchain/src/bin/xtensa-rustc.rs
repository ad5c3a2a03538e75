//! The wrapper of rustc for Xtensa; cargo calls it (`RUSTC_WRAPPER`), people don't.

use std::ffi::OsString;
use std::process::ExitCode;

use xtensa_toolchain::compiler;

fn main() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().skip(1).collect();
    compiler::compile(&line).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
