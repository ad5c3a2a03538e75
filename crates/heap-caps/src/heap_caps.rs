//! The heaps of a chip and everything that is decided about them as a whole.

use multi_heap::{Poison, Unpoisoned};
use soc_regions::{Caps, Chip, Hardware, Options};

use crate::allocate::LEFT_OVER;
use crate::constraints::Rules;
use crate::failure::FailureRecord;
use crate::inspect::Inspection;
use crate::observer::Observer;
use crate::policy::Policy;
use crate::registry::{HeapIndex, Registry};
use crate::reserve::{Reserve, ReserveError, Reserves};
use crate::route::Routes;
use crate::watch::Watches;

/// All heaps of a chip, chosen from by capability.
///
/// ```text
///   malloc(size, caps) ─► routes: caps ─► heaps in order ─► registry: heap ─► multi_heap::Heap
///   free(address)      ─────────────────────────────────► registry: bounds ─► multi_heap::Heap
/// ```
///
/// `P` is the poisoning of all heaps, `O` observes every allocation, `HEAPS` is how many heaps
/// there can be. There are no locks: changes take `&mut self`. Nothing allocates; the value can be
/// a `static`.
///
/// Addresses are the chip's, as numbers. A number is not a pointer: freeing or resizing one is
/// checked and safe, and only turning it into a pointer is the user's `unsafe`.
#[repr(C)] // what every request reads lies within reach of an instruction: on Xtensa the first KiB
pub struct HeapCaps<P: Poison = Unpoisoned, O: Observer = (), const HEAPS: usize = 16> {
    pub(crate) routes: Routes<HEAPS>,
    /// The size above which `malloc` prefers external memory, inverted; 0: it never uses it.
    inverted_external_above: u32,
    pub(crate) watches: Watches,
    pub(crate) registry: Registry<P, HEAPS>,
    pub(crate) reserves: Reserves,
    pub(crate) rulings: Option<Rulings<P, O, HEAPS>>,
    /// Bytes that may be allocated before gauges and limits have to be looked at; 0 without any.
    pub(crate) allowance: u32,
    pub(crate) rules: Rules,
    pub(crate) chip: Option<(&'static Chip, Options)>,
    pub(crate) monitoring: bool,
    /// Nobody stands on the start-up stacks any more.
    pub(crate) startup_is_over: bool,
    pub(crate) failures: u32,
    pub(crate) last_failure: FailureRecord,
    pub(crate) observer: O,
}

/// What reserves and an allowance leave and forbid, from the first one on: a program without any
/// links none of it.
pub(crate) struct Rulings<P: Poison, O: Observer, const HEAPS: usize> {
    /// Whether a request that looks for capabilities may take bytes of a heap, on which a reserve
    /// limits it, on a fast path: within the allowance, too.
    pub(crate) leave: fn(&mut HeapCaps<P, O, HEAPS>, HeapIndex, u32, Caps) -> bool,
    /// The same beside the fast paths: the allowance is used up then.
    pub(crate) leave_uncounted: fn(&mut HeapCaps<P, O, HEAPS>, HeapIndex, u32, Caps) -> bool,
    /// The reserve that forbids it.
    pub(crate) forbidding: fn(&HeapCaps<P, O, HEAPS>, HeapIndex, u32, Caps) -> Option<Reserve>,
}

impl<P: Poison, O: Observer, const HEAPS: usize> Clone for Rulings<P, O, HEAPS> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Poison, O: Observer, const HEAPS: usize> Copy for Rulings<P, O, HEAPS> {}

impl<P: Poison, O: Observer, const HEAPS: usize> HeapCaps<P, O, HEAPS> {
    const RULINGS: Rulings<P, O, HEAPS> = Rulings {
        leave: Self::leave_for,
        leave_uncounted: Self::leave_for,
        forbidding: Self::forbidding,
    };

    const COUNTED_RULINGS: Rulings<P, O, HEAPS> = Rulings {
        leave: Self::leave_counted,
        leave_uncounted: Self::leave_uncounted,
        forbidding: Self::forbidding,
    };

    /// See [`Phases::set_counting`](crate::Phases::set_counting).
    pub(crate) fn set_counting(&mut self, counts: bool) {
        self.allowance = 0;
        if self.routes.are_counted() != counts {
            self.rulings = Some(if counts {
                Self::COUNTED_RULINGS
            } else {
                Self::RULINGS
            });
            self.routes.set_counted(counts);
        }
    }

    /// [`HeapCaps::leave_for`] at any step, while allocations are counted.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn leave_counted(&mut self, heap: HeapIndex, bytes: u32, bits: Caps) -> bool {
        let Some(allowance) = self.allowance.checked_sub(bytes + LEFT_OVER) else {
            return false;
        };
        if self.reserves.is_any() && !self.leave_uncounted(heap, bytes, bits) {
            return false;
        }
        self.allowance = allowance;
        true
    }

