//! Checks that wrong writes and wrong frees are found, in every kind of memory.

use heap_caps::MisuseKind;
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use soc_regions::Caps;

use crate::machine::{Machine, boot};
use crate::pattern;

/// Returns the bytes, and what there is of words only and of external memory.
fn places<M: Machine>() -> impl Iterator<Item = Caps> {
    let [code, external] = [Caps::EXEC, Caps::SPIRAM].map(|caps| {
        let has = boot::<M, Unpoisoned>().inspect().total_size(caps) > 0;
        has.then_some(caps)
    });
    [Some(Caps::DMA), code, external].into_iter().flatten()
}

/// The canary behind the block is overwritten.
pub fn a_write_behind_a_block_is_found<M: Machine>() {
    finds_damage_at::<M, Light>(32);
    finds_damage_at::<M, Comprehensive>(32);
}

/// The canary before the block is overwritten.
pub fn a_write_before_a_block_is_found<M: Machine>() {
    finds_damage_at::<M, Light>(-8);
    finds_damage_at::<M, Comprehensive>(-8);
}

fn finds_damage_at<M: Machine, P: Poison>(distance: i32) {
    let mut heaps = boot::<M, P>();
    for caps in places::<M>() {
        let block = heaps.malloc(32, caps).unwrap();
        assert_eq!(heaps.inspect().check_integrity(caps), Ok(()));
        let place = block.wrapping_add_signed(distance);
        pattern::smash(&heaps, place);
        let found = heaps.inspect().check_integrity(caps).unwrap_err();
        assert_eq!(found.address, place);
        let refused = heaps.free(block).unwrap_err();
        assert!(matches!(refused.kind, MisuseKind::Corrupt(_)), "{refused}");
    }
}

/// Freed memory has a pattern that a late write disturbs.
pub fn a_write_after_free_is_found<M: Machine>() {
    let mut heaps = boot::<M, Comprehensive>();
    for caps in places::<M>() {
        let block = heaps.malloc(64, caps).unwrap();
        heaps.free(block).unwrap();
        pattern::smash(&heaps, block + 40);
        let found = heaps.inspect().check_integrity(caps).unwrap_err();
        assert_eq!(found.address, block + 40);
    }
}

/// With and without poisoning.
pub fn a_second_free_is_refused<M: Machine>() {
    frees_once::<M, Unpoisoned>();
    frees_once::<M, Light>();
    frees_once::<M, Comprehensive>();
}

fn frees_once<M: Machine, P: Poison>() {
    let mut heaps = boot::<M, P>();
    for caps in places::<M>() {
        let block = heaps.malloc(32, caps).unwrap();
        heaps.free(block).unwrap();
        let refused = heaps.free(block).unwrap_err();
        let known = matches!(
            refused.kind,
            MisuseKind::AlreadyFree | MisuseKind::NotABlock
        );
        assert!(known, "{refused}");
        assert_eq!(heaps.inspect().check_integrity(caps), Ok(()));
    }
}

/// Null, the ROM, the middle of a block, an odd address.
pub fn a_foreign_address_is_refused<M: Machine>() {
    let mut heaps = boot::<M, Unpoisoned>();
    let block = heaps.malloc(100, Caps::DMA).unwrap();
    let before = heaps.inspect().info(Caps::empty());
    for address in [0, 0x4000_0400, block + 40, block + 1] {
        assert!(heaps.free(address).is_err(), "{address:#x}");
    }
    assert_eq!(heaps.inspect().info(Caps::empty()), before);
    assert_eq!(heaps.free(block), Ok(()));
}
