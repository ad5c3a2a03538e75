//! The event stream: what is emitted is what is decoded, also when bytes are missing.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use heap_caps::{AllocRequest, Level, PressureKind};
use heap_caps_alloc::{CapsHeap, EmergencyReserve, PressureGauge, Shortage, Shrinker, SpinLock};
use heap_trace::{
    BrokenFrame, BuildId, ByteSink, Callers, Decoder, Event, Frame, Ledger, Owner, Port, Ring,
    SiteNumber, Stream, VERSION, WhenFull,
};
use multi_heap::Unpoisoned;
use proptest::prelude::*;
use soc_regions::Caps;

type RamStream<const N: usize> = Stream<Ring<N>>;

fn stream<const N: usize>() -> RamStream<N> {
    Stream::new(Ring::new(WhenFull::Refuse))
}

fn bytes<const N: usize>(stream: &mut RamStream<N>) -> Vec<u8> {
    let mut bytes = vec![0; N];
    let count = stream.sink_mut().read(&mut bytes);
    bytes.truncate(count);
    bytes
}

/// Time and event of every frame, as text.
fn decoded(decoder: &mut Decoder, bytes: &[u8]) -> Vec<String> {
    let mut decoded = Vec::new();
    for &byte in bytes {
        match decoder.push(byte) {
            Some(Ok(frame)) => decoded.push(format!("{} {:?}", frame.ticks, frame.event)),
            Some(Err(BrokenFrame { bytes })) => decoded.push(format!("{bytes} broken")),
            None => {}
        }
    }
    decoded
}

const fn allocated(address: u32) -> Event<'static> {
    Event::Allocated {
        address,
        size: 1500,
        site: SiteNumber(3),
        owner: Owner(2),
    }
}

#[test]
fn every_kind_of_event_is_heard_as_it_was_said() {
    let callers = [0x400D_1234, 0x8000_0000];
    let read = [0x400D_1234_u32.to_le_bytes(), 0x8000_0000_u32.to_le_bytes()];
    let site = |callers| Event::Site {
        site: SiteNumber(300),
        caps: Caps::DMA | Caps::BIT8,
        alignment: 64,
        line: 77,
        callers,
        file: "src/main.rs",
    };
    let (old_address, size) = (0x3FFB_0000, 7);
    let resized = |address| Event::Resized {
        old_address,
        address,
        size,
        site: SiteNumber(0),
        owner: Owner(255),
    };
    let written = [
        Event::Program {
            ticks_per_second: 240_000_000,
            name: "esp32 thermostat",
        },
        Event::Heap {
            index: 3,
            start: 0x3FFB_0000,
            size: 180_000,
            caps: Caps::DMA,
            name: "DRAM",
        },
        Event::OwnerName {
            owner: Owner(2),
            name: "mqtt",
        },
        site(Callers::Words(&callers)),
        Event::Mark { name: "connected" },
        Event::Build {
            id: BuildId::new(&[0, 0xAB, 0]),
        },
        Event::Sync {
            version: VERSION,
            ticks: 1800,
            events: 0,
            dropped: 0,
        },
        allocated(0x3FFB_0010),
        Event::Freed {
            address: 0x3FFB_0010,
        },
        resized(0x3FFB_0000),
        resized(0x3FFB_0FFC),
        resized(0x3F80_0000),
        Event::Failed {
            size: u32::MAX,
            caps: Caps::EXEC,
            owner: Owner(1),
        },
        Event::Dropped { events: 1000 },
        Event::Pressure {
            kind: PressureKind::Level(Level::Critical),
            name: "internal",
        },
        Event::Pressure {
            kind: PressureKind::Shrunk(70_000),
            name: "tiles",
        },
    ];
    let mut stream = stream::<1024>();
    for (event, ticks) in written.iter().zip((0..).step_by(300)) {
        assert!(stream.emit(ticks, event));
    }
    let bytes = bytes(&mut stream);
    let decoded = decoded(&mut Decoder::new(), &bytes);
    let mut expected: Vec<String> = (0..)
        .step_by(300)
        .zip(written)
        .map(|(ticks, event)| {
            let event = if matches!(event, Event::Site { .. }) {
                site(Callers::Bytes(&read))
            } else {
                event
            };
            format!("{ticks} {event:?}")
        })
        .collect();
    // The stream puts a sync of its own in front of the first event that it counts.
    let sync = Event::Sync {
        version: VERSION,
        ticks: 2100,
        events: 0,
        dropped: 0,
    };
    expected.insert(7, format!("2100 {sync:?}"));
    assert_eq!(decoded, expected);
}

#[test]
fn an_allocation_and_its_free_take_22_bytes() {
    let mut stream = stream::<64>();
    stream.emit(0, &allocated(0x3FFB_0010));
    bytes(&mut stream);
    stream.emit(900, &allocated(0x3FFB_0010));
    assert_eq!(bytes(&mut stream).len(), 13);
    stream.emit(
        1800,
        &Event::Freed {
            address: 0x3FFB_0010,
        },
    );
    assert_eq!(bytes(&mut stream).len(), 9);
}

