//! The example of two tasks that share DMA memory, as a test.
#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "an example, which is a program of its own"
)]

#[path = "../examples/back_pressure.rs"]
mod example;

use example::share;

#[test]
fn who_waits_for_memory_loses_no_frame_that_fits() {
    let outcome = share(true);
    assert_eq!((outcome.arrived, outcome.lost), (100, 0));
    assert!(outcome.is_giant_refused && outcome.is_all_free);
    assert_eq!(outcome, share(true), "the same again");
}

#[test]
fn who_does_not_wait_loses_frames_of_the_same_program() {
    let outcome = share(false);
    assert!(outcome.lost > 10, "{outcome:?}");
    assert_eq!(outcome.arrived + outcome.lost, 100);
    assert_eq!(outcome.packets, share(true).packets);
}
