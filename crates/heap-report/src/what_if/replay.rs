//! A program asks again, of other heaps.

use heap_caps::Misuse;
use multi_heap::Poison;
use soc_regions::Caps;

use super::{FreeSample, Outcome, Variant};
use crate::error::Error;
use crate::program::{NATURAL_ALIGNMENT, Program, ProgramStep};
use crate::simulate::machine::{Machine, Requests};

/// What requests name that are made as by `malloc`: its policy chooses among these.
const OF_MALLOC: Caps = Caps::DEFAULT
    .union(Caps::INTERNAL)
    .union(Caps::SPIRAM)
    .union(Caps::BIT8);

pub(super) fn replay<P: Poison>(program: &Program, variant: &Variant) -> Result<Outcome, Error> {
    let mut machine = Machine::<P>::boot(&variant.setup)?;
    machine.enable_startup_stacks();
    if let Some(limit) = variant.external_above {
        machine.set_external_threshold(limit);
    }
    let mut run = Run::new(machine, program, variant);
    for (number, step) in program.steps.iter().enumerate() {
        run.perform(number, *step).map_err(|misuse| {
            Error::Failed(format!("{} at step {number}: {misuse}", program.name))
        })?;
    }
    Ok(run.outcome)
}

struct Run<'a, P: Poison> {
    machine: Machine<P>,
    variant: &'a Variant,
    /// Address and size by slot; `None` where the program has no block, or was refused one.
    blocks: Vec<Option<(u32, u32)>>,
    asked: u64,
    /// Of all heaps.
    free_at_boot: u64,
    outcome: Outcome,
}

impl<'a, P: Poison> Run<'a, P> {
    fn new(machine: Machine<P>, program: &Program, variant: &'a Variant) -> Run<'a, P> {
        let view = view(program, variant);
        let heaps = machine.heaps();
        let start = FreeSample {
            step: 0,
            free: heaps.inspect().free_size(view),
            largest: heaps.inspect().largest_free_block(view),
        };
        let outcome = Outcome {
            requests: 0,
            refused: 0,
            first_refusal: None,
            were_refused: 0,
            granted: 0,
            view,
            free_at_start: start.free,
            least_free: start.free,
            tightest: start,
            peak_bytes: 0,
            overhead: 0,
        };
        Run {
            free_at_boot: free_everywhere(&machine),
            machine,
            variant,
            blocks: vec![None; program.slots],
            asked: 0,
            outcome,
        }
    }

    fn perform(&mut self, number: usize, step: ProgramStep) -> Result<(), Misuse> {
        match step {
            ProgramStep::Allocate {
                slot,
                size,
                alignment,
                caps,
            } => self.allocate(number, slot, size, alignment, caps),
            ProgramStep::Resize { slot, size, caps } => self.resize(number, slot, size, caps)?,
            ProgramStep::Free { slot } => return self.free(slot),
            ProgramStep::Refused { size, caps } => return self.probe(size, caps),
        }
        self.sample(number);
        Ok(())
    }

    fn allocate(
        &mut self,
        number: usize,
        slot: usize,
        size: u32,
        alignment: u32,
        caps: Option<Caps>,
    ) {
        self.outcome.requests += 1;
        let requests = self.requests(caps);
        match self.machine.allocate(requests, size, alignment) {
            Ok(address) => self.hold(slot, address, size),
            Err(sentence) => self.record_refusal(number, sentence),
        }
    }

    /// A block that was refused is asked for again, as C's `realloc` of a null pointer.
    fn resize(
        &mut self,
        number: usize,
        slot: usize,
        size: u32,
        caps: Option<Caps>,
    ) -> Result<(), Misuse> {
        let Some((address, _)) = self.blocks.get(slot).copied().flatten() else {
            self.allocate(number, slot, size, NATURAL_ALIGNMENT, caps);
            return Ok(());
        };
        self.outcome.requests += 1;
        let requests = self.requests(caps);
        match self.machine.reallocate(requests, address, size)? {
            Ok(address) => {
                self.let_go(slot);
                self.hold(slot, address, size);
            }
            Err(sentence) => self.record_refusal(number, sentence),
        }
        Ok(())
    }

    fn free(&mut self, slot: usize) -> Result<(), Misuse> {
        match self.let_go(slot) {
            Some((address, _)) => self.machine.free(address),
            None => Ok(()),
        }
    }

    /// A request that the program was refused.
    fn probe(&mut self, size: u32, caps: Option<Caps>) -> Result<(), Misuse> {
        self.outcome.were_refused += 1;
        let requests = self.requests(caps);
        match self.machine.allocate(requests, size, NATURAL_ALIGNMENT) {
            Ok(address) => {
                self.outcome.granted += 1;
                self.machine.free(address)
            }
            Err(_) => Ok(()),
        }
    }

    fn requests(&self, caps: Option<Caps>) -> Requests {
        self.variant
            .requests
            .unwrap_or_else(|| requests(caps, self.variant))
    }

    fn hold(&mut self, slot: usize, address: u32, size: u32) {
        if let Some(place) = self.blocks.get_mut(slot) {
            *place = Some((address, size));
            self.asked += u64::from(size);
        }
    }

    fn let_go(&mut self, slot: usize) -> Option<(u32, u32)> {
        let block = self.blocks.get_mut(slot)?.take()?;
        self.asked -= u64::from(block.1);
        Some(block)
    }

    fn record_refusal(&mut self, number: usize, sentence: String) {
        self.outcome.refused += 1;
        self.outcome.first_refusal.get_or_insert((number, sentence));
    }

    fn sample(&mut self, number: usize) {
        let (heaps, outcome) = (self.machine.heaps(), &mut self.outcome);
        let (free, largest) = (
            heaps.inspect().free_size(outcome.view),
            heaps.inspect().largest_free_block(outcome.view),
        );
        outcome.least_free = outcome.least_free.min(free);
        if largest < outcome.tightest.largest {
            outcome.tightest = FreeSample {
                step: number + 1,
                free,
                largest,
            };
        }
        if self.asked > outcome.peak_bytes {
            outcome.peak_bytes = self.asked;
            let taken = self.free_at_boot - free_everywhere(&self.machine);
            outcome.overhead = taken.saturating_sub(self.asked);
        }
    }
}

/// Returns the bytes that are free in all heaps together.
fn free_everywhere<P: Poison>(machine: &Machine<P>) -> u64 {
    let heaps = machine.heaps().inspect().heaps();
    heaps
        .map(|heap| u64::from(heap.info.total_free_bytes))
        .sum()
}

/// Returns how a request is made that named `caps`.
pub(super) fn requests(caps: Option<Caps>, variant: &Variant) -> Requests {
    match caps {
        Some(caps) if !(caps.contains(Caps::DEFAULT) && OF_MALLOC.contains(caps)) => {
            Requests::Caps(caps)
        }
        _ => Requests::as_by_malloc(variant.setup.chip),
    }
}

/// Returns the capabilities that most requests name.
fn view(program: &Program, variant: &Variant) -> Caps {
    if let Some(requests) = variant.requests {
        return requests.caps();
    }
    let mut counts = std::collections::BTreeMap::<u32, usize>::new();
    for step in &program.steps {
        if let ProgramStep::Allocate { caps, .. } | ProgramStep::Resize { caps, .. } = step {
            *counts
                .entry(requests(*caps, variant).caps().bits())
                .or_default() += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or(
        Requests::as_by_malloc(variant.setup.chip).caps(),
        |(bits, _)| Caps::from_bits_retain(bits),
    )
}
