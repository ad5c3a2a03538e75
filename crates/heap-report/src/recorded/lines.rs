//! Parser of one trace line.

use super::{Operation, Problem};

/// The alignment of `a` lines: what every heap of the chip guarantees.
const NATURAL_ALIGNMENT: u32 = 4;

/// The header lines that mean something to a replayer.
pub(super) enum Header {
    Name(String),
    Operations(usize),
    Other,
}

pub(super) fn parse_header(line: &str) -> Result<Header, Problem> {
    let line = line.trim();
    if let Some(version) = line.strip_prefix("heap-trace ") {
        return match version {
            "1" => Ok(Header::Other),
            _ => Err(Problem::UnknownVersion(version.to_owned())),
        };
    }
    Ok(match line.split_once(": ") {
        Some(("name", name)) => Header::Name(name.trim().to_owned()),
        Some(("ops", count)) => Header::Operations(number("number of operations", count.trim())?),
        _ => Header::Other,
    })
}

pub(super) fn parse_operation(line: &str) -> Result<Operation, Problem> {
    let mut words = line.split_ascii_whitespace();
    let operation = match words.next().unwrap_or_default() {
        "a" => Operation::Allocate {
            slot: field(&mut words, "id")?,
            alignment: NATURAL_ALIGNMENT,
            size: size(&mut words)?,
        },
        "m" => Operation::Allocate {
            slot: field(&mut words, "id")?,
            alignment: alignment(&mut words)?,
            size: size(&mut words)?,
        },
        "r" => Operation::Reallocate {
            slot: field(&mut words, "id")?,
            size: size(&mut words)?,
        },
        "f" => Operation::Free {
            slot: field(&mut words, "id")?,
        },
        other => return Err(Problem::UnknownOperation(other.to_owned())),
    };
    match words.next() {
        None => Ok(operation),
        Some(text) => Err(Problem::SurplusText(text.to_owned())),
    }
}

type Words<'line> = std::str::SplitAsciiWhitespace<'line>;

fn size(words: &mut Words<'_>) -> Result<u32, Problem> {
    match field(words, "size")? {
        0 => Err(Problem::ZeroSize),
        size => Ok(size),
    }
}

fn alignment(words: &mut Words<'_>) -> Result<u32, Problem> {
    let alignment: u32 = field(words, "alignment")?;
    if alignment.is_power_of_two() {
        Ok(alignment)
    } else {
        Err(Problem::NotAPowerOfTwo(alignment))
    }
}

fn field<N: std::str::FromStr>(words: &mut Words<'_>, name: &'static str) -> Result<N, Problem> {
    number(name, words.next().ok_or(Problem::MissingField(name))?)
}

fn number<N: std::str::FromStr>(field: &'static str, text: &str) -> Result<N, Problem> {
    text.parse().map_err(|_| Problem::NotANumber {
        field,
        text: text.to_owned(),
    })
}
