//! Seeded faults on this machine: run on all cores, counted, shown.

pub(crate) mod run;
pub(crate) mod table;
