//! Observers of allocations.
//!
//! Observers are part of the type: `()` observes nothing and costs nothing, a tuple notifies each
//! of its parts in order.
//!
//! | what happened | what is called |
//! |---|---|
//! | any form of malloc, calloc, aligned or preferring allocation succeeded | `on_allocate`, once |
//! | a block was freed | `on_free`, once |
//! | a block was resized, in place or by moving, in its heap or to another | `on_reallocate`, once (and nothing else) |
//! | any of these found no memory, or was asked for something impossible | `on_failure`, once; a list of preferences only at its end |
//! | memory was found, but it had been written to after it was freed (comprehensive poisoning) | `on_allocate` for the block, which is kept back as evidence, then `on_failure` |
//! | memory became short, or something was done about it | `on_pressure` |
//! | zero bytes were asked for | nothing |
//! | a free or reallocation was refused because of its address | nothing: the record of the block stays as it is |
//!
//! All are called while the heap is being changed (under the lock, where there is one): they must
//! be short and must not allocate, print or wait.

use core::panic::Location;

use soc_regions::Caps;

use crate::{Failure, HeapIndex, ObserverDescription, Owner, PressureEvent};

/// A block was allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allocated {
    /// The address handed out: on the instruction side for EXEC memory with two sides.
    pub address: u32,
    /// Bytes asked for, before any rounding; count times size of a calloc.
    pub size: u32,
    /// Bytes that can be used, at least those asked for: what [`Freed::usable`] will say. Their sum
    /// over all blocks is what heaps without poisoning count as allocated (under poisoning, what a
    /// walk adds up).
    pub usable: u32,
    /// Alignment asked for in bytes, 1 where none was.
    pub alignment: u32,
    /// Capabilities asked for, before any rewriting; of several that were tried, those that
    /// succeeded.
    pub caps: Caps,
    /// The heap that served.
    pub heap: HeapIndex,
    /// Where the request was made, if known.
    pub caller: Option<&'static Location<'static>>,
    /// On whose behalf, if the request says so; else on that of the current owner.
    pub owner: Option<Owner>,
}

/// A block was freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Freed {
    /// The address as it had been handed out.
    pub address: u32,
    /// The heap that has the bytes back.
    pub heap: HeapIndex,
    /// Usable bytes of the block, at least those that had been asked for.
    pub usable: u32,
}

/// A block changed its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reallocated {
    /// The address before.
    pub old_address: u32,
    /// Usable bytes before.
    pub old_usable: u32,
    /// The heap before.
    pub old_heap: HeapIndex,
    /// The block as it is now.
    pub now: Allocated,
}

/// A listener to everything that heaps do for their users.
///
/// An observer should not panic. Where panics unwind, on hosts, one in
/// [`on_allocate`](Observer::on_allocate) frees the block again, which observers before it in a
/// tuple do not hear; one in [`on_reallocate`](Observer::on_reallocate) ends the program, because
/// the block has its new size by then.
pub trait Observer {
    /// Whether it observes at all. Events are made for observers that do.
    const LISTENS: bool = true;

    /// Where it keeps what can be shown of it when a program has crashed.
    const DESCRIPTION: ObserverDescription = ObserverDescription::NONE;

    /// A block was allocated.
    fn on_allocate(&mut self, event: &Allocated) {
        let _ = event;
    }

    /// A block was freed.
    fn on_free(&mut self, event: &Freed) {
        let _ = event;
    }

    /// A block was resized.
    fn on_reallocate(&mut self, event: &Reallocated) {
        let _ = event;
    }

    /// A request was refused.
    fn on_failure(&mut self, failure: &Failure) {
        let _ = failure;
    }

    /// Memory is short or back, or something was done about it.
    fn on_pressure(&mut self, event: &PressureEvent) {
        let _ = event;
    }
}

impl Observer for () {
    const LISTENS: bool = false;
}

macro_rules! observe_in_order {
    ($($part:ident $index:tt),+) => {
        impl<$($part: Observer),+> Observer for ($($part,)+) {
            const LISTENS: bool = $($part::LISTENS)||+;
            const DESCRIPTION: ObserverDescription = ObserverDescription::NONE
                $(.or($part::DESCRIPTION.moved_by(core::mem::offset_of!(Self, $index))))+;

            fn on_allocate(&mut self, event: &Allocated) {
                $(self.$index.on_allocate(event);)+
            }
            fn on_free(&mut self, event: &Freed) {
                $(self.$index.on_free(event);)+
            }
            fn on_reallocate(&mut self, event: &Reallocated) {
                $(self.$index.on_reallocate(event);)+
            }
            fn on_failure(&mut self, failure: &Failure) {
                $(self.$index.on_failure(failure);)+
            }
            fn on_pressure(&mut self, event: &PressureEvent) {
                $(self.$index.on_pressure(event);)+
            }
        }
    };
}

observe_in_order!(A 0);
observe_in_order!(A 0, B 1);
observe_in_order!(A 0, B 1, C 2);
observe_in_order!(A 0, B 1, C 2, D 3);
