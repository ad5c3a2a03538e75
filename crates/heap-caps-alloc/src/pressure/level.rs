//! Pressure levels: how short memory is, reported when it changes.
//!
//! ```text
//!   free bytes          ────────╲
//!   low + hysteresis    - - - - -╲- - - - - - - - - -╱- - -
//!   low                 ══════════╲═════════════════╱══════
//!   critical            ═══════════╲═══════════════╱═══════
//!                                   ╲_____________╱
//!   level               Normal    │Low│ Critical  │Low │ Normal
//! ```

use core::fmt;
use core::future::poll_fn;
use core::task::{Poll, Waker};

use heap_caps::{Inspection, Level, Observer, PressureEvent, PressureKind};
use multi_heap::Poison;
use soc_regions::{Caps, Hardware};

use super::PressureControl;
use super::quiet::Quiet;
use super::table::Table;
use crate::heap::State;
use crate::lock::RawLock;

/// How many gauges a heap can have.
pub const GAUGES: usize = 4;

/// A gauge has another level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LevelChange {
    /// The gauge's name.
    pub name: &'static str,
    /// The level reported before.
    pub from: Level,
    /// The level now.
    pub to: Level,
    /// Free bytes now.
    pub free: u32,
    /// Largest free block in bytes now.
    pub largest: u32,
}

/// `internal memory is low: 12345 B free, largest block 4096 B`
impl fmt::Display for LevelChange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            to,
            free,
            largest,
            ..
        } = self;
        write!(
            out,
            "{name} memory is {to}: {free} B free, largest block {largest} B"
        )
    }
}

/// Called with each change of a level, outside of the lock and never twice at one time for one
/// gauge: it may use the heap.
pub type LevelHandler = fn(&LevelChange);

/// Below how many bytes which level begins; 0: never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Thresholds {
    low: u32,
    critical: u32,
}

impl Thresholds {
    const NONE: Self = Self {
        low: 0,
        critical: 0,
    };

    const fn level(self, bytes: u32) -> Level {
        if bytes < self.critical {
            Level::Critical
        } else if bytes < self.low {
            Level::Low
        } else {
            Level::Normal
        }
    }
}

/// What is watched of some memory, and where its levels begin.
#[derive(Clone, Copy, Debug)]
pub struct PressureGauge {
    name: &'static str,
    caps: Caps,
    free: Thresholds,
    largest: Thresholds,
    hysteresis: u32,
    handler: Option<LevelHandler>,
}

impl PressureGauge {
    /// Creates a gauge of the heaps that have all of `caps`, without thresholds.
    #[must_use]
    pub const fn new(name: &'static str, caps: Caps) -> Self {
        Self {
            name,
            caps,
            free: Thresholds::NONE,
            largest: Thresholds::NONE,
            hysteresis: 1024,
            handler: None,
        }
    }

    /// The same gauge, `Low` below `low` free bytes and `Critical` below `critical`.
    ///
    /// # Panics
    /// If `critical` is above `low`; when compiled, in a constant.
    #[must_use]
    pub const fn free_below(self, low: u32, critical: u32) -> Self {
        assert!(critical <= low, "critical begins below low");
        let free = Thresholds { low, critical };
        Self { free, ..self }
    }

    /// The same gauge, `Low` where the largest free block is below `low` bytes and `Critical` below
    /// `critical`. With [`PressureGauge::free_below`], the worse of the two levels counts.
    ///
    /// # Panics
    /// As [`PressureGauge::free_below`].
    #[must_use]
    pub const fn largest_below(self, low: u32, critical: u32) -> Self {
        assert!(critical <= low, "critical begins below low");
        let largest = Thresholds { low, critical };
        Self { largest, ..self }
    }

    /// The same gauge; a level ends as many bytes above the threshold at which it begins (by
    /// default 1024).
    #[must_use]
    pub const fn with_hysteresis(self, bytes: u32) -> Self {
        Self {
            hysteresis: bytes,
            ..self
        }
    }

    /// The same gauge with a handler for changes.
    #[must_use]
    pub const fn with_handler(self, handler: LevelHandler) -> Self {
        Self {
            handler: Some(handler),
            ..self
        }
    }

    /// Returns the free bytes, and the largest free block if the gauge has thresholds for it.
    fn figures<P: Poison, O: Observer, const HEAPS: usize>(
        &self,
        heaps: Inspection<'_, P, O, HEAPS>,
    ) -> [u32; 2] {
        // It takes as long as all the rest, and most gauges do not ask for it.
        let largest = if self.largest == Thresholds::NONE {
            u32::MAX
        } else {
            heaps.largest_free_block(self.caps)
        };
        [heaps.free_size(self.caps), largest]
    }

