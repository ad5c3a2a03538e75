//! Input format detection, and dispatch to the reader of each format.
//!
//! ```text
//!   gzip? ─► unpacked ─┬─► frames, binary or as `events<tab>…` in a log ─────────────► History
//!                      ├─► `96 bytes (@ 0x3ffb3f00…) allocated CPU 0 ccount …` ──────► History
//!                      ├─► `At 0x3ffae6e0 len 6432 free 4100 …` ─────────────────────► History
//!                      ├─► `heap guard: write to 0x3FFB3010 by …` ────────────────────► History
//!                      ├─► `; … SEGGER SystemView …`, then packets (.svdat) ───────► History
//!                      ├─► lines `a 0 96`, `f 0` ─► Trace ─► replayed on a simulated chip ─► History
//!                      └─► none of them: what was looked for, and how far it went
//! ```

mod dump;
mod lines;
mod printed;
mod recorded;
mod sysview;

pub use dump::{Dump, Record, SourceLine, Total, dumps};
pub use recorded::{Replay, replayed};

use std::borrow::Cow;

use crate::caught;
use crate::decode::StreamDecoder;
use crate::error::Error;
use crate::history::{History, Source};
use crate::recorded::{Trace, TraceError, file_stem};
use crate::summary::counted;
use crate::unpack::unpacked;

/// What was read.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a program has one input, and takes it apart at once"
)]
pub enum Input {
    /// Events of a stream, a dump, printed figures, a heap guard or SystemView.
    History(History),
    /// A log with an event stream and a trace dump of the same program.
    Both {
        /// What the event stream contains.
        stream: History,
        /// What the trace dump contains.
        dump: History,
    },
    /// Requests of a recorded trace; replay them with [`replayed`].
    Trace(Trace),
}

/// Reads an input of any supported format: an event stream from its beginning or from its middle, a
/// log with one in it, a log with a trace dump, a recording of SystemView, a recorded trace; plain
/// or gzip, UTF-8 or UTF-16. `name` is what to call it.
///
/// # Errors
/// [`Error::File`] if the file cannot be unpacked, or matches none of these formats; the message
/// says what was looked for.
pub fn read(name: &str, bytes: &[u8]) -> Result<Input, Error> {
    let because = |cause: String| Error::File {
        name: name.to_owned(),
        cause,
    };
    let unpacked = unpacked(bytes).map_err(because)?;
    if let Some(mut history) = sysview::read(&unpacked.bytes) {
        history.notes.extend(unpacked.notes);
        return Ok(Input::History(history));
    }
    let (history, text) = decoded(&unpacked.bytes);
    let broken_frames = history.gaps.broken_frames;
    let stream = is_stream(&history).then_some(history);
    if let Some(input) = combine(stream, &text, unpacked.notes) {
        return Ok(input);
    }
    Trace::from_bytes(file_stem(name), bytes)
        .map(Input::Trace)
        .map_err(|fault| because(refusal(&unpacked.bytes, &text, broken_frames, &fault)))
}

/// Joins the histories that a log has: blocks say more than the figures beside them.
fn combine(stream: Option<History>, text: &[String], notes: Vec<String>) -> Option<Input> {
    let caught = caught::read(text);
    let mut histories: Vec<_> = stream.into_iter().chain(dump::read(text)).collect();
    let printed = printed::read(text);
    let is_printed_too = printed.is_some() && !histories.is_empty();
    if histories.is_empty() {
        histories.extend(printed);
    }
    if histories.is_empty() && !caught.is_empty() {
        histories.push(History {
            source: Source::Guard,
            ..History::default()
        });
    }
    let mut histories = histories.into_iter();
    let mut history = histories.next()?;
    history.caught = caught;
    history.notes.extend(notes);
    history.notes.extend(core_in(text).map(str::to_owned));
    if is_printed_too {
        let note = "the log has lines of heap_caps_print_heap_info, too: they are not reported";
        history.notes.push(note.to_owned());
    }
    Some(match histories.next() {
        Some(dump) => Input::Both {
            stream: history,
            dump,
        },
        None => Input::History(history),
    })
}

/// Returns whether any event, heap or program description was decoded.
fn is_stream(history: &History) -> bool {
    !history.events.is_empty() || !history.heaps.is_empty() || !history.program.is_empty()
}

/// Describes which formats were tried and why each failed.
fn refusal(bytes: &[u8], text: &[String], broken_frames: u64, as_trace: &TraceError) -> String {
    if bytes.is_empty() {
        return "the file is empty".to_owned();
    }
    let frames = match broken_frames {
        0 => "no frame of an event stream, neither binary nor as lines `events<tab>…`".to_owned(),
        _ => format!(
            "no frame of an event stream in its {} between zeros",
            counted(broken_frames, "piece")
        ),
    };
    if let Some(core) = core_in(text) {
        return format!("no heap data found, but {core}");
    }
    format!(
        "no heap data found: {frames}; no trace dump, summary of heap_caps_print_heap_info or \
         line of a heap guard in its {} of text; no SystemView recording; no recorded \
         trace: {as_trace}",
        counted(text.len() as u64, "line")
    )
}

/// Returns what to do with a core dump that ESP-IDF printed on a serial port.
fn core_in(text: &[String]) -> Option<&'static str> {
    let begins = |line: &String| line.contains("CORE DUMP START");
    text.iter().any(begins).then_some(
        "the log has a core dump in base64: put what stands between its START and END lines into \
         a file, and `esp-coredump info_corefile --core-format b64 --core FILE --save-core core.elf \
         PROGRAM` makes a core of it, which is read",
    )
}

