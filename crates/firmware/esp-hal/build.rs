//! Linker scripts that make this a program for the chip: esp-hal's, and defmt's for its frames; and
//! defmt's level.
//!
//! defmt leaves out what is below its level when it compiles, and its level is `error` where nobody
//! says another one.

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlinkall.x");
    println!("cargo:rustc-link-arg-examples=-Tlinkall.x");
    if std::env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        println!("cargo:rustc-link-arg-bins=-Tdefmt.x");
        println!("cargo:rustc-link-arg-examples=-Tdefmt.x");
        let level = std::env::var("DEFMT_LOG").unwrap_or_else(|_| "info".to_owned());
        println!("cargo:rustc-env=DEFMT_LOG={level}");
    }
    println!("cargo:rerun-if-env-changed=DEFMT_LOG");
    println!("cargo:rerun-if-changed=build.rs");
}
