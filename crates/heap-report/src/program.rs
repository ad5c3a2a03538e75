//! A program's requests: a history without its addresses, to be asked again of another heap.
//!
//! ```text
//!   history    0x3FFB_0010 came   0x3FFB_0080 came   0x3FFB_0010 went   0x3FFB_0200 came
//!   program    slot 0             slot 1             free slot 0        slot 0             the lowest free slot comes first
//! ```
//!
//! What the history lost is not made up: a free of a block that was never seen is left out, and a
//! block that comes where another one is frees that first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, Write};

use soc_regions::Caps;

use crate::export::missing;
use crate::history::{Event, Gaps, History};
use crate::recorded::{Operation, Trace};
use crate::replay::{Change, Live, LiveBlock};

/// What a program asked, in order.
///
/// Invariants, as those of a recorded trace: `Allocate` names a slot that is free, `Resize` and
/// `Free` one that is not; sizes are at least 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// What it asked.
    pub steps: Vec<ProgramStep>,
    /// Slots are below this.
    pub slots: usize,
    /// What is missing of it.
    pub gaps: Gaps,
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramStep {
    /// A block, to be known as `slot`.
    Allocate {
        /// Its name from now on.
        slot: usize,
        /// In bytes.
        size: u32,
        /// In bytes, a power of two.
        alignment: u32,
        /// Capabilities asked for; `None`: as by `malloc`.
        caps: Option<Caps>,
    },
    /// Another size for a block.
    Resize {
        /// Which.
        slot: usize,
        /// In bytes.
        size: u32,
        /// Capabilities asked for.
        caps: Option<Caps>,
    },
    /// The end of a block.
    Free {
        /// Which.
        slot: usize,
    },
    /// A request that the program was refused: nobody knows how long the block would have lived.
    Refused {
        /// In bytes.
        size: u32,
        /// Capabilities asked for.
        caps: Option<Caps>,
    },
}

/// The alignment that every block has.
pub(crate) const NATURAL_ALIGNMENT: u32 = 4;

impl From<&History> for Program {
    /// O(events · log blocks).
    fn from(history: &History) -> Program {
        let mut writer = Writer {
            history,
            steps: Vec::new(),
            slots: Slots::default(),
        };
        let mut live = Live::new();
        for (number, timed) in history.events.iter().enumerate() {
            if let Event::Failed { size, caps, .. } = timed.event {
                writer.steps.push(ProgramStep::Refused {
                    size,
                    caps: Some(caps),
                });
            }
            if let Some(change) = live.apply(number, timed) {
                writer.follow(&change);
            }
        }
        Program {
            name: history.program.clone(),
            steps: writer.steps,
            slots: writer.slots.count,
            gaps: history.gaps,
        }
    }
}

impl From<&Trace> for Program {
    fn from(trace: &Trace) -> Program {
        let caps = None;
        let step = |operation: &Operation| match *operation {
            Operation::Allocate {
                slot,
                size,
                alignment,
            } => ProgramStep::Allocate {
                slot,
                size,
                alignment,
                caps,
            },
            Operation::Reallocate { slot, size } => ProgramStep::Resize { slot, size, caps },
            Operation::Free { slot } => ProgramStep::Free { slot },
        };
        Program {
            name: trace.name.clone(),
            steps: trace.operations.iter().map(step).collect(),
            slots: trace.slots,
            gaps: Gaps::default(),
        }
    }
}

struct Writer<'a> {
    history: &'a History,
    steps: Vec<ProgramStep>,
    slots: Slots,
}

impl Writer<'_> {
    fn follow(&mut self, change: &Change) {
        match change {
            Change::Came(block) => self.allocate(block),
            Change::Went(block) => self.free(block),
            Change::Moved { from, to } => self.resize(from, to),
            Change::Displaced { from, to, lost } => {
                lost.iter().for_each(|block| self.free(block));
                match from {
                    Some(from) => self.resize(from, to),
                    None => self.allocate(to),
                }
            }
            Change::Cleared(blocks) => blocks.iter().for_each(|block| self.free(block)),
        }
    }

    fn allocate(&mut self, block: &LiveBlock) {
        let site = self.history.site(block.site);
        let alignment = site.map_or(0, |site| site.alignment);
        self.steps.push(ProgramStep::Allocate {
            slot: self.slots.take(block.address),
            size: block.size.max(1),
            alignment: alignment
                .checked_next_power_of_two()
                .unwrap_or(0)
                .max(NATURAL_ALIGNMENT),
            caps: self.caps(block),
        });
    }

    fn resize(&mut self, from: &LiveBlock, to: &LiveBlock) {
        if let Some(slot) = self.slots.move_over(from.address, to.address) {
            let (size, caps) = (to.size.max(1), self.caps(to));
            self.steps.push(ProgramStep::Resize { slot, size, caps });
        }
    }

    fn free(&mut self, block: &LiveBlock) {
        if let Some(slot) = self.slots.free(block.address) {
            self.steps.push(ProgramStep::Free { slot });
        }
    }

    /// Nobody said: as by `malloc`.
    fn caps(&self, block: &LiveBlock) -> Option<Caps> {
        let caps = self
            .history
            .site(block.site)
            .map_or(Caps::empty(), |site| site.caps);
        (!caps.is_empty()).then_some(caps)
    }
}

/// The slots of blocks, by address.
#[derive(Default)]
struct Slots {
    by_address: BTreeMap<u32, usize>,
    free: BinaryHeap<Reverse<usize>>,
    count: usize,
}

