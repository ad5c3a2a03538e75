//! Notifications of observers: every path once, with the size that was asked for.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod support;

use heap_caps::{
    AllocRequest, Allocated, Failure, Freed, Observer, Placement, Policy, Reallocated,
};
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use soc_regions::Caps;
use support::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Allocated(u32, Caps),
    Freed,
    Reallocated(u32, Caps),
    Failed(usize, Caps),
}

use Event::{Failed, Freed as Free};

#[derive(Default)]
struct Recorder {
    events: Vec<Event>,
    /// Usable bytes of every live block.
    live: std::collections::BTreeMap<u32, u32>,
    callers: usize,
}

impl Observer for Recorder {
    fn on_allocate(&mut self, event: &Allocated) {
        self.events.push(Event::Allocated(event.size, event.caps));
        self.callers += usize::from(event.caller.is_some());
        assert!(event.usable >= event.size);
        assert_eq!(self.live.insert(event.address, event.usable), None);
    }

    fn on_free(&mut self, event: &Freed) {
        self.events.push(Free);
        let usable = self.live.remove(&event.address);
        assert_eq!(usable, Some(event.usable), "as the allocation told");
    }

    fn on_reallocate(&mut self, event: &Reallocated) {
        self.events
            .push(Event::Reallocated(event.now.size, event.now.caps));
        let usable = self.live.remove(&event.old_address);
        assert_eq!(usable, Some(event.old_usable), "as told before");
        assert!(event.now.usable >= event.now.size);
        let address = event.now.address;
        assert_eq!(self.live.insert(address, event.now.usable), None);
    }

    fn on_failure(&mut self, failure: &Failure) {
        self.events.push(Failed(failure.size, failure.caps));
    }
}

type Watched<P> = Sim<P, (Recorder, Recorder)>;

/// Events of `action` that both recorders saw.
fn reported<P: Poison>(sim: &mut Watched<P>, action: impl FnOnce(&mut Watched<P>)) -> Vec<Event> {
    action(sim);
    let (first, second) = sim.heaps.observer_mut();
    assert_eq!(first.events, second.events);
    second.events.clear();
    core::mem::take(&mut first.events)
}

