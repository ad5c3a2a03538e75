//! Real programs in C on memory of choice: SQLite, Lua and Mbed TLS, from crates that carry their
//! sources.
//!
//! ```text
//!   crates/testing/c-programs ─ cargo ─> sources ─────────────┐
//!   sqlite.c, lua.c, tls.c, memory.c ─────────────────────────┼─ gcc ─> a program for each width and poisoning level
//!   libheap_caps.a, libpeers.a (where it can be built) ───────┘
//!
//!   PROGRAM system | counted | heap | rlsf | .. [BYTES]  ─>  what it computed; time, most bytes in use
//! ```
//!
//! A run on the heap is right if it prints what it prints on the system's `malloc`, leaves no block
//! and a sound heap.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::build::root;
use super::{Order, Processor, checks};
use crate::ci::tool;
use crate::error::Error;
use esp_heap::poisoning::Poisoning;

/// The allocators of `crates/testing/c-programs/peers`.
pub(crate) const PEERS: [&str; 3] = ["rlsf", "talc", "linked-list"];
/// The smallest heap is known to this many bytes.
const STEP: usize = 1024;

/// A program, and what of it is not ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// The crate that carries the sources.
    package: &'static str,
    /// Where they lie in it.
    folder: &'static str,
    /// Where their headers lie in it.
    include: &'static str,
    /// Files that are programs of their own, or for other machines.
    left_out: &'static [&'static str],
    options: &'static [&'static str],
    /// Bytes of the heap unless others are named.
    bytes: usize,
}

/// All programs.
pub(crate) const ALL: [Program; 3] = [
    Program {
        name: "sqlite",
        package: "libsqlite3-sys",
        folder: "sqlite3",
        include: "sqlite3",
        left_out: &["wasm32-wasi-vfs.c"],
        options: &["-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION"],
        bytes: 6 << 20,
    },
    Program {
        name: "lua",
        package: "lua-src",
        folder: "lua-5.4.7",
        include: "lua-5.4.7",
        left_out: &["lua.c", "luac.c"],
        options: &[],
        bytes: 12 << 20,
    },
    Program {
        name: "tls",
        package: "mbedtls-sys-auto",
        folder: "vendor/library",
        include: "vendor/include",
        left_out: &[],
        options: &["-DMBEDTLS_CONFIG_FILE=\"tls_config.h\""],
        bytes: 512 << 10,
    },
];

/// A program on one memory.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) program: &'static str,
    pub(crate) processor: Processor,
    pub(crate) memory: String,
    /// The fastest run.
    pub(crate) microseconds: u64,
    /// The most bytes in use, where they are counted.
    pub(crate) peak: Option<u64>,
    /// The smallest heap that it ran on.
    pub(crate) smallest: Option<usize>,
    /// Why the run was wrong, if it was.
    pub(crate) wrong: Option<String>,
}

/// What a run printed: results, microseconds, most bytes in use.
struct Run {
    printed: Vec<u8>,
    microseconds: u64,
    peak: u64,
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured<'a> {
    /// What a time is the smallest of.
    pub(crate) runs: u8,
    /// Those of [`PEERS`] that are run.
    pub(crate) peers: &'a [String],
    /// Whether to look for the smallest heaps, too.
    pub(crate) smallest: bool,
}

