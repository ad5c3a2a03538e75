//! Failure records: everything known about a refused allocation.
//!
//! One record is made in one place for every way to allocate. It is `Copy`, has a fixed size and
//! needs no memory, so it can be kept, copied into RTC memory or sent away. Its `Display` (in
//! `sentence.rs`) is one sentence for people.

use core::fmt;
use core::panic::Location;

use soc_regions::{Caps, TypeIndex};

use crate::attempt::ClosedHeaps;
use crate::misuse::{Corrupt, Misuse};
use crate::owner::Owner;
use crate::registry::HeapIndex;
use crate::relief::Relief;
use crate::request::AllocRequest;
use crate::reserve::Reserve;

/// How many heaps a record describes one by one; what is beyond is counted.
pub const DESCRIBED: usize = 8;

/// Why one heap could not serve a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)] // the first one is all zero: an empty record lies in .bss
pub enum SkipReason {
    /// It does not have these of the capabilities asked for.
    Lacks(Caps),
    /// It has them all, but offers none of them to callers at any priority (its type lists them in
    /// a way that the policy's rule rejects).
    NotOffered,
    /// It serves as start-up stack until `enable_startup_stack_heaps`.
    Inactive,
    /// The whole heap is smaller than the request.
    TooSmall {
        /// Size of the heap in bytes, its bookkeeping included.
        bytes: u32,
    },
    /// No hole is large enough (or large enough at this alignment).
    Fragmented {
        /// Free bytes in total.
        free: u32,
        /// Largest free block in bytes.
        largest: u32,
        /// Number of free blocks.
        holes: u32,
    },
    /// There is a hole, but what is free is kept for requests that name these capabilities.
    Reserved {
        /// The capabilities of the reserve.
        caps: Caps,
        /// Bytes that the reserve keeps.
        bytes: u32,
    },
    /// There is a hole, but with it the request's owner would have more of this memory than it may.
    OverLimit,
    /// There is a hole, but what is free is guaranteed to other owners.
    Guaranteed {
        /// Bytes that are kept for them.
        bytes: u32,
    },
}

/// One heap that was considered, and why it did not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which heap.
    pub heap: HeapIndex,
    /// The heap's first address.
    pub start: u32,
    /// The name of its memory type.
    pub name: &'static str,
    /// Why it did not serve.
    pub why: SkipReason,
}

/// Reason for which a request was refused as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)] // as `SkipReason`
pub enum FailureKind {
    /// Zero bytes were asked for. Not counted as a failure, not reported to observers.
    ZeroSize,
    /// The alignment is not a power of two.
    BadAlignment,
    /// No capability was asked for, or only ones that describe alignment (`CACHE_ALIGNED`).
    NoCaps,
    /// `INVALID` was asked for, which no memory has.
    InvalidCaps,
    /// These capabilities exclude each other.
    Contradictory(Caps),
    /// The size (or count times size) is larger than any heap can be.
    TooLarge,
    /// No heap could serve it; the candidates say why.
    NoMemory,
    /// No heap with this tag has a hole that is big enough
    /// ([`Placement::Tag`](crate::Placement::Tag)).
    TagExhausted(TypeIndex),
    /// Memory was found, but it had been written to after it was freed. The block is kept back as
    /// evidence.
    Corrupt(Corrupt),
    /// The request's owner would have more than it may.
    OverLimit {
        /// The owner.
        owner: Owner,
        /// The name of the limit.
        name: &'static str,
        /// Bytes that the owner may have.
        limit: u32,
        /// Bytes that it has.
        used: u32,
    },
    /// The request's owner has limits, and the table of the blocks of such owners is full.
    NoAccountFor(Owner),
}

/// A refused allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Bytes asked for; `usize::MAX` where count times size overflowed.
    pub size: usize,
    /// Alignment asked for in bytes, 1 where none was.
    pub alignment: usize,
    /// Capabilities asked for. Of a list of preferences, the last ones tried.
    pub caps: Caps,
    /// Capability sets that were tried one after the other: more than 1 for lists of preferences
    /// and `malloc`'s policy.
    pub attempts: u8,
    /// Why the request was refused.
    pub cause: FailureKind,
    /// Where the request was made, if the caller is known.
    pub caller: Option<&'static Location<'static>>,
    /// Start and size must be multiples of this many bytes, because the memory's hardware
    /// wants them so; 1 where it does not.
    pub granularity: u32,
    /// Whether these are cache lines.
    pub whole_lines: bool,
    /// What freed memory for it, without success.
    pub relief: Relief,
    candidates: [Option<Candidate>; DESCRIBED],
    not_described: u8,
}

