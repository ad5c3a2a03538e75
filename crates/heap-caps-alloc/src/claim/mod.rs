//! How firmware gets all of its RAM, and each piece of it once.
//!
//! ```text
//!   claim! { static RAM: ESP32; unsafe symbols: { … } }     one in a program: two do not link
//!      │ RAM.take(&HEAP)                                    once while it runs
//!      ▼
//!   Parts { ram, bluetooth, second_core, trace_memory, psram, startup_stacks }
//!      │          └───────── tokens: memory that somebody else may need ────┘
//!      │ ram.give(bluetooth).boot()                         a token is given away or kept, never both
//!      ▼
//!   Claimed ── give(second_core), release(startup_stacks)   later
//! ```
//!
//! Invariant 1: there is at most one token of a kind for a claim, and a token that was given is
//! gone. Invariant 2: memory of a token is in no heap before the token is given.

pub(crate) mod esp_hal;
pub(crate) mod macros;
mod once;
mod ram;
mod tokens;

use core::fmt;

use heap_caps::{Identity, ImageHeader, Memory, Observer};
use multi_heap::Poison;
use soc_regions::{Chip, LayoutError, Options, Reservation, Symbols};

use crate::heap::CapsHeap;
use crate::lock::RawLock;
use once::Once;
pub use ram::{Claimed, Ram};
pub use tokens::{Bluetooth, MappedPsram, Psram, SecondCore, StartupStacks, Token, TraceMemory};

/// What RAM a program has: a chip, its options, and what the linker gave to the program itself.
/// [`claim!`](crate::claim!) makes one.
pub struct Claim {
    chip: &'static Chip,
    options: Options,
    linked: &'static Program,
    taken: Once,
    /// Leads whoever reads an image of the program's memory to its heaps.
    image: ImageHeader,
    /// Keeps the guard's symbol in the program.
    guard: Option<&'static macros::Guard>,
}

/// Where the linker put a program, and what it keeps besides.
type Program = dyn Symbols + Sync;

/// All that a claim gives: memory for heaps at once, and tokens for memory that somebody else may
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

/// The RAM of this claim was taken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyTaken;

multi_heap::texts!(AlreadyTaken {
    _ => "the RAM of this claim was taken before: there is one of it";
});

impl core::error::Error for AlreadyTaken {}

impl Claim {
    /// A claim to all memory that `chip`'s table, `options` and `linked` leave over. What tokens
    /// stand for is kept, whatever the options say of it, until the tokens are given: Bluetooth,
    /// the second core, PSRAM.
    ///
    /// # Safety
    /// - The program runs on that chip, configured as `options` say.
    /// - `linked` tells all memory that the program uses otherwise: its sections between their
    ///   symbols, its stacks, buffers at fixed addresses. What it does not tell is used by nobody,
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
            guard: None,
        }
    }

    /// The same in a program that has this symbol, which can't be there twice.
    #[doc(hidden)]
    #[must_use]
    pub const fn guarded_by(mut self, guard: &'static macros::Guard) -> Claim {
        self.guard = Some(guard);
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

    /// The claim's parts, once: `heap` is to get the memory.
    ///
    /// # Errors
    /// It was taken before.
    pub fn take<'h, L: RawLock, P: Poison, O: Observer, const HEAPS: usize>(
        &'static self,
        heap: &'h CapsHeap<L, P, O, HEAPS>,
    ) -> Result<Parts<'h, CapsHeap<L, P, O, HEAPS>>, AlreadyTaken> {
        self.take_in(heap, Identity)
    }

    /// The same where the chip's addresses lead to other bytes: on a host that simulates the chip.
    ///
    /// # Errors
    /// It was taken before.
    pub fn take_in<'h, L: RawLock, P: Poison, O: Observer, const HEAPS: usize, M: Memory>(
        &'static self,
        heap: &'h CapsHeap<L, P, O, HEAPS>,
        memory: M,
    ) -> Result<Parts<'h, CapsHeap<L, P, O, HEAPS>, M>, AlreadyTaken> {
        if self.taken.was_set() {
            return Err(AlreadyTaken);
        }
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
}
