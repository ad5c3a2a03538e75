//! Allocation ledger: every live block with site and owner, in memory of fixed size.
//!
//! ```text
//!                      ┌─ blocks: address → (site, owner)       8 bytes a block, at most BLOCKS
//!   event ─► Ledger ───┼─ sites:  place in the source → usage   at most SITES
//!                      ├─ owners: number → usage                at most OWNERS
//!                      └─► EventSink: the event with its site and owner (a stream, a log of failures)
//! ```
//!
//! Each event takes O(1), under the heap's own lock. A block for which there is no place is
//! *untracked*: counted as such, and its free too. So the sums are exact whatever the sizes of the
//! tables:
//!
//! - owners + others + untracked = the heaps' allocated bytes and blocks;
//! - sites + untracked = the same.

mod blocks;
mod description;
mod event_sink;
mod explain;
mod pressure;
mod sites;
mod usage;

pub use description::LedgerDescription;
pub use event_sink::{EventContext, EventSink};
pub use explain::Explained;
pub use pressure::PressureFigures;
pub use sites::{Site, SiteId};
pub use usage::Usage;

use heap_caps::{
    Allocated, Failure, Freed, Observer, ObserverDescription, PressureEvent, Reallocated,
};

use crate::context::{TraceContext, call_stack};
use blocks::{Attribution, Blocks};
use heap_caps::Owner;
use sites::{Key, Sites};

/// After how many events a site is described again.
const REFRESH_INTERVAL: u8 = 64;

/// Accounts of every site and every owner: an observer.
///
/// | parameter | is |
/// |---|---|
/// | `E` | source of time, owner and call stack |
/// | `L` | sink of events, with site and owner |
/// | `BLOCKS` | how many live blocks can be listed; about 1.4 times as many as there will be, so that each finds a place near its home |
/// | `SITES` | how many places of the program |
/// | `OWNERS` | owners 0 to `OWNERS` − 1 have an account; owner 0 is nobody |
/// | `DEPTH` | how many callers distinguish one site from another, besides the place in the source |
#[derive(Debug)]
pub struct Ledger<
    E: TraceContext = (),
    L: EventSink = (),
    const BLOCKS: usize = 512,
    const SITES: usize = 64,
    const OWNERS: usize = 16,
    const DEPTH: usize = 0,
> {
    context: E,
    event_sink: L,
    /// Blocks of owners beyond the last account.
    others: Usage,
    untracked: Usage,
    ended: [bool; OWNERS],
    owners: [Usage; OWNERS],
    until_refresh: u8,
    refresh_next: u16,
    sites: Sites<SITES, DEPTH>,
    blocks: Blocks<BLOCKS>,
    /// Names of the owners, for tools that read an image of memory.
    names: Option<&'static &'static [&'static str]>,
    pressure: PressureFigures<'static>,
}

/// A block whose owner has ended: nobody will free it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The block.
    pub address: u32,
    /// Where it was allocated.
    pub site: SiteId,
    /// Its owner.
    pub owner: Owner,
}

/// Live blocks still belong to the previous user of this owner id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillOwns(pub Usage);

multi_heap::texts!(StillOwns {
    Self(usage) => "the last one with this number still has {}", usage;
});

impl core::error::Error for StillOwns {}

impl<
    E: TraceContext,
    L: EventSink,
    const BLOCKS: usize,
    const SITES: usize,
    const OWNERS: usize,
    const DEPTH: usize,
