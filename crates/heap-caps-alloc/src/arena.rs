//! Arenas: memory for a phase, allocated by bumping a pointer and freed all at once.
//!
//! ```text
//!   one block of the heap   | lasting ► ........ free ........ ◄ scratch |
//!                                     bottom                    top
//! ```

use core::alloc::Layout;
use core::cell::Cell;
use core::fmt;
use core::ptr::NonNull;

use heap_caps::{AllocRequest, Failure, Owner};
use soc_regions::Caps;

use crate::buffer::Owned;
use crate::memory_kind::HeapRef;

/// One block of a heap from which a phase of the program allocates: start-up, a request, a frame.
///
/// `&Arena` is an allocator (features `allocator-api2-…`): an allocation moves a pointer, a free of
/// the last block moves it back, and any other free waits for [`Arena::reset`] or the end of the
/// arena. Nothing of the phase is left in the heap, neither bytes nor holes. [`Arena::scratch`]
/// allocates from the other end, for what does not even live as long as the phase.
///
/// The compiler sees to it that nothing outlives the arena. What was forgotten in it (its
/// destructor did not run) is what [`Arena::finish`] reports. Dropping frees the block; if somebody
/// wrote past its end, that is reported as for every block.
///
/// ```
/// # #[cfg(feature = "allocator-api2-04")] {
/// use allocator_api2_04::{boxed::Box, vec::Vec};
/// use heap_caps_alloc::{Arena, CapsHeap, SpinLock};
/// use soc_regions::Caps;
///
/// static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
/// # let memory = std::boxed::Box::leak(vec![std::mem::MaybeUninit::uninit(); 32_768].into_boxed_slice());
/// # HEAP.add_buffer([Caps::BIT8 | Caps::DEFAULT, Caps::empty(), Caps::empty()], memory).unwrap();
/// let before = HEAP.inspect().free_size(Caps::BIT8);
/// let mut arena = Arena::new(&HEAP, Caps::BIT8, 4096).unwrap();
/// for request in 0..3 {
///     let mut headers = Vec::new_in(&arena);
///     headers.extend([request, 200, 304]);
///     let body = Box::new_in([0_u8; 512], &arena);
///     assert_eq!((headers[0], body.len()), (request, 512));
///     drop((headers, body));
///     arena.reset(); // does not compile while anything of it is in use
/// }
/// assert!(arena.peak() < 1024);
/// assert_eq!(arena.finish(), Ok(()));
/// assert_eq!(HEAP.inspect().free_size(Caps::BIT8), before);
/// # }
/// ```
///
/// What is allocated in an arena cannot outlive it:
///
/// ```compile_fail,E0505
/// # use allocator_api2_04::vec::Vec;
/// # use heap_caps_alloc::{Arena, CapsHeap, Unlocked};
/// # use soc_regions::Caps;
/// # let heap: CapsHeap<Unlocked> = CapsHeap::new(());
/// let arena = Arena::new(&heap, Caps::BIT8, 4096).unwrap();
/// let numbers = Vec::<u32, _>::new_in(&arena);
/// drop(arena);
/// drop(numbers);
/// ```
pub struct Arena<H: HeapRef> {
    block: Owned<H>,
    bump: Bump,
}

/// What was still allocated at the end of an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftInArena {
    /// Blocks that were not freed.
    pub blocks: usize,
}

impl fmt::Display for LeftInArena {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} blocks were still allocated at the end of an arena",
            self.blocks
        )
    }
}

impl core::error::Error for LeftInArena {}

