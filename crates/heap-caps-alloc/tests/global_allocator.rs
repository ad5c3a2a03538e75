//! A program whose every `Vec`, `String` and `BTreeMap` lies in our heap.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block,
    clippy::result_large_err,
    clippy::cast_possible_truncation,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

use std::alloc::{GlobalAlloc, Layout};
use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::sync::Once;

use heap_caps_alloc::{CapsHeap, SpinLock};
use multi_heap::Light;
use soc_regions::Caps;

const MEMORY: usize = 32 << 20;
const INTERNAL: [Caps; 3] = [
    Caps::BIT8.union(Caps::DEFAULT),
    Caps::INTERNAL,
    Caps::empty(),
];

/// Firmware registers its memory before its first allocation. Rust's runtime on a host allocates
/// before `main`, so here the first allocation does it.
struct AtFirstUse {
    heap: CapsHeap<SpinLock, Light>,
    once: Once,
}

impl AtFirstUse {
    fn ready(&self) -> &CapsHeap<SpinLock, Light> {
        static mut BUFFER: [MaybeUninit<u8>; MEMORY] = [MaybeUninit::uninit(); MEMORY];
        self.once.call_once(|| {
            let place = &raw mut BUFFER;
            // SAFETY: the only reference ever made of the buffer: this runs once.
            let buffer = unsafe { &mut *place };
            let registered = self.heap.add_buffer(INTERNAL, buffer);
            debug_assert!(registered.is_ok());
        });
        &self.heap
    }
}

// SAFETY: the heap's own promises.
unsafe impl GlobalAlloc for AtFirstUse {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises.
        unsafe { self.ready().alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises.
        unsafe { self.ready().alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises.
        unsafe { self.ready().dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promises.
        unsafe { GlobalAlloc::realloc(self.ready(), block, layout, size) }
    }
}

#[global_allocator]
static GLOBAL: AtFirstUse = AtFirstUse {
    heap: CapsHeap::new(()),
    once: Once::new(),
};

fn is_ours<T: ?Sized>(value: &T) -> bool {
    GLOBAL
        .heap
        .inspect()
        .usable_size(std::ptr::NonNull::from(value).cast())
        .is_ok()
}

#[test]
fn collections_live_in_the_heap() {
    let numbers: Vec<u64> = (0..10_000).collect();
    let text = "capability ".repeat(1000);
    let map: BTreeMap<u32, String> = (0..1000_u32)
        .map(|key| (key.wrapping_mul(2_654_435_761), key.to_string()))
        .collect();
    assert!(is_ours(numbers.as_slice()) && is_ours(text.as_str()));
    assert!(map.values().all(|value| is_ours(value.as_str())));
    assert_eq!(numbers.iter().sum::<u64>(), 49_995_000);
    assert_eq!((text.len(), map.len()), (11_000, 1000));
    assert!(numbers.as_ptr().is_aligned());
}

#[test]
fn threads_share_it_and_nothing_is_reported() {
    let words: Vec<_> = (0..4)
        .map(|thread| {
            std::thread::spawn(move || {
                let mut words: Vec<String> = Vec::new();
                for step in 0..5000_usize {
                    words.push(format!("{thread}-{step}").repeat(step % 7));
                    if step % 3 == 0 {
                        words.swap_remove(step % words.len());
                    }
                }
                words
                    .iter()
                    .all(|word| word.is_empty() || word.starts_with(&format!("{thread}-")))
            })
        })
        .collect();
    assert!(words.into_iter().all(|thread| thread.join().unwrap()));
    assert_eq!(GLOBAL.heap.faults().last_report(), None);
    assert_eq!(
        GLOBAL
            .heap
            .inspect()
            .locked(|heaps| heaps.check_integrity(Caps::INVALID)),
        Ok(())
    );
}
