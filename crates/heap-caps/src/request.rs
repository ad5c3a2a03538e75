//! Allocation request: size, alignment, memory, zeros and caller, as every interface hands it down.
//!
//! ```text
//!   malloc(1500, DMA)          ┐
//!   Vec<u8, Dma>, Box::new     ├─► AllocRequest { size, alignment, placement, zeroed, caller }
//!   heap_caps_malloc_prefer    ┘          └─ layout() ─► multi_heap::Request, checked once
//! ```

use core::panic::Location;

use multi_heap::Request;
use soc_regions::{Caps, TypeIndex};

use crate::failure::FailureKind;
use crate::owner::Owner;

/// Memory in which a request may be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement<'a> {
    /// Memory that has all of these capabilities.
    Caps(Caps),
    /// What C's `malloc` uses, see
    /// [`HeapCaps::set_external_threshold`](crate::HeapCaps::set_external_threshold).
    Default,
    /// The first of these sets that has room.
    Prefer(&'a [Caps]),
    /// Memory of this type, whatever its capabilities (`pvPortMallocTagged` of 2016).
    Tag(TypeIndex),
}

/// One allocation or reallocation, as its caller words it.
///
/// A value says nothing about validity: size, alignment and capabilities may be anything. They are
/// checked once, when the heaps are asked.
#[derive(Clone, Copy, Debug)]
pub struct AllocRequest<'a> {
    /// `usize::MAX` where count times size overflowed.
    pub(crate) size: usize,
    pub(crate) alignment: usize,
    pub(crate) placement: Placement<'a>,
    marks: Marks,
    pub(crate) caller: Option<&'static Location<'static>>,
}

/// What else a request says: one word, which is written at once.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(4))]
struct Marks {
    zeroed: bool,
    fail_fast: bool,
    has_owner: bool,
    owner: Owner,
}

impl Marks {
    const NONE: Self = Self {
        zeroed: false,
        fail_fast: false,
        has_owner: false,
        owner: Owner::NOBODY,
    };
}

impl AllocRequest<'_> {
    /// Requests `size` bytes of memory that has `caps`, 4-aligned, on behalf of the
    /// calling code.
    #[must_use]
    #[inline(always)]
    #[track_caller]
    pub const fn new(size: usize, caps: Caps) -> Self {
        Self {
            size,
            alignment: 1,
            placement: Placement::Caps(caps),
            marks: Marks::NONE,
            caller: Some(Location::caller()),
        }
    }

    /// Requests `size` bytes of the memory that C's `malloc` uses.
    #[must_use]
    #[inline(always)]
    #[track_caller]
    pub const fn in_default_memory(size: usize) -> Self {
        Self {
            placement: Placement::Default,
            ..Self::new(size, Caps::empty())
        }
    }

    /// Requests `count` times `size` bytes. A product that overflows is refused as too
    /// large.
    #[must_use]
    #[inline(always)]
    #[track_caller]
    pub const fn array(count: usize, size: usize, caps: Caps) -> Self {
        Self::new(count.saturating_mul(size), caps)
    }

    /// Returns the same request at a multiple of `alignment`, a power of two. The chip may demand
    /// more for some capabilities.
    #[must_use]
    #[inline(always)]
    pub const fn aligned_to(self, alignment: usize) -> Self {
        Self { alignment, ..self }
    }

    /// Returns the same request for `size` bytes.
    #[must_use]
    #[inline(always)]
    pub const fn with_size(self, size: usize) -> Self {
        Self { size, ..self }
    }

    /// Returns the same request, filled with zeros.
    #[must_use]
    #[inline(always)]
    pub const fn zeroed(self) -> Self {
        let mut request = self;
        request.marks.zeroed = true;
        request
    }

    /// Returns the same request, to be refused at once where there is no memory: no shrinker is run
    /// and no emergency reserve is released for it. For interrupt handlers, and for what can do
    /// without.
    #[must_use]
    #[inline(always)]
    pub const fn fail_fast(self) -> Self {
        let mut request = self;
        request.marks.fail_fast = true;
        request
    }

    /// Returns the same request on behalf of `owner`, whoever is the current one: limits of owners
    /// and accounts count its block as this owner's.
    #[must_use]
    #[inline(always)]
    pub const fn on_behalf_of(self, owner: Owner) -> Self {
        let mut request = self;
        request.marks.has_owner = true;
        request.marks.owner = owner;
        request
    }

    /// Returns the same request without a code location: for interfaces that don't know it.
    #[must_use]
    #[inline(always)]
    pub const fn anonymous(self) -> Self {
        Self {
            caller: None,
            ..self
        }
    }

    /// Returns the same request for other memory.
    #[must_use]
    #[inline(always)]
    pub const fn placed(self, placement: Placement<'_>) -> AllocRequest<'_> {
        let Self {
            size,
            alignment,
            marks,
            caller,
            ..
        } = self;
        AllocRequest {
            size,
            alignment,
            placement,
            marks,
            caller,
        }
    }
}

