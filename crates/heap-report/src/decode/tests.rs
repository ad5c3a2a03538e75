//! A stream of two sites, with text, noise and a reset in between.

use heap_trace::{BuildId, Callers, Event as WireEvent, Owner, SiteNumber, Stream};
use soc_regions::Caps;

use super::StreamDecoder;
use crate::history::{Event, Gaps, TimedEvent};

/// Returns what a program sends that says this, one event every 10 ticks.
fn sent(events: &[WireEvent<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut stream = Stream::new(|frame: &[u8]| {
        bytes.extend(frame);
        true
    });
    (10..)
        .step_by(10)
        .zip(events)
        .for_each(|(ticks, event)| assert!(stream.emit(ticks, event)));
    bytes
}

fn site(number: u32, file: &'static str) -> WireEvent<'static> {
    WireEvent::Site {
        site: SiteNumber(number),
        caps: Caps::DMA,
        alignment: 4,
        line: 7,
        callers: Callers::Words(&[]),
        file,
    }
}

fn allocated(address: u32, site: u32) -> WireEvent<'static> {
    WireEvent::Allocated {
        address,
        size: 96,
        site: SiteNumber(site),
        owner: Owner(1),
    }
}

fn decoded(bytes: &[u8]) -> (StreamDecoder, Vec<String>) {
    let (mut decoder, mut lines) = (StreamDecoder::new(), Vec::new());
    let mut text = |line: &str| lines.push(line.to_owned());
    decoder.push(bytes, &mut text);
    decoder.end(&mut text);
    (decoder, lines)
}

#[test]
fn events_names_and_text_are_distinguished() {
    let wire_events = [
        WireEvent::Program {
            ticks_per_second: 1000,
            name: "tiny",
        },
        WireEvent::Build {
            id: BuildId::new(&[0xAB, 0, 0x12, 0x34]),
        },
        WireEvent::OwnerName {
            owner: Owner(1),
            name: "mqtt",
        },
        WireEvent::Heap {
            index: 0,
            start: 0x3FFB_0000,
            size: 4096,
            caps: Caps::DMA,
            name: "DRAM",
        },
        site(1, "a.rs"),
        allocated(0x3FFB_0010, 1),
    ];
    let bytes = [
        b"I (10) boot: hello\n".to_vec(),
        sent(&wire_events),
        b"I (60) done\n".to_vec(),
    ]
    .concat();
    let (decoder, lines) = decoded(&bytes);
    assert_eq!(lines, ["I (10) boot: hello", "I (60) done"]);
    let history = decoder.into_history();
    let names = (
        history.program.as_str(),
        history.ticks_per_second,
        history.owner_name(1),
        history.heaps[0].name.as_str(),
    );
    assert_eq!(names, ("tiny", 1000, "mqtt".to_owned(), "DRAM"));
    assert_eq!(history.build.unwrap().to_string(), "ab001234");
    let event = Event::Allocated {
        address: 0x3FFB_0010,
        size: 96,
        site: 1,
        owner: 1,
    };
    assert_eq!(history.events, [TimedEvent { ticks: 60, event }]);
    assert_eq!(
        (history.sites[1].label(), history.gaps),
        ("a.rs:7".to_owned(), Gaps::default())
    );
}

#[test]
fn the_same_in_hexadecimal_digits_is_the_same() {
    let bytes = sent(&[
        site(1, "a.rs"),
        allocated(0x3FFB_0010, 1),
        WireEvent::Freed {
            address: 0x3FFB_0010,
        },
    ]);
    let line = |bytes: &[u8]| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("events\t{digits}\n")
    };
    let lines: String = bytes.chunks(7).map(line).collect();
    let (binary, _) = decoded(&bytes);
    let (digits, text) = decoded(lines.as_bytes());
    assert_eq!(digits.history().events, binary.history().events);
    assert_eq!((digits.history().events.len(), text.len()), (2, 0));
}

#[test]
fn a_site_that_is_described_late_is_known_from_then_on() {
    let (mut decoder, _) = decoded(&sent(&[allocated(0x3FFB_0010, 5)]));
    assert_eq!(decoder.history().sites[1].label(), "unknown");
    decoder.push(&sent(&[site(5, "late.rs")]), &mut |_| ());
    assert_eq!(decoder.history().sites[1].label(), "late.rs:7");
    assert_eq!(decoder.take_events().len(), 1);
    assert_eq!(decoder.take_events().len(), 0);
}