fn every_path_is_observed_once<P: Poison>() {
    const BYTES: Caps = Caps::BIT8;
    const INTERNAL: Caps = Caps::DEFAULT.union(Caps::INTERNAL);
    const CODE: Caps = Caps::EXEC.union(Caps::DEFAULT);
    let mut sim: Watched<P> = Sim::with(Policy::Guaranteed, &psram(0x10_0000), Default::default());
    let allocated = |size, caps| [Event::Allocated(size, caps)];
    let reallocated = |size, caps| [Event::Reallocated(size, caps)];
    let mut blocks = Vec::new();
    let mut obtains = |expected: [Event; 1], action: &dyn Fn(&mut Watched<P>) -> u32| {
        assert_eq!(
            reported(&mut sim, |sim| blocks.push(action(sim))),
            expected,
            "{}",
            P::NAME
        );
    };
    obtains(allocated(5, BYTES), &|sim| {
        sim.heaps.malloc(5, BYTES).unwrap()
    });
    obtains(allocated(5, Caps::BIT32), &|sim| {
        sim.heaps.malloc(5, Caps::BIT32).unwrap()
    });
    obtains(allocated(7, Caps::DMA_DESC_AHB), &|sim| {
        sim.heaps.malloc(7, Caps::DMA_DESC_AHB).unwrap()
    });
    obtains(allocated(33, BYTES), &|sim| {
        sim.heaps.calloc(3, 11, BYTES).unwrap()
    });
    obtains(allocated(9, BYTES), &|sim| {
        sim.heaps.aligned_alloc(64, 9, BYTES).unwrap()
    });
    obtains(allocated(10, CODE), &|sim| {
        sim.heaps.malloc(10, CODE).unwrap()
    });
    obtains(allocated(6, BYTES), &|sim| {
        sim.heaps
            .allocate(
                &AllocRequest::new(6, Caps::empty()).placed(Placement::Prefer(&[Caps::SPM, BYTES])),
            )
            .unwrap()
    });
    obtains(allocated(6, BYTES), &|sim| {
        sim.heaps
            .allocate(
                &AllocRequest::array(2, 3, Caps::empty())
                    .placed(Placement::Prefer(&[Caps::SPM, BYTES]))
                    .zeroed(),
            )
            .unwrap()
    });
    obtains(allocated(8, INTERNAL), &|sim| {
        sim.heaps
            .allocate(&AllocRequest::in_default_memory(8))
            .unwrap()
    });
    obtains(allocated(8, INTERNAL), &|sim| {
        sim.heaps
            .allocate(
                &AllocRequest::array(2, 4, Caps::empty())
                    .placed(Placement::Default)
                    .zeroed(),
            )
            .unwrap()
    });
    obtains(allocated(8, INTERNAL), &|sim| {
        sim.heaps
            .allocate(&AllocRequest::in_default_memory(8).aligned_to(32))
            .unwrap()
    });
    let tag = soc_regions::TypeIndex(0);
    obtains(allocated(8, Caps::empty()), &|sim| {
        sim.heaps
            .allocate(&AllocRequest::new(8, Caps::empty()).placed(Placement::Tag(tag)))
            .unwrap()
    });
    assert_eq!(
        sim.heaps.inspect().observer().0.callers,
        blocks.len(),
        "each with its caller"
    );

    let block = blocks[0];
    let mut at = block;
    let mut resizes = |expected: &[Event], action: &dyn Fn(&mut Watched<P>, u32) -> u32| {
        let events = reported(&mut sim, |sim| at = action(sim, at));
        assert_eq!(events, expected, "{}", P::NAME);
    };
    resizes(&reallocated(4, BYTES), &|sim, at| {
        sim.heaps.realloc(at, 4, BYTES).unwrap()
    });
    resizes(&reallocated(4001, BYTES), &|sim, at| {
        sim.heaps.realloc(at, 4001, BYTES).unwrap()
    });
    resizes(&reallocated(101, Caps::SPIRAM), &|sim, at| {
        sim.heaps.realloc(at, 101, Caps::SPIRAM).unwrap()
    });
    resizes(&reallocated(102, BYTES), &|sim, at| {
        sim.heaps
            .reallocate(at, &AllocRequest::new(102, BYTES).aligned_to(64))
            .unwrap()
    });
    resizes(&reallocated(50, CODE), &|sim, at| {
        sim.heaps.realloc(at, 50, CODE).unwrap()
    });
    resizes(&reallocated(51, BYTES), &|sim, at| {
        sim.heaps
            .reallocate(
                at,
                &AllocRequest::new(51, Caps::empty())
                    .placed(Placement::Prefer(&[Caps::SPM, BYTES])),
            )
            .unwrap()
    });
    resizes(&reallocated(52, INTERNAL), &|sim, at| {
        sim.heaps
            .reallocate(at, &AllocRequest::in_default_memory(52))
            .unwrap()
    });
    let fails = [Failed(1 << 28, BYTES)];
    resizes(&fails, &|sim, at| {
        sim.heaps.realloc(at, 1 << 28, BYTES).map_or(at, |_| 0)
    });
    resizes(&[], &|sim, at| {
        sim.heaps.realloc(at, 0, BYTES).map_or(at, |_| 0)
    });
    blocks[0] = at;

    let mut refuses = |expected: &[Event], action: &dyn Fn(&mut Watched<P>) -> bool| {
        assert_eq!(
            reported(&mut sim, |sim| assert!(action(sim))),
            expected,
            "{}",
            P::NAME
        );
    };
    refuses(&[Failed(9, Caps::SPM)], &|sim| {
        sim.heaps.malloc(9, Caps::SPM).is_err()
    });
    refuses(&[Failed(usize::MAX, BYTES)], &|sim| {
        sim.heaps.calloc(usize::MAX, 9, BYTES).is_err()
    });
    refuses(&[Failed(9, BYTES)], &|sim| {
        sim.heaps.aligned_alloc(3, 9, BYTES).is_err()
    });
    refuses(&[Failed(9, Caps::SPM)], &|sim| {
        sim.heaps
            .allocate(
                &AllocRequest::new(9, Caps::empty())
                    .placed(Placement::Prefer(&[Caps::RETENTION, Caps::SPM])),
            )
            .is_err()
    });
    refuses(&[Failed(1 << 28, INTERNAL)], &|sim| {
        sim.heaps
            .allocate(&AllocRequest::in_default_memory(1 << 28))
            .is_err()
    });
    refuses(&[], &|sim| sim.heaps.malloc(0, BYTES).is_err());
    refuses(&[], &|sim| sim.heaps.calloc(0, 8, BYTES).is_err());
    refuses(&[], &|sim| sim.heaps.free(0x1234).is_err());
    refuses(&[], &|sim| sim.heaps.free(block + 2).is_err());
    refuses(&[], &|sim| sim.heaps.realloc(0x1234, 8, BYTES).is_err());

    for block in blocks {
        assert_eq!(
            reported(&mut sim, |sim| sim.heaps.free(block).unwrap()),
            [Free]
        );
        assert_eq!(
            reported(&mut sim, |sim| assert!(sim.heaps.free(block).is_err())),
            [],
            "a double free is no free"
        );
    }
    assert_eq!(sim.heaps.inspect().observer().1.live.len(), 0);
}