#[test]
fn events_that_the_sink_has_no_room_for_are_counted_and_reported_when_there_is() {
    let mut stream = stream::<48>();
    let mut kept = 0;
    for ticks in 0..20 {
        kept += u32::from(stream.emit(ticks, &allocated(0x3FFB_0010)));
    }
    assert_eq!((stream.events(), stream.dropped()), (20, 20 - kept));
    let mut decoder = Decoder::new();
    let first = decoded(&mut decoder, &bytes(&mut stream));
    assert_eq!(first.len(), 1 + kept as usize, "a sync and what was kept");
    stream.emit(
        20,
        &Event::Freed {
            address: 0x3FFB_0010,
        },
    );
    let dropped = Event::Dropped { events: 20 - kept };
    let freed = Event::Freed {
        address: 0x3FFB_0010,
    };
    assert_eq!(
        decoded(&mut decoder, &bytes(&mut stream)),
        [format!("20 {dropped:?}"), format!("20 {freed:?}")]
    );
    stream.emit(21, &freed);
    let rest = decoded(&mut decoder, &bytes(&mut stream));
    assert_eq!(rest, [format!("21 {freed:?}")], "told once");
    assert_eq!(decoder.missed(), 0, "nothing was lost on the way");
}

#[test]
fn what_is_lost_on_the_way_is_noticed_at_the_next_sync() {
    let mut stream = stream::<4096>();
    let mut decoder = Decoder::new();
    for ticks in 0..65 {
        stream.emit(ticks, &allocated(0x3FFB_0010));
    }
    let mut all = bytes(&mut stream);
    all.drain(100..150);
    decoded(&mut decoder, &all);
    let lost = decoder.missed();
    assert!(
        (3..=6).contains(&lost),
        "50 bytes of frames of 12 or 13, and the two cut ones: {lost}"
    );
}

#[test]
fn a_listener_that_comes_late_or_hears_other_text_too_finds_the_next_frame() {
    let mut stream = stream::<256>();
    for ticks in [10, 20, 30] {
        stream.emit(ticks, &allocated(0x3FFB_0010));
    }
    let mut all = bytes(&mut stream);
    let frame = all.iter().rposition(|&byte| byte == 0).unwrap();
    all.splice(frame..frame, []);
    let mut late = all.split_off(5);
    late.splice(0..0, b"I (312) wifi: connected\n\0".iter().copied());
    let decoded = decoded(&mut Decoder::new(), &late);
    assert_eq!(
        decoded
            .iter()
            .filter(|line| line.contains("Allocated"))
            .count(),
        3,
        "{decoded:?}"
    );
    assert!(
        decoded.iter().any(|line| line.ends_with("broken")),
        "{decoded:?}"
    );
}

/// Sixteen places, emptied by nobody.
struct Fifo(Vec<u8>);

impl Port for Fifo {
    fn writable(&self) -> usize {
        16 - self.0.len()
    }

    fn write(&mut self, byte: u8) {
        self.0.push(byte);
    }
}

#[test]
fn a_uart_gets_whole_frames_or_none() {
    let mut stream = Stream::new(ByteSink(Fifo(Vec::new())));
    for ticks in 0..4 {
        stream.emit(
            ticks,
            &Event::Freed {
                address: 0x3FFB_0010,
            },
        );
    }
    let sent = &stream.sink_mut().0.0;
    assert_eq!(sent.last(), Some(&0));
    let frames = sent.iter().filter(|&&byte| byte == 0).count();
    assert_eq!(frames, decoded(&mut Decoder::new(), &sent.clone()).len());
    assert!(stream.dropped() > 0);
}

proptest! {
    #[test]
    fn allocations_frees_and_resizes_come_through_whatever_their_numbers(
        events in proptest::collection::vec(
            (0..3u8, any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<u8>()),
            1..60,
        )
    ) {
        let mut stream = stream::<8192>();
        let mut expected = Vec::new();
        let mut time: u64 = 0;
        for (kind, address, other, size, site, owner) in events {
            let (address, old_address) = (address & !3, other & !3);
            let (site, owner) = (SiteNumber(site), Owner(owner));
            let event = match kind {
                0 => Event::Allocated { address, size, site, owner },
                1 => Event::Freed { address },
                _ => Event::Resized { old_address, address, size, site, owner },
            };
            time += u64::from(other % 100_000);
            let ticks = u32::try_from(time & 0xFFFF_FFFF).unwrap();
            prop_assert!(stream.emit(ticks, &event));
            expected.push(format!("{time} {event:?}"));
        }
        let decoded = decoded(&mut Decoder::new(), &bytes(&mut stream));
        let events: Vec<String> = decoded.into_iter().filter(|line| !line.contains("Sync")).collect();
        prop_assert_eq!(events, expected);
    }

    #[test]
    fn a_decoder_survives_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        decoded(&mut Decoder::new(), &bytes);
    }
}

