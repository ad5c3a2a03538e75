//! Checks of Rust's collections on the capability heap.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use on_target::HEAP;
use soc_regions::{Caps, ESP32};

use crate::Check;

pub(crate) const CHECKS: &[Check] = &[
    ("collections_live_on_the_heap", collections_live_on_the_heap),
    ("layouts_are_honoured", layouts_are_honoured),
    ("what_does_not_fit_is_refused", what_does_not_fit_is_refused),
];

/// Grow, share, drop; afterwards every byte is back.
fn collections_live_on_the_heap() {
    // SAFETY: this check is the whole program.
    unsafe { on_target::boot_heap() }.unwrap();
    let free = HEAP.inspect().free_size(Caps::BIT8);
    {
        let mut map: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for number in 0..2000_u32 {
            let key = format!("key {}", number.wrapping_mul(0x9E37_79B9) >> 24);
            map.entry(key).or_default().push(number);
        }
        let shared = Rc::new(map);
        let again = Rc::clone(&shared);
        assert_eq!(again.values().map(Vec::len).sum::<usize>(), 2000);
        let sum: u64 = again
            .values()
            .flatten()
            .map(|&number| u64::from(number))
            .sum();
        assert_eq!(sum, 1999 * 2000 / 2);
        let queue: VecDeque<Box<dyn Fn(u32) -> u32>> = (0..50_u32)
            .map(|step| Box::new(move |x| x + step) as Box<_>)
            .collect();
        assert_eq!(queue.iter().fold(0, |x, add| add(x)), 49 * 50 / 2);
    }
    assert_eq!(HEAP.inspect().free_size(Caps::BIT8), free);
    HEAP.inspect()
        .locked(|heaps| assert_eq!(heaps.check_integrity(Caps::empty()), Ok(())));
}

#[repr(align(256))]
struct Page([u8; 256]);

/// A `u64` lies at a multiple of 8, a page at a multiple of its size.
fn layouts_are_honoured() {
    // SAFETY: this check is the whole program.
    unsafe { on_target::boot_heap() }.unwrap();
    let mut kept: Vec<(Box<u8>, Box<u64>, Box<Page>)> = Vec::new();
    for number in 0..100_u8 {
        let (byte, wide) = (Box::new(number), Box::new(u64::from(number) << 40));
        let page = Box::new(Page([number; 256]));
        assert_eq!((&raw const *wide).addr() % 8, 0);
        assert_eq!((&raw const *page).addr() % 256, 0);
        kept.push((byte, wide, page));
    }
    for (byte, wide, page) in &kept {
        assert_eq!(**wide, u64::from(**byte) << 40);
        assert!(page.0.iter().all(|one| one == &**byte));
    }
}

/// And what fits outside of the chip only goes there.
fn what_does_not_fit_is_refused() {
    // SAFETY: this check is the whole program.
    unsafe { on_target::boot_heap() }.unwrap();
    HEAP.set_external_threshold(Some(16 * 1024));
    let mut vector: Vec<u8> = Vec::new();
    let reserved = vector.try_reserve_exact(64 << 20);
    // A block that is not used may be left out, and be had in thought
    core::hint::black_box(&vector);
    assert!(reserved.is_err());
    assert!(vector.try_reserve_exact(1 << 20).is_ok());
    assert!(ESP32.is_external(vector.as_ptr().addr() as u32));
}
