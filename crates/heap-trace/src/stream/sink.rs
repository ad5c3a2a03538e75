//! Sinks for frames: a ring in RAM, a port that accepts bytes, or any function.

use core::fmt;

/// Destination of whole frames.
///
/// A function `FnMut(&[u8]) -> bool` is a sink, so whatever can send bytes is one line away:
///
/// ```no_run
/// # struct Channel; impl Channel { fn writable(&self) -> usize { 0 } fn write(&mut self, _: &[u8]) {} }
/// # let mut channel = Channel;
/// // RTT, a USB endpoint: a channel that accepts some bytes without waiting
/// let rtt = move |frame: &[u8]| channel.writable() >= frame.len() && { channel.write(frame); true };
/// // defmt: one log frame for each of ours
/// # macro_rules! defmt_trace { ($text:literal, $frame:expr) => { let _ = $frame; } }
/// let defmt = |frame: &[u8]| { defmt_trace!("heap {=[u8]}", frame); true };
/// # fn sink(_: impl heap_trace::Sink) {} sink(rtt); sink(defmt);
/// ```
pub trait Sink {
    /// Sends the whole frame, or nothing of it, and returns which. Called under the heap's lock: it
    /// must not wait and not allocate.
    fn send(&mut self, frame: &[u8]) -> bool;
}

impl<F: FnMut(&[u8]) -> bool> Sink for F {
    fn send(&mut self, frame: &[u8]) -> bool {
        self(frame)
    }
}

/// A port that accepts some bytes without waiting: a UART and its FIFO.
pub trait Port {
    /// Returns the number of bytes that it accepts now without waiting.
    fn writable(&self) -> usize;
    /// Sends a byte: called for [`Port::writable`] bytes at most.
    fn write(&mut self, byte: u8);
}

/// A port as a sink.
#[derive(Debug)]
pub struct ByteSink<P>(pub P);

impl<P: Port> Sink for ByteSink<P> {
    fn send(&mut self, frame: &[u8]) -> bool {
        let fits = self.0.writable() >= frame.len();
        if fits {
            frame.iter().for_each(|&byte| self.0.write(byte));
        }
        fits
    }
}

/// What a ring does with a frame for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Refuses it: the stream counts it as dropped. For a ring that another task empties.
    Refuse,
    /// Overwrites the oldest bytes: the ring has the last events before a crash. Whoever reads it
    /// begins with half a frame.
    Overwrite,
}

/// Frames in RAM.
pub struct Ring<const BYTES: usize> {
    bytes: [u8; BYTES],
    /// The first byte to read.
    start: usize,
    used: usize,
    when_full: WhenFull,
}

impl<const BYTES: usize> Ring<BYTES> {
    /// Creates an empty ring.
    #[must_use]
    pub const fn new(when_full: WhenFull) -> Self {
        Self {
            bytes: [0; BYTES],
            start: 0,
            used: 0,
            when_full,
        }
    }

    /// Returns the bytes to read.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.used
    }

    /// Returns whether there is nothing to read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Moves the oldest bytes into `buffer`, as many as fit; returns how many.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let count = self.used.min(buffer.len());
        for place in buffer.iter_mut().take(count) {
            *place = self.bytes.get(self.start).copied().unwrap_or(0);
            self.start = Self::after(self.start);
        }
        self.used -= count;
        count
    }

    /// Returns all bytes in two pieces, the oldest first.
    #[must_use]
    pub fn contents(&self) -> [&[u8]; 2] {
        let (wrapped, first) = self.bytes.split_at(self.start.min(BYTES));
        let head = first.get(..self.used).unwrap_or(first);
        let tail = wrapped.get(..self.used - head.len()).unwrap_or_default();
        [head, tail]
    }

    const fn after(place: usize) -> usize {
        if place + 1 < BYTES { place + 1 } else { 0 }
    }

    /// Writes a frame that fits, in up to two pieces.
    fn write(&mut self, at: usize, frame: &[u8]) {
        let (first, second) = frame.split_at(frame.len().min(BYTES - at));
        if let Some(place) = self.bytes.get_mut(at..at + first.len()) {
            place.copy_from_slice(first);
        }
        if let Some(place) = self.bytes.get_mut(..second.len()) {
            place.copy_from_slice(second);
        }
    }
}

impl<const BYTES: usize> Sink for Ring<BYTES> {
    fn send(&mut self, frame: &[u8]) -> bool {
        let room = BYTES - self.used;
        if frame.len() > BYTES || frame.len() > room && self.when_full == WhenFull::Refuse {
            return false;
        }
        let lost = frame.len().saturating_sub(room);
        let behind = |start: usize, by: usize| {
            let place = start + by; // each at most BYTES
            if place < BYTES { place } else { place - BYTES }
        };
        self.start = behind(self.start, lost);
        self.used -= lost;
        self.write(behind(self.start, self.used), frame);
        self.used += frame.len();
        true
    }
}

impl<const BYTES: usize> fmt::Debug for Ring<BYTES> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Ring of {BYTES} bytes, {} used", self.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents<const N: usize>(ring: &mut Ring<N>) -> std::vec::Vec<u8> {
        let [head, tail] = ring.contents();
        let seen = [head, tail].concat();
        let mut read = std::vec![0; N];
        let count = ring.read(&mut read);
        assert_eq!(seen, read[..count]);
        seen
    }

    #[test]
    fn a_ring_that_is_emptied_refuses_what_does_not_fit() {
        let mut ring = Ring::<8>::new(WhenFull::Refuse);
        assert!(ring.send(&[1, 2, 3, 4, 5]));
        assert!(!ring.send(&[6, 7, 8, 9]));
        assert!(ring.send(&[6, 7, 8]));
        assert_eq!(contents(&mut ring), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(ring.is_empty());
        assert!(ring.send(&[9; 8]) && !ring.send(&[10]));
    }

    #[test]
    fn a_ring_for_the_last_words_keeps_the_newest_bytes() {
        let mut ring = Ring::<8>::new(WhenFull::Overwrite);
        for first in [1, 4, 7] {
            assert!(ring.send(&[first, first + 1, first + 2]));
        }
        assert_eq!(contents(&mut ring), [2, 3, 4, 5, 6, 7, 8, 9]);
        assert!(!ring.send(&[0; 9]), "never a part of a frame");
    }
}
