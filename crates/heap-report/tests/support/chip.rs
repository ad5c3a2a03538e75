//! The shipped firmware, served by a simulated chip.

use heap_caps::Policy;
use heap_report::History;
use heap_report::read::{Replay, replayed};
use heap_report::recorded::shipped::FW_IOT;
use heap_report::simulate::machine::{Machine, Requests, Setup};
use heap_report::simulate::recording::Recording;
use heap_report::simulate::replay::replay;
use multi_heap::Unpoisoned;
use soc_regions::{ESP32, Symbols};

const SYMBOLS: [&str; 11] = [
    "_data_start",
    "_heap_start",
    "_heap_end",
    "_iram_start",
    "_iram_end",
    "_rtc_noinit_end",
    "_rtc_force_fast_end",
    "_rtc_fast_reserved_start",
    "_rtc_fast_reserved_end",
    "_rtc_slow_reserved_start",
    "_rtc_slow_reserved_end",
];

/// The shipped firmware on a simulated ESP32: as its heaps' recording, and as a history.
pub fn replayed_firmware() -> (Recording, History) {
    let options = ESP32.default_options();
    let sample = ESP32.sample_symbols(&options);
    let known = |name: &'static str| Some((name, sample.address(name)?));
    let setup = Setup {
        chip: &ESP32,
        options,
        symbols: SYMBOLS.into_iter().filter_map(known).collect(),
        policy: Policy::default(),
        reserve: None,
    };
    let mut machine = Machine::<Unpoisoned>::boot(&setup).unwrap();
    machine.enable_startup_stacks();
    let (trace, requests) = (FW_IOT.read().unwrap(), Requests::Malloc);
    let recording = replay(&mut machine, &trace, requests, || {}, |_, _| {}).unwrap();
    let history = replayed::<Unpoisoned>(&trace, &Replay { setup, requests }).unwrap();
    let recording = Recording {
        chip: "ESP32".to_owned(),
        poison: "none".to_owned(),
        ..recording
    };
    (recording, history)
}