> Ledger<E, L, BLOCKS, SITES, OWNERS, DEPTH>
{
    /// Empty accounts.
    #[must_use]
    pub const fn new(context: E, event_sink: L) -> Self {
        Self {
            context,
            event_sink,
            others: Usage::NONE,
            untracked: Usage::NONE,
            ended: [false; OWNERS],
            owners: [Usage::NONE; OWNERS],
            until_refresh: REFRESH_INTERVAL,
            refresh_next: 0,
            sites: Sites::new(),
            blocks: Blocks::new(),
            names: None,
            pressure: PressureFigures::NONE,
        }
    }

    /// Names the owners, the first one owner 1: `esp-heap report` shows the names when
    /// it reads an image of the device's memory. `names` is a reference to a static slice, for
    /// example `.with_owner_names(&NAMES)`. O(1).
    #[must_use]
    pub const fn with_owner_names(mut self, names: &'static &'static [&'static str]) -> Self {
        self.names = Some(names);
        self
    }

    /// Returns the levels of memory, and what was done about shortages so far.
    #[must_use]
    pub const fn pressure(&self) -> PressureFigures<'static> {
        self.pressure
    }

    /// Returns the sink of events.
    pub const fn event_sink_mut(&mut self) -> &mut L {
        &mut self.event_sink
    }

    /// Returns the trace context.
    pub const fn context(&self) -> &E {
        &self.context
    }

    /// Returns what an owner has; `None` beyond the last account. O(1).
    #[must_use]
    pub fn owner(&self, owner: Owner) -> Option<Usage> {
        self.owners.get(owner.get()).copied()
    }

    /// Returns what every owner has, by number.
    #[must_use]
    pub const fn owners(&self) -> &[Usage; OWNERS] {
        &self.owners
    }

    /// Returns what owners beyond the last account have.
    #[must_use]
    pub const fn others(&self) -> Usage {
        self.others
    }

    /// Returns the blocks without an entry, so without a known owner: the table was full. Its
    /// `allocations` are how often that happened.
    #[must_use]
    pub const fn untracked(&self) -> Usage {
        self.untracked
    }

    /// Returns what all owners together have: those beyond the last account and the untracked
    /// blocks included. The heaps' own figures.
    #[must_use]
    pub fn total(&self) -> (u32, u32) {
        let usages = self.owners.iter().chain([&self.others, &self.untracked]);
        usages.fold((0, 0), |(bytes, blocks): (u32, u32), usage: &Usage| {
            (
                bytes.saturating_add(usage.bytes),
                blocks.saturating_add(usage.blocks),
            )
        })
    }

    /// Returns the requests of sites that found no place in the table.
    #[must_use]
    pub const fn overflowed_sites(&self) -> u32 {
        self.sites.overflowed()
    }

    /// Returns what a site is and has; `None` for a number that no site has. O(1).
    #[must_use]
    pub fn site(&self, site: SiteId) -> Option<Site<DEPTH>> {
        self.sites.get(site)
    }

    /// Returns all sites, the unknown one first.
    pub fn sites(&self) -> impl Iterator<Item = Site<DEPTH>> + '_ {
        let numbers = (0..=SITES).filter_map(|number| u16::try_from(number).ok());
        numbers.filter_map(|number| self.sites.get(SiteId(number)))
    }

    /// Site and owner of the block at `address`; `None` if it is not listed.
    /// O(1).
    #[must_use]
    pub fn block(&self, address: u32) -> Option<(SiteId, Owner)> {
        self.blocks
            .get(address)
            .map(|attribution| (attribution.site, attribution.owner))
    }

    /// Begins an owner's account.
    ///
    /// # Errors
    /// Blocks of the number's previous user are still there: assigning it again would charge
    /// it the blocks too.
    pub fn begin(&mut self, owner: Owner) -> Result<(), StillOwns> {
        if let (Some(usage), Some(ended)) = (
            self.owners.get_mut(owner.get()),
            self.ended.get_mut(owner.get()),
        ) {
            if usage.blocks > 0 {
                return Err(StillOwns(*usage));
            }
            (*usage, *ended) = (Usage::NONE, false);
        }
        Ok(())
    }

    /// Ends an owner's account; returns what it still has: leaked, unless others free it.
    pub fn end(&mut self, owner: Owner) -> Usage {
        if let Some(ended) = self.ended.get_mut(owner.get()) {
            *ended = true;
        }
        self.owner(owner).unwrap_or_default()
    }

    /// Returns the blocks of owners that have ended. O(BLOCKS) for all of them.
    pub fn leaks(&self) -> impl Iterator<Item = Leak> + '_ {
        (0..BLOCKS).filter_map(|place| {
            let (address, attribution) = self.blocks.at(place)??;
            let leak = Leak {
                address,
                site: attribution.site,
                owner: attribution.owner,
            };
            self.has_ended(attribution.owner).then_some(leak)
        })
    }

    /// Returns whether an owner has ended.
    #[must_use]
    pub fn has_ended(&self, owner: Owner) -> bool {
        self.ended.get(owner.get()).copied().unwrap_or(false)
    }

    fn account(&mut self, owner: Owner) -> &mut Usage {
        self.owners.get_mut(owner.get()).unwrap_or(&mut self.others)
    }

    fn began(&mut self, event: &Allocated) -> EventContext {
        let key = Key {
            caller: event.caller,
            callers: call_stack(&self.context),
            caps: event.caps,
            alignment: event.alignment,
        };
        let attribution = Attribution {
            site: self.sites.find(&key),
            owner: event.owner.unwrap_or_else(|| self.context.owner()),
        };
        if self.blocks.insert(event.address, attribution) {
            self.account(attribution.owner).add(event.usable);
            self.sites.usage_mut(attribution.site).add(event.usable);
        } else {
            self.untracked.add(event.usable);
        }
        self.event_context(attribution)
    }

    fn ended(&mut self, address: u32, usable: u32) -> EventContext {
        let attribution = self.blocks.remove(address);
        match attribution {
            Some(attribution) => {
                self.account(attribution.owner).remove(usable);
                self.sites.usage_mut(attribution.site).remove(usable);
            }
            None => self.untracked.remove(usable),
        }
        self.event_context(attribution.unwrap_or(Attribution {
            site: SiteId::UNKNOWN,
            owner: Owner::NOBODY,
        }))
    }

    fn event_context(&self, attribution: Attribution) -> EventContext {
        EventContext {
            ticks: self.context.ticks(),
            site: attribution.site,
            owner: attribution.owner,
        }
    }

    /// Describes the site if that was not done yet; at the refresh interval also another one again.
    fn describe(&mut self, context: &EventContext) {
        if !self.sites.is_described(context.site) {
            self.describe_site(context.ticks, context.site);
        }
        self.until_refresh -= 1;
        if self.until_refresh == 0 {
            self.until_refresh = REFRESH_INTERVAL;
            self.refresh_next = if usize::from(self.refresh_next) < SITES {
                self.refresh_next + 1
            } else {
                1
            };
            self.describe_site(context.ticks, SiteId(self.refresh_next));
        }
    }

    #[inline(never)]
    fn describe_site(&mut self, ticks: u32, site: SiteId) {
        if let Some(what) = self.sites.get(site).filter(|_| site != SiteId::UNKNOWN) {
            let described = self.event_sink.on_site(ticks, &what);
            self.sites.set_described(site, described);
        }
    }
}