/// Returns the events and text lines, by the stream decoder.
fn decoded(bytes: &[u8]) -> (History, Vec<String>) {
    let (mut decoder, mut text) = (StreamDecoder::new(), Vec::new());
    let mut keep = |line: &str| text.extend(line.split('\r').map(str::to_owned));
    decoder.push(&with_line_feeds(bytes), &mut keep);
    decoder.end(&mut keep);
    (decoder.into_history(), text)
}

/// Some systems end their lines with a carriage return alone.
fn with_line_feeds(bytes: &[u8]) -> Cow<'_, [u8]> {
    let has_others = bytes.contains(&b'\n') || bytes.contains(&0);
    if has_others || !bytes.contains(&b'\r') || std::str::from_utf8(bytes).is_err() {
        return Cow::Borrowed(bytes);
    }
    let line_feed = |byte: &u8| if *byte == b'\r' { b'\n' } else { *byte };
    Cow::Owned(bytes.iter().map(line_feed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use heap_trace::{Event as WireEvent, Owner, SiteNumber, Stream};

    fn stream() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut stream = Stream::new(|frame: &[u8]| {
            bytes.extend(frame);
            true
        });
        for number in 0..100 {
            let event = WireEvent::Allocated {
                address: 0x3FFB_0000 + number * 64,
                size: 40,
                site: SiteNumber(0),
                owner: Owner(1),
            };
            stream.emit(1000 + number * 10, &event);
        }
        bytes
    }

    /// From the middle of a frame on.
    fn second_half() -> Vec<u8> {
        let bytes = stream();
        let zeros = bytes.iter().enumerate().filter(|(_, byte)| **byte == 0);
        let (zero, _) = zeros.clone().nth(33).unwrap();
        bytes[zero + 3..].to_vec()
    }

    fn history(bytes: &[u8]) -> History {
        match read("it", bytes) {
            Ok(Input::History(history)) => history,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_stream_is_read_from_its_beginning_and_from_its_middle() {
        let whole = history(&stream());
        assert_eq!((whole.events.len(), whole.gaps.is_empty()), (100, true));
        let half = history(&second_half());
        assert!(
            (60..70).contains(&half.events.len()),
            "{}",
            half.events.len()
        );
        assert_eq!(half.gaps.broken_frames, 1, "the frame in which it begins");
        assert_eq!(half.events.last(), whole.events.last());
    }

    #[test]
    fn the_times_of_a_stream_from_its_middle_fit_together() {
        let half = history(&second_half());
        let steps = half
            .events
            .windows(2)
            .map(|pair| pair[1].ticks - pair[0].ticks);
        assert!(
            steps.into_iter().all(|step| step <= 20),
            "{:?}",
            half.events
        );
    }

    #[test]
    fn a_recorded_trace_is_recognised_by_its_lines_packed_or_not() {
        let Ok(Input::Trace(trace)) = read("some/tiny.trace", b"a 0 10\nf 0\n") else {
            panic!()
        };
        assert_eq!((trace.name.as_str(), trace.operations.len()), ("tiny", 2));
        let packed = crate::recorded::shipped::MQTT_CLIENT.bytes();
        assert!(
            matches!(read("it", packed), Ok(Input::Trace(trace)) if trace.name == "mqtt_client")
        );
    }

    #[test]
    fn lines_may_end_with_a_carriage_return_alone() {
        let dump = "2 allocations trace (100 entry buffer)\n\
                    36 bytes (@ 0x3ffb5f90) allocated CPU 0 ccount 0x1 caller 0x400d2ef4\n\
                    freed by 0x400d2f08\n\
                    40 bytes (@ 0x3ffb5f94) allocated CPU 0 ccount 0x2 caller 0x400d2ef4\n\
                    40 bytes live in trace (1/2 allocations)\n";
        let whole = history(dump.as_bytes());
        assert_eq!((whole.events.len(), whole.doubts.len()), (3, 0));
        let returns = history(dump.replace('\n', "\r").as_bytes());
        assert_eq!(returns.events, whole.events);
        // Longer than any line that is kept.
        let long = "I (312) wifi: up\r".repeat(1000) + &dump.replace('\n', "\r");
        assert_eq!(history(long.as_bytes()).events, whole.events);
        let lines: String = stream()
            .split_inclusive(|byte| *byte == 0)
            .map(|frame| {
                let digits = frame.iter().map(|byte| format!("{byte:02x}"));
                format!("events\t{}\r", digits.collect::<String>())
            })
            .collect();
        assert_eq!(history(lines.as_bytes()).events, history(&stream()).events);
    }

    #[test]
    fn input_without_heap_data_is_refused_with_what_was_looked_for() {
        let refusal = |bytes: &[u8]| read("x.log", bytes).unwrap_err().to_string();
        assert_eq!(refusal(b""), "x.log: the file is empty");
        let text = refusal(b"I (10) boot: hello\nI (20) boot: on\n");
        assert!(text.contains("no frame of an event stream"), "{text}");
        assert!(
            text.contains("line of a heap guard in its 2 lines"),
            "{text}"
        );
        assert!(
            text.contains("no recorded trace: line 1: unknown operation \"I\""),
            "{text}"
        );
        let binary = refusal(b"\x01\x02\x00\x03\x04\x00");
        assert!(
            binary.contains("no frame of an event stream in its 2 pieces between zeros"),
            "{binary}"
        );
        let printed = refusal(b"=== CORE DUMP START ===\nAAEC\n=== CORE DUMP END ===\n");
        assert!(printed.contains("--core-format b64"), "{printed}");
        let gzip = refusal(b"\x1F\x8Bxx");
        assert!(gzip.contains("the gzip is damaged"), "{gzip}");
    }
}
