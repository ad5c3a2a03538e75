//! Fault reports: double frees, foreign pointers, damaged blocks.
//!
//! ```text
//!   fallible functions    ─► typed error to the caller
//!   GlobalAlloc, Drop …   ─► CapsHeap::report, the one place: counted, kept, handed to the handler (outside of the lock)
//!                            without a handler: firmware panics with the line, a host goes on
//! ```

use core::fmt;

use heap_caps::{AllocRequest, Corrupt, Failure, HeapCaps, Misuse, Observer};
use multi_heap::{Poison, Unpoisoned};

use crate::heap::CapsHeap;
use crate::lock::RawLock;
use crate::pressure::PressureControl;

/// What the heap was doing when it found something wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Making a block ready for its user.
    Allocate,
    /// Taking a block back.
    Free,
    /// Giving a block another size.
    Reallocate,
    /// Telling how large a block is.
    Measure,
}

/// What the heap found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An address that is not one that was handed out, or a damaged block. (Of a 64-bit host's
    /// foreign pointer: the low half.)
    Misuse(Misuse),
    /// Memory that was written to after it was freed.
    Corrupt(Corrupt),
}

/// A broken promise that could be returned to no caller. The heap is as it was; the block in
/// question stays allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// During what.
    pub action: Action,
    /// What was found.
    pub fault: Fault,
    /// The pointer as the program has it; 0 where nobody named one. On a 64-bit host it is more
    /// than the fault's address.
    pub pointer: usize,
    /// The call that found it, where an interface said so.
    pub call: Option<Call>,
}

/// A call of a function that found a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The function by the name that the program knows.
    pub function: &'static str,
    /// Return address of the call; 0 if unknown.
    pub caller: usize,
}

/// Called with each refused allocation, outside of the lock: it may use the heap. The failed
/// request is not tried again: that is what [`PressureControl::register_shrinker`] is for.
pub type FailureHandler = fn(&Failure);

/// Called with each [`Report`], outside of the lock: it may use the heap. [`go_on`] is one that
/// does nothing.
pub type ReportHandler = fn(&Report);

/// Report handler for programs that choose to go on after a fault: the report is counted
/// and kept, no more.
pub fn go_on(_: &Report) {}

/// Returns what follows a report if nobody set a handler. Firmware ends, as ESP-IDF's: the
/// program's panic handler writes the line.
const fn by_default() -> ReportHandler {
    if cfg!(all(target_os = "none", not(feature = "faults-go-on"))) {
        stop
    } else {
        go_on
    }
}

/// Ends the program with the report as a line. The heap is as it was.
#[cold]
#[expect(clippy::panic, reason = "the program's own way to end")]
fn stop(report: &Report) {
    panic!("heap fault: {report}")
}

multi_heap::texts!(Action {
    Self::Allocate => "allocation";
    Self::Free => "free";
    Self::Reallocate => "reallocation";
    Self::Measure => "size query";
});

/// `heap_caps_free(), called from 0x400D1234`
impl fmt::Display for Call {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}()", self.function)?;
        match self.caller {
            0 => Ok(()),
            caller => write!(out, ", called from 0x{caller:08X}"),
        }
    }
}

/// `free of 0x3FFC1230: already free (double free) (heap at 0x3FFB2EC8)`, and the call behind it,
/// where it is known: `, in heap_caps_free()`
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_fault(out)?;
        match self.call {
            Some(call) => write!(out, ", in {call}"),
            None => Ok(()),
        }
    }
}

impl Report {
    fn write_fault(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::Misuse(misuse) if self.is_displaced(misuse.address) => {
                let Self {
                    action, pointer, ..
                } = self;
                write!(out, "{action} of 0x{pointer:012x}: {}", misuse.kind)
            }
            Fault::Misuse(misuse) => write!(out, "{} of {misuse}", self.action),
            Fault::Corrupt(corrupt) => write!(out, "{} at {corrupt}", self.action),
        }
    }

    /// Returns whether the program has another pointer than the chip's address.
    fn is_displaced(&self, address: u32) -> bool {
        self.pointer != 0 && u32::try_from(self.pointer) != Ok(address)
    }
}

impl core::error::Error for Report {}

/// The handlers, and the last report.
pub(crate) struct Handlers<H> {
    pub(crate) on_failure: Option<OnFailure<H>>,
    pub(crate) on_report: Option<ReportHandler>,
    reports: u32,
    last: Last,
}

/// The handler for failed allocations, and how its record is made: only programs with a handler
/// link that. `H` is the heaps.
pub(crate) struct OnFailure<H> {
    pub(crate) handler: FailureHandler,
    pub(crate) record: fn(&H, &AllocRequest<'_>) -> Failure,
}

impl<H> Clone for OnFailure<H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for OnFailure<H> {}

/// The last report. Nothing is all zero, so that a static heap lies in .bss.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Last {
    Nothing = 0,
    Of(Report),
}