impl Failure {
    /// Returns the record without candidates.
    pub(crate) const fn of(request: &AllocRequest<'_>, caps: Caps, cause: FailureKind) -> Self {
        Self {
            size: request.size,
            alignment: request.alignment,
            caps,
            attempts: 1,
            cause,
            caller: request.caller,
            granularity: 1,
            whole_lines: false,
            relief: Relief::NONE,
            candidates: [None; DESCRIBED],
            not_described: 0,
        }
    }

    /// Returns whether it can be the record of `request`.
    pub(crate) fn is_of(&self, request: &AllocRequest<'_>) -> bool {
        self.size == request.size
            && self.alignment == request.alignment
            && self.caller == request.caller
    }

    /// Leaves out `heaps` candidates, whose reasons are not known any more.
    pub(crate) fn omit_candidates(&mut self, heaps: usize) {
        self.not_described = u8::try_from(heaps).unwrap_or(u8::MAX);
    }

    /// Adds a candidate, or counts it where the record is full.
    pub(crate) fn describe(&mut self, candidate: Candidate) {
        match self.candidates.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(candidate),
            None => self.not_described = self.not_described.saturating_add(1),
        }
    }

    /// Returns the heaps that were considered, in the order in which they were.
    pub fn candidates(&self) -> impl Iterator<Item = Candidate> + '_ {
        self.candidates.iter().flatten().copied()
    }

    /// Returns how many more heaps there were than the record describes.
    #[must_use]
    pub const fn not_described(&self) -> u8 {
        self.not_described
    }
}

/// How many heaps of a route a record keeps the state of.
const KEPT: usize = DESCRIBED;

/// What is kept of the last failure: a [`Failure`] without what the registry knows of the heaps.
pub(crate) struct FailureRecord {
    size: usize,
    alignment: usize,
    caps: Caps,
    caller: Option<&'static Location<'static>>,
    cause: FailureKind,
    heaps: [HeapState; KEPT],
    /// How many of them are kept.
    described: u32,
    /// Sets of capabilities that were tried, and 1; 0 where no failure is recorded.
    attempts: u8,
    relieved: Relieved,
    relief: Relief,
    closed: ClosedHeaps,
}

/// The request to which the relief of a record belongs, and its closed heaps.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Relieved {
    /// Nobody's.
    No = 0,
    /// That of the request that is refused next.
    Announced,
    /// That of the request of the record.
    Recorded,
}

/// What a heap on the route had free; or, with [`HeapState::RESERVED`] holes, the reserve that kept
/// it.
#[derive(Clone, Copy)]
pub(crate) struct HeapState {
    free: u32,
    largest: u32,
    /// 26 bits, and the heap's number above.
    holes_and_heap: u32,
}

impl HeapState {
    const HOLES: u32 = (1 << 26) - 1;
    const RESERVED: u32 = Self::HOLES;

    #[inline(always)]
    pub(crate) const fn new(heap: HeapIndex, free: u32, largest: u32, holes: u32) -> Self {
        Self {
            free,
            largest,
            // At most 63; fewer holes than words of a heap
            holes_and_heap: (heap.0 as u32) << 26 | holes,
        }
    }

    pub(crate) const fn reserved(heap: HeapIndex, reserve: Reserve) -> Self {
        Self::new(heap, reserve.caps.bits(), reserve.bytes, Self::RESERVED)
    }

    pub(crate) const fn largest(&self) -> u32 {
        self.largest
    }

    fn is_of(&self, heap: HeapIndex) -> bool {
        self.holes_and_heap >> 26 == u32::from(heap.0)
    }
}

impl From<HeapState> for SkipReason {
    fn from(state: HeapState) -> Self {
        let HeapState {
            free,
            largest,
            holes_and_heap,
        } = state;
        match holes_and_heap & HeapState::HOLES {
            HeapState::RESERVED => Self::Reserved {
                caps: Caps::from_bits_retain(free),
                bytes: largest,
            },
            holes => Self::Fragmented {
                free,
                largest,
                holes,
            },
        }
    }
}