    /// [`HeapCaps::leave_for`] at any step.
    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn leave_uncounted(&mut self, heap: HeapIndex, bytes: u32, bits: Caps) -> bool {
        self.allowance = 0;
        let memory = self.registry.caps(heap);
        let is_limited = self.rules.policy.honours_reserves() && self.reserves.limit(bits, memory);
        !is_limited || self.leave_for(heap, bytes, bits)
    }

    #[inline(never)]
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn leave_for(&mut self, heap: HeapIndex, bytes: u32, bits: Caps) -> bool {
        self.reserves.allow(bits, heap, bytes, &self.registry)
    }

    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn forbidding(&self, heap: HeapIndex, bytes: u32, bits: Caps) -> Option<Reserve> {
        let memory = self.registry.caps(heap);
        self.reserves
            .forbidding(bits, memory, bytes, &self.registry)
    }
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
            rulings: None,
            allowance: 0,
            watches: Watches::new(),
            rules: Rules {
                policy,
                hardware: Hardware::NONE,
                external_dma: false,
            },
            chip: None,
            inverted_external_above: 0,
            monitoring: false,
            startup_is_over: false,
            failures: 0,
            last_failure: FailureRecord::NONE,
            observer,
        }
    }

    /// Other demands of buffers than those of the booted chip's table: for caches that were set up
    /// in another way. [`HeapCaps::boot`] sets them again.
    pub fn set_hardware(&mut self, hardware: Hardware) {
        self.rules.hardware = hardware;
        self.routes.invalidate();
    }

    /// Keeps free bytes for requests that name certain capabilities, see [`Reserve`]. A reserve
    /// with the same capabilities is replaced; 0 bytes end it. What is allocated already is not
    /// touched. Only [`Policy::Guaranteed`] honours reserves.
    ///
    /// # Errors
    /// The reserve names no capabilities, or there are [`RESERVES`](crate::RESERVES) already.
    pub fn set_reserve(&mut self, reserve: Reserve) -> Result<(), ReserveError> {
        self.reserves.set(reserve)?;
        if !self.routes.are_counted() {
            self.rulings = Some(Self::RULINGS);
        }
        self.routes.invalidate();
        Ok(())
    }

    /// Sets the size above which [`Placement::Default`](crate::Placement::Default) prefers external
    /// memory; `None` for never (the state after boot). ESP-IDF's `heap_caps_malloc_extmem_enable`,
    /// which its start-up code calls with 16384.
    ///
    /// | limit | first tried | then |
    /// |---|---|---|
    /// | `None` | `DEFAULT\|INTERNAL` | |
    /// | `Some(limit)`, size ≤ limit | `DEFAULT\|INTERNAL` | `DEFAULT` |
    /// | `Some(limit)`, size > limit | `DEFAULT\|SPIRAM` | `DEFAULT` |
    ///
    /// Source: ESP-IDF `heap_caps_malloc_default`.
    pub fn set_external_threshold(&mut self, limit: Option<u32>) {
        // No size is above the largest request: there the limit makes no difference, and 0 stays
        // free for "never".
        self.inverted_external_above = limit.map_or(0, |limit| !limit.min(u32::MAX - 1));
    }

    pub(crate) const fn external_above(&self) -> Option<u32> {
        match self.inverted_external_above {
            0 => None,
            inverted => Some(!inverted),
        }
    }

    /// Returns the set of capabilities that `malloc` tries first.
    #[inline(always)]
    pub(crate) const fn default_set(&self, size: usize) -> Caps {
        let limit = !self.inverted_external_above as usize; // widening
        if size > limit {
            Caps::DEFAULT.union(Caps::SPIRAM)
        } else {
            Caps::DEFAULT.union(Caps::INTERNAL)
        }
    }

    /// Returns the observer, to be changed or emptied.
    pub const fn observer_mut(&mut self) -> &mut O {
        &mut self.observer
    }

    /// Heaps were registered or enabled: what was derived from them is recomputed.
    pub(crate) fn heaps_changed(&mut self) {
        self.routes.invalidate();
    }
}

impl<'h, P: Poison, O: Observer, const HEAPS: usize> Inspection<'h, P, O, HEAPS> {
    /// Returns the policy.
    #[must_use]
    pub const fn policy(self) -> Policy {
        self.heaps.rules.policy
    }

    /// Returns the chip that was booted.
    #[must_use]
    pub fn chip(self) -> Option<&'static Chip> {
        self.heaps.chip.map(|(chip, _)| chip)
    }

    /// Returns what the chip's caches and engines demand of buffers.
    #[must_use]
    pub const fn hardware(self) -> Hardware {
        self.heaps.rules.hardware
    }

    /// Returns the reserves in force.
    pub fn reserves(self) -> impl Iterator<Item = Reserve> + 'h {
        self.heaps.reserves.iter()
    }

    /// Returns the observer.
    pub const fn observer(self) -> &'h O {
        &self.heaps.observer
    }

    /// Returns how many failures were reported, up to `u32::MAX`.
    #[must_use]
    pub const fn failures(self) -> u32 {
        self.heaps.failures
    }
}