impl Slots {
    fn take(&mut self, address: u32) -> usize {
        let slot = self.free.pop().map_or(self.count, |Reverse(slot)| slot);
        self.count = self.count.max(slot + 1);
        self.by_address.insert(address, slot);
        slot
    }

    fn free(&mut self, address: u32) -> Option<usize> {
        let slot = self.by_address.remove(&address)?;
        self.free.push(Reverse(slot));
        Some(slot)
    }

    fn move_over(&mut self, from: u32, to: u32) -> Option<usize> {
        let slot = self.by_address.remove(&from)?;
        self.by_address.insert(to, slot);
        Some(slot)
    }
}

impl Program {
    /// Writes it as a recorded trace, which `esp-heap sim`, `minheap` and `what-if` replay.
    /// Capabilities have no place in that format; refused requests and what is missing stand there
    /// as comments.
    ///
    /// # Errors
    /// `out` does not take it.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let operations = self
            .steps
            .iter()
            .filter(|step| !matches!(step, ProgramStep::Refused { .. }));
        writeln!(out, "# heap-trace 1")?;
        if !self.name.is_empty() {
            writeln!(out, "# name: {}", self.name.replace(['\n', '\r'], " "))?;
        }
        writeln!(out, "# ops: {}", operations.count())?;
        if let Some(missing) = missing(&self.gaps) {
            writeln!(out, "# missing: {missing}")?;
        }
        self.steps.iter().try_for_each(|step| step.write(out))
    }
}

impl ProgramStep {
    fn write(self, out: &mut impl Write) -> io::Result<()> {
        match self {
            ProgramStep::Allocate {
                slot,
                size,
                alignment: NATURAL_ALIGNMENT,
                ..
            } => writeln!(out, "a {slot} {size}"),
            ProgramStep::Allocate {
                slot,
                size,
                alignment,
                ..
            } => writeln!(out, "m {slot} {alignment} {size}"),
            ProgramStep::Resize { slot, size, .. } => writeln!(out, "r {slot} {size}"),
            ProgramStep::Free { slot } => writeln!(out, "f {slot}"),
            ProgramStep::Refused { size, caps } => {
                let caps = caps.map_or_else(String::new, |caps| format!(" with {caps}"));
                writeln!(out, "# refused: {size} bytes{caps}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Site, TimedEvent};

    fn history(events: Vec<Event>) -> History {
        let site = |caps, alignment| Site {
            caps,
            alignment,
            ..Site::default()
        };
        let sites = vec![Site::default(), site(Caps::DMA, 4), site(Caps::BIT8, 64)];
        let events = events
            .into_iter()
            .map(|event| TimedEvent { ticks: 0, event })
            .collect();
        History {
            program: "tiny".to_owned(),
            sites,
            events,
            ..History::default()
        }
    }

    fn allocated(address: u32, size: u32, site: usize) -> Event {
        Event::Allocated {
            address,
            size,
            site,
            owner: 0,
        }
    }

    fn written(program: &Program) -> String {
        let mut out = Vec::new();
        program.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn slots_are_used_again_lowest_first() {
        let program = Program::from(&history(vec![
            allocated(0x100, 10, 0),
            allocated(0x200, 20, 1),
            Event::Freed { address: 0x100 },
            allocated(0x300, 30, 2),
            Event::Resized {
                old_address: 0x200,
                address: 0x400,
                size: 40,
                site: 1,
                owner: 0,
            },
            Event::Freed { address: 0x400 },
        ]));
        let text =
            "# heap-trace 1\n# name: tiny\n# ops: 6\na 0 10\na 1 20\nf 0\nm 0 64 30\nr 1 40\nf 1\n";
        assert_eq!(written(&program), text);
        assert_eq!(program.slots, 2);
        let asked = ProgramStep::Allocate {
            slot: 1,
            size: 20,
            alignment: 4,
            caps: Some(Caps::DMA),
        };
        assert_eq!(program.steps[1], asked);
    }

    #[test]
    fn what_was_refused_is_a_comment_in_a_trace() {
        let failed = Event::Failed {
            size: 99,
            caps: Caps::DMA,
            owner: 0,
            sentence: None,
        };
        let program = Program::from(&history(vec![failed, allocated(0x100, 0, 0)]));
        assert_eq!(
            program.steps[0],
            ProgramStep::Refused {
                size: 99,
                caps: Some(Caps::DMA)
            }
        );
        assert!(written(&program).ends_with("# ops: 1\n# refused: 99 bytes with DMA\na 0 1\n"));
    }

    #[test]
    fn what_is_missing_is_neither_made_up_nor_hidden() {
        let mut history = history(vec![
            Event::Freed { address: 0x500 },
            allocated(0x100, 16, 0),
            allocated(0x104, 16, 0),
            Event::Resized {
                old_address: 0x600,
                address: 0x700,
                size: 8,
                site: 0,
                owner: 0,
            },
            Event::Restarted,
        ]);
        history.gaps = Gaps {
            missed: 3,
            ..Gaps::default()
        };
        let text = written(&Program::from(&history));
        let (head, steps) = text.split_at(text.find("a 0").unwrap());
        assert!(
            head.ends_with("# missing: events lost on the way: 3\n"),
            "{head}"
        );
        assert_eq!(steps, "a 0 16\nf 0\na 0 16\na 1 8\nf 0\nf 1\n");
    }
}
