//! Recorded programs on a simulated chip: addresses, refusals, heaps.
//!
//! A recorded trace has neither owners nor call sites. Classes of sizes stand in for the sites, so
//! that the report has something to distinguish.

use std::collections::HashMap;

use heap_caps::{HeapView, Misuse};
use multi_heap::Poison;

use crate::error::Error;
use crate::history::{Event, HeapDescription, History, Measured, Site, Source, TimedEvent};
use crate::recorded::{Operation, Trace};
use crate::replay::{HeapSample, Live};
use crate::simulate::cells::{Cells, Division};
use crate::simulate::machine::{Machine, Requests, Setup};
use crate::simulate::recording::sample_points;
use crate::summary::counted;

/// On what and how a recorded trace is replayed.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The chip.
    pub setup: Setup,
    /// How each request is made.
    pub requests: Requests,
}

/// Returns the history of `trace` on the chip of `replay`. It runs twice: the second time the heaps
/// are measured where the first one found the peak.
///
/// # Errors
/// The chip has no such memory, or its heaps refuse a block of their own.
pub fn replayed<P: Poison>(trace: &Trace, replay: &Replay) -> Result<History, Error> {
    let events = Run::<P>::boot(trace, replay)?
        .finish(trace, &[])?
        .history
        .events;
    let kept = sample_points(events.len(), peak(&events));
    let mut history = Run::<P>::boot(trace, replay)?.finish(trace, &kept)?.history;
    history.notes.clone_from(&trace.notes);
    history.notes.extend([
        format!("recorded program on a simulated {}: heaps are measured, not rebuilt", replay.setup.chip.name()),
        "a recorded trace has no call sites and no owners: classes of sizes stand in for sites, operations for time".to_owned(),
    ]);
    Ok(history)
}

/// After how many events most bytes are live.
fn peak(events: &[TimedEvent]) -> usize {
    let (mut live, mut most, mut peak) = (Live::new(), 0, 0);
    for (number, timed) in events.iter().enumerate() {
        live.apply(number, timed);
        if live.bytes() > most {
            (most, peak) = (live.bytes(), number + 1);
        }
    }
    peak
}

/// A machine that serves the program, and what is written down of it.
struct Run<P: Poison> {
    machine: Machine<P>,
    requests: Requests,
    /// Addresses by slot of the trace; `None` where the program has no block, or was refused one.
    blocks: Vec<Option<u32>>,
    /// Site by size class.
    classes: HashMap<u32, usize>,
    done: u64,
    history: History,
}

impl<P: Poison> Run<P> {
    fn boot(trace: &Trace, replay: &Replay) -> Result<Run<P>, Error> {
        let mut machine = Machine::boot(&replay.setup)?;
        machine.enable_startup_stacks();
        let heaps = active(&machine).map(|heap| described(&heap)).collect();
        let history = History {
            program: trace.name.clone(),
            heaps,
            source: Source::Recorded,
            ..History::default()
        };
        Ok(Run {
            machine,
            requests: replay.requests,
            blocks: vec![None; trace.slots],
            classes: HashMap::new(),
            done: 0,
            history,
        })
    }

    fn finish(mut self, trace: &Trace, kept: &[usize]) -> Result<Run<P>, Error> {
        let mut kept = kept.iter().copied().peekable();
        for operation in &trace.operations {
            self.measure_if_kept(&mut kept);
            self.perform(*operation).map_err(|misuse| {
                Error::Failed(format!(
                    "{} after {}: {misuse}",
                    trace.name,
                    counted(self.done, "operation")
                ))
            })?;
            self.done += 1;
        }
        self.measure_if_kept(&mut kept);
        Ok(self)
    }

    fn perform(&mut self, operation: Operation) -> Result<(), Misuse> {
        match operation {
            Operation::Allocate {
                slot,
                size,
                alignment,
            } => self.allocate(slot, size, alignment),
            Operation::Reallocate { slot, size } => self.reallocate(slot, size)?,
            Operation::Free { slot } => self.free(slot)?,
        }
        Ok(())
    }

