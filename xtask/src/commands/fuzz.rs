//! `cargo xtask fuzz`: arbitrary input for every parser of the host tools, arbitrary calls of
//! heaps.
//!
//! ```text
//!   crates/heap-report/fuzz/    fuzz_targets/NAME.rs    a parser and what must hold whatever it reads
//!   crates/heap-caps/fuzz/      fuzz_targets/NAME.rs    heaps and what must hold whatever is called
//!   target/fuzz/corpus/NAME/    inputs that reach different code; kept from run to run
//!   target/fuzz/findings/NAME-… an input that made it fail; `--input FILE` runs it again
//! ```
//! libFuzzer, as cargo-fuzz runs it, but on stable Rust: the coverage that it follows comes from a
//! pass of LLVM that needs no nightly compiler. Heaps assert every index before they access memory,
//! and lie between guards; `--asan` finds what these do not see, at a third of the speed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::ValueEnum;
use esp_heap::{say, status};

use crate::ci::sources::{root, target_folder};
use crate::ci::tool::{self, cargo};
use crate::error::Error;

/// Feed arbitrary input to the parsers of the host tools and arbitrary calls to heaps
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask fuzz                        a minute, shared by all targets, as CI does
  cargo xtask fuzz dump --seconds 1200    20 minutes of one parser
  cargo xtask fuzz heap damage chip --seconds 3600    an hour of heaps
  cargo xtask fuzz heap damage chip --asan --seconds 600
  cargo xtask fuzz elf --input target/fuzz/findings/elf-crash-…

A corpus grows in target/fuzz/corpus. With nightly Rust, cargo-fuzz runs the same targets:
  cd crates/heap-report && cargo +nightly fuzz run dump")]
pub(crate) struct Arguments {
    /// What to call; everything if nothing is named
    #[arg(value_enum)]
    targets: Vec<Target>,
    /// How long altogether
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Build with AddressSanitizer, which reports every access outside of an allocation of the host
    #[arg(long)]
    asan: bool,
    /// Run this input once, and nothing else
    #[arg(long, value_name = "FILE", requires = "targets")]
    input: Option<PathBuf>,
}

/// A parser, or heaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Event streams
    Stream,
    /// Logs with trace dumps
    Dump,
    /// Recorded traces
    Recording,
    /// Packed files
    Gzip,
    /// Images of memory: ELF cores and raw memory
    Image,
    /// Linked programs, as `map` reads them
    Elf,
    /// Linked programs, as `report --elf` reads them
    Symbols,
    /// One heap at each poisoning level, wrong frees among the right ones
    Heap,
    /// One heap at each poisoning level whose words change between its calls
    Damage,
    /// Whole chips: options, policies, reserves, frees of anything
    Chip,
    /// The C names: `heap_caps_*` and `multi_heap_*`
    CNames,
    /// Claims: a program linked anywhere, tokens given early, late or never
    Claim,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Target::Stream => "stream",
            Target::Dump => "dump",
            Target::Recording => "recording",
            Target::Gzip => "gzip",
            Target::Image => "image",
            Target::Elf => "elf",
            Target::Symbols => "symbols",
            Target::Heap => "heap",
            Target::Damage => "damage",
            Target::Chip => "chip",
            Target::CNames => "c_names",
            Target::Claim => "claim",
        }
    }

    /// Returns the package with the target, from this repository's root.
    fn package(self) -> &'static str {
        match self {
            Target::Stream
            | Target::Dump
            | Target::Recording
            | Target::Gzip
            | Target::Image
            | Target::Elf
            | Target::Symbols => "crates/heap-report/fuzz",
            Target::Heap | Target::Damage | Target::Chip | Target::CNames | Target::Claim => {
                "crates/heap-caps/fuzz"
            }
        }
    }

    /// Returns the longest input that is tried, in bytes.
    fn most_bytes(self) -> u32 {
        match self {
            Target::Heap | Target::Damage | Target::Chip | Target::CNames | Target::Claim => {
                1 << 11
            }
            Target::Stream | Target::Dump | Target::Recording | Target::Gzip => 1 << 12,
            Target::Image | Target::Elf | Target::Symbols => 1 << 15,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let targets: Vec<Target> = if arguments.targets.is_empty() {
        Target::value_variants().to_vec()
    } else {
        arguments.targets.clone()
    };
    let mut packages: Vec<&str> = targets.iter().map(|target| target.package()).collect();
    packages.dedup();
    let sanitizer = Sanitizer::of(arguments);
    for package in packages {
        sanitizer.build(package)?;
    }
    if let Some(input) = &arguments.input {
        return again(&targets, sanitizer, input);
    }
    let each = (arguments.seconds / targets.len().max(1) as u64).max(1);
    let mut passed = 0;
    for target in &targets {
        passed += usize::from(fuzz(*target, sanitizer, each)?);
    }
    let failed = targets.len() - passed;
    say!("fuzz: {passed} passed, {failed} failed, {each} s each")?;
    Ok(ExitCode::from(u8::from(failed > 0)))
}

/// What the targets are built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sanitizer {
    None,
    Address,
}

