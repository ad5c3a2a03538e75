//! Detects whether this compiler has `core::alloc::Allocator`.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=RUSTC_BOOTSTRAP");
    if is_nightly() {
        println!("cargo:rustc-cfg=compiler_has_allocator_api");
    }
}

fn is_nightly() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let says_so = |version: String| version.contains("nightly") || version.contains("-dev");
    env::var_os("RUSTC_BOOTSTRAP").is_some() || version.is_ok_and(says_so)
}
