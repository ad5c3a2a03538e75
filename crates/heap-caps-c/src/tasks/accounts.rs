//! Who has how much of which heap: the observer.

use heap_caps::{Allocated, Freed, HeapIndex, Observer, Reallocated};
use heap_trace::{Ledger, Owner, Tally};

use super::whose::Whose;
use super::{BLOCKS, TASKS};

/// As many as the shared heap has.
const HEAPS: usize = 16;

/// What a task has of a heap, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub(super) current: u32,
    pub(super) peak: u32,
}

/// Accounts of tasks and heaps.
#[derive(Debug)]
pub struct Accounts {
    ledger: Ledger<Whose, (), BLOCKS, 1, TASKS>,
    usage: [[Usage; HEAPS]; TASKS],
}

impl Accounts {
    pub(crate) const fn new() -> Self {
        const NOTHING: Usage = Usage {
            current: 0,
            peak: 0,
        };
        Self {
            ledger: Ledger::new(Whose, ()),
            usage: [[NOTHING; HEAPS]; TASKS],
        }
    }

    /// What a task has.
    pub(super) fn of(&self, task: Owner) -> Tally {
        self.ledger.owner(task).unwrap_or_default()
    }

    /// What a task has, or had, of a heap; `None` if nothing ever.
    pub(super) fn of_heap(&self, task: Owner, heap: HeapIndex) -> Option<Usage> {
        let usage = self.usage.get(task.get())?.get(heap.get()).copied()?;
        (usage.peak > 0).then_some(usage)
    }

    /// Whose a block is; `None` if nobody knows.
    pub(super) fn owner(&self, address: u32) -> Option<Owner> {
        let (_, owner) = self.ledger.block(address)?;
        (owner.get() < TASKS).then_some(owner)
    }

    fn change(&mut self, owner: Option<Owner>, heap: HeapIndex, change: impl Fn(u32) -> u32) {
        let row = owner.and_then(|owner| self.usage.get_mut(owner.get()));
        if let Some(usage) = row.and_then(|row| row.get_mut(heap.get())) {
            usage.current = change(usage.current);
            usage.peak = usage.peak.max(usage.current);
        }
    }

    fn began(&mut self, event: &Allocated) {
        let owner = self.owner(event.address);
        self.change(owner, event.heap, |bytes| {
            bytes.saturating_add(event.usable)
        });
    }
}

impl Observer for Accounts {
    fn on_allocate(&mut self, event: &Allocated) {
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
        let owner = self.owner(event.old_address);
        self.ledger.on_reallocate(event);
        self.change(owner, event.old_heap, |bytes| {
            bytes.saturating_sub(event.old_usable)
        });
        self.began(&event.now);
    }
}
