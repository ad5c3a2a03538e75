//! Call sites and the memory that each has: a table of fixed size.
//!
//! A site is a place in the source (as far as known), a call stack, and what is asked for:
//! capabilities and alignment. It keeps its number for ever. Number 0 takes what no place is left
//! for.

use core::fmt;
use core::mem::offset_of;
use core::panic::Location;

use soc_regions::Caps;

use super::usage::Usage;

/// How far from its home a site may lie.
const WINDOW: usize = 16;

/// The number of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId(pub(crate) u16);

impl SiteId {
    /// The site of everything for which there was no place, or that nobody noted.
    pub const UNKNOWN: Self = Self(0);

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize // widening
    }
}

/// What distinguishes one site from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key<const DEPTH: usize> {
    pub(super) caller: Option<&'static Location<'static>>,
    pub(super) callers: [u32; DEPTH],
    pub(super) caps: Caps,
    pub(super) alignment: u32,
}

impl<const DEPTH: usize> Key<DEPTH> {
    const UNKNOWN: Self = Self {
        caller: None,
        callers: [0; DEPTH],
        caps: Caps::empty(),
        alignment: 0,
    };

    fn hash(&self) -> u32 {
        let caller = self.caller.map_or(0, low_half_of_address);
        let start = caller ^ self.caps.bits().rotate_left(16) ^ self.alignment;
        let mix = |hash: u32, word: &u32| (hash.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B1);
        self.callers.iter().fold(mix(0, &start), mix)
    }

    /// As `==`, with the place in the source compared by identity first.
    fn is(&self, other: &Self) -> bool {
        let same = match (self.caller, other.caller) {
            (Some(one), Some(other)) => core::ptr::eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        same && self.callers == other.callers
            && self.caps == other.caps
            && self.alignment == other.alignment
    }
}

fn low_half_of_address(location: &'static Location<'static>) -> u32 {
    let [a, b, c, d, ..] = core::ptr::from_ref(location).addr().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// A place that asks for memory, and what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Site<const DEPTH: usize> {
    /// Its number.
    pub id: SiteId,
    /// Where the request stands in the source, if known.
    pub caller: Option<&'static Location<'static>>,
    /// Return addresses, the innermost first, 0 where the stack is shorter.
    pub callers: [u32; DEPTH],
    /// Capabilities asked for.
    pub caps: Caps,
    /// Alignment asked for in bytes.
    pub alignment: u32,
    /// What it has.
    pub usage: Usage,
}

/// `src/mqtt.rs:88:21 (8BIT|INTERNAL): 1536 bytes in 3 blocks, …`
impl<const DEPTH: usize> fmt::Display for Site<DEPTH> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.id, self.caller) {
            (SiteId::UNKNOWN, _) => return write!(out, "sites without a place: {}", self.usage),
            (_, Some(location)) => write!(out, "{location}")?,
            (id, None) => write!(out, "site {}", id.0)?,
        }
        for caller in self.callers.iter().take_while(|&&caller| caller != 0) {
            write!(out, " {caller:#x}")?;
        }
        write!(out, " ({}): {}", self.caps, self.usage)
    }
}

#[derive(Clone, Copy, Debug)]
struct SiteEntry<const DEPTH: usize> {
    key: Key<DEPTH>,
    usage: Usage,
    used: bool,
    described: bool,
}

/// At most `N` sites, and the unknown one.
#[derive(Debug)]
pub(super) struct Sites<const N: usize, const DEPTH: usize> {
    entries: [SiteEntry<DEPTH>; N],
    unknown: Usage,
    /// Requests that found no place.
    overflowed: u32,
}

/// Where a site keeps what it has, in bytes.
pub(super) struct SiteLayout {
    /// Where the first one lies, from the table's start.
    pub(super) at: usize,
    pub(super) bytes: usize,
    pub(super) caller: usize,
    pub(super) callers: usize,
    pub(super) caps: usize,
    pub(super) alignment: usize,
    pub(super) used: usize,
}

impl<const N: usize, const DEPTH: usize> Sites<N, DEPTH> {
    pub(super) const SITE: SiteLayout = {
        let key = offset_of!(SiteEntry<DEPTH>, key);
        SiteLayout {
            at: offset_of!(Self, entries),
            bytes: size_of::<SiteEntry<DEPTH>>(),
            caller: key + offset_of!(Key<DEPTH>, caller),
            callers: key + offset_of!(Key<DEPTH>, callers),
            caps: key + offset_of!(Key<DEPTH>, caps),
            alignment: key + offset_of!(Key<DEPTH>, alignment),
            used: offset_of!(SiteEntry<DEPTH>, used),
        }
    };

    pub(super) const fn new() -> Self {
        const { assert!(N < u16::MAX as usize, "sites are numbered in 16 bits") };
        Self {
            entries: [SiteEntry {
                key: Key::UNKNOWN,
                usage: Usage::NONE,
                used: false,
                described: false,
            }; N],
            unknown: Usage::NONE,
            overflowed: 0,
        }
    }

    /// Returns the site with this key, old or new. O(1).
    pub(super) fn find(&mut self, key: &Key<DEPTH>) -> SiteId {
        let home = ((u64::from(key.hash()) * N as u64) >> 32) as usize; // below N
        for step in 0..WINDOW.min(N) {
            let number = if home + step < N {
                home + step
            } else {
                home + step - N
            };
            let Some(entry) = self.entries.get_mut(number) else {
                break;
            };
            if !entry.used {
                (entry.key, entry.used) = (*key, true);
            }
            if entry.key.is(key) {
                return u16::try_from(number + 1).map_or(SiteId::UNKNOWN, SiteId);
            }
        }
        self.overflowed = self.overflowed.saturating_add(1);
        SiteId::UNKNOWN
    }

    pub(super) fn usage_mut(&mut self, site: SiteId) -> &mut Usage {
        match self.entries.get_mut(site.get().wrapping_sub(1)) {
            Some(entry) => &mut entry.usage,
            None => &mut self.unknown,
        }
    }

    /// Returns what a site is and has; `None` for numbers that were not assigned.
    pub(super) fn get(&self, site: SiteId) -> Option<Site<DEPTH>> {
        let (key, usage) = match site {
            SiteId::UNKNOWN => (Key::UNKNOWN, self.unknown),
            SiteId(number) => {
                let entry = self.entries.get(usize::from(number) - 1)?;
                (entry.used.then_some(entry.key)?, entry.usage)
            }
        };
        Some(Site {
            id: site,
            caller: key.caller,
            callers: key.callers,
            caps: key.caps,
            alignment: key.alignment,
            usage,
        })
    }

    pub(super) const fn overflowed(&self) -> u32 {
        self.overflowed
    }

    pub(super) fn is_described(&self, site: SiteId) -> bool {
        let entry = self.entries.get(site.get().wrapping_sub(1));
        entry.is_none_or(|entry| entry.described)
    }

    pub(super) fn set_described(&mut self, site: SiteId, described: bool) {
        if let Some(entry) = self.entries.get_mut(site.get().wrapping_sub(1)) {
            entry.described = described;
        }
    }
}
