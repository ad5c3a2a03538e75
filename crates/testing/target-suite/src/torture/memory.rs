//! Bytes that move, and words that are changed at once.

#[cfg(target_has_atomic = "32")]
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, Ordering};

use super::hash::Hash;
use crate::random::Random;

/// Copies that overlap and copies that don't, at every alignment.
pub(super) fn copying(random: &mut Random, hash: &mut Hash) {
    let mut bytes: alloc::vec::Vec<u8> = (0..600).map(|_| random.next().to_le_bytes()[0]).collect();
    for _ in 0..500 {
        let [from, to, count] = [(); 3].map(|()| random.below(300) as usize);
        bytes.copy_within(from..from + count, to);
        let (left, right) = bytes.split_at_mut(300);
        let part = count % 100;
        left[..part].copy_from_slice(&right[part..2 * part]);
        right[..part % 37].fill(to.to_le_bytes()[0]);
        hash.truth(left[..part] == right[..part]);
        hash.truth(left < right);
        hash.bytes(&bytes);
    }
}

/// Processors without an atomic exchange have nothing to show here.
#[cfg(target_has_atomic = "32")]
pub(super) fn atomics(random: &mut Random, hash: &mut Hash) {
    let word = AtomicU32::new(5);
    let (byte, half, truth) = (
        AtomicU8::new(200),
        AtomicU16::new(3),
        AtomicBool::new(false),
    );
    for _ in 0..200 {
        let number = random.below(u32::MAX);
        let [low, next, ..] = number.to_le_bytes();
        for seen in [
            word.fetch_add(number, Ordering::SeqCst),
            word.fetch_xor(number >> 3, Ordering::AcqRel),
            word.fetch_max(number, Ordering::SeqCst),
            word.swap(number.rotate_left(5), Ordering::SeqCst),
            byte.fetch_add(low, Ordering::SeqCst).into(),
            half.fetch_sub(u16::from_le_bytes([low, next]), Ordering::SeqCst)
                .into(),
            half.fetch_nand(next.into(), Ordering::SeqCst).into(),
        ] {
            hash.number(seen.into());
        }
        hash.truth(truth.fetch_xor(number & 1 == 1, Ordering::SeqCst));
        let exchanged = word.compare_exchange(number, 9, Ordering::SeqCst, Ordering::Relaxed);
        hash.truth(exchanged.is_ok());
        let exchanged = byte.compare_exchange(low, 2, Ordering::SeqCst, Ordering::SeqCst);
        hash.truth(exchanged.is_ok());
    }
}
