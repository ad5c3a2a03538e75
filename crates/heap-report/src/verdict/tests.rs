//! Small histories, and what is wrong with them.

use soc_regions::Caps;

use super::{Verdict, VerdictKind};
use crate::history::{Event, Gaps, HeapDescription, History, Site, Source, TimedEvent};
use crate::replay::{Confidence, Replayed};

const HEAP: u32 = 0x3FFB_0000;

fn device() -> History {
    let place = |file: &str, line| Site {
        file: file.to_owned(),
        line,
        ..Site::default()
    };
    let mut history = History {
        heaps: vec![HeapDescription {
            index: 0,
            start: HEAP,
            size: 20_000,
            caps: Caps::DMA,
            name: "DRAM".to_owned(),
        }],
        sites: vec![Site::default(), place("a.rs", 1), place("b.rs", 2)],
        ..History::default()
    };
    history.owners.insert(1, "mqtt".to_owned());
    history.owners.insert(2, "web".to_owned());
    history
}

fn came(offset: u32, size: u32, owner: u8) -> Event {
    Event::Allocated {
        address: HEAP + offset,
        size,
        site: owner.into(),
        owner,
    }
}

fn failed(size: u32, caps: Caps) -> Event {
    Event::Failed {
        size,
        caps,
        owner: 2,
        sentence: None,
    }
}

fn verdict_of(mut history: History, events: Vec<Event>) -> Verdict {
    history.events = events
        .into_iter()
        .enumerate()
        .map(|(ticks, event)| TimedEvent {
            ticks: ticks as u64,
            event,
        })
        .collect();
    let replayed = Replayed::of(&history);
    Verdict::of(&history, &replayed)
}

#[test]
fn who_holds_most_of_a_full_heap_used_it_up() {
    let mut events = vec![came(18_100, 200, 2)];
    events.extend((0..18).map(|block| came(block * 1004 + 4, 1000, 1)));
    events.push(failed(1690, Caps::DMA));
    let verdict = verdict_of(device(), events);
    assert_eq!(
        (verdict.kind, verdict.owner, verdict.site),
        (VerdictKind::UsedUp, Some(1), Some(1))
    );
    assert_eq!(
        verdict.sentence,
        "Memory is used up: mqtt holds 18,000 bytes (99 % of what is in use, in heaps of 20,000), 18,000 of them from a.rs:1. \
         a.rs:1 kept 18,000 bytes in 18 blocks since event 1, and goes on to the end (very likely a leak). \
         1,690 bytes with DMA for web were refused at event 19 with 1,716 bytes free, 1,696 of them in one block."
    );
}

#[test]
fn the_block_beside_the_hole_is_named_where_memory_is_in_pieces() {
    let events = vec![
        came(4, 1000, 1),
        came(9004, 40, 2),
        came(17_000, 2996, 1),
        failed(9_500, Caps::DMA),
    ];
    let verdict = verdict_of(device(), events);
    assert_eq!(
        (verdict.kind, verdict.owner, verdict.site),
        (VerdictKind::Fragmented, Some(2), Some(2))
    );
    assert!(
        verdict.sentence.ends_with("web's block of 40 bytes at 0x3ffb232c (from b.rs:2, since event 1) lies beside a hole of 7,992 bytes: without it there were 15,988 bytes."),
        "{}",
        verdict.sentence
    );
}

#[test]
fn what_no_heap_can_have_never_fitted_and_does_not_outrank_what_did() {
    let verdict = verdict_of(device(), vec![failed(30_000, Caps::DMA)]);
    assert_eq!(
        (verdict.kind, verdict.sentence.as_str()),
        (
            VerdictKind::NeverFitted,
            "It never fitted: 30,000 bytes with DMA for web were refused at event 0; the largest heap with DMA has 20,000 bytes."
        )
    );
    let full = vec![
        failed(5000, Caps::DMA),
        came(4, 19_000, 1),
        failed(5000, Caps::DMA),
        failed(30_000, Caps::DMA),
    ];
    assert_eq!(verdict_of(device(), full).kind, VerdictKind::UsedUp);
}

#[test]
fn a_quiet_program_is_healthy_and_the_figures_are_reported() {
    let events = (0..40)
        .flat_map(|_| [came(4, 1000, 1), Event::Freed { address: HEAP + 4 }])
        .collect();
    let verdict = verdict_of(device(), events);
    assert_eq!(
        (verdict.kind, verdict.sentence.as_str()),
        (
            VerdictKind::Healthy,
            "Healthy: nothing was refused, and no place keeps growing, in 80 events; the peak was 1,000 bytes, 20,000 bytes are free now, the largest block has 19,996."
        )
    );
}

