//! Limits of an owner as a program words them, and what it hears of them.

use core::fmt;

use heap_caps::Owner;
use soc_regions::{Caps, Requirement};

/// Tells on whose behalf the calling code runs.
pub type OwnerProbe = fn() -> Owner;

/// Called when an owner comes above its soft limit or below it again, outside of the lock: it may
/// use the heap.
pub type OwnerHandler = fn(&OwnerPressure);

/// An owner came above its soft limit, or below it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnerPressure {
    /// The owner.
    pub owner: Owner,
    /// The name of the limits.
    pub name: &'static str,
    /// Bytes that it has.
    pub used: u32,
    /// Whether that is above the soft limit.
    pub is_above: bool,
}

/// What an owner may have of some memory at most, and what it is sure to get.
///
/// A block counts with the bytes that it takes of its heap: its size in whole words, its header,
/// its canaries.
///
/// ```
/// use heap_caps::Owner;
/// use heap_caps_alloc::{Caps, OwnerLimits};
///
/// const CAMERA: OwnerLimits = OwnerLimits::new(Owner(1), "camera", Caps::DMA)
///     .at_most(40 * 1024)
///     .guaranteed(20 * 1024);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OwnerLimits {
    pub(super) owner: Owner,
    pub(super) name: &'static str,
    pub(super) caps: Caps,
    pub(super) hard: u32,
    pub(super) soft: u32,
    pub(super) guaranteed: u32,
    pub(super) handler: Option<OwnerHandler>,
}

impl OwnerLimits {
    /// Of memory that has all of `caps` (any memory if there are none) `owner` may have what it
    /// wants, and nothing is kept for it: limits are added.
    #[must_use]
    pub const fn new(owner: Owner, name: &'static str, caps: Caps) -> Self {
        Self {
            owner,
            name,
            caps,
            hard: u32::MAX,
            soft: u32::MAX,
            guaranteed: 0,
            handler: None,
        }
    }

    /// Returns the hard limit: a request that would leave the owner with more than `bytes` is not
    /// served of this memory.
    #[must_use]
    pub const fn at_most(self, bytes: u32) -> Self {
        Self {
            hard: bytes,
            ..self
        }
    }

    /// Returns the soft limit: above `bytes` the owner's handler is called. It is over when the
    /// owner has an eighth less, so it does not flicker.
    #[must_use]
    pub const fn warned_above(self, bytes: u32, handler: OwnerHandler) -> Self {
        Self {
            soft: bytes,
            handler: Some(handler),
            ..self
        }
    }

    /// Returns the guaranteed minimum: as long as the owner has less than `bytes`, nobody else gets
    /// what is missing. As a [`Reserve`](heap_caps::Reserve) it is a quota, not a pool: it does not
    /// promise that the bytes lie in one piece.
    #[must_use]
    pub const fn guaranteed(self, bytes: u32) -> Self {
        Self {
            guaranteed: bytes,
            ..self
        }
    }

