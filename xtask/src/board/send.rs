//! Transfer of an image to a board over a line that may break.
//!
//! ```text
//!   ask: which chip?  ── another one ──> stop, with a word
//!     │ the right one
//!   send, and let the chip compute the hash of what arrived ── broken ──> wait for the port, ask, send the chunks that are not there
//! ```

use std::time::Duration;

use super::Board;
use super::chip::PROGRAM_OFFSET;
use super::chunks;
use super::sender::{Before, Files, Line, Sender};
use super::tool_command::ToolCommand;
use crate::error::Error;
use esp_heap::port;
use esp_heap::status;

/// How long a port may take to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends the program, `attempts` times at most.
pub(crate) fn send(
    sender: Sender,
    board: Board,
    files: Files<'_>,
    before: &Before,
    line: &Line,
    attempts: u32,
) -> Result<(), Error> {
    let port = line.port.as_deref().unwrap_or_default();
    let mut error = String::new();
    for attempt in 1..=attempts {
        if attempt > 1 {
            status!("attempt {attempt} of {attempts}: waiting for {port}");
            port::wait_for(port, PATIENCE)?;
        }
        match ask(sender, board, line)? {
            Answer::Right => {}
            Answer::Silence(output) => {
                error = format!(
                    "the chip on {port} does not answer; hold BOOT, press RESET, let BOOT go\n{output}"
                );
                continue;
            }
        }
        let commands = match attempt {
            1 => vec![sender.sending(board, files, before, line)],
            _ => {
                let chunks = chunks::split(files.image, PROGRAM_OFFSET)?;
                sender.resuming(board, files, &chunks, before, line)
            }
        };
        if all(&commands)? {
            return Ok(());
        }
        error = format!(
            "the connection on {port} was lost while sending, see above; a shorter cable or --baud 115200 may help"
        );
    }
    Err(Error::Port(error))
}

/// Runs the commands until one fails; whether none did.
fn all(commands: &[ToolCommand]) -> Result<bool, Error> {
    for command in commands {
        status!("{command}");
        if !command.run()? {
            return Ok(false);
        }
    }
    Ok(true)
}

enum Answer {
    Right,
    Silence(String),
}

/// Asks the chip for its model. Another one is an error; nothing was sent yet.
fn ask(sender: Sender, board: Board, line: &Line) -> Result<Answer, Error> {
    let port = line.port.as_deref().unwrap_or_default();
    let (is_well, output) = sender.query(line).answer()?;
    match printed_chip(&output) {
        Some(chip) if is_family(chip, board) => Ok(Answer::Right),
        Some(chip) => Err(Error::Port(format!(
            "the chip on {port} is an {chip}, not the {} that was asked for with --chip {}; nothing was sent",
            board.printed_name(),
            board.name()
        ))),
        None if is_well => Ok(Answer::Right),
        None => Ok(Answer::Silence(last_lines(&output))),
    }
}

/// The chip's name in what a sender prints: `Chip type:          ESP32-D0WD-V3 (revision v3.1)`.
fn printed_chip(output: &str) -> Option<&str> {
    let mut lines = output.lines();
    lines.find_map(|line| {
        let line = line.trim();
        let name = line
            .strip_prefix("Chip type:")
            .or_else(|| line.strip_prefix("Chip is "))?;
        name.split_whitespace().next()
    })
}

/// Returns whether a chip called `ESP32-D0WD-V3` or `esp32` is an ESP32. Of the other families the
/// name goes on with a letter and a digit.
fn is_family(printed: &str, board: Board) -> bool {
    let name: String = printed
        .to_lowercase()
        .chars()
        .filter(|c| *c != '-')
        .collect();
    let rest = name.strip_prefix("esp32").unwrap_or(&name);
    let other_family = |rest: &str| {
        let mut characters = rest.chars();
        let letter = characters.next().is_some_and(|c| "schp".contains(c));
        letter && characters.next().is_some_and(|c| c.is_ascii_digit())
    };
    match board.name().strip_prefix("esp32") {
        Some("") | None => !other_family(rest),
        Some(suffix) => {
            rest.starts_with(suffix)
                && !rest[suffix.len()..].starts_with(|c: char| c.is_ascii_digit())
        }
    }
}

fn last_lines(output: &str) -> String {
    let lines: Vec<&str> = output
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(3)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chips_name_is_found_in_what_a_sender_prints() {
        let esptool =
            "Connecting....\nChip type:          ESP32-C3 (QFN32) (revision v0.4)\nFeatures: Wi-Fi";
        assert_eq!(printed_chip(esptool), Some("ESP32-C3"));
        assert_eq!(
            printed_chip("Chip type:         esp32 (revision v3.0)"),
            Some("esp32")
        );
        assert_eq!(printed_chip("A fatal error occurred"), None);
    }

    #[test]
    fn chips_of_other_families_are_distinguished() {
        let kinds = [
            "ESP32",
            "esp32",
            "ESP32-D0WD-V3",
            "ESP32-PICO-D4",
            "ESP32-U4WDH",
            "ESP32-S3",
            "ESP32-C3",
            "ESP32-C61",
        ];
        let esp32: Vec<bool> = kinds
            .iter()
            .map(|kind| is_family(kind, Board::Esp32))
            .collect();
        assert_eq!(esp32, [true, true, true, true, true, false, false, false]);
        let c3: Vec<bool> = kinds
            .iter()
            .map(|kind| is_family(kind, Board::Esp32c3))
            .collect();
        assert_eq!(c3, [false, false, false, false, false, false, true, false]);
    }
}
