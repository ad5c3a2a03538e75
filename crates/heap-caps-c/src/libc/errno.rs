//! `errno` of failed libc functions.

use core::ffi::c_void;

use super::{EINVAL, ENOMEM};
use crate::ffi::{self, FunctionSlot};
use crate::signatures::ErrnoLocation;

static LOCATION: FunctionSlot<ErrnoLocation> = FunctionSlot::empty();

/// Sets where `errno` is. Null: failures return null and set nothing, which is the state at
/// first.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_set_errno_location(location: Option<ErrnoLocation>) {
    LOCATION.set(location);
}

/// Returns the block, or null and `errno` if something was asked for.
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub(crate) fn or_errno(block: *mut c_void, asked: bool) -> *mut c_void {
    if block.is_null() && asked {
        set_errno(ENOMEM);
    }
    block
}

/// Returns the block, or null and the `errno` of an alignment that is no power of two, or of a lack
/// of memory.
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub(super) fn or_errno_of(alignment: usize, block: *mut c_void, asked: bool) -> *mut c_void {
    if block.is_null() && !alignment.is_power_of_two() {
        set_errno(EINVAL);
        return block;
    }
    or_errno(block, asked)
}

#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
fn set_errno(number: i32) {
    if let Some(location) = LOCATION.get() {
        ffi::set_errno(location, number);
    }
}
