//! Who hears of events with what the ledger knows about them: where and on whose behalf.

use core::fmt::{self, Write};

use heap_caps::{Allocated, Failure, Freed, PressureEvent, Reallocated};

use super::sites::{Site, SiteId};
use super::tally::Tally;
use crate::owner::Owner;
use crate::stream::{Callers, Event, Sink, SiteNumber, Stream};

/// The moment of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The probe's clock.
    pub ticks: u32,
    /// Where memory is asked for.
    pub site: SiteId,
    /// On whose behalf.
    pub owner: Owner,
}

/// A listener behind a ledger. As observers, listeners must neither allocate nor wait.
pub trait Listener {
    /// A block was allocated.
    fn on_allocate(&mut self, moment: &Moment, event: &Allocated) {
        let _ = (moment, event);
    }

    /// A block was freed; site and owner of the moment are those of its allocation.
    fn on_free(&mut self, moment: &Moment, event: &Freed) {
        let _ = (moment, event);
    }

    /// A block was resized.
    fn on_reallocate(&mut self, moment: &Moment, event: &Reallocated) {
        let _ = (moment, event);
    }

    /// A request was refused, while every owner had this: the place in `owners` is its number.
    fn on_failure(&mut self, moment: &Moment, failure: &Failure, owners: &[Tally]) {
        let _ = (moment, failure, owners);
    }

    /// Memory is short or back, or something was done about it.
    fn on_pressure(&mut self, ticks: u32, event: &PressureEvent) {
        let _ = (ticks, event);
    }

    /// What a site is, before the first event that names it; `false`: tell me again.
    fn on_site<const DEPTH: usize>(&mut self, ticks: u32, site: &Site<DEPTH>) -> bool {
        let _ = (ticks, site);
        true
    }
}

impl Listener for () {}

impl<A: Listener, B: Listener> Listener for (A, B) {
    fn on_allocate(&mut self, moment: &Moment, event: &Allocated) {
        self.0.on_allocate(moment, event);
        self.1.on_allocate(moment, event);
    }

    fn on_free(&mut self, moment: &Moment, event: &Freed) {
        self.0.on_free(moment, event);
        self.1.on_free(moment, event);
    }

    fn on_reallocate(&mut self, moment: &Moment, event: &Reallocated) {
        self.0.on_reallocate(moment, event);
        self.1.on_reallocate(moment, event);
    }

    fn on_failure(&mut self, moment: &Moment, failure: &Failure, owners: &[Tally]) {
        self.0.on_failure(moment, failure, owners);
        self.1.on_failure(moment, failure, owners);
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

/// A listener that comes later: a static ledger is made before there is, for example, a log to
/// recover. Sites that were described to nobody are described again by turns.
impl<L: Listener> Listener for Option<L> {
    fn on_allocate(&mut self, moment: &Moment, event: &Allocated) {
        if let Some(listener) = self {
            listener.on_allocate(moment, event);
        }
    }

    fn on_free(&mut self, moment: &Moment, event: &Freed) {
        if let Some(listener) = self {
            listener.on_free(moment, event);
        }
    }

    fn on_reallocate(&mut self, moment: &Moment, event: &Reallocated) {
        if let Some(listener) = self {
            listener.on_reallocate(moment, event);
        }
    }

    fn on_failure(&mut self, moment: &Moment, failure: &Failure, owners: &[Tally]) {
        if let Some(listener) = self {
            listener.on_failure(moment, failure, owners);
        }
    }

    fn on_pressure(&mut self, ticks: u32, event: &PressureEvent) {
        if let Some(listener) = self {
            listener.on_pressure(ticks, event);
        }
    }

    fn on_site<const DEPTH: usize>(&mut self, ticks: u32, site: &Site<DEPTH>) -> bool {
        self.as_mut()
            .is_none_or(|listener| listener.on_site(ticks, site))
    }
}

impl<S: Sink> Listener for Stream<S> {
    fn on_allocate(&mut self, moment: &Moment, event: &Allocated) {
        let said = Event::Allocated {
            address: event.address,
            size: event.size,
            site: moment.site.into(),
            owner: moment.owner,
        };
        self.say(moment.ticks, &said);
    }

    fn on_free(&mut self, moment: &Moment, event: &Freed) {
        let address = event.address;
        self.say(moment.ticks, &Event::Freed { address });
    }

    fn on_reallocate(&mut self, moment: &Moment, event: &Reallocated) {
        let said = Event::Resized {
            old_address: event.old_address,
            address: event.now.address,
            size: event.now.size,
            site: moment.site.into(),
            owner: moment.owner,
        };
        self.say(moment.ticks, &said);
    }

    fn on_failure(&mut self, moment: &Moment, failure: &Failure, _: &[Tally]) {
        let said = Event::Failed {
            size: u32::try_from(failure.size).unwrap_or(u32::MAX),
            caps: failure.caps,
            owner: moment.owner,
        };
        self.say(moment.ticks, &said);
    }

    /// A mark: `tiles gave 4.0 KiB`.
    fn on_pressure(&mut self, ticks: u32, event: &PressureEvent) {
        let mut text = Text::EMPTY;
        let _ = write!(text, "{event}"); // what is too long is cut off
        let name = text.as_str();
        self.say(ticks, &Event::Mark { name });
    }

    fn on_site<const DEPTH: usize>(&mut self, ticks: u32, site: &Site<DEPTH>) -> bool {
        let depth = site.callers.iter().take_while(|&&caller| caller != 0);
        let callers = site.callers.get(..depth.count()).unwrap_or_default();
        let said = Event::Site {
            site: site.id.into(),
            caps: site.caps,
            alignment: site.alignment,
            line: site.caller.map_or(0, |place| place.line()),
            callers: Callers::Words(callers),
            file: site.caller.map_or("", |place| place.file()),
        };
        self.say(ticks, &said)
    }
}

/// The longest text of a mark about pressure.
const LONGEST: usize = 80;

/// A short text; what is too long is cut off.
struct Text {
    bytes: [u8; LONGEST],
    end: usize,
}

impl Text {
    const EMPTY: Self = Self {
        bytes: [0; LONGEST],
        end: 0,
    };

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.end).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let end = self.end + character.len_utf8(); // at most LONGEST + 4
            let place = self.bytes.get_mut(self.end..end).ok_or(fmt::Error)?;
            character.encode_utf8(place);
            self.end = end;
        }
        Ok(())
    }
}

impl From<SiteId> for SiteNumber {
    fn from(site: SiteId) -> Self {
        Self(site.0.into())
    }
}
