//! Class K: each failure is reported once, by whichever function, with size and capabilities.

use heap_caps::{AllocRequest, Failure, Observer, Placement, Policy};
use soc_regions::Caps;

use crate::support::*;

/// Sizes and capabilities of the failures that were reported.
#[derive(Default)]
struct Failures(Vec<(usize, Caps)>);

impl Observer for Failures {
    fn on_failure(&mut self, failure: &Failure) {
        self.0.push((failure.size, failure.caps));
    }
}

fn failures(ask: impl FnOnce(&mut Sim<multi_heap::Unpoisoned, Failures>)) -> Vec<(usize, Caps)> {
    let mut sim = Sim::with(Policy::Guaranteed, &psram(0x1_0000), Failures::default());
    ask(&mut sim);
    let counted = sim.heaps.inspect().failures() as usize;
    let reported = std::mem::take(&mut sim.heaps.observer_mut().0);
    assert_eq!(reported.len(), counted);
    reported
}

const HUGE: usize = 1 << 24;

/// Defects: a0ca353.
#[test]
fn functions_with_preferences_report_their_failure_too() {
    let choices = [Caps::SPIRAM, Caps::DMA];
    let once = [(HUGE, Caps::DMA)];
    assert_eq!(
        failures(|sim| _ = sim
            .heaps
            .allocate(&AllocRequest::new(HUGE, Caps::empty()).placed(Placement::Prefer(&choices)))),
        once
    );
    let product = failures(|sim| {
        _ = sim.heaps.allocate(
            &AllocRequest::array(HUGE / 4, 4, Caps::empty())
                .placed(Placement::Prefer(&choices))
                .zeroed(),
        );
    });
    assert_eq!(product, once);
    let resized = failures(|sim| {
        let block = sim.heaps.malloc(8, Caps::DMA).unwrap();
        sim.heaps
            .reallocate(
                block,
                &AllocRequest::new(HUGE, Caps::empty()).placed(Placement::Prefer(&choices)),
            )
            .unwrap_err();
    });
    assert_eq!(resized, once);
}

/// Defects: 497c840.
#[test]
fn the_size_of_an_array_is_reported_not_that_of_its_element() {
    assert_eq!(
        failures(|sim| _ = sim.heaps.calloc(HUGE / 16, 16, Caps::DMA)),
        [(HUGE, Caps::DMA)]
    );
}

/// Defects: 9517.
#[test]
fn nothing_is_no_failure() {
    let nothing = failures(|sim| {
        let block = sim.heaps.malloc(8, Caps::DMA).unwrap();
        sim.heaps.malloc(0, Caps::DMA).unwrap_err();
        sim.heaps
            .allocate(&AllocRequest::in_default_memory(0))
            .unwrap_err();
        sim.heaps
            .allocate(&AllocRequest::new(0, Caps::empty()).placed(Placement::Prefer(&[Caps::DMA])))
            .unwrap_err();
        sim.heaps.aligned_alloc(64, 0, Caps::DMA).unwrap_err();
        sim.heaps.realloc(block, 0, Caps::DMA).unwrap_err();
    });
    assert_eq!(nothing, []);
}

/// Defects: head_16.
#[test]
fn an_array_of_nothing_is_no_failure() {
    for (count, size) in [(0, 8), (8, 0), (0, usize::MAX)] {
        assert_eq!(
            failures(|sim| _ = sim.heaps.calloc(count, size, Caps::DMA)),
            []
        );
    }
}

/// Defects: head_17.
#[test]
fn a_product_that_wraps_is_not_told_as_what_it_wraps_to() {
    for (count, size) in [(usize::MAX / 4 + 2, 4), (usize::MAX, 2)] {
        let reported = failures(|sim| _ = sim.heaps.calloc(count, size, Caps::DMA));
        assert_eq!(reported, [(usize::MAX, Caps::DMA)]);
    }
}

/// Defects: 65c946f.
#[test]
fn numbers_are_written_digit_by_digit_in_their_order() {
    let mut sim = Sim::esp32();
    let unnamed = Caps::from_bits_retain(0x2000_0000);
    let sentence = sim.heaps.malloc(8, unnamed).unwrap_err().to_string();
    assert!(sentence.starts_with("8 B with 0x20000000:"), "{sentence}");
    assert!(sentence.contains("DRAM at 0x3FFB2EC8"), "{sentence}");
    let misuse = sim.heaps.free(0x1234_5678).unwrap_err().to_string();
    assert!(misuse.starts_with("0x12345678: "), "{misuse}");
}
