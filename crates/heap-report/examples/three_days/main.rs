//! The serial output of a device that runs out of memory after three days.
//!
//! ```text
//!   cargo run -p heap-report --example three_days > three_days.log                     a leak
//!   cargo run -p heap-report --example three_days fragmentation > fragmentation.log    much memory is free, in pieces
//! ```
//!
//! The heap is the real one, with the memory of an ESP32; the days pass at once. The log has the
//! device's own lines, and its event stream in lines `events<tab>…`. At the end it prints what a
//! device prints after the reset. `docs/debugging.md` reads this log.
#![allow(
    clippy::unwrap_used,
    reason = "an example that ends where something is not as it should be"
)]

mod device;
mod work;

use std::mem::MaybeUninit;

use device::{Device, Log};
use work::Work;

/// Memory that a reset leaves alone: on a chip, a static in RTC memory or in a section that the
/// start-up code does not clear.
fn memory_of_the_last_run() -> MaybeUninit<Log> {
    MaybeUninit::zeroed()
}

fn main() {
    let work = match std::env::args().nth(1).as_deref() {
        None => Work::leaking(),
        Some("fragmentation") => Work::fragmenting(),
        Some(other) => {
            eprintln!("three_days: no such scenario: {other} (nothing, or `fragmentation`)");
            std::process::exit(2);
        }
    };
    let mut kept = memory_of_the_last_run();
    first_run(&mut kept, work);
    println!("rst:0x3 (SW_RESET)");
    after_the_reset(&mut kept);
}

/// Minute after minute, until a request is refused that the device cannot do without.
fn first_run(kept: &mut MaybeUninit<Log>, mut work: Work) {
    // SAFETY: zeros are bytes, and nothing else uses the memory.
    let log = unsafe { Log::recover(kept) };
    let mut device = Device::booted(log);
    println!("sensor node, {} bytes free", device.free_bytes());
    for minute in 0..5 * 24 * 60 {
        device.at_minute(minute);
        if let Err(failure) = work.minute(&mut device, minute) {
            let (days, hours) = (minute / (24 * 60), minute / 60 % 24);
            println!("after {days} days and {hours} hours: {failure}");
            break;
        }
        if minute % (24 * 60) == 0 {
            device.mark(&format!("day {}", minute / (24 * 60) + 1));
        }
    }
}

fn after_the_reset(kept: &mut MaybeUninit<Log>) {
    // SAFETY: the run before has left its bytes there, and uses them no more.
    let log = unsafe { Log::recover(kept) };
    println!("run {}; the runs before it left:", log.boots());
    for record in log.records() {
        println!("{record}");
    }
}
