//! What the program was started with.

/// Longest command line in bytes.
const BYTES: usize = 256;

/// Hands the argument of the program to `look`: the second word of the emulator's command line for it.
pub fn argument<R>(look: impl FnOnce(Option<&str>) -> R) -> R {
    let mut line = [0; BYTES];
    let length = crate::machine::command_line(&mut line);
    let line = line.get(..length).unwrap_or_default();
    let mut words = core::str::from_utf8(line).unwrap_or_default().split(' ');
    look(words.nth(1))
}
