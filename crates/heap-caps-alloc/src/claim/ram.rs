//! Claimed RAM: its tokens become heaps before boot, at boot, afterwards.

use core::fmt;

use heap_caps::{BootError, Booted, Identity, Memory, Observer};
use multi_heap::Poison;
use soc_regions::{Layout, LayoutError};

use super::tokens::{Found, LayoutInputs};
use super::{Claim, StartupStacks, Token};
use crate::heap::CapsHeap;
use crate::lock::RawLock;

/// A program's memory before it is made heaps. There is one of it for a claim.
pub struct Ram<'h, H, M = Identity> {
    claim: &'static Claim,
    heap: &'h H,
    memory: M,
    inputs: LayoutInputs,
}

/// A program's memory after it was made heaps: what tokens are added to later.
pub struct Claimed<'h, H, M = Identity> {
    ram: Ram<'h, H, M>,
    booted: Booted,
}

impl<H, M> fmt::Debug for Ram<'_, H, M> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ram = out.debug_struct("Ram");
        ram.field("options", &format_args!("{}", self.inputs.options));
        ram.finish_non_exhaustive()
    }
}

impl<H, M> fmt::Debug for Claimed<'_, H, M> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut claimed = out.debug_struct("Claimed");
        claimed.field("ram", &self.ram);
        claimed.field("booted", &self.booted).finish()
    }
}

impl<'h, H, M> Ram<'h, H, M> {
    pub(super) const fn new(claim: &'static Claim, heap: &'h H, memory: M) -> Self {
        let inputs = LayoutInputs {
            options: claim.options,
            psram_start: None,
        };
        Self {
            claim,
            heap,
            memory,
            inputs,
        }
    }

    /// Adds the memory of a token, which nobody else needs: one piece with its neighbours.
    #[must_use]
    pub fn with(self, token: impl Token) -> Self {
        let inputs = token.apply(self.inputs);
        Self { inputs, ..self }
    }

    /// Returns the layout under these options, and its reservations: for a view, or for a budget.
    ///
    /// # Errors
    /// Options, program and tokens do not fit together.
    pub fn layout(&self) -> Result<Layout, LayoutError> {
        let found = self.found(self.inputs);
        self.claim.chip.layout(&self.inputs.options, &found)
    }

    const fn found(&self, inputs: LayoutInputs) -> Found<'_> {
        Found {
            linked: self.claim.linked,
            inputs,
        }
    }
}

impl<'h, L: RawLock, P: Poison, O: Observer, const HEAPS: usize, M: Memory>
    Ram<'h, CapsHeap<L, P, O, HEAPS>, M>
{
    /// Makes heaps of it, see [`CapsHeap::boot`]. Those of the start-up stacks wait for
    /// [`Claimed::release`].
    ///
    /// # Errors
    /// See [`BootError`]. No heap is registered then.
    pub fn boot(self) -> Result<Claimed<'h, CapsHeap<L, P, O, HEAPS>, M>, BootError> {
        let (chip, options) = (self.claim.chip, &self.inputs.options);
        let found = self.found(self.inputs);
        // SAFETY: the maker of the claim promised that what is left over is used by nobody but the
        // holders of tokens; the options keep what those stand for, but for tokens that were added.
        // The claim was taken once.
        let booted = unsafe { self.heap.boot(chip, options, &found, &self.memory) }?;
        Ok(Claimed { ram: self, booted })
    }
}

impl<'h, L: RawLock, P: Poison, O: Observer, const HEAPS: usize, M: Memory>
    Claimed<'h, CapsHeap<L, P, O, HEAPS>, M>
{
    /// Returns what boot made of it.
    pub const fn booted(&self) -> Booted {
        self.booted
    }

    /// Returns the heap that has the memory.
    pub const fn heap(&self) -> &'h CapsHeap<L, P, O, HEAPS> {
        self.ram.heap
    }

    /// See [`Ram::layout`].
    ///
    /// # Errors
    /// Options, program and tokens do not fit together.
    pub fn layout(&self) -> Result<Layout, LayoutError> {
        self.ram.layout()
    }

    /// Adds the memory of a token, which nobody needs any more, as heaps of its own. Returns what
    /// it made.
    ///
    /// # Errors
    /// See [`BootError`]; the token is gone.
    pub fn add(&mut self, token: impl Token) -> Result<Booted, BootError> {
        let inputs = token.apply(self.ram.inputs);
        let (found, memory) = (self.ram.found(inputs), &self.ram.memory);
        // SAFETY: as for `boot`; what is a heap already is left out.
        let made = unsafe { self.ram.heap.extend(&inputs.options, &found, memory) }?;
        self.ram.inputs = inputs;
        Ok(made)
    }

    /// Adds the memory of the start-up stacks to the heaps; returns how many heaps that are.
    ///
    /// # Safety
    /// No core stands on them any more, nor ever will: the program has its own stacks.
    pub unsafe fn release(&mut self, startup_stacks: StartupStacks) -> usize {
        let StartupStacks(()) = startup_stacks;
        // SAFETY: the caller promises it; the rest as for `boot`.
        unsafe { self.ram.heap.enable_startup_stack_heaps(&self.ram.memory) }
    }
}
