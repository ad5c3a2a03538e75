//! Addresses that are pointers, as on the chip: the ESP32's memory mapped at its own addresses.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::multiple_unsafe_ops_per_block,
    reason = "helpers of tests panic where a test would"
)]

use std::alloc::GlobalAlloc;
use std::ffi::{c_int, c_long, c_void};
use std::ptr::NonNull;

use heap_caps::{Identity, MisuseKind};
use heap_caps_alloc::{CapsHeap, CodeBuffer, DmaBuffer, SpinLock, WordBuffer};
use soc_regions::{Caps, ESP32, common};

mod support;
use support::layout;

unsafe extern "C" {
    fn mmap(
        at: *mut c_void,
        length: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: c_long,
    ) -> *mut c_void;
}

/// PSRAM, DRAM, IRAM: everything from 0x3F80_0000 to the end of the instruction side of D/IRAM.
const FIRST: usize = 0x3F80_0000;
const END: usize = 0x400C_2000;

/// Maps the ESP32's addresses and boots it there. Once a process.
fn esp32() -> &'static CapsHeap<SpinLock> {
    const READ_WRITE: c_int = 3;
    const PRIVATE_ANONYMOUS_HERE_OR_NOT_AT_ALL: c_int = 0x02 | 0x20 | 0x10_0000;
    let first = std::ptr::with_exposed_provenance_mut(FIRST);
    // SAFETY: new pages, and none that are in use.
    let mapped = unsafe {
        mmap(
            first,
            END - FIRST,
            READ_WRITE,
            PRIVATE_ANONYMOUS_HERE_OR_NOT_AT_ALL,
            -1,
            0,
        )
    };
    assert_eq!(
        mapped, first,
        "these addresses are free in a process of this system"
    );
    mapped.expose_provenance();
    let heap: &CapsHeap<SpinLock> = Box::leak(Box::new(CapsHeap::new(())));
    let options = ESP32.options(&[common::PSRAM.of(0x20_0000)]).unwrap();
    // SAFETY: the pages are there for good, and nobody else uses them.
    unsafe { heap.boot(&ESP32, &options, &ESP32.sample_symbols(&options), &Identity) }.unwrap();
    // SAFETY: nobody stands on these stacks.
    unsafe { heap.enable_startup_stack_heaps(&Identity) };
    heap
}

#[test]
fn pointers_are_the_addresses_of_the_chip() {
    let heap = esp32();
    let free = heap.inspect().free_size(Caps::empty());

    let block = heap.malloc(100, Caps::DMA).unwrap();
    assert_eq!(
        heap.inspect().address_of(block),
        Ok(block.addr().get() as u32)
    );
    assert!(ESP32.is_dma_capable(block.addr().get() as u32));

    // SAFETY: the test's own block, resized and freed by its last pointer.
    unsafe {
        block.write_bytes(7, 100);
        let fence = heap.malloc(4, Caps::DMA).unwrap();
        let moved = heap.realloc(block, 5000, Caps::SPIRAM).unwrap();
        assert!(ESP32.is_external(moved.addr().get() as u32));
        assert_eq!(moved.add(99).read(), 7);
        heap.free(moved).unwrap();
        heap.free(fence).unwrap();
    }

    // SAFETY: none of these is the pointer of an allocated block.
    let kind = |pointer| unsafe { heap.free(pointer) }.unwrap_err().kind;
    let mut local = 0_u32;
    assert_eq!(kind(block), MisuseKind::AlreadyFree);
    assert_eq!(
        kind(NonNull::from(&mut local).cast()),
        MisuseKind::OutsideEveryHeap
    );
    assert_eq!(kind(NonNull::dangling()), MisuseKind::OutsideEveryHeap);

    let mut codes = Vec::new();
    while let Ok(mut code) = CodeBuffer::new(heap, 1024) {
        assert_eq!(code.entry().addr() as u32, code.address().unwrap());
        assert!(code.load(&[0x1234_5678; 1024]) && ESP32.is_executable(code.address().unwrap()));
        codes.push(code);
    }
    assert!(
        codes
            .iter()
            .any(|code| ESP32.is_in_diram_iram(code.address().unwrap()))
    );
    assert!(codes.iter().all(|code| code.get(1023) == Some(0x1234_5678)));
    drop(codes);

    let mut words = WordBuffer::new(heap, 100).unwrap();
    words.fill(3);
    assert_eq!(words.iter().sum::<u32>(), 300);
    let buffer = DmaBuffer::with_alignment(heap, 100, 64).unwrap();
    assert_eq!(
        (buffer.as_ptr().addr() as u32, buffer.address() % 64),
        (buffer.address(), 0)
    );
    drop((words, buffer));

    for align in (0..=14).map(|bits| 1 << bits) {
        // SAFETY: allocated and freed with the same layout.
        unsafe {
            let block = heap.alloc(layout(300, align));
            assert!(!block.is_null() && block.addr().is_multiple_of(align));
            heap.dealloc(block, layout(300, align));
        }
    }
    support::assert_pristine(heap, free);
}
