//! The commands: one file each, `Arguments` for clap and `run` for the work.

pub(crate) mod bench;
pub(crate) mod boot;
pub(crate) mod build;
pub(crate) mod c_programs;
pub(crate) mod campaign;
pub(crate) mod check_ram;
pub(crate) mod check_symbols;
pub(crate) mod ci;
pub(crate) mod clib;
pub(crate) mod faults;
pub(crate) mod flash;
pub(crate) mod fuzz;
pub(crate) mod image;
pub(crate) mod monitor;
pub(crate) mod mutants;
pub(crate) mod peers;
pub(crate) mod qemu;
pub(crate) mod test_host;
