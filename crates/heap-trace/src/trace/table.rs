//! Records by address and in order: a list and a hash table in the slots of one buffer.
//!
//! ```text
//!   order     oldest ⇄ … ⇄ newest               every record
//!   buckets   bucket[hash(address)] → chain →   the live ones, last allocated first
//!   spare     → newer → newer                   freed slots, then those from `fresh` on, never used in this session
//! ```
//!
//! Invariants, checked by the model test:
//! 1. Every slot below `fresh` is in the order or in the list of spare ones, never in both.
//! 2. The records in chains are the live ones; each is in the chain of its hash.
//! 3. A bucket is believed only if it leads to a live record of that very hash below `fresh`. So
//!    forgetting everything takes O(1): what an earlier session left in the buckets is not
//!    believed.

use super::slot::{Record, Slot};

/// No slot.
const NONE: u16 = u16::MAX;

/// The records of a session.
#[derive(Debug)]
pub(super) struct Table<'a, const DEPTH: usize> {
    slots: &'a mut [Slot<DEPTH>],
    oldest: u16,
    newest: u16,
    spare: u16,
    fresh: u16,
    count: u16,
    /// Leading bits of a hash that number the bucket.
    bucket_bits: u32,
    /// Changes whenever a place in the order may have become another record's.
    pub(super) edits: u32,
    reading: Reading,
}

/// A walk from the oldest record on that goes on after changes.
#[derive(Clone, Copy, Debug)]
struct Reading {
    next: u16,
    left: u16,
}

/// Where a record is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotIndex(u16);

impl<'a, const DEPTH: usize> Table<'a, DEPTH> {
    /// The most records that a buffer can have: slots are numbered in 16 bits.
    pub(super) const MAXIMUM: usize = 65_534;

    pub(super) fn new(buffer: &'a mut [Slot<DEPTH>]) -> Self {
        let used = buffer.len().min(Self::MAXIMUM);
        let (slots, _) = buffer.split_at_mut(used);
        let mut table = Self {
            bucket_bits: slots.len().checked_ilog2().unwrap_or(0),
            slots,
            oldest: NONE,
            newest: NONE,
            spare: NONE,
            fresh: 0,
            count: 0,
            edits: 0,
            reading: Reading {
                next: NONE,
                left: 0,
            },
        };
        table.forget();
        table
    }

    /// Forgets every record. O(1).
    pub(super) fn forget(&mut self) {
        (self.oldest, self.newest, self.spare) = (NONE, NONE, NONE);
        (self.fresh, self.count) = (0, 0);
        self.edits = self.edits.wrapping_add(1);
        self.rewind();
    }

    pub(super) fn capacity(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.count)
    }

    pub(super) fn into_buffer(self) -> &'a mut [Slot<DEPTH>] {
        self.slots
    }

    /// Returns the live record of `address`. O(1) expected: at most two live records a bucket on
    /// average.
    pub(super) fn find(&self, address: u32) -> Option<SlotIndex> {
        let mut index = self.first_in(self.bucket_of(address));
        while let Some(slot) = self.slot(index) {
            if slot.address == address {
                return Some(SlotIndex(index));
            }
            index = slot.chain;
        }
        None
    }

    /// Appends a record; `false` if there is no slot left.
    pub(super) fn append(&mut self, record: &Record<DEPTH>) -> bool {
        let Some(index) = self.take_slot() else {
            return false;
        };
        let (older, bucket) = (self.newest, self.bucket_of(record.address));
        let chain = self.first_in(bucket);
        if let Some(slot) = self.slot_mut(index) {
            slot.write(record);
            (slot.older, slot.newer, slot.chain) = (older, NONE, chain);
        }
        self.set_first_in(bucket, index);
        self.join(older, index);
        self.newest = index;
        self.count += 1;
        true
    }

    /// Removes a record. Whoever is reading goes on with the one behind it.
    pub(super) fn remove(&mut self, record: SlotIndex) {
        self.unhash(record.0);
        let Some(slot) = self.slot(record.0) else {
            return;
        };
        let (older, newer) = (slot.older, slot.newer);
        if self.reading.next == record.0 {
            self.reading.next = newer;
        }
        self.join(older, newer);
        if newer == NONE {
            self.newest = older;
        }
        let spare = self.spare;
        if let Some(slot) = self.slot_mut(record.0) {
            (slot.address, slot.newer) = (0, spare);
        }
        self.spare = record.0;
        self.count -= 1;
        self.edits = self.edits.wrapping_add(1);
    }

    pub(super) fn remove_oldest(&mut self) {
        if self.oldest != NONE {
            self.remove(SlotIndex(self.oldest));
        }
    }

    /// Keeps a record as freed: it stays in the order, and is found no longer.
    pub(super) fn set_freed(&mut self, record: SlotIndex, by: [u32; DEPTH]) {
        self.unhash(record.0);
        if let Some(slot) = self.slot_mut(record.0) {
            slot.set_freed(by);
        }
    }
}

/// Reading.
impl<const DEPTH: usize> Table<'_, DEPTH> {
    /// Returns the record `place` steps behind `from`, or behind the oldest. O(steps).
    pub(super) fn step(&self, from: Option<SlotIndex>, place: usize) -> Option<SlotIndex> {
        let mut index = from.map_or(self.oldest, |from| from.0);
        for _ in 0..place {
            index = self.slot(index)?.newer;
        }
        self.slot(index).map(|_| SlotIndex(index))
    }

    pub(super) fn record(&self, record: SlotIndex) -> Option<Record<DEPTH>> {
        self.slot(record.0).map(Slot::record)
    }

    /// Begins to read at the oldest record; what comes later than now is not read.
    pub(super) fn rewind(&mut self) {
        self.reading = Reading {
            next: self.oldest,
            left: self.count,
        };
    }

    /// Returns the next record. O(1).
    pub(super) fn read(&mut self) -> Option<Record<DEPTH>> {
        self.reading.left = self.reading.left.checked_sub(1)?;
        let slot = self.slot(self.reading.next)?;
        let (record, next) = (slot.record(), slot.newer);
        self.reading.next = next;
        Some(record)
    }
}

