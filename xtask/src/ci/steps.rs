//! Steps of CI and their tools.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::UNIX_EPOCH;

use super::features::{Library, libraries, private_packages};
use super::sources::{root, target_folder};
use super::tool::{self, StepError, cargo};
use super::{blocks, boards, columns, links};
use esp_heap::say;

/// One check of the whole workspace.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn() -> Result<(), StepError>,
}

/// In the order they run: what a visitor tries first comes first.
pub(crate) const STEPS: [Step; 23] = [
    Step {
        name: "tests",
        about: "every host test, documentation tests included; those of heaps with encoded links",
        run: tests,
    },
    Step {
        name: "sim",
        about: "a simulated ESP32 serves a recorded firmware",
        run: sim,
    },
    Step {
        name: "fuzz",
        about: "a minute of arbitrary input for the parsers of the host tools",
        run: fuzz,
    },
    Step {
        name: "fmt",
        about: "the formatting is rustfmt's",
        run: fmt,
    },
    Step {
        name: "columns",
        about: "no line of code, comments or prose is longer than 100 columns",
        run: columns::check,
    },
    Step {
        name: "links",
        about: "every link between documents leads somewhere",
        run: links::check,
    },
    Step {
        name: "blocks",
        about: "Rust code in documents compiles as it is displayed",
        run: blocks::check,
    },
    Step {
        name: "licences",
        about: "no dependency has another licence, another source or a second version",
        run: licences,
    },
    Step {
        name: "clippy",
        about: "no lint fires, in tests neither",
        run: clippy,
    },
    Step {
        name: "docs",
        about: "the documentation builds without a warning",
        run: docs,
    },
    Step {
        name: "features",
        about: "every feature combination of every library",
        run: features,
    },
    Step {
        name: "packages",
        about: "every publishable crate builds from what would be uploaded",
        run: packages,
    },
    Step {
        name: "xtensa",
        about: "the libraries type-check for the real target",
        run: xtensa,
    },
    Step {
        name: "boards",
        about: "no lint fires in the programs for boards",
        run: boards::lints,
    },
    Step {
        name: "symbols",
        about: "the C library has the names of its lists, and no others",
        run: symbols,
    },
    Step {
        name: "qemu",
        about: "every check on emulated Xtensa and RISC-V",
        run: qemu,
    },
    Step {
        name: "ram",
        about: "code that is to run while flash is written needs none",
        run: ram,
    },
    Step {
        name: "bench",
        about: "instructions are counted on emulated Xtensa",
        run: bench,
    },
    Step {
        name: "exports",
        about: "other people's tools read what a report writes for them",
        run: exports,
    },
    Step {
        name: "c-packages",
        about: "package managers of C pack the library",
        run: boards::c_packages,
    },
    Step {
        name: "images",
        about: "programs on esp-hal for every RISC-V chip; with Wi-Fi there is no second heap",
        run: boards::images,
    },
    Step {
        name: "esp32c3",
        about: "the ESP32-C3's program starts in an emulator and is sent",
        run: boards::esp32c3,
    },
    Step {
        name: "esp32",
        about: "the ESP32's program starts in an emulator, its frames are decoded, it is sent",
        run: boards::esp32,
    },
];

/// The target of the chip this project starts with.
const XTENSA_TARGET: &str = "xtensa-esp32-none-elf";
/// Debian's compiler: it comes with its library sources, from which `core` is built.
const XTENSA_RUSTC: &str = "/usr/bin/rustc";
const XTENSA_CARGO: &str = "/usr/bin/cargo";
/// Packages with a workspace of their own; those for boards are looked at in their step.
const OWN_WORKSPACES: [&str; 6] = [
    "crates/heap-caps-c/examples/shared-heap",
    "crates/heap-caps-c/staticlib",
    "crates/heap-caps/fuzz",
    "crates/heap-report/fuzz",
    "crates/testing/defmt-frames",
    "crates/testing/on-target",
];
const DENY_REMEDY: &str = "cargo install --locked cargo-deny";
const XTENSA_REMEDY: &str = "apt-get install rustc-web cargo-web rust-web-src";