    /// Returns the level that follows `level` with these figures. A level worse than `level` begins
    /// at its threshold; a better one only `hysteresis` above it.
    #[must_use]
    pub fn next(&self, level: Level, free: u32, largest: u32) -> Level {
        let begins = self.worse_of(free, largest);
        let ends = self.worse_of(
            free.saturating_sub(self.hysteresis),
            largest.saturating_sub(self.hysteresis),
        );
        level.clamp(begins, ends)
    }

    /// Returns how many bytes can be allocated, and how many freed, before the level can be another
    /// than `level`, which is that of these figures. Of a largest block, no more than `unit` bytes
    /// go unused beside what is allocated.
    fn quiet(&self, level: Level, [free, largest]: [u32; 2], unit: u32) -> Quiet {
        let above = |bytes: u32, threshold: u32| match threshold {
            0 => u32::MAX,
            threshold => bytes.saturating_sub(threshold),
        };
        let down = match level {
            Level::Normal => [self.free.low, self.largest.low],
            Level::Low => [self.free.critical, self.largest.critical],
            Level::Critical => [0, 0],
        };
        let room = above(largest.saturating_sub(unit), down[1]);
        let down = above(free, down[0]).min(room);
        let begins = match level {
            Level::Normal => None,
            Level::Low => Some(self.free.low.max(self.largest.low)),
            Level::Critical => Some(self.free.critical.max(self.largest.critical)),
        };
        // A free can join blocks to one of any size, but to none larger than all free bytes. What
        // it joins can begin inside of a cache line: then the largest request can be a smaller one.
        let up = match begins {
            _ if room == 0 => 0,
            None => u32::MAX,
            Some(threshold) => {
                let end = threshold.saturating_add(self.hysteresis);
                end.saturating_sub(free).saturating_sub(1)
            }
        };
        Quiet {
            down,
            up,
            ..Quiet::ALL
        }
    }

    fn worse_of(&self, free: u32, largest: u32) -> Level {
        self.free.level(free).max(self.largest.level(largest))
    }
}

/// Which gauge of a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaugeIndex(u8);

impl GaugeIndex {
    /// Returns the number, for interfaces that hand out numbers.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Returns the index of a number: valid only for one that [`GaugeIndex::number`] returned.
    #[must_use]
    pub const fn of_number(number: u8) -> Self {
        Self(number)
    }
}

/// There are [`GAUGES`] already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaugeTableFull;

multi_heap::texts!(GaugeTableFull {
    Self => "there are {} gauges already", GAUGES;
});

impl core::error::Error for GaugeTableFull {}

struct Entry {
    gauge: PressureGauge,
    level: Level,
    /// The last level that the handler got.
    notified: Level,
    notifying: bool,
    waker: Option<Waker>,
}

/// The gauges of a heap.
pub(super) struct Gauges {
    entries: Table<Entry, GAUGES>,
}

impl Gauges {
    pub(super) const fn new() -> Self {
        Self {
            entries: Table::new(),
        }
    }

    pub(super) fn is_any(&self) -> bool {
        self.entries.iter().next().is_some()
    }

    /// Returns what can be allocated and freed before one of the gauges has to be read. O(gauges ×
    /// heaps).
    pub(super) fn quiet<P: Poison, O: Observer, const HEAPS: usize>(
        &self,
        heaps: Inspection<'_, P, O, HEAPS>,
    ) -> Quiet {
        let unit = units_lost(heaps.hardware());
        let each = self.entries.iter().map(|(_, entry)| {
            if entry.level != entry.notified {
                return Quiet::NONE; // a handler is to be called
            }
            let figures = entry.gauge.figures(heaps);
            entry.gauge.quiet(entry.level, figures, unit)
        });
        each.fold(Quiet::ALL, Quiet::and)
    }

    fn get_mut(&mut self, index: GaugeIndex) -> Option<&mut Entry> {
        self.entries.get_mut(index.0)
    }
}

/// Returns the bytes that the largest request for some capabilities can lose beyond those of a
/// block that is allocated from the largest hole, whose rest begins elsewhere in a cache line then.
fn units_lost(hardware: Hardware) -> u32 {
    let Hardware {
        internal_line,
        external_line,
        axi_descriptor,
        simd,
        encrypted_dma,
    } = hardware;
    let units = [
        internal_line,
        external_line,
        axi_descriptor,
        simd,
        encrypted_dma,
        4,
    ];
    units.into_iter().fold(0, u32::max).saturating_mul(4)
}

