//! How the heap becomes a static library for C (`crates/heap-caps-c/staticlib`), and which names it has.
//!
//! ```text
//!   processor.rs   for which processors, with which compiler          features.rs   which C names belong to which feature
//!   build.rs       features, poisoning ─> libheap_caps.a              symbols.rs    libheap_caps.a ─> its names, its bytes
//!   checks.rs      libheap_caps.a, checks in C ─> what fails
//! ```

pub(crate) mod build;
pub(crate) mod checks;
pub(crate) mod features;
pub(crate) mod processor;
pub(crate) mod symbols;

pub(crate) use build::Order;
pub(crate) use processor::Processor;
