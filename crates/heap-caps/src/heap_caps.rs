//! The heaps of a chip and everything that is decided about them as a whole.

use multi_heap::{Poison, Unpoisoned};
use soc_regions::{Caps, Chip, Hardware, Options};

use crate::failure::Failure;
use crate::observer::Observer;
use crate::policy::Policy;
use crate::registry::Registry;
use crate::reserve::{Reserve, ReserveError, Reserves};
use crate::route::Routes;
use crate::terms::Rules;
use crate::watch::Watches;

/// All heaps of a chip, chosen from by capability.
///
/// ```text
///   malloc(size, caps) ─► routes: caps ─► heaps in order ─► registry: heap ─► multi_heap::Heap
///   free(address)      ─────────────────────────────────► registry: bounds ─► multi_heap::Heap
/// ```
///
/// `P` is the poisoning of all heaps, `O` is told about every allocation, `HEAPS` is how many heaps there can be. There are no
/// locks: changes take `&mut self`. Nothing allocates; the value can be a `static`.
///
/// Addresses are the chip's, as numbers. A number is not a pointer: freeing or resizing one is checked and safe, and only
/// turning it into a pointer is the user's `unsafe`.
#[repr(C)] // what every request reads lies within reach of an instruction: on Xtensa the first KiB
pub struct HeapCaps<P: Poison = Unpoisoned, O: Observer = (), const HEAPS: usize = 16> {
    pub(crate) routes: Routes<HEAPS>,
    pub(crate) registry: Registry<P, HEAPS>,
    pub(crate) reserves: Reserves,
    pub(crate) watches: Watches,
    pub(crate) rules: Rules,
    pub(crate) chip: Option<(&'static Chip, Options)>,
    /// Above this size `malloc` prefers external memory; `None`: it never uses it.
    pub(crate) external_above: Option<u32>,
    pub(crate) monitoring: bool,
    /// Nobody stands on the start-up stacks any more.
    pub(crate) startup_is_over: bool,
    pub(crate) failures: u32,
    pub(crate) last_failure: Option<Failure>,
    pub(crate) observer: O,
}

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    /// No heaps yet, the policy [`Policy::Guaranteed`].
    #[must_use]
    pub const fn new(observer: O) -> Self {
        Self::with_policy(observer, Policy::Guaranteed)
    }

    /// No heaps yet.
    #[must_use]
    pub const fn with_policy(observer: O, policy: Policy) -> Self {
        Self {
            registry: Registry::new(),
            routes: Routes::new(),
            reserves: Reserves::new(),
            watches: Watches::new(),
            rules: Rules {
                policy,
                hardware: Hardware::NONE,
                external_dma: false,
            },
            chip: None,
            external_above: None,
            monitoring: false,
            startup_is_over: false,
            failures: 0,
            last_failure: None,
            observer,
        }
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        self.rules.policy
    }

    /// The chip that was booted.
    #[must_use]
    pub fn chip(&self) -> Option<&'static Chip> {
        self.chip.map(|(chip, _)| chip)
    }

    /// Other demands of buffers than those of the booted chip's table: for caches that were set up in another way.
    /// [`HeapCaps::boot`] sets them anew.
    pub fn set_hardware(&mut self, hardware: Hardware) {
        self.rules.hardware = hardware;
        self.routes.forget();
    }

    /// What the chip's caches and engines demand of buffers.
    #[must_use]
    pub const fn hardware(&self) -> Hardware {
        self.rules.hardware
    }

    /// Keeps free bytes for requests that name certain capabilities, see [`Reserve`]. A reserve with the same capabilities is
    /// replaced; 0 bytes end it. What is allocated already is not touched. Only [`Policy::Guaranteed`] honours reserves.
    ///
    /// # Errors
    /// The reserve names no capabilities, or there are [`RESERVES`](crate::RESERVES) already.
    pub fn set_reserve(&mut self, reserve: Reserve) -> Result<(), ReserveError> {
        self.reserves.set(reserve)?;
        self.routes.forget();
        Ok(())
    }

    /// The reserves in force.
    pub fn reserves(&self) -> impl Iterator<Item = Reserve> + '_ {
        self.reserves.iter()
    }

    /// From which size on `malloc_default` prefers external memory: sizes *above* the limit do, `None` for never (the state after
    /// boot). ESP-IDF's `heap_caps_malloc_extmem_enable`, which its start-up code calls with 16384.
    pub fn set_external_threshold(&mut self, limit: Option<u32>) {
        self.external_above = limit;
    }

    /// The limit of [`HeapCaps::set_external_threshold`].
    #[must_use]
    pub const fn external_threshold(&self) -> Option<u32> {
        self.external_above
    }

    /// The observer.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// The observer, to be changed or emptied.
    pub const fn observer_mut(&mut self) -> &mut O {
        &mut self.observer
    }

    /// The failure reported last.
    #[must_use]
    pub const fn last_failure(&self) -> Option<&Failure> {
        self.last_failure.as_ref()
    }

    /// How many failures were reported, up to `u32::MAX`.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Heaps were registered or enabled: what was derived from them is worked out anew.
    pub(crate) fn heaps_changed(&mut self) {
        self.routes.forget();
    }

    /// The two sets that `malloc` tries one after the other.
    pub(crate) fn default_choices(&self, size: usize) -> ([Caps; 2], usize) {
        const INTERNAL: Caps = Caps::DEFAULT.union(Caps::INTERNAL);
        const EXTERNAL: Caps = Caps::DEFAULT.union(Caps::SPIRAM);
        match self.external_above {
            None => ([INTERNAL, INTERNAL], 1),
            Some(limit) if size <= limit as usize => ([INTERNAL, Caps::DEFAULT], 2),
            Some(_) => ([EXTERNAL, Caps::DEFAULT], 2),
        }
    }
}
