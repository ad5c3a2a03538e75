//! Metrics of a program's heaps: free memory by capability and bytes by owner, as Prometheus's text
//! format, JSON or CBOR, written into a buffer without an allocation.
//!
//! ```text
//!   HeapCaps ── Metrics::of, under the lock ──► Metrics ── write ──► buffer ──► HTTP, MQTT, a log
//! ```

mod document;
mod out;
mod prometheus;

use core::fmt;

use heap_caps::{Inspection, Observer};
use multi_heap::Poison;
use soc_regions::Caps;

use crate::{EventSink, Ledger, Owner, PressureFigures, TraceContext, Usage};
use out::Out;

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricsFormat {
    /// Prometheus's text format, version 0.0.4; `Content-Type: text/plain; version=0.0.4`.
    Prometheus,
    /// One JSON object without spaces.
    Json,
    /// The same object as CBOR (RFC 8949), in definite lengths.
    Cbor,
}

/// The buffer is too small for all metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferTooSmall {
    /// How many bytes would be enough now.
    pub needed: usize,
}

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the metrics need a buffer of {} bytes", self.needed)
    }
}

impl core::error::Error for BufferTooSmall {}

/// What the heaps with one capability have, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapabilityMetrics {
    /// The capability's name, such as `DMA`.
    pub name: &'static str,
    /// All of it, bookkeeping included.
    pub size: u32,
    /// Free.
    pub free: u32,
    /// The least free bytes so far: the sum of each heap's own minimum.
    pub minimum_free: u32,
    /// The largest request that succeeds now.
    pub largest_free: u32,
}

impl CapabilityMetrics {
    /// Returns the part of the free bytes that is not in the largest free block, in thousandths: 0
    /// where one request could have all of it.
    #[must_use]
    pub const fn fragmentation_permille(&self) -> u32 {
        // Bytes or, of memory beyond 2 MiB, KiB: the product stays below 2^32.
        let (largest, free) = match self.free {
            0 => return 0,
            free if free >= 1 << 21 => (self.largest_free >> 10, free >> 10),
            free => (self.largest_free, free),
        };
        1000 - if largest < free {
            largest * 1000 / free
        } else {
            1000
        }
    }
}

/// The most capabilities that metrics have: all that have a name and a heap.
const MOST_CAPABILITIES: usize = 32;

/// Metrics of a set of heaps and its owners at one time.
///
/// ```
/// use heap_caps::HeapCaps;
/// use heap_trace::{Ledger, Metrics, MetricsFormat, Owner};
/// use multi_heap::Unpoisoned;
/// # use heap_trace::TraceContext;
/// # struct MyContext;
/// # impl TraceContext for MyContext {}
///
/// let heaps: HeapCaps<Unpoisoned, Ledger<MyContext>> = HeapCaps::new(Ledger::new(MyContext, ()));
/// let name = |owner| (owner == Owner(1)).then_some("mqtt");
/// let mut buffer = [0; 4096];
/// let metrics = Metrics::of(heaps.inspect()); // HEAP.inspect().locked(Metrics::of)
/// let text = metrics.write(MetricsFormat::Json, name, &mut buffer).unwrap();
/// assert!(text.starts_with(b"{\"capabilities\":["));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Metrics<'n, const OWNERS: usize> {
    capabilities: [CapabilityMetrics; MOST_CAPABILITIES],
    count: usize,
    owners: [Usage; OWNERS],
    /// Owners beyond the last account, and blocks of which no owner is known.
    untracked: [Usage; 2],
    pressure: PressureFigures<'n>,
}

