//! The last failures, in memory that a reset leaves alone.
//!
//! ```text
//!   | magic | boots | next | record 0 | record 1 | …      words only
//!     record: | check | number | boot | … | heaps, 4 words each | bytes of each owner |
//! ```
//!
//! After a reset such memory (RTC memory, a `.noinit` section) has what it had, unless power was
//! gone: then it has anything. Each record has a check of its own, so that those that were written
//! to their end are distinguished from noise.

use core::fmt;
use core::mem::MaybeUninit;

use heap_caps::{Failure, SkipReason};
use soc_regions::Caps;

use crate::ledger::{EventContext, EventSink, Usage};
use heap_caps::Owner;

/// How many heaps a record describes.
const HEAPS: usize = 8;
/// Bytes of a source file's name that are kept: the last ones.
const NAME_BYTES: usize = 28;
const MAGIC: u32 = 0x4845_4C31;

/// Free memory of a heap that was considered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct HeapThen {
    /// The heap's first address; 0: no heap.
    pub start: u32,
    /// Free bytes, where the heap had the capabilities and no hole was large enough; else 0.
    pub free: u32,
    /// Its largest block then.
    pub largest: u32,
    /// Its free blocks then.
    pub holes: u32,
}

/// A failure and what every owner had when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct FailureRecord<const OWNERS: usize> {
    check: u32,
    number: u32,
    boot: u32,
    ticks: u32,
    size: u32,
    alignment: u32,
    caps: u32,
    owner: u32,
    line: u32,
    file: [u8; NAME_BYTES],
    heaps: [HeapThen; HEAPS],
    shares: [u32; OWNERS],
}

impl<const OWNERS: usize> FailureRecord<OWNERS> {
    const EMPTY: Self = Self {
        check: 0,
        number: 0,
        boot: 0,
        ticks: 0,
        size: 0,
        alignment: 0,
        caps: 0,
        owner: 0,
        line: 0,
        file: [0; NAME_BYTES],
        heaps: [HeapThen {
            start: 0,
            free: 0,
            largest: 0,
            holes: 0,
        }; HEAPS],
        shares: [0; OWNERS],
    };

    fn of(context: &EventContext, failure: &Failure, owners: &[Usage]) -> Self {
        let mut record = Self {
            ticks: context.ticks,
            size: u32::try_from(failure.size).unwrap_or(u32::MAX),
            alignment: u32::try_from(failure.alignment).unwrap_or(u32::MAX),
            caps: failure.caps.bits(),
            owner: context.owner.0.into(),
            line: failure.caller.map_or(0, |place| place.line()),
            ..Self::EMPTY
        };
        let file = failure.caller.map_or("", |place| place.file()).as_bytes();
        let kept = file.get(file.len().saturating_sub(NAME_BYTES)..);
        for (place, &byte) in record.file.iter_mut().zip(kept.unwrap_or_default()) {
            *place = byte;
        }
        for (place, candidate) in record.heaps.iter_mut().zip(failure.candidates()) {
            *place = HeapThen {
                start: candidate.start,
                ..HeapThen::default()
            };
            if let SkipReason::Fragmented {
                free,
                largest,
                holes,
            } = candidate.why
            {
                (place.free, place.largest, place.holes) = (free, largest, holes);
            }
        }
        for (share, usage) in record.shares.iter_mut().zip(owners) {
            *share = usage.bytes;
        }
        record
    }

    /// Returns a sum over every other word that no single damaged word leaves as it is. Never 0.
    fn sum(&self) -> u32 {
        let head = [
            self.number,
            self.boot,
            self.ticks,
            self.size,
            self.alignment,
            self.caps,
            self.owner,
            self.line,
        ];
        let (file, _) = self.file.as_chunks();
        let file = file.iter().map(|bytes| u32::from_le_bytes(*bytes));
        let heaps = self.heaps.iter();
        let heaps = heaps.flat_map(|heap| [heap.start, heap.free, heap.largest, heap.holes]);
        let words = head.into_iter().chain(file).chain(heaps);
        checksum(words.chain(self.shares))
    }

