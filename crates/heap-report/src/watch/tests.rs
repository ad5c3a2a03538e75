//! A program that is watched from its first byte on.

use heap_trace::{Event as Said, Owner, SiteNumber, Stream};
use soc_regions::Caps;

use super::Watched;

/// Returns what a program sends that says this, an event each millisecond.
fn sent(events: &[Said<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut stream = Stream::new(|frame: &[u8]| {
        bytes.extend(frame);
        true
    });
    (1..)
        .zip(events)
        .for_each(|(ticks, event)| assert!(stream.emit(ticks, event)));
    bytes
}

fn allocated(address: u32, size: u32, owner: u8) -> Said<'static> {
    Said::Allocated {
        address,
        size,
        site: SiteNumber(0),
        owner: Owner(owner),
    }
}

/// `mqtt` has 3000 bytes, `web` 1000 of the heap's 8192; a request is refused.
fn program() -> Vec<u8> {
    sent(&[
        Said::Program {
            ticks_per_second: 1000,
            name: "tiny",
        },
        Said::OwnerName {
            owner: Owner(1),
            name: "mqtt",
        },
        Said::OwnerName {
            owner: Owner(2),
            name: "web",
        },
        Said::Heap {
            index: 0,
            start: 0x3FFB_0000,
            size: 8192,
            caps: Caps::DMA,
            name: "DRAM",
        },
        allocated(0x3FFB_0004, 1000, 2),
        allocated(0x3FFB_1004, 3000, 1),
        allocated(0x3FFB_0800, 500, 1),
        Said::Freed {
            address: 0x3FFB_0800,
        },
        Said::Failed {
            size: 6000,
            caps: Caps::DMA,
            owner: Owner(2),
        },
        Said::Mark { name: "idle" },
    ])
}

fn watched(bytes: &[u8]) -> Watched {
    let mut watched = Watched::new();
    watched.push(bytes, 0.0, &mut |_| ());
    watched
}

#[test]
fn owners_and_sites_stand_in_the_order_of_what_they_have() {
    let watched = watched(&program());
    let owners: Vec<_> = watched
        .owners()
        .into_iter()
        .map(|owner| (owner.name, owner.account.bytes, owner.account.peak_bytes))
        .collect();
    assert_eq!(
        owners,
        [
            ("mqtt".to_owned(), 3000, 3500),
            ("web".to_owned(), 1000, 1000)
        ]
    );
    assert_eq!(watched.sites().len(), 1);
    assert_eq!(
        (
            watched.total().bytes,
            watched.total().peak_bytes,
            watched.last_mark()
        ),
        (4000, 4500, Some("idle"))
    );
}

#[test]
fn a_refused_request_is_kept_with_its_reason() {
    let watched = watched(&program());
    let reasons: Vec<&str> = watched
        .failures()
        .map(|note| note.sentence.as_str())
        .collect();
    assert!(
        reasons[0].starts_with("no free block is that large: 4,176 bytes are free"),
        "{reasons:?}"
    );
    assert_eq!(watched.failed(), 1);
}

#[test]
fn the_line_says_who_has_what_and_how_broken_up_the_rest_is() {
    assert_eq!(
        watched(&program()).to_string(),
        "0.01 s, 6 events: 4,000 bytes in 2 blocks (peak 4,500), +0/s -0/s; mqtt 3,000, web 1,000; \
         largest free 3,088 (fragmentation up to 26 %); 1 refused"
    );
}

#[test]
fn an_incomplete_stream_says_so_in_every_line() {
    let mut bytes = program();
    bytes.extend(
        sent(&[Said::Freed {
            address: 0x3FFB_0900,
        }])
        .split_off(10),
    );
    let line = watched(&bytes).to_string();
    assert!(line.contains("; incomplete: "), "{line}");
}

#[test]
fn text_is_kept_and_passed_on() {
    let mut watched = Watched::new();
    let mut lines = Vec::new();
    watched.push(b"I (3) wifi: up\n", 0.0, &mut |line: &str| {
        lines.push(line.to_owned());
    });
    watched.pause(0.2, &mut |line: &str| lines.push(line.to_owned()));
    assert_eq!(lines, ["I (3) wifi: up"]);
    assert_eq!(watched.log().collect::<Vec<_>>(), ["I (3) wifi: up"]);
}

#[test]
fn prometheus_has_the_levels_and_sums_that_the_device_counts() {
    use heap_caps::{Level, PressureEvent, PressureKind};
    let happened = [
        ("internal", PressureKind::Level(Level::Low)),
        ("dma", PressureKind::Level(Level::Low)),
        ("tiles", PressureKind::Shrunk(4096)),
        ("network", PressureKind::Released(2048)),
        ("web", PressureKind::OverLimit(9000)),
        ("a request", PressureKind::WaitBegan(700)),
        ("internal", PressureKind::Level(Level::Critical)),
        ("a request", PressureKind::WaitBegan(800)),
        ("a request", PressureKind::WaitServed(700)),
        ("dma", PressureKind::Level(Level::Normal)),
    ];
    let events = happened.map(|(name, kind)| Said::Pressure { name, kind });
    let text = watched(&sent(&events)).prometheus();
    let mut figures = heap_trace::PressureFigures::NONE;
    for (name, kind) in happened {
        figures.record(&PressureEvent::new(name, kind));
    }
    let on_the_device = heap_trace::Metrics::<1>::from_figures([], []).with_pressure(figures);
    let mut buffer = [0; 8192];
    let written = on_the_device.write(heap_trace::MetricsFormat::Prometheus, |_| None, &mut buffer);
    let of_shortages = |text: &str| {
        let start = text.find("# HELP heap_pressure_level").unwrap();
        text[start..].to_owned()
    };
    let expected = of_shortages(std::str::from_utf8(written.unwrap()).unwrap());
    assert_eq!(of_shortages(&text), expected);
    for line in [
        "heap_pressure_level{gauge=\"internal\"} 2\n",
        "heap_pressure_level{gauge=\"dma\"} 0\n",
        "heap_limit_refusals_total 1\n",
        "heap_waiting_requests 1\n",
    ] {
        assert!(text.contains(line), "{line}\n\n{text}");
    }
}