/// The hash table.
impl<const DEPTH: usize> Table<'_, DEPTH> {
    /// Multiplication with 2³² divided by the golden ratio spreads addresses that differ by
    /// multiples of 4.
    fn bucket_of(&self, address: u32) -> u16 {
        let hash = address.wrapping_mul(0x9E37_79B1);
        let bucket = hash.checked_shr(32 - self.bucket_bits).unwrap_or(0);
        u16::try_from(bucket).unwrap_or(0) // at most 15 bits, see `MAXIMUM`
    }

    /// Returns the first record of a bucket, if the bucket can be believed (invariant 3).
    fn first_in(&self, bucket: u16) -> u16 {
        let first = self.slot_at(bucket).map_or(NONE, |slot| slot.bucket);
        let is_its_own = |slot: &Slot<DEPTH>| {
            slot.address != 0 && !slot.is_freed() && self.bucket_of(slot.address) == bucket
        };
        match self.slot(first) {
            Some(slot) if is_its_own(slot) => first,
            _ => NONE,
        }
    }

    fn set_first_in(&mut self, bucket: u16, first: u16) {
        if let Some(slot) = self.slots.get_mut(usize::from(bucket)) {
            slot.bucket = first;
        }
    }

    /// Takes a record out of its chain, if it is in one.
    fn unhash(&mut self, record: u16) {
        let Some(slot) = self.slot(record).filter(|slot| !slot.is_freed()) else {
            return;
        };
        let (bucket, behind) = (self.bucket_of(slot.address), slot.chain);
        let mut index = self.first_in(bucket);
        if index == record {
            return self.set_first_in(bucket, behind);
        }
        while let Some(slot) = self.slot_mut(index) {
            if slot.chain == record {
                slot.chain = behind;
                return;
            }
            index = slot.chain;
        }
    }
}

/// Slots.
impl<const DEPTH: usize> Table<'_, DEPTH> {
    /// Returns a slot that was used in this session.
    fn slot(&self, index: u16) -> Option<&Slot<DEPTH>> {
        self.slot_at(index).filter(|_| index < self.fresh)
    }

    fn slot_mut(&mut self, index: u16) -> Option<&mut Slot<DEPTH>> {
        let used = index < self.fresh;
        self.slots.get_mut(usize::from(index)).filter(|_| used)
    }

    fn slot_at(&self, index: u16) -> Option<&Slot<DEPTH>> {
        self.slots.get(usize::from(index))
    }

    /// Returns a slot that no record is kept in.
    fn take_slot(&mut self) -> Option<u16> {
        if let Some(slot) = self.slot(self.spare) {
            let (taken, next) = (self.spare, slot.newer);
            self.spare = next;
            return Some(taken);
        }
        let taken = self.fresh;
        let slot = self.slots.get_mut(usize::from(taken))?;
        slot.address = 0; // what an earlier session left there is not believed
        self.fresh += 1;
        Some(taken)
    }

    /// Makes two records neighbours in the order; `NONE` is what lies before the oldest and behind
    /// the newest.
    fn join(&mut self, older: u16, newer: u16) {
        match self.slot_mut(older) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        if let Some(slot) = self.slot_mut(newer) {
            slot.older = older;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of the block number `block`, as blocks of 12 bytes follow each other.
    fn record(block: u32) -> Record<0> {
        Record {
            address: 0x3FFB_0018 + block * 16,
            size: 12,
            ticks: 0,
            core: 0,
            freed: false,
            caller: None,
            allocated_by: [],
            freed_by: [],
        }
    }

    fn filled(slots: &mut [Slot<0>], blocks: u32) -> Table<'_, 0> {
        let mut table = Table::new(slots);
        assert!((0..blocks).all(|block| table.append(&record(block))));
        table
    }

    fn longest_chain(table: &Table<'_, 0>) -> usize {
        let buckets = 0..1_u16 << table.bucket_bits;
        let length = |bucket| {
            let first = table.slot(table.first_in(bucket));
            core::iter::successors(first, |slot| table.slot(slot.chain)).count()
        };
        buckets.map(length).max().unwrap_or(0)
    }

    /// Defects: 10521, 8b2b430, 26a5117, a555563, b699033.
    #[test]
    fn no_free_searches_a_list_of_all_records() {
        let mut slots = std::vec![Slot::EMPTY; 10_000];
        for blocks in [32, 1000, 10_000] {
            let table = filled(&mut slots, blocks);
            let longest = longest_chain(&table);
            assert!((1..=4).contains(&longest), "{longest} of {blocks} records");
        }
    }

    /// Defects: head_12.
    #[test]
    fn forgetting_all_records_clears_none_of_them() {
        let mut slots = [Slot::EMPTY; 64];
        let mut table = filled(&mut slots, 64);
        table.forget();
        assert_eq!((table.len(), table.find(record(7).address)), (0, None));
        let left = table.into_buffer().iter().map(Slot::record);
        assert!(left.eq((0..64).map(record)));
    }
}
