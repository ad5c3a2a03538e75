//! Numbers to text and back.

use alloc::format;
use alloc::string::ToString;

use super::hash::Hash;
use crate::random::Random;

/// Returns a float of a magnitude that people print.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "any float will do"
)]
fn float(random: &mut Random) -> f64 {
    let scale = 10_u64.pow(random.below(18));
    random.next() as i64 as f64 / scale as f64
}

pub(super) fn formatting(random: &mut Random, hash: &mut Hash) {
    for _ in 0..300 {
        let (value, number) = (float(random), random.next());
        let text = format!(
            "{value} {value:e} {value:.3} {value:>14.1} {number} {number:x} {number:#034b} {number:?}"
        );
        hash.bytes(text.as_bytes());
        let character = char::from_u32(random.below(0x3000));
        hash.bytes(format!("{character:?}").as_bytes());
    }
}

pub(super) fn parsing(random: &mut Random, hash: &mut Hash) {
    for _ in 0..300 {
        let value = float(random);
        let parsed: f64 = value.to_string().parse().unwrap();
        hash.number(parsed.to_bits().into());
        hash.truth(parsed.to_bits() == value.to_bits());
        let number = random.next();
        let parsed = u64::from_str_radix(&format!("{number:o}"), 8);
        hash.truth(parsed == Ok(number));
    }
}
