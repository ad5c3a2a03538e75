//! Every check of the suite: `suite list` names them, `suite NAME` runs one. A check that fails
//! panics.

#![no_std]
#![no_main]

extern crate alloc;

mod claims;
mod code;
mod collections;
mod interrupts;
#[cfg(target_arch = "xtensa")]
mod words;

use on_target::{Emulated, exit_code, println};

on_target::program!(main);

type Check = (&'static str, fn());

macro_rules! shared {
    ($($module:ident::$check:ident,)*) => {
        [$((stringify!($check), target_suite::$module::$check::<Emulated> as fn()),)*]
    };
}

/// Checks that a host runs too.
const SHARED: &[Check] = &target_suite::checks!(shared);

fn checks() -> impl Iterator<Item = &'static Check> {
    let own = [
        claims::CHECKS,
        code::CHECKS,
        collections::CHECKS,
        interrupts::CHECKS,
    ];
    #[cfg(target_arch = "xtensa")]
    let words = words::CHECKS;
    #[cfg(not(target_arch = "xtensa"))]
    let words: &[Check] = &[];
    let all = [SHARED].into_iter().chain(own).chain([words]);
    all.flatten()
}

fn main() -> u8 {
    on_target::argument(1, |argument| match argument {
        Some("list") => list(),
        Some(name) => run(name),
        None => unknown("nothing"),
    })
}

fn list() -> u8 {
    checks().for_each(|(name, _)| println!("{name}"));
    exit_code::SUCCESS
}

fn run(wanted: &str) -> u8 {
    let Some((_, check)) = checks().find(|(name, _)| *name == wanted) else {
        return unknown(wanted);
    };
    check();
    exit_code::SUCCESS
}

fn unknown(wanted: &str) -> u8 {
    println!("there is no check called {wanted}; `list` names them");
    exit_code::USAGE
}
