//! Tables of what a program registers: fixed places, numbered.

/// A place of a table. Empty is all zero, so that a static heap lies in .bss.
#[repr(u8)]
enum Slot<T> {
    Empty = 0,
    Used(T),
}

impl<T> Slot<T> {
    const fn as_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Empty => None,
            Self::Used(entry) => Some(entry),
        }
    }

    const fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Empty => None,
            Self::Used(entry) => Some(entry),
        }
    }
}

/// Up to `N` entries, each at a number that stays.
pub(super) struct Table<T, const N: usize> {
    slots: [Slot<T>; N],
}

impl<T, const N: usize> Table<T, N> {
    pub(super) const fn new() -> Self {
        const {
            assert!(N <= 256, "numbers are bytes");
        }
        Self {
            slots: [const { Slot::Empty }; N],
        }
    }

    /// Adds an entry; returns its number, or `None` if the table is full.
    pub(super) fn add(&mut self, entry: T) -> Option<u8> {
        let mut slots = (0..).zip(&mut self.slots);
        let (number, slot) = slots.find(|(_, slot)| slot.as_ref().is_none())?;
        *slot = Slot::Used(entry);
        Some(number)
    }

    pub(super) fn remove(&mut self, number: u8) -> Option<T> {
        let slot = self.slots.get_mut(usize::from(number))?;
        match core::mem::replace(slot, Slot::Empty) {
            Slot::Empty => None,
            Slot::Used(entry) => Some(entry),
        }
    }

    pub(super) fn get(&self, number: u8) -> Option<&T> {
        self.slots.get(usize::from(number))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: u8) -> Option<&mut T> {
        self.slots.get_mut(usize::from(number))?.as_mut()
    }

    /// Returns the entries and their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, &T)> {
        let slots = (0..).zip(&self.slots);
        slots.filter_map(|(number, slot)| Some((number, slot.as_ref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u8, &mut T)> {
        let slots = (0..).zip(&mut self.slots);
        slots.filter_map(|(number, slot)| Some((number, slot.as_mut()?)))
    }
}
