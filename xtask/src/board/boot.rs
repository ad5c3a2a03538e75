//! A board's own program on a modelled chip: a ROM of ours in a stock emulator loads its image and
//! jumps to its entry.
//!
//! ```text
//!   targets/…-rom/ ── link ─> ROM  ┐
//!   program ── segments ─> image ──┼─> qemu-system-… ─> lines ─> what start-up must have done
//!   start (cores, PSRAM, restart) ─┘
//! ```
//! The program is the file that a board gets, unchanged. What the model has, and what it lacks:
//! docs/flash.md.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Board;
use super::build::{output_folder, root};
use super::program::Program;
use crate::error::Error;
use crate::on_target::{run, tools};
use xtensa_toolchain::link;
use xtensa_toolchain::order::Order;

/// How the chip comes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) cores: u8,
    /// Whether something has mapped PSRAM before the program runs.
    pub(crate) psram: bool,
    /// Whether the program before left memory, watchdogs and the second core as they were.
    pub(crate) restart: bool,
}

/// Every choice that the ESP32 has, in pairs.
const STARTS_OF_ESP32: [Start; 4] = [
    start(2, true, false),
    start(2, false, true),
    start(1, false, false),
    start(1, true, true),
];
const STARTS_OF_ESP32C3: [Start; 2] = [start(1, false, false), start(1, false, true)];

const fn start(cores: u8, psram: bool, restart: bool) -> Start {
    Start {
        cores,
        psram,
        restart,
    }
}

impl std::fmt::Display for Start {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "{}, {} PSRAM, after {}",
            if self.cores == 1 {
                "one core"
            } else {
                "two cores"
            },
            if self.psram { "mapped" } else { "no" },
            if self.restart {
                "a restart"
            } else {
                "power-on"
            }
        )
    }
}

/// Where a chip's ROM looks for its options and the image, by the emulator's addresses; see
/// `targets/…-rom/rom.c`.
struct RomAddresses {
    options: u32,
    image: u32,
}
const IMAGE_MOST: usize = 1 << 20;

/// A chip whose start-up is modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chip {
    Esp32,
    Esp32c3,
}

impl Chip {
    pub(crate) fn of(board: Board) -> Option<Chip> {
        match board {
            Board::Esp32 => Some(Chip::Esp32),
            Board::Esp32c3 => Some(Chip::Esp32c3),
            _ => None,
        }
    }

    /// Returns how a chip of this kind can come up.
    pub(crate) fn starts(self) -> &'static [Start] {
        match self {
            Chip::Esp32 => &STARTS_OF_ESP32,
            Chip::Esp32c3 => &STARTS_OF_ESP32C3,
        }
    }

    /// Returns where docs/flash.md shows the output of the first start.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Chip::Esp32 => "### ESP32",
            Chip::Esp32c3 => "## 5. What it prints",
        }
    }

    fn rom_addresses(self) -> RomAddresses {
        match self {
            Chip::Esp32 => RomAddresses {
                options: 0x006F_F000,
                image: 0x0070_0000,
            },
            Chip::Esp32c3 => RomAddresses {
                options: 0x817F_F000,
                image: 0x8180_0000,
            },
        }
    }

    fn packages(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Chip::Esp32 => &[
                ("qemu-system-misc", "qemu-system-xtensa"),
                ("llvm-22", "llc-22"),
                ("clang-22", "clang-22"),
                ("binutils-xtensa-lx106", "xtensa-lx106-elf-ld"),
            ],
            Chip::Esp32c3 => &[
                ("qemu-system-misc", "qemu-system-riscv32"),
                ("clang-22", "clang-22"),
                ("lld-22", "ld.lld-22"),
            ],
        }
    }
}

/// A machine that is ready to start.
pub(crate) struct Model {
    chip: Chip,
    rom: PathBuf,
    image: PathBuf,
}

impl Model {
    /// Returns the machine with `program` in its flash.
    pub(crate) fn with(program: &Program, chip: Chip) -> Result<Model, Error> {
        tools::require_all(chip.packages().iter())?;
        let folder = output_folder(&root()).join("boot");
        fs::create_dir_all(&folder).map_err(|cause| Error::file(&folder, cause))?;
        let rom = folder.join(format!("{chip:?}-rom").to_lowercase());
        match chip {
            Chip::Esp32 => link_xtensa_rom(&rom)?,
            Chip::Esp32c3 => link_riscv_rom(&rom)?,
        }
        let image = folder.join("image.bin");
        let bytes = image_of(program)?;
        fs::write(&image, bytes).map_err(|cause| Error::file(&image, cause))?;
        Ok(Model { chip, rom, image })
    }

