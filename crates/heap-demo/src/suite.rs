//! Do all checks hold on this chip?

use core::fmt::Write;

use target_suite::Machine;

macro_rules! shared {
    ($($module:ident::$check:ident,)*) => {
        [$((stringify!($check), target_suite::$module::$check::<M> as fn()),)*]
    };
}

/// Runs every check, a line each; how many there were. One that fails panics, behind its name.
pub(crate) fn run<M: Machine>(out: &mut impl Write) -> usize {
    let checks: [(&str, fn()); _] = target_suite::checks!(shared);
    for (name, check) in checks {
        // The console never fails.
        let _ = write!(out, "  {name} ... ");
        check();
        let _ = writeln!(out, "ok");
    }
    checks.len()
}