    /// Returns what the guaranteed minimums of memory with all of `caps` add up to, as a promise
    /// for [`budget!`](crate::budget): minimums that the chip cannot keep do not compile.
    ///
    /// ```
    /// use heap_caps::Owner;
    /// use heap_caps_alloc::{Budget, Caps, ESP32, Options, OwnerLimits, budget, options};
    ///
    /// const OPTIONS: Options = options!(ESP32);
    /// const LIMITS: [OwnerLimits; 2] = [
    ///     OwnerLimits::new(Owner(1), "camera", Caps::DMA).guaranteed(40 * 1024),
    ///     OwnerLimits::new(Owner(2), "network", Caps::DMA).guaranteed(60 * 1024),
    /// ];
    /// # const AT_MOST: [(&str, u32); 4] = [
    /// #     ("_data_start", 0x3FFB_0000), ("_heap_start", 0x3FFC_C000),
    /// #     ("_iram_start", 0x4008_0000), ("_iram_end", 0x4009_0000),
    /// # ];
    /// const BUDGET: Budget =
    ///     budget!(ESP32, OPTIONS, AT_MOST, [OwnerLimits::requirement(&LIMITS, Caps::DMA)]);
    /// ```
    /// ```compile_fail,E0080
    /// # use heap_caps::Owner;
    /// # use heap_caps_alloc::{Budget, Caps, ESP32, Options, OwnerLimits, budget, options};
    /// # const OPTIONS: Options = options!(ESP32);
    /// const LIMITS: [OwnerLimits; 2] = [
    ///     OwnerLimits::new(Owner(1), "camera", Caps::DMA).guaranteed(140 * 1024),
    ///     OwnerLimits::new(Owner(2), "network", Caps::DMA).guaranteed(160 * 1024),
    /// ];
    /// # const AT_MOST: [(&str, u32); 4] = [
    /// #     ("_data_start", 0x3FFB_0000), ("_heap_start", 0x3FFC_C000),
    /// #     ("_iram_start", 0x4008_0000), ("_iram_end", 0x4009_0000),
    /// # ];
    /// const BUDGET: Budget =
    ///     budget!(ESP32, OPTIONS, AT_MOST, [OwnerLimits::requirement(&LIMITS, Caps::DMA)]);
    /// ```
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "evaluated when compiled; the index is below the length"
    )]
    pub const fn requirement(limits: &[Self], caps: Caps) -> Requirement {
        let (mut bytes, mut next) = (0_u32, 0);
        while next < limits.len() {
            if limits[next].caps.contains(caps) {
                bytes = bytes.saturating_add(limits[next].guaranteed);
            }
            next += 1;
        }
        Requirement::of(bytes, caps)
    }
}

/// What an owner with limits has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnerUsage {
    /// The owner.
    pub owner: Owner,
    /// The name of the limits.
    pub name: &'static str,
    /// The capabilities of the memory.
    pub caps: Caps,
    /// Bytes that it has.
    pub used: u32,
    /// The most bytes that it ever had.
    pub peak: u32,
    /// Its blocks.
    pub blocks: u32,
    /// Requests that were refused because of the hard limit.
    pub refusals: u32,
    /// Bytes that it may have, `u32::MAX` where there is no hard limit.
    pub at_most: u32,
    /// Bytes that it is sure to get.
    pub guaranteed: u32,
}

/// `camera (owner 1): 20512 B in 2 blocks, at most 40960 B ever; may have 40960 B, 1 refused`
impl fmt::Display for OwnerUsage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            owner,
            name,
            used,
            peak,
            blocks,
            ..
        } = self;
        write!(
            out,
            "{name} ({owner}): {used} B in {blocks} blocks, at most {peak} B ever"
        )?;
        if self.at_most != u32::MAX {
            write!(out, "; may have {} B", self.at_most)?;
            write!(out, ", {} refused", self.refusals)?;
        }
        match self.guaranteed {
            0 => Ok(()),
            bytes => write!(out, "; {bytes} B are its own"),
        }
    }
}

/// Why limits are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitError {
    /// There are no accounts: call
    /// [`PressureControl::open_accounts`](crate::PressureControl::open_accounts) first.
    NoAccounts,
    /// The table of limits is full.
    TableFull,
    /// The guaranteed minimum or the soft limit is above the hard limit.
    AboveHardLimit,
    /// All minimums together are more than there is.
    NotEnough {
        /// Bytes that are missing.
        missing: u32,
    },
    /// A minimum is of memory that shares heaps with that of these limits, and neither contains the
    /// other: the sum of both would be unknown.
    Overlaps(&'static str),
}

multi_heap::texts!(LimitError {
    Self::NoAccounts => "limits of owners need accounts: call open_accounts first";
    Self::TableFull => "there is no place for more limits";
    Self::AboveHardLimit => "an owner's minimum or soft limit is above its hard limit";
    Self::NotEnough { missing } => "the guaranteed minimums are {} B more than there is", missing;
    Self::Overlaps(name) => "the memory overlaps that of {} without one containing the other", name;
});

impl core::error::Error for LimitError {}

/// The heap has accounts already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountsAreOpen;

multi_heap::texts!(AccountsAreOpen {
    Self => "the heap has accounts of owners already";
});

impl core::error::Error for AccountsAreOpen {}
