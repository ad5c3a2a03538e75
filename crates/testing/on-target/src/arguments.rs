//! Arguments with which the program was started.

/// Longest command line in bytes.
const BYTES: usize = 256;

/// Hands the argument with this number to `look`; 0 is the name of the program.
pub fn argument<R>(number: usize, look: impl FnOnce(Option<&str>) -> R) -> R {
    let mut line = [0; BYTES];
    let length = crate::machine::command_line(&mut line);
    let line = line.get(..length).unwrap_or_default();
    let mut words = core::str::from_utf8(line)
        .unwrap_or_default()
        .split_ascii_whitespace();
    look(words.nth(number))
}

/// Hands all arguments from this number on to `look`, with one space between.
pub fn arguments_from<R>(number: usize, look: impl FnOnce(&str) -> R) -> R {
    let mut line = [0; BYTES];
    let length = crate::machine::command_line(&mut line);
    let line = core::str::from_utf8(line.get(..length).unwrap_or_default()).unwrap_or_default();
    let mut rest = line.trim();
    for _ in 0..number {
        rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
    }
    look(rest)
}

/// Returns the argument with this number, if it is a number itself.
#[must_use]
pub fn number(argument_number: usize) -> Option<usize> {
    argument(argument_number, |text| text?.parse().ok())
}
