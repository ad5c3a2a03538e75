//! Live blocks at each line of a trace.

use super::{Operation, Problem};

/// Live slots, with their bytes: proves invariants 1 and 2.
#[derive(Default)]
pub(super) struct LiveBlocks {
    /// By slot; 0 = not live.
    sizes: Vec<u32>,
    operations: usize,
    bytes: u64,
    pub(super) peak_bytes: u64,
    pub(super) peak_operation: usize,
}

impl LiveBlocks {
    /// Returns how many slots were ever used.
    pub(super) fn slots(&self) -> usize {
        self.sizes.len()
    }

    pub(super) fn follow(&mut self, operation: Operation) -> Result<(), Problem> {
        self.operations += 1;
        match operation {
            Operation::Allocate { slot, size, .. } => match self.slot(slot)? {
                0 => self.change(slot, size),
                _ => return Err(Problem::AlreadyLive(slot)),
            },
            Operation::Reallocate { slot, size } => self.change_live(slot, size)?,
            Operation::Free { slot } => self.change_live(slot, 0)?,
        }
        Ok(())
    }

    fn slot(&mut self, slot: usize) -> Result<u32, Problem> {
        if slot >= self.operations {
            return Err(Problem::SlotTooHigh(slot));
        }
        if slot >= self.sizes.len() {
            self.sizes.resize(slot + 1, 0);
        }
        Ok(self.sizes[slot])
    }

    fn change_live(&mut self, slot: usize, size: u32) -> Result<(), Problem> {
        match self.sizes.get(slot) {
            None | Some(0) => Err(Problem::NotLive(slot)),
            Some(_) => {
                self.change(slot, size);
                Ok(())
            }
        }
    }

    fn change(&mut self, slot: usize, size: u32) {
        self.bytes = self.bytes - u64::from(self.sizes[slot]) + u64::from(size);
        if self.bytes > self.peak_bytes {
            self.peak_bytes = self.bytes;
            self.peak_operation = self.operations;
        }
        self.sizes[slot] = size;
    }
}
