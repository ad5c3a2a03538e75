//! Campaigns on this machine: run in batches on all cores, each batch a process; summed up, shown.

pub(crate) mod run;
pub(crate) mod table;
