//! Defects of ESP-IDF's heaps together, absent here; `docs/defects.md` lists them all.
//!
//! `/// Defects: …` before a test names what it would find: an issue or a commit of ESP-IDF, or a
//! number of ours for what has none (`head_NN`).

mod aliases;
mod checks;
mod failures;
mod figures;
mod placement;
mod regions;
mod sizes;
