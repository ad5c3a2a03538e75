//! Checks that each variant of the chip boots at its addresses and leaves the others' memory alone.
//!
//! ```text
//!                  0x3FFE_0440     3F20 4350                        0x3FFF_8000   C000  0x4000_0000
//!   two cores      ├─────────────────┤  ├───────────────────────────────────────────────────┤
//!   one core       ├────────────────────────────────────────────────────────────────────────┤  and 0x4007_8000, 32 KiB
//!   trace, 1 bank  ├─────────────────┤  ├──────────────────────────────────────────┤ trace
//!   trace, 2 banks ├─────────────────┤  ├─────────────────────────────┤ trace
//! ```

use heap_caps::{HeapCaps, Memory};
use soc_regions::{Caps, ESP32, Options, Setting, Span, common, esp32, options, span};

use crate::machine::{Booted, Machine, boot_as};
use crate::pattern;

const DIRAM: &str = "D/IRAM";
const SECOND_CACHE: Span = span!(0x4007_8000, 0x4008_0000);
const PSRAM_START: u32 = 0x3F80_0000;

/// Returns the chip with one setting, all of its heaps enabled.
fn variant<M: Machine>(setting: Setting) -> Booted<M> {
    let options = ESP32.options(&[setting]).unwrap();
    enabled(boot_as(&options, M::memory()))
}

fn enabled<M: Machine>(mut booted: Booted<M>) -> Booted<M> {
    let Booted { memory, heaps } = &mut booted;
    // SAFETY: a check stands on another stack.
    unsafe { heaps.enable_startup_stack_heaps(memory) };
    booted
}

/// Returns where the heaps of a memory type lie, ascending.
fn spans(heaps: &HeapCaps, name: &str) -> [Option<Span>; 2] {
    let mut spans = [None; 2];
    let of_type = heaps.inspect().heaps().filter(|heap| heap.name == name);
    for (place, heap) in spans.iter_mut().zip(of_type) {
        *place = Some(heap.span);
    }
    spans.sort_unstable_by_key(|span| span.map_or(u32::MAX, Span::start));
    spans
}

/// Uses the largest block with `caps` from its first to its last word; returns its bytes.
fn serves_throughout(heaps: &mut HeapCaps, caps: Caps) -> u32 {
    let bytes = heaps.inspect().largest_free_block(caps);
    let block = heaps.malloc(bytes as usize, caps).unwrap();
    pattern::write(heaps, block, bytes, 7);
    assert!(pattern::is_intact(heaps, block, bytes, (block, 7)));
    assert_eq!(heaps.inspect().check_integrity(Caps::empty()), Ok(()));
    bytes
}

/// Its sibling's cache is IRAM, and D/IRAM is in one piece.
pub fn one_core_has_the_other_ones_memory<M: Machine>() {
    let mut heaps = variant::<M>(common::SINGLE_CORE.on());
    let diram = span!(0x3FFE_0440, 0x4000_0000);
    assert_eq!(spans(&heaps, DIRAM), [Some(diram), None]);
    assert_eq!(spans(&heaps, "IRAM")[0], Some(SECOND_CACHE));
    let in_iram = |heaps: &HeapCaps, block| {
        heaps
            .inspect()
            .heap_at(block)
            .is_some_and(|heap| heap.name == "IRAM")
    };
    while let Ok(block) = heaps.malloc(0x3000, Caps::EXEC)
        && in_iram(&heaps, block)
    {
        pattern::write(&heaps, block, 0x3000, 3);
    }
    assert_eq!(heaps.inspect().check_integrity(Caps::EXEC), Ok(()));
    let mut heaps = variant::<M>(common::SINGLE_CORE.on());
    assert!(serves_throughout(&mut heaps, Caps::DMA) > 120 * 1024);
}

/// What the trace unit writes to is in no heap, whatever is asked for.
pub fn one_bank_of_trace_memory_is_left_alone<M: Machine>() {
    leaves_alone::<M>("one-bank", span!(0x3FFF_C000, 0x4000_0000));
}

/// The same with both banks.
pub fn two_banks_of_trace_memory_are_left_alone<M: Machine>() {
    leaves_alone::<M>("two-banks", span!(0x3FFF_8000, 0x4000_0000));
}

fn leaves_alone<M: Machine>(banks: &'static str, trace: Span) {
    let memory = M::memory();
    let bytes = memory.region(trace).unwrap();
    let recorded = |fill: Option<u8>| {
        (0..bytes.len()).all(|at| {
            // SAFETY: the bytes of the trace unit, which no heap has.
            let byte = unsafe { bytes.cast::<u8>().add(at) };
            if let Some(fill) = fill {
                // SAFETY: as above.
                unsafe { byte.write_volatile(fill) };
            }
            // SAFETY: as above.
            unsafe { byte.read_volatile() == 0x5A }
        })
    };
    assert!(recorded(Some(0x5A)));
    let options: Options = ESP32.options(&[esp32::TRACE_MEMORY.value(banks)]).unwrap();
    let mut heaps = enabled(boot_as::<M, _>(&options, memory));
    let upper = Span::new(0x3FFE_4350, trace.start());
    assert_eq!(
        spans(&heaps, DIRAM),
        [Some(span!(0x3FFE_0440, 0x3FFE_3F20)), upper]
    );
    for size in [0x8000, 0x1000, 0x100, 4_u32] {
        while let Ok(block) = heaps.malloc(size as usize, Caps::BIT8) {
            pattern::write(&heaps, block, size, 1);
        }
    }
    assert!(recorded(None));
}

/// Each size that modules have: a heap from the window's start, and nothing behind it.
pub fn psram_serves_in_the_size_that_is_there<M: Machine>() {
    let sizes = [1 << 20, 2 << 20, 4 << 20];
    for bytes in sizes.into_iter().filter(|&bytes| bytes <= M::psram()) {
        let mut heaps = variant::<M>(common::PSRAM.of(bytes));
        let psram = Span::from_size(PSRAM_START, bytes);
        assert_eq!(spans(&heaps, "SPIRAM"), [psram, None]);
        let largest = heaps.inspect().largest_free_block(Caps::SPIRAM);
        assert!(bytes - largest < 4096, "{largest} of {bytes}");
        let block = heaps.malloc(largest as usize, Caps::SPIRAM).unwrap();
        for part in [block, block + largest / 8 * 4, block + largest - 0x1000] {
            pattern::write(&heaps, part, 0x1000, bytes);
            assert!(pattern::is_intact(&heaps, part, 0x1000, (part, bytes)));
        }
        assert_eq!(heaps.inspect().check_integrity(Caps::SPIRAM), Ok(()));
        assert!(heaps.malloc(0x1000, Caps::SPIRAM).is_err());
    }
}

/// Without any: the chip as ESP-IDF configures it.
pub fn the_default_variant_keeps_both_cores_memory<M: Machine>() {
    let mut heaps = enabled(boot_as::<M, _>(&options!(ESP32), M::memory()));
    let diram = [
        span!(0x3FFE_0440, 0x3FFE_3F20),
        span!(0x3FFE_4350, 0x4000_0000),
    ];
    assert_eq!(spans(&heaps, DIRAM), diram.map(Some));
    assert_eq!(spans(&heaps, "SPIRAM"), [None, None]);
    assert!(
        heaps
            .inspect()
            .heaps()
            .all(|heap| !heap.span.overlaps(SECOND_CACHE))
    );
    assert!(serves_throughout(&mut heaps, Caps::DMA) > 110 * 1024);
}
