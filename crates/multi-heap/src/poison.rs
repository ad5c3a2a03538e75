//! Poisoning: canaries and fill patterns that show overruns and writes after free.
//!
//! ```text
//!   Unpoisoned      | header | user bytes ..                                  |
//!   Light           | header | ABBA1234 | size | user bytes .. | BAAD5678 | .. |   the tail follows the last requested byte,
//!   Comprehensive   | header | ABBA1234 | size | CE CE CE ..   | BAAD5678 | .. |   aligned or not
//!   free            | header | next | prev | FE FE FE ..            | words    |   (Comprehensive)
//! ```
//!
//! Patterns and layout are those of ESP-IDF (`multi_heap_poisoning.c`, v3.0 and later), so its
//! users and tools recognise them. With a key ([`set_canary_key`]) the canaries of each block
//! depend on the key, on where the block lies and on its recorded size: nobody can write them who
//! does not know the key, and those of one block do not do for another.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::arena::Arena;
use crate::damage::{Corruption, CorruptionKind};

/// The canary before a block's user bytes, in a heap without a key.
pub const HEAD_CANARY: u32 = 0xABBA_1234;
/// The canary behind a block's last requested byte, in a heap without a key.
pub const TAIL_CANARY: u32 = 0xBAAD_5678;
/// What freshly allocated bytes contain under [`Comprehensive`] poisoning.
pub const FILL_ALLOCATED: u8 = 0xCE;
/// What freed and never allocated bytes contain under [`Comprehensive`] poisoning.
pub const FILL_FREED: u8 = 0xFE;

/// The key of heaps that are made from now on; 0 means none.
static CANARY_KEY: AtomicU32 = AtomicU32::new(0);

/// Sets the key on which the canaries of every heap depend that is made from now on; heaps that
/// exist keep theirs. With 0, as before the first call, canaries are ESP-IDF's constants. O(1).
///
/// A key that changes from boot to boot, from a hardware source of random numbers, keeps those from
/// forging canaries who can write behind a block, but not read there. Call it before the first
/// heap. Below [`Light`] poisoning there are no canaries. With the feature `encoded-links`, the
/// links of free blocks are encoded with the key at every level.
pub fn set_canary_key(key: u32) {
    CANARY_KEY.store(key, Ordering::Relaxed);
}

/// Returns the key of heaps that are made now.
pub(crate) fn canary_key() -> u32 {
    CANARY_KEY.load(Ordering::Relaxed)
}

mod sealed {
    pub trait Sealed {
        /// What a heap knows of its canaries, where blocks have any.
        type CanaryState: super::CanaryState;
    }
}

pub(crate) use sealed::Sealed;

/// What a heap knows of the canaries of its blocks, beside the blocks.
#[doc(hidden)]
pub trait CanaryState: Copy + core::fmt::Debug + Send + Sync + 'static {
    /// What canaries depend on, beside place and size of their block.
    type Key: Copy;
    /// That of a heap without blocks.
    fn new() -> Self;
    /// That of a heap in an image of memory.
    fn image(slack: u32, key: u32) -> Self;
    /// Returns the key.
    fn key(&self) -> Self::Key;
    /// Returns a key as a number.
    fn number(key: Self::Key) -> u32;
    /// Counts a block that had `old` bytes of slack and now has `new`.
    fn change(&mut self, old: u32, new: u32);
    /// Returns how many bytes all used blocks have behind what was asked for, where a size word
    /// remembers that: less than [`MOST_SLACK`] each.
    fn slack(&self) -> u32;
}

/// Without canaries and size word, all that a block has is its user's.
impl CanaryState for () {
    type Key = ();

    fn new() -> Self {}

    fn image(_: u32, _: u32) -> Self {}

    #[inline(always)]
    fn key(&self) -> Self::Key {}

    #[inline(always)]
    fn number((): ()) -> u32 {
        0
    }

    #[inline(always)]
    fn change(&mut self, _: u32, _: u32) {}

    #[inline(always)]
    fn slack(&self) -> u32 {
        0
    }
}

/// Slack and key of a heap with canaries. Readers of images rely on the order.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct SlackAndKey {
    slack: u32,
    key: u32,
}

impl CanaryState for SlackAndKey {
    type Key = u32;

    fn new() -> Self {
        Self {
            slack: 0,
            key: canary_key(),
        }
    }

    fn image(slack: u32, key: u32) -> Self {
        Self { slack, key }
    }

    #[inline(always)]
    fn key(&self) -> u32 {
        self.key
    }

    #[inline(always)]
    fn number(key: u32) -> u32 {
        key
    }

    #[inline(always)]
    fn change(&mut self, old: u32, new: u32) {
        self.slack = self.slack.wrapping_sub(old).wrapping_add(new);
    }