    /// Returns the lines that the program prints until it has reported `reports` times; `show` sees
    /// the bytes of each as they come.
    pub(crate) fn lines(
        &self,
        start: Start,
        reports: usize,
        limit: Duration,
        mut show: impl FnMut(&[u8]),
    ) -> Result<Vec<String>, Error> {
        let mut reported = 0;
        let ended = run::until(self.emulator(start), limit, |line| {
            show(line);
            reported += usize::from(is_report(&String::from_utf8_lossy(line)));
            if reported < reports {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        if reported == reports {
            return Ok(ended.lines);
        }
        let last = ended.lines.last().map_or("nothing", String::as_str);
        Err(Error::Failed(match ended.code {
            Some(code) => format!("{start}: the program ended with code {code} behind `{last}`"),
            None => format!(
                "{start}: after {} s the program has reported {reported} times; its last line: `{last}`",
                limit.as_secs()
            ),
        }))
    }

    fn emulator(&self, start: Start) -> Command {
        let mut command = match self.chip {
            Chip::Esp32 => {
                let mut command = Command::new("qemu-system-xtensa");
                command.args(["-machine", "sim", "-cpu", "dc233c", "-smp", "2"]);
                // Both cores by turns, an instruction in 10.24 cycles: every run is the same.
                command.args(["-icount", "shift=10,sleep=off", "-serial", "none"]);
                command.args(["-semihosting-config", "enable=on,target=native"]);
                command
            }
            Chip::Esp32c3 => {
                let mut command = Command::new("qemu-system-riscv32");
                command.args(["-machine", "virt", "-bios", "none", "-serial", "stdio"]);
                command.args(["-icount", "shift=0,sleep=off"]);
                command
            }
        };
        command.args(["-display", "none", "-monitor", "none"]);
        command.arg("-kernel").arg(&self.rom);
        let RomAddresses { options, image } = self.chip.rom_addresses();
        command.arg("-device").arg(format!(
            "loader,file={},addr={image:#x},force-raw=on",
            self.image.display()
        ));
        let word = [start.cores, start.psram.into(), start.restart.into(), 0];
        let word = u32::from_le_bytes(word);
        let options = format!("loader,addr={options:#x},data={word:#x},data-len=4");
        command.arg("-device").arg(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }
}

/// Returns whether it is a line that the demonstration prints again and again.
fn is_report(line: &str) -> bool {
    line.contains(" steps, ") && line.contains(" refused; free ")
}

fn link_xtensa_rom(output: &Path) -> Result<(), Error> {
    let targets = root().join("targets");
    let rom = targets.join("esp32-rom");
    let calls = targets.join("xtensa-qemu/calls.S");
    Ok(link::link(&Order {
        output: output.to_owned(),
        inputs: vec![rom.join("rom.S"), rom.join("rom.c"), calls],
        scripts: vec![rom.join("link.x")],
        ..Order::default()
    })?)
}

fn link_riscv_rom(output: &Path) -> Result<(), Error> {
    let rom = root().join("targets/esp32c3-rom");
    let mut objects = Vec::new();
    for source in ["start.S", "rom.c"] {
        let object = output.with_extension(source).with_extension("o");
        let mut compiler = Command::new("clang-22");
        compiler.args(["--target=riscv32-unknown-elf", "-mabi=ilp32"]);
        compiler.args(["-march=rv32imac_zicsr", "-ffreestanding", "-nostdlibinc"]);
        compiler.args(["-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c"]);
        done(compiler.arg(rom.join(source)).arg("-o").arg(&object))?;
        objects.push(object);
    }
    let mut linker = Command::new("ld.lld-22");
    linker.arg("-T").arg(rom.join("link.x")).args(objects);
    done(linker.arg("-o").arg(output))
}

/// Runs a tool; one that fails is an error with all that it said.
fn done(command: &mut Command) -> Result<(), Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|cause| Error::Failed(format!("{name}: {cause}")))?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(Error::Failed(format!(
        "{name}: {}\n{errors}",
        output.status
    )))
}

/// Returns the header and segments as a boot loader reads them. Source: ESP-IDF v5.5,
/// `esp_app_format.h`.
fn image_of(program: &Program) -> Result<Vec<u8>, Error> {
    let too_much = |what: &str| {
        Error::Image(format!(
            "{}: {what} for the modelled chip",
            program.file.display()
        ))
    };
    let segments =
        u8::try_from(program.contents.len()).map_err(|_| too_much("too many sections"))?;
    let mut image = vec![0xE9, segments, 0, 0];
    image.extend(program.entry.to_le_bytes());
    image.resize(24, 0);
    for content in &program.contents {
        let length = content.bytes.len().next_multiple_of(4);
        let word = u32::try_from(length).map_err(|_| too_much("too large a section"))?;
        image.extend(content.start.to_le_bytes());
        image.extend(word.to_le_bytes());
        let end = image.len() + length;
        image.extend(&content.bytes);
        image.resize(end, 0);
    }
    if image.len() > IMAGE_MOST {
        return Err(too_much("more than a MiB"));
    }
    Ok(image)
}

/// Returns what start-up should have done and did not, by what the program printed.
pub(crate) fn faults(chip: Chip, start: Start, lines: &[String]) -> Vec<String> {
    let wanted = |text: &str| {
        let is_there = lines.iter().any(|line| line.contains(text));
        (!is_there).then(|| format!("{start}: no line says `{text}`"))
    };
    let unwanted = |text: &str| {
        let line = lines.iter().find(|line| line.contains(text))?;
        Some(format!("{start}: a line says `{line}`"))
    };
    let mut faults = vec![
        wanted(" checks passed"),
        wanted("0 refused"),
        unwanted("panicked"),
        unwanted("exception"),
    ];
    if chip == Chip::Esp32c3 {
        faults.push(wanted("ESP32-C3, PSRAM: 0 KiB"));
        return faults.into_iter().flatten().collect();
    }
    // What one core leaves to the heap: the second one's cache.
    let second_cores_cache = "At 40078000 len";
    faults.push(unwanted("does not answer"));
    faults.push(wanted("16 bytes allocated and freed: "));
    faults.extend(if start.psram {
        [
            wanted("ESP32, PSRAM: 4096 KiB"),
            wanted("At 3F800000 len 00400000"),
            unwanted("nothing has mapped it"),
        ]
    } else {
        [
            wanted("ESP32, PSRAM: 0 KiB"),
            wanted("nothing has mapped it"),
            unwanted("At 3F800000"),
        ]
    });
    faults.extend(match start.cores {
        1 => [wanted("stress by one core"), wanted(second_cores_cache)],
        _ => [wanted("stress by both cores"), unwanted(second_cores_cache)],
    });
    faults.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: &str = "PSRAM: nothing has mapped it. If …\nESP32, PSRAM: 0 KiB\n23 checks passed\n\
        At 3FFE0440 len 00003AE0 (14 KiB): D/IRAM\n\
        16 bytes allocated and freed: 3000 cycles\nstress by both cores: 40000 blocks\n20000 steps, 46 blocks, 0 refused; free 4";

    fn faults_of(text: &str, start: Start) -> String {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        faults(Chip::Esp32, start, &lines).join("\n")
    }

    #[test]
    fn what_a_start_must_print_depends_on_the_chip() {
        assert_eq!(faults_of(WELL, start(2, false, false)), "");
        let one = faults_of(WELL, start(1, false, false));
        assert!(one.contains("no line says `stress by one core`"), "{one}");
        assert!(one.contains("no line says `At 40078000 len`"), "{one}");
        let psram = faults_of(WELL, start(2, true, false));
        assert!(
            psram.contains("no line says `ESP32, PSRAM: 4096 KiB`"),
            "{psram}"
        );
        let panicked = WELL.replace("20000 steps", "panicked at\n20000 steps");
        let panicked = faults_of(&panicked, start(2, false, false));
        assert!(
            panicked.ends_with("a line says `panicked at`"),
            "{panicked}"
        );
    }

    #[test]
    fn reports_are_distinguished_from_other_lines() {
        assert!(is_report("20000 steps, 46 blocks, 0 refused; free 4418048"));
        assert!(!is_report("23 checks passed"));
    }
}
