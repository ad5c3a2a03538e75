//! Start of the second core, and work on both.
//!
//! ```text
//!   first core    __pre_init: hold ─> … ─> release, wait, address ─> waits for READY ─> ROUND ─> works ─> waits for DONE
//!   second core   in reset ────────────> in ROM, on its start-up stack ──> second_core ─> READY ─ waits ─> works ─> DONE ─> sleeps
//! ```
//! The second core may be in any state when this program starts: in reset after power-on, in ROM or
//! in the program before after a restart of the first core, halted by a debugger. It is put into
//! reset before `.bss` is cleared, so nothing that it did reaches this program, and its address is
//! the last thing it gets: it starts once. Its ROM writes its data at 0x3FFE_4350 and its stack
//! lies in D/IRAM, which becomes a heap once the core stands on a stack of this program.
//!
//! Source: ESP32 Technical Reference Manual, DPORT and RTC_CNTL registers; ESP-IDF v5.5
//! (`cpu_start.c`) for the order, `efuse_reg.h` for the fuse of chips with one core.

use core::arch::asm;
use core::mem;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::{cycles, interrupts};

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

/// At 80 MHz some 13 ms: a core whose reset ends is in its ROM's waiting loop long before.
const ROM_START_CYCLES: u32 = 1 << 20;
/// At 80 MHz a second, at 240 MHz a third of it.
const ANSWER_CYCLES: u32 = 80_000_000;
/// At 80 MHz 13 ms; flushing takes microseconds.
const FLUSH_CYCLES: u32 = 1 << 20;

const STACK_BYTES: usize = 8 * 1024;

#[repr(C, align(16))]
struct Stack([u8; STACK_BYTES]);

static mut STACK: Stack = Stack([0; STACK_BYTES]);

/// Whether the second core takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecondCore {
    /// It stands on a stack of this program.
    Works,
    /// This chip has none: its memory is free.
    Absent,
    /// It was started, and does not answer: its memory is left alone.
    Silent,
}

/// State that `start` found, for later queries.
static WORKS: AtomicBool = AtomicBool::new(false);

fn dport() -> &'static esp32::dport::RegisterBlock {
    // SAFETY: nothing else in this program uses the registers that this file and `psram` use.
    unsafe { &*esp32::DPORT::PTR }
}

/// Returns whether fuses say that this chip has a second core.
pub(crate) fn is_fitted() -> bool {
    // SAFETY: read only.
    let fuses = unsafe { &*esp32::EFUSE::PTR };
    fuses
        .blk0_rdata3()
        .read()
        .rd_disable_app_cpu()
        .bit_is_clear()
}

/// Stops the second core, whatever it does: called before memory is initialised. It waits for no
/// address from now on.
#[unsafe(export_name = "__pre_init")]
extern "C" fn hold_second_core() {
    set_address(0);
    dport()
        .appcpu_ctrl_a()
        .modify(|_, word| word.appcpu_resetting().set_bit());
    dport()
        .appcpu_ctrl_b()
        .modify(|_, word| word.appcpu_clkgate_en().clear_bit());
}

fn set_address(entry: u32) {
    // SAFETY: no core, or the address of code in IRAM.
    dport()
        .appcpu_ctrl_d()
        .write(|word| unsafe { word.appcpu_boot_addr().bits(entry) });
}

/// Entries of the table that maps flash, and of that for PSRAM. Source: ESP-IDF v5.5,
/// `cache_flash_mmu_set` and `cache_sram_mmu_set`.
const FLASH_ENTRIES: core::ops::Range<usize> = 0..256;
const PSRAM_ENTRIES: core::ops::Range<usize> = 1152..1280;
const FIRST_CORES_TABLE: usize = 0x3FF1_0000;
const SECOND_CORES_TABLE: usize = 0x3FF1_2000;

/// Lets the second core's cache serve what the first one's serves: a boot loader for one core maps
/// nothing for it. The core is held, its cache is off meanwhile.
pub(crate) fn share_mapping() {
    if !is_fitted() {
        return;
    }
    let cache = dport().app_cache_ctrl();
    cache.modify(|_, word| word.app_cache_enable().clear_bit());
    copy_entries(FLASH_ENTRIES);
    let (first, second) = (dport().pro_cache_ctrl1().read(), dport().app_cache_ctrl1());
    second.modify(|_, word| {
        word.app_cache_mask_drom0()
            .bit(first.pro_cache_mask_drom0().bit());
        // the bus of code in flash, at 0x400D_0000
        word.app_cache_mask_iram0()
            .bit(first.pro_cache_mask_iram0().bit())
    });
    let serves_psram = first.pro_cache_mask_dram1().bit_is_clear()
        && first.pro_cache_mask_opsdram().bit_is_clear();
    if serves_psram {
        copy_entries(PSRAM_ENTRIES);
        second.modify(|_, word| {
            word.app_cache_mask_dram1().clear_bit();
            word.app_cache_mask_opsdram().clear_bit()
        });
    }
}