impl<H: HeapRef> Arena<H> {
    /// Creates an arena of `bytes` in memory that has all of `caps`.
    ///
    /// # Errors
    /// As [`CapsHeap::malloc`](crate::CapsHeap::malloc).
    #[track_caller]
    #[expect(
        clippy::result_large_err,
        reason = "an arena that can't be had wants an explanation"
    )]
    pub fn new(heap: H, caps: Caps, bytes: usize) -> Result<Self, Failure> {
        Self::of(heap, &Self::request(caps, bytes))
    }

    /// The same arena on the account of `owner`, whoever runs: its limits hold for it.
    ///
    /// ```
    /// use heap_caps::Owner;
    /// use heap_caps_alloc::{Arena, CapsHeap, OwnerAccounts, OwnerLimits, SpinLock};
    /// use soc_regions::Caps;
    ///
    /// const TLS: Owner = Owner(3);
    /// static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
    /// # let memory = Box::leak(vec![std::mem::MaybeUninit::uninit(); 32_768].into_boxed_slice());
    /// # HEAP.add_buffer([Caps::BIT8, Caps::empty(), Caps::empty()], memory).unwrap();
    /// let accounts = Box::leak(Box::new(OwnerAccounts::<4, 64>::new()));
    /// HEAP.pressure().open_accounts(accounts, || Owner::NOBODY).unwrap();
    /// let limits = OwnerLimits::new(TLS, "tls", Caps::BIT8).at_most(8192);
    /// HEAP.pressure().limit_owner(limits).unwrap();
    ///
    /// let handshake = Arena::owned_by(&HEAP, TLS, Caps::BIT8, 6000).unwrap();
    /// assert!(Arena::owned_by(&HEAP, TLS, Caps::BIT8, 6000).is_err());
    /// assert!(Arena::new(&HEAP, Caps::BIT8, 6000).is_ok(), "others are served");
    /// # drop(handshake);
    /// ```
    ///
    /// # Errors
    /// As [`Arena::new`].
    #[track_caller]
    #[expect(
        clippy::result_large_err,
        reason = "an arena that can't be had wants an explanation"
    )]
    pub fn owned_by(heap: H, owner: Owner, caps: Caps, bytes: usize) -> Result<Self, Failure> {
        Self::of(heap, &Self::request(caps, bytes).on_behalf_of(owner))
    }

    /// Rust values are accessed by bytes, whatever the memory is for.
    #[track_caller]
    const fn request(caps: Caps, bytes: usize) -> AllocRequest<'static> {
        AllocRequest::new(bytes, caps.union(Caps::BIT8))
    }

    #[expect(
        clippy::result_large_err,
        reason = "an arena that can't be had wants an explanation"
    )]
    fn of(heap: H, request: &AllocRequest<'_>) -> Result<Self, Failure> {
        let block = Owned::new(heap, request)?;
        let start = block.start().addr().get();
        let bytes = request.size();
        Ok(Self {
            block,
            bump: Bump::new(start, bytes),
        })
    }

    /// Returns the bytes of the arena.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.bump.end - self.bump.start
    }

    /// Returns the bytes between the two ends that can still be allocated.
    #[must_use]
    pub const fn free(&self) -> usize {
        self.bump.top.get() - self.bump.bottom.get()
    }

    /// Returns the most bytes that were ever allocated at one time, gaps of alignment included.
    #[must_use]
    pub const fn peak(&self) -> usize {
        self.bump.peak.get()
    }

    /// Returns the blocks that are allocated.
    #[must_use]
    pub const fn blocks(&self) -> usize {
        self.bump.blocks.get()
    }

    /// Frees everything at once. O(1).
    pub const fn reset(&mut self) {
        self.bump.reset();
    }

    /// Ends the arena, as dropping does, and reports what was forgotten in it.
    ///
    /// # Errors
    /// Some blocks were never freed: their destructors have not run.
    pub fn finish(self) -> Result<(), LeftInArena> {
        match self.blocks() {
            0 => Ok(()),
            blocks => Err(LeftInArena { blocks }),
        }
    }

    /// The same arena, allocating from its other end: for what is freed soon. The blocks of each
    /// end are a stack of their own, so that scratch memory comes back although lasting blocks were
    /// allocated meanwhile.
    #[must_use]
    pub const fn scratch(&self) -> Scratch<'_, H> {
        Scratch(self)
    }

    /// Allocates the bytes for `layout`, which end with the arena; `None` if there is no room.
    /// O(1).
    #[must_use]
    pub fn allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
        self.at(self.bump.allocate(End::Bottom, layout)?)
    }

    /// Returns the pointer to an address in the arena.
    fn at(&self, address: usize) -> Option<NonNull<u8>> {
        let start = self.block.start();
        NonNull::new(start.as_ptr().with_addr(address))
    }
}

impl<H: HeapRef> fmt::Debug for Arena<H> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (free, capacity) = (self.free(), self.capacity());
        write!(out, "Arena({free} of {capacity} bytes free)")
    }
}

/// The other end of an [`Arena`], as an allocator: see [`Arena::scratch`].
pub struct Scratch<'a, H: HeapRef>(&'a Arena<H>);

impl<H: HeapRef> Clone for Scratch<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H: HeapRef> Copy for Scratch<'_, H> {}

impl<H: HeapRef> Scratch<'_, H> {
    /// Allocates the bytes for `layout`, which end with the arena; `None` if there is no room.
    /// O(1).
    #[must_use]
    pub fn allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.at(self.0.bump.allocate(End::Top, layout)?)
    }
}

/// An end of an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Bottom,
    Top,
}

/// The arithmetic of an arena, in addresses. **Invariant:** `start <= bottom <= top <= end`; no
/// block lies between `bottom` and `top`.
#[derive(Debug)]
struct Bump {
    start: usize,
    end: usize,
    bottom: Cell<usize>,
    top: Cell<usize>,
    peak: Cell<usize>,
    blocks: Cell<usize>,
}

