//! Compilation of `crates/heap-caps-c/staticlib` for a processor.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::archive;
use super::processor::Processor;
use crate::ci::tool;
use crate::error::Error;
use crate::on_target::tools;
use esp_heap::poisoning::Poisoning;

/// What cargo calls the library.
const FILE: &str = "libheap_caps.a";

/// One library.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) processor: Processor,
    /// Features that bring C names, and others of `crates/heap-caps-c/staticlib`.
    pub(crate) features: Vec<String>,
    pub(crate) poisoning: Poisoning,
}

impl Order {
    /// Builds the library and returns where it is: a place of its own for each order. What the
    /// compiler says goes to standard error.
    pub(crate) fn build(&self) -> Result<PathBuf, Error> {
        self.processor.require()?;
        let root = root();
        let output = output_folder(&root);
        let status = self
            .cargo(&root, &output)
            .status()
            .map_err(|cause| Error::Failed(format!("cargo cannot be run: {cause}")))?;
        if !status.success() {
            return Err(Error::Failed(format!(
                "the library for {} cannot be built, see above",
                self.processor.name()
            )));
        }
        let made = output.join(self.processor.triple().unwrap_or("."));
        self.deliver(&made.join("release").join(FILE), &output)
    }

    fn cargo(&self, root: &Path, output: &Path) -> Command {
        let mut command = match self.processor {
            Processor::Host => tool::cargo(),
            _ => tools::cargo(),
        };
        command.args(["build", "--quiet", "--release", "--manifest-path"]);
        command.arg(root.join("crates/heap-caps-c/staticlib/Cargo.toml"));
        command.arg("--target-dir").arg(output);
        command.args(["--features", &self.cargo_features().join(",")]);
        if let Some(target) = self.processor.specification(root) {
            command.args(["-Zbuild-std=core,alloc", "-Zjson-target-spec"]);
            command.arg("--target").arg(target);
        }
        command
    }

    fn cargo_features(&self) -> Vec<String> {
        let poisoning = match self.poisoning {
            Poisoning::None => None,
            Poisoning::Light => Some("poison-light"),
            Poisoning::Comprehensive => Some("poison-comprehensive"),
        };
        let mut features = self.features.clone();
        features.extend(poisoning.map(str::to_owned));
        features
    }

    /// Puts the heap's part of what cargo made to its place; for Xtensa cargo made an archive of
    /// bitcode, to be compiled.
    fn deliver(&self, made: &Path, output: &Path) -> Result<PathBuf, Error> {
        let place = output.join("libraries").join(self.label()).join(FILE);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(|cause| Error::file(folder, cause))?;
        }
        if self.processor == Processor::Esp32 {
            let bitcode = place.with_extension("bitcode.a");
            archive::strip(made, &bitcode)?;
            xtensa_toolchain::link::archive(&bitcode, &place)?;
            fs::remove_file(&bitcode).map_err(|cause| Error::file(&bitcode, cause))?;
        } else {
            archive::strip(made, &place)?;
        }
        Ok(place)
    }

    /// `host-light-idf+libc`: a name for a folder.
    fn label(&self) -> String {
        let short = |feature: &String| feature.trim_start_matches("c-abi-").to_owned();
        let features: Vec<_> = self.features.iter().map(short).collect();
        let poisoning = format!("{:?}", self.poisoning).to_lowercase();
        format!(
            "{}-{poisoning}-{}",
            self.processor.name(),
            features.join("+")
        )
    }
}

/// Returns the folder of the workspace.
pub(super) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

fn output_folder(root: &Path) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("clib")
}

#[cfg(test)]
mod tests {
    use super::{Order, Poisoning, Processor};

    #[test]
    fn every_order_has_a_place_of_its_own() {
        let order = Order {
            processor: Processor::Host32,
            features: vec!["c-abi-idf".into(), "policy-idf-exact".into()],
            poisoning: Poisoning::Light,
        };
        assert_eq!(order.label(), "host32-light-idf+policy-idf-exact");
        assert_eq!(
            order.cargo_features(),
            ["c-abi-idf", "policy-idf-exact", "poison-light"]
        );
    }
}
