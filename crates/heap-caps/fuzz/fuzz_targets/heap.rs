//! One heap at each poisoning level, compared with a list of its blocks after every call: wrong
//! frees among the right ones.
#![no_main]

use libfuzzer_sys::fuzz_target;
use multi_heap::{Comprehensive, Light, Unpoisoned, set_canary_key};
use target_suite::campaign::{Input, operations};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    set_canary_key(if input.byte() & 1 == 0 {
        0
    } else {
        0x5EED_1234
    });
    match input.byte() % 3 {
        0 => _ = operations::run::<Unpoisoned>(input, 1),
        1 => _ = operations::run::<Light>(input, 1),
        _ => _ = operations::run::<Comprehensive>(input, 1),
    }
});
