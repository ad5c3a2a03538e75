//! Charges: which owner pays for a block, and how many bytes.
//!
//! ```text
//!   home of an address              home + WINDOW
//!        ▼                                ▼
//!   … | A, owner 1, 24 words | – | B, owner 2, 9 words | …        8 bytes each
//! ```
//!
//! Blocks themselves are as they are without limits. **Invariant:** `used` entries are not empty,
//! `far` of them lie outside of the window of their home, the others at one of the `reach` places
//! from their home on. As long as there are no far ones, which is so while about two thirds of the
//! table are used, a look takes `reach` steps, at most [`WINDOW`]; else all.

use heap_caps::Owner;

/// How far from its home an entry lies if there is a place.
const WINDOW: usize = 16;

/// Place for one block of an owner with limits.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Charge {
    /// 0: no block.
    address: u32,
    /// 8 bits for the owner, 24 for the words: of a block of more than 64 MiB as many as fit.
    owner_and_words: u32,
}

impl Charge {
    /// No block.
    pub(crate) const EMPTY: Self = Self {
        address: 0,
        owner_and_words: 0,
    };

    const WORDS: u32 = 0xFF_FFFF;

    const fn new(address: u32, owner: Owner, bytes: u32) -> Self {
        let words = bytes / 4;
        let words = if words < Self::WORDS {
            words
        } else {
            Self::WORDS
        };
        Self {
            address,
            owner_and_words: (owner.0 as u32) << 24 | words,
        }
    }

    const fn owner(self) -> Owner {
        Owner((self.owner_and_words >> 24) as u8)
    }

    const fn bytes(self) -> u32 {
        (self.owner_and_words & Self::WORDS) * 4 // at most 2^26
    }
}

/// A block of an owner with limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Charged {
    pub(super) address: u32,
    pub(super) owner: Owner,
    /// Bytes that it counts with.
    pub(super) bytes: u32,
}

impl From<Charge> for Charged {
    fn from(charge: Charge) -> Self {
        Self {
            address: charge.address,
            owner: charge.owner(),
            bytes: charge.bytes(),
        }
    }
}

/// The blocks of all owners with limits.
pub(super) struct Charges {
    entries: &'static mut [Charge],
    used: usize,
    far: usize,
    /// How many places from its home on a near entry may lie: the most since the table was empty.
    reach: usize,
}

impl Charges {
    pub(super) fn new(entries: &'static mut [Charge]) -> Self {
        entries.fill(Charge::EMPTY);
        Self {
            entries,
            used: 0,
            far: 0,
            reach: 0,
        }
    }

    pub(super) const fn is_full(&self) -> bool {
        self.used == self.entries.len()
    }

    /// Adds a block, or changes what it counts with; returns what it counts with, or `None` if the
    /// table is full.
    pub(super) fn set(&mut self, address: u32, owner: Owner, bytes: u32) -> Option<Charged> {
        let charge = Charge::new(address, owner, bytes);
        let place = match self.place_of(address) {
            Some(place) => place,
            None => {
                let near = self.find(address, 0, WINDOW);
                let place = near.or_else(|| self.find_anywhere(0))?;
                self.used += 1;
                match self.steps_to(place, address) {
                    steps if steps < WINDOW => self.reach = self.reach.max(steps + 1),
                    _ => self.far += 1,
                }
                place
            }
        };
        *self.entries.get_mut(place)? = charge;
        Some(charge.into())
    }

    pub(super) fn get(&self, address: u32) -> Option<Charged> {
        let entry = self.entries.get(self.place_of(address)?)?;
        Some((*entry).into())
    }

    pub(super) fn remove(&mut self, address: u32) -> Option<Charged> {
        let place = self.place_of(address)?;
        let entry = core::mem::replace(self.entries.get_mut(place)?, Charge::EMPTY);
        self.used -= 1;
        self.far -= usize::from(self.steps_to(place, address) >= WINDOW);
        if self.used == 0 {
            self.reach = 0;
        }
        Some(entry.into())
    }

