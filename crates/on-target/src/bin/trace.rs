//! Prints what each heap costs over a recorded program: one figure a line, for `cargo xtask bench --trace`.
//!
//! `trace BYTES`: the heap has so many bytes from 0x3FC0_0000 on; the emulator has put the tape at 0x3F80_0000. Behind the tape there
//! is room to remember its blocks.

#![no_std]
#![no_main]

use core::ptr::{NonNull, slice_from_raw_parts_mut, with_exposed_provenance_mut};

use heap_bench::{Figure, Slot, Tape};
use on_target::{Instructions, exit_code, println};

on_target::program!(main);

const TAPE: usize = 0x3F80_0000;
const TAPE_END: usize = 0x3FC0_0000;
const HEAP: usize = 0x3FC0_0000;
/// The ESP32's own DRAM begins here, with the program's data further up.
const HEAP_END: usize = 0x3FFA_E000;

fn main() -> u8 {
    let bytes = on_target::argument(|argument| argument.and_then(|text| text.parse().ok()));
    let Some(bytes) = bytes.filter(|bytes| *bytes <= HEAP_END - HEAP) else {
        println!("trace BYTES: at most {}", HEAP_END - HEAP);
        return exit_code::USAGE;
    };
    // SAFETY: the window is memory that nothing else in this program uses.
    let words =
        unsafe { core::slice::from_raw_parts(with_exposed_provenance_mut(TAPE), TAPE_WORDS) };
    let Some(tape) = Tape::from_words(words) else {
        println!("there is no tape");
        return exit_code::USAGE;
    };
    let Some(slots) = slots(&tape) else {
        println!("the tape leaves no room to remember its blocks");
        return exit_code::USAGE;
    };
    // SAFETY: nothing else in this program uses this part of the DRAM window.
    unsafe { heap_bench::run_trace(&Instructions, heap(bytes), tape, slots, &mut print) };
    exit_code::SUCCESS
}

/// Three quarters of the window; the rest is for the slots.
const TAPE_WORDS: usize = (TAPE_END - TAPE) / 4 / 4 * 3;

/// Memory that begins as zeros, which are empty slots.
fn slots(tape: &Tape<'_>) -> Option<&'static mut [Slot]> {
    let first = TAPE + TAPE_WORDS * 4;
    let room = (TAPE_END - first) / size_of::<Slot>();
    // SAFETY: the window behind the tape is memory that nothing else uses, and zeros are a slot.
    (tape.slots() <= room).then(|| unsafe {
        core::slice::from_raw_parts_mut(with_exposed_provenance_mut(first), tape.slots())
    })
}

fn heap(bytes: usize) -> NonNull<[u8]> {
    let region = slice_from_raw_parts_mut(with_exposed_provenance_mut(HEAP), bytes);
    // SAFETY: the address is not null.
    unsafe { NonNull::new_unchecked(region) }
}

fn print(figure: Figure) {
    println!(
        "figure\t{}\t{}\t{}\t{}",
        figure.subject,
        figure.workload,
        figure.quantity.in_instructions(),
        figure.value
    );
}
