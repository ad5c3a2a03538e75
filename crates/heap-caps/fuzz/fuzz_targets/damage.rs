//! One heap at each poisoning level whose words change between its calls, control structure and
//! headers first: no call leaves the region, panics or runs for ever.
#![no_main]

use libfuzzer_sys::fuzz_target;
use multi_heap::{Comprehensive, Light, Unpoisoned, set_canary_key};
use target_suite::campaign::{Input, damage};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    set_canary_key(if input.byte() & 1 == 0 {
        0
    } else {
        0x5EED_1234
    });
    match input.byte() % 3 {
        0 => _ = damage::run::<Unpoisoned>(input),
        1 => _ = damage::run::<Light>(input),
        _ => _ = damage::run::<Comprehensive>(input),
    }
});
