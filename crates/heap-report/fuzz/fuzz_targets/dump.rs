//! Logs with trace dumps in them, ESP-IDF's and ours.
#![no_main]

use heap_report::read::{Input, read};
use heap_report::summary::Summary;
use heap_report::{History, Replayed, export};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match read("log", bytes) {
        Ok(Input::History(history)) => report(&history),
        Ok(Input::Both { stream, dump }) => {
            report(&stream);
            report(&dump);
        }
        Ok(Input::Trace(_)) | Err(_) => {}
    }
});

fn report(history: &History) {
    let replayed = Replayed::of(history);
    let text = Summary::new(history, &replayed).to_string();
    assert!(
        !text.contains('\x1B'),
        "an escape sequence reaches the terminal"
    );
    let mut out = Vec::new();
    let _ = export::csv(history, &mut out);
    let _ = export::dhat(history, &mut out);
    let _ = export::perfetto(history, &mut out);
    let _ = export::heaptrack(history, &mut out);
}
