//! Findings about overwritten blocks: their owner, and the owner of the block in front.

use crate::support::{ByOwner, Sim, on_behalf_of};
use heap_trace::{Ledger, Owner};
use multi_heap::Light;
use soc_regions::Caps;

#[test]
fn an_overrun_is_reported_with_owner_and_place_of_both_neighbours() {
    let mut sim: Sim<Ledger<ByOwner>, Light> = Sim::new(Ledger::new(ByOwner, ()));
    let mqtt = on_behalf_of(Owner(1), || sim.malloc(16));
    let tls = on_behalf_of(Owner(2), || sim.malloc(96));
    let pointer = sim.heaps.inspect().pointer(tls).unwrap();
    // SAFETY: the byte behind the block is its canary's: the fault that the test is about.
    unsafe { pointer.as_ptr().wrapping_add(96).write(0x55) };
    let corrupt = sim
        .heaps
        .inspect()
        .check_integrity(Caps::empty())
        .unwrap_err();
    let ledger = sim.heaps.inspect().observer();
    let explained = ledger.explain(sim.heaps.inspect().finding(corrupt));
    let place = |address| {
        let (site, _) = ledger.block(address).unwrap();
        ledger.site(site).unwrap().caller.unwrap()
    };
    let expected = format!(
        "{}; the block is owner 2's from {}; the one in front of it is owner 1's from {}",
        explained.finding,
        place(tls),
        place(mqtt)
    );
    assert_eq!(explained.to_string(), expected);
    assert_ne!(place(tls).line(), place(mqtt).line());
}

#[test]
fn a_block_of_code_is_reported_with_its_owner_in_memory_of_either_word_order() {
    for caps in [Caps::EXEC, Caps::EXEC | Caps::RTCRAM] {
        let mut sim: Sim<Ledger<ByOwner, (), 4096>, Light> = Sim::whole(Ledger::new(ByOwner, ()));
        let mut take = || on_behalf_of(Owner(3), || sim.heaps.malloc(40, caps).unwrap());
        let mut code = take();
        while (0x4008_0000..0x400A_0000).contains(&code) {
            code = take(); // IRAM has one side only
        }
        let mut blocks = sim
            .heaps
            .inspect()
            .heaps()
            .flat_map(|heap| sim.heaps.inspect().blocks(heap.index));
        let block = blocks.find(|block| block.code == Some(code)).unwrap();
        let pointer = sim.heaps.inspect().pointer(block.address).unwrap();
        // SAFETY: as above, in front of the block.
        unsafe { pointer.as_ptr().wrapping_sub(8).write(0x55) };
        let corrupt = sim
            .heaps
            .inspect()
            .check_integrity(Caps::empty())
            .unwrap_err();
        let explained = sim
            .heaps
            .inspect()
            .observer()
            .explain(sim.heaps.inspect().finding(corrupt));
        assert_eq!(explained.finding.block, Some(block));
        let owner = explained.block.map(|(_, owner)| owner);
        assert_eq!(owner, Some(Owner(3)), "0x{code:08X}");
    }
}

#[test]
fn a_block_that_nobody_listed_is_reported_without_a_name() {
    let mut sim: Sim<Ledger<ByOwner, (), 0>, Light> = Sim::new(Ledger::new(ByOwner, ()));
    let block = sim.malloc(96);
    let pointer = sim.heaps.inspect().pointer(block).unwrap();
    // SAFETY: as above.
    unsafe { pointer.as_ptr().wrapping_add(96).write(0x55) };
    let corrupt = sim
        .heaps
        .inspect()
        .check_integrity(Caps::empty())
        .unwrap_err();
    let finding = sim.heaps.inspect().finding(corrupt);
    let explained = sim.heaps.inspect().observer().explain(finding);
    assert_eq!(explained.to_string(), finding.to_string());
}