#[test]
fn a_site_that_keeps_growing_is_a_leak_before_anything_is_refused() {
    let events = (0..40).map(|block| came(block * 20 + 4, 16, 1)).collect();
    let verdict = verdict_of(device(), events);
    assert_eq!(
        (verdict.kind, verdict.site, verdict.sure),
        (VerdictKind::Leaking, Some(1), Confidence::Very)
    );
    assert!(
        verdict
            .sentence
            .starts_with("Very likely a leak: a.rs:1 kept 640 bytes in 40 blocks since event 0"),
        "{}",
        verdict.sentence
    );
}

#[test]
fn a_block_that_grows_is_one_block() {
    let grown = (1..40).map(|step| Event::Resized {
        old_address: HEAP + 4,
        address: HEAP + 4,
        size: 16 * (step + 1),
        site: 1,
        owner: 1,
    });
    let events = std::iter::once(came(4, 16, 1)).chain(grown).collect();
    let verdict = verdict_of(device(), events);
    assert!(
        verdict.sentence.starts_with(
            "Very likely a leak: a.rs:1 kept 640 bytes in 1 block that grew again and again since \
             event 0"
        ),
        "{}",
        verdict.sentence
    );
}

#[test]
fn doubts_and_gaps_leave_no_verdict() {
    let doubted = History {
        doubts: vec!["the totals contradict".to_owned()],
        ..device()
    };
    let verdict = verdict_of(doubted, vec![failed(30_000, Caps::DMA)]);
    assert_eq!(
        (verdict.kind, verdict.sentence.as_str()),
        (
            VerdictKind::CannotTell,
            "No verdict: the totals contradict."
        )
    );
    let holed = History {
        gaps: Gaps {
            missed: 500,
            ..Gaps::default()
        },
        ..device()
    };
    let verdict = verdict_of(holed, vec![came(4, 16, 1)]);
    assert_eq!(verdict.kind, VerdictKind::CannotTell);
    assert!(
        verdict.sentence.contains("events lost on the way: 500"),
        "{}",
        verdict.sentence
    );
    let unknown = History {
        heaps: Vec::new(),
        ..device()
    };
    assert_eq!(
        verdict_of(unknown, vec![failed(8, Caps::DMA)]).kind,
        VerdictKind::CannotTell
    );
}

#[test]
fn what_stays_between_what_comes_and_goes_keeps_memory_in_pieces() {
    let mut events = Vec::new();
    for round in 0..12 {
        events.push(came(round * 1600 + 4, 1540, 1));
        events.push(came(round * 1600 + 1550, 40, 2));
    }
    events.extend([0, 1, 4, 7, 8, 10].map(|round| Event::Freed {
        address: HEAP + round * 1600 + 4,
    }));
    events.push(failed(3700, Caps::DMA));
    let verdict = verdict_of(device(), events);
    assert_eq!(
        (verdict.kind, verdict.site, verdict.owner),
        (VerdictKind::Fragmented, Some(2), Some(2)),
        "{}",
        verdict.sentence
    );
    assert!(
        verdict.sentence.contains("lies beside a hole of"),
        "{}",
        verdict.sentence
    );
}

#[test]
fn a_dump_shows_what_was_not_freed_and_no_more() {
    let dump = History {
        source: Source::Dump,
        heaps: Vec::new(),
        ..device()
    };
    let verdict = verdict_of(dump, vec![came(4, 96, 1), came(200, 8, 2)]);
    assert_eq!(
        (verdict.kind, verdict.site),
        (VerdictKind::NotFreed, Some(1))
    );
    assert!(verdict.sentence.starts_with("104 bytes in 2 blocks were not freed while the trace ran, most of them (96) from a.rs:1."), "{}", verdict.sentence);
}

#[test]
fn a_failure_before_the_last_restart_is_not_forgotten() {
    let mut events = vec![came(18_100, 200, 2)];
    events.extend((0..18).map(|block| came(block * 1004 + 4, 1000, 1)));
    events.extend([failed(1690, Caps::DMA), Event::Restarted, came(4, 40, 1)]);
    let verdict = verdict_of(device(), events);
    assert_eq!(
        (verdict.kind, verdict.owner),
        (VerdictKind::UsedUp, Some(1))
    );
    let start = "Before the last restart: Memory is used up: mqtt holds 18,000 bytes";
    assert!(verdict.sentence.starts_with(start), "{}", verdict.sentence);
}