fn tests() -> Result<(), StepError> {
    tool::run(xtask().arg("test-host"))?;
    let encoded = ["test", "--features", "encoded-links", "--package"];
    tool::run(cargo().args(encoded).arg("multi-heap"))?;
    tool::run(
        cargo()
            .args(encoded)
            .args(["heap-report", "--test", "image"]),
    )?;
    // With all features the heaps of C are poisoned, traced and accounted.
    let all = ["test", "--all-features", "--package"];
    tool::run(cargo().args(all).arg("heap-caps-c"))
}

fn sim() -> Result<(), StepError> {
    tool::run(cargo().args(["esp-heap", "sim"]))
}

fn fuzz() -> Result<(), StepError> {
    if !tool::works(Command::new("c++").arg("--version")) {
        return Err(StepError::missing("a C++ compiler", "apt-get install g++"));
    }
    tool::run(xtask().arg("fuzz"))
}

fn symbols() -> Result<(), StepError> {
    tool::run(xtask().arg("check-symbols"))?;
    tool::run(xtask().args(["check-symbols", "--target", "host32"]))
}

/// Both chips at once: each compiles one crate or emulates one core most of the time.
fn qemu() -> Result<(), StepError> {
    let on = |target| {
        let mut command = xtask();
        command.args(["qemu", "--target", target]);
        command
    };
    thread::scope(|scope| {
        let second = scope.spawn(|| tool::run_quietly(on("esp32c3")));
        let first = tool::run(&mut on("esp32"));
        let (printed, second) = second
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let _ = say!("{}", printed.trim_end());
        first.and(second)
    })
}

fn ram() -> Result<(), StepError> {
    tool::run(xtask().arg("check-ram"))
}

/// Of what users call most; the whole table takes several minutes and is a command of its own.
fn bench() -> Result<(), StepError> {
    let allocators = ["multi-heap", "global allocator", "c malloc"];
    let mut command = xtask();
    command.arg("bench");
    for allocator in allocators {
        command.args(["--allocator", allocator]);
    }
    tool::run(&mut command)
}

/// Of a recorded program, and of one that runs now.
fn exports() -> Result<(), StepError> {
    const SCRIPT: &str = "crates/esp-heap/tests/exports.py";
    if !tool::works(Command::new("python3").arg("--version")) {
        return Err(StepError::missing("python3", "apt-get install python3"));
    }
    let script = || {
        let mut command = Command::new("python3");
        command.current_dir(root()).args([SCRIPT, "--all"]);
        command
    };
    tool::run(&mut script())?;
    let events = target_folder().join("events.log");
    let log = tool::output(xtask().args(["qemu", "--bin", "events"]))?;
    std::fs::write(&events, log)
        .map_err(|cause| StepError::Failed(format!("{}: {cause}", events.display())))?;
    tool::run(script().arg("--input").arg(&events))
}

/// This program again, through cargo: an earlier step has built and so replaced the file that runs.
pub(super) fn xtask() -> Command {
    let mut command = cargo();
    command.arg("xtask");
    command
}

fn fmt() -> Result<(), StepError> {
    needs_component("fmt", "rustfmt")?;
    tool::run(cargo().args(["fmt", "--all", "--check"]))?;
    for package in OWN_WORKSPACES {
        let manifest = root().join(package).join("Cargo.toml");
        let mut command = cargo();
        tool::run(
            command
                .args(["fmt", "--check", "--manifest-path"])
                .arg(manifest),
        )?;
    }
    Ok(())
}

fn clippy() -> Result<(), StepError> {
    needs_component("clippy", "clippy")?;
    let everything = [
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--all-features",
    ];
    tool::run(cargo().args(everything).args(["--", "-D", "warnings"]))
}

