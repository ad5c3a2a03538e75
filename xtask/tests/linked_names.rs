//! A claim's names in the linker: what a linker script lacks, and a second claim, are named.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The three lines, on a host: no linker script has the names of esp-hal's.
const ESP_HAL: &str = "
use heap_caps_alloc::{CapsHeap, ESP32C3, SpinLock};

static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
heap_caps_alloc::claim! { static RAM: ESP32C3; unsafe esp_hal: { stack: 32 * 1024 } }

fn main() {
    drop(RAM.take(&HEAP));
}
";
/// One of four names is misspelt.
const MISSPELT: &str = "
use heap_caps_alloc::{CapsHeap, ESP32, SpinLock};

static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
heap_caps_alloc::claim! {
    static RAM: ESP32;
    unsafe symbols: {
        _data_start = 0x3FFB_0000, _heap_start = _haep_start, _iram_start = 0x4008_0000,
        _iram_end = 0x4008_944C,
    }
}

fn main() {
    drop(RAM.take(&HEAP));
}
";
/// A library has claimed the RAM, and so does the program.
const BOARD: &str = "
heap_caps_alloc::claim! {
    pub static RAM: heap_caps_alloc::ESP32;
    unsafe symbols: {
        _data_start = 0x3FFB_0000, _heap_start = 0x3FFB_2EC8, _iram_start = 0x4008_0000,
        _iram_end = 0x4008_944C,
    }
}
";
const TWICE: &str = "
use heap_caps_alloc::{CapsHeap, ESP32, SpinLock};

static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
heap_caps_alloc::claim! {
    static RAM: ESP32;
    unsafe symbols: {
        _data_start = 0x3FFB_0000, _heap_start = 0x3FFB_2EC8, _iram_start = 0x4008_0000,
        _iram_end = 0x4008_944C,
    }
}

fn main() {
    drop((RAM.take(&HEAP), linked_names::RAM.take(&HEAP)));
}
";

/// A package with these programs, on the heap as it is here.
fn package(folder: &Path) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let heap = workspace.join("crates/heap-caps-alloc");
    let manifest = format!(
        "[package]\nname = \"linked-names\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\nheap-caps-alloc = {{ path = {heap:?}, features = [\"spin\"] }}\n"
    );
    let programs = folder.join("src/bin");
    fs::create_dir_all(&programs).unwrap();
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::write(folder.join("src/lib.rs"), BOARD).unwrap();
    for (name, text) in [
        ("esp_hal", ESP_HAL),
        ("misspelt", MISSPELT),
        ("twice", TWICE),
    ] {
        fs::write(programs.join(name).with_extension("rs"), text).unwrap();
    }
}

/// What the linker says of a program that must not link.
fn refusal(folder: &Path, program: &str) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(folder)
        .args(["build", "--quiet", "--bin"]);
    let output = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("linked-names");
    cargo.arg(program).env("CARGO_TARGET_DIR", output);
    let built = cargo.output().unwrap();
    let stderr = String::from_utf8_lossy(&built.stderr).into_owned();
    assert!(!built.status.success(), "{program} links");
    stderr
}

/// Whether a line says that of this name.
fn says(text: &str, what: &[&str], name: &str) -> bool {
    let mut lines = text.lines();
    lines.any(|line| line.contains(name) && what.iter().any(|what| line.contains(what)))
}

#[test]
fn names_that_no_linker_script_has_and_a_second_claim_are_named_by_the_linker() {
    let folder = tempfile::tempdir().unwrap();
    package(folder.path());
    const UNDEFINED: &[&str] = &["undefined symbol", "undefined reference"];
    let stderr = refusal(folder.path(), "esp_hal");
    for name in [
        "_trap_section_origin",
        "_rwtext_end",
        "_data_start",
        "_stack_start",
    ] {
        assert!(says(&stderr, UNDEFINED, name), "{name}: {stderr}");
    }
    let stderr = refusal(folder.path(), "misspelt");
    assert!(says(&stderr, UNDEFINED, "_haep_start"), "{stderr}");
    const TWO: &[&str] = &["duplicate symbol", "multiple definition"];
    let stderr = refusal(folder.path(), "twice");
    assert!(
        says(&stderr, TWO, "__heap_caps_alloc_claims_all_ram"),
        "{stderr}"
    );
}