impl<'a> AllocRequest<'a> {
    /// Returns the bytes asked for; `usize::MAX` where count times size overflowed.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Alignment asked for in bytes, 1 where none was.
    #[must_use]
    pub const fn alignment(&self) -> usize {
        self.alignment
    }

    /// Returns the memory asked for.
    #[must_use]
    pub const fn placement(&self) -> Placement<'a> {
        self.placement
    }

    /// Returns whether the alignment is a power of two.
    #[must_use]
    pub const fn is_well_aligned(&self) -> bool {
        self.alignment.is_power_of_two()
    }

    /// Returns whether the block is to be filled with zeros.
    #[must_use]
    #[inline(always)]
    pub const fn is_zeroed(&self) -> bool {
        self.marks.zeroed
    }

    /// Returns whether the request is refused at once where there is no memory.
    #[must_use]
    pub const fn is_fail_fast(&self) -> bool {
        self.marks.fail_fast
    }

    /// On whose behalf the block is allocated, if the request says so; else on that of the current
    /// owner.
    #[must_use]
    #[inline(always)]
    pub const fn owner(&self) -> Option<Owner> {
        if self.marks.has_owner {
            Some(self.marks.owner)
        } else {
            None
        }
    }

    /// Returns the code location that made the request, if known.
    #[must_use]
    #[inline(always)]
    pub const fn caller(&self) -> Option<&'static Location<'static>> {
        self.caller
    }

    /// Returns whether the first memory tried is executable, and a block may be known by its
    /// address on the instruction side.
    #[must_use]
    #[inline(always)]
    pub const fn is_for_code(&self) -> bool {
        match self.placement {
            Placement::Caps(caps) | Placement::Prefer(&[caps, ..]) => caps.contains(Caps::EXEC),
            Placement::Default | Placement::Tag(_) | Placement::Prefer(_) => false,
        }
    }

    /// Returns why the request is refused without looking at a heap, if it is. Zero sizes are
    /// decided here and nowhere else.
    pub(crate) const fn early_failure(&self) -> Option<FailureKind> {
        if self.size == 0 {
            Some(FailureKind::ZeroSize)
        } else if !self.alignment.is_power_of_two() {
            Some(FailureKind::BadAlignment)
        } else if self.size > Request::MAX_SIZE as usize
            || self.alignment > Request::MAX_ALIGNMENT as usize
        {
            Some(FailureKind::TooLarge)
        } else {
            None
        }
    }

    /// Returns the size and alignment where the alignment is at most 8; `None` for others, and if
    /// one of them is impossible. A few instructions.
    #[must_use]
    #[inline(always)]
    pub const fn plain_layout(&self) -> Option<Request> {
        Request::plain(self.size, self.alignment)
    }

    /// Returns the size and alignment as a heap takes them; `None` if one of them is impossible.
    #[must_use]
    #[inline(always)]
    pub const fn layout(&self) -> Option<Request> {
        Request::aligned(self.size, self.alignment)
    }
}
