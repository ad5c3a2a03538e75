//! Heaps in an image of a device's memory: where their values lie, and a view that reads them.

use core::marker::PhantomData;
use core::mem::offset_of;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::arena::Arena;
use crate::bins::MAX_BLOCK_WORDS;
use crate::damage::NewHeapError;
use crate::heap::Heap;
use crate::poison::{self, CanaryState, Poison};
use crate::pool::Pool;

/// Where a [`Heap`] value keeps what it consists of, in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapLayout {
    /// The pointer to the region's first word; null where an `Option` of a heap is `None`.
    pub base: usize,
    /// The region's size in words, a `u32`.
    pub words: usize,
    /// Two `u32` for [`HeapImage::new`], under poisoning: the slack of all blocks, and the key of
    /// their canaries.
    pub slack: usize,
    /// Whether the links of free blocks are encoded (feature `encoded-links`): who reads an image
    /// of such heaps needs the same.
    pub encoded_links: bool,
}

impl<P: Poison> Heap<P> {
    /// Where a value of this type keeps what a reader of memory images needs.
    pub const LAYOUT: HeapLayout = HeapLayout {
        base: offset_of!(Self, pool) + Pool::ARENA_AT + Arena::BASE_AT,
        words: offset_of!(Self, pool) + Pool::ARENA_AT + Arena::WORDS_AT,
        slack: offset_of!(Self, canary_state),
        encoded_links: cfg!(feature = "encoded-links"),
    };

    fn over_image(arena: Arena, [slack, key]: [u32; 2]) -> Result<Self, NewHeapError> {
        let pool = Pool::over_image(arena, poison::overhead_words::<P>())?;
        let canary_state = P::CanaryState::image(slack, key);
        Ok(Self { pool, canary_state })
    }
}

/// A heap as an image of its memory has it, to be walked and checked.
///
/// ```
/// use multi_heap::{HeapImage, Unpoisoned};
///
/// let mut words = [0; 64]; // no heap: nothing was there
/// let image = HeapImage::<Unpoisoned>::new(&mut words, [0; 2])?;
/// assert!(image.check().is_err());
/// # Ok::<(), multi_heap::NewHeapError>(())
/// ```
#[derive(Debug)]
pub struct HeapImage<'image, P: Poison> {
    heap: Heap<P>,
    words: PhantomData<&'image mut [u32]>,
}

impl<'image, P: Poison> HeapImage<'image, P> {
    /// Returns the heap whose region held `words`, each as the device's processor would read it.
    /// `canary_state` are the two words to which [`HeapLayout::slack`] leads, zeros without
    /// poisoning.
    ///
    /// Any words will do: a walk or a check stays inside of them. O(1).
    ///
    /// # Errors
    /// [`NewHeapError::TooSmall`] if no heap has so few words, [`NewHeapError::TooLarge`] above 128
    /// MiB.
    pub fn new(words: &'image mut [u32], canary_state: [u32; 2]) -> Result<Self, NewHeapError> {
        let bytes = size_of_val(words);
        words.iter_mut().for_each(|word| *word = word.to_le());
        let region = NonNull::slice_from_raw_parts(NonNull::from(words).cast(), bytes);
        // SAFETY: the words are borrowed for as long as this view exists, which lends the heap
        // shared; the heap itself cannot be had.
        let arena =
            unsafe { Arena::new(region, MAX_BLOCK_WORDS) }.map_err(|_| NewHeapError::TooLarge)?;
        Ok(Self {
            heap: Heap::over_image(arena, canary_state)?,
            words: PhantomData,
        })
    }
}

impl<P: Poison> Deref for HeapImage<'_, P> {
    type Target = Heap<P>;

    fn deref(&self) -> &Heap<P> {
        &self.heap
    }
}
