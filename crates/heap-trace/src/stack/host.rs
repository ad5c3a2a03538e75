//! Callers on this machine, by the unwinder of its language run-time.
//!
//! Addresses have 64 bits here and 32 in a record, so what is kept is the distance from a function
//! of this crate. Frames of other libraries may be too far away; they are left out.

use core::ffi::c_void;
use std::path::Path;

/// The call stack of the running thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostStack {
    /// Innermost callers to leave out: the heap's own.
    pub skip: usize,
}

impl HostStack {
    /// Fills `callers`, the innermost first; returns how many there were.
    pub fn callers(&self, callers: &mut [u32]) -> usize {
        let (mut count, mut skip) = (0, self.skip);
        let note = |frame: &backtrace::Frame| {
            let distance = distance(frame.ip().addr());
            match (distance, callers.get_mut(count)) {
                (Some(_), _) if skip > 0 => skip -= 1,
                (Some(distance), Some(place)) => {
                    *place = distance;
                    count += 1;
                }
                (None, _) => {}
                (_, None) => return false,
            }
            true
        };
        // SAFETY: what is shared with other threads is the table of loaded libraries, which the
        // unwinder reads under the linker's lock; symbols, the part that `backtrace` has to
        // synchronise, are not looked at.
        unsafe { backtrace::trace_unsynchronized(note) };
        count
    }

    /// What lies at an address of a record: calls `name` with the function, and where it stands in
    /// the source. Allocates.
    pub fn resolve(caller: u32, mut name: impl FnMut(&str, Option<(&Path, u32)>)) {
        let address = anchor().wrapping_add_signed(caller.cast_signed() as isize);
        // Inside of the call.
        let address: *mut c_void = core::ptr::without_provenance_mut(address - 1);
        backtrace::resolve(address, |symbol| {
            let place = symbol.filename().zip(symbol.lineno());
            if let Some(function) = symbol.name() {
                name(&std::format!("{function:#}"), place);
            }
        });
    }
}

fn anchor() -> usize {
    (anchor as fn() -> usize as *const ()).addr()
}

fn distance(address: usize) -> Option<u32> {
    let distance = address.wrapping_sub(anchor()).cast_signed();
    i32::try_from(distance).ok().map(i32::cast_unsigned)
}
