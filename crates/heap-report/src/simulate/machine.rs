//! A chip on the host: its heaps, booted in simulated memory.

use heap_caps::{
    AllocRequest, BlockView, BootError, Failure, HeapCaps, HeapView, Misuse, Policy,
    ReallocateError, Reserve, SimulatedMemory, WatchIndex,
};
use multi_heap::Poison;
use soc_regions::{Caps, Chip, Options, When, common};

use super::LinkerSymbols;
use super::cells::HeapBlock;
use super::pattern::Words;
use crate::error::Error;

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requests {
    /// As C's `malloc`, whose policy decides about internal and external memory.
    Malloc,
    /// For these capabilities.
    Caps(Caps),
}

/// What is fixed at boot.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Owner of the memory.
    pub chip: &'static Chip,
    /// How it is configured.
    pub options: Options,
    /// Where the program's own memory ends.
    pub symbols: LinkerSymbols,
    /// How heaps are chosen.
    pub policy: Policy,
    /// Bytes that only some requests get.
    pub reserve: Option<Reserve>,
}

/// ESP-IDF's `SPIRAM_MALLOC_ALWAYSINTERNAL`: above this, `malloc` prefers external memory.
pub const EXTERNAL_ABOVE: u32 = 16_384;

/// The heaps of a chip that has started: the start-up stacks serve as heaps, too.
pub struct Machine<P: Poison> {
    heaps: HeapCaps<P>,
    /// What the heaps lie in.
    memory: SimulatedMemory,
}

impl<P: Poison> Machine<P> {
    /// Boots the chip as the program would.
    ///
    /// # Errors
    /// The chip has no such memory, or no such reserve.
    pub fn boot(setup: &Setup) -> Result<Machine<P>, Error> {
        let memory = SimulatedMemory::dirty(0xA5);
        let heaps = HeapCaps::with_policy((), setup.policy);
        let mut machine = Machine { heaps, memory };
        machine
            .boot_heaps(setup)
            .map_err(|error| Error::Usage(error.to_string()))?;
        if When::given(common::PSRAM).holds(&setup.options) {
            machine.heaps.set_external_threshold(Some(EXTERNAL_ABOVE));
        }
        if let Some(reserve) = setup.reserve {
            let refused = |error: heap_caps::ReserveError| Error::Usage(error.to_string());
            machine.heaps.set_reserve(reserve).map_err(refused)?;
        }
        Ok(machine)
    }

    fn boot_heaps(&mut self, setup: &Setup) -> Result<(), BootError> {
        // SAFETY: the memory is that of `self.memory`, made for these heaps alone and kept beside
        // them.
        unsafe {
            self.heaps
                .boot(setup.chip, &setup.options, &setup.symbols, &self.memory)
        }
        .map(drop)
    }

    /// Does what the chip does when its scheduler runs. Returns how many heaps were added.
    pub fn enable_startup_stacks(&mut self) -> usize {
        // SAFETY: nothing runs on the simulated stacks; the memory is as in `boot_heaps`.
        unsafe { self.heaps.enable_startup_stack_heaps(&self.memory) }
    }

    /// Returns the heaps, to be looked at.
    pub fn heaps(&self) -> &HeapCaps<P> {
        &self.heaps
    }

    /// Above this size `malloc` prefers external memory.
    pub fn set_external_threshold(&mut self, limit: u32) {
        self.heaps.set_external_threshold(Some(limit));
    }

    /// Returns the bytes that requests of this kind could get if there were no fragmentation.
    pub fn free_bytes(&self, requests: Requests) -> u32 {
        self.heaps.inspect().free_size(requests.caps())
    }

    /// Begins to keep the least that was free for `requests` at one moment.
    pub fn watch(&mut self, requests: Requests) -> Option<WatchIndex> {
        self.heaps.watch(requests.caps())
    }

    /// Returns the block's address.
    ///
    /// # Errors
    /// The sentence of the refusal.
    pub fn allocate(
        &mut self,
        requests: Requests,
        size: u32,
        alignment: u32,
    ) -> Result<u32, String> {
        let (size, alignment) = (size as usize, alignment as usize);
        match requests {
            Requests::Malloc => self
                .heaps
                .allocate(&AllocRequest::in_default_memory(size).aligned_to(alignment)),
            Requests::Caps(caps) => self.heaps.aligned_alloc(alignment, size, caps),
        }
        .map_err(sentence)
    }

    /// Returns the block's new address, or the sentence of the refusal.
    ///
    /// # Errors
    /// There is no such block.
    pub fn reallocate(
        &mut self,
        requests: Requests,
        address: u32,
        size: u32,
    ) -> Result<Result<u32, String>, Misuse> {
        let moved = match requests {
            Requests::Malloc => self
                .heaps
                .reallocate(address, &AllocRequest::in_default_memory(size as usize)),
            Requests::Caps(caps) => self.heaps.realloc(address, size as usize, caps),
        };
        match moved {
            Ok(address) => Ok(Ok(address)),
            Err(ReallocateError::Failure(failure)) => Ok(Err(sentence(failure))),
            Err(ReallocateError::Misuse(misuse)) => Err(misuse),
        }
    }

    /// Frees a block.
    ///
    /// # Errors
    /// It is no block.
    pub fn free(&mut self, address: u32) -> Result<(), Misuse> {
        self.heaps.free(address)
    }

    /// Returns the blocks of a heap, counted from its first byte.
    pub fn blocks(&self, heap: &HeapView) -> Vec<HeapBlock> {
        let base = heap.span.start();
        let relative = |block: BlockView| HeapBlock {
            start: block.whole.start().wrapping_sub(base),
            bytes: block.whole.size(),
            payload: block.address.wrapping_sub(base),
            size: block.size,
            used: block.used,
        };
        self.heaps
            .inspect()
            .blocks(heap.index)
            .map(relative)
            .collect()
    }
}

/// Without the line of source that asked: it is always this file's.
fn sentence(mut failure: Failure) -> String {
    failure.caller = None;
    failure.to_string()
}

impl<P: Poison> Words for Machine<P> {
    fn word(&self, address: u32) -> Option<u32> {
        // SAFETY: the simulated program is this one; it is not at work meanwhile.
        unsafe { self.heaps.inspect().word(address) }
    }

    fn set_word(&mut self, address: u32, value: u32) -> bool {
        // SAFETY: as above; programs write to their own blocks, and to what lies behind them where
        // they are wrong.
        unsafe { self.heaps.set_word(address, value) }
    }
}

impl Requests {
    /// As by `malloc`. ESP-IDF v2.1 had no memory for that: programs asked for bytes.
    #[must_use]
    pub fn as_by_malloc(chip: &Chip) -> Requests {
        let mut types = chip.types().iter();
        if types.any(|memory_type| memory_type.union().contains(Caps::DEFAULT)) {
            Requests::Malloc
        } else {
            Requests::Caps(Caps::BIT8)
        }
    }

    /// Returns the heaps that requests of this kind can be served from.
    pub fn caps(self) -> Caps {
        match self {
            Requests::Malloc => Caps::DEFAULT,
            Requests::Caps(caps) => caps,
        }
    }
}

impl std::fmt::Display for Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Requests::Malloc => f.write_str("requests as by malloc"),
            Requests::Caps(caps) => write!(f, "requests for {caps}"),
        }
    }
}
