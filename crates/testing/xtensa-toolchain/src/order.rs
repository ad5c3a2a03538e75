//! Command line that rustc passes to its linker.

use std::path::{Path, PathBuf};

/// What the target files of chips say before all else, with the chip's name behind it.
const FOR_CHIP: &str = "--for-chip=";

/// What the build script says of programs that count how long interrupts are masked.
const COUNT_MASKED: &str = "--count-masked";

/// Processors, each with a target file that says what it can do.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// The emulator's, which lacks some of an ESP32's registers.
    #[default]
    Emulated,
    /// An LX6.
    Esp32,
    /// An LX7 without atomics, loops and floating point.
    Esp32s2,
    /// An LX7 with all of that.
    Esp32s3,
}

impl Processor {
    const CHIPS: [(&str, Processor); 3] = [
        ("esp32", Processor::Esp32),
        ("esp32s2", Processor::Esp32s2),
        ("esp32s3", Processor::Esp32s3),
    ];

    /// Returns the contents of its target file.
    #[must_use]
    pub const fn target(self) -> &'static str {
        match self {
            Processor::Emulated => include_str!("../../../../targets/xtensa-qemu-none-elf.json"),
            Processor::Esp32 => include_str!("../../../../targets/xtensa-esp32-none-elf.json"),
            Processor::Esp32s2 => include_str!("../../../../targets/xtensa-esp32s2-none-elf.json"),
            Processor::Esp32s3 => include_str!("../../../../targets/xtensa-esp32s3-none-elf.json"),
        }
    }

    /// Returns what the processor has besides for assembly of the source: the registers of units
    /// that the compiler leaves alone.
    #[must_use]
    pub const fn only_assembled(self) -> &'static str {
        match self {
            Processor::Esp32 => ",+fp,+dfpaccel",
            Processor::Esp32s3 => ",+fp",
            Processor::Esp32s2 | Processor::Emulated => "",
        }
    }

    fn of_chip(name: &str) -> Option<Processor> {
        let chips = Processor::CHIPS.iter();
        let mut found = chips.filter(|(chip, _)| *chip == name);
        found.next().map(|(_, processor)| *processor)
    }
}

/// One call of the linker: the arguments that mean something here.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The program to write.
    pub output: PathBuf,
    /// Objects, archives, assembly files and files in C, in order.
    pub inputs: Vec<PathBuf>,
    /// Linker scripts, in order.
    pub scripts: Vec<PathBuf>,
    /// The processor that it is for.
    pub processor: Processor,
    /// Whether the program counts how long interrupts are masked.
    pub counts_masked: bool,
    /// Options for the linker behind this one.
    pub options: Vec<String>,
    /// Libraries by name (`-lname`), in order: scripts too, such as those that name a ROM's
    /// routines.
    pub libraries: Vec<String>,
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
        if let Some(chip) = option.strip_prefix(FOR_CHIP) {
            self.processor = Processor::of_chip(chip).unwrap_or_default();
        } else if option == COUNT_MASKED {
            self.counts_masked = true;
        } else if let Some(script) = option.strip_prefix("-T") {
            self.scripts.push(script.into());
        } else if option.starts_with("-l") {
            self.libraries.push(option.to_owned());
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
    use super::{Order, PathBuf, Processor};

    #[test]
    fn a_command_line_of_rustc_is_understood() {
        let line = "/tmp/rustcX/symbols.o a.o -Bstatic libcore.rlib -L lib -lrom -o out -Tlink.x -Tdefmt.x --gc-sections boot.S --defsym=a=1 -Iinclude -DLEVEL=2";
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
        assert_eq!(order.libraries, ["-lrom"]);
        assert_eq!(order.options, ["-Llib", "--defsym=a=1"]);
        assert_eq!(order.c_options, ["-Iinclude", "-DLEVEL=2"]);
        assert_eq!(order.processor, Processor::Emulated);
    }

    #[test]
    fn each_target_file_of_a_chip_leads_to_its_processor() {
        for (name, processor) in Processor::CHIPS {
            let argument = format!("--for-chip={name}");
            assert!(processor.target().contains(&argument), "{name}");
            assert_eq!(Order::parse(&[argument]).processor, processor);
        }
    }
}
