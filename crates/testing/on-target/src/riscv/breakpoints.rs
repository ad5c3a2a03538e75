//! Triggers of the emulated RISC-V, by machine mode's services.

use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering};

use heap_guard::{Access, Stop, Watch, Watchpoints, riscv};

use super::service;

/// The triggers of the core.
#[derive(Clone, Copy, Debug)]
pub struct Breakpoints;

/// Returns what `tdata1` then is.
fn trigger<const SERVICE: u32>(slot: u8, (control, address): (u32, u32)) -> u32 {
    let result;
    // SAFETY: the services change no memory of the program and no other register.
    unsafe {
        asm!("ecall", inout("a0") u32::from(slot) => result, in("a1") control, in("a2") address, inout("a7") SERVICE => _, options(nostack));
    }
    result
}

impl Watchpoints for Breakpoints {
    const LARGEST: u32 = riscv::LARGEST;

    fn slots(&self) -> u8 {
        let there =
            (0..8).filter(|slot| trigger::<{ service::READ_TRIGGER }>(*slot, (0, 0)) != u32::MAX);
        there.count() as u8
    }

    fn is_free(&self, slot: u8) -> bool {
        !riscv::is_armed(trigger::<{ service::READ_TRIGGER }>(slot, (0, 0)))
    }

    fn set(&self, slot: u8, watch: Option<Watch>) -> bool {
        let set = |registers| trigger::<{ service::SET_TRIGGER }>(slot, registers);
        let Some(watch) = watch else {
            return !riscv::is_armed(set((riscv::OFF, 0)));
        };
        riscv::took_range(set(riscv::control(watch)))
            || riscv::is_armed(set(riscv::control_of_first(watch)))
    }
}

static HANDLER: AtomicUsize = AtomicUsize::new(0);
static WATCHED: AtomicUsize = AtomicUsize::new(0);

/// Calls `handler` with each stop at a data breakpoint, with interrupts masked; the program ends if
/// it returns that the stop is not its own. `is_watched` says whether an access is one that is
/// watched.
pub fn on_data_breakpoint(handler: fn(&Stop) -> bool, is_watched: fn(Access) -> bool) {
    WATCHED.store(is_watched as usize, Ordering::Relaxed);
    HANDLER.store(handler as usize, Ordering::Relaxed);
}

/// Handles a breakpoint at `counter`; returns whether the program goes on.
pub(super) fn stopped(counter: u32, registers: &[u32; 32]) -> bool {
    let handler = HANDLER.load(Ordering::Relaxed);
    if handler == 0 {
        return false;
    }
    // SAFETY: `on_data_breakpoint` stored a function of this type.
    let handler: fn(&Stop) -> bool = unsafe { core::mem::transmute(handler) };
    let watched = WATCHED.load(Ordering::Relaxed);
    // SAFETY: the same.
    let watched: fn(Access) -> bool = unsafe { core::mem::transmute(watched) };
    let code = |address: u32| {
        let place = core::ptr::with_exposed_provenance::<u16>(address as usize);
        // SAFETY: the instruction at the counter, and those around it, which can be read.
        unsafe { place.read_volatile() }
    };
    handler(&riscv::stop(counter, registers, code, watched))
}
