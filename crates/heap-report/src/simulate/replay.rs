//! A recorded program runs again on the simulated chip, and every byte of its blocks is watched.

use heap_caps::{Misuse, WatchIndex};
use multi_heap::Poison;

use super::machine::{Machine, Requests};
use super::pattern::{Changed, PatternBlock};
use super::recording::{Recording, Region, SHOWN_REFUSALS, sample_points};
use crate::error::Error;
use crate::recorded::{Operation, Trace};

/// A program that was recorded, on a machine that serves it now.
pub struct Replay<'machine, P: Poison> {
    machine: &'machine mut Machine<P>,
    requests: Requests,
    /// By slot of the trace; `None` where the recorded program has no block, or was refused one.
    blocks: Vec<Option<PatternBlock>>,
    watch: Option<WatchIndex>,
    /// Operations done.
    done: usize,
    /// Sum of the sizes asked for that are live, in bytes.
    asked: u64,
    recording: Recording,
}

/// Replays `trace`; `tick` is called at each sample, `report` is called with each
/// refusal.
///
/// # Errors
/// A block lost its content, or the heaps refuse a block of their own: a defect of the heaps.
pub fn replay<P: Poison>(
    machine: &mut Machine<P>,
    trace: &Trace,
    requests: Requests,
    mut tick: impl FnMut(),
    mut report: impl FnMut(usize, &str),
) -> Result<Recording, Error> {
    let mut replay = Replay::new(machine, trace, requests);
    let mut sample_points = sample_points(trace.operations.len(), trace.peak_operation)
        .into_iter()
        .peekable();
    for operation in &trace.operations {
        if sample_points.next_if_eq(&replay.done).is_some() {
            replay.keep_sample();
            tick();
        }
        replay
            .perform(*operation, &mut report)
            .map_err(|fault| fault.at(replay.done, trace))?;
    }
    replay
        .verify_all()
        .map_err(|fault| fault.at(replay.done, trace))?;
    replay.keep_sample();
    tick();
    Ok(replay.finished())
}

/// What must not happen, whatever the trace.
enum Fault {
    Changed(PatternBlock, Changed),
    Misuse(Misuse),
    Corrupt(heap_caps::Corrupt),
}

impl<'machine, P: Poison> Replay<'machine, P> {
    fn new(machine: &'machine mut Machine<P>, trace: &Trace, requests: Requests) -> Self {
        let watch = machine.watch(requests);
        let heaps = machine.heaps().inspect().heaps().filter(|heap| heap.active);
        let region =
            |heap: heap_caps::HeapView| Region::new(heap.name, heap.span.start(), heap.span.size());
        let recording = Recording {
            trace: trace.name.clone(),
            requests: requests.to_string(),
            caps: requests.caps().to_string(),
            operations: trace.operations.len(),
            regions: heaps.map(region).collect(),
            ..Recording::default()
        };
        let blocks = vec![None; trace.slots];
        Replay {
            machine,
            requests,
            blocks,
            watch,
            done: 0,
            asked: 0,
            recording,
        }
    }

    fn perform(
        &mut self,
        operation: Operation,
        report: &mut impl FnMut(usize, &str),
    ) -> Result<(), Fault> {
        let refused = match operation {
            Operation::Allocate {
                slot,
                size,
                alignment,
            } => self.allocate(slot, size, alignment)?,
            Operation::Reallocate { slot, size } => self.reallocate(slot, size)?,
            Operation::Free { slot } => self.free(slot)?,
        };
        self.done += 1;
        self.record_peak();
        if let Some(sentence) = refused {
            self.recording.refused += 1;
            self.recording.first_refused.get_or_insert(self.done);
            if self.recording.refusals.len() < SHOWN_REFUSALS {
                self.recording
                    .refusals
                    .push(format!("operation {}: {sentence}", self.done));
            }
            report(self.done, &sentence);
        }
        Ok(())
    }

    /// Returns the sentence of the refusal, if there is one; so do the others.
    fn allocate(
        &mut self,
        slot: usize,
        size: u32,
        alignment: u32,
    ) -> Result<Option<String>, Fault> {
        match self.machine.allocate(self.requests, size, alignment) {
            Ok(address) => self.hold(slot, address, size).map(|()| None),
            Err(sentence) => Ok(Some(sentence)),
        }
    }

