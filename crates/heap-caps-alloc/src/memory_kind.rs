//! Memory kinds as types: what the typed allocators are made of.
//!
//! ```text
//!   CapsAllocator<H, CAPS>                 memory that has all of CAPS     one request
//!   Prefer<CapsAllocator, CapsAllocator>   the first if it can be had,     one request with
//!                 │                        else the second                 two choices
//!                 └ H: HeapRef             which heap: a type without size, or a reference
//! ```

use core::alloc::Layout;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::ptr::NonNull;

use heap_caps::{AllocRequest, Failure, Observer, Owner, Placement};
use multi_heap::Poison;
use soc_regions::Caps;

use crate::heap::CapsHeap;
use crate::lock::RawLock;
use crate::shared::SharedHeap;

/// Heap reference: which heap a typed allocator or a buffer uses.
///
/// [`heap_ref!`](crate::heap_ref) makes a type without size of a `static` heap; a reference to a
/// heap is one too.
///
/// # Safety
///
/// - `heap` returns the same heap at every call, of clones too, and as long as any of them lives.
///
/// Safe code can't answer differently each time:
///
/// ```compile_fail,E0200
/// use heap_caps_alloc::{CapsHeap, HeapRef, Unlocked};
///
/// #[derive(Clone)]
/// struct ByTurns(&'static [CapsHeap<Unlocked>], &'static core::cell::Cell<usize>);
///
/// impl HeapRef for ByTurns {
///     type Heap = CapsHeap<Unlocked>;
///
///     fn heap(&self) -> &Self::Heap {
///         self.1.set(self.1.get() + 1);
///         &self.0[self.1.get() % 2]
///     }
/// }
/// ```
pub unsafe trait HeapRef: Clone {
    /// The type of the heap.
    type Heap: SharedHeap;

    /// Returns the heap.
    fn heap(&self) -> &Self::Heap;
}

// SAFETY: a shared reference and its copies lead to one heap.
unsafe impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> HeapRef
    for &CapsHeap<L, P, O, HEAPS>
{
    type Heap = CapsHeap<L, P, O, HEAPS>;

    fn heap(&self) -> &Self::Heap {
        self
    }
}

/// Memory for Rust values, chosen by capabilities at compile time: an allocator.
pub trait MemoryKind {
    /// Which heap.
    type Ref: HeapRef;

    /// Capability sets, the first that can be met wins.
    const CHOICES: Choices;

    /// Returns the heap.
    fn heap_ref(&self) -> &Self::Ref;

    /// On whose behalf blocks are allocated; `None` for the current owner. See [`OwnedBy`].
    fn owner(&self) -> Option<Owner> {
        None
    }

    /// Returns the request for a block of `layout`.
    #[doc(hidden)]
    fn request(&self, layout: Layout) -> AllocRequest<'static> {
        let request = AllocRequest::new(layout.size(), Caps::empty())
            .aligned_to(layout.align())
            .placed(const { Placement::Prefer(Self::CHOICES.as_slice()) })
            .anonymous();
        match self.owner() {
            Some(owner) => request.on_behalf_of(owner),
            None => request,
        }
    }

    /// Allocates a block for `layout` as soon as there is memory: what a `Box` or `Vec` of this
    /// allocator can be made of. See [`CapsHeap::allocate_async`].
    ///
    /// ```
    /// # #[cfg(feature = "allocator-api2-04")] {
    /// use core::alloc::Layout;
    /// use allocator_api2_04::vec::Vec;
    /// use heap_caps_alloc::{Dma, HeapRef, MemoryKind};
    ///
    /// /// Room for `count` samples, when others have made it.
    /// async fn samples<H: HeapRef>(dma: Dma<H>, count: usize) -> Option<Vec<u16, Dma<H>>> {
    ///     let layout = Layout::array::<u16>(count).ok()?;
    ///     let block = dma.allocate_async(layout).await.ok()?;
    ///     // SAFETY: a block of this allocator, of this layout, and of no values yet.
    ///     Some(unsafe { Vec::from_raw_parts_in(block.cast().as_ptr(), 0, count, dma) })
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// No heap could ever serve it; size 0 is refused.
    fn allocate_async(&self, layout: Layout) -> impl Future<Output = Result<NonNull<u8>, Failure>> {
        self.heap_ref().heap().allocate_async(self.request(layout))
    }
}

/// Most sets that preferences can name.
pub const CHOICES: usize = 4;

/// One to [`CHOICES`] sets of capabilities, in order of preference. Having one says that each
/// demands bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    caps: [Caps; CHOICES],
    count: usize,
}

