//! Which files of `targets/` belong to a program: cargo does not track linker scripts, assembly and linkers by itself.

use std::env;
use std::path::{Path, PathBuf};

/// Xtensa assembly is linked as files: the compiler knows no `asm!` for it yet.
const XTENSA: [&str; 3] = ["boot.S", "traps.S", "calls.S"];

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    match env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("xtensa") => xtensa(&root),
        Ok("riscv32") => link("-T", &root.join("targets/riscv32-qemu/link.x")),
        _ => {}
    }
}

fn xtensa(root: &Path) {
    let folder = root.join("targets/xtensa-qemu");
    link("-T", &folder.join("link.x"));
    for file in XTENSA {
        link("", &folder.join(file));
    }
    depend_on(&root.join("xtask/src/xtensa"));
}

fn link(option: &str, file: &Path) {
    println!("cargo:rustc-link-arg-bins={option}{}", file.display());
    depend_on(file);
}

fn depend_on(file: &Path) {
    println!("cargo:rerun-if-changed={}", file.display());
}
