//! Inputs of every kind: which one it is, and what it contains.
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
mod printed;
mod recorded;
mod sysview;

pub use dump::{Dump, Record, SourceLine, Total, dumps};
pub use recorded::{Replay, replayed};

use crate::caught;
use crate::decode::StreamDecoder;
use crate::error::Error;
use crate::history::{History, Source};
use crate::recorded::{Trace, TraceError};
use crate::unpack::unpacked;

/// What was read.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a program has one input, and takes it apart at once"
)]
pub enum Input {
    /// Of an event stream or a dump: what happened.
    History(History),
    /// Of a log that has both: two accounts of one program.
    Both {
        /// What the event stream contains.
        stream: History,
        /// What the trace dump contains.
        dump: History,
    },
    /// Of a recorded trace: what a program asked. What happened depends on the chip, see
    /// [`replayed`].
    Trace(Trace),
}

/// Reads whatever it is: an event stream from its beginning or from its middle, a log with one in
/// it, a log with a trace dump, a recording of SystemView, a recorded trace; plain or gzip, UTF-8
/// or UTF-16. `name` is what to call it.
///
/// # Errors
/// It is nothing of that.
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
    let decoded = Decoded::of(&unpacked.bytes);
    let caught = caught::read(&decoded.text);
    let stream = (!decoded.history.events.is_empty() || decoded.is_a_stream())
        .then(|| decoded.history.clone());
    let printed = printed::read(&decoded.text);
    let has_prints = printed.is_some();
    let blocks = stream.into_iter().chain(dump::read(&decoded.text));
    // Blocks say more than the figures beside them.
    let (blocks, printed) = (blocks.collect::<Vec<_>>(), printed.into_iter());
    let has_blocks = !blocks.is_empty();
    let mut histories = blocks.into_iter().chain(printed.filter(|_| !has_blocks));
    let guards_only = (!caught.is_empty()).then(|| History {
        source: Source::Guard,
        ..History::default()
    });
    if let Some(mut history) = histories.next().or(guards_only) {
        history.caught = caught;
        history.notes.extend(unpacked.notes);
        if has_blocks && has_prints {
            let note = "the log has lines of heap_caps_print_heap_info, too: they are not reported";
            history.notes.push(note.to_owned());
        }
        return Ok(match histories.next() {
            Some(dump) => Input::Both {
                stream: history,
                dump,
            },
            None => Input::History(history),
        });
    }
    match Trace::from_bytes(stem(name), bytes) {
        Ok(trace) => Ok(Input::Trace(trace)),
        Err(fault) => Err(because(decoded.refusal(&fault))),
    }
}

/// `fw_iot` of `traces/fw_iot.trace.gz`.
fn stem(name: &str) -> &str {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.split('.').next().unwrap_or(file)
}

/// What a stream decoder makes of it.
struct Decoded {
    history: History,
    text: Vec<String>,
    bytes: usize,
}

impl Decoded {
    fn of(bytes: &[u8]) -> Decoded {
        let (mut decoder, mut text) = (StreamDecoder::new(), Vec::new());
        let mut keep = |line: &str| text.push(line.to_owned());
        decoder.push(bytes, &mut keep);
        decoder.end(&mut keep);
        let history = decoder.into_history();
        Decoded {
            history,
            text,
            bytes: bytes.len(),
        }
    }

    /// A stream in which nothing has happened yet.
    fn is_a_stream(&self) -> bool {
        !self.history.heaps.is_empty() || !self.history.program.is_empty()
    }

    /// What it is not, and how far it was understood.
    fn refusal(&self, as_trace: &TraceError) -> String {
        if self.bytes == 0 {
            return "the file is empty".to_owned();
        }
        let pieces = self.history.gaps.broken_frames;
        let frames = match pieces {
            0 => "there is no frame of an event stream in it, neither binary nor as lines `events<tab>…`".to_owned(),
            _ => format!("none of its {pieces} pieces between zeros is a frame of an event stream"),
        };
        format!(
            "this has no heap data: {frames}; there is no record of a trace dump in its {} lines of text; and it is no recorded trace: {as_trace}",
            self.text.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heap_trace::{Event as Said, Owner, SiteNumber, Stream};

    fn stream() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut stream = Stream::new(|frame: &[u8]| {
            bytes.extend(frame);
            true
        });
        for number in 0..100 {
            let said = Said::Allocated {
                address: 0x3FFB_0000 + number * 64,
                size: 40,
                site: SiteNumber(0),
                owner: Owner(1),
            };
            stream.emit(1000 + number * 10, &said);
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
    fn input_without_heap_data_is_refused_with_what_was_looked_for() {
        let refusal = |bytes: &[u8]| read("x.log", bytes).unwrap_err().to_string();
        assert_eq!(refusal(b""), "x.log: the file is empty");
        let text = refusal(b"I (10) boot: hello\nI (20) boot: on\n");
        assert!(text.contains("no frame of an event stream"), "{text}");
        assert!(
            text.contains("no record of a trace dump in its 2 lines"),
            "{text}"
        );
        assert!(
            text.contains("no recorded trace: line 1: unknown operation \"I\""),
            "{text}"
        );
        let binary = refusal(b"\x01\x02\x00\x03\x04\x00");
        assert!(
            binary.contains("none of its 2 pieces between zeros"),
            "{binary}"
        );
        let gzip = refusal(b"\x1F\x8Bxx");
        assert!(gzip.contains("the gzip is damaged"), "{gzip}");
    }
}
