//! Accounts of sites and owners: what each has, and that the sums are the heap's.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::support::{BYTES, Sim};
use heap_trace::{
    CurrentOwner, Decoder, Event, Ledger, Owner, Ring, SiteId, StillOwns, Stream, TraceContext,
    Usage, WhenFull,
};
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use proptest::prelude::*;
use soc_regions::Caps;

/// Owners as the test sets them.
#[derive(Debug)]
struct By(&'static CurrentOwner);

impl TraceContext for By {
    fn owner(&self) -> Owner {
        self.0.get()
    }
}

fn current() -> &'static CurrentOwner {
    Box::leak(Box::new(CurrentOwner::new()))
}

const MQTT: Owner = Owner(1);
const WIFI: Owner = Owner(2);

type Accounts = Ledger<By>;

fn accounts() -> (Sim<Accounts>, &'static CurrentOwner) {
    let owner = current();
    (Sim::new(Ledger::new(By(owner), ())), owner)
}

fn now(usage: Usage) -> (u32, u32) {
    (usage.bytes, usage.blocks)
}

#[test]
fn what_is_allocated_on_behalf_of_an_owner_is_its_own() {
    let (mut sim, owner) = accounts();
    let nobodys = sim.malloc(8);
    let [a, b] = owner.with(MQTT, || [100, 200].map(|size| sim.malloc(size)));
    let c = owner.with(WIFI, || sim.malloc(400));
    let has = |sim: &mut Sim<Accounts>, owner| now(sim.observer().owner(owner).unwrap());
    assert_eq!(has(&mut sim, MQTT), (300, 2));
    assert_eq!(has(&mut sim, WIFI), (400, 1));
    assert_eq!(has(&mut sim, Owner::NOBODY), (8, 1));
    owner.with(WIFI, || sim.free(a)); // whoever frees it
    assert_eq!(has(&mut sim, MQTT), (200, 1));
    let mqtt = sim.observer().owner(MQTT).unwrap();
    assert_eq!(
        (mqtt.peak_bytes, mqtt.peak_blocks, mqtt.allocations),
        (300, 2, 2)
    );
    [b, c, nobodys]
        .into_iter()
        .for_each(|block| sim.free(block));
    assert!(
        sim.observer()
            .owners()
            .iter()
            .all(|usage| now(*usage) == (0, 0))
    );
}

#[test]
fn owners_nest_and_the_one_before_is_back_after_a_panic_too() {
    let owner = current();
    owner.with(MQTT, || {
        owner.with(WIFI, || assert_eq!(owner.get(), WIFI));
        assert_eq!(owner.get(), MQTT);
        let panicked =
            std::panic::catch_unwind(|| owner.with(WIFI, || panic!("as the test wants")));
        assert!(panicked.is_err());
        assert_eq!(owner.get(), MQTT);
    });
    assert_eq!(owner.get(), Owner::NOBODY);
}

