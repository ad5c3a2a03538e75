//! CI: its steps, the features of each crate, the tools; checks of documents and sources.

pub(crate) mod blocks;
pub(crate) mod boards;
pub(crate) mod columns;
pub(crate) mod features;
pub(crate) mod links;
pub(crate) mod sources;
pub(crate) mod steps;
pub(crate) mod tool;