    /// Creates a record from its words, as they stand in an image of the device's memory; `words`
    /// has as many as a record of the log there, which may keep fewer owners than this type. `None`
    /// if it is empty, damaged or none.
    #[must_use]
    pub fn from_image(words: &[u32]) -> Option<Self> {
        let (&check, body) = words.split_first()?;
        let (head, shares) = body.split_at_checked(HEAD_WORDS)?;
        let (fields, rest) = head.split_at_checked(8)?;
        let (file, heaps) = rest.split_at_checked(NAME_BYTES / 4)?;
        if check != checksum(body.iter().copied()) || shares.len() > OWNERS {
            return None;
        }
        let &[number, boot, ticks, size, alignment, caps, owner, line] = fields else {
            return None;
        };
        let mut record = Self {
            check,
            number,
            boot,
            ticks,
            size,
            alignment,
            caps,
            owner,
            line,
            ..Self::EMPTY
        };
        let (places, _) = record.file.as_chunks_mut();
        for (place, word) in places.iter_mut().zip(file) {
            *place = word.to_le_bytes();
        }
        for (place, heap) in record.heaps.iter_mut().zip(heaps.chunks_exact(4)) {
            if let &[start, free, largest, holes] = heap {
                *place = HeapThen {
                    start,
                    free,
                    largest,
                    holes,
                };
            }
        }
        for (place, share) in record.shares.iter_mut().zip(shares) {
            *place = *share;
        }
        Some(record)
    }

    /// Returns its number, counted from 1 since the memory had power.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// In which run of the program it happened, counted from 1.
    #[must_use]
    pub const fn boot(&self) -> u32 {
        self.boot
    }

    /// Returns the context's clock then.
    #[must_use]
    pub const fn ticks(&self) -> u32 {
        self.ticks
    }

    /// Returns the bytes asked for; `u32::MAX` for more than that.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// Returns the capabilities asked for.
    #[must_use]
    pub const fn caps(&self) -> Caps {
        Caps::from_bits_retain(self.caps)
    }

    /// On whose behalf.
    #[must_use]
    pub const fn owner(&self) -> Owner {
        Owner((self.owner & 0xFF) as u8)
    }

    /// Returns the end of the source file's name, and the line, if they were known.
    #[must_use]
    pub fn caller(&self) -> Option<(&str, u32)> {
        let length = self.file.iter().position(|&byte| byte == 0);
        let name = self.file.get(..length.unwrap_or(NAME_BYTES))?;
        // What is cut off in front may be half a character.
        let mut starts = 0..name.len();
        let name = starts.find_map(|from| core::str::from_utf8(name.get(from..)?).ok())?;
        (self.line > 0).then_some((name, self.line))
    }

    /// Returns the heaps that were considered.
    pub fn heaps(&self) -> impl Iterator<Item = HeapThen> + '_ {
        let known = self.heaps.iter().take_while(|heap| heap.start != 0);
        known.copied()
    }

    /// Returns the bytes that every owner had, by number.
    #[must_use]
    pub const fn shares(&self) -> &[u32; OWNERS] {
        &self.shares
    }
}

/// Words of a record behind its check and before what owners had.
const HEAD_WORDS: usize = 8 + NAME_BYTES / 4 + 4 * HEAPS;

fn checksum(words: impl Iterator<Item = u32>) -> u32 {
    let mix = |sum: u32, word: u32| (sum.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B1);
    words.fold(MAGIC, mix) | 1
}

/// `failure 3 of run 2: 16384 bytes with 8BIT|DMA for owner 1 at src/tls.rs:88; 41000 bytes free,
/// largest 12000; …`
impl<const OWNERS: usize> fmt::Display for FailureRecord<OWNERS> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number, boot, size, ..
        } = self;
        write!(out, "failure {number} of run {boot}: {size} bytes")?;
        write!(out, " with {} for {}", self.caps(), self.owner())?;
        if let Some((file, line)) = self.caller() {
            write!(out, " at {file}:{line}")?;
        }
        let free = self
            .heaps()
            .fold(0, |sum: u32, heap| sum.saturating_add(heap.free));
        let largest = self.heaps().map(|heap| heap.largest).max().unwrap_or(0);
        write!(out, "; {free} bytes free, largest {largest}")?;
        for (number, &bytes) in self
            .shares
            .iter()
            .enumerate()
            .filter(|(_, bytes)| **bytes > 0)
        {
            let owner = u8::try_from(number).map_or(Owner::NOBODY, Owner);
            write!(out, "; {owner} had {bytes}")?;
        }
        Ok(())
    }
}

