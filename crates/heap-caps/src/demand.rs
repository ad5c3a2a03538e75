//! What a caller asks for, before anything is decided.

use core::panic::Location;

use multi_heap::Request;
use soc_regions::Caps;

use crate::failure::Cause;

/// One allocation as its caller words it.
///
/// Having one says nothing yet: size, alignment and capabilities may be anything. They are judged in one place, when the demand is
/// made of the heaps.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    pub(crate) size: usize,
    pub(crate) alignment: usize,
    pub(crate) caps: Caps,
    pub(crate) zeroed: bool,
    pub(crate) overflow: bool,
    pub(crate) caller: Option<&'static Location<'static>>,
}

impl Demand {
    /// `size` bytes of memory that has `caps`, at the natural alignment of 4.
    #[must_use]
    pub const fn new(size: usize, caps: Caps) -> Self {
        Self {
            size,
            alignment: 1,
            caps,
            zeroed: false,
            overflow: false,
            caller: None,
        }
    }

    /// `count` times `size` bytes. An overflow is refused with the rest of the impossible sizes.
    #[must_use]
    pub const fn array(count: usize, size: usize, caps: Caps) -> Self {
        let bytes = count.checked_mul(size);
        Self {
            overflow: bytes.is_none(),
            ..Self::new(count.saturating_mul(size), caps)
        }
    }

    /// The same at a multiple of `alignment`, a power of two. The chip may demand more for some capabilities.
    #[must_use]
    pub const fn aligned_to(self, alignment: usize) -> Self {
        Self { alignment, ..self }
    }

    /// The same, filled with zeros.
    #[must_use]
    pub const fn zeroed(self) -> Self {
        Self {
            zeroed: true,
            ..self
        }
    }

    /// The same, on behalf of whoever called the function around.
    #[must_use]
    pub const fn from(self, caller: &'static Location<'static>) -> Self {
        Self {
            caller: Some(caller),
            ..self
        }
    }

    /// Bytes asked for; `usize::MAX` where count times size overflowed.
    #[must_use]
    pub const fn size(&self) -> usize {
        if self.overflow { usize::MAX } else { self.size }
    }

    /// Capabilities asked for.
    #[must_use]
    pub const fn caps(&self) -> Caps {
        self.caps
    }

    /// Why it can be refused without looking at a heap. Zero sizes are decided here and nowhere else.
    pub(crate) const fn refusal(&self) -> Option<Cause> {
        if self.size == 0 {
            Some(Cause::ZeroSize)
        } else if !self.alignment.is_power_of_two() {
            Some(Cause::BadAlignment)
        } else if self.overflow || self.size > Request::MAX_SIZE as usize {
            Some(Cause::TooLarge)
        } else {
            None
        }
    }

    /// The request to one heap that meets this demand, start and size in multiples of `unit`; `None` where sizes or alignments are
    /// beyond any heap.
    pub(crate) fn request(&self, unit: u32) -> Option<Request> {
        let request = Request::aligned(self.size, self.alignment.max(4).max(unit as usize))?; // widening
        match unit {
            1 => Some(request),
            unit => request.rounded_up_to(unit),
        }
    }
}