impl Choices {
    /// Returns one set.
    ///
    /// # Panics
    /// When compiled, if the set can't hold Rust values: it does not ask for `8BIT`, so a byte
    /// access might fault; or it asks for `EXEC` or `INVALID`, which no memory has together with
    /// `8BIT`.
    #[must_use]
    pub(crate) const fn one(caps: Caps) -> Self {
        assert!(
            caps.contains(Caps::BIT8),
            "Rust values need byte-addressable memory: ask for 8BIT too, or use a WordBuffer"
        );
        assert!(
            !caps.intersects(Caps::EXEC.union(Caps::INVALID)),
            "no memory takes bytes and is EXEC or INVALID: use a CodeBuffer for code"
        );
        Self {
            caps: [caps; CHOICES],
            count: 1,
        }
    }

    /// These, then `others`.
    ///
    /// # Panics
    /// When compiled, if there are more than [`CHOICES`] sets.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "evaluated when compiled; both counts are at most CHOICES"
    )]
    pub(crate) const fn then(mut self, others: Self) -> Self {
        assert!(
            self.count + others.count <= CHOICES,
            "too many preferences in one allocator"
        );
        let mut next = 0;
        while next < others.count {
            self.caps[self.count] = others.caps[next];
            self.count += 1;
            next += 1;
        }
        self
    }

    /// Returns the sets.
    #[must_use]
    pub const fn as_slice(&self) -> &[Caps] {
        self.caps.split_at(self.count).0 // at most CHOICES
    }
}

/// Memory that has all capabilities of `CAPS` (the bits of [`Caps`]).
///
/// A set without `8BIT` does not compile, because a byte access to word-only memory faults:
///
/// ```compile_fail,E0080
/// use heap_caps_alloc::{CapsHeap, CapsAllocator, Unlocked};
/// use soc_regions::Caps;
///
/// let heap: CapsHeap<Unlocked> = CapsHeap::new(());
/// let iram: CapsAllocator<_, { Caps::BIT32.bits() }> = CapsAllocator::of(&heap);
/// ```
///
/// Nor does one with `EXEC`, which no memory has together with bytes:
///
/// ```compile_fail,E0080
/// # use heap_caps_alloc::{CapsHeap, CapsAllocator, Unlocked};
/// # use soc_regions::Caps;
/// # let heap: CapsHeap<Unlocked> = CapsHeap::new(());
/// let code: CapsAllocator<_, { Caps::EXEC.union(Caps::BIT8).bits() }> = CapsAllocator::of(&heap);
/// ```
///
/// With `8BIT` it does:
///
/// ```
/// # use heap_caps_alloc::{CapsHeap, CapsAllocator, Unlocked};
/// # use soc_regions::Caps;
/// # let heap: CapsHeap<Unlocked> = CapsHeap::new(());
/// let data: CapsAllocator<_, { Caps::BIT32.union(Caps::BIT8).bits() }> = CapsAllocator::of(&heap);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CapsAllocator<H, const CAPS: u32>(H);

impl<H: HeapRef, const CAPS: u32> CapsAllocator<H, CAPS> {
    /// Such memory of a heap.
    pub const fn of(heap: H) -> Self {
        const { assert!(Self::CHOICES.count == 1) };
        Self(heap)
    }
}

impl<H: HeapRef + Default, const CAPS: u32> Default for CapsAllocator<H, CAPS> {
    fn default() -> Self {
        Self::of(H::default())
    }
}

impl<H: HeapRef, const CAPS: u32> MemoryKind for CapsAllocator<H, CAPS> {
    type Ref = H;

    const CHOICES: Choices = Choices::one(Caps::from_bits_retain(CAPS));

    fn heap_ref(&self) -> &H {
        &self.0
    }
}

impl<H, const CAPS: u32> fmt::Debug for CapsAllocator<H, CAPS> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "CapsAllocator({})", Caps::from_bits_retain(CAPS))
    }
}

/// Memory as `A` describes it, or, where there is none, as `B` does.
///
/// A block that grows is moved to the first choice that has room, so it may come back from the
/// second.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Prefer<A, B> {
    first: A,
    second: PhantomData<fn() -> B>,
}

impl<A: MemoryKind, B: MemoryKind<Ref = A::Ref>> Prefer<A, B> {
    /// `first`, or else such memory as `B` describes, of the same heap.
    pub const fn new(first: A) -> Self {
        const { assert!(Self::CHOICES.count > 1) };
        Self {
            first,
            second: PhantomData,
        }
    }
}

impl<A: MemoryKind + Default, B: MemoryKind<Ref = A::Ref>> Default for Prefer<A, B> {
    fn default() -> Self {
        Self::new(A::default())
    }
}

impl<A, B> Prefer<A, B> {
    /// Returns the first choice.
    pub const fn first(&self) -> &A {
        &self.first
    }
}

