//! Claims: a chip, its options, a program linked anywhere with reservations of its own, tokens that
//! are given before or after boot, or kept. No two heaps overlap, and none has what the program or
//! a token keeps.
#![no_main]

use heap_caps::SimulatedMemory;
use heap_caps_alloc::{CapsHeap, Claim, SpinLock};
use libfuzzer_sys::fuzz_target;
use multi_heap::Unpoisoned;
use soc_regions::{Caps, Chip, Linked, Options, Reservation, Span, Symbols, chips, common};
use target_suite::campaign::Input;

type Heap = CapsHeap<SpinLock, Unpoisoned, (), 24>;
type Moved = Box<dyn Fn(&str) -> Option<u32> + Sync>;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let chips = chips::all();
    let count = chips.clone().count();
    let Some(chip) = chips.cycle().nth(usize::from(input.byte()) % count) else {
        return;
    };
    let psram = common::PSRAM.of(u32::from(input.byte()) << 14);
    let options = chip.options(&[psram]).unwrap_or(chip.default_options());
    let symbols = symbols(chip, &options, &mut input);
    let reservations = reservations(chip, &mut input).leak();
    let linked: &'static mut Linked<'static, Moved> = Box::leak(Box::new(Linked {
        symbols,
        reservations,
    }));
    let linked: *mut Linked<'static, Moved> = linked;
    // SAFETY: leaked above.
    let program = unsafe { &*linked };
    // SAFETY: simulated memory.
    let claim: *mut Claim = Box::into_raw(Box::new(unsafe { Claim::new(chip, options, program) }));
    // SAFETY: leaked above.
    claimed(unsafe { &*claim }, &mut input);
    // SAFETY: nobody has the claim any more.
    drop(unsafe { Box::from_raw(claim) });
    // SAFETY: nobody has the program any more, nor its reservations.
    let program = unsafe { Box::from_raw(linked) };
    let reservations: *const [Reservation] = program.reservations;
    drop(program);
    // SAFETY: leaked above, by a vector that was exactly as long.
    drop(unsafe { Box::from_raw(reservations.cast_mut()) });
});

/// The chip's symbols, each moved somewhere by what its name says.
fn symbols(chip: &'static Chip, options: &Options, input: &mut Input<'_>) -> Moved {
    let sample = chip.sample_symbols(options);
    let moves: [(u8, u16); 8] = std::array::from_fn(|_| (input.byte(), input.short()));
    Box::new(move |name: &str| {
        let address = sample.address(name)?;
        let sum = name.bytes().fold(0, u8::wrapping_add);
        let (kind, distance) = moves[usize::from(sum) % moves.len()];
        let distance = u32::from(distance);
        Some(match kind % 8 {
            0 => address.wrapping_add(distance),
            1 => address.wrapping_sub(distance),
            2 => distance << 16 | address & 0xFFFF,
            _ => address,
        })
    })
}

/// Buffers of the program at fixed addresses.
fn reservations(chip: &'static Chip, input: &mut Input<'_>) -> Vec<Reservation> {
    let regions: Vec<Span> = chip.regions().iter().map(|region| region.span).collect();
    let mut reservations = Vec::with_capacity(usize::from(input.byte() % 4));
    for _ in 0..reservations.capacity() {
        let region = regions[usize::from(input.byte()) % regions.len()];
        let start = region.start().wrapping_add(u32::from(input.short()));
        if let Some(span) = Span::from_size(start, 1 + u32::from(input.short())) {
            reservations.push(Reservation::fixed("buffer", span));
        }
    }
    reservations.shrink_to_fit();
    reservations
}

fn claimed(claim: &'static Claim, input: &mut Input<'_>) {
    let (memory, heap) = (SimulatedMemory::dirty(0xA5), Heap::new(()));
    let all = claim.take_in(&heap, &memory).expect("taken once");
    assert!(claim.take_in(&heap, &memory).is_err(), "taken twice");
    let given = input.byte();
    let (mut ram, mut later) = (all.ram, None);
    match given & 1 {
        0 => ram = ram.with(all.bluetooth),
        _ => later = Some(all.bluetooth),
    }
    if given & 2 != 0 {
        ram = ram.with(all.second_core);
    }
    if given & 4 != 0 {
        ram = ram.with(all.trace_memory);
    }
    // SAFETY: the simulated memory is there.
    let psram = unsafe { all.psram.mapped(u32::from(input.byte()) << 14) };
    if given & 8 != 0 {
        ram = ram.with(psram);
    }
    let layout = ram.layout();
    let Ok(mut claimed) = ram.boot() else { return };
    assert!(layout.is_ok());
    if let Some(bluetooth) = later.filter(|_| given & 16 != 0) {
        let before = spans(&heap);
        if claimed.add(bluetooth).is_err() {
            assert_eq!(
                spans(&heap),
                before,
                "a token that is refused changes nothing"
            );
        }
    }
    if given & 32 != 0 {
        // SAFETY: nobody stands on simulated stacks.
        unsafe { claimed.release(all.startup_stacks) };
    }
    let heaps = spans(&heap);
    for pair in heaps.windows(2) {
        assert!(!pair[0].overlaps(pair[1]), "{pair:?}");
    }
    if let Ok(layout) = claimed.layout() {
        for reserved in layout.reserved() {
            let is_apart = |heap: &Span| !heap.overlaps(reserved.span);
            assert!(heaps.iter().all(is_apart), "{reserved:?} {heaps:?}");
        }
    }
    let block = heap.malloc(1 + usize::from(input.short()), Caps::BIT8);
    let check = |heaps: heap_caps::Inspection<'_, _, _, _>| heaps.check_integrity(Caps::empty());
    assert_eq!(heap.inspect().locked(check), Ok(()));
    if let Ok(block) = block {
        // SAFETY: just allocated.
        assert_eq!(unsafe { heap.free(block) }, Ok(()));
    }
}

/// The spans of all heaps, ascending.
fn spans(heap: &Heap) -> Vec<Span> {
    let collect =
        |heaps: heap_caps::Inspection<'_, _, _, _>| heaps.heaps().map(|it| it.span).collect();
    let mut spans: Vec<Span> = heap.inspect().locked(collect);
    spans.sort_unstable_by_key(|span| span.start());
    spans
}
