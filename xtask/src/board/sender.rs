//! Programs that speak with a chip's boot loader, espflash and esptool, and their command lines.
//!
//! ```text
//!              espflash (brings ESP-IDF's boot loader and a partition table)   esptool (takes files)
//!   image      save-image                                                      elf2image
//!   ask        board-info                                                      chip-id
//!   send       flash: skips a part that is there already                       write-flash: the same
//!   resume     write-bin, a chunk each, then flash                             write-flash with all chunks
//!   listen     monitor: addresses become functions                             pyserial's miniterm
//! ```

use std::ffi::OsString;
use std::path::Path;

use clap::ValueEnum;

use super::Board;
use super::chip::{PARTITION_TABLE_OFFSET, PROGRAM_OFFSET};
use super::chunks::Chunk;
use super::tool_command::ToolCommand;
use crate::error::Error;
use crate::on_target::tools::is_there;

/// A program that speaks with boot loaders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sender {
    /// Rust's: cargo install espflash --locked
    Espflash,
    /// Espressif's: pip install esptool
    Esptool,
}

/// Offset in the image where the application descriptor has room for the ELF file's hash.
const HASH_OFFSET: &str = "0xb0";
const SLOW: &str = "115200";
/// A monitor that does not restart the board. It asks the chip for its model, all the same.
const ALONE: [&str; 6] = [
    "--before",
    "no-reset",
    "--after",
    "no-reset",
    "--no-reset",
    "--non-interactive",
];
/// The image has its flash's mode and speed already. The chip is asked for hashes first.
const WRITE_FLASH: [&str; 6] = [
    "write-flash",
    "--skip-flashed",
    "--flash-mode",
    "keep",
    "--flash-freq",
    "keep",
];

/// Where a board is, and how to get at it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Line {
    /// The serial port of the board, as /dev/ttyUSB0
    #[arg(long, env = "ESPFLASH_PORT")]
    pub(crate) port: Option<String>,
    /// Bits a second while sending
    #[arg(long, default_value_t = 460_800)]
    pub(crate) baud: u32,
    /// Do not reset the board: it is in its boot loader (BOOT held during RESET), or has no lines
    /// for that
    #[arg(long)]
    pub(crate) no_reset: bool,
}

/// What is to be in flash before the program.
#[derive(Debug, clap::Args)]
pub(crate) struct Before {
    /// A boot loader, built by ESP-IDF, instead of espflash's; with esptool none is sent otherwise
    #[arg(long, value_name = "FILE")]
    pub(crate) boot_loader: Option<OsString>,
    /// A partition table (.bin) instead of espflash's; with esptool none is sent otherwise
    #[arg(long, value_name = "FILE")]
    pub(crate) partition_table: Option<OsString>,
}

impl Line {
    fn port_or_word(&self) -> &str {
        self.port.as_deref().unwrap_or("PORT")
    }

    fn options(&self, board: Board) -> Vec<String> {
        self.options_ending(board, true)
    }

    /// The same, and the board waits for more afterwards.
    fn options_staying(&self, board: Board) -> Vec<String> {
        self.options_ending(board, false)
    }

    fn options_ending(&self, board: Board, starts: bool) -> Vec<String> {
        let words = [
            "--chip",
            board.name(),
            "--port",
            self.port_or_word(),
            "--baud",
        ];
        let mut options: Vec<String> = words.map(str::to_owned).to_vec();
        options.push(self.baud.to_string());
        options.extend(
            self.reset_options(starts)
                .iter()
                .map(|word| (*word).to_owned()),
        );
        options
    }

    /// Returns what happens to the board before and after; `starts`: its program is to run then.
    fn reset_options(&self, starts: bool) -> &'static [&'static str] {
        match (self.no_reset, starts) {
            (true, _) => &["--before", "no-reset", "--after", "no-reset"],
            (false, true) => &[],
            (false, false) => &["--after", "no-reset"],
        }
    }
}

impl Before {
    fn espflash_options(&self, mut command: ToolCommand) -> ToolCommand {
        let options = [
            ("--bootloader", &self.boot_loader),
            ("--partition-table", &self.partition_table),
        ];
        for (option, file) in options {
            if let Some(file) = file {
                command = command.arg(option).arg(file);
            }
        }
        command
    }

