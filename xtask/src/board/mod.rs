//! Programs on boards: compiled, checked, made an image, sent.
//!
//! ```text
//!   chip.rs        what a board's chip wants: target, flash addresses
//!   toolchain.rs   a compiler for it, or what to install     build.rs   sources ─> ELF file
//!   checks.rs      whether a program would start             sizes.rs   its size by section and crate
//!   sender.rs      espflash or esptool: their command lines  image.rs   ELF file ─> image, read back and compared
//!   send.rs        image ─> board; if the line breaks …      chunks.rs  … what is sent again after that
//!   output.rs      board ─> terminal, its events ─> file
//!   boot.rs        the program on a modelled chip            documented.rs  its output beside docs/flash.md
//!   tool_command.rs one external command: shown by `--dry-run`, or run
//! ```
//! Nothing is sent before every check has passed.

pub(crate) mod boot;
pub(crate) mod build;
pub(crate) mod checks;
pub(crate) mod chip;
pub(crate) mod chunks;
pub(crate) mod documented;
pub(crate) mod image;
pub(crate) mod output;
pub(crate) mod program;
pub(crate) mod send;
pub(crate) mod sender;
pub(crate) mod sizes;
pub(crate) mod tool_command;
pub(crate) mod toolchain;
pub(crate) mod unpacked;

pub(crate) use chip::Board;