    fn allocate(&mut self, slot: usize, size: u32, alignment: u32) {
        match self.machine.allocate(self.requests, size, alignment) {
            Ok(address) => {
                self.hold(slot, Some(address));
                let site = self.class(size, alignment);
                self.push(Event::Allocated {
                    address,
                    size,
                    site,
                    owner: 0,
                });
            }
            Err(sentence) => self.refused(size, sentence),
        }
    }

    /// A block that had been refused is asked for again, as C's `realloc` of a null pointer.
    fn reallocate(&mut self, slot: usize, size: u32) -> Result<(), Misuse> {
        const NATURAL_ALIGNMENT: u32 = 4;
        let Some(old_address) = self.blocks.get(slot).copied().flatten() else {
            self.allocate(slot, size, NATURAL_ALIGNMENT);
            return Ok(());
        };
        match self.machine.reallocate(self.requests, old_address, size)? {
            Ok(address) => {
                self.hold(slot, Some(address));
                let site = self.class(size, NATURAL_ALIGNMENT);
                self.push(Event::Resized {
                    old_address,
                    address,
                    size,
                    site,
                    owner: 0,
                });
            }
            Err(sentence) => self.refused(size, sentence),
        }
        Ok(())
    }

    fn free(&mut self, slot: usize) -> Result<(), Misuse> {
        if let Some(address) = self.hold(slot, None) {
            self.machine.free(address)?;
            self.push(Event::Freed { address });
        }
        Ok(())
    }

    /// Returns what was there before.
    fn hold(&mut self, slot: usize, address: Option<u32>) -> Option<u32> {
        let place = self.blocks.get_mut(slot)?;
        std::mem::replace(place, address)
    }

    fn refused(&mut self, size: u32, sentence: String) {
        let caps = self.requests.caps();
        self.push(Event::Failed {
            size,
            caps,
            owner: 0,
            sentence: Some(sentence),
        });
    }

    fn push(&mut self, event: Event) {
        self.history.events.push(TimedEvent {
            ticks: self.done,
            event,
        });
    }

    /// Returns the site that stands for sizes like this: up to the next power of two.
    fn class(&mut self, size: u32, alignment: u32) -> usize {
        let most = size.checked_next_power_of_two().unwrap_or(u32::MAX).max(16);
        let sites = &mut self.history.sites;
        let caps = self.requests.caps();
        *self.classes.entry(most).or_insert_with(|| {
            sites.push(Site {
                caps,
                alignment,
                file: class_name(most),
                ..Site::default()
            });
            sites.len() - 1
        })
    }

    fn measure_if_kept(&mut self, kept: &mut std::iter::Peekable<impl Iterator<Item = usize>>) {
        let event = self.history.events.len();
        while kept.next_if(|&next| next < event).is_some() {}
        if kept.next_if_eq(&event).is_some() {
            let heaps = active(&self.machine)
                .map(|heap| sample::<P>(&self.machine, &heap))
                .collect();
            self.history.measured.push(Measured { event, heaps });
        }
    }
}

/// `17 to 32 bytes`.
fn class_name(most: u32) -> String {
    match most {
        16 => "1 to 16 bytes".to_owned(),
        _ => format!("{} to {most} bytes", most / 2 + 1),
    }
}

fn active<P: Poison>(machine: &Machine<P>) -> impl Iterator<Item = HeapView> + '_ {
    machine.heaps().inspect().heaps().filter(|heap| heap.active)
}

fn described(heap: &HeapView) -> HeapDescription {
    HeapDescription {
        index: u8::try_from(heap.index.get()).unwrap_or(u8::MAX),
        start: heap.span.start(),
        size: heap.span.size(),
        caps: heap.caps,
        name: heap.name.to_owned(),
    }
}

