//! Splitter of an input into frames and text.
//!
//! ```text
//!   I (312) wifi: up⏎ 07 01 30 …  00 │ 0B 10 … 00 │ events⇥0701 30 … 00⏎
//!   └ text           └ frame         └ frame       └ a frame in hexadecimal digits
//! ```
//!
//! A frame ends with a zero and has no other. Text has none, so lines of text in front of a frame
//! arrive in one piece with it: each line end tries to separate them. A line of text is held back
//! until no frame can begin with it: 128 more bytes, a zero, or a pause. A line with bytes that are
//! no text (a boot message at another speed, Latin-1) is reported all the same, as well as it can
//! be read, once no frame can begin with it.
//!
//! Digits may have become other text on their way: a terminal makes blanks of a tab, wraps long
//! lines, and puts something behind them.

use std::mem;

use crate::terminal::without_escapes;

/// A frame without its zero is not longer.
const LONGEST_FRAME: usize = 128;
/// What goes on for so long without a zero and a line end is neither.
const LONGEST_LINE: usize = 4096;
/// What stands in front of a tab and hexadecimal digits; what a terminal put before it, the time
/// say, is left out.
const HEXADECIMAL: &str = "events";
/// Fewer digits behind blanks are a number in other text.
const FEWEST_DIGITS: usize = 6;
/// Columns of the narrowest terminal that wraps lines.
const NARROWEST: usize = 20;

/// Receives what was split.
pub(super) trait FrameSink {
    /// Returns whether it is a frame.
    fn frame(&mut self, bytes: &[u8]) -> bool;
    /// A line, without its end.
    fn text(&mut self, line: &str);
    /// This many bytes are neither.
    fn broken(&mut self, bytes: usize);
}

/// Bytes of which is not known yet what they are.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// None of them is zero.
    pending: Vec<u8>,
    /// How many line ends are among them.
    lines: usize,
    /// Bytes of a frame that came as digits.
    digits: Vec<u8>,
    /// The first digit of a byte of which a terminal wrapped the second.
    half: Option<u8>,
    /// Columns of the line before, if it is of digits that may go on in this line.
    wrapped_at: usize,
}

impl Splitter {
    pub(super) fn push(&mut self, byte: u8, sink: &mut impl FrameSink) {
        match byte {
            0 => self.end_of_frame(sink),
            b'\n' => {
                self.pending.push(byte);
                self.lines += 1;
                self.end_of_line(sink);
            }
            _ => self.pending.push(byte),
        }
        let has_more = self.pending.len() > LONGEST_FRAME && self.lines > 0;
        if has_more || self.pending.len() > LONGEST_LINE {
            self.release_pending(sink);
        }
    }

    pub(super) fn pause(&mut self, sink: &mut impl FrameSink) {
        while let Some(line) = self.first_line() {
            emit(&line, sink);
        }
    }

    pub(super) fn end(&mut self, sink: &mut impl FrameSink) {
        self.pause(sink);
        let rest = self.take_pending();
        let digits = self.take_digits();
        if is_text(&rest) {
            emit(&rest, sink);
        } else {
            broken(rest.len(), sink);
        }
        broken(digits, sink);
    }

    fn end_of_frame(&mut self, sink: &mut impl FrameSink) {
        let bytes = self.take_pending();
        if bytes.is_empty() {
            return;
        }
        let starts = std::iter::once(0).chain(line_ends(&bytes));
        let mut starts =
            starts.take_while(|&start| is_text(bytes.get(..start).unwrap_or_default()));
        let frame = starts.find(|&start| sink.frame(bytes.get(start..).unwrap_or_default()));
        let text = frame.unwrap_or_else(|| end_of_text(&bytes));
        let (text, rest) = bytes.split_at(text);
        emit(text, sink);
        if frame.is_none() {
            broken(rest.len(), sink);
        }
    }

    /// A line of digits is reported at once: no frame looks like it.
    fn end_of_line(&mut self, sink: &mut impl FrameSink) {
        let start = line_ends(&self.pending).rev().nth(1).unwrap_or(0);
        let line = String::from_utf8_lossy(self.pending.get(start..).unwrap_or_default());
        let line = without_escapes(&line).trim_end().to_owned();
        let wrapped_at = mem::take(&mut self.wrapped_at);
        let is_rest = wrapped_at > 0 && line.len() <= wrapped_at && is_hexadecimal(&line);
        let found = if is_rest {
            Some(Digits::Whole(line.as_str()))
        } else {
            digits(&line)
        };
        let Some(found) = found else {
            return;
        };
        if !is_rest && self.half.is_some() {
            broken(self.take_digits(), sink);
        }
        let columns = line.chars().count();
        let may_go_on = |digits: &str| columns >= NARROWEST && line.ends_with(digits);
        let are_bytes =
            |digits: &str, half: bool| (digits.len() + usize::from(half)).is_multiple_of(2);
        let digits = match found {
            Digits::Whole(digits) if may_go_on(digits) => digits,
            Digits::Whole(digits) if are_bytes(digits, self.half.is_some()) => digits,
            Digits::Whole(digits) | Digits::Broken(digits) => {
                broken(digits.len().div_ceil(2), sink);
                return;
            }
        };
        self.pending.truncate(start);
        self.lines -= 1;
        self.pause(sink);
        for digit in digits.chars().filter_map(|digit| digit.to_digit(16)) {
            self.digit(u8::try_from(digit).unwrap_or(0), sink);
        }
        let is_open = self.half.is_some() || !self.digits.is_empty();
        self.wrapped_at = if is_open && may_go_on(digits) {
            columns
        } else {
            0
        };
    }

