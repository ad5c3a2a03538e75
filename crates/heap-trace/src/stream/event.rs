//! Events of the stream.

use soc_regions::Caps;

use crate::build_id::BuildId;
use heap_caps::{Owner, PressureKind};

/// The version of this format.
pub const VERSION: u8 = 1;

/// Call site: a number that an earlier [`Event::Site`] explains; 0 is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteNumber(pub u32);

/// One entry of the stream. Its time stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A block was allocated.
    Allocated {
        /// The address handed out.
        address: u32,
        /// Bytes asked for.
        size: u32,
        /// Where.
        site: SiteNumber,
        /// On whose behalf.
        owner: Owner,
    },
    /// A block was freed.
    Freed {
        /// The address handed out.
        address: u32,
    },
    /// A block was resized.
    Resized {
        /// The address before.
        old_address: u32,
        /// The address now.
        address: u32,
        /// Bytes asked for.
        size: u32,
        /// Where.
        site: SiteNumber,
        /// On whose behalf.
        owner: Owner,
    },
    /// A request was refused.
    Failed {
        /// Bytes asked for.
        size: u32,
        /// Capabilities asked for.
        caps: Caps,
        /// On whose behalf.
        owner: Owner,
    },
    /// This many events are missing here: the sink had no room for them.
    Dropped {
        /// How many.
        events: u32,
    },
    /// Where the stream stands, every now and then: a receiver that begins to listen knows the time
    /// from here on.
    Sync {
        /// [`VERSION`].
        version: u8,
        /// The clock now.
        ticks: u32,
        /// Allocations, frees, resizes and failures since the stream began, the dropped ones
        /// included.
        events: u32,
        /// Those of them that were dropped.
        dropped: u32,
    },
    /// What a site is: its number means this from now on.
    Site {
        /// Its number.
        site: SiteNumber,
        /// Capabilities asked for.
        caps: Caps,
        /// Alignment asked for in bytes, a power of two.
        alignment: u32,
        /// Line in the source, 0 if unknown.
        line: u32,
        /// Return addresses, the innermost first.
        callers: Callers<'a>,
        /// The end of the source file's name, empty if unknown.
        file: &'a str,
    },
    /// What an owner is called.
    OwnerName {
        /// What has this name.
        owner: Owner,
        /// The name.
        name: &'a str,
    },
    /// A heap of the program.
    Heap {
        /// Its number.
        index: u8,
        /// Its first address.
        start: u32,
        /// Its size in bytes, its bookkeeping included.
        size: u32,
        /// Its capabilities.
        caps: Caps,
        /// The name of its memory.
        name: &'a str,
    },
    /// The program that speaks.
    Program {
        /// Ticks of its clock in a second, 0 if unknown.
        ticks_per_second: u32,
        /// Chip and program, in the program's words.
        name: &'a str,
    },
    /// Build of the program.
    Build {
        /// Its id.
        id: BuildId<'a>,
    },
    /// A point in time that the program names.
    Mark {
        /// Its name.
        name: &'a str,
    },
    /// Memory is short or back, or something was done about it.
    Pressure {
        /// What happened.
        kind: PressureKind,
        /// The name of the gauge, shrinker, reserve or limit.
        name: &'a str,
    },
}

/// Return addresses as they stand in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers<'a> {
    /// To be written.
    Words(&'a [u32]),
    /// As read: four bytes each, the lowest first.
    Bytes(&'a [[u8; 4]]),
}

impl<'a> Callers<'a> {
    /// Returns the addresses, the innermost first.
    pub fn iter(&self) -> impl Iterator<Item = u32> + 'a {
        let (words, bytes): (&[u32], &[[u8; 4]]) = match *self {
            Self::Words(words) => (words, &[]),
            Self::Bytes(bytes) => (&[], bytes),
        };
        let read = bytes.iter().map(|bytes| u32::from_le_bytes(*bytes));
        words.iter().copied().chain(read)
    }
}

impl Event<'_> {
    /// Returns whether the stream counts it, see [`Event::Sync`].
    pub(super) const fn is_counted(&self) -> bool {
        matches!(
            self,
            Self::Allocated { .. }
                | Self::Freed { .. }
                | Self::Resized { .. }
                | Self::Failed { .. }
        )
    }
}
