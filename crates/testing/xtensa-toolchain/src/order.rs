//! Command line that rustc gives its linker.

use std::path::{Path, PathBuf};

/// What `targets/xtensa-esp32-none-elf.json` says before all else.
const FOR_CHIP: &str = "--for-chip";

/// What the build script says of programs that count how long interrupts are masked.
const COUNT_MASKED: &str = "--count-masked";

/// One call of the linker: the arguments that mean something here.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The program to write.
    pub output: PathBuf,
    /// Objects, archives, assembly files and files in C, in order.
    pub inputs: Vec<PathBuf>,
    /// Linker scripts, in order.
    pub scripts: Vec<PathBuf>,
    /// Whether it is for the chip itself, which has more registers than the emulator's processor.
    pub for_chip: bool,
    /// Whether the program counts how long interrupts are masked.
    pub counts_masked: bool,
    /// Options for the linker behind this one.
    pub options: Vec<String>,
    /// Options for the compiler of files in C.
    pub c_options: Vec<String>,
}

impl Order {
    /// Reads a command line in the style of GNU ld; libraries come as paths, so search paths are
    /// for linker scripts.
    #[must_use]
    pub fn parse(arguments: &[String]) -> Order {
        let mut order = Order::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "-o" => order.output = rest.next().map(PathBuf::from).unwrap_or_default(),
                "-L" => order
                    .options
                    .extend(rest.next().map(|path| format!("-L{path}"))),
                "-z" => drop(rest.next()),
                option if option.starts_with('-') => order.option(option),
                input => order.input(Path::new(input)),
            }
        }
        order
    }

    fn option(&mut self, option: &str) {
        if option == FOR_CHIP {
            self.for_chip = true;
        } else if option == COUNT_MASKED {
            self.counts_masked = true;
        } else if let Some(script) = option.strip_prefix("-T") {
            self.scripts.push(script.into());
        } else if option.starts_with("-D") || option.starts_with("-I") {
            self.c_options.push(option.to_owned());
        } else if option.starts_with("--defsym")
            || option.starts_with("-Map")
            || option == "--emit-relocs"
            || option == "--build-id"
        {
            self.options.push(option.to_owned());
        }
    }

    /// rustc's `symbols.o` only keeps symbols of libraries alive, and is of no machine that GNU ld
    /// would know.
    fn input(&mut self, path: &Path) {
        if path.file_name().is_none_or(|name| name != "symbols.o") {
            self.inputs.push(path.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Order, PathBuf};

    #[test]
    fn a_command_line_of_rustc_is_understood() {
        let line = "/tmp/rustcX/symbols.o a.o -Bstatic libcore.rlib -L lib -o out -Tlink.x -Tdefmt.x --gc-sections boot.S --defsym=a=1 -Iinclude -DLEVEL=2";
        let line: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let order = Order::parse(&line);
        assert_eq!(order.output.to_str(), Some("out"));
        assert_eq!(
            order.scripts,
            [PathBuf::from("link.x"), PathBuf::from("defmt.x")]
        );
        assert_eq!(
            order.inputs,
            ["a.o", "libcore.rlib", "boot.S"].map(Into::<std::path::PathBuf>::into)
        );
        assert_eq!(order.options, ["-Llib", "--defsym=a=1"]);
        assert_eq!(order.c_options, ["-Iinclude", "-DLEVEL=2"]);
    }
}
