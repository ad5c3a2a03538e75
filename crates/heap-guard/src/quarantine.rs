//! Freed blocks that are kept for a while, within a budget of bytes: a ring, the oldest first out.

use heap_trace::Owner;

use crate::origin::{CALLERS, Origin};

/// A freed block that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) pointer: usize,
    pub(crate) address: u32,
    pub(crate) bytes: u32,
    owner: Owner,
    caller: u32,
    ticks: u32,
}

impl Kept {
    const NONE: Self = Self {
        pointer: 0,
        address: 0,
        bytes: 0,
        owner: Owner::NOBODY,
        caller: 0,
        ticks: 0,
    };

    /// Creates a block of `bytes` bytes, freed by `freed`, of which the innermost caller is kept.
    pub(crate) const fn new(pointer: usize, address: u32, bytes: u32, freed: &Origin) -> Self {
        let [caller, ..] = freed.callers;
        Self {
            pointer,
            address,
            bytes,
            owner: freed.owner,
            caller,
            ticks: freed.ticks,
        }
    }

    pub(crate) const fn freed(&self) -> Origin {
        let mut callers = [0; CALLERS];
        callers[0] = self.caller;
        Origin {
            owner: self.owner,
            place: None,
            callers,
            ticks: self.ticks,
        }
    }
}

/// At most `KEPT` freed blocks of at most `budget` bytes together.
#[derive(Debug)]
pub(crate) struct Quarantine<const KEPT: usize> {
    ring: [Kept; KEPT],
    first: usize,
    blocks: usize,
    bytes: u32,
    budget: u32,
}

impl<const KEPT: usize> Quarantine<KEPT> {
    pub(crate) const fn new() -> Self {
        Self {
            ring: [Kept::NONE; KEPT],
            first: 0,
            blocks: 0,
            bytes: 0,
            budget: 0,
        }
    }

    pub(crate) const fn blocks(&self) -> usize {
        self.blocks
    }

    pub(crate) const fn bytes(&self) -> u32 {
        self.bytes
    }

    pub(crate) const fn budget(&self) -> u32 {
        self.budget
    }

    pub(crate) const fn set_budget(&mut self, bytes: u32) {
        self.budget = bytes;
    }

    /// Returns whether a block of `bytes` bytes can be kept at all.
    pub(crate) const fn takes(&self, bytes: u32) -> bool {
        KEPT > 0 && bytes <= self.budget
    }

    /// Returns whether the block at `pointer` is kept. O(KEPT).
    pub(crate) fn contains(&self, pointer: usize) -> bool {
        let mut kept = (0..self.blocks).filter_map(|number| self.ring.get(self.place(number)));
        kept.any(|kept| kept.pointer == pointer)
    }

    /// Returns the oldest block, if it has to make room for one of `bytes`.
    pub(crate) fn pop_for(&mut self, bytes: u32) -> Option<Kept> {
        let is_full = self.blocks == KEPT && bytes > 0;
        let fits = self.bytes.saturating_add(bytes) <= self.budget;
        if is_full || !fits { self.pop() } else { None }
    }

    /// Returns the oldest block.
    pub(crate) fn pop(&mut self) -> Option<Kept> {
        if self.blocks == 0 {
            return None;
        }
        let oldest = *self.ring.get(self.first)?;
        self.first = self.place(1);
        self.blocks -= 1;
        self.bytes = self.bytes.saturating_sub(oldest.bytes);
        Some(oldest)
    }

    /// Keeps a block; returns whether there was a place for it.
    pub(crate) fn push(&mut self, kept: Kept) -> bool {
        let place = self.place(self.blocks);
        let is_full = self.blocks == KEPT;
        let Some(place) = self.ring.get_mut(place).filter(|_| !is_full) else {
            return false;
        };
        *place = kept;
        self.blocks += 1;
        self.bytes = self.bytes.saturating_add(kept.bytes);
        true
    }

    /// Returns the index of the block before which `number` others were freed.
    const fn place(&self, number: usize) -> usize {
        match self.first + number {
            place if place >= KEPT => place - KEPT,
            place => place,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn kept(number: u32, bytes: u32) -> Kept {
        Kept {
            address: number,
            bytes,
            ..Kept::NONE
        }
    }

    /// Keeps a block; the numbers of those that went.
    fn keep<const KEPT: usize>(quarantine: &mut Quarantine<KEPT>, block: Kept) -> Vec<u32> {
        let mut gone = Vec::new();
        while let Some(oldest) = quarantine.pop_for(block.bytes) {
            gone.push(oldest.address);
        }
        assert!(quarantine.push(block));
        gone
    }

    #[test]
    fn the_oldest_go_first_when_bytes_or_places_run_out() {
        let mut quarantine = Quarantine::<4>::new();
        quarantine.set_budget(100);
        assert_eq!(keep(&mut quarantine, kept(1, 40)), []);
        assert_eq!(keep(&mut quarantine, kept(2, 40)), []);
        assert_eq!(keep(&mut quarantine, kept(3, 60)), [1]);
        assert_eq!(quarantine.bytes(), 100);
        assert_eq!(keep(&mut quarantine, kept(4, 90)), [2, 3]);
        for (number, gone) in [(5, &[][..]), (6, &[]), (7, &[]), (8, &[4]), (9, &[5])] {
            assert_eq!(keep(&mut quarantine, kept(number, 2)), gone);
        }
        assert_eq!((quarantine.blocks(), quarantine.bytes()), (4, 8));
        let rest: Vec<u32> = core::iter::from_fn(|| quarantine.pop())
            .map(|kept| kept.address)
            .collect();
        assert_eq!(
            (rest.as_slice(), quarantine.bytes()),
            (&[6, 7, 8, 9][..], 0)
        );
    }

    #[test]
    fn without_a_budget_or_places_nothing_is_taken() {
        let mut quarantine = Quarantine::<4>::new();
        assert!(!quarantine.takes(1));
        quarantine.set_budget(8);
        assert!(quarantine.takes(8) && !quarantine.takes(9));
        let mut none = Quarantine::<0>::new();
        none.set_budget(8);
        assert!(!none.takes(1) && !none.push(kept(1, 1)) && none.pop().is_none());
    }
}
