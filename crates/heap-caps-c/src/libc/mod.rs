//! The `malloc` family of C and POSIX beyond the four functions of [`plain`](super::plain), and
//! newlib's reentrant one.
//!
//! Sizes are checked for overflow everywhere. `errno` is set where the program says where it is
//! (`heap_caps_set_errno_location(__errno)`); the reentrant functions know.

mod aligned;
mod errno;
mod mallinfo;
mod newlib;

pub use aligned::*;
pub use errno::heap_caps_set_errno_location;
pub(super) use errno::or_errno;
pub use mallinfo::*;
pub use newlib::*;

/// "Out of memory", the same number in newlib, glibc and ESP-IDF.
const ENOMEM: i32 = 12;
/// "Invalid argument", likewise.
const EINVAL: i32 = 22;
