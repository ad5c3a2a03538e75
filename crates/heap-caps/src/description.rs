//! Self-description of a set of heaps, for tools that read an image of memory after a crash.
//!
//! ```text
//!   in RAM     | ESPHEAP1 | heaps ● | description ● |     ImageHeader: two words and two pointers
//!                              │           └──► | magic | version | poisoning | offsets … |   Description: in flash
//!                              ▼
//!              HeapCaps: slots, details, observer                                            in RAM
//! ```
//!
//! Written once, when a claim is taken; allocation and free do not touch it.

use core::fmt;
use core::hint;
use core::mem::offset_of;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use multi_heap::{Heap, Poison};
use soc_regions::PRIORITIES;

use crate::heap_caps::HeapCaps;
use crate::observer::Observer;
use crate::registry::Registry;

/// How many words an observer has to describe itself.
pub const OBSERVER_WORDS: usize = 20;

/// Where an observer keeps what a reader of memory images can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ObserverDescription {
    /// What kind of observer it is, a number of its crate's choice; 0: nothing to be shown.
    pub kind: u32,
    /// Where it begins, in bytes from the start of what it is a part of.
    pub at: u32,
    /// Places and sizes, as its kind has them.
    pub words: [u32; OBSERVER_WORDS],
}

impl ObserverDescription {
    /// An observer of which nothing can be shown.
    pub const NONE: Self = Self {
        kind: 0,
        at: 0,
        words: [0; OBSERVER_WORDS],
    };

    /// The same observer as a part that begins `bytes` into something larger.
    #[must_use]
    pub const fn moved_by(mut self, bytes: usize) -> Self {
        self.at += word(bytes);
        self
    }

    /// This one, or `other` where nothing of this one can be shown.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        if self.kind == 0 { other } else { self }
    }
}

/// What a set of heaps looks like in memory. All places are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Description {
    /// [`Description::MAGIC`].
    pub magic: u32,
    /// [`Description::VERSION`].
    pub version: u32,
    /// Bytes of a pointer, 4 on a chip.
    pub pointer_bytes: u32,
    /// [`Description::level`], with [`Description::ENCODED_LINKS`] or without.
    pub poisoning: u32,
    /// How many heaps there can be.
    pub heaps: u32,
    /// Where the first heap's slot lies, from the set's start.
    pub slots: u32,
    /// Bytes from a slot to the next.
    pub slot_bytes: u32,
    /// In a slot: the heap's first address.
    pub start: u32,
    /// In a slot: the pointer to the heap's memory; null where there is none.
    pub base: u32,
    /// In a slot: the size of that memory in words.
    pub words: u32,
    /// In a slot, under poisoning: the slack of its blocks, and behind it the key of their
    /// canaries.
    pub slack: u32,
    /// Where the details of the first heap lie, from the set's start.
    pub details: u32,
    /// Bytes from details to the next.
    pub detail_bytes: u32,
    /// In details: the capabilities by priority.
    pub columns: u32,
    /// How many words of capabilities there are.
    pub priorities: u32,
    /// In details: pointer and length of the memory's name.
    pub name: u32,
    /// From the set's start: how many requests failed.
    pub failures: u32,
    /// The observer, from the set's start.
    pub observer: ObserverDescription,
}

impl Description {
    /// What a description begins with.
    pub const MAGIC: u32 = 0x4453_4548; // "HESD", as its bytes stand
    /// The version of this layout.
    pub const VERSION: u32 = 1;
    /// In the poisoning: who reads the heaps needs the feature `encoded-links` of multi-heap.
    pub const ENCODED_LINKS: u32 = 1 << 8;
    /// The size of a description in words.
    pub const WORDS: usize = size_of::<Self>() / 4;

    /// Poisoning: 0 none, 1 light, 2 comprehensive.
    #[must_use]
    pub const fn level(&self) -> u32 {
        self.poisoning & !Self::ENCODED_LINKS
    }

    /// Returns whether the links of free blocks are encoded.
    #[must_use]
    pub const fn encodes_links(&self) -> bool {
        self.poisoning & Self::ENCODED_LINKS != 0
    }

