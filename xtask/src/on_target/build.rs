//! Compilation of the programs of `crates/testing/on-target`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::target::Target;
use super::{tools, xtensa};
use crate::error::Error;
use esp_heap::poisoning::Poisoning;

/// The programs that run the checks in C.
pub(crate) const C_CHECKS: [&str; 2] = ["c_checks", "c_checks_2016"];

/// The programs of one target, built.
pub(crate) struct Programs {
    folder: PathBuf,
    target: Target,
}

/// How programs are built besides the ordinary way.
#[derive(Debug)]
pub(crate) struct Options {
    /// Features of the package, with commas.
    pub(crate) features: &'static str,
    /// A variable that the builds of packages read.
    pub(crate) environment: Option<(&'static str, &'static str)>,
    /// The compiler's profile.
    pub(crate) profile: &'static str,
}

impl Programs {
    /// Builds the programs called `names`. What the compiler says goes to standard error.
    pub(crate) fn build(target: Target, names: &[&str]) -> Result<Programs, Error> {
        Self::build_by(target, names, "on-target", release)
    }

    /// The same with options.
    pub(crate) fn build_with(
        target: Target,
        names: &[&str],
        options: &Options,
    ) -> Result<Programs, Error> {
        let built = Self::build_by(target, names, "on-target", |command| {
            command.args(["--profile", options.profile]);
            if !options.features.is_empty() {
                command.args(["--features", options.features]);
            }
            command.envs(options.environment);
        })?;
        Ok(Programs {
            folder: built.folder.with_file_name(options.profile),
            target,
        })
    }

    /// The same, so that a program can follow its own call stack: with frame pointers, where the
    /// processor has no register windows.
    pub(crate) fn build_with_frames(target: Target, names: &[&str]) -> Result<Programs, Error> {
        let mut features: Vec<&str> = Vec::new();
        if names.contains(&"events") {
            features.push("own-global");
        }
        let folder = match target {
            Target::Esp32 => "on-target",
            Target::Esp32c3 => {
                features.push("frame-pointers");
                "on-target-frames"
            }
        };
        Self::build_by(target, names, folder, |command| {
            release(command);
            command.args(["--features", &features.join(",")]);
            if target == Target::Esp32c3 {
                let flags = "-Cforce-frame-pointers=yes";
                command.env(variable(target, "RUSTFLAGS"), flags);
            }
        })
    }

    /// The same with the path of allocations in RAM. Tables of jumps would lie in flash.
    /// `features` are further ones of the package.
    pub(crate) fn build_in_ram(
        target: Target,
        names: &[&str],
        features: &[&str],
    ) -> Result<Programs, Error> {
        Self::build_by(target, names, "on-target-ram", |command| {
            release(command);
            command.args(["--features", "in-ram"]);
            for feature in features {
                command.args(["--features", feature]);
            }
            command.env(variable(target, "RUSTFLAGS"), "-Cjump-tables=no");
        })
    }

    /// Refuses where the checks in C cannot be compiled, with one line that installs everything
    /// missing.
    pub(crate) fn require_c(target: Target) -> Result<(), Error> {
        let packages = tools::COMPILER.iter().chain(target.packages());
        tools::require_all(packages.chain(&[("clang-22", "clang-22")]))
    }

    /// Returns the programs that run the checks in C, with the heap by its C names.
    pub(crate) fn build_c_checks(target: Target, poisoning: Poisoning) -> Result<Programs, Error> {
        let mut features = match poisoning {
            Poisoning::None => String::from("c-checks"),
            Poisoning::Light => String::from("c-checks,poison-light"),
            Poisoning::Comprehensive => String::from("c-checks,poison-comprehensive"),
        };
        if !target.has_atomics() {
            features.push_str(",c-names"); // the lock is the critical section: there is no lock word
        }
        Self::build_by(target, &C_CHECKS, "on-target-c", |command| {
            release(command);
            command.args(["--features", &features]);
        })
    }

    fn build_by(
        target: Target,
        names: &[&str],
        folder: &str,
        change: impl FnOnce(&mut Command),
    ) -> Result<Programs, Error> {
        tools::require(target)?;
        let root = root();
        // One folder a chip: cargo locks it, and both can be built at once.
        let output = match target {
            Target::Esp32 => output_folder(&root, folder),
            Target::Esp32c3 => output_folder(&root, &format!("{folder}-{}", target.name())),
        };
        let mut command = cargo(target, &root, &output)?;
        change(&mut command);
        for name in names {
            command.args(["--bin", name]);
        }
        let status = command
            .status()
            .map_err(|cause| Error::file(Path::new(tools::CARGO), cause))?;
        if !status.success() {
            return Err(Error::Failed(format!(
                "{} for {target:?} cannot be built, see above",
                names.join(", ")
            )));
        }
        Ok(Programs {
            folder: output.join(target.triple()).join("release"),
            target,
        })
    }

    pub(crate) fn target(&self) -> Target {
        self.target
    }

    /// Returns where files that belong to a run can be put.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the ELF file of a program.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The ordinary profile.
fn release(command: &mut Command) {
    command.arg("--release");
}

/// Returns the folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

fn output_folder(root: &Path, folder: &str) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join(folder)
}

fn cargo(target: Target, root: &Path, output: &Path) -> Result<Command, Error> {
    let mut command = tools::cargo();
    command.args(["build", "--quiet"]);
    command.args(["-Zbuild-std=core,alloc", "-Zjson-target-spec"]);
    command
        .arg("--manifest-path")
        .arg(root.join("crates/testing/on-target/Cargo.toml"));
    command.arg("--target").arg(target.specification(root));
    command.arg("--target-dir").arg(output);
    command.env(variable(target, "LINKER"), linker(target)?);
    Ok(command)
}

fn linker(target: Target) -> Result<PathBuf, Error> {
    match target {
        Target::Esp32 => {
            xtensa::build()?;
            xtensa::linker()
        }
        Target::Esp32c3 => Ok("ld.lld-22".into()),
    }
}

/// Variable by which cargo gets the linker or the flags of a target.
fn variable(target: Target, what: &str) -> String {
    let name = target.triple().to_uppercase().replace('-', "_");
    format!("CARGO_TARGET_{name}_{what}")
}

#[cfg(test)]
mod tests {
    use super::{Target, variable};

    #[test]
    fn a_linker_is_named_by_its_target() {
        assert_eq!(
            variable(Target::Esp32, "LINKER"),
            "CARGO_TARGET_XTENSA_QEMU_NONE_ELF_LINKER"
        );
    }
}
