//! Blocks by layout: what an allocator of each version of the `Allocator` trait is made of.
//!
//! The trait differs between the versions of allocator-api2 and the standard library, its meaning
//! does not: [`Blocks`] says it once, [`allocators!`](crate::allocators) implements it for each
//! version.

use core::alloc::Layout;
use core::ptr::NonNull;

/// What became of a block that was to get another size.
#[derive(Clone, Copy, Debug)]
pub enum Changed {
    /// It lies there now.
    To(NonNull<u8>),
    /// It cannot be changed, and moves: a new block is allocated, and the old one freed.
    Moves,
    /// There is no memory; it is as it was.
    Refused,
}

/// An allocator in terms of blocks that have bytes.
///
/// # Safety
/// That of `Allocator`: a block stays where and what it is until it is freed, whichever copy
/// of the allocator is used; it has the size and alignment of its layout, takes bytes, and overlaps
/// no other one.
pub unsafe trait Blocks {
    /// Allocates a block of `layout`, whose size is not 0, of zeros if so asked.
    fn allocate_block(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>>;

    /// Frees a block.
    ///
    /// # Safety
    /// `block` is a block of this allocator with `layout`, whose size is not 0; nobody uses it any
    /// more.
    unsafe fn free_block(&self, block: NonNull<u8>, layout: Layout);

    /// Changes the size of a block, and keeps its first bytes.
    ///
    /// # Safety
    /// `block` is a block of this allocator with `old`; neither size is 0; nobody uses it by the
    /// old pointer after a success.
    unsafe fn change(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Changed;

    /// [`Blocks::allocate_block`] for any layout.
    #[inline]
    fn allocate_any(&self, layout: Layout, zeroed: bool) -> Option<NonNull<[u8]>> {
        let start = match layout.size() {
            0 => layout.dangling_ptr(),
            _ => self.allocate_block(layout, zeroed)?,
        };
        Some(NonNull::slice_from_raw_parts(start, layout.size()))
    }

    /// [`Blocks::free_block`] for any layout.
    ///
    /// # Safety
    /// As there.
    #[inline]
    unsafe fn free_any(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: the caller keeps the same contract.
            unsafe { self.free_block(block, layout) };
        }
    }

    /// [`Blocks::change`] for any layouts, with the move where one is needed.
    ///
    /// # Safety
    /// As there.
    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<[u8]>> {
        let changed = if old.size() == 0 || new.size() == 0 {
            Changed::Moves
        } else {
            // SAFETY: the caller keeps the same contract.
            unsafe { self.change(block, old, new) }
        };
        match changed {
            Changed::To(start) => Some(NonNull::slice_from_raw_parts(start, new.size())),
            Changed::Refused => None,
            Changed::Moves => {
                let fresh = self.allocate_any(new, false)?;
                let bytes = old.size().min(new.size());
                // SAFETY: both blocks have that many bytes, and a new block overlaps no allocated
                // one.
                unsafe { block.copy_to_nonoverlapping(fresh.cast(), bytes) };
                // SAFETY: the caller gives the old block up.
                unsafe { self.free_any(block, old) };
                Some(fresh)
            }
        }
    }

    /// [`Blocks::resize`] to a larger block, whose new bytes are zeros.
    ///
    /// # Safety
    /// As there; `new` is not smaller than `old`.
    #[inline]
    unsafe fn grow_zeroed(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Option<NonNull<[u8]>> {
        // SAFETY: the caller keeps the same contract.
        let grown = unsafe { self.resize(block, old, new) }?;
        let added = new.size().saturating_sub(old.size());
        // SAFETY: the old size is at most the new one (contract).
        let behind = unsafe { grown.cast::<u8>().add(new.size() - added) };
        // SAFETY: the bytes from there to the block's end are the caller's.
        unsafe { behind.write_bytes(0, added) };
        Some(grown)
    }
}

/// Makes types that are [`Blocks`](crate::blocks::Blocks) allocators of a version of the
/// `Allocator` trait: its module, then for each type the generic parameters and the type.
#[doc(hidden)]
#[macro_export]
macro_rules! allocators {
    ($module:path: $([$($generics:tt)*] $type:ty),+ $(,)?) => {
        const _: () = {
            use core::alloc::Layout;
            use core::ptr::NonNull;
            use $crate::blocks::Blocks;
            use $module::{AllocError, Allocator};
            $(
                // SAFETY: the contract of `Blocks` is that of the trait.
                unsafe impl<$($generics)*> Allocator for $type
                where
                    Self: Blocks,
                {
                    #[inline]
                    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                        self.allocate_any(layout, false).ok_or(AllocError)
                    }

                    #[inline]
                    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                        self.allocate_any(layout, true).ok_or(AllocError)
                    }

                    #[inline]
                    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                        // SAFETY: the caller keeps the same contract.
                        unsafe { self.free_any(block, layout) };
                    }

                    #[inline]
                    unsafe fn grow(
                        &self,
                        block: NonNull<u8>,
                        old: Layout,
                        new: Layout,
                    ) -> Result<NonNull<[u8]>, AllocError> {
                        // SAFETY: the caller keeps the same contract.
                        unsafe { self.resize(block, old, new) }.ok_or(AllocError)
                    }

                    #[inline]
                    unsafe fn grow_zeroed(
                        &self,
                        block: NonNull<u8>,
                        old: Layout,
                        new: Layout,
                    ) -> Result<NonNull<[u8]>, AllocError> {
                        // SAFETY: the caller keeps the same contract.
                        unsafe { Blocks::grow_zeroed(self, block, old, new) }.ok_or(AllocError)
                    }

                    #[inline]
                    unsafe fn shrink(
                        &self,
                        block: NonNull<u8>,
                        old: Layout,
                        new: Layout,
                    ) -> Result<NonNull<[u8]>, AllocError> {
                        // SAFETY: the caller keeps the same contract.
                        unsafe { self.resize(block, old, new) }.ok_or(AllocError)
                    }
                }
            )+
        };
    };
}
