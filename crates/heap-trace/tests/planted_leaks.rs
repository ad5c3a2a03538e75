//! A program with three planted leaks, and the report that names them: by the place in the source,
//! and by the call stack.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod support;

use std::hint::black_box;

use heap_trace::{HostStack, Ledger, Mode, Owner, Slot, Trace, TraceContext};
use support::Sim;

const DEPTH: usize = 12;

/// The stack of the test's thread.
#[derive(Debug)]
struct Here;

impl TraceContext for Here {
    fn callers(&self, stack: &mut [u32]) -> usize {
        HostStack { skip: 2 }.callers(stack)
    }
}

/// What the program is made of: each keeps its block once in a while.
trait Program {
    fn allocate(&mut self, size: usize) -> u32;
    fn release(&mut self, block: u32);
}

impl<O: heap_caps::Observer> Program for Sim<O> {
    #[inline(never)]
    fn allocate(&mut self, size: usize) -> u32 {
        self.malloc(size) // one line for all: only the stack distinguishes them
    }

    fn release(&mut self, block: u32) {
        self.free(block);
    }
}

#[inline(never)]
fn parse_telegram(program: &mut impl Program, round: u32) {
    let block = black_box(program.allocate(48));
    if !round.is_multiple_of(7) {
        program.release(block);
    }
}

#[inline(never)]
fn answer_request(program: &mut impl Program, round: u32) {
    let block = black_box(program.allocate(120));
    if !round.is_multiple_of(11) {
        program.release(block);
    }
}

#[inline(never)]
fn rotate_log(program: &mut impl Program, round: u32) {
    let block = black_box(program.allocate(16));
    if !round.is_multiple_of(5) {
        program.release(block);
    }
}

#[inline(never)]
fn without_fault(program: &mut impl Program) {
    let block = black_box(program.allocate(64));
    program.release(block);
}

fn run(program: &mut impl Program) {
    for round in 1..=35 {
        parse_telegram(program, round);
        answer_request(program, round);
        rotate_log(program, round);
        without_fault(program);
    }
}

/// The functions of this program on a stack.
fn names(stack: &[u32]) -> Vec<String> {
    let mut names = Vec::new();
    for &caller in stack.iter().take_while(|&&caller| caller != 0) {
        HostStack::resolve(caller, |name, _| names.push(name.to_owned()));
    }
    names.retain(|name| name.starts_with("planted_leaks::"));
    names
}

fn is_in(function: &str, stack: &[u32]) -> bool {
    names(stack).iter().any(|name| name.contains(function))
}

const PLANTED: [(&str, u32, usize); 3] = [
    ("parse_telegram", 48, 5),
    ("answer_request", 120, 3),
    ("rotate_log", 16, 7),
];

#[test]
fn the_trace_of_leaks_names_the_three_functions_that_leak_and_no_other() {
    let mut buffer = [Slot::EMPTY; 64];
    let mut sim: Sim<Trace<'_, Here, DEPTH>> = Sim::new(Trace::new(Here));
    sim.observer().set_buffer(&mut buffer).unwrap();
    sim.observer().start(Mode::Leaks).unwrap();
    run(&mut sim);
    sim.observer().rewind();
    let records: Vec<_> = std::iter::from_fn(|| sim.observer().read()).collect();
    assert_eq!(records.len(), 15);
    for (function, size, count) in PLANTED {
        let of_function = records
            .iter()
            .filter(|record| is_in(function, &record.allocated_by));
        let sizes: Vec<u32> = of_function.map(|record| record.size).collect();
        assert_eq!(sizes, vec![size; count], "{function}");
    }
}

#[test]
fn the_table_of_sites_names_them_too_with_what_each_has() {
    let mut sim: Sim<Ledger<Here, (), 64, 16, 1, DEPTH>> = Sim::new(Ledger::new(Here, ()));
    run(&mut sim);
    let ledger = sim.observer();
    let leaking: Vec<_> = ledger
        .sites()
        .filter(|site| site.usage.blocks > 0)
        .collect();
    assert_eq!(leaking.len(), 3, "{leaking:?}");
    for (function, size, count) in PLANTED {
        let site = leaking
            .iter()
            .find(|site| is_in(function, &site.callers))
            .unwrap();
        let count = u32::try_from(count).unwrap();
        assert_eq!(
            (site.usage.blocks, site.usage.bytes),
            (count, count * size),
            "{site}"
        );
        // The first request of all finds its heap by another way through the code: a stack, and a
        // site, of its own.
        let ways = ledger.sites().filter(|site| is_in(function, &site.callers));
        let allocations: u32 = ways.map(|site| site.usage.allocations).sum();
        assert!((34..=35).contains(&allocations), "{allocations}");
    }
    assert_eq!(
        ledger.owner(Owner::NOBODY).map(|usage| usage.blocks),
        Some(15)
    );
}