/// Receiver of a level.
pub(super) enum Notification {
    Handler(GaugeIndex, LevelHandler, LevelChange),
    Waker(Waker),
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> State<L, P, O, HEAPS> {
    /// Reads the gauges; returns the next notification. O(gauges × heaps).
    pub(super) fn next_notification(&mut self, may_call_out: bool) -> Option<Notification> {
        let Self {
            heaps, pressure, ..
        } = self;
        for (index, entry) in pressure.gauges.entries.iter_mut() {
            let gauge = &entry.gauge;
            let [free, largest] = gauge.figures(heaps.inspect());
            let level = gauge.next(entry.level, free, largest);
            if level != entry.level {
                entry.level = level;
                let event = PressureEvent::new(gauge.name, PressureKind::Level(level));
                heaps.phases().notify_pressure(&event);
                if let Some(waker) = entry.waker.take() {
                    return Some(Notification::Waker(waker));
                }
            }
            if entry.level == entry.notified || entry.notifying || !may_call_out {
                continue;
            }
            let from = core::mem::replace(&mut entry.notified, entry.level);
            if let Some(handler) = gauge.handler {
                let change = LevelChange {
                    name: gauge.name,
                    from,
                    to: entry.level,
                    free,
                    largest: heaps.inspect().largest_free_block(gauge.caps),
                };
                entry.notifying = true;
                return Some(Notification::Handler(GaugeIndex(index), handler, change));
            }
        }
        None
    }

    /// Returns the worst level of the gauges that watch some of the memory with `caps`. O(gauges ×
    /// heaps).
    pub(crate) fn level_of(&self, caps: Caps) -> Level {
        let gauges = self.pressure.gauges.entries.iter();
        let watching = gauges
            .filter(|(_, entry)| self.heaps.inspect().total_size(entry.gauge.caps | caps) > 0);
        let levels = watching.map(|(_, entry)| entry.level);
        levels.max().unwrap_or_default()
    }

    /// A handler has returned.
    pub(super) fn mark_notified(&mut self, index: GaugeIndex) {
        if let Some(entry) = self.pressure.gauges.get_mut(index) {
            entry.notifying = false;
        }
    }
}

/// Pressure levels.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> PressureControl<'_, L, P, O, HEAPS> {
    /// Watches how short some memory is. A call reads the gauge, in O(heaps), only where the level
    /// may change by it; `docs/pressure.md` says what the others pay.
    ///
    /// The handler is called, without the lock, in the context that changed the level; a change in
    /// an interrupt handler ([`PressureControl::set_interrupt_probe`]) is reported by the next
    /// change of free memory in a task. It is called for a level that is not [`Level::Normal`] at
    /// once.
    ///
    /// ```
    /// use heap_caps_alloc::{CapsHeap, Level, PressureGauge, SpinLock};
    /// use soc_regions::Caps;
    ///
    /// static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
    /// const INTERNAL: PressureGauge = PressureGauge::new("internal", Caps::BIT8)
    ///     .free_below(16 * 1024, 6 * 1024)
    ///     .largest_below(4 * 1024, 1536)
    ///     .with_handler(|change| println!("{change}")); // internal memory is low: 14256 B free, …
    /// # let memory = Box::leak(vec![std::mem::MaybeUninit::uninit(); 32_768].into_boxed_slice());
    /// # HEAP.add_buffer([Caps::BIT8, Caps::empty(), Caps::empty()], memory).unwrap();
    ///
    /// let internal = HEAP.pressure().add_gauge(INTERNAL)?;
    /// assert_eq!(HEAP.pressure().level(internal), Some(Level::Normal));
    /// let frame = HEAP.malloc(18_000, Caps::BIT8).unwrap();
    /// assert_eq!(HEAP.pressure().level(internal), Some(Level::Low));
    /// assert_eq!(HEAP.inspect().snapshot(Caps::BIT8).level, Level::Low);
    /// # // SAFETY: the block is this program's own.
    /// # unsafe { HEAP.free(frame) }.unwrap();
    /// # Ok::<(), heap_caps_alloc::GaugeTableFull>(())
    /// ```
    ///
    /// # Errors
    /// There are [`GAUGES`] already.
    pub fn add_gauge(self, gauge: PressureGauge) -> Result<GaugeIndex, GaugeTableFull> {
        let index = {
            let mut state = self.heap.state.acquire();
            let added = state.pressure.gauges.entries.add(Entry {
                gauge,
                level: Level::Normal,
                notified: Level::Normal,
                notifying: false,
                waker: None,
            });
            let index = added.ok_or(GaugeTableFull)?;
            state.hook();
            state.update_detour();
            GaugeIndex(index)
        };
        self.heap.run_deferred();
        Ok(index)
    }

