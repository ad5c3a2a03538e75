//! Build dependencies on files of `targets/`: cargo does not track linker scripts, assembly and
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
        Ok("riscv32") => riscv(&root),
        _ => {}
    }
}

fn xtensa(root: &Path) {
    let folder = root.join("targets/xtensa-qemu");
    link("-T", &folder.join("link.x"));
    for file in XTENSA {
        link("", &folder.join(file));
    }
    let watch = folder.join("watch.S");
    println!("cargo:rustc-link-arg-bin=guard={}", watch.display());
    depend_on(&watch);
    depend_on(&root.join("crates/testing/xtensa-toolchain/src"));
    for program in ["masked_global", "masked_c", "masked_esp_alloc"] {
        println!("cargo:rustc-link-arg-bin={program}=--count-masked");
    }
    println!("cargo:rustc-link-arg-bin=events=--build-id");
    if env::var_os("CARGO_FEATURE_IN_RAM").is_some() {
        println!("cargo:rustc-link-arg-bins=--emit-relocs");
    }
    // The linker compiles C, see `crates/testing/xtensa-toolchain/src`.
    for checks in c_checks(root) {
        let option =
            |option: &str| println!("cargo:rustc-link-arg-bin={}={option}", checks.program);
        checks.options.iter().for_each(|name| option(name));
        let files = checks.files.iter();
        files.for_each(|file| option(&file.display().to_string()));
    }
}

fn riscv(root: &Path) {
    link("-T", &root.join("targets/riscv32-qemu/link.x"));
    println!("cargo:rustc-link-arg-bin=events=--build-id");
    let output = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    for checks in c_checks(root) {
        for file in &checks.files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            let object = output.join(format!("{}-{name}.o", checks.program));
            compile(file, &checks.options, &object);
            println!(
                "cargo:rustc-link-arg-bin={}={}",
                checks.program,
                object.display()
            );
        }
    }
}

/// Compiles a file in C for the chip's processor.
fn compile(file: &Path, options: &[String], object: &Path) {
    const PROCESSOR: [&str; 3] = [
        "--target=riscv32-unknown-none-elf",
        "-march=rv32imc",
        "-mabi=ilp32",
    ];
    const STRICT: [&str; 5] = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];
    let mut compiler = std::process::Command::new("clang-22");
    compiler
        .args(PROCESSOR)
        .args(["-ffreestanding", "-nostdlibinc", "-O2", "-c"]);
    compiler
        .args(STRICT)
        .args(options)
        .arg(file)
        .arg("-o")
        .arg(object);
    let status = compiler
        .status()
        .expect("clang-22 compiles the checks in C");
    assert!(status.success(), "{}", file.display());
}

/// A program of checks in C: the files and options of its compiler.
struct Checks {
    program: &'static str,
    options: Vec<String>,
    files: Vec<PathBuf>,
}

/// The programs of checks in C; none without the feature.
fn c_checks(root: &Path) -> Vec<Checks> {
    if env::var_os("CARGO_FEATURE_C_CHECKS").is_none() {
        return Vec::new();
    }
    let folder = root.join("crates/heap-caps-c/checks");
    let include = root.join("crates/heap-caps-c/include");
    depend_on(&folder);
    depend_on(&include);
    let common = ["check.c", "main.c"].map(|file| folder.join(file));
    let (mut today, mut of_2016) = (common.to_vec(), common.to_vec());
    today.extend(files(&folder).filter(|file| !common.contains(file) && !is_for_a_host(file)));
    of_2016.extend(files(&folder.join("of_2016")));
    let mut options = vec![
        format!("-I{}", include.display()),
        format!("-I{}", folder.display()),
    ];
    for level in ["LIGHT", "COMPREHENSIVE"] {
        if env::var_os(format!("CARGO_FEATURE_POISON_{level}")).is_some() {
            options.push(format!("-DCONFIG_HEAP_POISONING_{level}"));
        }
    }
    let mut options_of_2016 = options.clone();
    options_of_2016.push("-DGROUPS=\"of_2016/groups.h\"".to_owned());
    vec![
        Checks {
            program: "c_checks",
            options,
            files: today,
        },
        Checks {
            program: "c_checks_2016",
            options: options_of_2016,
            files: of_2016,
        },
    ]
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
