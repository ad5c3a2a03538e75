//! Origins: owner, call site and time of an allocation or a free.

use core::fmt;
use core::panic::Location;

use heap_trace::{Owner, TraceContext};

/// How many callers are kept.
pub const CALLERS: usize = 6;

/// Origin of an allocation or a free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// On whose behalf.
    pub owner: Owner,
    /// The line, where the interface knows it.
    pub place: Option<&'static Location<'static>>,
    /// Return addresses, the innermost first; 0 where there are no more.
    pub callers: [u32; CALLERS],
    /// The context's clock.
    pub ticks: u32,
}

impl Origin {
    pub(crate) fn now(
        context: &impl TraceContext,
        place: Option<&'static Location<'static>>,
    ) -> Self {
        let mut callers = [0; CALLERS];
        context.callers(&mut callers);
        Self {
            owner: context.owner(),
            place,
            callers,
            ticks: context.ticks(),
        }
    }
}

/// `owner 1 at src/tls.rs:88:9, called from 0x400D1234, 0x400D2345`
impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.owner.fmt(out)?;
        if let Some(place) = self.place {
            write!(out, " at {place}")?;
        }
        let known = self.callers.iter().take_while(|caller| **caller != 0);
        known.enumerate().try_for_each(|(index, caller)| {
            let separator = if index == 0 { ", called from" } else { "," };
            write!(out, "{separator} 0x{caller:08X}")
        })
    }
}
