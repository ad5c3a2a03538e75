//! The RAM claim: one owner for each piece of a chip's memory.
//!
//! ```text
//!   claim! { static RAM: ESP32; unsafe symbols: { … } }     one in a program: two do not link
//!      │ RAM.take(&HEAP)                                    once while it runs
//!      ▼
//!   Parts { ram, bluetooth, second_core, trace_memory, psram, startup_stacks }
//!      │          └───────── tokens: memory with other possible users ──────┘
//!      │ ram.with(bluetooth).boot()                         a token is added or kept, never both
//!      ▼
//!   Claimed ── add(second_core), release(startup_stacks)   later
//! ```
//!
//! Invariant 1: there is at most one token of a kind for a claim, and a token that was added is
//! gone. Invariant 2: memory of a token is in no heap before the token is added.

pub(crate) mod esp_hal;
pub(crate) mod macros;
mod once;
mod ram;
pub(crate) mod start;
mod tokens;

use core::fmt;

use heap_caps::{Identity, ImageHeader, Memory, Observer};
use multi_heap::Poison;
use soc_regions::{Chip, LayoutError, Options, Reservation, Symbols};

use crate::heap::CapsHeap;
use crate::lock::RawLock;
use once::Once;
pub use ram::{Claimed, Ram};
use start::Mark;
pub use tokens::{Bluetooth, MappedPsram, Psram, SecondCore, StartupStacks, Token, TraceMemory};

/// What RAM a program has: a chip, its options, and what the linker placed for the program itself.
/// [`claim!`](crate::claim!) makes one.
pub struct Claim {
    chip: &'static Chip,
    options: Options,
    linked: &'static Program,
    taken: Once,
    /// Leads readers of an image of the program's memory to its heaps.
    image: ImageHeader,
    /// Tells whether the program has started, and keeps its symbol in the program.
    mark: Option<&'static Mark>,
}

/// Where the linker put a program, and what it keeps besides.
type Program = dyn Symbols + Sync;

/// Everything in a claim: memory for heaps at once, and tokens for memory that other code may
/// need.
pub struct Parts<'h, H, M = Identity> {
    /// What nobody else needs, and what makes the heaps.
    pub ram: Ram<'h, H, M>,
    /// The Bluetooth controller's memory.
    pub bluetooth: Bluetooth,
    /// The second core's cache and ROM data.
    pub second_core: SecondCore,
    /// The trace unit's memory.
    pub trace_memory: TraceMemory,
    /// External memory, once it is mapped.
    pub psram: Psram,
    /// The stacks of the boot loader and the start-up code, once they are left.
    pub startup_stacks: StartupStacks,
}

impl fmt::Debug for Claim {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut claim = out.debug_struct("Claim");
        claim.field("chip", &self.chip.name());
        claim.field("options", &format_args!("{}", self.options));
        claim.field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl<H, M> fmt::Debug for Parts<'_, H, M> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = out.debug_struct("Parts");
        parts.field("ram", &self.ram).finish_non_exhaustive()
    }
}

/// Why a claim's RAM is not to be had: a sentence for `unwrap` too.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TakeError {
    /// It was taken before.
    AlreadyTaken,
    /// Start-up code has not cleared the program's `.bss` yet: it would clear the heap, too. Only
    /// claims that [`claim!`](crate::claim!) made find this out.
    NotStarted,
    /// It was taken before start-up code cleared the program's `.bss`, and its heap with it. Found
    /// out as [`TakeError::NotStarted`].
    ClearedSince,
}

multi_heap::texts!(TakeError {
    Self::AlreadyTaken => "the RAM of this claim was taken before: there is one of it";
    Self::NotStarted =>
        "the RAM is claimed before `.bss` is cleared, which would clear the heap: claim it in `main`, not in `__pre_init` or a boot hook";
    Self::ClearedSince =>
        "the RAM was claimed before `.bss` was cleared, and the heap is cleared with it: claim it in `main`, not in `__pre_init` or a boot hook";
});

impl fmt::Debug for TakeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl core::error::Error for TakeError {}

impl Claim {
    /// Returns a claim to all memory that `chip`'s table, `options` and `linked` leave over. What
    /// tokens stand for is kept, whatever the options say of it, until the tokens are added:
    /// Bluetooth, the second core, PSRAM.
    ///
    /// # Safety
    /// - The program runs on that chip, configured as `options` say.
    /// - `linked` names all memory that the program uses otherwise: its sections between their
    ///   symbols, its stacks, buffers at fixed addresses. What it does not name is used by nobody,
    ///   except that the holders of the claim's tokens use what these stand for.
    /// - There is no other claim to that memory.
    #[must_use]
    pub const unsafe fn new(
        chip: &'static Chip,
        options: Options,
        linked: &'static Program,
    ) -> Claim {
        Claim {
            chip,
            options: tokens::all_kept(options),
            linked,
            taken: Once::new(),
            image: ImageHeader::new(),
            mark: None,
        }
    }

