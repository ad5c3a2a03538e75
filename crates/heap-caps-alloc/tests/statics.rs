//! A fresh static heap is all zero, so it lies in .bss and no image carries it.

use heap_caps_alloc::{CapsHeap, SpinLock};
use multi_heap::{Comprehensive, Light, Unpoisoned};

static PLAIN: CapsHeap<SpinLock> = CapsHeap::new(());
static LIGHT: CapsHeap<SpinLock, Light> = CapsHeap::new(());
static SMALL: CapsHeap<SpinLock, Unpoisoned, (), 4> = CapsHeap::new(());
static COMPREHENSIVE: CapsHeap<SpinLock, Comprehensive> = CapsHeap::new(());

fn non_zero_bytes<T>(heap: &'static T) -> Vec<usize> {
    let first = std::ptr::from_ref(heap).cast::<u8>();
    // SAFETY: the bytes of a static, which nobody writes: the heaps are not used. Those of padding
    // are what the image has.
    let byte = |place: &usize| unsafe { first.wrapping_add(*place).read_volatile() };
    (0..size_of::<T>())
        .filter(|place| byte(place) != 0)
        .collect()
}

#[test]
fn a_fresh_static_heap_has_no_byte_but_zeros() {
    assert_eq!(non_zero_bytes(&PLAIN), []);
    assert_eq!(non_zero_bytes(&LIGHT), []);
    assert_eq!(non_zero_bytes(&SMALL), []);
    assert_eq!(non_zero_bytes(&COMPREHENSIVE), []);
}