impl Sanitizer {
    fn of(arguments: &Arguments) -> Self {
        if arguments.asan {
            Self::Address
        } else {
            Self::None
        }
    }

    fn build_folder(self) -> PathBuf {
        folder().join(match self {
            Self::None => "build",
            Self::Address => "build-asan",
        })
    }

    fn program(self, target: Target) -> Result<PathBuf, Error> {
        let folder = self.build_folder().join(host()?).join("release");
        Ok(folder.join(target.name()))
    }

    /// Builds all targets of a package with the instrumentation that libFuzzer follows.
    fn build(self, package: &str) -> Result<(), Error> {
        const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
         -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
         -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
         -Ccodegen-units=1";
        if Command::new("c++").arg("--version").output().is_err() {
            return Err(Error::MissingTool {
                tool: "a C++ compiler".to_owned(),
                remedy: "apt-get install g++".to_owned(),
            });
        }
        let mut command = cargo();
        // With `--target`, build scripts and macros are not instrumented.
        command.args(["build", "--quiet", "--release", "--bins", "--target"]);
        command.arg(host()?);
        command
            .arg("--manifest-path")
            .arg(root().join(package).join("Cargo.toml"));
        command.arg("--target-dir").arg(self.build_folder());
        command.env_remove("CARGO_ENCODED_RUSTFLAGS");
        match self {
            Self::None => command.env("RUSTFLAGS", COVERAGE),
            // An option of nightly compilers, whose library stable ones have.
            Self::Address => command
                .env("RUSTFLAGS", format!("{COVERAGE} -Zsanitizer=address"))
                .env("RUSTC_BOOTSTRAP", "1"),
        };
        let status = command.status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(Error::Failed("the fuzz targets do not build".to_owned())),
            Err(cause) => Err(Error::Failed(format!("cargo cannot be run: {cause}"))),
        }
    }
}

/// Returns the target triple of this machine.
fn host() -> Result<String, Error> {
    let unable = |_| Error::Failed("rustc does not name its host".to_owned());
    let version = tool::output(Command::new("rustc").arg("-vV")).map_err(unable)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| Error::Failed("rustc does not name its host".to_owned()))
}

/// Returns whether a target ran for `seconds` without a finding.
fn fuzz(target: Target, sanitizer: Sanitizer, seconds: u64) -> Result<bool, Error> {
    let name = target.name();
    let corpus = folder().join("corpus").join(name);
    let findings = folder().join("findings");
    for folder in [&corpus, &findings] {
        fs::create_dir_all(folder).map_err(|cause| Error::file(folder, cause))?;
    }
    status!("fuzz {name}: {seconds} s");
    let mut command = Command::new(sanitizer.program(target)?);
    command.arg(&corpus).args(seeds(target));
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-max_len={}", target.most_bytes()));
    command.arg(format!("-artifact_prefix={}/{name}-", findings.display()));
    command.args([
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-verbosity=0",
        "-print_final_stats=1",
    ]);
    let output = command
        .output()
        .map_err(|cause| Error::Failed(format!("fuzz {name}: {cause}")))?;
    let log = String::from_utf8_lossy(&output.stderr);
    let runs = log
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    if output.status.success() {
        say!("ok      fuzz {name}: {} inputs", runs.unwrap_or("?").trim())?;
    } else {
        let last: Vec<&str> = log.lines().rev().take(40).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        say!("FAILED  fuzz {name}:\n{}", last.join("\n"))?;
    }
    Ok(output.status.success())
}

/// Real inputs to begin with.
fn seeds(target: Target) -> Vec<PathBuf> {
    let package = root().join(target.package());
    let seeds = package.join("seeds").join(target.name());
    if seeds.is_dir() {
        vec![seeds]
    } else {
        Vec::new()
    }
}

fn again(targets: &[Target], sanitizer: Sanitizer, input: &Path) -> Result<ExitCode, Error> {
    let mut code = ExitCode::SUCCESS;
    for target in targets {
        let program = sanitizer.program(*target)?;
        let status = Command::new(&program)
            .arg(input)
            .status()
            .map_err(|cause| Error::file(&program, cause))?;
        if !status.success() {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

fn folder() -> PathBuf {
    target_folder().join("fuzz")
}
