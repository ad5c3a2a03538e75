//! A small history, and what a person reads of it.

use heap_caps::{Level, PressureKind};
use soc_regions::Caps;

use super::{Summary, json};
use crate::history::{Event, Gaps, HeapDescription, History, Site, Source, TimedEvent};
use crate::replay::Replayed;

/// 40 rounds: `mqtt` keeps 16 bytes each time, the table of the beginning stays, one request fails.
fn history() -> History {
    let place = |file: &str, line| Site {
        file: file.to_owned(),
        line,
        ..Site::default()
    };
    let mut history = History {
        program: "thermostat".to_owned(),
        ticks_per_second: 1000,
        heaps: vec![HeapDescription {
            index: 0,
            start: 0x3FFB_0000,
            size: 8192,
            caps: Caps::DMA,
            name: "DRAM".to_owned(),
        }],
        sites: vec![
            Site::default(),
            place("src/main.rs", 7),
            place("src/mqtt.rs", 78),
        ],
        gaps: Gaps {
            dropped: 3,
            ..Gaps::default()
        },
        ..History::default()
    };
    history.owners.insert(1, "mqtt".to_owned());
    let mut push = |ticks, event| history.events.push(TimedEvent { ticks, event });
    push(
        10,
        Event::Allocated {
            address: 0x3FFB_0004,
            size: 1000,
            site: 1,
            owner: 0,
        },
    );
    for round in 0..40 {
        push(
            20 + u64::from(round),
            Event::Allocated {
                address: 0x3FFB_0400 + round * 20,
                size: 16,
                site: 2,
                owner: 1,
            },
        );
    }
    push(
        70,
        Event::Failed {
            size: 9000,
            caps: Caps::DMA,
            owner: 1,
            sentence: None,
        },
    );
    history
}

fn text(history: &History) -> String {
    Summary::new(history, &Replayed::of(history)).to_string()
}

#[test]
fn a_screen_shows_live_blocks_leaks_failures_and_gaps() {
    let text = text(&history());
    for line in [
        "thermostat: 42 events, from its event stream",
        "  peak  1,640 bytes in 41 blocks, after 41 events (at 0.059 s)",
        "  1,000       1  1,000            1  nobody",
        "    640      40    640           40  mqtt",
        "  very likely: 640 bytes in 40 blocks, the oldest since 0.020 s: src/mqtt.rs:78 (for mqtt)",
        "  at 0.070 s: 9,000 bytes with DMA for mqtt: no heap is that large: the largest with DMA has 8,192 bytes",
        "rebuilt from the events",
        "DRAM at 0x3ffb0000",
        "events dropped by the program: 3",
    ] {
        assert!(text.contains(line), "{line}\n\n{text}");
    }
    assert_eq!(
        text.matches("src/main.rs:7").count(),
        1,
        "a table is no suspect\n{text}"
    );
}

#[test]
fn a_quiet_history_says_so() {
    let text = text(&History::default());
    for line in [
        "a program: 0 events",
        "No verdict: no allocation and no free was read.",
        "No leak suspects",
        "No request was refused",
        "nothing is missing",
    ] {
        assert!(text.contains(line), "{line}\n\n{text}");
    }
}

#[test]
fn a_dump_says_nothing_of_what_it_cannot_know() {
    let text = text(&History {
        source: Source::Dump,
        ..history()
    });
    assert!(text.contains("Never freed while the trace ran"), "{text}");
}

#[test]
fn programs_read_the_same_as_an_object() {
    let history = history();
    let written = json(&history, &Replayed::of(&history));
    assert_eq!(written["total"]["bytes"], 1640);
    assert_eq!(written["peak"]["blocks"], 41);
    let leak = &written["leaks"][0];
    assert_eq!(
        (leak["suspect"].as_bool(), leak["site"]["label"].as_str()),
        (Some(true), Some("src/mqtt.rs:78"))
    );
    assert_eq!(written["leaks"][1]["suspect"], false);
    assert_eq!(written["gaps"]["dropped"], 3);
    assert_eq!(written["heaps"][0]["used"], 1640);
}

/// Low for 20 ms, critical for 30 ms to the end; the tiles freed something, a request waited.
fn short_of_memory() -> History {
    let events = [
        (10, "internal", PressureKind::Level(Level::Low)),
        (20, "tiles", PressureKind::Shrunk(4096)),
        (21, "tiles", PressureKind::Shrunk(0)),
        (25, "a request", PressureKind::WaitBegan(2048)),
        (30, "internal", PressureKind::Level(Level::Critical)),
        (37, "a request", PressureKind::WaitServed(2048)),
        (40, "last words", PressureKind::Released(2048)),
        (50, "mqtt", PressureKind::AboveSoftLimit(9000)),
        (60, "mqtt", PressureKind::OverLimit(10_240)),
    ];
    let event = |(ticks, name, kind): (u64, &str, PressureKind)| TimedEvent {
        ticks,
        event: Event::Pressure {
            name: name.to_owned(),
            kind,
        },
    };
    History {
        ticks_per_second: 1000,
        events: events.into_iter().map(event).collect(),
        ..History::default()
    }
}

#[test]
fn what_was_done_when_memory_was_short_is_told_by_name() {
    let text = text(&short_of_memory());
    let (_, written) = text.split_once("When memory was short\n").unwrap();
    let written: Vec<&str> = written
        .lines()
        .take_while(|line| !line.is_empty())
        .collect();
    assert_eq!(
        written,
        [
            "  internal memory was low 1 time, 0.020 s altogether",
            "  internal memory was critical 1 time, 0.030 s altogether, and still is at the end",
            "  last words was released 1 time",
            "  mqtt was above its soft limit 1 time",
            "  mqtt was refused 1 time at its limit of 10,240 bytes",
            "  tiles gave 4,096 bytes in 2 calls",
            "  1 request waited: 1 served, 0 gave up; the longest wait took 0.012 s",
        ]
    );
    assert!(!self::text(&History::default()).contains("When memory was short"));
}

#[test]
fn programs_read_of_shortages_too() {
    let history = short_of_memory();
    let written = &json(&history, &Replayed::of(&history))["shortage"];
    assert_eq!(written["levels"][1]["level"], "critical");
    assert_eq!(written["levels"][1]["at_the_end"], true);
    assert_eq!(written["actions"][1]["refused"], 1);
    assert_eq!(written["waits"]["longest_ticks"], 12);
}
