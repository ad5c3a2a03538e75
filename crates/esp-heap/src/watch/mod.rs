//! A live view of a program's heap, on a terminal or in a pipe.
//!
//! ```text
//!   source ── a thread that reads a port, a file that grows, or standard input
//!      │ bytes
//!   Watched (heap-report) ──► screen   a picture that is redrawn, on a terminal
//!                         ├─► lines    one every few seconds, anywhere else
//!                         └─► server   the metrics for Prometheus
//! ```

#[cfg(feature = "screen")]
pub(crate) mod keyboard;
pub(crate) mod lines;
#[cfg(feature = "screen")]
pub(crate) mod screen;
pub(crate) mod server;
pub(crate) mod signals;
pub(crate) mod source;
pub(crate) mod view;
