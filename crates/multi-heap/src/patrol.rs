//! How a heap is checked a little at a time.
//!
//! ```text
//!   round   | b | b | b | b | free ············· | b | b | end | lists 2-9 | 10-17 | .. | the rest of the map
//!            call 1    ▲      call 2  ▲            call 3  ▲           call 4     …         each goes on where the last one was
//! ```
//!
//! Of a block it looks at everything that [`Heap::check`] looks at: header, note, canaries, last
//! word, and both links with the links that should lead back. So the lists are looked at block by
//! block, in whichever order they go; then come their heads and the map.
//!
//! Between two calls the heap lives on: blocks come and go, and what looks like a header may be a
//! user's data. A patrol goes on at used blocks that stand as they did (`places.rs`). Counters are
//! compared with what a round has counted if they were the same at each of its calls; where they
//! differ, it counts anew, and only the same difference twice is a suspicion. Damage is told only
//! after [`Heap::check`] has come across it too: a false alarm would be worse than a long look at a
//! heap that is broken anyway.

use crate::bins::MIN_UNITS;
use crate::check::Tally;
use crate::damage::Corruption;
use crate::header::Note;
use crate::heap::Heap;
use crate::places::{Place, Places};
use crate::poison::Poison;
use crate::pool::Index;

/// Words of a free block that one look verifies under comprehensive poisoning.
const LOOK_WORDS: u32 = 64;
/// Lists whose heads one look covers.
const LOOK_LISTS: u32 = 8;

/// How far the check of one heap has come. A value of the caller's: a heap knows nothing of its
/// patrols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patrol {
    places: Places,
    /// Up to which word the free block behind the last place is verified; 0 if none is begun.
    verified: Index,
    /// The list whose head comes next; 0 while blocks are looked at.
    list: u32,
    /// What the round has counted.
    tally: Tally,
    /// The counters when the last call ended.
    counters: Tally,
    /// Whether something has changed since the round began, so that its count says nothing.
    disturbed: bool,
    /// By how much counters and count differed in the round before.
    difference: Option<Tally>,
}

/// What a call of [`Heap::patrol`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patrolled {
    /// There is more to be looked at.
    Underway,
    /// All of the heap has been looked at since the patrol began; the next call begins anew.
    Round,
}

/// A suspicion: what looks broken is left to the check to tell.
type Looked<T = ()> = Result<T, Corruption>;

/// How much a call may still look at.
struct Looks(u32);

impl Looks {
    /// Takes one; `false` if none was left.
    const fn take(&mut self) -> bool {
        let some = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        some
    }
}

impl Patrol {
    /// At the first block.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            places: Places::new(),
            verified: 0,
            list: 0,
            tally: Tally::NONE,
            counters: Tally::NONE,
            disturbed: false,
            difference: None,
        }
    }

    /// At the first block again, to compare with `difference`.
    const fn again(difference: Option<Tally>) -> Self {
        Self {
            difference,
            ..Self::new()
        }
    }
}

impl<P: Poison> Heap<P> {
    /// Looks at `looks` things, or one more: a block with its links (under
    /// [`Comprehensive`](crate::Comprehensive) poisoning with 256 bytes of a free one; what is
    /// larger takes more looks), or the heads of 8 lists. Bounded by that; O(heap) only where
    /// something looks wrong.
    ///
    /// A round finds what [`Heap::check`] finds, but for counters that change all the time: of
    /// those only what is impossible.
    ///
    /// # Errors
    /// What [`Heap::check`] says. The patrol begins anew.
    pub fn patrol(&self, patrol: &mut Patrol, looks: u32) -> Result<Patrolled, Corruption> {
        match self.look(patrol, &mut Looks(looks.max(1))) {
            Ok(patrolled) => Ok(patrolled),
            Err(_) => {
                *patrol = Patrol::new();
                self.check().map(|()| Patrolled::Underway)
            }
        }
    }

