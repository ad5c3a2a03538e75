//! Packed inputs: damaged as they come, and what was packed and cut off.
#![no_main]

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use heap_report::read::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let damaged = [&b"\x1F\x8B\x08"[..], bytes].concat();
    let _ = read("damaged.gz", &damaged);
    let Some((cut, content)) = bytes.split_first() else {
        return;
    };
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(content).expect("memory takes it");
    let packed = packed.finish().expect("memory takes it");
    let cut = packed.len() * usize::from(*cut) / 255;
    let _ = read("cut.gz", &packed[..cut]);
});
