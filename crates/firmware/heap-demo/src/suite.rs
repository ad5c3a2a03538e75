//! Run of all checks of `target-suite` on this chip.

use core::fmt::Write;

use soc_regions::ESP32;
use target_suite::Machine;

macro_rules! shared {
    ($($module:ident::$check:ident,)*) => {
        [$((stringify!($check), target_suite::$module::$check::<M> as fn()),)*]
    };
}

/// Runs every check that holds for the chip, a line each; how many there were. One that fails
/// panics, behind its name.
pub(crate) fn run<M: Machine>(out: &mut impl Write) -> usize {
    let of_esp32: &[(&str, fn())] = &target_suite::checks!(shared);
    let of_any: &[(&str, fn())] = &target_suite::checks_of_any_chip!(shared);
    let is_esp32 = M::chip().name() == ESP32.name();
    let checks = if is_esp32 { of_esp32 } else { of_any };
    for (name, check) in checks {
        // The console never fails.
        let _ = write!(out, "  {name} ... ");
        check();
        let _ = writeln!(out, "ok");
    }
    checks.len()
}
