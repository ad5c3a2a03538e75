//! Arithmetic of every width, signed and unsigned, and of floats.

use core::hint::black_box;

use super::hash::Hash;
use crate::random::Random;

/// Returns the numbers of every magnitude: all bits random, few bits, one bit, runs of ones.
fn wide(random: &mut Random) -> u128 {
    let any = u128::from(random.next()) << 64 | u128::from(random.next());
    let shift = random.below(128);
    match random.below(5) {
        0 => any,
        1 => any >> shift,
        2 => 1 << shift,
        3 => (1_u128 << shift).wrapping_sub(1),
        _ => !(any >> shift),
    }
}

macro_rules! group {
    ($unsigned:ident, $signed:ident) => {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            clippy::cast_sign_loss,
            clippy::cast_lossless,
            reason = "one text for all widths, and conversions are what is tried"
        )]
        pub(super) fn $unsigned(random: &mut Random, hash: &mut Hash) {
            for _ in 0..400 {
                let left = black_box(wide(random) as $unsigned);
                let right = black_box(wide(random) as $unsigned);
                let shift = black_box(random.below($unsigned::BITS));
                let (signed, other) = (left as $signed, right as $signed);
                let divisor = if right == 0 { 1 } else { right };
                let unsigned_results = [
                    left.wrapping_add(right),
                    left.wrapping_sub(right),
                    left.wrapping_mul(right),
                    left / divisor,
                    left % divisor,
                    left << shift,
                    left >> shift,
                    left.rotate_left(shift),
                    left.swap_bytes(),
                    left.reverse_bits(),
                    left.saturating_add(right),
                    left.saturating_sub(right),
                    left.checked_mul(right).unwrap_or(7),
                    left.abs_diff(right),
                    left.isqrt(),
                    left.min(right),
                    (left as i8) as $unsigned,
                    (left as u16) as $unsigned,
                ];
                let signed_results = [
                    signed >> shift,
                    signed.wrapping_div(divisor as $signed),
                    signed.wrapping_rem(divisor as $signed),
                    signed.saturating_mul(other),
                    signed.saturating_sub(other),
                    signed.wrapping_abs(),
                    signed.max(other),
                ];
                unsigned_results
                    .iter()
                    .for_each(|&result| hash.number(result as u128));
                signed_results
                    .iter()
                    .for_each(|&result| hash.number(result as u128));
                for count in [
                    left.leading_zeros(),
                    left.trailing_zeros(),
                    left.count_ones(),
                    left.leading_ones(),
                ] {
                    hash.number(count.into());
                }
                hash.truth(left < right);
                hash.truth(signed < other);
                hash.truth(left.is_power_of_two());
            }
        }
    };
}

group!(u8, i8);
group!(u16, i16);
group!(u32, i32);
group!(u64, i64);
group!(u128, i128);

/// Soft floats are integer code too. NaNs have no defined bits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "conversions are what is tried"
)]
pub(super) fn floats(random: &mut Random, hash: &mut Hash) {
    let mut add = |value: f64| {
        hash.number(if value.is_nan() {
            1
        } else {
            value.to_bits().into()
        });
    };
    for _ in 0..1000 {
        let any = f64::from_bits(black_box(random.next()));
        let other = f64::from_bits(black_box(random.next() >> 1));
        let near = black_box(random.next() as i64 as f64 / 1e7);
        let single = near as f32;
        for value in [
            any + other,
            any - other,
            any * other,
            any / other,
            near * any,
        ] {
            add(value);
        }
        for value in [
            single.into(),
            (near as i32).into(),
            near as u64 as f64,
            any as i128 as f64,
        ] {
            add(value);
        }
        add((single * 1.5 / (any as f32)).into());
        add((single % 3.25).into());
        add(f64::from(u8::from(any < other)));
    }
}
