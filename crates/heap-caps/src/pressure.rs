//! Shortage of memory, as observers see it.
//!
//! What layers with locks do when memory is short (`heap_caps_alloc`) is reported here, so that it
//! stands between the allocations and frees that caused it.

use core::fmt;

use crate::sentence::Bytes;

/// How short memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// There is enough.
    Normal,
    /// Less should be used: smaller buffers, no new connections.
    Low,
    /// Requests are about to be refused.
    Critical,
}

impl fmt::Display for Level {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Normal => "normal",
            Self::Low => "low",
            Self::Critical => "critical",
        })
    }
}

/// Memory is short or back, or something was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PressureEvent {
    /// The name of the gauge, the shrinker, the reserve or the limit.
    pub name: &'static str,
    /// What happened.
    pub kind: PressureKind,
}

impl PressureEvent {
    /// An event of the gauge, shrinker or reserve that is called `name`.
    #[must_use]
    pub const fn new(name: &'static str, kind: PressureKind) -> Self {
        Self { name, kind }
    }
}

/// What happened when memory was short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PressureKind {
    /// A gauge has another level.
    Level(Level),
    /// A shrinker was called and freed this many bytes, as it says.
    Shrunk(u32),
    /// An emergency reserve of this many bytes was released.
    Released(u32),
    /// An emergency reserve of this many bytes was armed again.
    Armed(u32),
    /// An owner is above its soft limit, with this many bytes.
    AboveSoftLimit(u32),
    /// An owner is below its soft limit again, with this many bytes.
    BelowSoftLimit(u32),
    /// An owner was refused a block: its hard limit is this many bytes.
    OverLimit(u32),
}

/// `tiles gave 4.0 KiB`, `internal memory low`
impl fmt::Display for PressureEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = |bytes: u32| Bytes(bytes as usize); // widening
        let Self { name, kind } = self;
        match *kind {
            PressureKind::Level(level) => write!(out, "{name} memory {level}"),
            PressureKind::Shrunk(0) => write!(out, "{name} gave nothing"),
            PressureKind::Shrunk(given) => write!(out, "{name} gave {}", bytes(given)),
            PressureKind::Released(size) => write!(out, "{name} released {}", bytes(size)),
            PressureKind::Armed(size) => write!(out, "{name} has {} again", bytes(size)),
            PressureKind::AboveSoftLimit(used) => {
                write!(out, "{name} above its soft limit with {}", bytes(used))
            }
            PressureKind::BelowSoftLimit(used) => {
                write!(out, "{name} below its soft limit with {}", bytes(used))
            }
            PressureKind::OverLimit(limit) => {
                write!(out, "{name} refused at its limit of {}", bytes(limit))
            }
        }
    }
}