    fn digit(&mut self, digit: u8, sink: &mut impl FrameSink) {
        match self.half.take() {
            None => self.half = Some(digit),
            Some(high) => match high << 4 | digit {
                0 => self.end_of_digits(sink),
                byte => self.digits.push(byte),
            },
        }
    }

    /// Forgets the digits of a frame that has no end; returns how many bytes they were.
    fn take_digits(&mut self) -> usize {
        let half = usize::from(self.half.take().is_some());
        mem::take(&mut self.digits).len() + half
    }

    fn end_of_digits(&mut self, sink: &mut impl FrameSink) {
        let bytes = mem::take(&mut self.digits);
        if !bytes.is_empty() && !sink.frame(&bytes) {
            broken(bytes.len(), sink);
        }
    }

    /// What can't be of a frame any more.
    fn release_pending(&mut self, sink: &mut impl FrameSink) {
        while self.pending.len() > LONGEST_FRAME {
            let Some(end) = line_ends(&self.pending).next() else {
                break;
            };
            let line = self.take_line(end);
            if is_text(&line) {
                emit(&line, sink);
            } else {
                emit_noise(&line, sink);
            }
        }
        if self.pending.len() > LONGEST_LINE {
            broken(self.take_pending().len(), sink);
        }
    }

    fn take_pending(&mut self) -> Vec<u8> {
        self.lines = 0;
        mem::take(&mut self.pending)
    }

    fn take_line(&mut self, end: usize) -> Vec<u8> {
        self.lines -= 1;
        self.pending.drain(..end).collect()
    }

    /// Takes out the first line, if it is text.
    fn first_line(&mut self) -> Option<Vec<u8>> {
        let end = line_ends(&self.pending).next()?;
        let is_line = is_text(self.pending.get(..end)?);
        is_line.then(|| self.take_line(end))
    }
}

/// SiteIndices behind line ends.
fn line_ends(bytes: &[u8]) -> impl DoubleEndedIterator<Item = usize> {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    ends.map(|(place, _)| place + 1)
}

/// Behind the last line of the text with which `bytes` begin.
fn end_of_text(bytes: &[u8]) -> usize {
    let lines = line_ends(bytes).take_while(|&end| is_text(bytes.get(..end).unwrap_or_default()));
    lines.last().unwrap_or(0)
}

fn is_text(bytes: &[u8]) -> bool {
    let of_a_terminal =
        |letter: char| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t' | '\x1B');
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(of_a_terminal))
}

fn emit(text: &[u8], sink: &mut impl FrameSink) {
    String::from_utf8_lossy(text)
        .lines()
        .for_each(|line| sink.text(line));
}

/// A line that is no text from end to end: its readable part, if that is most of it.
fn emit_noise(line: &[u8], sink: &mut impl FrameSink) {
    let text = String::from_utf8_lossy(line);
    let is_noise = |letter: &char| {
        letter.is_control() && !letter.is_whitespace() || *letter == char::REPLACEMENT_CHARACTER
    };
    let noise = text.chars().filter(is_noise).count();
    if noise * 2 < text.chars().count() {
        emit(line, sink);
    } else {
        broken(line.len(), sink);
    }
}

fn broken(bytes: usize, sink: &mut impl FrameSink) {
    if bytes > 0 {
        sink.broken(bytes);
    }
}

/// Hexadecimal digits in a line of text.
enum Digits<'a> {
    Whole(&'a str),
    /// Something else is in the midst of them.
    Broken(&'a str),
}

/// Returns the digits behind the first mark in a line.
fn digits(line: &str) -> Option<Digits<'_>> {
    let mut marks = line.match_indices(HEXADECIMAL);
    marks.find_map(|(at, mark)| {
        let rest = line.get(at + mark.len()..)?;
        let text = rest.trim_start_matches([' ', '\t']);
        let end = text
            .find(|letter: char| !letter.is_ascii_hexdigit())
            .unwrap_or(text.len());
        let (digits, behind) = text.split_at_checked(end)?;
        let is_whole = !behind.starts_with(char::is_alphanumeric);
        match rest.chars().next()? {
            '\t' if is_whole => Some(Digits::Whole(digits)),
            '\t' => Some(Digits::Broken(text)),
            ' ' if is_whole && end >= FEWEST_DIGITS => Some(Digits::Whole(digits)),
            _ => None,
        }
    })
}