/// Shortage stands between the allocations that caused it, and the ledger keeps the figures.
#[test]
fn what_is_done_about_a_shortage_is_a_mark() {
    type Observers = Ledger<(), RamStream<4096>, 64, 8, 1>;
    let heap: CapsHeap<SpinLock, Unpoisoned, Observers> = CapsHeap::new(Ledger::new((), stream()));
    let memory = vec![core::mem::MaybeUninit::uninit(); 8192].leak();
    heap.add_buffer([Caps::BIT8, Caps::empty(), Caps::empty()], memory)
        .unwrap();
    fn nothing(_: &Shortage) -> u32 {
        0
    }
    heap.pressure()
        .register_shrinker(Shrinker::new("tiles", Caps::BIT8, &nothing))
        .unwrap();
    heap.pressure()
        .arm_emergency(EmergencyReserve::new("last words", Caps::BIT8, 2048))
        .unwrap();
    heap.pressure()
        .add_gauge(PressureGauge::new("test", Caps::BIT8).free_below(4000, 10))
        .unwrap();
    let _first = heap.malloc(4000, Caps::BIT8).unwrap();
    let second = heap.malloc(2000, Caps::BIT8).unwrap();
    let first = heap.malloc(3000, Caps::BIT8);
    assert!(first.is_err());
    let mut waiting = pin!(heap.allocate_async(AllocRequest::new(3000, Caps::BIT8)));
    let mut context = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    let bytes = heap.with_observer(|ledger| bytes(ledger.event_sink_mut()));
    assert_eq!(
        sentences(&bytes),
        [
            "test memory low",
            "tiles gave nothing",
            "last words released 2.0 KiB",
            "tiles gave nothing",
            "tiles gave nothing",
            "a request of 2.9 KiB waits",
        ]
    );
    let pressure = heap.with_observer(|ledger| ledger.pressure());
    assert_eq!(
        pressure.levels().collect::<Vec<_>>(),
        [("test", Level::Low)]
    );
    assert_eq!((pressure.shrinker_calls, pressure.shrunk_bytes), (3, 0));
    assert_eq!(
        (pressure.released_reserves, pressure.waits, pressure.waiting),
        (1, 1, 1)
    );
    // SAFETY: the block is this test's own.
    unsafe { heap.free(second) }.unwrap();
}

/// What the stream says about shortage.
fn sentences(bytes: &[u8]) -> Vec<String> {
    let mut decoder = Decoder::new();
    let frames = bytes.iter().filter_map(|&byte| match decoder.push(byte) {
        Some(Ok(Frame {
            event: Event::Pressure { kind, name },
            ..
        })) => Some(kind.about(name).to_string()),
        _ => None,
    });
    frames.collect()
}

/// A request that waited is reported three times at most: when it begins to wait, and when it is
/// served or gives up. One that is served at once is not reported.
#[test]
fn who_waits_is_heard_of_until_it_is_served_or_gives_up() {
    type Observers = Ledger<(), RamStream<4096>, 64, 8, 1>;
    let heap: CapsHeap<SpinLock, Unpoisoned, Observers> = CapsHeap::new(Ledger::new((), stream()));
    let memory = vec![core::mem::MaybeUninit::uninit(); 8192].leak();
    heap.add_buffer([Caps::BIT8, Caps::empty(), Caps::empty()], memory)
        .unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let first = {
        let mut served_at_once = pin!(heap.allocate_async(AllocRequest::new(6144, Caps::BIT8)));
        let Poll::Ready(Ok(block)) = served_at_once.as_mut().poll(&mut context) else {
            unreachable!("there is room")
        };
        block
    };
    let mut patient = pin!(heap.allocate_async(AllocRequest::new(4096, Caps::BIT8)));
    assert!(patient.as_mut().poll(&mut context).is_pending());
    {
        let mut impatient = pin!(heap.allocate_async(AllocRequest::new(3072, Caps::BIT8)));
        assert!(impatient.as_mut().poll(&mut context).is_pending());
    }
    // SAFETY: the block is this test's own.
    unsafe { heap.free(first) }.unwrap();
    let bytes = heap.with_observer(|ledger| bytes(ledger.event_sink_mut()));
    assert_eq!(
        sentences(&bytes),
        [
            "a request of 4.0 KiB waits",
            "a request of 3.0 KiB waits",
            "a request of 3.0 KiB waits no more",
            "a request of 4.0 KiB served after waiting",
        ]
    );
    let pressure = heap.with_observer(|ledger| ledger.pressure());
    assert_eq!((pressure.waits, pressure.waiting), (2, 0));
}
