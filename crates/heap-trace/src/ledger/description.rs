//! Layout of a ledger for readers of memory images: live blocks, sites, names of owners.

use core::mem::offset_of;

use heap_caps::{OBSERVER_WORDS, ObserverDescription};

use super::blocks::Blocks;
use super::sites::Sites;
use super::{EventSink, Ledger};
use crate::context::TraceContext;

/// A ledger's places in memory, in bytes: from its start, then from the start of an entry or a
/// site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerDescription {
    /// How many places for blocks there are.
    pub blocks: u32,
    /// Where the first of them lies.
    pub blocks_at: u32,
    /// Bytes of each.
    pub block_bytes: u32,
    /// In it: the block's address; 0 where there is none.
    pub address: u32,
    /// In it: the number of the site, 16 bits; 0 is unknown, 1 is the first in the table.
    pub site: u32,
    /// In it: the number of the owner, 8 bits.
    pub owner: u32,
    /// How many places for sites there are.
    pub sites: u32,
    /// Where the first of them lies.
    pub sites_at: u32,
    /// Bytes of each.
    pub site_bytes: u32,
    /// In it: the pointer to the place in the source: pointer and length of the file's name, line
    /// and column; null where it is unknown.
    pub caller: u32,
    /// In it: the return addresses, words.
    pub callers: u32,
    /// How many return addresses there are.
    pub depth: u32,
    /// In it: the capabilities asked for.
    pub caps: u32,
    /// In it: the alignment asked for.
    pub alignment: u32,
    /// In it: a byte, 0 where there is no site.
    pub used: u32,
    /// Pointer to pointer and length of the owners' names, each pointer and length, the first one
    /// of owner 1; null where there are none.
    pub names: u32,
    /// How many owners have accounts.
    pub owners: u32,
}

impl LedgerDescription {
    /// [`ObserverDescription::kind`] of a ledger.
    pub const KIND: u32 = 1;

    /// Of a description's words; `None` if it is not a ledger's.
    #[must_use]
    pub fn of(observer: &ObserverDescription) -> Option<Self> {
        let mut words = observer.words.iter().copied();
        let mut next = || words.next().unwrap_or_default();
        (observer.kind == Self::KIND).then(|| Self {
            blocks: next(),
            blocks_at: next(),
            block_bytes: next(),
            address: next(),
            site: next(),
            owner: next(),
            sites: next(),
            sites_at: next(),
            site_bytes: next(),
            caller: next(),
            callers: next(),
            depth: next(),
            caps: next(),
            alignment: next(),
            used: next(),
            names: next(),
            owners: next(),
        })
    }

    const fn words(self) -> [u32; OBSERVER_WORDS] {
        [
            self.blocks,
            self.blocks_at,
            self.block_bytes,
            self.address,
            self.site,
            self.owner,
            self.sites,
            self.sites_at,
            self.site_bytes,
            self.caller,
            self.callers,
            self.depth,
            self.caps,
            self.alignment,
            self.used,
            self.names,
            self.owners,
            0,
            0,
            0,
        ]
    }
}

impl<
    E: TraceContext,
    L: EventSink,
    const BLOCKS: usize,
    const SITES: usize,
    const OWNERS: usize,
    const DEPTH: usize,
> Ledger<E, L, BLOCKS, SITES, OWNERS, DEPTH>
{
    pub(super) const LAYOUT: ObserverDescription = {
        let entry = Blocks::<BLOCKS>::ENTRY;
        let site = Sites::<SITES, DEPTH>::SITE;
        let described = LedgerDescription {
            blocks: word(BLOCKS),
            blocks_at: word(offset_of!(Self, blocks)),
            block_bytes: word(entry.bytes),
            address: word(entry.address),
            site: word(entry.site),
            owner: word(entry.owner),
            sites: word(SITES),
            sites_at: word(offset_of!(Self, sites) + site.at),
            site_bytes: word(site.bytes),
            caller: word(site.caller),
            callers: word(site.callers),
            depth: word(DEPTH),
            caps: word(site.caps),
            alignment: word(site.alignment),
            used: word(site.used),
            names: word(offset_of!(Self, names)),
            owners: word(OWNERS),
        };
        ObserverDescription {
            kind: LedgerDescription::KIND,
            at: 0,
            words: described.words(),
        }
    };
}

/// Places in a ledger have 32 bits.
const fn word(place: usize) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "asserted")]
    let word = place as u32;
    assert!(word as usize == place, "a ledger is smaller than 4 GiB");
    word
}
