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
}
