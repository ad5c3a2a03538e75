//! The example of a library in C whose memory is an owner's, as a test; and its functions' edges.
#![allow(
    clippy::unwrap_used,
    clippy::multiple_unsafe_ops_per_block,
    unreachable_pub,
    reason = "an example, which is a program of its own"
)]

#[path = "../examples/owned_library.rs"]
mod example;

use std::mem::MaybeUninit;
use std::ptr;

use heap_caps_alloc::{Caps, CapsHeap, Internal, SpinLock, c_allocator, heap_ref};

#[test]
fn a_library_has_its_own_limit_and_leaves_nothing() {
    let outcome = example::two_handshakes().unwrap();
    let expected = example::Outcome {
        had: [4, 10], // 10 × 1504 B are below 16 KiB
        others: 2,
        used: 0,
    };
    assert_eq!(outcome, expected);
}

static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
heap_ref!(struct Chip = HEAP: CapsHeap<SpinLock>);
c_allocator!(struct Plain = Internal::of(Chip));

#[test]
fn the_functions_are_as_those_of_c() {
    let memory = vec![MaybeUninit::uninit(); 0x1000].leak();
    let caps = [Caps::BIT8 | Caps::INTERNAL, Caps::empty(), Caps::empty()];
    HEAP.add_buffer(caps, memory).unwrap();
    assert!(Plain::malloc(0).is_null() && Plain::calloc(usize::MAX, 2).is_null());
    assert!(Plain::malloc(usize::MAX).is_null() && Plain::malloc(0x2000).is_null());
    let block: *mut u8 = Plain::calloc(3, 5).cast();
    assert!(block.addr().is_multiple_of(size_of::<usize>()));
    // SAFETY: the blocks are this test's own, of these sizes, used by their last addresses.
    unsafe {
        assert!((0..15).all(|place| block.add(place).read() == 0));
        block.write_bytes(7, 15);
        let grown: *mut u8 = Plain::realloc(block.cast(), 900).cast();
        assert!((0..15).all(|place| grown.add(place).read() == 7));
        assert!(Plain::realloc(grown.cast(), 0x2000).is_null(), "it stays");
        let new = Plain::realloc(ptr::null_mut(), 20);
        Plain::free(new);
        assert!(Plain::realloc(grown.cast(), 0).is_null(), "it is freed");
    }
    assert_eq!(HEAP.inspect().info(Caps::empty()).allocated_blocks, 0);
}
