//! Which commands there are: one file each, `Arguments` for clap and `run` for the work.

pub(crate) mod map;
pub(crate) mod minheap;
pub(crate) mod night;
pub(crate) mod report;
pub(crate) mod sim;
pub(crate) mod watch;
pub(crate) mod what_if;
