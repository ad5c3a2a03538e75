//! Real programs in C on one capability heap of fixed size: SQLite by its memory methods, Lua by
//! its allocator callback.
//!
//! ```text
//!   crates/testing/c-programs ─ cargo ─> sources of SQLite, Lua ─┐
//!   sqlite.c, lua.c, memory.c ───────────────────────────────────┼─ gcc ─> a program for each width and poisoning level
//!   cargo xtask clib ─> libheap_caps.a ──────────────────────────┘
//!
//!   what it prints on the heap == what it prints on the system's malloc; no block is left, the heap is sound
//! ```
//!
//! `--nocapture` shows a table of times and peaks.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends where something is not as it should be; the table is what one asks for"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn own_sources() -> PathBuf {
    workspace().join("crates/testing/c-programs/src")
}

/// Where cargo keeps a package that brings C sources.
fn package(name: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--manifest-path"]);
    let output = cargo
        .arg(workspace().join("crates/testing/c-programs/Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let known: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = known["packages"].as_array().unwrap();
    let found = packages.iter().find(|package| package["name"] == name);
    let manifest = found.unwrap()["manifest_path"].as_str().unwrap();
    Path::new(manifest).parent().unwrap().to_owned()
}

/// A program's C, but for ours.
struct Sources {
    name: &'static str,
    include: PathBuf,
    files: Vec<PathBuf>,
    options: &'static [&'static str],
}

fn sqlite() -> Sources {
    let folder = package("libsqlite3-sys").join("sqlite3");
    Sources {
        name: "sqlite",
        files: vec![folder.join("sqlite3.c")],
        include: folder,
        options: &["-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION"],
    }
}

fn lua() -> Sources {
    let folder = package("lua-src").join("lua-5.4.7");
    let entries = fs::read_dir(&folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    let programs = ["lua.c", "luac.c"];
    files.retain(|file| {
        let name = file.file_name().unwrap().to_str().unwrap();
        name.ends_with(".c") && !programs.contains(&name)
    });
    files.sort();
    Sources {
        name: "lua",
        include: folder,
        files,
        options: &[],
    }
}

const WIDTHS: [(&str, &[&str]); 2] = [("host", &[]), ("host32", &["-m32"])];
const LEVELS: [&str; 3] = ["none", "light", "comprehensive"];

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

/// Compiles the sources that are not ours once for a width.
fn objects(sources: &Sources, width: &[&str], folder: &Path) -> Vec<PathBuf> {
    fs::create_dir_all(folder).unwrap();
    let mut gcc = Command::new("gcc");
    gcc.args(["-O1", "-w", "-c"])
        .args(width)
        .args(sources.options);
    gcc.arg("-I").arg(&sources.include).args(&sources.files);
    succeed(gcc.current_dir(folder));
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The library, which the test's own xtask builds into the workspace's target folder.
fn library(target: &str, level: &str) -> PathBuf {
    let mut clib = Command::new(env!("CARGO_BIN_EXE_xtask"));
    clib.args([
        "clib",
        "--features",
        "c-abi-idf",
        "--target",
        target,
        "--poisoning",
        level,
    ]);
    let output = succeed(&mut clib);
    let line = String::from_utf8(output.stdout).unwrap();
    PathBuf::from(line.split(": ").next().unwrap())
}

fn program(sources: &Sources, width: &[&str], objects: &[PathBuf], library: &Path) -> PathBuf {
    let file = objects[0].parent().unwrap().with_extension("program");
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=gnu99", "-O1", "-Wall", "-Wextra", "-Werror"])
        .args(width);
    gcc.arg("-I")
        .arg(workspace().join("crates/heap-caps-c/include"));
    gcc.arg("-isystem").arg(&sources.include);
    gcc.arg(own_sources().join(format!("{}.c", sources.name)));
    gcc.arg(own_sources().join("memory.c"));
    gcc.args(objects)
        .arg(library)
        .arg("-lm")
        .arg("-o")
        .arg(&file);
    succeed(&mut gcc);
    file
}

fn runs_on_the_heap_as_on_the_systems(sources: &Sources) {
    let folder = tempfile::tempdir().unwrap();
    println!(
        "{:8} {:7} {:14} time, most bytes in use",
        sources.name, "width", "memory"
    );
    for (target, width) in WIDTHS {
        let objects = objects(sources, width, &folder.path().join(target));
        let mut expected = None;
        for level in LEVELS {
            let program = program(sources, width, &objects, &library(target, level));
            let run = |memory| succeed(Command::new(&program).arg(memory));
            let expected = expected.get_or_insert_with(|| {
                let output = run("system");
                told(sources, target, "system", &output);
                output.stdout
            });
            let output = run("heap");
            told(sources, target, level, &output);
            assert!(
                !expected.is_empty() && *expected == output.stdout,
                "{target} {level}: {output:?}"
            );
        }
    }
}

fn told(sources: &Sources, target: &str, memory: &str, output: &Output) {
    let figures = String::from_utf8_lossy(&output.stderr);
    println!(
        "{:8} {target:7} {memory:14} {}",
        sources.name,
        figures.trim()
    );
}

#[test]
fn sqlite_runs_on_a_heap_of_6_mib() {
    runs_on_the_heap_as_on_the_systems(&sqlite());
}

#[test]
fn lua_runs_on_a_heap_of_12_mib() {
    runs_on_the_heap_as_on_the_systems(&lua());
}
