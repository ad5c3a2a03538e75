//! Observer: usage by task and heap.

use heap_caps::{Allocated, Freed, HeapIndex, Observer, Reallocated};
use heap_trace::{Ledger, Owner, Usage};

use super::task_ids::{self, OTHERS, TaskIds};
use super::{BLOCKS, TASKS};

/// As many as the shared heap has.
const HEAPS: usize = 16;

/// What a task has of a heap, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HeapUsage {
    pub(super) current: u32,
    pub(super) peak: u32,
}

const NOTHING: HeapUsage = HeapUsage {
    current: 0,
    peak: 0,
};

/// Accounts of tasks and heaps. What belongs to no task with a number is the others', so that the
/// sums are the heaps'.
#[derive(Debug)]
pub struct Accounts {
    ledger: Ledger<TaskIds, (), BLOCKS, 1, TASKS>,
    /// By task, the others last.
    usage: [[HeapUsage; HEAPS]; TASKS + 1],
    others: HeapUsage,
}

impl Accounts {
    pub(crate) const fn new() -> Self {
        Self {
            ledger: Ledger::new(TaskIds, ()),
            usage: [[NOTHING; HEAPS]; TASKS + 1],
            others: NOTHING,
        }
    }

    /// Returns what a task has.
    pub(super) fn of(&self, task: Owner) -> Usage {
        if task == OTHERS {
            return self.of_others();
        }
        self.ledger.owner(task).unwrap_or_default()
    }

    /// Returns what tasks without a number have, and blocks for which the ledger had no place.
    fn of_others(&self) -> Usage {
        let (others, untracked) = (self.ledger.others(), self.ledger.untracked());
        Usage {
            bytes: others.bytes.saturating_add(untracked.bytes),
            blocks: others.blocks.saturating_add(untracked.blocks),
            peak_bytes: self.others.peak,
            peak_blocks: others.peak_blocks.max(untracked.peak_blocks),
            allocations: others.allocations.saturating_add(untracked.allocations),
        }
    }

    /// Returns what a task has, or had, of a heap; `None` if nothing ever.
    pub(super) fn of_heap(&self, task: Owner, heap: HeapIndex) -> Option<HeapUsage> {
        let usage = self.usage.get(task.get())?.get(heap.get()).copied()?;
        (usage.peak > 0).then_some(usage)
    }

    /// Returns the owner of a block.
    pub(super) fn owner(&self, address: u32) -> Owner {
        let listed = self.ledger.block(address).map(|(_, owner)| owner);
        listed.filter(|owner| owner.get() < TASKS).unwrap_or(OTHERS)
    }

    /// Gives the task that runs a number if it has none: that of a deleted task without blocks
    /// where all are given.
    fn admit(&mut self) {
        let task = task_ids::current();
        if task_ids::number_of(task).is_some() {
            return;
        }
        let mut deleted = task_ids::deleted().filter(|_| task_ids::all_are_given());
        let spare = deleted.find(|&number| self.ledger.begin(number).is_ok());
        if let Some(usage) = spare.and_then(|number| self.usage.get_mut(number.get())) {
            *usage = [NOTHING; HEAPS];
        }
        task_ids::introduce(task, spare);
    }

    fn change(&mut self, owner: Owner, heap: HeapIndex, change: impl Fn(u32) -> u32) {
        if owner == OTHERS {
            self.others.change(&change);
        }
        let row = self.usage.get_mut(owner.get());
        if let Some(usage) = row.and_then(|row| row.get_mut(heap.get())) {
            usage.change(&change);
        }
    }

    fn began(&mut self, event: &Allocated) {
        let owner = self.owner(event.address);
        self.change(owner, event.heap, |bytes| {
            bytes.saturating_add(event.usable)
        });
    }
}

impl HeapUsage {
    fn change(&mut self, change: impl Fn(u32) -> u32) {
        self.current = change(self.current);
        self.peak = self.peak.max(self.current);
    }
}

impl Observer for Accounts {
    fn on_allocate(&mut self, event: &Allocated) {
        self.admit();
        self.ledger.on_allocate(event);
        self.began(event);
    }

    fn on_free(&mut self, event: &Freed) {
        let owner = self.owner(event.address);
        self.ledger.on_free(event);
        self.change(owner, event.heap, |bytes| {
            bytes.saturating_sub(event.usable)
        });
    }

    fn on_reallocate(&mut self, event: &Reallocated) {
        self.admit();
        let owner = self.owner(event.old_address);
        self.ledger.on_reallocate(event);
        self.change(owner, event.old_heap, |bytes| {
            bytes.saturating_sub(event.old_usable)
        });
        self.began(&event.now);
    }
}
