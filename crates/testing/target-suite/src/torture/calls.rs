//! Deep calls with big frames, many arguments, structures by value.

use alloc::format;
use core::hint::black_box;

use super::hash::Hash;
use crate::random::Random;

/// Frames of a kilobyte, forty deep: register windows go to the stack and come back.
pub(super) fn frames(random: &mut Random, hash: &mut Hash) {
    let mut words = [0_u32; 300];
    words
        .iter_mut()
        .for_each(|word| *word = random.below(u32::MAX));
    for depth in [1, 5, 40] {
        hash.number(descend(depth, &mut words).into());
        words.iter().for_each(|&word| hash.number(word.into()));
    }
}

#[inline(never)]
fn descend(depth: u32, words: &mut [u32; 300]) -> u32 {
    let local: [u32; 150] =
        core::array::from_fn(|index| words[index].wrapping_mul(depth).rotate_left(depth));
    let bytes: [u8; 200] = core::array::from_fn(|index| local[index % 150].to_le_bytes()[0]);
    if depth > 0 {
        words[depth as usize] ^= descend(depth - 1, words);
    }
    let sum = local
        .iter()
        .fold(0_u32, |sum, &word| sum.wrapping_mul(31) ^ word);
    sum.wrapping_add(black_box(&bytes)[depth as usize].into())
}

#[derive(Clone, Copy, Debug)]
struct Mixed {
    byte: u8,
    wide: u64,
    float: f64,
    short: i16,
}

/// More than fits into registers, both ways.
pub(super) fn arguments(random: &mut Random, hash: &mut Hash) {
    for byte in 0..200_u8 {
        let wide = random.next();
        let mixed = Mixed {
            byte,
            wide,
            float: f64::from(byte) / 3.0,
            short: -i16::from(byte),
        };
        let change = |mixed: Mixed| Mixed {
            float: mixed.float * 2.0,
            wide: mixed.wide ^ wide >> 9,
            ..mixed
        };
        let number = u128::from(random.next()) << 64 | u128::from(wide);
        let (mixed, product, list) = pass(mixed, &change, random.below(1 << 30), number, wide);
        hash.bytes(format!("{mixed:?}").as_bytes());
        hash.number(product);
        list.iter().for_each(|&number| hash.number(number.into()));
    }
}

#[inline(never)]
fn pass(
    mixed: Mixed,
    change: &dyn Fn(Mixed) -> Mixed,
    short: u32,
    number: u128,
    wide: u64,
) -> (Mixed, u128, [u64; 4]) {
    let changed = change(mixed);
    let sum = i64::from(changed.short) + i64::from(mixed.byte);
    let list = [wide, short.into(), changed.wide, sum.cast_unsigned()];
    (changed, number.wrapping_mul(wide.into()), list)
}
