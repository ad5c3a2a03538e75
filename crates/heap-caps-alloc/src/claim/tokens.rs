//! Tokens: each stands for memory that another part of the system may need.
//!
//! ```text
//!   token           while it is kept                 when it is added
//!   Bluetooth       the controller's memory          heap
//!   SecondCore      its cache, its ROM's data        heap
//!   TraceMemory     as the claim's options say       heap
//!   MappedPsram     no PSRAM                         heap of the mapped size
//!   StartupStacks   an inactive heap                 an active heap
//! ```
//!
//! A driver that needs the memory takes the token by value, and so does the heap, so the compiler
//! ensures that only one of them has it. A token of a chip without such memory has no effect.

use soc_regions::{Options, Setting, SettingValue, Symbols, common, esp32};

mod sealed {
    pub trait Sealed {}
}

/// Memory that can be added to the heaps, once.
pub trait Token: sealed::Sealed {
    /// Returns the options once the previous user of the memory is gone.
    #[doc(hidden)]
    fn apply(self, inputs: LayoutInputs) -> LayoutInputs;
}

/// Options and PSRAM start that tokens can change.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct LayoutInputs {
    pub(super) options: Options,
    /// Where PSRAM is mapped, unless it is at the start of its window.
    pub(super) psram_start: Option<u32>,
}

/// The program's symbols, with the PSRAM start that is known at run time.
pub(super) struct Found<'a> {
    pub(super) linked: &'a dyn Symbols,
    pub(super) inputs: LayoutInputs,
}

impl Symbols for Found<'_> {
    fn address(&self, name: &str) -> Option<u32> {
        let found = self.inputs.psram_start.filter(|_| name == PSRAM_START);
        found.or_else(|| self.linked.address(name))
    }

    fn reservations(&self) -> &[soc_regions::Reservation] {
        self.linked.reservations()
    }
}

/// Symbol that a chip's table reads if PSRAM can start anywhere in its window.
const PSRAM_START: &str = "psram:start";

/// The memory that a Bluetooth controller in ROM needs: 64 KiB on the ESP32. Programs that are
/// linked without a controller hand it over *before* boot, because their own data lies there.
#[derive(Debug)]
pub struct Bluetooth(pub(super) ());

/// What the second core needs to run: its cache, and its ROM's data.
#[derive(Debug)]
pub struct SecondCore(pub(super) ());

/// What the trace unit writes to, if the claim's options keep memory for it.
#[derive(Debug)]
pub struct TraceMemory(pub(super) ());

/// External memory that is not mapped yet.
#[derive(Debug)]
pub struct Psram(pub(super) ());

/// External memory that is mapped.
#[derive(Debug)]
pub struct MappedPsram {
    start: Option<u32>,
    bytes: u32,
}

/// The stacks that the boot loader and the start-up code stand on.
#[derive(Debug)]
pub struct StartupStacks(pub(super) ());

impl Psram {
    /// States that `bytes` of PSRAM are mapped from the start of the chip's window for it. Sizes
    /// above the window are capped to it.
    ///
    /// # Safety
    /// - `bytes` bytes there are mapped, readable and writable, and nothing else uses them.
    #[must_use]
    pub unsafe fn mapped(self, bytes: u32) -> MappedPsram {
        MappedPsram { start: None, bytes }
    }

    /// States that `bytes` of PSRAM are mapped from `start` on, for chips where flash takes the
    /// start of the window.
    ///
    /// # Safety
    /// - `bytes` bytes from `start` on are mapped, readable and writable, and nothing else uses
    ///   them.
    /// - The chip is no ESP32 or ESP32-S2: there PSRAM starts with its window, and `start` is not
    ///   looked at. Use [`Psram::mapped`].
    #[must_use]
    pub unsafe fn mapped_at(self, start: u32, bytes: u32) -> MappedPsram {
        let start = Some(start);
        MappedPsram { start, bytes }
    }
}

/// Settings that release each token's memory; ignored on chips without the option.
const WITHOUT_BLUETOOTH: [Setting; 1] = [esp32::BLUETOOTH.off()];
const WITHOUT_SECOND_CORE: [Setting; 1] = [common::SINGLE_CORE.on()];
/// The first of its values on the ESP32, no bytes on others.
const WITHOUT_TRACE_MEMORY: [Setting; 1] = [Setting {
    option: "trace-memory",
    value: SettingValue::Number(0),
}];

/// Returns the options while all tokens are kept.
pub(super) const fn all_kept(options: Options) -> Options {
    let kept = [
        esp32::BLUETOOTH.on(),
        common::SINGLE_CORE.off(),
        common::PSRAM.of(0),
    ];
    apply_known(options, &kept)
}

/// Returns the options with every token released, except PSRAM, whose size is unknown at compile
/// time.
pub(super) const fn all_given(options: Options) -> Options {
    let options = apply_known(options, &WITHOUT_BLUETOOTH);
    let options = apply_known(options, &WITHOUT_SECOND_CORE);
    apply_known(options, &WITHOUT_TRACE_MEMORY)
}

/// Returns `options` with each setting that the chip has; options and values it lacks are ignored.
pub(super) const fn apply_known(mut options: Options, settings: &[Setting]) -> Options {
    let mut at = 0;
    while at < settings.len() {
        if let Ok(changed) = options.with(settings[at]) {
            options = changed;
        }
        at += 1;
    }
    options
}

impl sealed::Sealed for Bluetooth {}
impl sealed::Sealed for SecondCore {}
impl sealed::Sealed for TraceMemory {}
impl sealed::Sealed for MappedPsram {}
impl<T: Token> sealed::Sealed for Option<T> {}

impl LayoutInputs {
    fn with(self, settings: &[Setting]) -> LayoutInputs {
        let options = apply_known(self.options, settings);
        LayoutInputs { options, ..self }
    }
}

/// `None` adds nothing.
impl<T: Token> Token for Option<T> {
    fn apply(self, inputs: LayoutInputs) -> LayoutInputs {
        match self {
            Some(token) => token.apply(inputs),
            None => inputs,
        }
    }
}

impl Token for Bluetooth {
    fn apply(self, inputs: LayoutInputs) -> LayoutInputs {
        inputs.with(&WITHOUT_BLUETOOTH)
    }
}

impl Token for SecondCore {
    fn apply(self, inputs: LayoutInputs) -> LayoutInputs {
        inputs.with(&WITHOUT_SECOND_CORE)
    }
}

impl Token for TraceMemory {
    fn apply(self, inputs: LayoutInputs) -> LayoutInputs {
        inputs.with(&WITHOUT_TRACE_MEMORY)
    }
}

impl Token for MappedPsram {
    fn apply(self, inputs: LayoutInputs) -> LayoutInputs {
        let psram_start = self.start;
        let inputs = LayoutInputs {
            psram_start,
            ..inputs
        };
        inputs.with(&[common::PSRAM.of(self.bytes)])
    }
}
