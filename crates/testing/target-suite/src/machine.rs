//! Fixture of the checks: a chip's memory as heaps.

use core::ops::{Deref, DerefMut};

use heap_caps::{HeapCaps, Memory};
use multi_heap::{Poison, Unpoisoned};
use soc_regions::{Chip, ESP32, Options, Symbols, common};

/// Where a check runs.
pub trait Machine {
    /// The chip's memory.
    type Memory: Memory;

    /// Returns the chip, an ESP32 unless the machine says otherwise.
    fn chip() -> &'static Chip {
        &ESP32
    }

    /// Returns what of it can be a heap: everything, unless the machine says otherwise.
    fn options() -> Options {
        with_psram(Self::psram())
    }

    /// Returns how many bytes of PSRAM there are: none, or up to 4 MiB.
    fn psram() -> u32 {
        4 << 20
    }

    /// Returns the memory that no heap uses. On a chip it is the same memory each time, so one
    /// check at a time may have it.
    fn memory() -> Self::Memory;

    /// Returns where the linker put the program.
    fn symbols() -> impl Symbols;
}

/// The heaps of the machine, and what they lie in.
pub struct Booted<M: Machine, P: Poison = Unpoisoned> {
    /// The memory, for heaps that come later.
    pub memory: M::Memory,
    /// What is checked.
    pub heaps: HeapCaps<P>,
}

impl<M: Machine, P: Poison> Deref for Booted<M, P> {
    type Target = HeapCaps<P>;

    fn deref(&self) -> &Self::Target {
        &self.heaps
    }
}

impl<M: Machine, P: Poison> DerefMut for Booted<M, P> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.heaps
    }
}

/// Returns the ESP32 with everything that can be a heap.
#[must_use]
pub fn options() -> Options {
    with_psram(4 << 20)
}

fn with_psram(bytes: u32) -> Options {
    let settings = [common::RTC_HEAP.on(), common::PSRAM.of(bytes)];
    let settings = if bytes == 0 {
        &settings[..1]
    } else {
        &settings[..]
    };
    ESP32.options(settings).unwrap()
}

/// Boots the chip's table on this machine.
///
/// # Panics
/// Where the chip can't be booted.
#[must_use]
pub fn boot<M: Machine, P: Poison>() -> Booted<M, P> {
    boot_as(&M::options(), M::memory())
}

/// Boots the chip's table under other options.
///
/// # Panics
/// Where the chip can't be booted.
#[must_use]
pub fn boot_as<M: Machine, P: Poison>(options: &Options, memory: M::Memory) -> Booted<M, P> {
    let chip = M::chip();
    let symbols = (M::symbols(), chip.sample_symbols(options));
    let mut heaps = HeapCaps::new(());
    // SAFETY: a check uses the machine's memory through these heaps alone, and drops them with it.
    let booted = unsafe { heaps.boot(chip, options, &symbols, &memory) }.unwrap();
    assert_eq!(booted.too_small, 0, "{booted:?}");
    Booted { memory, heaps }
}

/// The same with the heaps of the start-up stacks: on the ESP32 those are all of D/IRAM.
///
/// # Panics
/// Where the chip can't be booted.
#[must_use]
pub fn boot_whole<M: Machine>() -> Booted<M> {
    let mut booted = boot();
    let Booted { memory, heaps } = &mut booted;
    // SAFETY: a check stands on another stack.
    unsafe { heaps.enable_startup_stack_heaps(memory) };
    booted
}