impl<
    E: TraceContext,
    L: EventSink,
    const BLOCKS: usize,
    const SITES: usize,
    const OWNERS: usize,
    const DEPTH: usize,
> Observer for Ledger<E, L, BLOCKS, SITES, OWNERS, DEPTH>
{
    const DESCRIPTION: ObserverDescription = Self::LAYOUT;

    fn on_allocate(&mut self, event: &Allocated) {
        let context = self.began(event);
        self.describe(&context);
        self.event_sink.on_allocate(&context, event);
    }

    fn on_free(&mut self, event: &Freed) {
        let context = self.ended(event.address, event.usable);
        self.event_sink.on_free(&context, event);
    }

    fn on_reallocate(&mut self, event: &Reallocated) {
        self.ended(event.old_address, event.old_usable);
        let context = self.began(&event.now);
        self.describe(&context);
        self.event_sink.on_reallocate(&context, event);
    }

    fn on_failure(&mut self, failure: &Failure) {
        let context = EventContext {
            ticks: self.context.ticks(),
            site: SiteId::UNKNOWN,
            owner: self.context.owner(),
        };
        self.event_sink.on_failure(&context, failure, &self.owners);
    }

    fn on_pressure(&mut self, event: &PressureEvent) {
        self.pressure.record(event);
        self.event_sink.on_pressure(self.context.ticks(), event);
    }
}
