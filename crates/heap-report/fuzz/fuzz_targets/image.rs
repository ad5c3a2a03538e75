//! Images of memory: ELF cores, raw memory, and the constants of a program beside them.
#![no_main]

use heap_report::image::{MemoryImage, history};
use heap_report::summary::{Summary, json};
use heap_report::{Replayed, page};
use libfuzzer_sys::fuzz_target;

/// Where raw memory lies: in a chip's RAM.
const RAM: u64 = 0x3FFB_0000;

fuzz_target!(|bytes: &[u8]| {
    let memory = match MemoryImage::read(bytes) {
        Ok(Some(core)) => core,
        Ok(None) => raw(bytes),
        Err(_) => return,
    };
    let mut with_constants = memory.clone();
    let _ = with_constants.add_program(bytes);
    for memory in [memory, with_constants] {
        report(&memory);
    }
});

/// The first byte says where one piece ends and the next begins.
fn raw(bytes: &[u8]) -> MemoryImage {
    let mut memory = MemoryImage::default();
    let Some((first, rest)) = bytes.split_first() else {
        return memory;
    };
    let middle = rest.len() * usize::from(*first) / 255;
    let (one, other) = rest.split_at(middle);
    let _ = memory.add(RAM, one);
    let _ = memory.add(RAM + middle as u64 + u64::from(first & 1), other);
    memory
}

fn report(memory: &MemoryImage) {
    let Ok(history) = history(memory) else {
        return;
    };
    let replayed = Replayed::of(&history);
    let text = Summary::new(&history, &replayed).to_string();
    assert!(
        !text.contains('\x1B'),
        "an escape sequence reaches the terminal"
    );
    let _ = json(&history, &replayed).to_string();
    let _ = page::report_page(&history, &replayed);
}
