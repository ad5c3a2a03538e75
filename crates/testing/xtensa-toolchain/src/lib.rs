//! Compiles Rust to Xtensa programs: a linker that rustc calls (`xtensa-linker`), and a wrapper of
//! rustc (`xtensa-rustc`).
//!
//! LLVM 22 generates good Xtensa assembly from upstream rustc's bitcode, but not good objects, and
//! LLD knows no Xtensa. So rustc stops at bitcode (`"obj-is-bitcode"` in the target file), and the
//! rest happens here, module by module:
//!
//! ```text
//!   bitcode ─ llvm-dis ─> IR ─ ir.rs ─> opt, llc ─> assembly ─ assembly.rs ─> llvm-mc ─> object ┐
//!   C ─ clang ─> bitcode, the same way
//!   targets/xtensa-qemu/*.S ────────────────────────────────────────────────> llvm-mc ─> object ┴─ GNU ld ─> program
//! ```

mod assembly;
pub mod compiler;
mod error;
mod instructions;
mod ir;
pub mod link;
pub mod order;

pub use error::Error;
