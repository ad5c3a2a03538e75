//! Packages of the C library for CMake, ESP-IDF, PlatformIO and Zephyr: archives, headers, build
//! files.
//!
//! ```text
//!   heap_caps/ ┬─ lib/esp32/libheap_caps.a, lib/host/libheap_caps.a …      built here
//!              ├─ include/                                                 crates/heap-caps-c/include
//!              └─ CMakeLists.txt, library.json, zephyr/module.yml …        crates/heap-caps-c/packages/KIND
//! ```

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::build::root;
use super::{Order, Processor};
use crate::error::Error;

/// Build system of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PackageKind {
    /// Any CMake project: `add_subdirectory` or `find_package`
    Cmake,
    /// ESP-IDF: a component, also in the place of its own heap
    IdfComponent,
    /// PlatformIO: a library
    Platformio,
    /// Zephyr: a module
    Zephyr,
}

impl PackageKind {
    /// Name on the command line, and of its folder in `packages/`.
    fn name(self) -> &'static str {
        match self {
            PackageKind::Cmake => "cmake",
            PackageKind::IdfComponent => "idf-component",
            PackageKind::Platformio => "platformio",
            PackageKind::Zephyr => "zephyr",
        }
    }
}

/// Version written into every package: the workspace's.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Writes the package to `folder`, which must be new or empty, with one library for each of
/// `orders`.
pub(crate) fn write(kind: PackageKind, orders: &[Order], folder: &Path) -> Result<(), Error> {
    require_empty(folder)?;
    // Built before anything is written: a failed build leaves no half of a package.
    let libraries = orders
        .iter()
        .map(|order| Ok((order.processor.name(), order.build()?)))
        .collect::<Result<Vec<_>, Error>>()?;
    for (processor, library) in libraries {
        let target = folder.join("lib").join(processor);
        make_folder(&target)?;
        copy(&library, &target.join("libheap_caps.a"))?;
    }
    let source = root().join("crates/heap-caps-c");
    copy_folder(&source.join("include"), &folder.join("include"), &|text| {
        text
    })?;
    let values = Placeholders::of(kind, orders);
    let filled = |text: String| values.fill(&text);
    copy_folder(&source.join("packages").join(kind.name()), folder, &filled)?;
    let readme = source.join("packages/README.md");
    write_text(&folder.join("README.md"), &filled(read_text(&readme)?))?;
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        copy(&source.join(licence), &folder.join(licence))?;
    }
    Ok(())
}

/// Values of the `@NAME@` placeholders in the files of a package.
struct Placeholders {
    kind: &'static str,
    targets: String,
    idf_targets: String,
}

impl Placeholders {
    fn of(kind: PackageKind, orders: &[Order]) -> Placeholders {
        let names: Vec<_> = orders.iter().map(|order| order.processor.name()).collect();
        let chips = orders.iter().flat_map(|order| order.processor.chips());
        let lines: String = chips.map(|chip| format!("\n  - {chip}")).collect();
        Placeholders {
            kind: kind.name(),
            targets: names.join(", "),
            // ESP-IDF rejects an empty list, so without chips the key is left out.
            idf_targets: if lines.is_empty() {
                String::new()
            } else {
                format!("targets:{lines}")
            },
        }
    }

    fn fill(&self, text: &str) -> String {
        text.replace("@VERSION@", VERSION)
            .replace("@KIND@", self.kind)
            .replace("@TARGETS@", &self.targets)
            .replace("@IDF_TARGETS@", &self.idf_targets)
    }
}

/// Returns an error unless `folder` is empty or absent.
fn require_empty(folder: &Path) -> Result<(), Error> {
    let is_empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(cause) if cause.kind() == ErrorKind::NotFound => true,
        Err(cause) => return Err(Error::file(folder, cause)),
    };
    if is_empty {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{} is not an empty folder: remove it, or name another one with --out",
        folder.display()
    )))
}

/// Copies text files, changed, with the folders in which they are.
fn copy_folder(from: &Path, to: &Path, change: &dyn Fn(String) -> String) -> Result<(), Error> {
    make_folder(to)?;
    for path in entries(from)? {
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &target, change)?;
        } else {
            write_text(&target, &change(read_text(&path)?))?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |cause| Error::file(folder, cause);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|cause| Error::file(folder, cause))
}

fn read_text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|cause| Error::file(path, cause))
}

fn write_text(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|cause| Error::file(path, cause))
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    fs::copy(from, to).map(|_| ()).map_err(|cause| {
        let (from, to) = (from.display(), to.display());
        Error::Failed(format!("cannot copy {from} to {to}: {cause}"))
    })
}

impl Processor {
    /// ESP-IDF's names of the chips that run its code.
    fn chips(self) -> &'static [&'static str] {
        match self {
            Processor::Host | Processor::Host32 => &[],
            Processor::Esp32 => &["esp32"],
            Processor::Esp32c3 => &["esp32c2", "esp32c3", "esp32c6", "esp32c61", "esp32h2"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PackageKind, Placeholders, require_empty};
    use crate::clib::{Order, Processor};
    use esp_heap::poisoning::Poisoning;

    #[test]
    fn names_in_a_packages_files_are_filled_in() {
        let order = |processor| Order {
            processor,
            features: Vec::new(),
            poisoning: Poisoning::None,
        };
        let orders = [order(Processor::Host), order(Processor::Esp32)];
        let values = Placeholders::of(PackageKind::IdfComponent, &orders);
        let filled = values.fill("@KIND@ for @TARGETS@\n@IDF_TARGETS@\n");
        assert_eq!(
            filled,
            "idf-component for host, esp32\ntargets:\n  - esp32\n"
        );
        let of_none = Placeholders::of(PackageKind::IdfComponent, &[order(Processor::Host)]);
        assert_eq!(of_none.fill("@IDF_TARGETS@"), "");
    }

    #[test]
    fn a_folder_of_the_users_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(require_empty(folder.path()).is_ok());
        assert!(require_empty(&folder.path().join("new")).is_ok());
        std::fs::write(folder.path().join("mine"), "x").unwrap();
        assert!(require_empty(folder.path()).is_err());
    }
}
