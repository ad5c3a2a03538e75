//! Deduplicated call stacks of a history's sites.
//!
//! ```text
//!   site 1 (DMA)   publish ← main ┐
//!   site 2 (8BIT)  publish ← main ┴─► stack 1
//!   site 3         0x400d1234      ──► stack 2
//! ```

use std::collections::HashMap;

use crate::history::{Frame, History, Site};

/// Call stacks, the innermost frame first; none is empty, none is there twice.
pub(super) struct Stacks {
    pub(super) stacks: Vec<Vec<Frame>>,
    /// The stack of each site.
    by_site: Vec<usize>,
}

impl Stacks {
    pub(super) fn of(history: &History) -> Stacks {
        let mut known = HashMap::new();
        let mut stacks = Vec::new();
        let mut number_of = |site: &Site| {
            let frames = frames_of(site);
            let words: Vec<String> = frames.iter().map(text).collect();
            *known.entry(words).or_insert_with(|| {
                stacks.push(frames);
                stacks.len() - 1
            })
        };
        let by_site = history.sites.iter().map(&mut number_of).collect();
        Stacks { stacks, by_site }
    }

    /// Returns the number of a site's stack; that of the unknown site for a site that is not there.
    pub(super) fn of_site(&self, site: usize) -> usize {
        let first = self.by_site.first().copied().unwrap_or(0);
        self.by_site.get(site).copied().unwrap_or(first)
    }
}

/// Returns the best that is known: functions and lines, or the line that asked and the return
/// addresses.
fn frames_of(site: &Site) -> Vec<Frame> {
    if !site.frames.is_empty() {
        return site.frames.clone();
    }
    let asked = (!site.file.is_empty()).then(|| frame(String::new(), site.file.clone(), site.line));
    let callers = site.callers.iter();
    let callers = callers.map(|caller| frame(format!("{caller:#010x}"), String::new(), 0));
    let mut frames: Vec<Frame> = asked.into_iter().chain(callers).collect();
    if frames.is_empty() {
        frames.push(frame("unknown".to_owned(), String::new(), 0));
    }
    frames
}

fn frame(function: String, file: String, line: u32) -> Frame {
    Frame {
        function,
        file,
        line,
    }
}

/// `publish (src/mqtt.rs:78)`, or the part of it that is known.
pub(super) fn text(frame: &Frame) -> String {
    let place = match frame.line {
        0 => frame.file.clone(),
        line => format!("{}:{line}", frame.file),
    };
    match (frame.function.as_str(), place.as_str()) {
        (function, "") => function.to_owned(),
        ("", place) => place.to_owned(),
        (function, place) => format!("{function} ({place})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use soc_regions::Caps;

    fn texts(stack: &[Frame]) -> Vec<String> {
        stack.iter().map(text).collect()
    }

    #[test]
    fn the_same_stack_with_other_capabilities_is_one() {
        let site = |caps| Site {
            caps,
            file: "src/a.rs".into(),
            line: 7,
            callers: vec![0x400D_1234],
            ..Site::default()
        };
        let sites = vec![Site::default(), site(Caps::DMA), site(Caps::BIT8)];
        let stacks = Stacks::of(&History {
            sites,
            ..History::default()
        });
        assert_eq!([0, 1, 2, 9].map(|site| stacks.of_site(site)), [0, 1, 1, 0]);
        assert_eq!(texts(&stacks.stacks[0]), ["unknown"]);
        assert_eq!(texts(&stacks.stacks[1]), ["src/a.rs:7", "0x400d1234"]);
    }

    #[test]
    fn functions_and_lines_stand_for_addresses_where_they_are_known() {
        let frames = vec![
            frame("publish".into(), "src/mqtt.rs".into(), 78),
            frame("main".into(), String::new(), 0),
        ];
        let site = Site {
            callers: vec![0x400D_1234],
            frames,
            ..Site::default()
        };
        assert_eq!(
            texts(&frames_of(&site)),
            ["publish (src/mqtt.rs:78)", "main"]
        );
    }
}
