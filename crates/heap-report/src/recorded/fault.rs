//! Errors of traces, in a sentence with the number of the line.

use crate::summary::counted;
use std::fmt;

/// Why a file is not a trace.
#[derive(Debug, PartialEq, Eq)]
pub enum TraceError {
    /// Neither text nor gzip of text.
    Unreadable(String),
    /// No operation in it.
    Empty,
    /// A line that breaks the format or the invariants; lines count from 1.
    Line {
        /// Its number.
        number: usize,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The header promises another number of operations: a file cut short, perhaps.
    WrongLength {
        /// By the header.
        promised: usize,
        /// In the file.
        found: usize,
    },
}

/// What is wrong with one line.
#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    /// The format has a version that nobody here knows.
    UnknownVersion(String),
    /// The line begins with another word than `a`, `m`, `r` or `f`.
    UnknownOperation(String),
    /// The line ends early.
    MissingField(&'static str),
    /// Where a number belongs there is something else.
    NotANumber {
        /// Which number.
        field: &'static str,
        /// What is there.
        text: String,
    },
    /// The line goes on.
    SurplusText(String),
    /// Nothing was asked for.
    ZeroSize,
    /// An alignment that no heap has.
    NotAPowerOfTwo(u32),
    /// Slots are used lowest first, so none can lie above the number of operations.
    SlotTooHigh(usize),
    /// The block is allocated a second time.
    AlreadyLive(usize),
    /// A block is freed or resized that does not live.
    NotLive(usize),
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TraceError::Unreadable(cause) => write!(f, "not a trace, nor a gzip of one: {cause}"),
            TraceError::Empty => f.write_str("there is no operation in this trace"),
            TraceError::Line { number, problem } => write!(f, "line {number}: {problem}"),
            TraceError::WrongLength { promised, found } => write!(
                f,
                "the header promises {}, the file has {found}; is it cut short?",
                counted(*promised as u64, "operation")
            ),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::UnknownVersion(version) => {
                write!(
                    f,
                    "this is heap-trace version {version}, only version 1 is known"
                )
            }
            Problem::UnknownOperation(word) => {
                write!(f, "unknown operation {word:?}; known are a, m, r and f")
            }
            Problem::MissingField(field) => write!(f, "the {field} is missing"),
            Problem::NotANumber { field, text } => {
                write!(f, "the {field} should be a number of 32 bits, not {text:?}")
            }
            Problem::SurplusText(text) => write!(f, "surplus text {text:?}"),
            Problem::ZeroSize => f.write_str("a size is at least 1"),
            Problem::NotAPowerOfTwo(alignment) => {
                write!(f, "alignment {alignment} is not a power of two")
            }
            Problem::SlotTooHigh(slot) => {
                write!(f, "id {slot} is too high; the lowest free id comes first")
            }
            Problem::AlreadyLive(slot) => write!(f, "block {slot} is live already"),
            Problem::NotLive(slot) => write!(f, "block {slot} is not live"),
        }
    }
}

impl std::error::Error for TraceError {}
