//! Linked programs as `report` reads them: functions and lines of return addresses.
#![no_main]

use std::path::Path;

use heap_report::symbols::Symbols;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(symbols) = Symbols::parse(bytes, Path::new("/")) {
        for address in [0, 4, 0x400D_1234, 0x4008_0404, 0x4200_0020, u32::MAX] {
            let _ = symbols.frames(address);
        }
    }
});