    fn esptool_parts(&self, board: Board, mut command: ToolCommand) -> ToolCommand {
        let parts = [
            (board.boot_loader_offset(), &self.boot_loader),
            (PARTITION_TABLE_OFFSET, &self.partition_table),
        ];
        for (offset, file) in parts {
            if let Some(file) = file {
                command = command.arg(format!("{offset:#x}")).arg(file);
            }
        }
        command
    }
}

impl Sender {
    /// Returns the one that is wanted, or the first that is installed.
    pub(crate) fn find(wanted: Option<Sender>) -> Result<Sender, Error> {
        let candidates =
            wanted.map_or_else(|| vec![Sender::Espflash, Sender::Esptool], |one| vec![one]);
        let found = candidates.iter().find(|sender| is_there(sender.program()));
        found.copied().ok_or_else(|| Error::MissingTool {
            tool: candidates
                .iter()
                .map(|s| s.program())
                .collect::<Vec<_>>()
                .join(" or "),
            remedy: candidates[0].remedy().to_owned(),
        })
    }

    /// The same where nothing is run: espflash if none is installed.
    pub(crate) fn wanted_or_found(wanted: Option<Sender>) -> Sender {
        let found = || Sender::find(None).unwrap_or(Sender::Espflash);
        wanted.unwrap_or_else(found)
    }

    pub(crate) fn program(self) -> &'static str {
        match self {
            Sender::Espflash => "espflash",
            Sender::Esptool => "esptool",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Sender::Espflash => "cargo install espflash --locked",
            Sender::Esptool => "pip install esptool",
        }
    }

    /// ELF file ─> image of the program alone.
    pub(crate) fn image(self, board: Board, elf: &Path, image: &Path) -> ToolCommand {
        match self {
            Sender::Espflash => ToolCommand::new("espflash")
                .args(["save-image", "--skip-update-check", "--chip", board.name()])
                .arg(elf)
                .arg(image),
            Sender::Esptool => ToolCommand::new("esptool")
                .args(["--chip", board.name(), "elf2image", "--flash-mode", "dio"])
                .args([
                    "--flash-freq",
                    board.flash_frequency(),
                    "--flash-size",
                    "4MB",
                ])
                .args(["--elf-sha256-offset", HASH_OFFSET, "-o"])
                .arg(image)
                .arg(elf),
        }
    }

    /// Command that asks which chip is connected.
    pub(crate) fn query(self, line: &Line) -> ToolCommand {
        let command = ToolCommand::new(self.program());
        match self {
            Sender::Espflash => command
                .args(["board-info", "--skip-update-check", "--non-interactive"])
                .args(["--port", line.port_or_word()])
                .args(line.reset_options(false)),
            Sender::Esptool => command
                .args(["--port", line.port_or_word()])
                .args(line.reset_options(false))
                .arg("chip-id"),
        }
    }

    /// Image ─> board, which then starts it.
    pub(crate) fn sending(
        self,
        board: Board,
        files: Files<'_>,
        before: &Before,
        line: &Line,
    ) -> ToolCommand {
        match self {
            Sender::Espflash => {
                let command = ToolCommand::new("espflash")
                    .args(["flash", "--skip-update-check", "--non-interactive"])
                    .args(line.options(board));
                before.espflash_options(command).arg(files.elf)
            }
            Sender::Esptool => {
                let command = ToolCommand::new("esptool")
                    .args(line.options(board))
                    .args(WRITE_FLASH);
                let command = before.esptool_parts(board, command);
                command.arg(format!("{PROGRAM_OFFSET:#x}")).arg(files.image)
            }
        }
    }

    /// The same after a line broke, in this order: chunks that are there already are not sent.
    pub(crate) fn resuming(
        self,
        board: Board,
        files: Files<'_>,
        chunks: &[Chunk],
        before: &Before,
        line: &Line,
    ) -> Vec<ToolCommand> {
        match self {
            Sender::Espflash => {
                let one = |chunk: &Chunk| {
                    ToolCommand::new("espflash")
                        .args(["write-bin", "--skip-update-check", "--non-interactive"])
                        .args(line.options_staying(board))
                        .arg(format!("{:#x}", chunk.offset))
                        .arg(&chunk.file)
                };
                let mut commands: Vec<ToolCommand> = chunks.iter().map(one).collect();
                commands.push(self.sending(board, files, before, line));
                commands
            }
            Sender::Esptool => {
                let command = ToolCommand::new("esptool")
                    .args(line.options(board))
                    .args(WRITE_FLASH);
                let mut command = before.esptool_parts(board, command);
                for chunk in chunks {
                    command = command.arg(format!("{:#x}", chunk.offset)).arg(&chunk.file);
                }
                vec![command]
            }
        }
    }

    /// Board ─> terminal, until Ctrl-C (espflash) or Ctrl-] (miniterm). espflash restarts the
    /// program, unless it is to leave the board alone.
    pub(crate) fn listening(
        self,
        board: Board,
        elf: Option<&Path>,
        port: &str,
        no_reset: bool,
    ) -> ToolCommand {
        match self {
            Sender::Espflash => {
                let command = ToolCommand::new("espflash").args([
                    "monitor",
                    "--skip-update-check",
                    "--chip",
                    board.name(),
                    "--port",
                    port,
                ]);
                let command = if no_reset {
                    command.args(ALONE)
                } else {
                    command
                };
                match elf {
                    Some(elf) => command.arg("--elf").arg(elf),
                    None => command,
                }
            }
            Sender::Esptool => ToolCommand::new("pyserial-miniterm").args(["--raw", port, SLOW]),
        }
    }
}

