//! Defects of ESP-IDF's heap, absent here; `docs/defects.md` lists them all.
//!
//! `/// Defects: …` before a test names what it would find: an issue or a commit of ESP-IDF, its
//! TLSF or esp-alloc.

mod alignment;
mod checks;
mod figures;
mod placement;
mod sizes;

/// A generator that repeats itself from the same seed (xorshift).
struct Rng(u32);

impl Rng {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % end
    }
}