impl Bump {
    const fn new(start: usize, bytes: usize) -> Self {
        let end = start.saturating_add(bytes);
        Self {
            start,
            end,
            bottom: Cell::new(start),
            top: Cell::new(end),
            peak: Cell::new(0),
            blocks: Cell::new(0),
        }
    }

    const fn reset(&mut self) {
        *self.bottom.get_mut() = self.start;
        *self.top.get_mut() = self.end;
        *self.blocks.get_mut() = 0;
    }

    /// Returns the address of a new block at one end.
    fn allocate(&self, end: End, layout: Layout) -> Option<usize> {
        let address = match end {
            End::Bottom => {
                let address = self.bottom.get().checked_next_multiple_of(layout.align())?;
                let behind = address.checked_add(layout.size())?;
                (behind <= self.top.get()).then(|| self.bottom.set(behind))?;
                address
            }
            End::Top => {
                let address = self.top.get().checked_sub(layout.size())?;
                let address = address - address % layout.align();
                (address >= self.bottom.get()).then(|| self.top.set(address))?;
                address
            }
        };
        self.blocks.set(self.blocks.get().saturating_add(1));
        self.note_peak();
        Some(address)
    }

    /// Frees a block: its bytes are there again if it is the last one of its end.
    #[cfg(any(
        test,
        feature = "allocator-api2-02",
        feature = "allocator-api2-03",
        feature = "allocator-api2-04"
    ))]
    fn free(&self, address: usize, layout: Layout) {
        self.blocks.set(self.blocks.get().saturating_sub(1));
        let behind = address.saturating_add(layout.size());
        if behind == self.bottom.get() {
            self.bottom.set(address);
        } else if address == self.top.get() {
            self.top.set(behind.min(self.end));
        }
        if self.blocks.get() == 0 {
            self.bottom.set(self.start);
            self.top.set(self.end);
        }
    }

    /// Gives a block another size where it is, if it is the last one of the bottom end or shrinks.
    #[cfg(any(
        test,
        feature = "allocator-api2-02",
        feature = "allocator-api2-03",
        feature = "allocator-api2-04"
    ))]
    fn resize(&self, address: usize, old: Layout, new: Layout) -> bool {
        if !address.is_multiple_of(new.align()) {
            return false;
        }
        let is_last = address.saturating_add(old.size()) == self.bottom.get();
        if !is_last {
            return new.size() <= old.size();
        }
        let behind = address.checked_add(new.size());
        let Some(behind) = behind.filter(|&behind| behind <= self.top.get()) else {
            return false;
        };
        self.bottom.set(behind);
        self.note_peak();
        true
    }

    fn note_peak(&self) {
        let used = (self.bottom.get() - self.start) + (self.end - self.top.get());
        self.peak.set(self.peak.get().max(used));
    }
}

#[cfg(any(
    feature = "allocator-api2-02",
    feature = "allocator-api2-03",
    feature = "allocator-api2-04"
))]
mod allocator {
    use super::{Arena, Bump, End, HeapRef, Layout, NonNull, Scratch};
    use crate::blocks::{Blocks, Changed};

    impl<H: HeapRef> Arena<H> {
        fn allocate_at(&self, end: End, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
            let block = self.at(self.bump.allocate(end, layout)?)?;
            if zeroed {
                // SAFETY: a new block, of that size.
                unsafe { block.write_bytes(0, layout.size()) };
            }
            Some(block)
        }
    }

    impl Bump {
        fn change(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Changed {
            if self.resize(block.addr().get(), old, new) {
                Changed::To(block)
            } else {
                Changed::Moves
            }
        }
    }

    // SAFETY:
    // - the arena is borrowed, so it is neither reset nor dropped, and its bytes do not move with
    //   it; copies lead to one arena;
    // - no two blocks overlap (invariant of `Bump`), each has the size and alignment of its layout;
    //   the memory takes bytes.
    unsafe impl<H: HeapRef> Blocks for &Arena<H> {
        fn allocate_block(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
            self.allocate_at(End::Bottom, layout, zeroed)
        }

        unsafe fn free_block(&self, block: NonNull<u8>, layout: Layout) {
            self.bump.free(block.addr().get(), layout);
        }

        unsafe fn change(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Changed {
            self.bump.change(block, old, new)
        }
    }

    // SAFETY: as above.
    unsafe impl<H: HeapRef> Blocks for Scratch<'_, H> {
        fn allocate_block(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
            self.0.allocate_at(End::Top, layout, zeroed)
        }

        unsafe fn free_block(&self, block: NonNull<u8>, layout: Layout) {
            self.0.bump.free(block.addr().get(), layout);
        }

        unsafe fn change(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Changed {
            self.0.bump.change(block, old, new)
        }
    }

