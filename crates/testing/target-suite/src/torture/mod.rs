//! Compiler checks: hashes over everything a program does with numbers, text, memory and calls.
//!
//! The route from Rust to Xtensa is unusual, so it is proved: the host computes the same hashes.

mod calls;
mod collections;
mod hash;
mod integers;
mod memory;
mod text;

use hash::Hash;

use crate::random::Random;

/// A group: adds what it computes to the hash.
type Group = fn(&mut Random, &mut Hash);

const GROUPS: &[(&str, Group)] = &[
    ("u8", integers::u8),
    ("u16", integers::u16),
    ("u32", integers::u32),
    ("u64", integers::u64),
    ("u128", integers::u128),
    ("floats", integers::floats),
    ("formatting", text::formatting),
    ("parsing", text::parsing),
    ("sorting", collections::sorting),
    ("maps", collections::maps),
    ("copying", memory::copying),
    #[cfg(target_has_atomic = "32")]
    ("atomics", memory::atomics),
    ("frames", calls::frames),
    ("arguments", calls::arguments),
];

/// Computes every group's hash and reports it. Needs an allocator with some 200 KiB.
pub fn hashes(mut report: impl FnMut(&'static str, u64)) {
    for (name, group) in GROUPS.iter().copied() {
        let mut hash = Hash::default();
        group(&mut Random::new(0x9E37_79B9_7F4A_7C15), &mut hash);
        report(name, hash.value());
    }
}
