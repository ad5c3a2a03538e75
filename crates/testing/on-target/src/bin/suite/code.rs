//! Checks of executable memory: code is loaded into it and called.

use alloc::vec::Vec;

use heap_caps_alloc::CodeBuffer;
use on_target::{HEAP, call_code, sample_code};
use soc_regions::Caps;

use crate::Check;

pub(crate) const CHECKS: &[Check] = &[(
    "code_copied_into_executable_blocks_can_be_called",
    code_copied_into_executable_blocks_can_be_called,
)];

/// Several blocks, so that they lie at several places.
fn code_copied_into_executable_blocks_can_be_called() {
    // SAFETY: this check is the whole program.
    unsafe { on_target::boot_heap() }.unwrap();
    let mut buffers = Vec::new();
    for round in 0..20 {
        let mut buffer = CodeBuffer::new(&HEAP, sample_code().len()).unwrap();
        assert!(buffer.load(sample_code()));
        // SAFETY: the code is there, whole.
        let result = unsafe { call_code(buffer.entry(), 30 + round, 6) };
        assert_eq!(result, 42 + round);
        buffers.push(buffer);
    }
    drop(buffers);
    HEAP.inspect()
        .locked(|heaps| assert_eq!(heaps.check_integrity(Caps::empty()), Ok(())));
}
