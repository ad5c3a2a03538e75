//! Checks of claims: a program gets all memory that its linker left over, each part once.

use heap_caps_alloc::Claimed;
use on_target::{Emulated, HEAP, Heap, ram};
use soc_regions::{
    Budget, Caps, ESP32, Options, Requirement, Span, Symbols, budget, options, span,
};
use target_suite::Machine;

use crate::Check;

pub(crate) const CHECKS: &[Check] = &[
    (
        "a_claim_gives_all_memory_in_one_go",
        a_claim_gives_all_memory_in_one_go,
    ),
    (
        "tokens_handed_over_later_are_heaps_at_their_addresses",
        tokens_handed_over_later_are_heaps_at_their_addresses,
    ),
    (
        "a_claim_without_the_bluetooth_token_is_refused_by_a_program_that_lies_there",
        a_claim_without_the_bluetooth_token_is_refused_by_a_program_that_lies_there,
    ),
];

const OPTIONS: Options = options!(ESP32);

/// A program of this suite has 64 KiB of data and 8 KiB of vectors and trap handlers at most.
const BUDGET: Budget = budget!(
    ESP32,
    OPTIONS,
    [
        ("_data_start", 0x3FFB_0000),
        ("_heap_start", 0x3FFC_0000),
        ("_iram_start", 0x4008_0000),
        ("_iram_end", 0x4008_2000),
    ],
    [
        Requirement::of(256 * 1024, Caps::DMA),
        Requirement::of(120 * 1024, Caps::BIT8).in_one_piece(),
    ]
);

fn symbol(name: &str) -> u32 {
    Emulated::symbols().address(name).unwrap()
}

/// Whether `span` is a heap, and serves in its first and its last words.
fn serves(span: Span) {
    let heap = HEAP.inspect().locked(|heaps| heaps.heap_at(span.start()));
    let heap = heap.unwrap_or_else(|| panic!("no heap at {span}"));
    assert!(
        heap.active && heap.span == span,
        "{:?} instead of {span}",
        heap.span
    );
    for address in [span.start() + span.size() / 2, span.end() - 8] {
        let word = core::ptr::with_exposed_provenance_mut::<u32>(address as usize & !3);
        // SAFETY: free memory of a heap, which nobody looks at meanwhile.
        let before = unsafe { word.read_volatile() };
        // SAFETY: as above; it is put back below.
        unsafe { word.write_volatile(0x600D_600D) };
        // SAFETY: as above.
        assert_eq!(unsafe { word.read_volatile() }, 0x600D_600D);
        // SAFETY: as above.
        unsafe { word.write_volatile(before) };
    }
}

fn check(claimed: &Claimed<'_, Heap>) {
    assert_eq!(BUDGET.check(&claimed.layout().unwrap()), Ok(()));
    HEAP.inspect()
        .locked(|heaps| assert_eq!(heaps.check_integrity(Caps::INVALID), Ok(())));
    // SAFETY: nothing is made of it.
    assert!(unsafe { ram() }.is_err(), "once");
}

/// Single core, no Bluetooth, PSRAM: six heaps, as large as they can be.
fn a_claim_gives_all_memory_in_one_go() {
    // SAFETY: this check is the whole program.
    let parts = unsafe { ram() }.unwrap();
    // SAFETY: the emulator maps 4 MiB there.
    let psram = unsafe { parts.psram.mapped(2 << 20) };
    let ram = parts.ram.with(parts.bluetooth).with(parts.second_core);
    let mut claimed = ram.with(psram).boot().unwrap();
    // SAFETY: this program stands on a stack in flash's window.
    assert_eq!(unsafe { claimed.release(parts.startup_stacks) }, 1);
    serves(span!(0x3F80_0000, 0x3FA0_0000));
    serves(span!(0x3FF8_0000, 0x3FF8_2000));
    serves(span!(0x3FFA_E6E0, 0x3FFB_0000));
    serves(Span::new(symbol("_heap_start"), 0x3FFE_0000).unwrap());
    serves(span!(0x3FFE_0440, 0x4000_0000));
    serves(span!(0x4007_8000, 0x4008_0000));
    serves(Span::new(symbol("_iram_end"), 0x400A_0000).unwrap());
    assert_eq!(claimed.booted().heaps, 7);
    check(&claimed);
}

/// The same memory, in more pieces.
fn tokens_handed_over_later_are_heaps_at_their_addresses() {
    // SAFETY: this check is the whole program.
    let parts = unsafe { ram() }.unwrap();
    let mut claimed = parts.ram.with(parts.bluetooth).boot().unwrap();
    assert_eq!(HEAP.inspect().total_size(Caps::SPIRAM), 0);
    // SAFETY: this program stands on a stack in flash's window.
    assert_eq!(unsafe { claimed.release(parts.startup_stacks) }, 2);
    assert_eq!(claimed.add(parts.second_core).unwrap().heaps, 2);
    // SAFETY: the emulator maps 4 MiB there.
    let psram = unsafe { parts.psram.mapped(4 << 20) };
    assert_eq!(claimed.add(psram).unwrap().bytes, 4 << 20);
    serves(span!(0x3F80_0000, 0x3FC0_0000));
    serves(span!(0x3FFE_0440, 0x3FFE_3F20));
    serves(span!(0x3FFE_3F20, 0x3FFE_4350));
    serves(span!(0x3FFE_4350, 0x4000_0000));
    serves(span!(0x4007_8000, 0x4008_0000));
    check(&claimed);
}

/// Its data lies where the controller's memory would be.
fn a_claim_without_the_bluetooth_token_is_refused_by_a_program_that_lies_there() {
    // SAFETY: this check is the whole program.
    let parts = unsafe { ram() }.unwrap();
    assert!(parts.ram.boot().is_err());
    assert_eq!(HEAP.inspect().total_size(Caps::empty()), 0);
}