/// Runs a program for a processor on every memory.
pub(crate) fn run(
    program: &Program,
    processor: Processor,
    measured: &Measured<'_>,
) -> Result<Vec<Figures>, Error> {
    let smallest = measured.smallest;
    checks::require(processor)?;
    let folder = target_folder().join(format!("{}-{}", program.name, processor.name()));
    let objects = objects(program, processor, &folder)?;
    let figures = |memory: &str, run: &Run| Figures {
        program: program.name,
        processor,
        memory: memory.to_owned(),
        microseconds: run.microseconds,
        peak: Some(run.peak).filter(|&peak| peak != 0),
        smallest: None,
        wrong: None,
    };
    let mut found = Vec::new();
    let mut expected = Vec::new();
    for poisoning in [Poisoning::None, Poisoning::Light, Poisoning::Comprehensive] {
        let file = link(program, processor, poisoning, &objects, &folder)?;
        let fixture = Fixture {
            program,
            file,
            runs: measured.runs,
        };
        if poisoning == Poisoning::None {
            let system = fixture.fastest("system")?;
            let counted = fixture.once("counted", None)?;
            found.push(Figures {
                peak: Some(counted.peak),
                ..figures("system", &system)
            });
            expected = system.printed;
            let peers = measured.peers.iter();
            let peers = peers.filter(|_| processor == Processor::Host);
            for peer in peers {
                let run = fixture.fastest(peer)?;
                found.push(Figures {
                    smallest: fixture.smallest(peer, smallest, &expected),
                    wrong: run.differs_from(&expected),
                    ..figures(peer, &run)
                });
            }
        }
        let run = fixture.fastest("heap")?;
        let memory = format!("heap, {poisoning:?}").to_lowercase();
        found.push(Figures {
            smallest: fixture.smallest("heap", smallest, &expected),
            wrong: run.differs_from(&expected),
            ..figures(&memory, &run)
        });
    }
    Ok(found)
}

impl Run {
    fn differs_from(&self, expected: &[u8]) -> Option<String> {
        let differs = expected.is_empty() || self.printed != expected;
        differs.then(|| format!("printed {}", String::from_utf8_lossy(&self.printed)))
    }
}

/// A program that was linked.
struct Fixture<'a> {
    program: &'a Program,
    file: PathBuf,
    runs: u8,
}

impl Fixture<'_> {
    /// Returns the run that took the least time of a few.
    fn fastest(&self, memory: &str) -> Result<Run, Error> {
        let mut best = self.once(memory, None)?;
        for _ in 1..self.runs {
            let run = self.once(memory, None)?;
            best.microseconds = best.microseconds.min(run.microseconds);
        }
        Ok(best)
    }

    fn once(&self, memory: &str, bytes: Option<usize>) -> Result<Run, Error> {
        let output = self.output(memory, bytes)?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let unreadable = || {
            Error::Failed(format!(
                "{} on {memory}: {}, {errors}{}",
                self.program.name,
                output.status,
                String::from_utf8_lossy(&output.stdout)
            ))
        };
        let (microseconds, peak) = errors
            .strip_suffix(" bytes\n")
            .and_then(|line| line.split_once(" us, "))
            .filter(|_| output.status.success())
            .ok_or_else(unreadable)?;
        Ok(Run {
            microseconds: microseconds.parse().map_err(|_| unreadable())?,
            peak: peak.parse().map_err(|_| unreadable())?,
            printed: output.stdout,
        })
    }

    fn output(&self, memory: &str, bytes: Option<usize>) -> Result<Output, Error> {
        let mut command = Command::new(&self.file);
        command.arg(memory);
        command.args(bytes.map(|bytes| bytes.to_string()));
        let output = command.output();
        output.map_err(|cause| Error::file(&self.file, cause))
    }

    /// Returns the smallest heap on which the program does what it does with the system's memory,
    /// by bisection.
    fn smallest(&self, memory: &str, wanted: bool, expected: &[u8]) -> Option<usize> {
        if !wanted {
            return None;
        }
        let suffices = |steps: usize| {
            let run = self.once(memory, Some(steps * STEP));
            run.is_ok_and(|run| run.printed == expected)
        };
        let (mut too_small, mut enough) = (0, self.program.bytes / STEP);
        while enough - too_small > 1 {
            let middle = usize::midpoint(too_small, enough);
            if suffices(middle) {
                enough = middle;
            } else {
                too_small = middle;
            }
        }
        Some(enough * STEP)
    }
}

fn own_sources() -> PathBuf {
    root().join("crates/testing/c-programs/src")
}

