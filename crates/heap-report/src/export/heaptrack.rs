//! A history as heaptrack's interpreted data, version 3: what `heaptrack_gui` and `heaptrack_print`
//! read, plain or gzip.
//!
//! ```text
//!   v 10400 3              versions of heaptrack and of the format            all numbers are hexadecimal
//!   X text                 the program                                        counting begins with 1: 0 is none
//!   I bytes pages          page size, pages of memory
//!   s length text          a string                                           it is the next
//!   i address module function file line    an instruction                     it is the next
//!   t instruction parent   a call stack: this instruction, called from parent it is the next
//!   a size stack           an allocation's kind                               counted from 0
//!   + kind, - kind         an allocation, a free
//!   c milliseconds         the time now
//! ```

use std::collections::HashMap;
use std::io::{self, Write};

use super::clock::{Unit, timed_events};
use super::stacks::Stacks;
use super::title;
use crate::history::{Frame, History};
use crate::replay::{Live, LiveBlock};

/// Writes `history` in heaptrack's format. O(events).
///
/// # Errors
/// `out` does not take it.
pub fn heaptrack(history: &History, out: &mut impl Write) -> io::Result<()> {
    let heaps: u64 = history.heaps.iter().map(|heap| u64::from(heap.size)).sum();
    let page = 1024;
    writeln!(
        out,
        "v 10400 3\nX {}\nI {page:x} {:x}",
        title(history).replace('\n', " "),
        heaps / page
    )?;
    let stacks = Stacks::of(history);
    let (unit, mut tables, mut live) = (Unit::of(history), Tables::default(), Live::new());
    let mut written = 0;
    for (number, ticks, timed) in timed_events(history) {
        let now = unit.whole(ticks) / 1000;
        if now > written {
            writeln!(out, "c {now:x}")?;
            written = now;
        }
        let Some(change) = live.apply(number, timed) else {
            continue;
        };
        for block in change.went() {
            let kind = tables.kind(block, &stacks, out)?;
            writeln!(out, "- {kind:x}")?;
        }
        if let Some(block) = change.came() {
            let kind = tables.kind(block, &stacks, out)?;
            writeln!(out, "+ {kind:x}")?;
        }
    }
    Ok(())
}

/// What was written already, by number.
#[derive(Default)]
struct Tables {
    strings: HashMap<String, usize>,
    instructions: HashMap<[usize; 3], usize>,
    stacks: HashMap<(usize, usize), usize>,
    kinds: HashMap<(u32, usize), usize>,
}

impl Tables {
    fn kind(
        &mut self,
        block: &LiveBlock,
        stacks: &Stacks,
        out: &mut impl Write,
    ) -> io::Result<usize> {
        let frames = stacks
            .stacks
            .get(stacks.of_site(block.site))
            .map_or(&[][..], Vec::as_slice);
        let mut stack = 0;
        for frame in frames.iter().rev() {
            let instruction = self.instruction(frame, out)?;
            stack = number_of(&mut self.stacks, (instruction, stack), |number| {
                writeln!(out, "t {instruction:x} {stack:x}").map(|()| number + 1)
            })?;
        }
        number_of(&mut self.kinds, (block.size, stack), |number| {
            writeln!(out, "a {:x} {stack:x}", block.size).map(|()| number)
        })
    }

    fn instruction(&mut self, frame: &Frame, out: &mut impl Write) -> io::Result<usize> {
        let function = self.string(
            if frame.function.is_empty() {
                &frame.file
            } else {
                &frame.function
            },
            out,
        )?;
        let (file, line) = (self.string(&frame.file, out)?, frame.line as usize);
        number_of(&mut self.instructions, [function, file, line], |number| {
            // Each has an address of its own; what lies there does not matter.
            let address = number + 1;
            match file {
                0 => writeln!(out, "i {address:x} 0 {function:x}"),
                _ => writeln!(out, "i {address:x} 0 {function:x} {file:x} {line:x}"),
            }
            .map(|()| address)
        })
    }

    fn string(&mut self, text: &str, out: &mut impl Write) -> io::Result<usize> {
        if text.is_empty() {
            return Ok(0);
        }
        let text = text.replace('\n', " ");
        number_of(&mut self.strings, text.clone(), |number| {
            writeln!(out, "s {:x} {text}", text.len()).map(|()| number + 1)
        })
    }
}

/// Returns the number that `key` has; if it has none yet, the one that `write` returns, called with
/// how many have one.
fn number_of<K: std::hash::Hash + Eq>(
    known: &mut HashMap<K, usize>,
    key: K,
    write: impl FnOnce(usize) -> io::Result<usize>,
) -> io::Result<usize> {
    let count = known.len();
    match known.entry(key) {
        std::collections::hash_map::Entry::Occupied(there) => Ok(*there.get()),
        std::collections::hash_map::Entry::Vacant(place) => {
            write(count).map(|number| *place.insert(number))
        }
    }
}
