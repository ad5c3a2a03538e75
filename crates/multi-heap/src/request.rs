//! Requests: size, alignment and offset of an allocation, checked once.

/// Size, alignment and alignment offset of one allocation, with every bound already checked.
///
/// Having a `Request` says: the size is 1 to [`Request::MAX_SIZE`] bytes, the alignment a power of
/// two from 4 bytes up to [`Request::MAX_ALIGNMENT`], the offset a multiple of 4 that lies inside
/// the size. Sums of these three and of all that the heap adds (header, canaries, gap) fit into 32
/// bits, so no layer below checks for overflow again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    size: u32,
    alignment: u32,
    offset: u32,
}

impl Request {
    /// Largest size in bytes: 1 GiB, far above any region, low enough that sums of a few sizes stay
    /// below 2³².
    pub const MAX_SIZE: u32 = 1 << 30;
    /// Largest alignment in bytes: 256 MiB.
    pub const MAX_ALIGNMENT: u32 = 1 << 28;
    /// Smallest alignment in bytes, the one that every block has.
    pub const MIN_ALIGNMENT: u32 = 4;

    /// Creates a request for `size` bytes at the natural alignment of 4; `None` for 0 and for sizes
    /// above [`Self::MAX_SIZE`].
    #[must_use]
    pub const fn new(size: usize) -> Option<Self> {
        Self::aligned(size, Self::MIN_ALIGNMENT as usize)
    }

    /// Creates a request for `size` bytes at a multiple of `alignment`; `None` also where
    /// `alignment` is not a power of two or above [`Self::MAX_ALIGNMENT`]. Alignments below 4 count
    /// as 4.
    #[must_use]
    pub const fn aligned(size: usize, alignment: usize) -> Option<Self> {
        Self::aligned_at(size, alignment, 0)
    }

    /// Creates a request at an alignment of at most 8; `None` where [`Self::aligned`] returns
    /// `None`, and for larger alignments. Takes a few instructions.
    #[must_use]
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the size is compared with a bound below 2^32 first"
    )]
    pub const fn plain(size: usize, alignment: usize) -> Option<Self> {
        let size_fits = size.wrapping_sub(1) < Self::MAX_SIZE as usize;
        if !size_fits || alignment > 8 || !alignment.is_power_of_two() {
            return None;
        }
        Some(Self {
            size: size as u32,
            alignment: if alignment > 4 { 8 } else { 4 },
            offset: 0,
        })
    }

    /// Creates a request whose byte at `offset` (rounded up to a multiple of 4) is aligned, rather
    /// than its first byte. `size` counts the bytes before the offset too. `None` also where
    /// `offset` is above `size`.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "each value is compared with a bound below 2^32 first"
    )]
    pub const fn aligned_at(size: usize, alignment: usize, offset: usize) -> Option<Self> {
        let size_fits = size != 0 && size <= Self::MAX_SIZE as usize;
        let alignment_fits =
            alignment.is_power_of_two() && alignment <= Self::MAX_ALIGNMENT as usize;
        if !size_fits || !alignment_fits || offset > size {
            return None;
        }
        let alignment = if alignment < Self::MIN_ALIGNMENT as usize {
            Self::MIN_ALIGNMENT
        } else {
            alignment as u32
        };
        Some(Self {
            size: size as u32,
            alignment,
            offset: (offset as u32).next_multiple_of(4),
        })
    }

    /// Returns the bytes asked for.
    #[must_use]
    pub const fn size(self) -> u32 {
        self.size
    }

    /// Alignment in bytes, at least 4.
    #[must_use]
    pub const fn alignment(self) -> u32 {
        self.alignment
    }

    /// Returns which byte of the block is the aligned one; a multiple of 4.
    #[must_use]
    pub const fn offset(self) -> u32 {
        self.offset
    }

    /// Returns whether the alignment is 4 or 8, at the first byte: most allocations.
    #[inline(always)]
    pub(crate) const fn is_ordinary(self) -> bool {
        self.alignment == Self::MIN_ALIGNMENT
            || self.alignment == 2 * Self::MIN_ALIGNMENT && self.offset == 0
    }

    /// Returns the same request at a multiple of `alignment` too; `None` where that is not a power
    /// of two or above [`Self::MAX_ALIGNMENT`].
    #[must_use]
    pub const fn aligned_to(self, alignment: u32) -> Option<Self> {
        if !alignment.is_power_of_two() || alignment > Self::MAX_ALIGNMENT {
            return None;
        }
        Some(Self {
            alignment: if alignment > self.alignment {
                alignment
            } else {
                self.alignment
            },
            ..self
        })
    }

    /// The same request with its size rounded up to a multiple of `multiple`; `None` above
    /// [`Self::MAX_SIZE`] or where `multiple` is 0.
    #[must_use]
    pub const fn rounded_up_to(self, multiple: u32) -> Option<Self> {
        if multiple == 0 {
            return None;
        }
        match self.size.checked_next_multiple_of(multiple) {
            Some(size) if size <= Self::MAX_SIZE => Some(Self { size, ..self }),
            _ => None,
        }
    }

    /// The same request, `bytes` larger at its end; `None` above [`Self::MAX_SIZE`].
    #[must_use]
    pub const fn grown_by(self, bytes: u32) -> Option<Self> {
        match self.size.checked_add(bytes) {
            Some(size) if size <= Self::MAX_SIZE => Some(Self { size, ..self }),
            _ => None,
        }
    }
}
