//! Pseudo-terminals: a serial port or a screen for the program under test.
//!
//! ```text
//!   test ─► ours ═══ kernel: echo, line discipline until raw mode ═══ theirs (/dev/pts/N) ◄─ esp-heap
//! ```

use std::fs::File;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;

/// Opens a pseudo-terminal of 100 columns: our side, and the other one with its name. Children
/// inherit neither.
pub(crate) fn open() -> (File, File, String) {
    // SAFETY: no pointer is passed.
    let ours = unsafe { libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC) };
    assert!(ours >= 0);
    // SAFETY: it was opened above, and belongs to nobody else.
    let ours = File::from(unsafe { OwnedFd::from_raw_fd(ours) });
    let descriptor = ours.as_raw_fd();
    let mut name = [0_u8; 128];
    // SAFETY: the terminal is open.
    assert_eq!(unsafe { libc::grantpt(descriptor) }, 0);
    // SAFETY: the terminal is open.
    assert_eq!(unsafe { libc::unlockpt(descriptor) }, 0);
    // SAFETY: the terminal is open, and the length of the name's buffer is passed.
    let named = unsafe { libc::ptsname_r(descriptor, name.as_mut_ptr().cast(), name.len()) };
    assert_eq!(named, 0);
    let end = name.iter().position(|&byte| byte == 0).unwrap();
    let name = String::from_utf8(name[..end].to_vec()).unwrap();
    let theirs = File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY)
        .open(&name);
    let size = libc::winsize {
        ws_row: 30,
        ws_col: 100,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the terminal is open, and a size is what this request takes.
    let sized = unsafe { libc::ioctl(descriptor, libc::TIOCSWINSZ, &raw const size) };
    assert_eq!(sized, 0);
    (ours, theirs.unwrap(), name)
}

/// Returns whether a terminal passes bytes on as they come: it does once a program has opened it as
/// a port.
pub(crate) fn is_raw(terminal: &File) -> bool {
    let mut settings = std::mem::MaybeUninit::<libc::termios>::uninit();
    // SAFETY: the terminal is open, and the settings are written before they are read.
    let got = unsafe { libc::tcgetattr(terminal.as_raw_fd(), settings.as_mut_ptr()) };
    assert_eq!(got, 0);
    // SAFETY: written above.
    let settings = unsafe { settings.assume_init() };
    settings.c_lflag & libc::ICANON == 0
}
