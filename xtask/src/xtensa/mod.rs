//! How Rust becomes an Xtensa program: the linker that rustc calls (`cargo xtask link-xtensa`), and what stands in for rustc (`compiler.rs`).
//!
//! LLVM 22 generates good Xtensa assembly from upstream rustc's bitcode, but not good objects, and LLD knows no Xtensa. So rustc
//! stops at bitcode (`"obj-is-bitcode"` in the target file), and the rest happens here, module by module:
//!
//! ```text
//!   bitcode ─ llvm-dis ─> IR ─ ir.rs ─> opt, llc ─> assembly ─ assembly.rs ─> llvm-mc ─> object ┐
//!   C ─ clang ─> bitcode, the same way
//!   targets/xtensa-qemu/*.S ────────────────────────────────────────────────> llvm-mc ─> object ┴─ GNU ld ─> program
//! ```

pub(crate) mod assembly;
pub(crate) mod compiler;
pub(crate) mod ir;
pub(crate) mod link;
pub(crate) mod order;
