//! Event streams, in pieces as a serial port brings them: followed to the end and reported in full.
#![no_main]

use heap_report::summary::{Summary, json};
use heap_report::watch::Watched;
use heap_report::{Replayed, StreamDecoder, page};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (piece, bytes) = match bytes.split_first() {
        Some((first, rest)) => (usize::from(*first).max(1), rest),
        None => return,
    };
    let mut ignored = |_: &str| {};
    let (mut pieces, mut whole) = (StreamDecoder::new(), StreamDecoder::new());
    for part in bytes.chunks(piece) {
        pieces.push(part, &mut ignored);
    }
    pieces.end(&mut ignored);
    whole.push(bytes, &mut ignored);
    whole.end(&mut ignored);
    let history = whole.into_history();
    assert_eq!(
        pieces.history().events,
        history.events,
        "pieces make no difference"
    );
    let replayed = Replayed::of(&history);
    let text = Summary::new(&history, &replayed).to_string();
    assert!(
        !text.contains('\x1B'),
        "an escape sequence reaches the terminal"
    );
    let _ = json(&history, &replayed).to_string();
    let _ = page::report_page(&history, &replayed);
    let mut watched = Watched::new();
    watched.push(bytes, 1.0, &mut ignored);
    watched.end(2.0, &mut ignored);
    let _ = (watched.verdict(), watched.sites(), watched.heaps());
});
