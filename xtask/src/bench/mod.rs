//! Measurements: allocators, programs, tables, goals.
//!
//! ```text
//!   measure.rs   figures of a chip, or of this machine       esp_idf.rs   the figures of the C heap
//!   programs.rs  who is measured by which program
//!   traces.rs    figures of recorded programs on a chip      trace_words.rs    how these get there
//!   peers.rs     their smallest heaps on a chip
//!   profile.rs   where the instructions of one call go
//!   goals.rs     what the figures must be
//!   levels.rs    what poisoning levels cost
//!   table.rs     figures for people                          compare.rs   against figures of an earlier run
//! ```

pub(crate) mod compare;
pub(crate) mod esp_idf;
pub(crate) mod goals;
pub(crate) mod levels;
pub(crate) mod measure;
pub(crate) mod peers;
pub(crate) mod profile;
pub(crate) mod programs;
pub(crate) mod table;
pub(crate) mod trace_words;
pub(crate) mod traces;

/// The workload of a program that only makes the four calls, to see how large it is.
const LINKED: &str = "malloc, free, realloc, calloc";
/// All calls of all workloads together.
const ANY_CALL: &str = "any call";
