//! Linker scripts that make this a program for the chip: xtensa-lx-rt's, with this folder's
//! memory.x; and defmt's level.
//!
//! defmt leaves out what is below its level when it compiles, and its level is `error` where nobody
//! says another one.

use std::env;

fn main() {
    let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:rustc-link-search={folder}");
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    if env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        println!("cargo:rustc-link-arg-bins=-Tdefmt.x");
        let level = env::var("DEFMT_LOG").unwrap_or_else(|_| "info".to_owned());
        println!("cargo:rustc-env=DEFMT_LOG={level}");
    }
    println!("cargo:rerun-if-env-changed=DEFMT_LOG");
    println!("cargo:rustc-link-arg-bins=-nostartfiles");
    println!("cargo:rerun-if-changed=memory.x");
}
