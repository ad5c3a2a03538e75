//! defmt logger whose frames stand between lines of text on the same port.
//!
//! ```text
//!   FF 00 │ frame, encoded without zeros │ 00        as espflash looks for them: `cargo xtask monitor`, `espflash monitor --log-format defmt`
//! ```

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use heap_caps_alloc::{InterruptMask as _, RawLock, SpinLock};
use soc_regions::Caps;

use crate::console::send;
use crate::heap::HEAP;
use crate::interrupts::Interrupts;

const START: [u8; 2] = [0xFF, 0x00];

/// What goes on, and why the last refusal was one.
pub(crate) fn report() {
    defmt::info!(
        "free {=u32}, least {=u32}, largest {=u32}",
        HEAP.inspect().free_size(Caps::DEFAULT),
        HEAP.inspect().minimum_free_size(Caps::DEFAULT),
        HEAP.inspect().largest_free_block(Caps::DEFAULT)
    );
    if let Some(failure) = HEAP.inspect().last_failure() {
        defmt::warn!("{}", failure);
    }
}

/// One frame at a time, of either core.
struct FrameWriter {
    lock: SpinLock,
    state: UnsafeCell<WriterState>,
}

struct WriterState {
    encoder: defmt::Encoder,
    /// There between `acquire` and `release`.
    before: MaybeUninit<(u32, <SpinLock as RawLock>::Token)>,
}

// SAFETY: only the lock's holder touches the state, between `acquire` and `release`.
unsafe impl Sync for FrameWriter {}

static WRITER: FrameWriter = FrameWriter {
    lock: SpinLock::INIT,
    state: UnsafeCell::new(WriterState {
        encoder: defmt::Encoder::new(),
        before: MaybeUninit::uninit(),
    }),
};

#[defmt::global_logger]
struct Logger;

// SAFETY: `acquire` takes a lock with interrupts masked, and `release` releases it; the other two
// are called in between.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        let before = (Interrupts::mask(), WRITER.lock.acquire());
        // SAFETY: the lock is held.
        let state = unsafe { &mut *WRITER.state.get() };
        state.before.write(before);
        send(&START);
        state.encoder.start_frame(send);
    }

    unsafe fn flush() {}

    unsafe fn release() {
        // SAFETY: the caller holds the lock.
        let state = unsafe { &mut *WRITER.state.get() };
        state.encoder.end_frame(send);
        // SAFETY: `acquire` wrote it, and it is read once.
        let (interrupts, token) = unsafe { state.before.assume_init_read() };
        // SAFETY: the lock's own token.
        unsafe { WRITER.lock.release(token) };
        // SAFETY: the state of the last mask.
        unsafe { Interrupts::restore(interrupts) };
    }

    unsafe fn write(bytes: &[u8]) {
        // SAFETY: the caller holds the lock.
        let state = unsafe { &mut *WRITER.state.get() };
        state.encoder.write(bytes, send);
    }
}
