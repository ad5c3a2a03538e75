//! Recorded traces: requests of a program, read and checked.
//!
//! ```text
//! # key: value            header
//! a <id> <size>           allocate: block id now has size bytes
//! m <id> <align> <size>   allocate at a multiple of align
//! r <id> <size>           reallocate block id to size bytes
//! f <id>                  free block id
//! ```
//! An id is a slot, used again after `f`; a block that is live at the end is never freed.
//!
//! Invariants of a [`Trace`], so that a replay needs no checks of its own:
//! 1. `r` and `f` name a live slot, `a` and `m` one that is not live.
//! 2. Every slot is below [`Trace::slots`].
//! 3. Sizes are at least 1; alignments are powers of two.

use std::path::Path;

use crate::error::Error;
use crate::terminal::printable;
use crate::unpack::unpacked;

mod fault;
mod lines;
mod live;
pub mod shipped;

pub use fault::{Problem, TraceError};
use lines::Header;
use live::LiveBlocks;

/// A checked trace.
#[derive(Debug)]
pub struct Trace {
    /// The `name` of the header, else the name of the file.
    pub name: String,
    /// What was done, in order.
    pub operations: Vec<Operation>,
    /// What a reader should know of it, in sentences: that it is cut off.
    pub notes: Vec<String>,
    /// Length of the table a replayer needs to find a block by its slot.
    pub slots: usize,
    /// Greatest sum of the sizes asked for that was live at once, in bytes.
    pub peak_live_bytes: u64,
    /// Operations done when it was first reached.
    pub peak_operation: usize,
}

/// One request of the recorded program. Sizes and alignments are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `a` and `m`.
    Allocate {
        /// Which block it becomes.
        slot: usize,
        /// Bytes asked for.
        size: u32,
        /// Its address is a multiple of this.
        alignment: u32,
    },
    /// `r`.
    Reallocate {
        /// Which block.
        slot: usize,
        /// Bytes asked for.
        size: u32,
    },
    /// `f`.
    Free {
        /// Which block.
        slot: usize,
    },
}

impl Trace {
    /// Reads a trace file, plain or gzip.
    ///
    /// # Errors
    /// The file cannot be read, or is no trace.
    pub fn read(path: &Path) -> Result<Trace, Error> {
        let bytes = std::fs::read(path).map_err(|cause| Error::file(path, cause))?;
        Trace::from_bytes(file_stem(&path.to_string_lossy()), &bytes)
            .map_err(|cause| Error::file(path, cause))
    }

    /// Reads the content of a trace file, plain or gzip. `fallback_name` serves if it has no name.
    ///
    /// # Errors
    /// They are no trace, nor a gzip of one.
    pub fn from_bytes(fallback_name: &str, bytes: &[u8]) -> Result<Trace, TraceError> {
        let unpacked = unpacked(bytes).map_err(TraceError::Unreadable)?;
        let text = std::str::from_utf8(&unpacked.bytes)
            .map_err(|cause| TraceError::Unreadable(cause.to_string()))?;
        if unpacked.notes.is_empty() {
            return parse(fallback_name, text, true);
        }
        let whole_lines = text
            .rfind('\n')
            .and_then(|end| text.get(..end))
            .unwrap_or_default();
        let mut trace = parse(fallback_name, whole_lines, false)?;
        trace.notes = unpacked.notes;
        Ok(trace)
    }
}

/// `fw_iot` for `traces/fw_iot.trace.gz`.
pub(crate) fn file_stem(path: &str) -> &str {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    file.split('.').next().unwrap_or(file)
}

/// What is cut off has fewer operations than its header says: `whole` says whether that counts.
fn parse(fallback_name: &str, text: &str, whole: bool) -> Result<Trace, TraceError> {
    let mut trace = Trace {
        name: fallback_name.to_owned(),
        operations: Vec::new(),
        notes: Vec::new(),
        slots: 0,
        peak_live_bytes: 0,
        peak_operation: 0,
    };
    let mut live = LiveBlocks::default();
    let mut promised = None;
    for (index, line) in text.lines().enumerate() {
        let here = |problem| TraceError::Line {
            number: index + 1,
            problem,
        };
        if let Some(header) = line.strip_prefix('#') {
            match lines::parse_header(header).map_err(here)? {
                Header::Name(name) => trace.name = printable(&name).into_owned(),
                Header::Operations(count) => promised = Some(count),
                Header::Other => {}
            }
        } else if !line.trim().is_empty() {
            let operation = lines::parse_operation(line).map_err(here)?;
            live.follow(operation).map_err(here)?;
            trace.operations.push(operation);
        }
    }
    trace.slots = live.slots();
    trace.peak_live_bytes = live.peak_bytes;
    trace.peak_operation = live.peak_operation;
    check_length(&trace, promised.filter(|_| whole))?;
    Ok(trace)
}