impl<H> Handlers<H> {
    pub(crate) const fn new() -> Self {
        Self {
            on_failure: None,
            on_report: None,
            reports: 0,
            last: Last::Nothing,
        }
    }
}

/// What a shared heap found: double frees, foreign pointers, damaged blocks. All O(1).
pub struct Faults<'h, L: RawLock, P: Poison = Unpoisoned, O: Observer = (), const HEAPS: usize = 16>
{
    heap: &'h CapsHeap<L, P, O, HEAPS>,
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Clone for Faults<'_, L, P, O, HEAPS> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Copy for Faults<'_, L, P, O, HEAPS> {}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Returns what was found, and the handler for it.
    #[must_use]
    pub const fn faults(&self) -> Faults<'_, L, P, O, HEAPS> {
        Faults { heap: self }
    }
}

/// Handlers and their last reports. All O(1).
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// The one place for faults that can be returned to no caller.
    #[cold]
    pub(crate) fn report(&self, action: Action, fault: Fault) {
        self.faults().report_of(action, fault, core::ptr::null());
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Faults<'_, L, P, O, HEAPS> {
    /// Sets the handler for double frees, foreign pointers and damaged blocks; returns the previous
    /// one. Nobody is, at first, and a report is counted and kept in [`Faults::last_report`].
    ///
    /// Firmware without a handler then panics with the line `heap fault: …`, as ESP-IDF's aborts;
    /// one that would rather go on sets [`go_on`] or another handler that returns, or has the
    /// feature `faults-go-on`. On a host, programs without a handler go on.
    pub fn set_report_handler(self, handler: Option<ReportHandler>) -> Option<ReportHandler> {
        core::mem::replace(&mut self.heap.state.acquire().handlers.on_report, handler)
    }

    /// Returns how many reports there were, up to `u32::MAX`.
    #[must_use]
    pub fn reports(self) -> u32 {
        self.heap.state.acquire().handlers.reports
    }

    /// Returns the last report.
    #[must_use]
    pub fn last_report(self) -> Option<Report> {
        match self.heap.state.acquire().handlers.last {
            Last::Nothing => None,
            Last::Of(report) => Some(report),
        }
    }

    /// The same of a pointer that the program handed over.
    #[cold]
    pub fn report_of(self, action: Action, fault: Fault, pointer: *const u8) {
        self.report_in(action, fault, pointer, None);
    }

    /// The same by an interface that knows its caller.
    #[cold]
    pub fn report_in(self, action: Action, fault: Fault, pointer: *const u8, call: Option<Call>) {
        let report = Report {
            action,
            fault,
            pointer: pointer.addr(),
            call,
        };
        let handler = {
            let handlers = &mut self.heap.state.acquire().handlers;
            handlers.reports = handlers.reports.saturating_add(1);
            handlers.last = Last::Of(report);
            handlers.on_report
        };
        handler.unwrap_or(const { by_default() })(&report);
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> PressureControl<'_, L, P, O, HEAPS> {
    /// Sets the handler for failed allocations; returns the previous one (initially `None`): a
    /// failure is counted and kept in
    /// [`SharedInspection::last_failure`](crate::SharedInspection::last_failure).
    pub fn set_failure_handler(self, handler: Option<FailureHandler>) -> Option<FailureHandler> {
        let on_failure = handler.map(|handler| OnFailure {
            handler,
            record: |heaps: &HeapCaps<P, O, HEAPS>, request| heaps.inspect().failure(request),
        });
        let before = core::mem::replace(
            &mut self.heap.state.acquire().handlers.on_failure,
            on_failure,
        );
        before.map(|on_failure| on_failure.handler)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heap_caps::MisuseKind;

    #[test]
    #[should_panic(expected = "heap fault: free of 0x3FFC1230: ")]
    fn firmware_stops_with_the_report_as_a_line() {
        stop(&Report {
            action: Action::Free,
            fault: Fault::Misuse(Misuse {
                address: 0x3FFC_1230,
                heap_start: None,
                kind: MisuseKind::AlreadyFree,
            }),
            pointer: 0x3FFC_1230,
            call: None,
        });
    }

    #[test]
    fn the_call_stands_behind_the_fault() {
        let report = |caller| Report {
            action: Action::Free,
            fault: Fault::Misuse(Misuse {
                address: 0x3FFC_1230,
                heap_start: None,
                kind: MisuseKind::AlreadyFree,
            }),
            pointer: 0x3FFC_1230,
            call: Some(Call {
                function: "heap_caps_free",
                caller,
            }),
        };
        assert_eq!(
            std::format!("{}", report(0)),
            "free of 0x3FFC1230: already free (double free), in heap_caps_free()"
        );
        assert_eq!(
            std::format!("{}", report(0x400D_1234)),
            "free of 0x3FFC1230: already free (double free), in heap_caps_free(), called from \
             0x400D1234"
        );
    }
}
