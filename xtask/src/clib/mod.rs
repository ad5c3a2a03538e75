//! The static library for C (`crates/heap-caps-c/staticlib`) and its names.
//!
//! ```text
//!   processor.rs   for which processors, with which compiler          features.rs   which C names belong to which feature
//!   build.rs       features, poisoning ─> libheap_caps.a              symbols.rs    libheap_caps.a ─> its names, its bytes
//!   archive.rs     what of cargo's archive is the heap's              linking.rs    libheap_caps.a, main.c ─> what a program takes
//!   package.rs     libraries, headers ─> a folder for CMake, ESP-IDF, PlatformIO or Zephyr
//!   checks.rs      libheap_caps.a, checks in C ─> what fails        name_table.rs  names ─> docs/idf-map.md
//!   programs.rs    libheap_caps.a, SQLite, Lua, Mbed TLS ─> results, times, bytes
//! ```

mod archive;
pub(crate) mod build;
pub(crate) mod checks;
pub(crate) mod features;
pub(crate) mod linking;
pub(crate) mod name_table;
pub(crate) mod package;
pub(crate) mod processor;
pub(crate) mod programs;
pub(crate) mod symbols;

pub(crate) use build::Order;
pub(crate) use processor::Processor;