    #[cfg(feature = "allocator-api2-02")]
    crate::allocators!(
        allocator_api2_02::alloc: ['a, H: HeapRef] &'a Arena<H>, ['a, H: HeapRef] Scratch<'a, H>
    );
    #[cfg(feature = "allocator-api2-03")]
    crate::allocators!(
        allocator_api2_03::alloc: ['a, H: HeapRef] &'a Arena<H>, ['a, H: HeapRef] Scratch<'a, H>
    );
    #[cfg(feature = "allocator-api2-04")]
    crate::allocators!(
        allocator_api2_04::alloc: ['a, H: HeapRef] &'a Arena<H>, ['a, H: HeapRef] Scratch<'a, H>
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn the_last_block_of_each_end_comes_back_at_once() {
        let bump = Bump::new(1000, 100);
        assert_eq!(bump.allocate(End::Bottom, layout(10, 4)), Some(1000));
        assert_eq!(bump.allocate(End::Top, layout(10, 4)), Some(1088));
        assert_eq!(bump.allocate(End::Bottom, layout(10, 4)), Some(1012));
        bump.free(1088, layout(10, 4));
        assert_eq!((bump.bottom.get(), bump.top.get()), (1022, 1098));
        bump.free(1000, layout(10, 4));
        assert_eq!(bump.bottom.get(), 1022, "not the last one");
        bump.free(1012, layout(10, 4));
        assert_eq!((bump.bottom.get(), bump.top.get()), (1000, 1100), "all");
        assert_eq!(bump.peak.get(), 34);
    }

    #[test]
    fn a_block_that_fits_nowhere_changes_nothing() {
        let bump = Bump::new(1000, 100);
        for end in [End::Bottom, End::Top] {
            assert_eq!(bump.allocate(end, layout(101, 1)), None);
            assert_eq!(bump.allocate(end, layout(1, 4096)), None);
            assert_eq!(bump.allocate(end, layout(isize::MAX as usize, 1)), None);
        }
        assert_eq!((bump.blocks.get(), bump.peak.get()), (0, 0));
        assert_eq!(bump.allocate(End::Top, layout(100, 1)), Some(1000));
    }

    #[derive(Clone, Debug)]
    enum Call {
        Allocate(bool, usize, u32),
        Free(usize),
        Resize(usize, usize),
    }

    fn calls() -> impl Strategy<Value = Vec<Call>> {
        let call = prop_oneof![
            3 => (any::<bool>(), 1_usize..60, 0_u32..5)
                .prop_map(|(top, size, align)| Call::Allocate(top, size, align)),
            2 => (0_usize..20).prop_map(Call::Free),
            1 => (0_usize..20, 1_usize..60).prop_map(|(block, size)| Call::Resize(block, size)),
        ];
        prop::collection::vec(call, 1..60)
    }

    proptest! {
        /// The model: a list of blocks that must not overlap.
        #[test]
        fn blocks_lie_inside_are_aligned_and_do_not_overlap(
            start in 1_usize..5000,
            calls in calls(),
        ) {
            let mut bump = Bump::new(start, 300);
            let mut blocks: Vec<(usize, Layout)> = Vec::new();
            for call in calls {
                match call {
                    Call::Allocate(top, size, align) => {
                        let wanted = layout(size, 1 << align);
                        let end = if top { End::Top } else { End::Bottom };
                        if let Some(address) = bump.allocate(end, wanted) {
                            blocks.push((address, wanted));
                        }
                    }
                    Call::Free(index) if index < blocks.len() => {
                        let (address, layout) = blocks.swap_remove(index);
                        bump.free(address, layout);
                    }
                    Call::Resize(index, size) if index < blocks.len() => {
                        let (address, old) = blocks[index];
                        let new = layout(size, old.align());
                        if bump.resize(address, old, new) {
                            blocks[index] = (address, new);
                        }
                    }
                    Call::Free(_) | Call::Resize(..) => {}
                }
                prop_assert!(start <= bump.bottom.get() && bump.bottom.get() <= bump.top.get());
                prop_assert!(bump.top.get() <= start + 300);
                prop_assert_eq!(bump.blocks.get(), blocks.len());
                for (index, (address, layout)) in blocks.iter().enumerate() {
                    let end = address + layout.size();
                    prop_assert!(address.is_multiple_of(layout.align()));
                    prop_assert!(*address >= start && end <= start + 300);
                    prop_assert!(end <= bump.bottom.get() || *address >= bump.top.get());
                    for (other, other_layout) in &blocks[index + 1..] {
                        prop_assert!(end <= *other || other + other_layout.size() <= *address);
                    }
                }
            }
            bump.reset();
            prop_assert_eq!(bump.allocate(End::Bottom, layout(300, 1)), Some(start));
        }
    }
}