    #[inline(always)]
    fn slack(&self) -> u32 {
        self.slack
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
    type CanaryState = ();
}
impl sealed::Sealed for Light {
    type CanaryState = SlackAndKey;
}
impl sealed::Sealed for Comprehensive {
    type CanaryState = SlackAndKey;
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

/// More bytes than a block can have behind its canary: less than a word, and a word that is too
/// small to be given up.
const MOST_SLACK: u32 = 8;

/// Returns the bytes between a block's header and its first user byte.
pub(crate) const fn head_bytes<P: Poison>() -> u32 {
    if P::OVERHEAD == 0 { 0 } else { HEAD_BYTES }
}

/// Returns the words that canaries and size word of the smallest block take.
pub(crate) const fn overhead_words<P: Poison>() -> u32 {
    P::OVERHEAD / 4
}

/// The canaries and the size word of one block, whose user bytes begin at byte `user` of the arena.
#[derive(Clone, Copy)]
pub(crate) struct BlockCanaries {
    pub(crate) arena: Arena,
    pub(crate) user: u32,
    /// Most bytes that the user part can have.
    pub(crate) capacity: u32,
    pub(crate) key: u32,
}

/// A block's two canaries.
struct CanaryValues {
    head: u32,
    tail: u32,
}

impl BlockCanaries {
    /// Returns the bytes that a block of `size` user bytes has behind them.
    pub(crate) const fn slack(self, size: u32) -> u32 {
        self.capacity.wrapping_sub(size)
    }

    /// Returns the canaries of a block of `size` user bytes.
    #[inline(always)]
    fn canaries(self, size: u32) -> CanaryValues {
        let mix = canary_mix(self.key, self.user, size);
        CanaryValues {
            head: HEAD_CANARY ^ mix,
            tail: TAIL_CANARY ^ mix,
        }
    }

    /// Writes canaries for `size` user bytes.
    pub(crate) fn write(self, size: u32) {
        let CanaryValues { head, tail } = self.canaries(size);
        self.arena.set(self.user / 4 - 2, head);
        self.arena.set(self.user / 4 - 1, size);
        self.write_tail(self.user + size, tail);
    }

    /// Overwrites canaries and size word with the pattern of freed memory.
    pub(crate) fn erase(self, size: u32) {
        let freed = u32::from_ne_bytes([FILL_FREED; 4]);
        self.arena.set(self.user / 4 - 2, freed);
        self.arena.set(self.user / 4 - 1, freed);
        self.write_tail(self.user + size, freed);
    }

    /// The recorded size, if the size word and both canaries stand as written.
    pub(crate) fn verify(self) -> Result<u32, Corruption> {
        let found = self.arena.get(self.user / 4 - 2);
        let size = self.arena.get(self.user / 4 - 1);
        let CanaryValues { head, tail } = self.canaries(size);
        if size > self.capacity || self.capacity - size >= MOST_SLACK {
            return Err(self.wrong_front(found, size));
        }
        if found != head {
            return Err(self.wrong_front(found, size));
        }
        let found = self.read_tail(self.user + size);
        if found != tail {
            return Err(broken(
                CorruptionKind::TailCanary,
                self.user + size,
                tail,
                found,
            ));
        }
        Ok(size)
    }

    /// Returns what is wrong before the user bytes, if `size` cannot have been recorded: that
    /// alone, or the head canary too, of whichever size the block can have.
    #[cold]
    fn wrong_front(self, found: u32, size: u32) -> Corruption {
        let largest = self.capacity;
        let mut sizes = largest.saturating_sub(MOST_SLACK - 1)..=largest;
        if sizes.any(|size| self.canaries(size).head == found) {
            return broken(CorruptionKind::SizeWord, self.user - 4, largest, size);
        }
        let expected = self.canaries(largest).head;
        broken(CorruptionKind::HeadCanary, self.user - 8, expected, found)
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

/// Returns what a block's place and size make of a key: each bit of it depends on all three.
/// Nothing without a key.
///
/// The canaries keep a bit of their first byte, so that it is never 0: the end of a string, one
/// byte too far, is found in every block.
#[inline(always)]
const fn canary_mix(key: u32, user: u32, size: u32) -> u32 {
    const ODD: u32 = 0x9E37_79B1; // 2^32 / golden ratio
    const KEPT: u32 = HEAD_CANARY & TAIL_CANARY & 0xFF;
    if key == 0 {
        return 0;
    }
    let place = key.wrapping_add(user).wrapping_mul(ODD);
    let mixed = (place ^ place >> 15 ^ size).wrapping_mul(ODD);
    (mixed ^ mixed >> 16) & !KEPT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_key_canaries_are_those_of_esp_idf() {
        assert!(
            [(48, 0), (48, 7), (4096, 1 << 20)]
                .iter()
                .all(|&(user, size)| canary_mix(0, user, size) == 0)
        );
    }

    #[test]
    fn canaries_depend_on_key_place_and_size() {
        let mix = canary_mix(0x1234_5678, 4096, 100);
        assert_ne!(mix, canary_mix(0x1234_5679, 4096, 100));
        for other in 1..2000 {
            assert_ne!(mix, canary_mix(0x1234_5678, 4096 + 4 * other, 100));
            assert_ne!(mix, canary_mix(0x1234_5678, 4096, 100 + other));
        }
    }

    #[test]
    fn the_end_of_a_string_is_never_what_a_canary_begins_with() {
        for key in [0, 1, 0x8000_0000, u32::MAX, 0xDEAD_BEEF] {
            for (user, size) in (0..4000).map(|step| (48 + 4 * step, step)) {
                let mix = canary_mix(key, user, size);
                assert_ne!((TAIL_CANARY ^ mix) & 0xFF, 0);
                assert_ne!((HEAD_CANARY ^ mix) & 0xFF, 0);
            }
        }
    }
}
