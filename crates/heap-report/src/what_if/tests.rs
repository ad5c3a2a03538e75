//! Small programs on an ESP32, whose fate can be foreseen.

use heap_caps::{Policy, Reserve};
use soc_regions::{Caps, Chip, ESP32, ESP32S3, Symbols as _, common};

use super::{Advice, Outcome, Poisoning, Variant, lines, search};
use crate::program::{Program, ProgramStep};
use crate::simulate::machine::Setup;

fn on(chip: &'static Chip, psram: u32) -> Variant {
    let options = match psram {
        0 => chip.default_options(),
        bytes => chip.options(&[common::PSRAM.of(bytes)]).unwrap(),
    };
    let symbols = chip.sample_symbols(&options);
    let ends = chip
        .reservations()
        .iter()
        .flat_map(|row| [row.start, row.end]);
    let names = ends.filter_map(|end| end.symbol_name());
    let symbols = names
        .filter_map(|name| Some((name, symbols.address(name)?)))
        .collect();
    Variant::plain(Setup {
        chip,
        options,
        symbols,
        policy: Policy::Guaranteed,
        reserve: None,
    })
}

fn allocate(slot: usize, size: u32, caps: Option<Caps>) -> ProgramStep {
    ProgramStep::Allocate {
        slot,
        size,
        alignment: 4,
        caps,
    }
}

fn program(steps: Vec<ProgramStep>) -> Program {
    Program {
        name: "tiny".to_owned(),
        slots: steps.len(),
        steps,
        ..Program::default()
    }
}

/// Takes all internal memory in blocks of 8 KiB as by `malloc`, then asks for DMA.
fn greedy() -> Program {
    let mut steps: Vec<ProgramStep> = (0..60).map(|slot| allocate(slot, 8192, None)).collect();
    steps.extend((60..63).map(|slot| allocate(slot, 4096, Some(Caps::DMA))));
    program(steps)
}

fn outcome(program: &Program, variant: &Variant) -> Outcome {
    variant.try_on(program).unwrap()
}

#[test]
fn figures_are_those_of_the_heaps() {
    let small = program(vec![
        allocate(0, 1000, None),
        allocate(1, 500, None),
        ProgramStep::Resize {
            slot: 1,
            size: 700,
            caps: None,
        },
        ProgramStep::Free { slot: 0 },
    ]);
    let outcome = outcome(&small, &on(&ESP32, 0));
    assert_eq!(
        (outcome.requests, outcome.refused, outcome.peak_bytes),
        (3, 0, 1700)
    );
    // Headers; sizes are multiples of a word.
    assert_eq!(outcome.overhead, 2 * 4);
    assert_eq!(outcome.free_at_start - outcome.least_free, 1700 + 2 * 4);
    assert_eq!(outcome.view, Caps::DEFAULT);
}

#[test]
fn light_poisoning_takes_twelve_bytes_a_block() {
    let hundred = program((0..100).map(|slot| allocate(slot, 64, None)).collect());
    let plain = outcome(&hundred, &on(&ESP32, 0));
    let light = outcome(
        &hundred,
        &Variant {
            poisoning: Poisoning::Light,
            ..on(&ESP32, 0)
        },
    );
    assert_eq!(light.overhead - plain.overhead, 100 * 12);
}

#[test]
fn a_reserve_is_recommended_where_greedy_requests_starve_others() {
    let Advice { tried, best, why } = search(&greedy(), &on(&ESP32, 0), |_| ()).unwrap();
    let before = &tried[0].outcome;
    assert!(before.refused > 3, "{before:?}");
    let chosen = &tried[best];
    assert!(chosen.outcome.refused <= before.refused, "{why}");
    assert!(tried.iter().any(|found| {
        found
            .variant
            .setup
            .reserve
            .is_some_and(|reserve| reserve.caps == Caps::DMA)
    }));
}

#[test]
fn where_nothing_can_matter_the_advice_says_so() {
    let plain = program(vec![allocate(0, 1000, None), ProgramStep::Free { slot: 0 }]);
    let Advice { best, why, .. } = search(&plain, &on(&ESP32, 0), |_| ()).unwrap();
    assert_eq!(best, 0);
    assert!(
        why.starts_with("Nothing that was tried is better than esp32, guaranteed"),
        "{why}"
    );
    assert!(
        why.contains("Under comprehensive poisoning the program would be served as well"),
        "{why}"
    );
}

#[test]
fn a_request_that_was_refused_is_tried_where_it_was() {
    let was_refused = program(vec![ProgramStep::Refused {
        size: 1 << 20,
        caps: None,
    }]);
    let without = outcome(&was_refused, &on(&ESP32S3, 0));
    let with = outcome(&was_refused, &on(&ESP32S3, 8 << 20));
    assert_eq!(
        [
            (without.granted, without.unserved()),
            (with.granted, with.unserved())
        ],
        [(0, 1), (1, 0)]
    );
}

#[test]
fn external_memory_takes_what_is_above_the_limit() {
    let blocks = program((0..4).map(|slot| allocate(slot, 8192, None)).collect());
    let base = on(&ESP32S3, 8 << 20);
    let internal = Variant {
        external_above: Some(u32::MAX),
        ..base.clone()
    };
    let external = Variant {
        external_above: Some(4096),
        ..base
    };
    let [internal, external] = [internal, external].map(|variant| outcome(&blocks, &variant));
    assert_eq!((internal.refused, external.refused), (0, 0));
    assert_eq!((internal.peak_bytes, external.peak_bytes), (32_768, 32_768));
}

#[test]
fn what_is_to_be_pasted_is_what_is_compiled() {
    let mut everything = Variant {
        poisoning: Poisoning::Light,
        external_above: Some(4096),
        ..on(&ESP32S3, 8 << 20)
    };
    everything.setup.reserve = Some(Reserve {
        caps: Caps::DMA | Caps::INTERNAL,
        bytes: 24_576,
    });
    assert_eq!(lines(&everything), include_str!("pasted/everything.rs"));
    assert_eq!(lines(&on(&ESP32, 0)), include_str!("pasted/nothing.rs"));
    let mut policy = Variant {
        poisoning: Poisoning::Comprehensive,
        ..on(&ESP32, 0)
    };
    policy.setup.policy = Policy::IdfExact;
    assert_eq!(lines(&policy), include_str!("pasted/policy.rs"));
}

#[test]
fn a_variant_is_called_by_what_it_changes() {
    let mut variant = Variant {
        poisoning: Poisoning::Light,
        ..on(&ESP32S3, 8 << 20)
    };
    variant.setup.reserve = Some(Reserve {
        caps: Caps::DMA,
        bytes: 1024,
    });
    assert_eq!(
        variant.to_string(),
        "esp32s3, guaranteed, reserve DMA=1024, poisoning light, psram 8388608"
    );
}