fn is_hexadecimal(line: &str) -> bool {
    line.chars().all(|letter| letter.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame begins with `[` and ends with `]`.
    #[derive(Default)]
    struct Received(Vec<String>);

    impl FrameSink for Received {
        fn frame(&mut self, bytes: &[u8]) -> bool {
            let is_frame = bytes.starts_with(b"[") && bytes.ends_with(b"]");
            if is_frame {
                self.0
                    .push(format!("frame {}", String::from_utf8_lossy(bytes)));
            }
            is_frame
        }

        fn text(&mut self, line: &str) {
            self.0.push(line.to_owned());
        }

        fn broken(&mut self, bytes: usize) {
            self.0.push(format!("{bytes} broken"));
        }
    }

    fn received(bytes: &[u8]) -> Vec<String> {
        let (mut splitter, mut received) = (Splitter::default(), Received::default());
        bytes
            .iter()
            .for_each(|&byte| splitter.push(byte, &mut received));
        splitter.end(&mut received);
        received.0
    }

    #[test]
    fn lines_before_a_frame_are_text() {
        assert_eq!(
            received(b"one\r\ntwo\n[a]\0[b\n]\0"),
            ["frame [a]", "one", "two", "frame [b\n]"]
        );
    }

    #[test]
    fn what_is_neither_is_broken() {
        assert_eq!(
            received(b"one\n[a\0[b]\0\x01\x02"),
            ["one", "2 broken", "frame [b]", "2 broken"]
        );
        assert_eq!(
            received(b"no frame behind it\n\0\0"),
            ["no frame behind it"]
        );
    }

    #[test]
    fn digits_are_frames_too_and_may_end_in_the_middle_of_one() {
        assert_eq!(
            received(b"boot\nevents\t5b61\nmore\nevents\t5d00\n"),
            ["boot", "more", "frame [a]"]
        );
        assert_eq!(received(b"12:30:05 > events\t5b615d00\n"), ["frame [a]"]);
        assert_eq!(
            received(b"events\t5b6x00\n"),
            ["3 broken", "events\t5b6x00"]
        );
        assert_eq!(
            received(b"events\t5b6100\nevents\t5b"),
            ["2 broken", "events\t5b"]
        );
    }

    #[test]
    fn digits_that_a_terminal_changed_are_frames() {
        for line in [
            "events\t5b612000 | app",
            "\"events\t5b612000\"",
            "events  5b612000",
            "I (7) events: events  5b612000",
        ] {
            let line = line.replace("5b612000", "5b615d00");
            assert_eq!(
                received(line.as_bytes().trim_ascii_end()).len(),
                1,
                "{line}"
            );
            assert_eq!(
                received(format!("{line}\n").as_bytes()),
                ["frame [a]"],
                "{line}"
            );
        }
        for text in ["events 1234 were lost", "events 5b615d00x", "12 events\r"] {
            assert_eq!(
                received(format!("{text}\n").as_bytes()),
                [text.trim_end()],
                "{text}"
            );
        }
    }

    #[test]
    fn digits_that_a_terminal_wrapped_are_whole_again() {
        let frame = format!("[{}]", "a".repeat(40));
        let digits: String = frame.bytes().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("boot\n12:30 > events\t{digits}00\nup\n");
        for columns in 20..120 {
            let lines = text
                .lines()
                .flat_map(|line| line.as_bytes().chunks(columns));
            let wrapped = lines.collect::<Vec<_>>().join(&b'\n');
            let expected = [format!("frame {frame}"), "boot".to_owned(), "up".to_owned()];
            let mut found = received(&wrapped);
            found.sort_by_key(|line| !line.starts_with("frame"));
            assert_eq!(found, expected, "{columns} columns");
        }
        // Text in between is no rest of them.
        assert_eq!(
            received(b"12:30:05 app > events\t5b615\nup\nabcd\nevents\t5b615d00\n"),
            ["3 broken", "up", "abcd", "frame [a]"]
        );
    }

    #[test]
    fn a_line_is_held_back_until_no_frame_can_begin_with_it() {
        let (mut splitter, mut received) = (Splitter::default(), Received::default());
        b"one\n"
            .iter()
            .for_each(|&byte| splitter.push(byte, &mut received));
        assert_eq!(received.0.len(), 0);
        [b'x'; LONGEST_FRAME - 3]
            .iter()
            .for_each(|&byte| splitter.push(byte, &mut received));
        assert_eq!(received.0, ["one"]);
        splitter.push(b'\n', &mut received);
        splitter.pause(&mut received);
        assert_eq!(received.0.len(), 2);
    }

    #[test]
    fn noise_without_end_is_not_kept() {
        let noise = vec![0xFF; 3 * LONGEST_LINE];
        let found = received(&noise);
        assert_eq!((found.len(), found[0].as_str()), (3, "4097 broken"));
    }
}
