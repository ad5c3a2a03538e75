//! Recorded traces: what is read keeps what a replay relies on.
#![no_main]

use heap_report::recorded::{Operation, Trace};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(trace) = Trace::from_bytes("fuzz", bytes) else {
        return;
    };
    let mut live = vec![false; trace.slots];
    for operation in &trace.operations {
        match *operation {
            Operation::Allocate {
                slot,
                size,
                alignment,
            } => {
                assert!(!live[slot] && size > 0 && alignment.is_power_of_two());
                live[slot] = true;
            }
            Operation::Reallocate { slot, size } => assert!(live[slot] && size > 0),
            Operation::Free { slot } => {
                assert!(live[slot]);
                live[slot] = false;
            }
        }
    }
});