fn sample<P: Poison>(machine: &Machine<P>, heap: &HeapView) -> HeapSample {
    let blocks = machine.blocks(heap);
    let cells = Cells::of(Division::of(heap.span.size()), &blocks, P::OVERHEAD);
    let bytes = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
    HeapSample {
        used: bytes(cells.used_bytes()),
        free: bytes(cells.free_bytes()),
        largest_free: heap.info.largest_free_block,
        holes: bytes(cells.hole_bytes()),
        blocks: u32::try_from(blocks.iter().filter(|block| block.used).count()).unwrap_or(u32::MAX),
        cells: cells.levels().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::shipped::MQTT_CLIENT;
    use crate::replay::Replayed;
    use heap_caps::Policy;
    use multi_heap::{Light, Unpoisoned};
    use soc_regions::{Caps, ESP32};

    fn esp32() -> Replay {
        let options = ESP32.default_options();
        let sample = ESP32.sample_symbols(&options);
        let names = [
            "_data_start",
            "_heap_start",
            "_iram_start",
            "_init_start",
            "_iram_end",
        ];
        let known =
            |name: &'static str| Some((name, soc_regions::Symbols::address(&sample, name)?));
        Replay {
            setup: Setup {
                chip: &ESP32,
                options,
                symbols: names.into_iter().filter_map(known).collect(),
                policy: Policy::Guaranteed,
                reserve: None,
            },
            requests: Requests::Malloc,
        }
    }

    fn trace(text: &str) -> Trace {
        Trace::from_bytes("tiny", text.as_bytes()).unwrap()
    }

    #[test]
    fn blocks_have_addresses_in_the_chips_heaps_and_sizes_for_sites() {
        let history =
            replayed::<Unpoisoned>(&trace("a 0 20\na 1 200\nr 0 40\nf 1\n"), &esp32()).unwrap();
        let labels: Vec<String> = history.sites.iter().map(Site::label).collect();
        assert_eq!(
            labels,
            [
                "unknown",
                "17 to 32 bytes",
                "129 to 256 bytes",
                "33 to 64 bytes"
            ]
        );
        let replayed = Replayed::of(&history);
        assert_eq!(
            (
                replayed.total.bytes,
                replayed.live.len(),
                replayed.peak.bytes
            ),
            (40, 1, 240)
        );
        let block = replayed.live[0];
        assert!(
            history
                .heaps
                .iter()
                .any(|heap| heap.contains(block.address))
        );
    }

    #[test]
    fn heaps_are_measured_in_every_sample_and_agree_with_the_blocks() {
        let history = replayed::<Light>(&MQTT_CLIENT.read().unwrap(), &esp32()).unwrap();
        let replayed = Replayed::of(&history);
        assert_eq!(history.measured.len(), replayed.samples.len());
        assert!(
            replayed
                .samples
                .iter()
                .any(|sample| sample.event == replayed.peak.event)
        );
        for sample in &replayed.samples {
            let used: u64 = sample.heaps.iter().map(|heap| u64::from(heap.used)).sum();
            assert_eq!(used, sample.bytes, "after {} events", sample.event);
        }
        assert_eq!(replayed.gaps, crate::Gaps::default());
    }

    #[test]
    fn a_refused_request_is_reported_in_the_heaps_own_sentence() {
        let history =
            replayed::<Unpoisoned>(&trace("a 0 4000000\nr 0 20\nf 0\n"), &esp32()).unwrap();
        let replayed = Replayed::of(&history);
        assert_eq!(replayed.failures.len(), 1);
        let failure = &replayed.failures[0];
        assert_eq!(
            (failure.event, failure.size, failure.caps),
            (0, 4_000_000, Caps::DEFAULT)
        );
        assert!(
            failure
                .sentence
                .starts_with("3.8 MiB with INTERNAL|DEFAULT: no heap is that big"),
            "{}",
            failure.sentence
        );
        assert_eq!((history.events.len(), replayed.total.allocations), (3, 1));
    }
}