fn target_folder() -> PathBuf {
    crate::ci::sources::target_folder().join("c-programs")
}

/// Returns where cargo keeps a package that brings C sources.
fn package(name: &str) -> Result<PathBuf, Error> {
    let mut cargo = tool::cargo();
    cargo.args(["metadata", "--format-version", "1", "--manifest-path"]);
    cargo.arg(root().join("crates/testing/c-programs/Cargo.toml"));
    let unknown = || Error::Failed(format!("cargo does not know where {name} lies"));
    let output = cargo.output().map_err(|_| unknown())?;
    let known: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(|_| unknown())?;
    let packages = known["packages"].as_array().ok_or_else(unknown)?;
    let found = packages.iter().find(|package| package["name"] == name);
    let manifest = found.and_then(|package| package["manifest_path"].as_str());
    let folder = manifest.and_then(|manifest| Path::new(manifest).parent());
    folder.map(Path::to_owned).ok_or_else(unknown)
}

fn gcc(processor: Processor) -> Command {
    let mut gcc = Command::new("gcc");
    gcc.arg("-O1").args(checks::width(processor));
    gcc
}

/// Compiles the sources that are not ours; those that are there already serve again.
fn objects(program: &Program, processor: Processor, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let carried = package(program.package)?;
    let of_folder = |folder: &Path, ending: &str| -> Result<Vec<PathBuf>, Error> {
        let entries = fs::read_dir(folder).map_err(|cause| Error::file(folder, cause))?;
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(ending) && !program.left_out.contains(&&*name)
        });
        files.sort();
        Ok(files)
    };
    fs::create_dir_all(folder).map_err(|cause| Error::file(folder, cause))?;
    let sources = of_folder(&carried.join(program.folder), ".c")?;
    if of_folder(folder, ".o")?.len() != sources.len() {
        let mut compiler = gcc(processor);
        compiler.args(["-w", "-c"]).args(program.options);
        compiler.arg("-I").arg(own_sources());
        compiler.arg("-I").arg(carried.join(program.include));
        checks::succeed(compiler.args(sources).current_dir(folder))?;
    }
    of_folder(folder, ".o")
}

/// Compiles our part, and links it with a library; with the peers where they can be built.
fn link(
    program: &Program,
    processor: Processor,
    poisoning: Poisoning,
    objects: &[PathBuf],
    folder: &Path,
) -> Result<PathBuf, Error> {
    let order = Order {
        processor,
        features: vec!["c-abi-idf".into()],
        poisoning,
    };
    let library = order.build()?;
    let file = folder.join(format!("{}-{poisoning:?}", program.name).to_lowercase());
    let mut compiler = gcc(processor);
    compiler.args(["-std=gnu99", "-Wall", "-Wextra", "-Werror"]);
    compiler.args(program.options).arg("-I").arg(own_sources());
    compiler
        .arg("-I")
        .arg(root().join("crates/heap-caps-c/include"));
    let include = package(program.package)?.join(program.include);
    compiler.arg("-isystem").arg(include);
    compiler.arg(own_sources().join(format!("{}.c", program.name)));
    compiler.arg(own_sources().join("memory.c"));
    // Libraries in Rust have mathematics too: the C library's come first.
    compiler.args(objects).arg("-lm").arg(library);
    if processor == Processor::Host {
        compiler.arg("-DPEERS").arg(peers()?);
    }
    checks::succeed(compiler.arg("-o").arg(&file))?;
    Ok(file)
}

/// Returns the library of the peers, for this machine.
fn peers() -> Result<PathBuf, Error> {
    let folder = target_folder().join("peers");
    let mut cargo = tool::cargo();
    cargo.args(["build", "--quiet", "--release", "--manifest-path"]);
    cargo.arg(root().join("crates/testing/c-programs/peers/Cargo.toml"));
    checks::succeed(cargo.arg("--target-dir").arg(&folder))?;
    Ok(folder.join("release/libpeers.a"))
}
