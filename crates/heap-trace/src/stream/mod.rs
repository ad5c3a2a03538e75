//! Each event as it happens, in 8 to 12 bytes, to a receiver: the program keeps nothing, the
//! other end rebuilds the heap.
//!
//! ```text
//!   Ledger ─► Stream ─► frame ─► Sink: ring in RAM, UART, RTT, defmt, …     no room: counted, and sent when there is
//!                                  └── bytes ──► Decoder ─► events with their times      (on the host)
//! ```
//!
//! The format is in `docs/event-stream.md`.

mod bytes;
mod codec;
mod decoder;
mod event;
mod sink;

pub use decoder::{BrokenFrame, Decoder, Frame};
pub use event::{Callers, Event, SiteNumber, VERSION};
pub use sink::{ByteSink, Port, Ring, Sink, WhenFull};

use heap_caps::HeapView;

use bytes::{Body, LONGEST, LONGEST_COUNTED};

/// How many events there are from one [`Event::Sync`] to the next.
const SYNC_EVERY: u32 = 64;

/// Writes events to a sink.
#[derive(Debug)]
pub struct Stream<S> {
    sink: S,
    /// The clock of the last frame that was sent.
    last: u32,
    events: u32,
    dropped: u32,
    /// Dropped since the last report of it.
    unreported: u32,
    until_sync: u32,
}

impl<S: Sink> Stream<S> {
    /// Creates a stream that has sent nothing.
    pub const fn new(sink: S) -> Self {
        Self {
            sink,
            last: 0,
            events: 0,
            dropped: 0,
            unreported: 0,
            until_sync: 0,
        }
    }

    /// Returns where frames go, to be emptied.
    pub const fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Returns the events so far: allocations, frees, resizes and failures, dropped or not.
    #[must_use]
    pub const fn events(&self) -> u32 {
        self.events
    }

    /// Those of them that the sink had no room for.
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Says what happened at `ticks`; `false` if the sink had no room. O(1).
    pub fn emit(&mut self, ticks: u32, event: &Event<'_>) -> bool {
        if event.is_counted() {
            if self.until_sync == 0 {
                self.sync(ticks);
            }
            self.events = self.events.wrapping_add(1);
            self.until_sync = self.until_sync.saturating_sub(1);
        }
        let is_sent = self.emit_dropped(ticks) && self.send(ticks, event);
        if !is_sent && event.is_counted() {
            self.dropped = self.dropped.wrapping_add(1);
            self.unreported = self.unreported.saturating_add(1);
        }
        is_sent
    }

    /// Describes the program's heaps, once, before or after the first events.
    pub fn describe(&mut self, ticks: u32, heaps: impl Iterator<Item = HeapView>) {
        for heap in heaps {
            let described = Event::Heap {
                index: u8::try_from(heap.index.get()).unwrap_or(u8::MAX),
                start: heap.span.start(),
                size: heap.span.size(),
                caps: heap.caps,
                name: heap.name,
            };
            self.emit(ticks, &described);
        }
    }

    fn sync(&mut self, ticks: u32) {
        let sync = Event::Sync {
            version: VERSION,
            ticks,
            events: self.events,
            dropped: self.dropped,
        };
        if self.emit_dropped(ticks) && self.send(ticks, &sync) {
            self.until_sync = SYNC_EVERY;
        }
    }

    /// Tells of dropped events, if there are any; `false` if there is no room for that either.
    fn emit_dropped(&mut self, ticks: u32) -> bool {
        if self.unreported == 0 {
            return true;
        }
        let is_sent = self.send(
            ticks,
            &Event::Dropped {
                events: self.unreported,
            },
        );
        if is_sent {
            self.unreported = 0;
        }
        is_sent
    }

    fn send(&mut self, ticks: u32, event: &Event<'_>) -> bool {
        if event.is_counted() {
            self.send_within::<LONGEST_COUNTED>(ticks, event)
        } else {
            self.send_within::<LONGEST>(ticks, event)
        }
    }

    fn send_within<const BYTES: usize>(&mut self, ticks: u32, event: &Event<'_>) -> bool {
        let mut body: Body<BYTES> = Body::new();
        event.write(ticks.wrapping_sub(self.last), &mut body);
        let sent = self.sink.send(body.seal());
        if sent {
            self.last = ticks;
        }
        sent
    }
}