/// What a sender needs of a program.
#[derive(Clone, Copy)]
pub(crate) struct Files<'a> {
    pub(crate) elf: &'a Path,
    pub(crate) image: &'a Path,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line {
            port: Some("/dev/ttyUSB0".to_owned()),
            baud: 460_800,
            no_reset: false,
        }
    }

    fn files() -> Files<'static> {
        Files {
            elf: Path::new("a.elf"),
            image: Path::new("a.bin"),
        }
    }

    #[test]
    fn esptool_is_asked_for_a_frequency_that_the_chip_has() {
        let asked = |board| Sender::Esptool.image(board, Path::new("a.elf"), Path::new("a.bin"));
        for (board, frequency) in [
            (Board::Esp32c3, "--flash-freq 40m"),
            (Board::Esp32c2, "--flash-freq 60m"),
            (Board::Esp32h2, "--flash-freq 48m"),
        ] {
            let command = asked(board).to_string();
            assert!(command.contains(frequency), "{command}");
        }
    }

    #[test]
    fn esptool_sends_what_it_is_given_to_its_place() {
        let mut before = Before {
            boot_loader: None,
            partition_table: None,
        };
        let sending = |before: &Before| {
            Sender::Esptool
                .sending(Board::Esp32, files(), before, &line())
                .to_string()
        };
        let start = "esptool --chip esp32 --port /dev/ttyUSB0 --baud 460800 write-flash --skip-flashed --flash-mode keep --flash-freq keep";
        assert_eq!(sending(&before), format!("{start} 0x10000 a.bin"));
        before.boot_loader = Some("boot.bin".into());
        before.partition_table = Some("parts.bin".into());
        assert_eq!(
            sending(&before),
            format!("{start} 0x1000 boot.bin 0x8000 parts.bin 0x10000 a.bin")
        );
    }

    #[test]
    fn espflash_sends_the_program_with_its_own_boot_loader() {
        let before = Before {
            boot_loader: None,
            partition_table: None,
        };
        let command = Sender::Espflash.sending(Board::Esp32c3, files(), &before, &line());
        assert_eq!(
            command.to_string(),
            "espflash flash --skip-update-check --non-interactive --chip esp32c3 --port /dev/ttyUSB0 --baud 460800 a.elf"
        );
    }

    #[test]
    fn after_a_broken_line_chunks_are_sent() {
        let before = Before {
            boot_loader: None,
            partition_table: None,
        };
        let chunks = [0x1_0000, 0x2_0000].map(|offset| Chunk {
            offset,
            file: format!("{offset:x}").into(),
        });
        let resuming = |sender: Sender| {
            let commands = sender.resuming(Board::Esp32c3, files(), &chunks, &before, &line());
            commands
                .iter()
                .map(ToolCommand::to_string)
                .collect::<Vec<_>>()
        };
        let esptool = resuming(Sender::Esptool);
        assert_eq!(esptool.len(), 1);
        assert!(
            esptool[0].ends_with("keep 0x10000 10000 0x20000 20000"),
            "{esptool:?}"
        );
        let espflash = resuming(Sender::Espflash);
        assert_eq!(espflash.len(), 3);
        assert!(
            espflash[1].ends_with("--baud 460800 --after no-reset 0x20000 20000"),
            "{espflash:?}"
        );
        assert!(
            espflash[2].starts_with("espflash flash "),
            "the rest, and the start"
        );
    }
}
