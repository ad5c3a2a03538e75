//! How a heap is checked a few blocks at a time.
//!
//! ```text
//!   round   | b | b | b | b | b | b | b | b | b | end
//!            call 1    ▲parked   call 2      ▲parked …      each call begins where the last one parked
//! ```
//!
//! Between two calls the heap lives on: the block at which a patrol parked may be freed and joined with others, and what looks like a
//! header there may be a user's data. So it parks on used blocks, remembers a few of them with their sizes, and goes on from the last one
//! that still stands as it did. If none does it begins anew. Damage is told only after a walk from the heap's first block has come across it
//! too: a false alarm would be worse than a long look at a heap that is broken anyway.

use crate::damage::Corruption;
use crate::header::Note;
use crate::heap::Heap;
use crate::poison::Poison;
use crate::pool::Index;

/// How many places a patrol remembers.
const PARKED: usize = 4;

/// A used block at which a check can go on. Index 0, where no block lies, is no place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    index: Index,
    units: u32,
}

/// How far the check of one heap has come. A value of the caller's: a heap knows nothing of its patrols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patrol {
    /// The last place first.
    parked: [Place; PARKED],
}

/// What a call of [`Heap::patrol`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patrolled {
    /// More blocks are to be looked at.
    Underway,
    /// Every block to the end of the heap has been looked at since the patrol began; the next call begins anew.
    Round,
}

impl Patrol {
    /// At the first block.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            parked: [Place { index: 0, units: 0 }; PARKED],
        }
    }

    fn park(&mut self, index: Index, units: u32) {
        self.parked.rotate_right(1);
        if let Some(first) = self.parked.first_mut() {
            *first = Place { index, units };
        }
    }
}

impl<P: Poison> Heap<P> {
    /// Looks at `blocks` blocks, or one more so that the last is used: headers, notes, canaries, ends of free blocks, and under
    /// [`Comprehensive`](crate::Comprehensive) poisoning the bytes of free ones. O(blocks), with that poisoning O(bytes) of the free ones among
    /// them; O(blocks of the heap) only where something looks wrong. Lists and counters are left to [`Heap::check`].
    ///
    /// # Errors
    /// The first broken promise from the heap's beginning on. The patrol begins anew.
    pub fn patrol(&self, patrol: &mut Patrol, blocks: u32) -> Result<Patrolled, Corruption> {
        let from = self.standing(patrol);
        match self.look(patrol, from, blocks) {
            Ok(patrolled) => Ok(patrolled),
            Err(_) => {
                *patrol = Patrol::new();
                self.check_blocks().map(|_| Patrolled::Underway)
            }
        }
    }

    /// The last place that still stands, or the first block.
    fn standing(&self, patrol: &Patrol) -> Index {
        let stands = |place: &&Place| {
            let inside = (self.pool.first()..self.pool.end()).contains(&place.index);
            let header = || self.pool.header(place.index);
            inside && !header().is_free() && header().used_units() == place.units
        };
        let found = patrol.parked.iter().find(stands);
        found.map_or(self.pool.first(), |place| place.index)
    }

    fn look(&self, patrol: &mut Patrol, from: Index, blocks: u32) -> Result<Patrolled, Corruption> {
        let (mut index, mut note) = (from, self.note_at(from));
        let mut left = blocks.max(1);
        while index < self.pool.end() {
            let free = self.pool.header(index).is_free();
            if left == 0 && !free {
                let units = self.pool.check_header(index, note)?;
                patrol.park(index, units);
                return Ok(Patrolled::Underway);
            }
            let units = self.check_block(index, note)?;
            note = if free { Note::of(units) } else { Note::USED };
            if !free {
                patrol.park(index, units);
            }
            left = left.saturating_sub(1);
            index += units;
        }
        self.pool.check_sentinel(note)?;
        *patrol = Patrol::new();
        Ok(Patrolled::Round)
    }

    /// What a block says of the one before it, which was looked at in an earlier call.
    fn note_at(&self, index: Index) -> Note {
        let header = self.pool.header(index);
        if header.is_free() {
            Note::USED
        } else {
            header.note()
        }
    }
}
