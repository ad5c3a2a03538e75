//! Failure records that survive the reset which followed the failure.

use std::mem::MaybeUninit;

use crate::support::{BYTES, ByOwner, Sim, on_behalf_of};
use heap_trace::{FailureLog, FailureRecord, Ledger, Owner};
use soc_regions::Caps;

type Log = FailureLog<3, 4>;
type Memory = MaybeUninit<Log>;

fn noise(byte: u8) -> Memory {
    let (mut memory, bytes) = (Memory::uninit(), size_of::<Log>());
    // SAFETY: it is as long.
    unsafe { memory.as_mut_ptr().cast::<u8>().write_bytes(byte, bytes) };
    memory
}

/// A run of the program in which requests of these sizes fail.
fn run(memory: &mut Memory, failing: &[usize]) {
    // SAFETY: the test wrote bytes there, and nothing else uses it.
    let log = unsafe { Log::recover(memory) };
    let mut sim: Sim<Ledger<ByOwner, &mut Log, 64, 8, 4>> = Sim::new(Ledger::new(ByOwner, log));
    on_behalf_of(Owner(2), || sim.malloc(1000));
    for &size in failing {
        on_behalf_of(Owner(3), || sim.heaps.malloc(size, BYTES).unwrap_err());
    }
}

fn numbers(memory: &mut Memory) -> Vec<(u32, u32, u32)> {
    // SAFETY: as for `run`.
    let log = unsafe { Log::recover(memory) };
    let mut numbers: Vec<_> = log
        .records()
        .map(|record| (record.number(), record.boot(), record.size()))
        .collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn failures_are_known_after_a_reset_with_what_every_owner_had() {
    let mut memory = noise(0xA5);
    run(&mut memory, &[400_000]);
    // SAFETY: as for `run`.
    let log = unsafe { Log::recover(&mut memory) };
    assert_eq!(log.boots(), 2);
    let record = log.latest().unwrap();
    assert_eq!(
        (record.boot(), record.size(), record.ticks()),
        (1, 400_000, 77)
    );
    assert_eq!((record.caps(), record.owner()), (Caps::BIT8, Owner(3)));
    assert_eq!(record.shares(), &[0, 0, 1000, 0]);
    let (file, line) = record.caller().unwrap();
    assert!(file!().ends_with(file) && line > 0);
    let largest = record.heaps().map(|heap| heap.largest).max().unwrap();
    let text = record.to_string();
    assert!(
        text.starts_with("failure 1 of run 1: 400000 bytes with 8BIT for owner 3 at "),
        "{text}"
    );
    assert!(
        text.ends_with(&format!("largest {largest}; owner 2 had 1000")),
        "{text}"
    );
}

#[test]
fn the_last_failures_of_all_runs_are_kept_in_their_order() {
    let mut memory = noise(0);
    run(&mut memory, &[400_001, 400_002]);
    run(&mut memory, &[400_003, 400_004]);
    assert_eq!(
        numbers(&mut memory),
        [(2, 1, 400_002), (3, 2, 400_003), (4, 2, 400_004)]
    );
}

#[test]
fn a_record_with_a_damaged_byte_is_gone_and_the_others_stay() {
    for at in 12..size_of::<Log>() {
        let mut memory = noise(0);
        run(&mut memory, &[400_001, 400_002, 400_003]);
        let byte = memory.as_mut_ptr().cast::<u8>();
        // SAFETY: inside of the log.
        let byte = unsafe { &mut *byte.wrapping_add(at) };
        *byte ^= 0x40;
        assert_eq!(numbers(&mut memory).len(), 2, "byte {at}");
    }
}

#[test]
fn a_log_that_is_recovered_later_hears_from_then_on() {
    let mut memory = noise(0);
    // SAFETY: the test wrote bytes there, and nothing else uses it.
    let log = unsafe { Log::recover(&mut memory) };
    type Later<'a> = Ledger<ByOwner, Option<&'a mut Log>, 64, 8, 4>;
    let mut sim: Sim<Later<'_>> = Sim::new(Ledger::new(ByOwner, None));
    sim.heaps.malloc(400_000, BYTES).unwrap_err();
    *sim.observer().event_sink_mut() = Some(log);
    sim.heaps.malloc(500_000, BYTES).unwrap_err();
    drop(sim);
    assert_eq!(numbers(&mut memory), [(1, 1, 500_000)]);
}

#[test]
fn records_are_read_from_the_words_of_an_image_and_damaged_ones_are_not() {
    let mut memory = noise(0);
    run(&mut memory, &[400_001]);
    let first = memory.as_ptr().cast::<u32>();
    // SAFETY: the log consists of words.
    let words = unsafe { std::slice::from_raw_parts(first, size_of::<Log>() / 4) }.to_vec();
    let (lead, length) = (Log::LEAD_WORDS, Log::RECORD_WORDS);
    assert_eq!((words[0], words.len()), (Log::MAGIC, lead + 3 * length));
    let record = &words[lead..lead + length];
    let read = FailureRecord::<9>::from_image(record).unwrap();
    // SAFETY: as for `run`.
    let log = unsafe { Log::recover(&mut memory) };
    assert_eq!(read.to_string(), log.latest().unwrap().to_string());
    for at in 0..length {
        let mut damaged = record.to_vec();
        damaged[at] ^= 0x0400;
        assert_eq!(FailureRecord::<9>::from_image(&damaged), None, "word {at}");
    }
    assert_eq!(
        FailureRecord::<9>::from_image(&words[lead + length..lead + 2 * length]),
        None
    );
    assert_eq!(FailureRecord::<9>::from_image(&record[..20]), None);
    assert_eq!(
        FailureRecord::<3>::from_image(record),
        None,
        "more owners than there is room for"
    );
}
