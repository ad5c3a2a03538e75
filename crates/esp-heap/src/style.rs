//! Output of commands: text styles as escape codes, and the writers for standard output and error.
//! [`print()`] leaves styles out where nobody sees colours.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anstyle::{AnsiColor, Color, Style};

use crate::error::Error;

/// Heads of sections and tables.
pub const HEADING: Style = Style::new().bold();
/// What matters less.
pub const FAINT: Style = Style::new().dimmed();
/// What is wrong.
pub const ERROR: Style = coloured(AnsiColor::Red).bold();
/// What may be wrong.
pub const WARNING: Style = coloured(AnsiColor::Yellow).bold();

/// Colours that differ on dark and light ground, for things that have no order.
pub const COLOURS: [Style; 5] = [
    coloured(AnsiColor::Blue),
    coloured(AnsiColor::Green),
    coloured(AnsiColor::Yellow),
    coloured(AnsiColor::Magenta),
    coloured(AnsiColor::Cyan),
];

const fn coloured(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

/// `text` in `style`.
pub fn painted(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes to standard output, in colours if that is a terminal which has them. A reader that has
/// seen enough, like `head`, is no error.
pub fn print(text: impl Display) -> Result<(), Error> {
    match write!(anstream::stdout().lock(), "{text}") {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
            Err(Error::file(Path::new("standard output"), cause))
        }
        _ => Ok(()),
    }
}

/// Writes to standard error. That nobody can read it is no reason to stop: a closed or full
/// standard error is ignored.
pub fn report(text: impl Display) {
    let _ = write!(anstream::stderr().lock(), "{text}");
}

/// Writes a line about progress or trouble to standard error, as [`report()`] does.
#[macro_export]
macro_rules! status {
    ($($text:tt)*) => {
        $crate::style::report(format_args!("{}\n", format_args!($($text)*)))
    };
}

/// Writes a line to standard output as [`print()`] does: `say!("{} bytes", size)?`.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {
        $crate::style::print(format_args!("{}\n", format_args!($($text)*)))
    };
}