/// Entries that are equal stay untouched.
fn copy_entries(entries: core::ops::Range<usize>) {
    for entry in entries {
        let first = ptr::with_exposed_provenance::<u32>(FIRST_CORES_TABLE + entry * 4);
        let second = ptr::with_exposed_provenance_mut::<u32>(SECOND_CORES_TABLE + entry * 4);
        // SAFETY: words of the table.
        let (wanted, there) = unsafe { (first.read_volatile(), second.read_volatile()) };
        if wanted != there {
            // SAFETY: the core whose table it is is held in reset.
            unsafe { second.write_volatile(wanted) };
        }
    }
}

/// Calls `round` on both cores at once, with the core's number and the call's, until both are done.
/// Where there is one core, it does the work of both by turns. Returns the participants.
pub(crate) fn on_both(round: fn(u32, u32)) -> &'static str {
    if !WORKS.load(Ordering::Relaxed) {
        (0..ROUNDS).for_each(|number| {
            round(0, number);
            round(1, number);
        });
        return "one core in two roles";
    }
    ROUND.store(round as usize, Ordering::Release);
    (0..ROUNDS).for_each(|number| round(0, number));
    while !DONE.load(Ordering::Acquire) {
        core::hint::spin_loop();
    }
    "both cores"
}

/// Starts the second core; returns when it stands on its own stack, waiting, or when it is known
/// that it does not.
pub(crate) fn start() -> SecondCore {
    if !is_fitted() {
        return SecondCore::Absent;
    }
    enable_cache();
    release();
    // Its ROM is through with start-up then, and nothing resets the core after it has its address.
    cycles::wait(ROM_START_CYCLES);
    set_address(second_core as extern "C" fn() -> ! as usize as u32);
    if cycles::until(ANSWER_CYCLES, || READY.load(Ordering::Acquire)) {
        WORKS.store(true, Ordering::Relaxed);
        SecondCore::Works
    } else {
        hold_second_core();
        SecondCore::Silent
    }
}

fn enable_cache() {
    let cache = dport().app_cache_ctrl();
    cache.modify(|_, word| word.app_cache_flush_ena().clear_bit());
    cache.modify(|_, word| word.app_cache_flush_ena().set_bit());
    cycles::until(FLUSH_CYCLES, || {
        cache.read().app_cache_flush_done().bit_is_set()
    });
    cache.modify(|_, word| word.app_cache_flush_ena().clear_bit());
    cache.modify(|_, word| word.app_cache_enable().set_bit());
}

/// Out of reset, with a clock, not stalled by either of the two that can: DPORT, and RTC_CNTL,
/// whose stall survives restarts.
fn release() {
    // SAFETY: nothing else in this program uses these registers.
    let rtc = unsafe { &*esp32::RTC_CNTL::PTR };
    // SAFETY: zero stalls no core.
    rtc.sw_cpu_stall()
        .modify(|_, word| unsafe { word.sw_stall_appcpu_c1().bits(0) });
    // SAFETY: as above.
    rtc.options0()
        .modify(|_, word| unsafe { word.sw_stall_appcpu_c0().bits(0) });
    dport()
        .appcpu_ctrl_b()
        .modify(|_, word| word.appcpu_clkgate_en().set_bit());
    dport()
        .appcpu_ctrl_c()
        .modify(|_, word| word.appcpu_runstall().clear_bit());
    dport()
        .appcpu_ctrl_a()
        .modify(|_, word| word.appcpu_resetting().clear_bit());
}

/// The ROM jumps here on a stack of its own, which is left at once.
#[unsafe(link_section = ".rwtext")]
extern "C" fn second_core() -> ! {
    unsafe extern "C" {
        static _init_start: u8;
    }
    // Sixteen bytes below the top are where the frame before is stored.
    let top = (&raw const STACK).wrapping_add(1).addr() - 32;
    // SAFETY: this core's vectors, interrupts and stack are nobody else's yet; `work` does not
    // return.
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
