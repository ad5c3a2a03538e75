//! Imports from the program's C library: its console, and `abort`.
//!
//! Hosts have one. A chip's program has one if its library was built to end after a fault
//! (`faults-abort` without `faults-go-on`).

cfg_select! {
    any(
        not(target_os = "none"),
        all(feature = "faults-abort", not(feature = "faults-go-on")),
    ) => {
        use core::ffi::c_int;

        unsafe extern "C" {
            safe fn putchar(character: c_int) -> c_int;
            safe fn abort() -> !;
        }

        /// Writes to the C library's standard output.
        pub(crate) fn write(text: &str) {
            for byte in text.bytes() {
                putchar(byte.into());
            }
        }

        /// Ends the program after a fault, whose line was written.
        pub(crate) fn stop(_: &str) -> ! {
            flush();
            abort()
        }

        /// Writes what a host's program wrote to files: `abort` would leave it in their buffers.
        fn flush() {
            #[cfg(not(target_os = "none"))]
            {
                unsafe extern "C" {
                    fn fflush(stream: *mut core::ffi::c_void) -> c_int;
                }
                // SAFETY: null is every stream.
                unsafe { fflush(core::ptr::null_mut()) };
            }
        }
    }
    _ => {
        /// Writes nowhere: there is no console before C or Rust names one.
        pub(crate) fn write(_: &str) {}

        /// Ends the program after a fault: its panic handler prints the line.
        #[expect(clippy::panic, reason = "the program's own way to end")]
        pub(crate) fn stop(line: &str) -> ! {
            panic!("{line}")
        }
    }
}
