//! What CI checks: the steps, the features of each crate, the tools they need.

pub(crate) mod features;
pub(crate) mod steps;
pub(crate) mod tool;
