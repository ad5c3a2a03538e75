//! Terminal escape sequences in text that comes from a device: taken out before it is read or
//! shown.
//!
//! ```text
//!   ESC [ 0;32m          colours and cursor movement: up to a letter or one of @ ~ and the like
//!   ESC ] 0;title BEL    titles, links, clipboard: up to BEL or ESC \
//!   ESC c                others: the letter behind
//! ```

use std::borrow::Cow;

const ESCAPE: char = '\x1B';

/// The same text without escape sequences.
#[must_use]
pub fn without_escapes(text: &str) -> Cow<'_, str> {
    if !text.contains([ESCAPE, '\u{9B}', '\u{9D}']) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut letters) = (String::with_capacity(text.len()), text.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            ESCAPE => {
                match letters.next_if(|next| matches!(next, '[' | ']' | 'P' | '_' | '^' | 'X')) {
                    Some('[') => skip_control(&mut letters),
                    Some(_) => skip_string(&mut letters),
                    None => skip_short(&mut letters),
                }
            }
            '\u{9B}' => skip_control(&mut letters),
            '\u{9D}' => skip_string(&mut letters),
            _ => out.push(letter),
        }
    }
    Cow::Owned(out)
}

/// Text that does nothing to a terminal but stand there: without escape sequences, other control
/// characters shown as `·`.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    let text = without_escapes(text);
    let is_harmless =
        |letter: char| letter == '\t' || !letter.is_control() && !is_invisible(letter);
    if text.chars().all(is_harmless) {
        return text;
    }
    let shown = |letter| if is_harmless(letter) { letter } else { '·' };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Marks that reorder or hide what stands around them.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}'
    )
}

type CharStream<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Parameters, then one final letter; what is neither is text again.
fn skip_control(letters: &mut CharStream<'_>) {
    while letters
        .next_if(|letter| (' '..='?').contains(letter))
        .is_some()
    {}
    letters.next_if(|letter| ('@'..='~').contains(letter));
}

/// Up to BEL, ST or the end of the line.
fn skip_string(letters: &mut CharStream<'_>) {
    while let Some(letter) = letters.next_if(|letter| *letter != '\n') {
        match letter {
            '\x07' | '\u{9C}' => return,
            ESCAPE => {
                letters.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

fn skip_short(letters: &mut CharStream<'_>) {
    while letters
        .next_if(|letter| (' '..='/').contains(letter))
        .is_some()
    {}
    letters.next_if(|letter| ('0'..='~').contains(letter));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_taken_out_whole() {
        let pairs = [
            ("plain", "plain"),
            ("\x1B[0;32mI (10) app\x1B[0m", "I (10) app"),
            ("a\x1B[2Jb", "ab"),
            ("a\x1B]0;title\x07b", "ab"),
            ("a\x1B]8;;http://x\x1B\\b", "ab"),
            ("a\x1Bcb", "ab"),
            ("a\x1B(Bb", "ab"),
            ("a\u{9B}31mb", "ab"),
            ("cut\x1B[0", "cut"),
            ("cut\x1B", "cut"),
        ];
        for (given, left) in pairs {
            assert_eq!(without_escapes(given), left, "{given:?}");
        }
    }

    #[test]
    fn other_control_characters_and_marks_that_reorder_are_shown_as_dots() {
        assert_eq!(printable("mq\x07tt\t\r\n\u{202E}x"), "mq·tt\t···x");
        assert!(matches!(printable("wifi"), Cow::Borrowed("wifi")));
        assert_eq!(printable("\x1B[31mwifi"), "wifi");
    }
}
