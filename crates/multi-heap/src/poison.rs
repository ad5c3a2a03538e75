//! What stands around and inside a block to make overruns and writes after free visible.
//!
//! ```text
//!   Unpoisoned      | header | user bytes ..                                  |
//!   Light           | header | ABBA1234 | size | user bytes .. | BAAD5678 | .. |   the tail follows the last requested byte,
//!   Comprehensive   | header | ABBA1234 | size | CE CE CE ..   | BAAD5678 | .. |   aligned or not
//!   free            | header | next | prev | FE FE FE ..            | units    |   (Comprehensive)
//! ```
//!
//! Patterns and layout are those of ESP-IDF (`multi_heap_poisoning.c`, v3.0 and later), so its
//! users and tools recognise them.

use crate::arena::Arena;
use crate::damage::{Corruption, CorruptionKind};

/// The canary before a block's user bytes.
pub const HEAD_CANARY: u32 = 0xABBA_1234;
/// The canary behind a block's last requested byte.
pub const TAIL_CANARY: u32 = 0xBAAD_5678;
/// What freshly allocated bytes contain under [`Comprehensive`] poisoning.
pub const FILL_ALLOCATED: u8 = 0xCE;
/// What freed and never allocated bytes contain under [`Comprehensive`] poisoning.
pub const FILL_FREED: u8 = 0xFE;

mod sealed {
    pub trait Sealed {
        /// Counts the slack of all blocks, where they have any.
        type Slack: super::SlackCounter;
    }
}

/// How many bytes all used blocks have behind what was asked for, where a size word remembers that:
/// less than [`MOST_SLACK`] each.
#[doc(hidden)]
pub trait SlackCounter: Copy + core::fmt::Debug + Send + Sync + 'static {
    /// No bytes.
    const NONE: Self;
    /// Counts a block that had `old` bytes of slack and now has `new`.
    fn change(&mut self, old: u32, new: u32);
    /// The sum.
    fn bytes(self) -> u32;
}

/// Without a size word, all that a block has is its user's.
impl SlackCounter for () {
    const NONE: Self = ();

    #[inline(always)]
    fn change(&mut self, _: u32, _: u32) {}

    #[inline(always)]
    fn bytes(self) -> u32 {
        0
    }
}

impl SlackCounter for u32 {
    const NONE: Self = 0;

    #[inline(always)]
    fn change(&mut self, old: u32, new: u32) {
        *self = self.wrapping_sub(old).wrapping_add(new);
    }

    #[inline(always)]
    fn bytes(self) -> u32 {
        self
    }
}

/// How much a heap watches its blocks: a type, so that all levels can be used and tested side by
/// side.
pub trait Poison:
    sealed::Sealed + Copy + Default + core::fmt::Debug + Send + Sync + 'static
{
    /// The level's name as on a command line.
    const NAME: &'static str;
    /// Bytes of canaries and size word around the user bytes.
    const OVERHEAD: u32;
    /// Whether user bytes are filled and verified too.
    const FILLS: bool;
}

/// No poisoning: nothing around the user bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unpoisoned;

/// Canaries before and behind every block, verified at free, resize and check: finds overruns from
/// one byte on. 12 bytes a block.
#[derive(Clone, Copy, Debug, Default)]
pub struct Light;

/// As [`Light`], and all free memory is filled with 0xFE and verified when it is allocated or
/// checked: finds writes after free. Allocated memory is filled with 0xCE. Allocation and free cost
/// O(size).
#[derive(Clone, Copy, Debug, Default)]
pub struct Comprehensive;

impl sealed::Sealed for Unpoisoned {
    type Slack = ();
}
impl sealed::Sealed for Light {
    type Slack = u32;
}
impl sealed::Sealed for Comprehensive {
    type Slack = u32;
}

impl Poison for Unpoisoned {
    const NAME: &'static str = "none";
    const OVERHEAD: u32 = 0;
    const FILLS: bool = false;
}

impl Poison for Light {
    const NAME: &'static str = "light";
    const OVERHEAD: u32 = HEAD_BYTES + TAIL_BYTES;
    const FILLS: bool = false;
}

