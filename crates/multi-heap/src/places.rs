//! Where a patrol can go on: used blocks that it has come by, the nearer ones closer together.
//!
//! ```text
//!   looked at   …  b . . . . . . . b . . . b . b b | last        eight places behind the last one, each about twice as far back as
//!                  ▲               ▲       ▲   ▲ ▲                 the one before
//! ```
//!
//! A place is a used block with its size; it *stands* while the header there says the same. If the
//! last place has gone, the patrol falls back to the nearest one that stands. So the blocks that
//! are looked at again are about as many as have gone.

use crate::pool::{Index, Pool};

/// How many places behind the last one are remembered: the farthest is some 2⁸ blocks back.
const EARLIER: usize = 8;

/// A used block at which a check can go on. Index 0, where no block lies, is no place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) index: Index,
    pub(crate) units: u32,
}

/// The places of one patrol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    last: Place,
    earlier: [Place; EARLIER],
    /// How many were the last one.
    count: u32,
}

impl Place {
    const NONE: Self = Self { index: 0, units: 0 };

    fn stands(self, pool: Pool) -> bool {
        let inside = self.index != 0 && self.index < pool.end();
        let header = || pool.header(self.index);
        inside && !header().is_free() && header().used_units() == self.units
    }
}

impl Places {
    pub(crate) const fn new() -> Self {
        Self {
            last: Place::NONE,
            earlier: [Place::NONE; EARLIER],
            count: 0,
        }
    }

    /// The patrol is at this block.
    pub(crate) fn note(&mut self, place: Place) {
        self.count = self.count.wrapping_add(1);
        let which = self.count.trailing_zeros() as usize; // every second, every fourth, ...
        if let Some(earlier) = self.earlier.get_mut(which) {
            *earlier = self.last;
        }
        self.last = place;
    }

    /// Whether there has been none.
    pub(crate) const fn is_new(&self) -> bool {
        self.count == 0
    }

    /// The last place, if it stands.
    pub(crate) fn last(&self, pool: Pool) -> Option<Place> {
        Some(self.last).filter(|place| place.stands(pool))
    }

    /// The nearest earlier place that stands; it is the last one now, and those behind it are
    /// forgotten.
    pub(crate) fn fall_back(&mut self, pool: Pool) -> Option<Place> {
        let standing = self.earlier.iter().filter(|place| place.stands(pool));
        let nearest = standing.copied().max_by_key(|place| place.index);
        self.last = nearest.unwrap_or(Place::NONE);
        let reached = self.last.index;
        let beyond = self
            .earlier
            .iter_mut()
            .filter(|place| place.index >= reached);
        beyond.for_each(|place| *place = Place::NONE);
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::Arena;
    use crate::bins;
    use crate::header::{Header, Note};
    use core::ptr::NonNull;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn earlier_places_lie_about_twice_as_far_back_each() {
        let mut places = Places::new();
        (1..=1000).for_each(|index| places.note(Place { index, units: 2 }));
        let mut back: Vec<u32> = places
            .earlier
            .iter()
            .map(|place| 1000 - place.index)
            .collect();
        back.sort_unstable();
        for (place, back) in back.into_iter().enumerate() {
            assert!(back <= 2 << place, "{back} blocks back at place {place}");
        }
    }

    /// Used blocks of four units each, from index `first` on, all noted.
    fn noted(pool: Pool, blocks: u32) -> Places {
        let mut places = Places::new();
        for block in 0..blocks {
            let index = pool.first() + 4 * block;
            pool.set_header(index, Header::used(4, Note::USED));
            places.note(Place { index, units: 4 });
        }
        places
    }

    fn pool(words: &mut [u32]) -> Pool {
        let bytes =
            NonNull::slice_from_raw_parts(NonNull::from(&mut *words).cast(), words.len() * 4);
        // SAFETY: the test keeps the words alive and touches them through the pool only.
        let arena = unsafe { Arena::new(bytes, bins::MAX_UNITS) }.unwrap();
        Pool::new(arena, 0).unwrap()
    }

    #[test]
    fn a_place_stands_while_a_used_block_of_its_size_is_there() {
        let mut words = vec![0; 400];
        let pool = pool(&mut words);
        let place = |index, units| Place { index, units };
        let first = pool.first();
        pool.set_header(first, Header::used(4, Note::USED));
        assert!(place(first, 4).stands(pool));
        assert!(!place(first, 5).stands(pool));
        assert!(!place(0, 4).stands(pool) && !Place::NONE.stands(pool));
        pool.set_header(first, Header::free(4));
        assert!(!place(first, 4).stands(pool));
        // The sentinel is used, but behind all blocks.
        let end = pool.end();
        let units = pool.header(end).used_units();
        assert!(!place(end, units).stands(pool));
    }

    #[test]
    fn the_way_back_leads_to_the_nearest_place_that_stands() {
        let mut words = vec![0; 400];
        let pool = pool(&mut words);
        let mut places = noted(pool, 20);
        let index = |block: u32| pool.first() + 4 * block;
        assert_eq!(places.last(pool).map(|place| place.index), Some(index(19)));
        let mut earlier: Vec<Index> = places.earlier.iter().map(|place| place.index).collect();
        earlier.retain(|&index| index != 0);
        earlier.sort_unstable();
        // The last block and the nearest place have gone.
        let nearest = earlier.pop().unwrap();
        for gone in [index(19), nearest] {
            pool.set_header(gone, Header::free(4));
        }
        assert_eq!(places.last(pool), None);
        let back = places.fall_back(pool).map(|place| place.index);
        assert_eq!(back, earlier.last().copied());
        assert_eq!(places.last(pool).map(|place| place.index), back);
        // It is no earlier place any more, nor is one behind it.
        assert!(places.earlier.iter().all(|place| Some(place.index) < back));
        for &gone in &earlier {
            pool.set_header(gone, Header::free(4));
        }
        assert_eq!((places.fall_back(pool), places.last), (None, Place::NONE));
    }
}
