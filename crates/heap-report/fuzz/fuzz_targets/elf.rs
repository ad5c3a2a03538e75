//! Linked programs as `map` reads them: sections, segments, symbols.
#![no_main]

use esp_heap::firmware::Firmware;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(firmware) = Firmware::parse("fuzz.elf", bytes) {
        for pair in firmware.pieces.windows(2) {
            assert!(pair[0].span.start() <= pair[1].span.start());
        }
    }
});
