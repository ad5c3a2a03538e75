//! Shared parts of the tool `esp-heap` and this repository's own commands.
//!
//! The tool is the product: `esp-heap --help`. This library has no stable interface.
//!
//! ```text
//!   firmware    a linked program's sections and symbols      port       a board's serial port
//!   table, style, progress, figures    results for people and for machines
//!   traces, smallest, parallel, poisoning, esp_idf    measuring heaps on this machine
//! ```

pub mod bisect;
pub mod error;
pub mod esp_idf;
pub mod figures;
pub mod firmware;
pub mod parallel;
pub mod poisoning;
pub mod port;
pub mod progress;
pub mod style;
pub mod table;
pub mod traces;
