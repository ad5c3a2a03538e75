//! The instructions that the lock consists of.

#[cfg(target_arch = "xtensa")]
mod xtensa {
    // The linker makes each of these one instruction or two, see
    // `crates/testing/xtensa-toolchain/src/ir.rs`.
    unsafe extern "C" {
        safe fn xtensa_mask_interrupts() -> u32;
        safe fn xtensa_restore_interrupts(status: u32);
        safe fn xtensa_processor_id() -> u32;
    }

    /// The bit of the processor's number in which the two cores of an ESP32 differ.
    const CORE: u32 = 0x2000;

    #[inline]
    pub(crate) fn mask() -> u32 {
        xtensa_mask_interrupts()
    }

    #[inline]
    pub(crate) fn restore(status: u32) {
        xtensa_restore_interrupts(status);
    }

    #[inline]
    pub(crate) fn core_number() -> usize {
        (xtensa_processor_id() & CORE) as usize
    }
}

#[cfg(target_arch = "riscv32")]
mod riscv {
    use core::arch::asm;

    /// Interrupts of supervisor mode, in which emulated programs run.
    const ENABLED: u32 = 2;

    #[inline]
    pub(crate) fn mask() -> u32 {
        let status: u32;
        // SAFETY: masking interrupts is always allowed; no `nomem`: accesses stay on their side.
        unsafe { asm!("csrrci {}, sstatus, 2", out(reg) status, options(nostack)) };
        status & ENABLED
    }

    #[inline]
    pub(crate) fn restore(status: u32) {
        // SAFETY: as it was before.
        unsafe { asm!("csrs sstatus, {}", in(reg) status & ENABLED, options(nostack)) };
    }

    #[inline]
    pub(crate) fn core_number() -> usize {
        0
    }
}

#[cfg(target_arch = "riscv32")]
pub(crate) use riscv::{core_number, mask, restore};
#[cfg(target_arch = "xtensa")]
pub(crate) use xtensa::{core_number, mask, restore};
