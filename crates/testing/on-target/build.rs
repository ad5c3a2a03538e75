//! Which files of `targets/` belong to a program: cargo does not track linker scripts, assembly and
//! linkers by itself.

use std::env;
use std::path::{Path, PathBuf};

/// Xtensa assembly is linked as files: the compiler knows no `asm!` for it yet.
const XTENSA: [&str; 3] = ["boot.S", "traps.S", "calls.S"];

/// Where esp-alloc's build finds its back end.
const BACK_END: &str = "ESP_ALLOC_CONFIG_HEAP_ALGORITHM";

fn main() {
    println!("cargo:rerun-if-env-changed={BACK_END}");
    if env::var(BACK_END).as_deref() == Ok("LLFF") {
        println!("cargo:rustc-cfg=esp_alloc_llff");
    }
    if env::var("OPT_LEVEL").as_deref() == Ok("s") {
        println!("cargo:rustc-cfg=optimized_for_size");
    }
    let root =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../..");
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
    depend_on(&root.join("crates/testing/xtensa-toolchain/src"));
    for program in ["masked_global", "masked_c", "masked_esp_alloc"] {
        println!("cargo:rustc-link-arg-bin={program}=--count-masked");
    }
    if env::var_os("CARGO_FEATURE_C_CHECKS").is_some() {
        c_checks(root);
    }
}

/// The checks in C: the linker compiles them, see `crates/testing/xtensa-toolchain/src`.
fn c_checks(root: &Path) {
    let folder = root.join("crates/heap-caps-c/checks");
    let include = root.join("crates/heap-caps-c/include");
    depend_on(&folder);
    let common = ["check.c", "main.c"].map(|file| folder.join(file));
    let (mut today, mut of_2016) = (common.to_vec(), common.to_vec());
    today.extend(files(&folder).filter(|file| !common.contains(file) && !is_for_a_host(file)));
    of_2016.extend(files(&folder.join("of_2016")));
    for (program, files) in [("c_checks", today), ("c_checks_2016", of_2016)] {
        let option = |option: &str| println!("cargo:rustc-link-arg-bin={program}={option}");
        option(&format!("-I{}", include.display()));
        option(&format!("-I{}", folder.display()));
        for level in ["LIGHT", "COMPREHENSIVE"] {
            if env::var_os(format!("CARGO_FEATURE_POISON_{level}")).is_some() {
                option(&format!("-DCONFIG_HEAP_POISONING_{level}"));
            }
        }
        if program.ends_with("2016") {
            option("-DGROUPS=\"of_2016/groups.h\"");
        }
        files
            .iter()
            .for_each(|file| option(&file.display().to_string()));
    }
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "c"));
    files.sort();
    files.into_iter()
}

fn is_for_a_host(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == "host.c")
}

fn link(option: &str, file: &Path) {
    println!("cargo:rustc-link-arg-bins={option}{}", file.display());
    depend_on(file);
}

fn depend_on(file: &Path) {
    println!("cargo:rerun-if-changed={}", file.display());
}