impl<'n, const OWNERS: usize> Metrics<'n, OWNERS> {
    /// Takes the figures of `heaps`. O(capabilities × heaps) and a copy of the owners' accounts:
    /// short enough to be done under the lock.
    #[must_use]
    pub fn of<
        P: Poison,
        E: TraceContext,
        L: EventSink,
        const HEAPS: usize,
        const BLOCKS: usize,
        const SITES: usize,
        const DEPTH: usize,
    >(
        heaps: Inspection<'_, P, Ledger<E, L, BLOCKS, SITES, OWNERS, DEPTH>, HEAPS>,
    ) -> Self
    where
        Ledger<E, L, BLOCKS, SITES, OWNERS, DEPTH>: Observer,
    {
        let ledger = heaps.observer();
        let mut metrics = Self {
            capabilities: [CapabilityMetrics::default(); MOST_CAPABILITIES],
            count: 0,
            owners: *ledger.owners(),
            untracked: [ledger.others(), ledger.untracked()],
            pressure: ledger.pressure(),
        };
        for (name, caps) in Caps::all_named() {
            let size = heaps.total_size(caps);
            if size > 0
                && let Some(slot) = metrics.capabilities.get_mut(metrics.count)
            {
                *slot = CapabilityMetrics {
                    name,
                    size,
                    free: heaps.free_size(caps),
                    minimum_free: heaps.minimum_free_size(caps),
                    largest_free: heaps.largest_free_block(caps),
                };
                metrics.count += 1;
            }
        }
        metrics
    }

    /// Metrics of figures from another source, such as a host that follows an event
    /// stream. Only the first 32 capabilities and the first `OWNERS` owners count.
    #[must_use]
    pub fn from_figures(
        capabilities: impl IntoIterator<Item = CapabilityMetrics>,
        owners: impl IntoIterator<Item = (Owner, Usage)>,
    ) -> Self {
        let mut metrics = Self {
            capabilities: [CapabilityMetrics::default(); MOST_CAPABILITIES],
            count: 0,
            owners: [Usage::default(); OWNERS],
            untracked: [Usage::default(); 2],
            pressure: PressureFigures::NONE,
        };
        for (slot, has) in metrics.capabilities.iter_mut().zip(capabilities) {
            *slot = has;
            metrics.count += 1;
        }
        for (owner, usage) in owners {
            if let Some(slot) = metrics.owners.get_mut(owner.get()) {
                *slot = usage;
            }
        }
        metrics
    }

    /// The same metrics with what was done about shortages of memory.
    #[must_use]
    pub const fn with_pressure(mut self, pressure: PressureFigures<'n>) -> Self {
        self.pressure = pressure;
        self
    }

    /// Levels of memory, and what was done about shortages.
    #[must_use]
    pub const fn pressure(&self) -> &PressureFigures<'n> {
        &self.pressure
    }

    /// Returns the capabilities that any heap has, in the order of their bits.
    pub fn capabilities(&self) -> impl ExactSizeIterator<Item = &CapabilityMetrics> + Clone {
        self.capabilities.iter().take(self.count)
    }

    /// Owners that ever had a block, by number.
    pub fn owners(&self) -> impl Iterator<Item = (Owner, Usage)> + Clone + '_ {
        let numbered = (0..=u8::MAX).map(Owner).zip(self.owners);
        numbered.filter(|(_, usage)| usage.allocations > 0)
    }

    /// Returns the bytes of owners beyond the last account and of blocks of which no owner is
    /// known.
    #[must_use]
    pub fn untracked_bytes(&self) -> u32 {
        let [others, untracked] = self.untracked;
        others.bytes.saturating_add(untracked.bytes)
    }

    /// Writes the metrics to the start of `buffer` and returns what was written. `name` knows what
    /// owners are called; the others get `owner 7`. Allocates nothing and takes no lock.
    ///
    /// # Errors
    /// The buffer is too small; what it holds then is the beginning.
    pub fn write<'b, 'o>(
        &self,
        format: MetricsFormat,
        name: impl Fn(Owner) -> Option<&'o str>,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], BufferTooSmall> {
        let mut out = Out::new(buffer);
        match format {
            MetricsFormat::Prometheus => prometheus::write(self, &name, &mut out),
            MetricsFormat::Json => document::write(self, &name, &mut document::Json::new(&mut out)),
            MetricsFormat::Cbor => document::write(self, &name, &mut document::Cbor::new(&mut out)),
        }
        out.finish()
    }
}

/// Returns what an owner is called.
fn called<'n>(
    owner: Owner,
    name: &dyn Fn(Owner) -> Option<&'n str>,
    use_name: &mut dyn FnMut(fmt::Arguments<'_>),
) {
    match name(owner) {
        Some(name) => use_name(format_args!("{name}")),
        None => use_name(format_args!("{owner}")),
    }
}