    fn look(&self, patrol: &mut Patrol, looks: &mut Looks) -> Looked<Patrolled> {
        self.pool.check_plausible()?;
        let counters = self.pool.counters();
        if patrol.list == 0 {
            let (index, note) = self.resume(patrol, counters)?;
            let done = self.look_at_blocks(patrol, index, note, looks)?;
            patrol.counters = counters;
            if !done || self.counts_again(patrol)? {
                return Ok(Patrolled::Underway);
            }
            patrol.list = MIN_UNITS;
        }
        self.look_at_lists(patrol, looks)
    }

    /// The block to go on with, and what the one before it should have left as a note.
    fn resume(&self, patrol: &mut Patrol, counters: Tally) -> Looked<(Index, Note)> {
        patrol.disturbed |= patrol.counters != counters;
        if let Some(place) = patrol.places.last(self.pool) {
            return Ok(match patrol.verified {
                0 => (place.index, self.pool.header(place.index).note()),
                _ => (place.index + place.units, Note::USED),
            });
        }
        if let Some(place) = patrol.places.fall_back(self.pool) {
            (patrol.verified, patrol.disturbed) = (0, true);
            return Ok((place.index, self.pool.header(place.index).note()));
        }
        let verified = if patrol.places.is_new() {
            patrol.verified
        } else {
            0
        };
        *patrol = Patrol {
            verified,
            counters,
            ..Patrol::again(patrol.difference)
        };
        self.pool.check_first()?;
        Ok((self.pool.first(), Note::USED))
    }

    /// Whether it came to the heap's end.
    fn look_at_blocks(
        &self,
        patrol: &mut Patrol,
        mut index: Index,
        mut note: Note,
        looks: &mut Looks,
    ) -> Looked<bool> {
        while index < self.pool.end() {
            let units = self.pool.check_header(index, note)?;
            let free = self.pool.header(index).is_free();
            if !free {
                patrol.verified = 0;
                patrol.places.note(Place { index, units });
            }
            if !looks.take() && !free {
                return Ok(false);
            }
            if free {
                self.pool.check_free(index, units)?;
                if !self.look_at_free_bytes(patrol, index, units, looks)? {
                    return Ok(false);
                }
            } else {
                self.check_guards(index, units)?;
            }
            patrol.tally.count(units, free);
            note = if free { Note::of(units) } else { Note::USED };
            index += units;
        }
        self.pool.check_sentinel(note).map(|()| true)
    }

    /// Whether all bytes of a free block are verified now.
    fn look_at_free_bytes(
        &self,
        patrol: &mut Patrol,
        index: Index,
        units: u32,
        looks: &mut Looks,
    ) -> Looked<bool> {
        if !P::FILLS {
            return Ok(true);
        }
        let end = index + units - 1;
        let mut from = patrol.verified.max(index + 3);
        loop {
            let to = from.saturating_add(LOOK_WORDS).min(end);
            self.check_freed(from, to)?;
            if to >= end {
                patrol.verified = 0;
                return Ok(true);
            }
            patrol.verified = to;
            if !looks.take() {
                return Ok(false);
            }
            from = to;
        }
    }

    /// Whether the blocks must be counted once more, because the counters say something else and
    /// nothing has changed meanwhile.
    fn counts_again(&self, patrol: &mut Patrol) -> Looked<bool> {
        let difference = patrol.counters.minus(patrol.tally);
        if patrol.disturbed || difference == Tally::NONE {
            patrol.difference = None;
            return Ok(false);
        }
        if patrol.difference == Some(difference) {
            self.pool.check_counters(patrol.tally)?;
        }
        *patrol = Patrol::again(Some(difference));
        Ok(true)
    }

    fn look_at_lists(&self, patrol: &mut Patrol, looks: &mut Looks) -> Looked<Patrolled> {
        while looks.take() {
            let next = patrol.list + LOOK_LISTS;
            let last = self.pool.last_list();
            for list in patrol.list..next.min(last + 1) {
                self.pool.check_head(list)?;
            }
            patrol.list = next;
            if next > last {
                self.pool.check_rest()?;
                *patrol = Patrol::new();
                return Ok(Patrolled::Round);
            }
        }
        Ok(Patrolled::Underway)
    }
}