#[test]
fn memory_that_is_mostly_free_is_not_used_up() {
    let alone = vec![came(9_004, 40, 2), failed(14_000, Caps::DMA)];
    let verdict = verdict_of(device(), alone);
    assert_eq!(
        (verdict.kind, verdict.owner),
        (VerdictKind::Fragmented, Some(2))
    );
    let mut pins: Vec<_> = (0..10).map(|pin| came(pin * 2_000 + 4, 200, 1)).collect();
    pins.push(failed(5_000, Caps::DMA));
    let verdict = verdict_of(device(), pins);
    assert_eq!(
        (verdict.kind, verdict.owner),
        (VerdictKind::Fragmented, Some(1))
    );
}

#[test]
fn lost_frees_are_no_leak() {
    let lossy = History {
        gaps: Gaps {
            dropped: 16,
            ..Gaps::default()
        },
        ..device()
    };
    let kept = || (0..16).map(|block| came(block * 104 + 4, 100, 1)).collect();
    assert_eq!(verdict_of(lossy, kept()).kind, VerdictKind::CannotTell);
    assert_eq!(verdict_of(device(), kept()).kind, VerdictKind::Leaking);
    let dump = History {
        source: Source::Dump,
        heaps: Vec::new(),
        ..device()
    };
    let verdict = verdict_of(dump, kept());
    assert_eq!(verdict.kind, VerdictKind::NotFreed, "{}", verdict.sentence);
}

#[test]
fn nothing_that_was_read_is_no_verdict() {
    assert_eq!(
        verdict_of(device(), Vec::new()).kind,
        VerdictKind::CannotTell
    );
}

#[test]
fn a_peak_near_the_end_is_said_to_be_there() {
    let mut events: Vec<_> = (0..40)
        .flat_map(|_| [came(4, 1000, 1), Event::Freed { address: HEAP + 4 }])
        .collect();
    let steady = verdict_of(device(), events.clone());
    assert!(
        !steady.sentence.contains("near the end"),
        "{}",
        steady.sentence
    );
    events.push(came(4, 2000, 2));
    let late = verdict_of(device(), events);
    assert_eq!(late.kind, VerdictKind::Healthy);
    let words = "the peak was 2,000 bytes near the end, so it may still grow";
    assert!(late.sentence.contains(words), "{}", late.sentence);
}

#[test]
fn a_leak_stands_above_requests_that_never_fitted() {
    let mut events = vec![failed(30_000, Caps::DMA)];
    events.extend((0..16).map(|block| came(block * 104 + 4, 100, 1)));
    let verdict = verdict_of(device(), events);
    assert_eq!(
        (verdict.kind, verdict.site),
        (VerdictKind::Leaking, Some(1))
    );
    assert!(verdict.sentence.contains("It never fitted: 30,000 bytes"));
}

#[test]
fn room_that_came_back_is_said_to_be_there() {
    let mut events: Vec<_> = (0..18)
        .map(|block| came(block * 1004 + 4, 1000, 1))
        .collect();
    events.push(failed(3_000, Caps::DMA));
    events.extend((0..18).map(|block| Event::Freed {
        address: HEAP + block * 1004 + 4,
    }));
    let verdict = verdict_of(device(), events);
    assert_eq!(verdict.kind, VerdictKind::UsedUp);
    assert!(
        verdict.sentence.ends_with("There is room for it again."),
        "{}",
        verdict.sentence
    );
}

#[test]
fn a_failure_before_the_last_restart_is_of_the_leak_of_its_own_run() {
    let mut events = vec![came(18_100, 200, 2)];
    events.extend((0..18).map(|block| came(block * 1004 + 4, 1000, 1)));
    events.extend([failed(1690, Caps::DMA), Event::Restarted]);
    events.extend((0..16).map(|block| came(block * 104 + 4, 100, 2)));
    let verdict = verdict_of(device(), events);
    assert_eq!((verdict.kind, verdict.site), (VerdictKind::UsedUp, Some(1)));
    assert!(
        verdict.sentence.contains("a.rs:1 kept 18,000 bytes"),
        "{}",
        verdict.sentence
    );
}
