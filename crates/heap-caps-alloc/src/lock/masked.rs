//! Interrupts off on this core, and a lock word against the other core.

use super::RawLock;

/// How a core keeps interrupts away.
///
/// On Xtensa this is `rsil`, which raises the interrupt level and returns the old one; on RISC-V a
/// write to `mstatus`.
///
/// # Safety
/// - Between `mask` and the `restore` that follows, no interrupt runs on this core that may use the
///   heap.
/// - Masks nest: `restore` brings back what was before the `mask` that returned `state`.
/// - Neither the compiler nor the core moves memory accesses out from between the two.
pub unsafe trait InterruptMask {
    /// What was before: the old interrupt level.
    type State;

    /// Keeps interrupts away from this core.
    fn mask() -> Self::State;

    /// Brings back what was before.
    ///
    /// # Safety
    /// `state` is that of the last `mask` on this core that was not restored yet.
    unsafe fn restore(state: Self::State);
}

/// A lock for chips with interrupts and more than one core: masks this core's interrupts, then
/// takes the inner lock.
///
/// ```text
///   core 0   mask ── acquire ─ O(heaps) ─ release ── restore
///   core 1        mask ── (waits, interrupts off) ── acquire ─ …
/// ```
///
/// With interrupts off, the inner lock is held for as long as the other core's O(heaps) work takes:
/// that is the bound of the wait.
pub struct Masked<M, L> {
    inner: L,
    mask: core::marker::PhantomData<fn() -> M>,
}

// SAFETY: the inner lock excludes everybody else. The interrupts of this core, which would wait for
// ever for what they interrupted, are away from before it is taken until after it is open.
unsafe impl<M: InterruptMask, L: RawLock> RawLock for Masked<M, L> {
    const INIT: Self = Self {
        inner: L::INIT,
        mask: core::marker::PhantomData,
    };

    type Token = (M::State, L::Token);

    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    fn acquire(&self) -> Self::Token {
        let state = M::mask();
        (state, self.inner.acquire())
    }

    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    unsafe fn release(&self, (state, token): Self::Token) {
        // SAFETY: the caller hands back what `acquire` got from the inner lock.
        unsafe { self.inner.release(token) };
        // SAFETY: masks and locks nest, so this is the state of the last mask.
        unsafe { M::restore(state) };
    }
}
