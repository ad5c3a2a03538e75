//! Memory of the demonstration's heap.

use heap_caps::{BootError, Observer};
use heap_caps_alloc::{CapsHeap, Claimed, Parts, RawLock, SecondCore};
use multi_heap::Poison;

/// Boots all memory but the second core's, whose token comes back with the rest of the claim. No
/// Bluetooth controller is linked.
///
/// # Errors
/// As [`Ram::boot`](heap_caps_alloc::Ram::boot).
///
/// # Safety
/// - `psram` bytes of PSRAM are mapped, or it is 0.
/// - The program stands on stacks of its own: the boot loader's and the ROM's are over.
#[expect(
    clippy::type_complexity,
    reason = "two things, each with the heap's parameters"
)]
pub unsafe fn boot<L: RawLock, P: Poison, O: Observer, const HEAPS: usize>(
    parts: Parts<'_, CapsHeap<L, P, O, HEAPS>>,
    psram: u32,
) -> Result<(Claimed<'_, CapsHeap<L, P, O, HEAPS>>, SecondCore), BootError> {
    let ram = parts.ram.with(parts.bluetooth);
    let mut claimed = if psram == 0 {
        ram.boot()?
    } else {
        // SAFETY: the caller keeps the same contract.
        ram.with(unsafe { parts.psram.mapped(psram) }).boot()?
    };
    // SAFETY: the caller keeps the same contract.
    unsafe { claimed.release(parts.startup_stacks) };
    Ok((claimed, parts.second_core))
}
