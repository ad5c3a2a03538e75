//! Decoder of the byte stream, for the host or wherever the stream arrives.

use core::fmt;

use super::bytes::{self, LONGEST};
use super::event::Event;

/// Makes events of a stream's bytes, wherever in the stream they begin. O(1) memory, no allocation.
///
/// ```
/// # fn bytes() -> Vec<u8> { vec![] }
/// let mut decoder = heap_trace::Decoder::new();
/// for byte in bytes() {
///     match decoder.push(byte) {
///         Some(Ok(frame)) => println!("{}: {:?}", frame.ticks, frame.event),
///         Some(Err(broken)) => eprintln!("{broken}"),
///         None => {} // in the middle of a frame
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Decoder {
    bytes: [u8; LONGEST],
    used: usize,
    position: Position,
}

/// Where in the stream the decoder is.
#[derive(Debug)]
struct Position {
    ticks: u64,
    /// Events sent before the last `Sync`, as that said.
    sent: Option<u32>,
    /// Events that arrived since.
    arrived: u32,
    missed: u32,
}

impl Position {
    fn pass(&mut self, elapsed: u32, event: &Event<'_>) {
        self.ticks = self.ticks.saturating_add(elapsed.into());
        if let Event::Sync {
            ticks: clock,
            events,
            dropped,
            ..
        } = *event
        {
            self.ticks = near(self.ticks, clock, self.sent.is_none());
            let sent = events.wrapping_sub(dropped);
            if let Some(before) = self.sent {
                let missing = sent.wrapping_sub(before).saturating_sub(self.arrived);
                self.missed = self.missed.saturating_add(missing);
            }
            (self.sent, self.arrived) = (Some(sent), 0);
        }
        self.arrived = self.arrived.wrapping_add(event.is_counted().into());
    }
}

/// An event and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Ticks of the program's clock since the decoder began, or since the program's clock did if a
    /// [`Event::Sync`] came first.
    pub ticks: u64,
    /// What happened.
    pub event: Event<'a>,
}

/// Bytes between two zeros that are no frame: a part of one, damaged on its way, or another
/// program's text on the same line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenFrame {
    /// How many.
    pub bytes: usize,
}

impl fmt::Display for BrokenFrame {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes that are no frame", self.bytes)
    }
}

impl core::error::Error for BrokenFrame {}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// At the beginning, or anywhere else.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; LONGEST],
            used: 0,
            position: Position {
                ticks: 0,
                sent: None,
                arrived: 0,
                missed: 0,
            },
        }
    }

    /// Takes a byte; returns what ends with it. O(1), O(frame) at its end.
    pub fn push(&mut self, byte: u8) -> Option<Result<Frame<'_>, BrokenFrame>> {
        if byte != 0 {
            if let Some(place) = self.bytes.get_mut(self.used) {
                *place = byte;
            }
            self.used = self.used.saturating_add(1);
            return None;
        }
        let count = core::mem::take(&mut self.used);
        if count == 0 {
            return None;
        }
        let event = self.bytes.get_mut(..count).and_then(bytes::open);
        let Some((elapsed, event)) = event.and_then(Event::read) else {
            return Some(Err(BrokenFrame { bytes: count }));
        };
        self.position.pass(elapsed, &event);
        Some(Ok(Frame {
            ticks: self.position.ticks,
            event,
        }))
    }

    /// Returns the events that were sent and did not arrive: lost on the way, as the stream's own
    /// count shows at each [`Event::Sync`]. What the program dropped itself is in
    /// [`Event::Dropped`].
    #[must_use]
    pub const fn missed(&self) -> u32 {
        self.position.missed
    }
}

/// Returns the time whose last 32 bits are the program's clock, nearest behind `ticks`: what was
/// missed took time too.
fn near(ticks: u64, clock: u32, first: bool) -> u64 {
    if first {
        return clock.into();
    }
    let [a, b, c, d, ..] = ticks.to_le_bytes();
    let ahead = clock.wrapping_sub(u32::from_le_bytes([a, b, c, d]));
    ticks.saturating_add(ahead.into())
}
