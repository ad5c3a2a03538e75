//! How does the second core come to work, on which stack, and how does the first one know that it is done?
//!
//! ```text
//!   first core    cache on, address, clock, reset ─> waits for READY ─> ROUND ─> works ─> waits for DONE
//!   second core   in ROM, on its start-up stack ──> second_core ─> READY ─ waits ─> works ─> DONE ─> sleeps for ever
//! ```
//! The ROM's stack lies in D/IRAM. So the second core leaves it before that becomes a heap.
//!
//! Source: ESP32 Technical Reference Manual, DPORT registers; the order is ESP-IDF v5.5's (`cpu_start.c`).

use core::arch::asm;
use core::mem;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::interrupts;

/// Calls on each core.
const ROUNDS: u32 = if cfg!(feature = "events") {
    100
} else {
    20_000
};

/// What to call, as a number; 0 is nothing yet.
static ROUND: AtomicUsize = AtomicUsize::new(0);
static READY: AtomicBool = AtomicBool::new(false);
static DONE: AtomicBool = AtomicBool::new(false);

const STACK_BYTES: usize = 8 * 1024;

#[repr(C, align(16))]
struct Stack([u8; STACK_BYTES]);

static mut STACK: Stack = Stack([0; STACK_BYTES]);

/// Calls `round` on both cores at once, with the core's number and the call's, until both are done.
pub(crate) fn on_both(round: fn(u32, u32)) {
    ROUND.store(round as usize, Ordering::Release);
    (0..ROUNDS).for_each(|number| round(0, number));
    wait_for(&DONE);
}

fn wait_for(flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        core::hint::spin_loop();
    }
}

/// Returns when the second core stands on its own stack, waiting. The boot loader has mapped flash for both cores.
pub(crate) fn start() {
    // SAFETY: nothing else in this program uses these registers.
    let dport = unsafe { &*esp32::DPORT::PTR };
    let cache = dport.app_cache_ctrl();
    cache.modify(|_, word| word.app_cache_flush_ena().clear_bit());
    cache.modify(|_, word| word.app_cache_flush_ena().set_bit());
    while cache.read().app_cache_flush_done().bit_is_clear() {}
    cache.modify(|_, word| word.app_cache_flush_ena().clear_bit());
    cache.modify(|_, word| word.app_cache_enable().set_bit());
    let entry = second_core as extern "C" fn() -> ! as usize as u32;
    // SAFETY: the address of code in IRAM.
    dport
        .appcpu_ctrl_d()
        .write(|word| unsafe { word.appcpu_boot_addr().bits(entry) });
    dport
        .appcpu_ctrl_b()
        .modify(|_, word| word.appcpu_clkgate_en().set_bit());
    dport
        .appcpu_ctrl_c()
        .modify(|_, word| word.appcpu_runstall().clear_bit());
    dport
        .appcpu_ctrl_a()
        .modify(|_, word| word.appcpu_resetting().set_bit());
    dport
        .appcpu_ctrl_a()
        .modify(|_, word| word.appcpu_resetting().clear_bit());
    wait_for(&READY);
}

/// The ROM jumps here on a stack of its own, which is left at once.
#[unsafe(link_section = ".rwtext")]
extern "C" fn second_core() -> ! {
    unsafe extern "C" {
        static _init_start: u8;
    }
    // Sixteen bytes below the top are where the frame before is stored.
    let top = (&raw const STACK).wrapping_add(1).addr() - 32;
    // SAFETY: this core's vectors, interrupts and stack are nobody else's yet; `work` does not return.
    unsafe {
        asm!(
            "wsr.intenable {none}",
            "wsr.vecbase {vectors}",
            "rsync",
            "mov a1, {top}",
            "callx8 {work}",
            none = in(reg) 0,
            vectors = in(reg) &raw const _init_start,
            top = in(reg) top,
            work = in(reg) work as extern "C" fn() -> !,
            options(noreturn)
        )
    }
}

extern "C" fn work() -> ! {
    READY.store(true, Ordering::Release);
    let mut round = 0;
    while round == 0 {
        round = ROUND.load(Ordering::Acquire);
    }
    // SAFETY: `on_both` stored a function of this type.
    let round: fn(u32, u32) = unsafe { mem::transmute(round) };
    (0..ROUNDS).for_each(|number| round(1, number));
    DONE.store(true, Ordering::Release);
    interrupts::sleep_for_ever()
}