impl Poison for Comprehensive {
    const NAME: &'static str = "comprehensive";
    const OVERHEAD: u32 = HEAD_BYTES + TAIL_BYTES;
    const FILLS: bool = true;
}

const HEAD_BYTES: u32 = 8;
const TAIL_BYTES: u32 = 4;

/// More bytes than a block can have behind its canary: less than a word, and a unit that is too
/// small to be given up.
const MOST_SLACK: u32 = 8;

/// Bytes between a block's header and its first user byte.
pub(crate) const fn head_bytes<P: Poison>() -> u32 {
    if P::OVERHEAD == 0 { 0 } else { HEAD_BYTES }
}

/// Words that canaries and size word of the smallest block take.
pub(crate) const fn overhead_units<P: Poison>() -> u32 {
    P::OVERHEAD / 4
}

/// The canaries and the size word of one block, whose user bytes begin at byte `user` of the arena.
#[derive(Clone, Copy)]
pub(crate) struct Guards {
    pub(crate) arena: Arena,
    pub(crate) user: u32,
    /// Most bytes that the user part can have.
    pub(crate) capacity: u32,
}

impl Guards {
    /// Bytes that a block of `size` user bytes has behind them.
    pub(crate) const fn slack(self, size: u32) -> u32 {
        self.capacity.wrapping_sub(size)
    }

    /// Writes canaries for `size` user bytes.
    pub(crate) fn write(self, size: u32) {
        self.arena.set(self.user / 4 - 2, HEAD_CANARY);
        self.arena.set(self.user / 4 - 1, size);
        self.write_tail(self.user + size, TAIL_CANARY);
    }

    /// Overwrites canaries and size word with the pattern of freed memory.
    pub(crate) fn wipe(self, size: u32) {
        let freed = u32::from_ne_bytes([FILL_FREED; 4]);
        self.arena.set(self.user / 4 - 2, freed);
        self.arena.set(self.user / 4 - 1, freed);
        self.write_tail(self.user + size, freed);
    }

    /// The recorded size, if the size word and both canaries stand as written.
    pub(crate) fn verify(self) -> Result<u32, Corruption> {
        let head = self.arena.get(self.user / 4 - 2);
        let size = self.arena.get(self.user / 4 - 1);
        if head != HEAD_CANARY {
            return Err(broken(
                CorruptionKind::HeadCanary,
                self.user - 8,
                HEAD_CANARY,
                head,
            ));
        }
        if size > self.capacity || self.capacity - size >= MOST_SLACK {
            return Err(broken(
                CorruptionKind::SizeWord,
                self.user - 4,
                self.capacity,
                size,
            ));
        }
        let tail = self.read_tail(self.user + size);
        if tail != TAIL_CANARY {
            return Err(broken(
                CorruptionKind::TailCanary,
                self.user + size,
                TAIL_CANARY,
                tail,
            ));
        }
        Ok(size)
    }

    fn write_tail(self, at: u32, value: u32) {
        if at.is_multiple_of(4) {
            return self.arena.set(at / 4, value);
        }
        (at..at + 4)
            .zip(value.to_le_bytes())
            .for_each(|(at, byte)| self.arena.set_byte(at, byte));
    }

    fn read_tail(self, at: u32) -> u32 {
        let byte = |i| self.arena.byte(at + i);
        u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)])
    }
}

/// Verifies that every byte of `start..end` has the pattern of freed memory.
pub(crate) fn verify_freed(arena: Arena, start: u32, end: u32) -> Result<(), Corruption> {
    match arena.first_other(start, end, FILL_FREED) {
        None => Ok(()),
        Some(at) => Err(broken(
            CorruptionKind::FreedByte,
            at,
            FILL_FREED.into(),
            arena.byte(at).into(),
        )),
    }
}

const fn broken(kind: CorruptionKind, offset: u32, expected: u32, found: u32) -> Corruption {
    Corruption {
        offset,
        kind,
        expected,
        found,
    }
}