    /// The same in a program that has this symbol, which can't be there twice.
    #[doc(hidden)]
    #[must_use]
    pub const fn marked_by(mut self, mark: &'static Mark) -> Claim {
        self.mark = Some(mark);
        self
    }

    /// What can be found wrong with a claim before its program is linked: a symbol that the chip's
    /// table needs is not among `names`, or the program's `own` reservations want what the table
    /// reserves.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub const fn check(
        chip: &Chip,
        options: &Options,
        names: &[&str],
        own: &[Reservation],
    ) -> Result<(), LayoutError> {
        chip.check_program(&tokens::all_given(*options), names, own)
    }

    /// Returns the header by which tools find the heaps in an image of the program's memory.
    #[must_use]
    pub const fn image_header(&self) -> &ImageHeader {
        &self.image
    }

    /// Returns the claim's parts, once: `heap` is to get the memory.
    ///
    /// # Errors
    /// See [`TakeError`].
    pub fn take<'h, L: RawLock, P: Poison, O: Observer, const HEAPS: usize>(
        &'static self,
        heap: &'h CapsHeap<L, P, O, HEAPS>,
    ) -> Result<Parts<'h, CapsHeap<L, P, O, HEAPS>>, TakeError> {
        self.take_in(heap, Identity)
    }

    /// The same where the chip's addresses lead to other bytes: on a host that simulates the chip.
    ///
    /// # Errors
    /// See [`TakeError`].
    pub fn take_in<'h, L: RawLock, P: Poison, O: Observer, const HEAPS: usize, M: Memory>(
        &'static self,
        heap: &'h CapsHeap<L, P, O, HEAPS>,
        memory: M,
    ) -> Result<Parts<'h, CapsHeap<L, P, O, HEAPS>, M>, TakeError> {
        self.set_taken()?;
        self.image.lead_to(heap.inspect().heaps_in_memory());
        Ok(Parts {
            ram: Ram::new(self, heap, memory),
            bluetooth: Bluetooth(()),
            second_core: SecondCore(()),
            trace_memory: TraceMemory(()),
            psram: Psram(()),
            startup_stacks: StartupStacks(()),
        })
    }

    /// Of callers at the same time one succeeds.
    fn set_taken(&self) -> Result<(), TakeError> {
        let Some(mark) = self.mark else {
            let was_taken = self.taken.was_set();
            return if was_taken {
                Err(TakeError::AlreadyTaken)
            } else {
                Ok(())
            };
        };
        let is_cleared = mark.is_cleared();
        if !is_cleared && !self.taken.is_set() {
            return Err(TakeError::NotStarted);
        }
        match (self.taken.was_set(), is_cleared) {
            (false, _) => {
                mark.set();
                Ok(())
            }
            (true, false) => Err(TakeError::AlreadyTaken),
            (true, true) => Err(TakeError::ClearedSince),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::start::Mark;
    use super::{Claim, TakeError};
    use crate::{CapsHeap, Unlocked};
    use soc_regions::{ESP32, Linked};
    use std::boxed::Box;
    use std::string::ToString as _;

    fn claim(mark: &'static Mark) -> &'static Claim {
        static LINKED: Linked<'_, [(&str, u32); 0]> = Linked {
            symbols: [],
            reservations: &[],
        };
        // SAFETY: nothing is booted.
        let claim = unsafe { Claim::new(&ESP32, ESP32.default_options(), &LINKED) };
        Box::leak(Box::new(claim.marked_by(mark)))
    }

    fn take(claim: &'static Claim) -> Option<TakeError> {
        let heap: CapsHeap<Unlocked> = CapsHeap::new(());
        claim.take(&heap).err()
    }

    #[test]
    fn a_program_that_has_started_takes_its_claim_once() {
        let claim = claim(Box::leak(Box::new(Mark::new())));
        assert_eq!(take(claim), None);
        assert_eq!(take(claim), Some(TakeError::AlreadyTaken));
    }

    #[test]
    fn a_claim_before_bss_is_cleared_is_refused_and_can_be_taken_afterwards() {
        let mark: &Mark = Box::leak(Box::new(Mark::new()));
        mark.set(); // as the program before has left it
        let claim = claim(mark);
        assert_eq!(take(claim), Some(TakeError::NotStarted));
        assert!(TakeError::NotStarted.to_string().contains("in `main`"));
        mark.clear();
        assert_eq!(take(claim), None);
    }

    #[test]
    fn a_claim_whose_heap_was_cleared_afterwards_says_so() {
        let mark: &Mark = Box::leak(Box::new(Mark::new())); // memory that is zero by chance
        let claim = claim(mark);
        assert_eq!(take(claim), None);
        mark.clear();
        assert_eq!(take(claim), Some(TakeError::ClearedSince));
    }
}
