//! Console of the emulator.

use core::fmt;

/// The emulator's standard output; never fails.
#[derive(Clone, Copy, Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        crate::machine::write(text.as_bytes());
        Ok(())
    }
}

/// Prints formatted text; `println!` is the convenient way.
pub fn write(text: fmt::Arguments<'_>) {
    // The console never fails, and a `Display` that does has nothing to say.
    let _ = fmt::Write::write_fmt(&mut Console, text);
}
