//! Event sinks: receivers of events with call site and owner.

use heap_caps::{Allocated, Failure, Freed, PressureEvent, Reallocated};

use super::sites::{Site, SiteId};
use super::usage::Usage;
use crate::stream::{Callers, Event, Sink, SiteNumber, Stream};
use heap_caps::Owner;

/// Time, site and owner of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventContext {
    /// The context's clock.
    pub ticks: u32,
    /// Where memory is asked for.
    pub site: SiteId,
    /// On whose behalf.
    pub owner: Owner,
}

/// Receives the events of a ledger. As observers, sinks must neither allocate nor wait.
pub trait EventSink {
    /// A block was allocated.
    fn on_allocate(&mut self, context: &EventContext, event: &Allocated) {
        let _ = (context, event);
    }

    /// A block was freed; site and owner are those of its allocation.
    fn on_free(&mut self, context: &EventContext, event: &Freed) {
        let _ = (context, event);
    }

    /// A block was resized.
    fn on_reallocate(&mut self, context: &EventContext, event: &Reallocated) {
        let _ = (context, event);
    }

    /// A request was refused, while every owner had this: the place in `owners` is its number.
    fn on_failure(&mut self, context: &EventContext, failure: &Failure, owners: &[Usage]) {
        let _ = (context, failure, owners);
    }

    /// Memory is short or back, or something was done about it.
    fn on_pressure(&mut self, ticks: u32, event: &PressureEvent) {
        let _ = (ticks, event);
    }

    /// Receives what a site is, before the first event that names it; `false`: describe it again.
    fn on_site<const DEPTH: usize>(&mut self, ticks: u32, site: &Site<DEPTH>) -> bool {
        let _ = (ticks, site);
        true
    }
}

impl EventSink for () {}

impl<A: EventSink, B: EventSink> EventSink for (A, B) {
    fn on_allocate(&mut self, context: &EventContext, event: &Allocated) {
        self.0.on_allocate(context, event);
        self.1.on_allocate(context, event);
    }

    fn on_free(&mut self, context: &EventContext, event: &Freed) {
        self.0.on_free(context, event);
        self.1.on_free(context, event);
    }

    fn on_reallocate(&mut self, context: &EventContext, event: &Reallocated) {
        self.0.on_reallocate(context, event);
        self.1.on_reallocate(context, event);
    }

    fn on_failure(&mut self, context: &EventContext, failure: &Failure, owners: &[Usage]) {
        self.0.on_failure(context, failure, owners);
        self.1.on_failure(context, failure, owners);
    }

    fn on_pressure(&mut self, ticks: u32, event: &PressureEvent) {
        self.0.on_pressure(ticks, event);
        self.1.on_pressure(ticks, event);
    }

    fn on_site<const DEPTH: usize>(&mut self, ticks: u32, site: &Site<DEPTH>) -> bool {
        let first = self.0.on_site(ticks, site);
        self.1.on_site(ticks, site) && first
    }
}

/// A sink that comes later: a static ledger is made before there is, for example, a log to
/// recover. Sites that were described to nobody are described again at the refresh interval.
impl<L: EventSink> EventSink for Option<L> {
    fn on_allocate(&mut self, context: &EventContext, event: &Allocated) {
        if let Some(event_sink) = self {
            event_sink.on_allocate(context, event);
        }
    }

    fn on_free(&mut self, context: &EventContext, event: &Freed) {
        if let Some(event_sink) = self {
            event_sink.on_free(context, event);
        }
    }

    fn on_reallocate(&mut self, context: &EventContext, event: &Reallocated) {
        if let Some(event_sink) = self {
            event_sink.on_reallocate(context, event);
        }
    }

    fn on_failure(&mut self, context: &EventContext, failure: &Failure, owners: &[Usage]) {
        if let Some(event_sink) = self {
            event_sink.on_failure(context, failure, owners);
        }
    }

    fn on_pressure(&mut self, ticks: u32, event: &PressureEvent) {
        if let Some(event_sink) = self {
            event_sink.on_pressure(ticks, event);
        }
    }

    fn on_site<const DEPTH: usize>(&mut self, ticks: u32, site: &Site<DEPTH>) -> bool {
        self.as_mut()
            .is_none_or(|event_sink| event_sink.on_site(ticks, site))
    }
}

impl<S: Sink> EventSink for Stream<S> {
    fn on_allocate(&mut self, context: &EventContext, event: &Allocated) {
        let sent = Event::Allocated {
            address: event.address,
            size: event.size,
            site: context.site.into(),
            owner: context.owner,
        };
        self.emit(context.ticks, &sent);
    }

    fn on_free(&mut self, context: &EventContext, event: &Freed) {
        let address = event.address;
        self.emit(context.ticks, &Event::Freed { address });
    }

    fn on_reallocate(&mut self, context: &EventContext, event: &Reallocated) {
        let sent = Event::Resized {
            old_address: event.old_address,
            address: event.now.address,
            size: event.now.size,
            site: context.site.into(),
            owner: context.owner,
        };
        self.emit(context.ticks, &sent);
    }

    fn on_failure(&mut self, context: &EventContext, failure: &Failure, _: &[Usage]) {
        let sent = Event::Failed {
            size: u32::try_from(failure.size).unwrap_or(u32::MAX),
            caps: failure.caps,
            owner: context.owner,
        };
        self.emit(context.ticks, &sent);
    }

    fn on_pressure(&mut self, ticks: u32, event: &PressureEvent) {
        let sent = Event::Pressure {
            kind: event.kind,
            name: event.name,
        };
        self.emit(ticks, &sent);
    }

    fn on_site<const DEPTH: usize>(&mut self, ticks: u32, site: &Site<DEPTH>) -> bool {
        let depth = site.callers.iter().take_while(|&&caller| caller != 0);
        let callers = site.callers.get(..depth.count()).unwrap_or_default();
        let sent = Event::Site {
            site: site.id.into(),
            caps: site.caps,
            alignment: site.alignment,
            line: site.caller.map_or(0, |place| place.line()),
            callers: Callers::Words(callers),
            file: site.caller.map_or("", |place| place.file()),
        };
        self.emit(ticks, &sent)
    }
}

impl From<SiteId> for SiteNumber {
    fn from(site: SiteId) -> Self {
        Self(site.0.into())
    }
}
