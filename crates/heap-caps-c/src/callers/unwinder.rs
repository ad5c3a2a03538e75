//! Callers on Linux: the unwinder of the C compiler's run-time library.

use core::ffi::{c_int, c_void};

use super::entries::is_entry;

/// Frames of the heap's inner functions that are passed at most.
const MOST_INNER: usize = 32;

/// `_URC_NO_REASON`: go on.
const NEXT: c_int = 0;
/// `_URC_END_OF_STACK`: enough.
const ENOUGH: c_int = 5;

type Visit = unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int;

unsafe extern "C" {
    fn _Unwind_Backtrace(visit: Visit, walk: *mut c_void) -> c_int;
    /// Returns where the frame goes on: behind a call.
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
    /// Returns where the frame's function begins.
    fn _Unwind_GetRegionStart(frame: *mut c_void) -> usize;
}

/// A walk along the stack.
struct Walk<'a> {
    callers: &'a mut [usize],
    found: usize,
    inner: usize,
    is_in_entry: bool,
}

/// Fills `callers` with who called the outermost of the entries that are one behind the other,
/// and who called that; returns how many there were. None if no entry is on the stack.
#[inline(never)]
pub(crate) fn of_entry(callers: &mut [usize]) -> usize {
    let mut walk = Walk {
        callers,
        found: 0,
        inner: 0,
        is_in_entry: false,
    };
    // SAFETY: `visit` is called with the walk, which lives until the call returns.
    unsafe { _Unwind_Backtrace(visit, (&raw mut walk).cast()) };
    walk.found
}

/// # Safety
/// - `frame` is the unwinder's, `walk` leads to a [`Walk`] that nobody else uses.
unsafe extern "C" fn visit(frame: *mut c_void, walk: *mut c_void) -> c_int {
    // SAFETY: the caller keeps the same contract.
    let walk = unsafe { &mut *walk.cast::<Walk<'_>>() };
    // SAFETY: the caller keeps the same contract.
    let start = unsafe { _Unwind_GetRegionStart(frame) };
    // SAFETY: the caller keeps the same contract.
    let returns_to = unsafe { _Unwind_GetIP(frame) };
    walk.pass(start, returns_to)
}

impl Walk<'_> {
    fn pass(&mut self, function: usize, returns_to: usize) -> c_int {
        if self.found == 0 && is_entry(function) {
            self.is_in_entry = true;
        } else if !self.is_in_entry {
            self.inner += 1;
            if self.inner > MOST_INNER {
                return ENOUGH;
            }
        } else if let Some(place) = self.callers.get_mut(self.found) {
            *place = returns_to;
            self.found += 1;
        }
        if self.found < self.callers.len() {
            NEXT
        } else {
            ENOUGH
        }
    }
}
