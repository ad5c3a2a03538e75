//! Contents that a block is known by again: by aligned words, which every memory type has.

use heap_caps::HeapCaps;
use multi_heap::Poison;

/// Returns a word that encodes its place and its block.
const fn word(address: u32, index: u32, seed: u32) -> u32 {
    (address.wrapping_add(index) ^ seed).wrapping_mul(0x9E37_79B9)
}

/// Fills the whole words of a block.
pub(crate) fn write<P: Poison>(heaps: &HeapCaps<P>, address: u32, bytes: u32, seed: u32) {
    for index in 0..bytes / 4 {
        let place = words(heaps, address + index * 4);
        // SAFETY: the word lies inside the block, which belongs to the check.
        unsafe { place.write_volatile(word(address, index, seed)) };
    }
}

/// Returns whether the first `bytes` of a block are as [`write()`] left them at the address
/// `written_at`.
pub(crate) fn is_intact<P: Poison>(
    heaps: &HeapCaps<P>,
    address: u32,
    bytes: u32,
    (written_at, seed): (u32, u32),
) -> bool {
    let found = |index: u32| {
        let place = words(heaps, address + index * 4);
        // SAFETY: the word lies inside the block, which belongs to the check.
        unsafe { place.read_volatile() }
    };
    (0..bytes / 4).all(|index| found(index) == word(written_at, index, seed))
}

/// Writes one word anywhere, as a program with a fault would.
pub(crate) fn smash<P: Poison>(heaps: &HeapCaps<P>, address: u32) {
    let place = words(heaps, address);
    // SAFETY: the word lies in a heap; the check is about what the heap says to this.
    unsafe { place.write_volatile(0x5A5A_5A5A) };
}

fn words<P: Poison>(heaps: &HeapCaps<P>, address: u32) -> *mut u32 {
    let place = heaps.inspect().pointer(address).unwrap();
    place.as_ptr().cast()
}
