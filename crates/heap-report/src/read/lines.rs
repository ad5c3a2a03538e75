//! Lines of a log as the device printed them: terminal escapes are taken out, lines that a terminal
//! wrapped are whole again.
//!
//! ```text
//!   │    96 bytes (@ 0x3ffb3f00, Internal) allocated CPU 0 ccount 0x00001234 caller 0│    as wide as the terminal …
//!   │x400d1234:0x400d2345│                                                              … so this is the rest of it
//! ```
//! The terminal's width is not recorded: it is taken for as wide as the longest line, and lines of
//! less than [`NARROWEST`] columns are not joined. Lines are put together only where what comes out
//! is a line of the format from end to end, and an item that has not begun within [`PREFIX_LINES`]
//! lines does not begin there: so reading is linear in the number of lines.

/// What a line of some format says.
pub(super) trait Item: PartialEq + Sized {
    /// Returns what `line` says, and whether nothing stands behind it. `None`: it is no line of the
    /// format.
    fn of(line: &str) -> Option<(Self, bool)>;

    /// Returns whether it begins as a line of the format, and cannot be read.
    fn is_unreadable(&self) -> bool {
        false
    }
}

/// The longest line that is put together: 32 callers, a long path.
pub(super) const LONGEST: usize = 1024;
/// Columns of the narrowest terminal that wraps lines.
const NARROWEST: usize = 20;
/// Lines over which the prefix of a log may be wrapped before an item begins.
const PREFIX_LINES: usize = 6;

/// Returns the items of one format in `lines`, in order.
pub(super) fn items<I: Item>(lines: &[String]) -> Vec<I> {
    let lines: Vec<String> = lines.iter().map(|line| clean(line)).collect();
    let width = lines.iter().map(|line| columns(line)).max().unwrap_or(0);
    let (mut items, mut at) = (Vec::new(), 0);
    while at < lines.len() {
        let (item, used) = next(&lines, at, width);
        items.extend(item);
        at += used;
    }
    items
}

fn clean(line: &str) -> String {
    crate::terminal::without_escapes(line).trim_end().to_owned()
}

fn columns(line: &str) -> usize {
    line.chars().count()
}

/// Returns the item that begins at line `at`, and on how many lines it stands.
fn next<I: Item>(lines: &[String], at: usize, width: usize) -> (Option<I>, usize) {
    let rest = lines.get(at..).unwrap_or_default();
    let alone = rest.first().and_then(|line| I::of(line));
    let (mut best, mut used) = (alone.map(|(item, _)| item), 1);
    let mut joined = String::new();
    for (index, pair) in rest.windows(2).enumerate() {
        let [line, following] = pair else { break };
        let Some(blanks) = wrapped(line, width).filter(|_| !begins_item::<I>(following)) else {
            break;
        };
        joined.push_str(line);
        joined.extend(std::iter::repeat_n(' ', blanks));
        if joined.len() > LONGEST {
            break;
        }
        let with = |blank: &str| {
            let (item, whole) = I::of(&format!("{joined}{blank}{following}"))?;
            (whole && goes_on(best.as_ref(), &item)).then_some(item)
        };
        if let Some(item) = with("") {
            (best, used) = (Some(item), index + 2);
        } else if let Some(item) = with(" ") {
            // The longest line of all has lost a blank, too.
            joined.push(' ');
            (best, used) = (Some(item), index + 2);
        }
        if best.is_none() && index + 1 >= PREFIX_LINES {
            break;
        }
    }
    (best, used)
}

/// Returns how many blanks at its end were lost, if the line is as wide as the terminal.
fn wrapped(line: &str, width: usize) -> Option<usize> {
    const BLANKS: usize = 4;
    width
        .checked_sub(columns(line))
        .filter(|&blanks| blanks <= BLANKS && width >= NARROWEST)
}

/// Returns whether more of the line `before` reads as `item`: a line that says something says the
/// same kind of thing when its rest is there.
fn goes_on<I: Item>(before: Option<&I>, item: &I) -> bool {
    let is_same = |before: &I| std::mem::discriminant(before) == std::mem::discriminant(item);
    !item.is_unreadable() && before.is_none_or(|before| before.is_unreadable() || is_same(before))
}

fn begins_item<I: Item>(line: &str) -> bool {
    matches!(I::of(line), Some((item, _)) if !item.is_unreadable())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::dump::line::Item as DumpItem;

    const LOG: &str = "\
I (312) main: dump follows
====== Heap Trace: 2 records (100 capacity) ======
    96 bytes (@ 0x3ffb3f00, Internal) allocated CPU 0 ccount 0x00001234 caller 0x400d1234:0x400d2345:0x400d3456:0x400d4567 at crates/firmware/src/main.rs:14:5
freed by 0x400d1234:0x400d2345:0x400d3456:0x400d4567
     8 bytes (@ 0x3f800010,    PSRAM) allocated CPU 1 ccount 0x00001334 caller 0x400d1234:
I (900) wifi: up
8 bytes 'leaked' in trace (1 allocations)
";

    fn of(text: &str) -> Vec<DumpItem> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        items(&lines)
    }

    fn wrap(text: &str, width: usize, trim: bool) -> String {
        let mut out = String::new();
        for line in text.lines() {
            let letters: Vec<char> = line.chars().collect();
            for piece in letters.chunks(width) {
                let piece: String = piece.iter().collect();
                out.push_str(if trim { piece.trim_end() } else { &piece });
                out.push('\n');
            }
        }
        out
    }

    #[test]
    fn a_terminal_of_any_width_wraps_what_is_read_as_if_it_had_not() {
        let whole = of(LOG);
        assert_eq!(whole.len(), 5);
        for width in 30..160 {
            assert_eq!(of(&wrap(LOG, width, false)), whole, "{width} columns");
            assert_eq!(
                of(&wrap(LOG, width, true)),
                whole,
                "{width} columns, blanks lost"
            );
        }
    }

    #[test]
    fn lines_that_are_no_items_are_not_joined_without_end() {
        // Each line was joined with all behind it: hours for these.
        assert_eq!(of(&("\n".repeat(20_000) + "J\n")), []);
        assert_eq!(of(&"abcdefghijklmnopqrstuvw\n".repeat(20_000)), []);
    }

    #[test]
    fn colours_and_line_ends_of_other_systems_are_no_part_of_a_line() {
        let coloured: String = LOG
            .lines()
            .map(|line| format!("\x1B[0;32m{line}\x1B[0m\r\n"))
            .collect();
        assert_eq!(of(&coloured), of(LOG));
    }
}
