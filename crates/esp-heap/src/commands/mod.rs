//! Subcommands of `esp-heap`: one file each, with `Arguments` (clap) and `run`.

pub(crate) mod map;
pub(crate) mod minheap;
pub(crate) mod night;
pub(crate) mod report;
pub(crate) mod sim;
pub(crate) mod watch;
pub(crate) mod what_if;

/// Exit code: what was found could not be read, has too large gaps, or contradicts itself.
const NO_VERDICT: u8 = 5;