fn check_length(trace: &Trace, promised: Option<usize>) -> Result<(), TraceError> {
    match (trace.operations.len(), promised) {
        (0, _) => Err(TraceError::Empty),
        (found, Some(promised)) if found != promised => {
            Err(TraceError::WrongLength { promised, found })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::{Operation, Problem, Trace, TraceError, file_stem};

    fn read(text: &str) -> Result<Trace, TraceError> {
        Trace::from_bytes("unnamed", text.as_bytes())
    }

    fn problem_in(text: &str) -> (usize, Problem) {
        match read(text) {
            Err(TraceError::Line { number, problem }) => (number, problem),
            other => panic!("expected a bad line, got {other:?}"),
        }
    }

    #[test]
    fn every_kind_of_operation_is_read() {
        let trace = read("# heap-trace 1\n# name: tiny\na 0 10\nm 1 64 20\nr 0 30\nf 1\n").unwrap();
        assert_eq!(trace.name, "tiny");
        assert_eq!(
            trace.operations,
            [
                Operation::Allocate {
                    slot: 0,
                    size: 10,
                    alignment: 4
                },
                Operation::Allocate {
                    slot: 1,
                    size: 20,
                    alignment: 64
                },
                Operation::Reallocate { slot: 0, size: 30 },
                Operation::Free { slot: 1 },
            ]
        );
    }

    #[test]
    fn the_peak_is_the_greatest_sum_of_live_sizes() {
        let trace = read("a 0 10\na 1 20\nf 0\na 0 5\nr 1 24\nf 1\n").unwrap();
        assert_eq!(
            (trace.peak_live_bytes, trace.peak_operation, trace.slots),
            (30, 2, 2)
        );
    }

    #[test]
    fn a_gzip_is_read_like_plain_text() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(b"a 0 10\nf 0\n").unwrap();
        let trace = Trace::from_bytes("packed", &gzip.finish().unwrap()).unwrap();
        assert_eq!((trace.name.as_str(), trace.operations.len()), ("packed", 2));
    }

    #[test]
    fn of_a_gzip_cut_short_the_whole_lines_are_read_and_the_cut_is_reported() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        let lines: String = (0..5000)
            .map(|slot| format!("a {slot} {}\n", 7 * slot + 10))
            .collect();
        gzip.write_all(format!("# ops: 5000\n{lines}").as_bytes())
            .unwrap();
        let whole = gzip.finish().unwrap();
        let half = Trace::from_bytes("packed", &whole[..whole.len() / 2]).unwrap();
        assert!(
            (1000..4900).contains(&half.operations.len()),
            "{}",
            half.operations.len()
        );
        assert!(half.notes[0].contains("cut off"), "{:?}", half.notes);
        let nothing = Trace::from_bytes("packed", &whole[..12]);
        assert!(
            matches!(nothing, Err(TraceError::Unreadable(_))),
            "{nothing:?}"
        );
    }

    #[test]
    fn a_block_that_is_not_live_cannot_be_freed_or_resized() {
        assert_eq!(
            problem_in("# h: 1\na 0 1\nf 0\nf 0\n"),
            (4, Problem::NotLive(0))
        );
        assert_eq!(problem_in("a 0 1\nr 7 2\n"), (2, Problem::NotLive(7)));
    }

    #[test]
    fn a_live_block_cannot_be_allocated_again() {
        assert_eq!(problem_in("a 0 1\na 0 1\n"), (2, Problem::AlreadyLive(0)));
    }

    #[test]
    fn a_slot_above_the_number_of_operations_is_refused() {
        assert_eq!(
            problem_in("a 4000000000 1\n"),
            (1, Problem::SlotTooHigh(4_000_000_000))
        );
    }

    #[test]
    fn fields_must_be_there_be_numbers_and_be_all() {
        assert_eq!(problem_in("a 0\n"), (1, Problem::MissingField("size")));
        assert_eq!(
            problem_in("x 0 1\n"),
            (1, Problem::UnknownOperation("x".into()))
        );
        assert_eq!(
            problem_in("a 0 1 2\n"),
            (1, Problem::SurplusText("2".into()))
        );
        assert_eq!(problem_in("a 0 0\n"), (1, Problem::ZeroSize));
        assert_eq!(problem_in("m 0 12 1\n"), (1, Problem::NotAPowerOfTwo(12)));
        let too_big = Problem::NotANumber {
            field: "size",
            text: "4294967296".into(),
        };
        assert_eq!(problem_in("a 0 4294967296\n"), (1, too_big));
    }

    #[test]
    fn another_version_of_the_format_is_refused() {
        assert_eq!(
            problem_in("# heap-trace 2\n"),
            (1, Problem::UnknownVersion("2".into()))
        );
    }

    #[test]
    fn a_file_with_fewer_operations_than_promised_is_refused() {
        let error = read("# ops: 3\na 0 1\nf 0\n").unwrap_err();
        assert_eq!(
            error,
            TraceError::WrongLength {
                promised: 3,
                found: 2
            }
        );
    }

    #[test]
    fn a_file_without_operations_is_refused() {
        assert_eq!(read("# name: empty\n").unwrap_err(), TraceError::Empty);
    }

    #[test]
    fn an_error_names_the_line_and_the_cause() {
        let error = read("a 0 1\nf 3\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2: block 3 is not live");
    }

    #[test]
    fn a_trace_without_a_name_is_called_after_its_file() {
        assert_eq!(file_stem("some/folder/fw_iot.trace.gz"), "fw_iot");
    }
}
