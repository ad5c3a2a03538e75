//! `Policy::IdfExact` puts every block where ESP-IDF puts it.
//!
//! ```text
//!   bench.rs      boards, states, requests: how a row of a table is carried out
//!   search.rs     capabilities ─► all heaps in the order of the search
//!   requests.rs   state, one request ─► the heap that serves it, or the refusal
//!   malloc.rs     the same for plain malloc: threshold, fallback, preferences
//! ```
//!
//! The expectations are computed by hand from ESP-IDF's rules (HEAD:
//! `heap_caps_aligned_alloc_base`, `heap_caps_init`, `heap_caps_malloc_default`,
//! `esp_heap_adjust_alignment_to_hw`) and memory tables, not taken from what the code does. A heap
//! is named by its memory type and whole KiB: `DRAM 6`, `DRAM 180`.

mod bench;
mod malloc;
mod requests;
mod search;