/// The last `RECORDS` failures: an event sink of a [`Ledger`](crate::Ledger), by mutable
/// reference.
#[derive(Debug)]
#[repr(C)]
pub struct FailureLog<const RECORDS: usize, const OWNERS: usize> {
    magic: u32,
    boots: u32,
    numbered: u32,
    records: [FailureRecord<OWNERS>; RECORDS],
}

impl<const RECORDS: usize, const OWNERS: usize> FailureLog<RECORDS, OWNERS> {
    /// What a log in memory begins with, a word.
    pub const MAGIC: u32 = MAGIC;
    /// Words of a log before its first record.
    pub const LEAD_WORDS: usize = 3;
    /// Words of a record.
    pub const RECORD_WORDS: usize = 1 + HEAD_WORDS + OWNERS;

    /// Creates a log of the first run.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            magic: MAGIC,
            boots: 1,
            numbered: 0,
            records: [FailureRecord::EMPTY; RECORDS],
        }
    }

    /// Returns the log that an earlier run left in memory, as far as it is whole; a new one where
    /// nothing is. To be called once a run.
    ///
    /// # Safety
    /// - The memory holds bytes: those of an earlier run or any others. A static in a section that
    ///   the program's start-up leaves alone does.
    /// - Nothing else uses it.
    pub unsafe fn recover(memory: &mut MaybeUninit<Self>) -> &mut Self {
        // SAFETY: the type is made of integers without gaps, so any bytes are a value of it; that
        // there are bytes the caller promises.
        let log = unsafe { memory.assume_init_mut() };
        let damaged = |record: &FailureRecord<OWNERS>| record.check != record.sum();
        if log.magic != MAGIC {
            *log = Self::new();
            return log;
        }
        log.boots = log.boots.wrapping_add(1);
        for record in log.records.iter_mut().filter(|record| damaged(record)) {
            *record = FailureRecord::EMPTY;
        }
        let numbers = log.records.iter().map(|record| record.number);
        log.numbered = numbers.max().unwrap_or(0);
        log
    }

    /// Returns the number of the run, counted from 1 since the memory had power.
    #[must_use]
    pub const fn boots(&self) -> u32 {
        self.boots
    }

    /// Returns the failures that are kept, in no order; [`FailureRecord::number`] has it.
    pub fn records(&self) -> impl Iterator<Item = &FailureRecord<OWNERS>> {
        self.records.iter().filter(|record| record.number > 0)
    }

    /// Returns the latest failure.
    #[must_use]
    pub fn latest(&self) -> Option<&FailureRecord<OWNERS>> {
        self.records().max_by_key(|record| record.number)
    }

    fn keep(&mut self, mut record: FailureRecord<OWNERS>) {
        self.numbered = self.numbered.saturating_add(1);
        (record.number, record.boot) = (self.numbered, self.boots);
        record.check = record.sum();
        let oldest = self.records.iter_mut().min_by_key(|record| record.number);
        if let Some(place) = oldest {
            *place = record;
        }
    }
}

impl<const RECORDS: usize, const OWNERS: usize> Default for FailureLog<RECORDS, OWNERS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const RECORDS: usize, const OWNERS: usize> EventSink for &mut FailureLog<RECORDS, OWNERS> {
    fn on_failure(&mut self, context: &EventContext, failure: &Failure, owners: &[Usage]) {
        self.keep(FailureRecord::of(context, failure, owners));
    }
}

const _: () = assert!(
    size_of::<FailureLog<3, 5>>() == 12 + 3 * (36 + NAME_BYTES + 16 * HEAPS + 4 * 5),
    "words without gaps: any bytes are a value"
);