    /// Resizes a block. One that had been refused is asked for again, as C's `realloc` of a null
    /// pointer.
    fn reallocate(&mut self, slot: usize, size: u32) -> Result<Option<String>, Fault> {
        const NATURAL_ALIGNMENT: u32 = 4;
        let Some(old) = self.blocks[slot] else {
            return self.allocate(slot, size, NATURAL_ALIGNMENT);
        };
        self.verify(old, old.size)?;
        let moved = self.machine.reallocate(self.requests, old.address, size);
        match moved.map_err(Fault::Misuse)? {
            Ok(address) => {
                self.verify(PatternBlock { address, ..old }, size)?;
                self.let_go(slot);
                self.hold(slot, address, size).map(|()| None)
            }
            Err(sentence) => Ok(Some(sentence)),
        }
    }

    fn free(&mut self, slot: usize) -> Result<Option<String>, Fault> {
        if let Some(block) = self.let_go(slot) {
            self.verify(block, block.size)?;
            self.machine.free(block.address).map_err(Fault::Misuse)?;
        }
        Ok(None)
    }

    fn hold(&mut self, slot: usize, address: u32, size: u32) -> Result<(), Fault> {
        let stamp = u32::try_from(self.done).unwrap_or(u32::MAX);
        let block = PatternBlock {
            address,
            size,
            stamp,
        };
        block
            .write(self.machine)
            .map_err(|changed| Fault::Changed(block, changed))?;
        self.blocks[slot] = Some(block);
        self.asked += u64::from(size);
        Ok(())
    }

    fn let_go(&mut self, slot: usize) -> Option<PatternBlock> {
        let block = self.blocks[slot].take();
        self.asked -= block.map_or(0, |block| u64::from(block.size));
        block
    }

    fn verify(&self, block: PatternBlock, bytes: u32) -> Result<(), Fault> {
        let verified = block.verify(bytes, self.machine);
        verified.map_err(|changed| Fault::Changed(block, changed))
    }

    /// Every live block and every heap.
    fn verify_all(&self) -> Result<(), Fault> {
        for block in self.blocks.iter().flatten() {
            self.verify(*block, block.size)?;
        }
        let every_heap = soc_regions::Caps::INVALID;
        self.machine
            .heaps()
            .inspect()
            .check_integrity(every_heap)
            .map_err(Fault::Corrupt)
    }

    fn record_peak(&mut self) {
        if self.asked > self.recording.peak_bytes {
            self.recording.peak_bytes = self.asked;
            self.recording.peak_operation = self.done;
        }
    }

    fn keep_sample(&mut self) {
        let heaps = self
            .machine
            .heaps()
            .inspect()
            .heaps()
            .filter(|heap| heap.active);
        for (heap, region) in heaps.zip(&mut self.recording.regions) {
            let blocks = self.machine.blocks(&heap);
            region.keep(&blocks, P::OVERHEAD, heap.info.largest_free_block);
        }
        self.recording.keep_sample(self.done, self.asked);
    }

    fn finished(mut self) -> Recording {
        let least = self
            .watch
            .and_then(|watch| self.machine.heaps().inspect().watched_minimum(watch));
        self.recording.least_free = u64::from(least.unwrap_or(0));
        self.recording.end_blocks = self.blocks.iter().flatten().count();
        self.recording.end_bytes = self.asked;
        self.recording.finish();
        self.recording
    }
}

impl Fault {
    fn at(self, operation: usize, trace: &Trace) -> Error {
        let what = match self {
            Fault::Changed(block, changed) => format!(
                "the block of {} bytes at 0x{:08X} changed at 0x{:08X}: 0x{:08X} was written, {} is there",
                block.size,
                block.address,
                changed.address,
                changed.expected,
                changed
                    .found
                    .map_or("nothing".to_owned(), |word| format!("0x{word:08X}")),
            ),
            Fault::Misuse(misuse) => misuse.to_string(),
            Fault::Corrupt(corrupt) => corrupt.to_string(),
        };
        Error::Failed(format!("{} at operation {operation}: {what}", trace.name))
    }
}
