//! Console: output through the ROM, on the first serial port, at the boot loader's 115200 bits a
//! second.

use core::fmt;

unsafe extern "C" {
    /// Waits for room and sends a byte.
    safe fn uart_tx_one_char(byte: u8) -> i32;
}

pub(crate) struct Console;

/// Bytes as they are.
#[cfg(feature = "defmt")]
pub(crate) fn send(bytes: &[u8]) {
    for &byte in bytes {
        uart_tx_one_char(byte);
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                uart_tx_one_char(b'\r');
            }
            uart_tx_one_char(byte);
        }
        Ok(())
    }
}

/// `println!` on the console, which never fails.
macro_rules! say {
    ($($text:tt)*) => {{
        use core::fmt::Write as _;
        let _ = writeln!($crate::console::Console, $($text)*);
    }};
}
pub(crate) use say;
