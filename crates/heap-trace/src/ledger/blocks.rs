//! Owner and call site of each live block: a table of fixed size, searched by address.
//!
//! ```text
//!   home of an address                 home + WINDOW
//!        ▼                                  ▼
//!   … | A, site 3, owner 1 | – | B, site 9, owner 2 | …        8 bytes each
//! ```
//!
//! **Invariant:** an entry lies within [`WINDOW`] places of its home. So a look takes at most that
//! many steps, and an entry is taken out by emptying its place. A block for which there is no place
//! is not listed.

use core::mem::offset_of;

use super::sites::SiteId;
use heap_caps::Owner;

/// How far from its home an entry may lie.
const WINDOW: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// 0: no entry. No block has that address.
    address: u32,
    attribution: Attribution,
}

/// The owner of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attribution {
    pub(super) site: SiteId,
    pub(super) owner: Owner,
}

const EMPTY: Entry = Entry {
    address: 0,
    attribution: Attribution {
        site: SiteId::UNKNOWN,
        owner: Owner::NOBODY,
    },
};

const _: () = assert!(size_of::<Entry>() == 8);

/// At most `N` blocks.
#[derive(Debug)]
pub(super) struct Blocks<const N: usize> {
    entries: [Entry; N],
}

/// Where an entry keeps what it has, in bytes.
pub(super) struct EntryLayout {
    pub(super) bytes: usize,
    pub(super) address: usize,
    pub(super) site: usize,
    pub(super) owner: usize,
}

impl<const N: usize> Blocks<N> {
    /// Entries begin at the start of the table.
    pub(super) const ENTRY: EntryLayout = EntryLayout {
        bytes: size_of::<Entry>(),
        address: offset_of!(Entry, address),
        site: offset_of!(Entry, attribution) + offset_of!(Attribution, site),
        owner: offset_of!(Entry, attribution) + offset_of!(Attribution, owner),
    };

    pub(super) const fn new() -> Self {
        Self {
            entries: [EMPTY; N],
        }
    }

    /// Lists a block; `false` if there is no place near its home.
    pub(super) fn insert(&mut self, address: u32, attribution: Attribution) -> bool {
        let free = self.place_of(address, 0);
        let place = free.and_then(|place| self.entries.get_mut(place));
        place
            .map(|place| {
                *place = Entry {
                    address,
                    attribution,
                }
            })
            .is_some()
    }

    /// Takes a block off the list.
    pub(super) fn remove(&mut self, address: u32) -> Option<Attribution> {
        let place = self.place_of(address, address)?;
        let entry = core::mem::replace(self.entries.get_mut(place)?, EMPTY);
        Some(entry.attribution)
    }

    pub(super) fn get(&self, address: u32) -> Option<Attribution> {
        let place = self.place_of(address, address)?;
        self.entries.get(place).map(|entry| entry.attribution)
    }

    /// Returns the entry at a place, with its address; `None` behind the last place. O(1), empty
    /// places included.
    pub(super) fn at(&self, place: usize) -> Option<Option<(u32, Attribution)>> {
        let entry = self.entries.get(place)?;
        Some((entry.address != 0).then_some((entry.address, entry.attribution)))
    }

    /// Returns the first place near the home of `address` at which `wanted` stands.
    #[inline]
    fn place_of(&self, address: u32, wanted: u32) -> Option<usize> {
        let home = Self::home(address);
        let behind = self.entries.get(home..(home + WINDOW).min(N))?;
        let stands = |entry: &Entry| entry.address == wanted;
        if let Some(steps) = behind.iter().position(stands) {
            return Some(home + steps);
        }
        let wrapped = (WINDOW - behind.len()).min(home);
        self.entries.get(..wrapped)?.iter().position(stands)
    }

    /// Spread evenly: the upper half of a product with the number of places.
    fn home(address: u32) -> usize {
        let hash = address.wrapping_mul(0x9E37_79B1);
        ((u64::from(hash) * N as u64) >> 32) as usize // below N
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribution(owner: u8) -> Attribution {
        Attribution {
            site: SiteId::UNKNOWN,
            owner: Owner(owner),
        }
    }

    fn fill<const N: usize>() -> (Blocks<N>, std::vec::Vec<u32>) {
        let mut blocks = Blocks::new();
        let addresses = (0x3FFB_0018..).step_by(24).take(N);
        let listed = addresses.filter(|&address| blocks.insert(address, attribution(1)));
        let listed = listed.collect();
        (blocks, listed)
    }

    #[test]
    fn what_is_listed_is_found_until_it_is_taken_off() {
        let (mut blocks, listed) = fill::<64>();
        assert!(listed.len() > 48, "{}", listed.len());
        for (index, &address) in listed.iter().enumerate() {
            assert_eq!(blocks.get(address), Some(attribution(1)));
            assert_eq!(blocks.remove(address), Some(attribution(1)));
            assert_eq!(blocks.get(address), None);
            for &other in &listed[index + 1..] {
                assert_eq!(blocks.get(other), Some(attribution(1)), "{other:#x}");
            }
        }
        assert_eq!((0..64).filter_map(|place| blocks.at(place)?).count(), 0);
    }

    #[test]
    fn tables_of_every_size_hold_as_many_as_they_have_places() {
        assert_eq!(fill::<0>().1.len(), 0);
        assert_eq!(fill::<1>().1.len(), 1);
        assert_eq!(fill::<16>().1.len(), 16);
        assert!(fill::<17>().1.len() >= 16);
    }

    /// Defects: head_14.
    #[test]
    fn a_free_looks_at_sixteen_places_and_not_at_the_blocks_of_its_owner() {
        let (blocks, listed) = fill::<12_000>();
        assert!(listed.len() > 8000, "{}", listed.len());
        for (place, entry) in blocks.entries.iter().enumerate() {
            let home = Blocks::<12_000>::home(entry.address);
            let steps = (place + 12_000 - home) % 12_000;
            let is_near = steps < WINDOW || place < WINDOW;
            assert!(entry.address == 0 || is_near, "{steps} steps from home");
        }
    }
}