#[test]
fn tasks_that_take_turns_keep_their_owners() {
    /// Gives way once.
    async fn yield_now() {
        let mut polled = false;
        std::future::poll_fn(|_| {
            let ready = std::mem::replace(&mut polled, true);
            if ready {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
    let owner = current();
    let seen = std::cell::RefCell::new(Vec::new());
    let task = |name: &'static str| {
        let seen = &seen;
        async move {
            for _ in 0..2 {
                seen.borrow_mut().push((name, owner.get()));
                yield_now().await;
            }
        }
    };
    let mut mqtt = pin!(owner.instrument(MQTT, task("mqtt")));
    let mut wifi = pin!(owner.instrument(WIFI, task("wifi")));
    let mut context = Context::from_waker(Waker::noop());
    let mut poll = || {
        (
            mqtt.as_mut().poll(&mut context),
            wifi.as_mut().poll(&mut context),
        )
    };
    while poll() != (Poll::Ready(()), Poll::Ready(())) {
        assert_eq!(owner.get(), Owner::NOBODY, "between two polls");
        if seen.borrow().len() == 4 {
            break;
        }
    }
    let expected = [
        ("mqtt", MQTT),
        ("wifi", WIFI),
        ("mqtt", MQTT),
        ("wifi", WIFI),
    ];
    assert_eq!(*seen.borrow(), expected);
}

/// Defects: 18723.
#[test]
fn a_resize_by_another_owner_takes_the_block_from_the_first() {
    let (mut sim, owner) = accounts();
    let block = owner.with(MQTT, || sim.malloc(100));
    let moved = owner.with(WIFI, || sim.realloc(block, 5000));
    let has = |sim: &mut Sim<Accounts>, owner| now(sim.observer().owner(owner).unwrap());
    assert_eq!(has(&mut sim, MQTT), (0, 0));
    assert_eq!(has(&mut sim, WIFI), (5000, 1));
    sim.free(moved);
    assert_eq!(has(&mut sim, WIFI), (0, 0), "not inflated for ever");
}

#[test]
fn blocks_of_an_owner_that_has_ended_are_the_leaks() {
    let (mut sim, owner) = accounts();
    sim.observer().begin(MQTT).unwrap();
    let [freed, leaked] = owner.with(MQTT, || [8, 16].map(|size| sim.malloc(size)));
    owner.with(WIFI, || sim.malloc(8));
    sim.free(freed);
    assert_eq!(sim.observer().leaks().count(), 0, "nobody has ended");
    assert_eq!(now(sim.observer().end(MQTT)), (16, 1));
    let leaks: Vec<_> = sim.observer().leaks().collect();
    assert_eq!(leaks.len(), 1);
    assert_eq!((leaks[0].address, leaks[0].owner), (leaked, MQTT));
    let site = sim.observer().site(leaks[0].site).unwrap();
    assert_eq!(site.caller.unwrap().file(), file!());
}

/// Defects: 13467.
#[test]
fn a_number_is_not_given_to_another_while_blocks_bear_it() {
    let (mut sim, owner) = accounts();
    let block = owner.with(MQTT, || sim.malloc(100));
    sim.observer().end(MQTT);
    let StillOwns(left) = sim.observer().begin(MQTT).unwrap_err();
    assert_eq!(now(left), (100, 1));
    sim.free(block);
    assert_eq!(sim.observer().begin(MQTT), Ok(()));
    assert!(!sim.observer().has_ended(MQTT));
}

#[test]
fn each_place_in_the_source_has_a_site_with_its_peak() {
    let (mut sim, _) = accounts();
    let blocks: Vec<u32> = (0..3).map(|_| sim.malloc(100)).collect();
    let other = sim.malloc(8);
    sim.free(blocks[0]);
    let (site, owner) = sim.observer().block(blocks[1]).unwrap();
    assert_eq!(owner, Owner::NOBODY);
    let site = sim.observer().site(site).unwrap();
    assert_eq!(now(site.usage), (200, 2));
    assert_eq!((site.usage.peak_bytes, site.usage.peak_blocks), (300, 3));
    let place = site.caller.unwrap();
    let text = format!("{place} (8BIT): 200 bytes in 2 blocks, at most 300 in 3, 3 allocations");
    assert_eq!(site.to_string(), text);
    let (elsewhere, _) = sim.observer().block(other).unwrap();
    assert_ne!(elsewhere, site.id);
    assert_eq!(
        sim.observer()
            .sites()
            .filter(|site| site.usage.blocks > 0)
            .count(),
        2
    );
}

/// Defects: head_15.
#[test]
fn what_does_not_fit_into_the_tables_is_counted_and_the_sums_stay_exact() {
    let mut sim: Sim<Ledger<(), (), 4, 1, 1>> = Sim::new(Ledger::new((), ()));
    let mut blocks: Vec<u32> = (0..6).map(|_| sim.malloc(10)).collect();
    blocks.push(sim.malloc(20));
    let ledger = sim.observer();
    assert_eq!(now(ledger.owner(Owner::NOBODY).unwrap()), (48, 4));
    assert_eq!(now(ledger.untracked()), (24 + 20, 3));
    assert_eq!(ledger.overflowed_sites(), 1, "the place of the last one");
    assert_eq!(
        ledger.site(SiteId::UNKNOWN).unwrap().usage,
        Usage::default()
    );
    blocks.into_iter().for_each(|block| sim.free(block));
    assert_eq!(now(sim.observer().untracked()), (0, 0));
    assert_eq!(now(sim.observer().owner(Owner::NOBODY).unwrap()), (0, 0));
}

type Streaming = Ledger<By, Stream<Ring<65536>>, 64, 4>;

/// Live blocks with their owners, as the decoder at the other end of the wire knows them.
fn rebuilt(bytes: &[u8]) -> (BTreeMap<u32, (u32, Owner)>, BTreeSet<u32>) {
    let (mut live, mut described) = (BTreeMap::new(), BTreeSet::new());
    let mut decoder = Decoder::new();
    for &byte in bytes {
        let Some(frame) = decoder.push(byte) else {
            continue;
        };
        match frame.unwrap().event {
            Event::Allocated {
                address,
                size,
                site,
                owner,
            } => {
                assert!(site.0 == 0 || described.contains(&site.0));
                assert_eq!(live.insert(address, (size, owner)), None);
            }
            Event::Freed { address } => assert!(live.remove(&address).is_some()),
            Event::Resized {
                old_address,
                address,
                size,
                owner,
                ..
            } => {
                assert!(live.remove(&old_address).is_some());
                assert_eq!(live.insert(address, (size, owner)), None);
            }
            Event::Site { site, .. } => {
                described.insert(site.0);
            }
            _ => {}
        }
    }
    (live, described)
}

#[test]
fn the_other_end_of_the_stream_knows_the_live_blocks_with_size_site_and_owner() {
    let owner = current();
    let stream = Stream::new(Ring::new(WhenFull::Refuse));
    let mut sim: Sim<Streaming> = Sim::new(Ledger::new(By(owner), stream));
    let kept = owner.with(MQTT, || sim.malloc(100));
    for size in 1..200 {
        let block = sim.malloc(size);
        sim.free(block);
    }
    let grown = owner.with(WIFI, || {
        let block = sim.malloc(8);
        sim.realloc(block, 3000)
    });
    sim.heaps.malloc(1 << 28, BYTES).unwrap_err();
    let mut bytes = vec![0; 65536];
    let count = sim.observer().event_sink_mut().sink_mut().read(&mut bytes);
    let (live, described) = rebuilt(&bytes[..count]);
    assert_eq!(
        live,
        BTreeMap::from([(kept, (100, MQTT)), (grown, (3000, WIFI))])
    );
    assert_eq!(described.len(), 4, "one site each");
}

#[derive(Clone, Debug)]
enum Call {
    Malloc(usize, u8),
    Free(usize),
    Realloc(usize, usize, u8),
    Aligned(usize),
    Code(usize),
}

fn call() -> impl Strategy<Value = Call> {
    let size = || prop_oneof![20 => 1..300usize, 1 => Just(1 << 28)];
    prop_oneof![
        5 => (size(), 0..6u8).prop_map(|(size, owner)| Call::Malloc(size, owner)),
        4 => any::<usize>().prop_map(Call::Free),
        3 => (any::<usize>(), size(), 0..6u8)
            .prop_map(|(which, size, owner)| Call::Realloc(which, size, owner)),
        1 => (1..200usize).prop_map(Call::Aligned),
        1 => (1..100usize).prop_map(Call::Code),
    ]
}

/// Accounts for 4 owners and too few blocks and sites.
type Tight = Ledger<By, (), 20, 2, 4>;

fn total(usages: impl Iterator<Item = Usage>) -> (u32, u32) {
    usages.fold((0, 0), |(bytes, blocks), usage| {
        (bytes + usage.bytes, blocks + usage.blocks)
    })
}

/// Bytes and blocks that a walk finds in use.
fn walked<P: Poison>(sim: &Sim<Tight, P>) -> (u32, u32) {
    let used = sim
        .heaps
        .inspect()
        .heaps()
        .flat_map(|heap| sim.heaps.inspect().blocks(heap.index))
        .filter(|block| block.used);
    used.fold((0, 0), |(bytes, blocks), block| {
        (bytes + block.size, blocks + 1)
    })
}

fn sums_are_the_heaps<P: Poison>(calls: &[Call]) {
    let owner = current();
    let mut sim: Sim<Tight, P> = Sim::new(Ledger::new(By(owner), ()));
    let mut live: Vec<u32> = Vec::new();
    let mut hidden = 0; // bytes of code blocks that their users do not see
    for call in calls {
        match *call {
            Call::Malloc(size, by) => {
                live.extend(owner.with(Owner(by), || sim.heaps.malloc(size, BYTES).ok()));
            }
            Call::Aligned(size) => live.extend(sim.heaps.aligned_alloc(64, size, BYTES).ok()),
            Call::Code(size) => {
                let before = walked(&sim).0 - sim.observer().total().0;
                if sim.heaps.malloc(size, Caps::EXEC).is_ok() {
                    hidden += walked(&sim).0 - sim.observer().total().0 - before;
                }
            }
            Call::Free(number) if !live.is_empty() => {
                let block = live.swap_remove(number % live.len());
                sim.free(block);
            }
            Call::Realloc(number, size, by) if !live.is_empty() => {
                let index = number % live.len();
                let resized = owner.with(Owner(by), || {
                    sim.heaps.realloc(live[index], size, BYTES).ok()
                });
                live[index] = resized.unwrap_or(live[index]);
            }
            Call::Free(_) | Call::Realloc(..) => {}
        }
        let walked = walked(&sim);
        let expected = (walked.0 - hidden, walked.1);
        assert_eq!(sim.observer().total(), expected, "owners, after {call:?}");
        let ledger = sim.observer();
        let sites = ledger
            .sites()
            .map(|site| site.usage)
            .chain([ledger.untracked()]);
        assert_eq!(total(sites), expected, "sites, after {call:?}");
        if !P::FILLS && P::OVERHEAD == 0 {
            assert_eq!(
                sim.heaps
                    .inspect()
                    .info(Caps::empty())
                    .total_allocated_bytes,
                walked.0
            );
        }
    }
}

proptest! {
    /// Defects: 17232.
    #[test]
    fn the_sums_over_owners_and_over_sites_are_the_heaps_own_figures(
        calls in proptest::collection::vec(call(), 1..100),
    ) {
        sums_are_the_heaps::<Unpoisoned>(&calls);
        sums_are_the_heaps::<Light>(&calls);
        sums_are_the_heaps::<Comprehensive>(&calls);
    }
}