impl<A: MemoryKind, B: MemoryKind<Ref = A::Ref>> MemoryKind for Prefer<A, B> {
    type Ref = A::Ref;

    const CHOICES: Choices = A::CHOICES.then(B::CHOICES);

    fn heap_ref(&self) -> &A::Ref {
        self.first.heap_ref()
    }
}

impl<A: fmt::Debug, B> fmt::Debug for Prefer<A, B> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Prefer({:?}, …)", self.first)
    }
}

/// Memory as `A` describes it, on behalf of a fixed owner: for a TLS session, a driver.
/// Limits of the owner ([`PressureControl::limit_owner`](crate::PressureControl::limit_owner)) and
/// accounts (`heap_trace::Ledger`) count the blocks as its own.
///
/// ```
/// # #[cfg(feature = "allocator-api2-04")] {
/// use allocator_api2_04::vec::Vec;
/// use heap_caps::Owner;
/// use heap_caps_alloc::{CapsHeap, Internal, OwnedBy, SpinLock, heap_ref};
///
/// static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
/// heap_ref!(struct Chip = HEAP: CapsHeap<SpinLock>);
/// const TLS: OwnedBy<Internal<Chip>> = OwnedBy::new(Internal::of(Chip), Owner(3));
///
/// let mut session: Vec<u8, _> = Vec::new_in(TLS);
/// # drop(session.try_reserve(1));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnedBy<A> {
    kind: A,
    owner: Owner,
}

impl<A: MemoryKind> OwnedBy<A> {
    /// Such memory as `kind` describes, on behalf of `owner`.
    pub const fn new(kind: A, owner: Owner) -> Self {
        Self { kind, owner }
    }

    /// Returns the memory.
    pub const fn kind(&self) -> &A {
        &self.kind
    }
}

impl<A: MemoryKind> MemoryKind for OwnedBy<A> {
    type Ref = A::Ref;

    const CHOICES: Choices = A::CHOICES;

    fn heap_ref(&self) -> &A::Ref {
        self.kind.heap_ref()
    }

    fn owner(&self) -> Option<Owner> {
        Some(self.owner)
    }
}

const fn bits(caps: Caps) -> u32 {
    caps.bits()
}

/// On the chip, usable while the caches of flash and PSRAM are off.
pub type Internal<H> = CapsAllocator<H, { bits(Caps::BIT8.union(Caps::INTERNAL)) }>;
/// On the chip, reached by DMA engines.
pub type Dma<H> = CapsAllocator<H, { bits(Caps::BIT8.union(Caps::DMA).union(Caps::INTERNAL)) }>;
/// PSRAM. **No atomics:** they do not work there on ESP32, ESP32-S2 and ESP32-S3, nor does anything
/// while the caches are off.
pub type Spiram<H> = CapsAllocator<H, { bits(Caps::BIT8.union(Caps::SPIRAM)) }>;
/// What plain `malloc` may hand out.
pub type Default8Bit<H> = CapsAllocator<H, { bits(Caps::BIT8.union(Caps::DEFAULT)) }>;
/// RTC fast memory, which keeps its contents in deep sleep.
pub type Rtc<H> = CapsAllocator<H, { bits(Caps::BIT8.union(Caps::RTCRAM)) }>;
/// Reached by the retention DMA.
pub type Retention<H> = CapsAllocator<H, { bits(Caps::BIT8.union(Caps::RETENTION)) }>;
/// PSRAM, or internal memory where there is none left. **No atomics**, see [`Spiram`].
pub type SpiramOrInternal<H> = Prefer<Spiram<H>, Internal<H>>;
/// Internal memory, or PSRAM where there is none left. **No atomics**, see [`Spiram`].
pub type InternalOrSpiram<H> = Prefer<Internal<H>, Spiram<H>>;

/// Makes a [`HeapRef`] without size of a `static` heap.
///
/// ```
/// use heap_caps_alloc::{CapsHeap, Dma, SpinLock, heap_ref};
///
/// static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
/// heap_ref!(pub struct Chip = HEAP: CapsHeap<SpinLock>);
///
/// let dma = Dma::<Chip>::default();
/// assert_eq!(size_of_val(&dma), 0);
/// assert_eq!(format!("{dma:?}"), "CapsAllocator(8BIT|DMA|INTERNAL)");
/// ```
#[macro_export]
macro_rules! heap_ref {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident = $heap:ident: $type:ty) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        $visibility struct $name;

        // SAFETY: a static is one heap for ever.
        unsafe impl $crate::HeapRef for $name {
            type Heap = $type;

            fn heap(&self) -> &Self::Heap {
                &$heap
            }
        }
    };
}