    /// Removes all blocks of an owner. O(blocks).
    pub(super) fn forget(&mut self, owner: Owner) {
        for place in 0..self.entries.len() {
            let entry = self.entries.get(place).copied().unwrap_or(Charge::EMPTY);
            if entry.address != 0 && entry.owner() == owner {
                self.remove(entry.address);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Charged> + '_ {
        let used = self.entries.iter().filter(|entry| entry.address != 0);
        used.map(|&entry| entry.into())
    }

    fn place_of(&self, address: u32) -> Option<usize> {
        match self.find(address, address, self.reach) {
            None if self.far > 0 => self.find_anywhere(address),
            near => near,
        }
    }

    /// Returns the first of some places from the home of `address` on at which `wanted` stands.
    fn find(&self, address: u32, wanted: u32, places: usize) -> Option<usize> {
        let home = self.home(address);
        let steps = 0..places.min(self.entries.len());
        let mut places = steps.map(|step| self.wrapped(home + step));
        places.find(|&place| self.stands_at(place, wanted))
    }

    fn find_anywhere(&self, wanted: u32) -> Option<usize> {
        (0..self.entries.len()).find(|&place| self.stands_at(place, wanted))
    }

    fn stands_at(&self, place: usize, wanted: u32) -> bool {
        let entry = self.entries.get(place);
        entry.is_some_and(|entry| entry.address == wanted)
    }

    /// Returns how far behind the home of `address` a place is.
    const fn steps_to(&self, place: usize, address: u32) -> usize {
        let home = self.home(address);
        if place < home {
            place + self.entries.len() - home
        } else {
            place - home
        }
    }

    const fn wrapped(&self, place: usize) -> usize {
        // At most WINDOW behind the end, and no more than there are
        if place < self.entries.len() {
            place
        } else {
            place - self.entries.len()
        }
    }

    /// Spread evenly: the upper half of a product with the number of places.
    const fn home(&self, address: u32) -> usize {
        let hash = address.wrapping_mul(0x9E37_79B1);
        ((hash as u64 * self.entries.len() as u64) >> 32) as usize // below the length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::boxed::Box;
    use std::collections::BTreeMap;
    use std::vec;

    fn table(places: usize) -> Charges {
        Charges::new(Box::leak(vec![Charge::EMPTY; places].into_boxed_slice()))
    }

    #[test]
    fn a_table_holds_as_many_blocks_as_it_has_places() {
        for places in [0, 1, 5, 16, 17, 100] {
            let mut charges = table(places);
            for number in 0..places {
                assert!(!charges.is_full());
                let address = 0x3FFB_0000 + 24 * u32::try_from(number).unwrap();
                assert!(charges.set(address, Owner(1), 20).is_some());
            }
            assert!(charges.is_full());
            assert_eq!(charges.set(0x4000_0000, Owner(1), 20), None);
            let all: vec::Vec<_> = charges.iter().collect();
            for charged in all {
                assert_eq!(charges.remove(charged.address), Some(charged));
            }
            assert_eq!((charges.used, charges.far), (0, 0));
        }
    }

    #[test]
    fn sizes_are_kept_in_words_and_huge_ones_are_the_same_when_freed() {
        let mut charges = table(4);
        assert_eq!(
            charges.set(8, Owner(255), 0x3F).map(|set| set.bytes),
            Some(0x3C)
        );
        let huge = charges.set(12, Owner(3), u32::MAX);
        assert_eq!(huge, charges.get(12));
        assert_eq!(huge, charges.remove(12));
    }

    proptest! {
        /// The reference is a map. The table is so small that entries lie far from home.
        #[test]
        fn charges_are_a_map(
            places in 1_usize..40,
            calls in prop::collection::vec((0_u8..4, 1_u32..50, 0_u8..4, 0_u32..1000), 1..200),
        ) {
            let (mut charges, mut map) = (table(places), BTreeMap::new());
            for (call, number, owner, words) in calls {
                let (address, bytes) = (number * 4096, words * 4);
                match call {
                    3 => {
                        charges.forget(Owner(owner));
                        map.retain(|_, charged: &mut Charged| charged.owner != Owner(owner));
                    }
                    0 => prop_assert_eq!(
                        charges.remove(address),
                        map.remove(&address)
                    ),
                    _ => {
                        let charged = Charged { address, owner: Owner(owner), bytes };
                        let has_place = map.len() < places || map.contains_key(&address);
                        let set = charges.set(address, Owner(owner), bytes);
                        prop_assert_eq!(set, has_place.then_some(charged));
                        if has_place {
                            map.insert(address, charged);
                        }
                    }
                }
                prop_assert_eq!(charges.used, map.len());
                prop_assert_eq!(charges.get(address), map.get(&address).copied());
            }
        }
    }
}