impl FailureRecord {
    /// Nothing recorded.
    pub(crate) const NONE: Self = Self {
        size: 0,
        alignment: 0,
        caps: Caps::empty(),
        caller: None,
        cause: FailureKind::ZeroSize,
        heaps: [HeapState::new(HeapIndex(0), 0, 0, 0); KEPT],
        described: 0,
        attempts: 0,
        relieved: Relieved::No,
        relief: Relief::NONE,
        closed: ClosedHeaps::NONE,
    };

    /// What was tried for the request whose record begins next, and which heaps were closed to it.
    pub(crate) fn announce(&mut self, relief: &Relief, closed: &ClosedHeaps) {
        (self.relief, self.closed) = (*relief, *closed);
        self.relieved = Relieved::Announced;
    }

    /// Returns why a heap with a hole that fits was not asked.
    pub(crate) fn why_closed(&self, heap: HeapIndex) -> Option<SkipReason> {
        let ClosedHeaps {
            by_limit,
            for_others,
            kept_bytes,
        } = self.closed;
        if self.relieved != Relieved::Recorded {
            None
        } else if by_limit.contains(heap) {
            Some(SkipReason::OverLimit)
        } else {
            let kept = SkipReason::Guaranteed { bytes: kept_bytes };
            for_others.contains(heap).then_some(kept)
        }
    }

    /// Begins the record of a request that tried `attempts` sets of capabilities, `caps` the last.
    #[inline(always)]
    pub(crate) fn begin(
        &mut self,
        request: &AllocRequest<'_>,
        caps: Caps,
        cause: FailureKind,
        attempts: u8,
    ) {
        self.size = request.size;
        self.alignment = request.alignment;
        self.caps = caps;
        self.caller = request.caller;
        self.cause = cause;
        self.described = 0;
        self.attempts = attempts.saturating_add(1);
        self.relieved = match self.relieved {
            Relieved::Announced => Relieved::Recorded,
            Relieved::No | Relieved::Recorded => Relieved::No,
        };
    }

    /// Adds the state of a heap on the route, as long as there is room.
    #[inline(always)]
    pub(crate) fn describe(&mut self, state: HeapState) {
        if let Some(kept) = self.heaps.get_mut(self.described as usize) {
            *kept = state;
            self.described += 1;
        }
    }

    /// Returns what a heap had free, if it was on the route.
    pub(crate) fn state_of(&self, heap: HeapIndex) -> Option<HeapState> {
        let described = self.heaps.iter().take(self.described as usize); // widening
        described.copied().find(|state| state.is_of(heap))
    }

    pub(crate) const fn cause(&self) -> FailureKind {
        self.cause
    }

    pub(crate) const fn caps(&self) -> Caps {
        self.caps
    }

    /// Returns the record without candidates.
    pub(crate) fn without_candidates(&self) -> Option<Failure> {
        Some(Failure {
            size: self.size,
            alignment: self.alignment,
            caps: self.caps,
            attempts: self.attempts.checked_sub(1)?,
            cause: self.cause,
            caller: self.caller,
            granularity: 1,
            whole_lines: false,
            relief: match self.relieved {
                Relieved::Recorded => self.relief,
                Relieved::No | Relieved::Announced => Relief::NONE,
            },
            candidates: [None; DESCRIBED],
            not_described: 0,
        })
    }
}

/// Why a reallocation did not happen. In both cases the old block is as it was.
///
/// `F` is the whole [`Failure`] from functions that do everything in one call, the [`FailureKind`]
/// alone from those for layers with locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReallocateError<F = Failure> {
    /// The address is not one that was handed out.
    Misuse(Misuse),
    /// There is no memory for the new size, or it can't be had.
    Failure(F),
}

impl<F> From<Misuse> for ReallocateError<F> {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl<F: fmt::Display> fmt::Display for ReallocateError<F> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(misuse) => misuse.fmt(out),
            Self::Failure(failure) => failure.fmt(out),
        }
    }
}

impl<F: fmt::Debug + fmt::Display> core::error::Error for ReallocateError<F> {}
