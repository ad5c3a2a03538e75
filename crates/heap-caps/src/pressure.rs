//! Shortage of memory, as observers see it.
//!
//! What layers with locks do when memory is short (`heap_caps_alloc`) is reported here, so that it
//! stands between the allocations and frees that caused it.

use core::fmt;

use crate::sentence::Bytes;

/// How short memory is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// There is enough.
    #[default]
    Normal,
    /// Less should be used: smaller buffers, no new connections.
    Low,
    /// Requests are about to be refused.
    Critical,
}

impl Level {
    /// 0, 1 or 2: higher numbers are worse.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Normal => 0,
            Self::Low => 1,
            Self::Critical => 2,
        }
    }

    /// Returns the level of a [`Level::number`].
    #[must_use]
    pub const fn of_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Normal),
            1 => Some(Self::Low),
            2 => Some(Self::Critical),
            _ => None,
        }
    }
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
    /// The name of the gauge, the shrinker, the reserve or the limit; `a request` for one that
    /// waits.
    pub name: &'static str,
    /// What happened.
    pub kind: PressureKind,
}

impl PressureEvent {
    /// Creates an event of the gauge, shrinker or reserve that is called `name`.
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
    /// A request of this many bytes begins to wait for memory.
    WaitBegan(u32),
    /// A request of this many bytes that waited was served.
    WaitServed(u32),
    /// A request of this many bytes does not wait any more: it was dropped, or its time was up.
    WaitEnded(u32),
}

impl PressureKind {
    /// Returns the kind as two numbers, which a stream can carry: which kind, and its bytes or
    /// level.
    #[must_use]
    pub const fn to_numbers(self) -> (u8, u32) {
        match self {
            Self::Level(level) => (0, level.number() as u32), // widening
            Self::Shrunk(bytes) => (1, bytes),
            Self::Released(bytes) => (2, bytes),
            Self::Armed(bytes) => (3, bytes),
            Self::AboveSoftLimit(bytes) => (4, bytes),
            Self::BelowSoftLimit(bytes) => (5, bytes),
            Self::OverLimit(bytes) => (6, bytes),
            Self::WaitBegan(bytes) => (7, bytes),
            Self::WaitServed(bytes) => (8, bytes),
            Self::WaitEnded(bytes) => (9, bytes),
        }
    }

    /// Returns the kind of [`PressureKind::to_numbers`]; `None` for one that this version does not
    /// know.
    #[must_use]
    pub const fn of_numbers(kind: u8, value: u32) -> Option<Self> {
        Some(match kind {
            0 => match Level::of_number(value) {
                Some(level) => Self::Level(level),
                None => return None,
            },
            1 => Self::Shrunk(value),
            2 => Self::Released(value),
            3 => Self::Armed(value),
            4 => Self::AboveSoftLimit(value),
            5 => Self::BelowSoftLimit(value),
            6 => Self::OverLimit(value),
            7 => Self::WaitBegan(value),
            8 => Self::WaitServed(value),
            9 => Self::WaitEnded(value),
            _ => return None,
        })
    }

    /// Returns the sentence of an event of the gauge, shrinker, reserve or limit that is called
    /// `name`: `tiles gave 4.0 KiB`.
    pub const fn about(self, name: &str) -> impl fmt::Display {
        Sentence { name, kind: self }
    }
}

/// `tiles gave 4.0 KiB`, `internal memory low`
impl fmt::Display for PressureEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.about(self.name).fmt(out)
    }
}

/// The sentence of an event.
struct Sentence<'a> {
    name: &'a str,
    kind: PressureKind,
}

impl fmt::Display for Sentence<'_> {
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
            PressureKind::WaitBegan(size) => write!(out, "{name} of {} waits", bytes(size)),
            PressureKind::WaitServed(size) => {
                write!(out, "{name} of {} served after waiting", bytes(size))
            }
            PressureKind::WaitEnded(size) => {
                write!(out, "{name} of {} waits no more", bytes(size))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;

    use super::*;

    #[test]
    fn numbers_of_every_kind_come_back() {
        let mut kinds = 0;
        for number in 0..=u8::MAX {
            for value in [0, 1, 2, 3, u32::MAX] {
                if let Some(kind) = PressureKind::of_numbers(number, value) {
                    assert_eq!(kind.to_numbers(), (number, value));
                    kinds += 1;
                }
            }
        }
        assert_eq!(kinds, 3 + 9 * 5, "three levels, nine kinds of any size");
    }

    #[test]
    fn an_event_is_a_sentence() {
        let sentence = |kind| PressureEvent::new("tiles", kind).to_string();
        assert_eq!(
            sentence(PressureKind::Level(Level::Critical)),
            "tiles memory critical"
        );
        assert_eq!(sentence(PressureKind::Shrunk(4096)), "tiles gave 4.0 KiB");
        assert_eq!(sentence(PressureKind::Shrunk(0)), "tiles gave nothing");
        let waits = PressureKind::WaitBegan(4096).about("a request").to_string();
        assert_eq!(waits, "a request of 4.0 KiB waits");
    }
}