    /// Creates a description from its words, as they stand in an image; `None` without the magic.
    #[must_use]
    pub fn from_words(words: &[u32; Self::WORDS]) -> Option<Self> {
        let mut words = words.iter().copied();
        let mut next = || words.next().unwrap_or_default();
        let description = Self {
            magic: next(),
            version: next(),
            pointer_bytes: next(),
            poisoning: next(),
            heaps: next(),
            slots: next(),
            slot_bytes: next(),
            start: next(),
            base: next(),
            words: next(),
            slack: next(),
            details: next(),
            detail_bytes: next(),
            columns: next(),
            priorities: next(),
            name: next(),
            failures: next(),
            observer: ObserverDescription {
                kind: next(),
                at: next(),
                words: core::array::from_fn(|_| next()),
            },
        };
        (description.magic == Self::MAGIC).then_some(description)
    }
}

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// What this kind of set looks like in memory.
    pub const DESCRIPTION: Description = {
        let slots = Registry::<P, HEAPS>::SLOTS;
        let details = Registry::<P, HEAPS>::DETAILS;
        let registry = offset_of!(Self, registry);
        let links = if Heap::<P>::LAYOUT.encoded_links {
            Description::ENCODED_LINKS
        } else {
            0
        };
        Description {
            magic: Description::MAGIC,
            version: Description::VERSION,
            pointer_bytes: word(size_of::<usize>()),
            poisoning: links
                | if P::OVERHEAD == 0 {
                    0
                } else if P::FILLS {
                    2
                } else {
                    1
                },
            heaps: word(HEAPS),
            slots: word(registry + slots.at),
            slot_bytes: word(slots.bytes),
            start: word(slots.start),
            base: word(slots.heap + Heap::<P>::LAYOUT.base),
            words: word(slots.heap + Heap::<P>::LAYOUT.words),
            slack: word(slots.heap + Heap::<P>::LAYOUT.slack),
            details: word(registry + details.at),
            detail_bytes: word(details.bytes),
            columns: word(details.columns),
            priorities: word(PRIORITIES),
            name: word(details.name),
            failures: word(offset_of!(Self, failures)),
            observer: O::DESCRIPTION.moved_by(offset_of!(Self, observer)),
        }
    };
}

/// What a tool looks for in an image of a device's memory: it leads to a program's heaps. 16 bytes
/// on a chip, in RAM, so that an image of RAM has them. For a `static` with the attribute
/// `#[used]`: the program itself never reads it.
#[repr(C)]
pub struct ImageHeader {
    magic: [u8; 8],
    heaps: AtomicPtr<()>,
    description: AtomicPtr<Description>,
}

impl ImageHeader {
    /// What a header begins with, on a chip at a multiple of 4.
    pub const MAGIC: [u8; 8] = *b"ESPHEAP1";

    /// Creates a header that leads nowhere yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            magic: Self::MAGIC,
            heaps: AtomicPtr::new(ptr::null_mut()),
            description: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Leads to `heaps` from now on: their place in memory, which must not change any more for an
    /// image to be read. Nothing is read through it while the program runs. O(1).
    pub fn lead_to<P: Poison, O: Observer, const HEAPS: usize>(
        &self,
        heaps: *const HeapCaps<P, O, HEAPS>,
    ) {
        // Nothing in the program reads it: without this the compiler would leave it out.
        let header = hint::black_box(self);
        let description = const { &HeapCaps::<P, O, HEAPS>::DESCRIPTION };
        let description = ptr::from_ref(description).cast_mut();
        header.description.store(description, Ordering::Relaxed);
        header
            .heaps
            .store(heaps.cast_mut().cast(), Ordering::Relaxed);
    }

    /// Returns where the heaps lie, as a tool finds it; null before [`ImageHeader::lead_to`].
    #[must_use]
    pub fn heaps(&self) -> *const () {
        self.heaps.load(Ordering::Relaxed)
    }
}

impl Default for ImageHeader {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ImageHeader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ImageHeader")
            .field("heaps", &self.heaps())
            .finish_non_exhaustive()
    }
}

/// Places in a set of heaps have 32 bits.
const fn word(place: usize) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "asserted")]
    let word = place as u32;
    assert!(
        word as usize == place,
        "a set of heaps is smaller than 4 GiB"
    );
    word
}

const _: () = assert!(Description::WORDS == 19 + OBSERVER_WORDS);