fn docs() -> Result<(), StepError> {
    let mut command = cargo();
    command.args([
        "doc",
        "--quiet",
        "--workspace",
        "--no-deps",
        "--all-features",
    ]);
    tool::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn features() -> Result<(), StepError> {
    needs_component("clippy", "clippy")?;
    for library in libraries()? {
        for combination in library.combinations() {
            say!("   {}: {}", library.name, in_words(&combination))?;
            let mut command = cargo();
            command.args(["clippy", "--quiet", "--package", &library.name]);
            command.args([
                "--no-default-features",
                "--features",
                &combination.join(","),
            ]);
            tool::run(command.args(["--", "-D", "warnings"]))?;
        }
    }
    Ok(())
}

fn in_words(combination: &[&str]) -> String {
    if combination.is_empty() {
        "no feature".to_owned()
    } else {
        combination.join(" + ")
    }
}

pub(super) fn needs_component(subcommand: &str, component: &str) -> Result<(), StepError> {
    if tool::works(cargo().args([subcommand, "--version"])) {
        return Ok(());
    }
    Err(StepError::missing(
        component,
        &format!("rustup component add {component}"),
    ))
}

/// Advisories need a database that few build machines reach, so they are not asked for.
fn licences() -> Result<(), StepError> {
    if !tool::works(cargo().args(["deny", "--version"])) {
        return Err(StepError::missing("cargo-deny", DENY_REMEDY));
    }
    let mut command = cargo();
    tool::run(command.args(["deny", "check", "licenses", "bans", "sources"]))
}

/// Packs and compiles every published package as a registry would hand it out.
///
/// Fetches first what `Cargo.lock` names, so that no registry is asked while it packs.
///
/// Cargo takes a package of one name and version for the same for ever, its unpacked sources and
/// what was compiled from them. Those of an earlier commit must be out of reach: they are found by
/// the path of the target folder, so that has a new name each time.
fn packages() -> Result<(), StepError> {
    tool::run(cargo().args(["fetch", "--quiet", "--locked"]))?;
    let folder = target_folder().join("packing");
    let _ = fs::remove_dir_all(&folder);
    let mut command = cargo();
    command.args([
        "package",
        "--quiet",
        "--workspace",
        "--allow-dirty",
        "--offline",
    ]);
    for private in private_packages()? {
        command.args(["--exclude", &private]);
    }
    let now = UNIX_EPOCH.elapsed().unwrap_or_default();
    command.env("CARGO_TARGET_DIR", folder.join(now.as_nanos().to_string()));
    command.env("CARGO_PROFILE_DEV_DEBUG", "0"); // nothing of it is run
    tool::run(&mut command)?;
    let _ = fs::remove_dir_all(&folder);
    Ok(())
}

/// A type-check alone: the dummy back end generates no code, so LLVM's Xtensa back end is not
/// asked.
fn xtensa() -> Result<(), StepError> {
    needs_xtensa_compiler()?;
    let for_chips = |library: &Library| !library.is_for_hosts();
    for library in libraries()?.into_iter().filter(for_chips) {
        check_for_xtensa(&library, &[])?;
        let features = library.bare_metal();
        if !features.is_empty() {
            check_for_xtensa(&library, &features)?;
        }
    }
    Ok(())
}

fn needs_xtensa_compiler() -> Result<(), StepError> {
    let knows_the_target = |targets: String| targets.lines().any(|target| target == XTENSA_TARGET);
    let there = Path::new(XTENSA_CARGO).is_file()
        && printed("target-list").is_some_and(knows_the_target)
        && printed("sysroot").is_some_and(has_library_sources);
    let remedy = || {
        StepError::missing(
            "a Rust compiler for Xtensa with library sources",
            XTENSA_REMEDY,
        )
    };
    if there { Ok(()) } else { Err(remedy()) }
}

/// What Debian's compiler answers to `--print`; `None` if it is not there.
fn printed(what: &str) -> Option<String> {
    tool::output(Command::new(XTENSA_RUSTC).args(["--print", what])).ok()
}

fn has_library_sources(sysroot: String) -> bool {
    Path::new(sysroot.trim())
        .join("lib/rustlib/src/rust/library/Cargo.lock")
        .is_file()
}

fn check_for_xtensa(library: &Library, features: &[&str]) -> Result<(), StepError> {
    say!("   {}: {}", library.name, in_words(features))?;
    let mut command = Command::new(XTENSA_CARGO);
    command.args([
        "check",
        "--lib",
        "--quiet",
        "--target",
        XTENSA_TARGET,
        "-Zbuild-std=core,alloc",
    ]);
    command.args(["--package", &library.name, "--no-default-features"]);
    command.args(["--features", &features.join(",")]);
    let other_toolchain = [
        "CARGO",
        "RUSTUP_TOOLCHAIN",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTDOC",
    ];
    for variable in other_toolchain {
        command.env_remove(variable);
    }
    command
        .env("RUSTC", XTENSA_RUSTC)
        .env("RUSTC_BOOTSTRAP", "1");
    tool::run(command.env("RUSTFLAGS", "-Zcodegen-backend=dummy"))
}
