//! Triggers of the core itself, in machine mode, as Espressif's RISC-V chips run.
//!
//! ```text
//!   tselect 0x7A0   tdata1 0x7A1   tdata2 0x7A2   tcontrol 0x7A5: 3 mte, triggers count in machine mode; 7 mpte, after `mret`
//! ```
//! The exception names the address in `mtval` and sets a bit of the trigger that fired, so no
//! register of the program is needed.

use core::arch::asm;
use core::ops::Range;

use super::{OFF, control, control_of_first, is_armed, reported, took_range};
use crate::stop::{Access, Stop};
use crate::watch::{Watch, Watchpoints};

/// The cause of a breakpoint; an interrupt has bit 31.
const BREAKPOINT: u32 = 3;
/// What of `mcause` is the cause: above it, some chips keep the state of the interrupt controller.
/// Source: RISC-V CLIC specification.
const CAUSE: u32 = 1 << 31 | 0xFFF;
/// `mte` and `mpte`.
const IN_MACHINE_MODE: u32 = 1 << 3 | 1 << 7;
/// More triggers than a chip has.
const MOST: u8 = 16;

/// The triggers of the core that calls. Not for programs in user or supervisor mode: their
/// instructions are refused.
#[derive(Clone, Copy, Debug)]
pub struct Triggers;

impl Watchpoints for Triggers {
    const LARGEST: u32 = super::LARGEST;

    fn slots(&self) -> u8 {
        numbers().end
    }

    fn is_free(&self, slot: u8) -> bool {
        is_there(slot) && !is_armed(control_of(slot))
    }

    fn set(&self, slot: u8, watch: Option<Watch>) -> bool {
        if !is_there(slot) {
            return false;
        }
        let Some(watch) = watch else {
            return !is_armed(arm(slot, (OFF, 0)));
        };
        took_range(arm(slot, control(watch))) || is_armed(arm(slot, control_of_first(watch)))
    }
}

/// The exception that the core handles now, by its registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// `mcause`; 3 is a breakpoint.
    pub cause: u32,
    /// `mepc`: the instruction that was stopped.
    pub counter: u32,
    /// `mtval`: what it touched, of a trigger.
    pub address: u32,
}

impl Exception {
    /// Reads the registers: for a handler of exceptions, before it lets others come.
    #[must_use]
    pub fn current() -> Self {
        let (cause, counter, address): (u32, u32, u32);
        // SAFETY: reads three registers.
        unsafe {
            asm!(
                "csrr {cause}, mcause",
                "csrr {counter}, mepc",
                "csrr {address}, mtval",
                cause = out(reg) cause, counter = out(reg) counter, address = out(reg) address,
                options(nomem, nostack),
            );
        }
        Self {
            cause: cause & CAUSE,
            counter,
            address,
        }
    }

    /// Returns what the trigger reports; `None` if the exception is not a breakpoint.
    /// `return_address` is the interrupted function's, `ra` in the frame that the handler gets;
    /// `is_watched` says whether a guard watches some bytes, see
    /// [`Guarded::watches`](crate::Guarded::watches). O(triggers).
    pub fn stop(self, return_address: u32, is_watched: impl Fn(Access) -> bool) -> Option<Stop> {
        if self.cause != BREAKPOINT {
            return None;
        }
        let code = |address: u32| {
            let word = core::ptr::with_exposed_provenance::<u32>((address & !3) as usize);
            // SAFETY: the instruction was fetched from there; code is read by aligned words.
            let word = unsafe { word.read_volatile() };
            (word >> (8 * (address & 2)) & 0xFFFF) as u16
        };
        let slot = numbers().find(|slot| super::has_hit(control_of(*slot)));
        let Self {
            counter, address, ..
        } = self;
        Some(reported(
            counter,
            return_address,
            address,
            slot,
            code,
            is_watched,
        ))
    }
}

/// Returns the numbers of the triggers that the core has. O(triggers).
fn numbers() -> Range<u8> {
    0..(0..MOST).find(|slot| !is_there(*slot)).unwrap_or(MOST)
}

/// Selects a trigger; whether the core has it.
fn is_there(slot: u8) -> bool {
    let selected: u32;
    // SAFETY: selects a trigger for the functions below, which select theirs first.
    unsafe {
        asm!(
            "csrw 0x7A0, {slot}",
            "csrr {selected}, 0x7A0",
            slot = in(reg) u32::from(slot), selected = out(reg) selected,
            options(nomem, nostack),
        );
    }
    selected == u32::from(slot)
}

/// `tdata1` of a trigger.
fn control_of(slot: u8) -> u32 {
    let control: u32;
    // SAFETY: reads a trigger.
    unsafe {
        asm!(
            "csrw 0x7A0, {slot}",
            "csrr {control}, 0x7A1",
            slot = in(reg) u32::from(slot), control = out(reg) control,
            options(nomem, nostack),
        );
    }
    control
}

/// Writes a trigger, disarmed in between; returns what `tdata1` then is.
///
/// Triggers count from the first one that is armed on. They pause in a handler of exceptions: what
/// disarms one there leaves it so.
fn arm(slot: u8, (control, address): (u32, u32)) -> u32 {
    let taken: u32;
    let counting = if is_armed(control) {
        IN_MACHINE_MODE
    } else {
        0
    };
    // SAFETY: a trigger stops the program at stores, and only there.
    unsafe {
        asm!(
            "csrw 0x7A0, {slot}",
            "csrs 0x7A5, {counting}",
            "csrw 0x7A1, {off}",
            "csrw 0x7A2, {address}",
            "csrw 0x7A1, {control}",
            "csrr {taken}, 0x7A1",
            slot = in(reg) u32::from(slot), counting = in(reg) counting,
            off = in(reg) OFF, address = in(reg) address, control = in(reg) control,
            taken = out(reg) taken,
            options(nostack),
        );
    }
    taken
}
