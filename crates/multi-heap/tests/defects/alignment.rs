//! Class E within one heap: blocks are aligned as asked, wherever the heap begins.

use multi_heap::{Comprehensive, Light, Poison, Request, Unpoisoned};

use crate::common::*;

fn any_start_will_do<P: Poison>() {
    for lead in 0..64 {
        for size in [700, 701, 702, 703] {
            let mut region = Region::dirty(size, lead, 0xA5);
            let mut heap = region.heap::<P>();
            for alignment in [1, 2, 4, 8, 16, 64] {
                let request = Request::aligned(20, alignment).unwrap();
                let block = allocate(&mut heap, request).unwrap();
                let address = heap.pointer(block).addr().get();
                assert_eq!(address % alignment.max(4), 0, "{lead} {size} {alignment}");
            }
            assert_sound(&heap);
        }
    }
}

/// Defects: b1f3586.
#[test]
fn a_heap_may_start_and_end_at_any_byte() {
    any_start_will_do::<Unpoisoned>();
    any_start_will_do::<Light>();
    any_start_will_do::<Comprehensive>();
}

fn canaries_keep_alignment<P: Poison>() {
    let mut region = Region::new(64 << 10);
    let mut heap = region.heap::<P>();
    for alignment in (2..=12).map(|bit| 1_usize << bit) {
        for size in [1, 3, 4, 30, 257] {
            let block = allocate(&mut heap, Request::aligned(size, alignment).unwrap()).unwrap();
            let place = heap.pointer(block).addr().get();
            assert_eq!(place % alignment, 0, "{} {size} {alignment}", P::NAME);
            write(&heap, block, size as u32, 1);
            assert_eq!(heap.check(), Ok(()), "{} {size} {alignment}", P::NAME);
        }
    }
}

/// Defects: d902b4e.
#[test]
fn canaries_stand_before_the_aligned_byte_not_on_it() {
    canaries_keep_alignment::<Light>();
    canaries_keep_alignment::<Comprehensive>();
}