    /// Ends a gauge; returns whether there was one. A handler that runs at this moment still
    /// returns; a task that waits for the gauge gets `None`.
    pub fn remove_gauge(self, index: GaugeIndex) -> bool {
        let mut state = self.heap.state.acquire();
        let ended = state.pressure.gauges.entries.remove(index.0);
        state.update_detour();
        drop(state);
        let Some(Entry { waker, .. }) = ended else {
            return false;
        };
        if let Some(waker) = waker {
            waker.wake(); // a program's code: not under the lock
        }
        true
    }

    /// Returns the level of a gauge; `None` if there is no such gauge. O(1).
    #[must_use]
    pub fn level(self, index: GaugeIndex) -> Option<Level> {
        let mut state = self.heap.state.acquire();
        state
            .pressure
            .gauges
            .get_mut(index)
            .map(|entry| entry.level)
    }

    /// Waits until the level of a gauge is another than `seen`; returns it, or `None` if there is
    /// no such gauge, or not any more. One task can wait for a gauge: a second one takes its place.
    ///
    /// ```
    /// # use heap_caps_alloc::{CapsHeap, GaugeIndex, Level, SpinLock};
    /// async fn adapt(heap: &CapsHeap<SpinLock>, gauge: GaugeIndex) {
    ///     let mut level = Level::Normal;
    ///     while let Some(now) = heap.pressure().level_other_than(gauge, level).await {
    ///         level = now; // fewer buffers, a lower frame rate …
    ///     }
    /// }
    /// ```
    pub async fn level_other_than(self, index: GaugeIndex, seen: Level) -> Option<Level> {
        poll_fn(|context| {
            let fresh = context.waker().clone();
            let mut state = self.heap.state.acquire();
            let Some(entry) = state.pressure.gauges.get_mut(index) else {
                return Poll::Ready(None);
            };
            if entry.level != seen {
                return Poll::Ready(Some(entry.level));
            }
            let before = entry.waker.replace(fresh);
            drop(state);
            drop(before); // a program's code: not under the lock
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GAUGE: PressureGauge = PressureGauge::new("test", Caps::BIT8)
        .free_below(1000, 400)
        .largest_below(300, 100)
        .with_hysteresis(50);

    #[test]
    fn a_level_ends_above_where_it_begins() {
        let plenty = u32::MAX;
        let mut level = Level::Normal;
        for (free, expected) in [
            (1000, Level::Normal),
            (999, Level::Low),
            (1049, Level::Low),
            (1050, Level::Normal),
            (399, Level::Critical),
            (449, Level::Critical),
            (450, Level::Low),
            (399, Level::Critical),
            (1050, Level::Normal),
        ] {
            level = GAUGE.next(level, free, plenty);
            assert_eq!(level, expected, "{free} bytes free");
        }
        assert_eq!(GAUGE.next(Level::Normal, plenty, 99), Level::Critical);
        assert_eq!(GAUGE.next(Level::Normal, 399, plenty), Level::Critical);
    }

    proptest! {
        /// The reference: a level is left for a better one only if both figures are `hysteresis`
        /// above what begins it, and entered whenever one is below.
        #[test]
        fn levels_follow_the_rule(
            figures in prop::collection::vec((0_u32..1300, 0_u32..500), 1..50),
        ) {
            let begins = |free: u32, largest: u32| {
                let low = free < 1000 || largest < 300;
                let critical = free < 400 || largest < 100;
                if critical { Level::Critical } else if low { Level::Low } else { Level::Normal }
            };
            let mut level = Level::Normal;
            for (free, largest) in figures {
                let next = GAUGE.next(level, free, largest);
                prop_assert!(next >= begins(free, largest));
                if next < level {
                    prop_assert_eq!(
                        next,
                        begins(free.saturating_sub(50), largest.saturating_sub(50))
                    );
                }
                if next > level {
                    prop_assert_eq!(next, begins(free, largest));
                }
                prop_assert_eq!(GAUGE.next(next, free, largest), next, "settled");
                level = next;
            }
        }
    }
}
