//! The same small history in every format, as literals.

use soc_regions::Caps;

use super::{Bytes, collapsed, csv, dhat, heaptrack, perfetto};
use crate::history::{Event, Frame, Gaps, HeapDescription, History, Site, TimedEvent};

/// Returns one million ticks a second: a tick is a microsecond.
fn history() -> History {
    let frame = |function: &str, line| Frame {
        function: function.into(),
        file: "src/mqtt.rs".into(),
        line,
    };
    let sites = vec![
        Site::default(),
        Site {
            caps: Caps::DMA,
            file: "src/mqtt.rs".into(),
            line: 78,
            frames: vec![frame("publish", 78), frame("main", 12)],
            ..Site::default()
        },
        Site {
            caps: Caps::BIT8,
            callers: vec![0x400D_1234],
            ..Site::default()
        },
    ];
    let allocated = |address, size, site, owner| Event::Allocated {
        address,
        size,
        site,
        owner,
    };
    let events = [
        (10, allocated(0x3FFB_0010, 100, 1, 1)),
        (20, allocated(0x3FFB_0100, 50, 2, 0)),
        (
            30,
            Event::Resized {
                old_address: 0x3FFB_0100,
                address: 0x3FFB_0200,
                size: 300,
                site: 2,
                owner: 0,
            },
        ),
        (
            40,
            Event::Mark {
                name: "half way".into(),
            },
        ),
        (
            50,
            Event::Freed {
                address: 0x3FFB_0010,
            },
        ),
        (
            60,
            Event::Failed {
                size: 4096,
                caps: Caps::DMA,
                owner: 1,
                sentence: Some("too little".into()),
            },
        ),
        (70, Event::Dropped { events: 2 }),
        (
            80,
            Event::Freed {
                address: 0x3FFB_0900,
            },
        ),
        (90, allocated(0x3FFB_0010, 40, 1, 1)),
    ];
    History {
        program: "tiny".into(),
        ticks_per_second: 1_000_000,
        heaps: vec![HeapDescription {
            index: 0,
            start: 0x3FFB_0000,
            size: 0x1000,
            caps: Caps::DMA,
            name: "DRAM".into(),
        }],
        owners: [(1, "mqtt".to_owned())].into(),
        sites,
        events: events
            .into_iter()
            .map(|(ticks, event)| TimedEvent { ticks, event })
            .collect(),
        gaps: Gaps {
            dropped: 2,
            unknown_frees: 1,
            ..Gaps::default()
        },
        ..History::default()
    }
}

fn whole() -> History {
    History {
        gaps: Gaps::default(),
        ..history()
    }
}