#[test]
fn a_program_that_restarts_has_other_sites_under_the_same_numbers() {
    let first = sent(&[site(1, "old.rs"), allocated(0x3FFB_0010, 1)]);
    let second = sent(&[site(1, "new.rs"), allocated(0x3FFB_0010, 1)]);
    let (decoder, _) = decoded(&[first.clone(), first, second].concat());
    let history = decoder.history();
    let labels: Vec<String> = history.sites.iter().map(crate::Site::label).collect();
    assert_eq!(labels, ["unknown", "old.rs:7", "new.rs:7"]);
    let allocated = |site| Event::Allocated {
        address: 0x3FFB_0010,
        size: 96,
        site,
        owner: 1,
    };
    let events: Vec<Event> = history
        .events
        .iter()
        .map(|timed| timed.event.clone())
        .collect();
    let restarted = Event::Restarted;
    assert_eq!(
        events,
        [
            allocated(1),
            restarted.clone(),
            allocated(1),
            restarted,
            allocated(2)
        ]
    );
    assert_eq!(history.gaps, Gaps::default());
}

#[test]
fn a_site_of_before_a_reset_is_not_taken_for_one_that_was_lost() {
    let first = sent(&[site(1, "old.rs"), allocated(0x3FFB_0010, 1)]);
    let without_a_description = sent(&[allocated(0x3FFB_0010, 1)]);
    let (decoder, _) = decoded(&[first, without_a_description].concat());
    let last = decoder
        .history()
        .events
        .last()
        .map(|timed| timed.event.clone());
    assert_eq!(
        last,
        Some(Event::Allocated {
            address: 0x3FFB_0010,
            size: 96,
            site: 2,
            owner: 1
        })
    );
    assert_eq!(decoder.history().sites[2].label(), "unknown");
}

#[test]
fn lost_and_broken_frames_are_counted() {
    let mut wire_events = vec![allocated(0x3FFB_0010, 0); 130];
    wire_events.insert(0, site(1, "a.rs"));
    let bytes = sent(&wire_events);
    let frames: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == 0).collect();
    let mut damaged: Vec<Vec<u8>> = frames.iter().map(|frame| frame.to_vec()).collect();
    damaged[20][2] ^= 0x81;
    damaged.remove(10);
    let (decoder, _) = decoded(&damaged.concat());
    let gaps = decoder.history().gaps;
    assert_eq!(
        (gaps.missed, gaps.broken_frames, gaps.broken_bytes),
        (2, 1, frames[20].len() as u64 - 1)
    );
}

#[test]
fn lines_of_digits_are_frames_in_any_colour_and_behind_any_text() {
    let digits: String = sent(&[allocated(0x3FFB_0000, 0)])
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for line in [
        format!("\x1B[0;32mI (7) app: events\t{digits}\x1B[0m\r\n"),
        format!("\x1B[0m12:30:05 > events\t{digits}  \n"),
        format!("23 \u{FFFD}C events\t{digits}\n"),
    ] {
        let (mut decoder, _) = decoded(line.as_bytes());
        assert_eq!(decoder.take_events().len(), 1, "{line:?}");
        assert_eq!(decoder.history().gaps, Gaps::default(), "{line:?}");
    }
}

#[test]
fn a_line_with_bytes_that_are_no_text_hides_nothing_behind_it() {
    let mut log = b"\xFE\x80\x9Cq\xF0 ets Jul 29\n".to_vec();
    (0..200).for_each(|line| log.extend(format!("I ({line}) app: line\n").bytes()));
    let (_, lines) = decoded(&log);
    assert_eq!(lines.len(), 201);
}

#[test]
fn names_from_a_device_do_nothing_to_a_terminal() {
    let (decoder, _) = decoded(&sent(&[
        WireEvent::Program {
            ticks_per_second: 1000,
            name: "ti\x1B[2Jny",
        },
        WireEvent::OwnerName {
            owner: Owner(1),
            name: "mq\x1B]0;x\x07tt\r",
        },
        site(1, "a\x1B[31m.rs"),
    ]));
    let history = decoder.history();
    let names = [
        &history.program,
        &history.owners[&1],
        &history.sites[1].file,
    ];
    assert_eq!(names, ["tiny", "mqtt·", "a.rs"]);
}
