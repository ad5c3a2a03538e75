//! `mallinfo`: what the heaps that `malloc` may use have, in the structure of newlib and glibc.

use core::ffi::c_void;

use soc_regions::Caps;

use crate::heap::HEAP;

/// What newlib counts in: `size_t`.
#[cfg(target_os = "none")]
type Number = usize;
/// What glibc counts in: `int`.
#[cfg(not(target_os = "none"))]
type Number = core::ffi::c_int;

/// `struct mallinfo`. Figures that do not fit saturate.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CMallinfo {
    /// Bytes of the heaps, bookkeeping included.
    pub arena: Number,
    /// Free blocks.
    pub ordblks: Number,
    /// 0: there are no fast bins.
    pub smblks: Number,
    /// 0: nothing is mapped.
    pub hblks: Number,
    /// 0: nothing is mapped.
    pub hblkhd: Number,
    /// The most bytes that were in use.
    pub usmblks: Number,
    /// 0: there are no fast bins.
    pub fsmblks: Number,
    /// Bytes in use.
    pub uordblks: Number,
    /// Free bytes.
    pub fordblks: Number,
    /// The largest free block.
    pub keepcost: Number,
}

/// Returns the figures of the heaps that `malloc` may use.
#[cfg_attr(target_os = "none", unsafe(export_name = "mallinfo"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc_mallinfo")
)]
pub extern "C" fn mallinfo() -> CMallinfo {
    let info = HEAP.inspect().info(Caps::DEFAULT);
    let free_and_used = info
        .total_free_bytes
        .saturating_add(info.total_allocated_bytes);
    CMallinfo {
        arena: number(HEAP.inspect().total_size(Caps::DEFAULT)),
        ordblks: number(info.free_blocks),
        usmblks: number(free_and_used.saturating_sub(info.minimum_free_bytes)),
        uordblks: number(info.total_allocated_bytes),
        fordblks: number(info.total_free_bytes),
        keepcost: number(info.largest_free_block),
        ..CMallinfo::default()
    }
}

/// The same by its reentrant name; `reent` is not looked at.
#[cfg_attr(target_os = "none", unsafe(export_name = "_mallinfo_r"))]
#[cfg_attr(
    not(target_os = "none"),
    unsafe(export_name = "heap_caps_libc__mallinfo_r")
)]
pub extern "C" fn mallinfo_r(reent: *mut c_void) -> CMallinfo {
    let _ = reent;
    mallinfo()
}

fn number(figure: u32) -> Number {
    Number::try_from(figure).unwrap_or(Number::MAX)
}