fn text(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn dhat_has_totals_lives_the_peak_and_the_end_of_each_stack() {
    let file: serde_json::Value = serde_json::from_str(&text(|out| dhat(&whole(), out))).unwrap();
    assert_eq!(
        file["ftbl"],
        serde_json::json!([
            "[root]",
            "publish (src/mqtt.rs:78)",
            "main (src/mqtt.rs:12)",
            "0x400d1234"
        ])
    );
    let points = serde_json::json!([
        { "tb": 140, "tbk": 2, "tl": 40, "mb": 100, "mbk": 1, "gb": 100, "gbk": 1, "eb": 40, "ebk": 1, "fs": [1, 2] },
        { "tb": 350, "tbk": 2, "tl": 70, "mb": 300, "mbk": 1, "gb": 300, "gbk": 1, "eb": 300, "ebk": 1, "fs": [3] },
    ]);
    assert_eq!(file["pps"], points);
    assert_eq!(
        (&file["tu"], &file["tg"], &file["te"]),
        (&"µs".into(), &30.into(), &90.into())
    );
    assert_eq!(file["cmd"], "tiny");
}

#[test]
fn a_stack_of_collapsed_bytes_begins_with_its_owner() {
    let at_the_peak = text(|out| collapsed(&whole(), Bytes::Peak, out));
    assert_eq!(
        at_the_peak,
        "mqtt;main (src/mqtt.rs:12);publish (src/mqtt.rs:78) 100\nnobody;0x400d1234 300\n"
    );
    let at_the_end = text(|out| collapsed(&whole(), Bytes::End, out));
    assert_eq!(
        at_the_end,
        "mqtt;main (src/mqtt.rs:12);publish (src/mqtt.rs:78) 40\nnobody;0x400d1234 300\n"
    );
    let in_total = text(|out| collapsed(&whole(), Bytes::Total, out));
    assert_eq!(
        in_total,
        "mqtt;main (src/mqtt.rs:12);publish (src/mqtt.rs:78) 140\nnobody;0x400d1234 350\n"
    );
}

#[test]
fn every_event_is_a_row_of_the_table() {
    let table = text(|out| csv(&history(), out));
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(
        rows[1],
        "0,10,0.000000,allocated,0x3ffb0010,100,,,mqtt,src/mqtt.rs:78 publish,DMA,0x3ffb0000,,100,1,"
    );
    assert_eq!(
        rows[3],
        "2,30,0.000020,resized,0x3ffb0200,300,0x3ffb0100,50,nobody,0x400d1234,8BIT,0x3ffb0000,,400,2,"
    );
    assert_eq!(
        rows[5],
        "4,50,0.000040,freed,0x3ffb0010,100,,,mqtt,src/mqtt.rs:78 publish,DMA,0x3ffb0000,40,300,1,"
    );
    assert_eq!(
        rows[6],
        "5,60,0.000050,failed,,4096,,,mqtt,,DMA,,,300,1,too little"
    );
    assert_eq!(
        rows[8],
        "7,80,0.000070,freed,0x3ffb0900,,,,,,,,,300,1,never seen before"
    );
    assert_eq!(
        rows[10],
        ",,,missing,,,,,,,,,,,,\"events dropped by the program: 2, frees of blocks never seen: 1\""
    );
    assert_eq!(rows.len(), 1 + 9 + 1);
}

#[test]
fn a_trace_has_a_counter_for_each_owner_and_heap_and_instants_for_the_rest() {
    let file: serde_json::Value =
        serde_json::from_str(&text(|out| perfetto(&history(), out))).unwrap();
    let events = file["traceEvents"].as_array().unwrap();
    let counters = |name: &str| -> Vec<(f64, u64)> {
        let named = events
            .iter()
            .filter(|event| event["ph"] == "C" && event["name"] == name);
        named
            .map(|event| {
                (
                    event["ts"].as_f64().unwrap(),
                    event["args"]["bytes"].as_u64().unwrap(),
                )
            })
            .collect()
    };
    assert_eq!(
        counters("total"),
        [
            (10.0, 100),
            (20.0, 150),
            (30.0, 400),
            (50.0, 300),
            (90.0, 340)
        ]
    );
    assert_eq!(counters("mqtt"), [(10.0, 100), (50.0, 0), (90.0, 40)]);
    assert_eq!(counters("nobody"), [(20.0, 50), (30.0, 300)]);
    assert_eq!(counters("DRAM 0x3ffb0000"), counters("total"));
    let instants: Vec<_> = events
        .iter()
        .filter(|event| event["ph"] == "i")
        .map(|event| event["name"].as_str().unwrap())
        .collect();
    let expected = [
        "half way",
        "refused: 4,096 bytes for DMA",
        "missing here: 2 events",
        "incomplete: events dropped by the program: 2, frees of blocks never seen: 1",
    ];
    assert_eq!(instants, expected);
}

#[test]
fn heaptrack_gets_every_allocation_and_free() {
    let expected = "\
v 10400 3
X tiny
I 400 4
s 4 main
s b src/mqtt.rs
i 1 0 1 2 c
t 1 0
s 7 publish
i 2 0 3 2 4e
t 2 1
a 64 2
+ 0
s a 0x400d1234
i 3 0 4
t 3 0
a 32 3
+ 1
- 1
a 12c 3
+ 2
- 0
a 28 2
+ 3
";
    assert_eq!(text(|out| heaptrack(&whole(), out)), expected);
}

#[test]
fn what_is_missing_stands_in_every_format() {
    let missing = "events dropped by the program: 2, frees of blocks never seen: 1";
    let history = history();
    let texts = [
        text(|out| dhat(&history, out)),
        text(|out| perfetto(&history, out)),
        text(|out| heaptrack(&history, out)),
        text(|out| csv(&history, out)),
        text(|out| collapsed(&history, Bytes::Total, out)),
    ];
    for text in texts {
        assert!(text.contains(missing), "{text}");
    }
}

#[test]
fn a_history_without_events_is_a_file_without_points() {
    let history = History::default();
    let file: serde_json::Value = serde_json::from_str(&text(|out| dhat(&history, out))).unwrap();
    assert_eq!(
        (&file["pps"], &file["cmd"]),
        (&serde_json::json!([]), &"unnamed program".into())
    );
    let file: serde_json::Value =
        serde_json::from_str(&text(|out| perfetto(&history, out))).unwrap();
    assert_eq!(file["traceEvents"].as_array().map(Vec::len), Some(4));
    assert_eq!(text(|out| collapsed(&history, Bytes::Peak, out)), "");
    assert_eq!(text(|out| csv(&history, out)).lines().count(), 1);
}