#[test]
fn every_path_is_observed_once_and_with_the_size_asked_for() {
    every_path_is_observed_once::<Unpoisoned>();
    every_path_is_observed_once::<Light>();
    every_path_is_observed_once::<Comprehensive>();
}

#[test]
fn an_observer_of_nothing_takes_no_space() {
    assert_eq!(size_of::<()>(), 0);
    assert_eq!(
        size_of::<heap_caps::HeapCaps<Unpoisoned, ((), ())>>(),
        size_of::<heap_caps::HeapCaps>()
    );
}

/// An observer with a defect.
struct Panics(bool);

impl Observer for Panics {
    fn on_allocate(&mut self, _: &Allocated) {
        assert!(!self.0, "the observer's own defect");
    }

    fn on_reallocate(&mut self, _: &Reallocated) {
        assert!(!self.0, "the observer's own defect");
    }
}

fn a_panic_leaks_nothing<P: Poison>() {
    let mut sim: Sim<P, Panics> = Sim::with(Policy::Guaranteed, &psram(0x10_0000), Panics(false));
    let everything = Caps::empty();
    let kept = sim.heaps.malloc(100, Caps::BIT8).unwrap();
    let before = sim.heaps.inspect().free_size(everything);
    sim.heaps.observer_mut().0 = true;
    let tag = soc_regions::TypeIndex(0);
    let requests = [
        AllocRequest::new(100, Caps::BIT8),
        AllocRequest::new(100, Caps::EXEC),
        AllocRequest::new(100, Caps::BIT8).aligned_to(256),
        AllocRequest::new(100, Caps::BIT8).zeroed(),
        AllocRequest::new(100, Caps::empty()).placed(Placement::Prefer(&[Caps::SPM, Caps::BIT8])),
        AllocRequest::new(100, Caps::empty()).placed(Placement::Tag(tag)),
    ];
    for request in &requests {
        let allocate = std::panic::AssertUnwindSafe(|| sim.heaps.allocate(request).is_ok());
        assert!(std::panic::catch_unwind(allocate).is_err(), "{request:?}");
        assert_eq!(
            sim.heaps.inspect().free_size(everything),
            before,
            "{request:?}"
        );
        assert_eq!(
            sim.heaps.inspect().check_integrity(everything),
            Ok(()),
            "{request:?}"
        );
    }
    sim.heaps.observer_mut().0 = false;
    for request in &requests {
        sim.heaps.allocate(request).unwrap();
    }
    sim.heaps.free(kept).unwrap();
}

#[test]
fn an_observer_that_panics_leaks_no_block() {
    a_panic_leaks_nothing::<Unpoisoned>();
    a_panic_leaks_nothing::<Light>();
    a_panic_leaks_nothing::<Comprehensive>();
}

/// Unwinding would leave the caller with a block that is shorter than it thinks.
#[test]
fn an_observer_that_panics_after_a_resize_ends_the_program() {
    const ALONE: &str = "HEAP_CAPS_TEST_OBSERVER_PANICS";
    if std::env::var_os(ALONE).is_none() {
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("an_observer_that_panics_after_a_resize_ends_the_program")
            .env(ALONE, "1")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert!(
            !run.status.success() && !stderr.contains("went on"),
            "{stderr}"
        );
        assert!(
            stderr.contains("an observer panicked after a block was resized"),
            "{stderr}"
        );
        return;
    }
    let mut sim: Sim<Unpoisoned, Panics> =
        Sim::with(Policy::Guaranteed, &psram(0x10_0000), Panics(false));
    let block = sim.heaps.malloc(1000, Caps::BIT8).unwrap();
    sim.heaps.observer_mut().0 = true;
    let shrink =
        std::panic::AssertUnwindSafe(|| sim.heaps.realloc(block, 10, Caps::BIT8).map(drop).is_ok());
    eprintln!("went on: {:?}", std::panic::catch_unwind(shrink));
}
