//! Shows by its size what no calls link, for `cargo xtask bench`.

#![no_std]
#![no_main]

#[path = "../linked.rs"]
mod linked;

const CALLS: [*const (); 0] = [];
