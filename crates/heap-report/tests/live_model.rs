//! `Live` and `Replayed` against a list of blocks that is searched from its beginning to its end.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use heap_report::{Event, History, Live, Replayed, Site, TimedEvent};
use proptest::prelude::*;

/// Blocks in the order in which they came: address, size, site, owner.
#[derive(Default)]
struct Model {
    blocks: Vec<(u32, u32, usize, u8)>,
    unknown: u64,
    lost: u64,
}

impl Model {
    fn follow(&mut self, event: &Event) {
        match *event {
            Event::Allocated {
                address,
                size,
                site,
                owner,
            } => self.enter((address, size, site, owner)),
            Event::Freed { address } => self.take(address),
            Event::Resized {
                old_address,
                address,
                size,
                site,
                owner,
            } => {
                self.take(old_address);
                self.enter((address, size, site, owner));
            }
            Event::Restarted => self.blocks.clear(),
            _ => {}
        }
    }

    fn take(&mut self, address: u32) {
        let before = self.blocks.len();
        self.blocks.retain(|block| block.0 != address);
        self.unknown += u64::from(self.blocks.len() == before);
    }

    fn enter(&mut self, block: (u32, u32, usize, u8)) {
        let before = self.blocks.len();
        let apart = |one: u32, size: u32, other: u32| one + size.max(1) <= other;
        self.blocks
            .retain(|old| apart(old.0, old.1, block.0) || apart(block.0, block.1, old.0));
        self.lost += (before - self.blocks.len()) as u64;
        self.blocks.push(block);
    }

    fn bytes(&self, which: impl Fn(&(u32, u32, usize, u8)) -> bool) -> u64 {
        self.blocks
            .iter()
            .filter(|block| which(block))
            .map(|block| u64::from(block.1))
            .sum()
    }
}

const SITES: usize = 4;

fn events() -> impl Strategy<Value = Vec<Event>> {
    let address = || (0_u32..24).prop_map(|place| 0x3FFB_0000 + place * 8);
    let block = || (address(), 0_u32..40, 0..SITES, 0_u8..3);
    let event = prop_oneof![
        6 => block().prop_map(|(address, size, site, owner)| {
            Event::Allocated { address, size, site, owner }
        }),
        4 => address().prop_map(|address| Event::Freed { address }),
        3 => (address(), block()).prop_map(|(old_address, (address, size, site, owner))| {
            Event::Resized { old_address, address, size, site, owner }
        }),
        1 => Just(Event::Mark { name: "now".to_owned() }),
        1 => Just(Event::Restarted),
    ];
    prop::collection::vec(event, 0..120)
}

fn history(events: Vec<Event>) -> History {
    let samples = events.into_iter().zip(0..);
    History {
        sites: vec![Site::default(); SITES],
        events: samples
            .map(|(event, ticks)| TimedEvent { ticks, event })
            .collect(),
        ..History::default()
    }
}

proptest! {
    #[test]
    fn after_every_event_the_live_blocks_are_those_of_the_model(events in events()) {
        let (mut live, mut model, mut bytes) = (Live::new(), Model::default(), 0_u64);
        for (number, timed) in history(events).events.iter().enumerate() {
            let change = live.apply(number, timed);
            model.follow(&timed.event);
            let mut listed: Vec<_> = model.blocks.clone();
            listed.sort_unstable();
            let blocks = live
                .blocks()
                .map(|block| (block.address, block.size, block.site, block.owner));
            let blocks: Vec<_> = blocks.collect();
            prop_assert_eq!(blocks, listed, "after {:?}", timed);
            prop_assert_eq!(
            (live.bytes(), live.count()),
            (model.bytes(|_| true), model.blocks.len())
        );
            prop_assert_eq!((live.unknown_frees(), live.lost_frees()), (model.unknown, model.lost));
            if let Some(change) = change {
                bytes -= change.went().map(|block| u64::from(block.size)).sum::<u64>();
                bytes += change.came().map_or(0, |block| u64::from(block.size));
            }
            prop_assert_eq!(bytes, live.bytes(), "a change tells all that changed");
        }
    }

    #[test]
    fn accounts_peak_and_moments_are_sums_over_the_list(events in events()) {
        let history = history(events);
        let replayed = Replayed::of(&history);
        let (mut model, mut sums) = (Model::default(), vec![0]);
        for timed in &history.events {
            model.follow(&timed.event);
            sums.push(model.bytes(|_| true));
        }
        let peak = sums.iter().copied().max().unwrap();
        prop_assert_eq!((replayed.peak.bytes, sums[replayed.peak.event]), (peak, peak));
        for sample in &replayed.samples {
            prop_assert_eq!(sample.bytes, sums[sample.event]);
            prop_assert_eq!(sample.by_site.iter().sum::<u64>(), sample.bytes);
            prop_assert_eq!(sample.by_owner.iter().sum::<u64>(), sample.bytes);
        }
        let ends = [replayed.samples.first(), replayed.samples.last()].into_iter().flatten();
        let ends: Vec<usize> = ends.map(|sample| sample.event).collect();
        prop_assert_eq!(ends, [0, history.events.len()]);
        for (site, account) in replayed.sites.iter().enumerate() {
            prop_assert_eq!(account.bytes, model.bytes(|block| block.2 == site));
            prop_assert_eq!(account.blocks, account.allocations - account.frees);
        }
        for (owner, account) in &replayed.owners {
            prop_assert_eq!(account.bytes, model.bytes(|block| block.3 == *owner));
        }
        prop_assert_eq!(
            (replayed.gaps.unknown_frees, replayed.gaps.lost_frees),
            (model.unknown, model.lost)
        );
    }
}
