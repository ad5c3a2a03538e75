//! Check of an interrupt handler that uses the heap which the program is using.

use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use on_target::{HEAP, interrupts};
use soc_regions::Caps;

use crate::Check;

pub(crate) const CHECKS: &[Check] = &[(
    "an_interrupt_handler_allocates_while_the_program_does",
    an_interrupt_handler_allocates_while_the_program_does,
)];

/// Instructions between interrupts: comes at another instruction of an allocation each time,
/// hundreds of times.
const PERIOD: u32 = 3907;
const ENOUGH: u32 = 500;

static INTERRUPTS: AtomicU32 = AtomicU32::new(0);
static KEPT: [AtomicPtr<u32>; 8] = [const { AtomicPtr::new(core::ptr::null_mut()) }; 8];

/// Frees the block of eight interrupts ago, after a check of it, and allocates another.
fn handler() {
    let number = INTERRUPTS.load(Ordering::Relaxed);
    INTERRUPTS.store(number + 1, Ordering::Relaxed);
    let place = &KEPT[number as usize % KEPT.len()];
    if let Some(old) = core::ptr::NonNull::new(place.load(Ordering::Relaxed)) {
        // SAFETY: the block is the handler's own.
        assert_eq!(unsafe { old.as_ptr().read() }, number.wrapping_sub(8));
        // SAFETY: and nobody will use it again.
        unsafe { HEAP.free(old.cast()) }.unwrap();
    }
    let size = 4 + (number as usize * 37) % 300;
    let block = HEAP
        .malloc(size, Caps::INTERNAL | Caps::BIT8)
        .unwrap()
        .cast();
    // SAFETY: the block has at least one word.
    unsafe { block.write(number) };
    place.store(block.as_ptr(), Ordering::Relaxed);
}

fn an_interrupt_handler_allocates_while_the_program_does() {
    // SAFETY: this check is the whole program.
    unsafe { on_target::boot_heap() }.unwrap();
    interrupts::start_timer(PERIOD, handler);
    let mut rounds = 0_usize;
    while INTERRUPTS.load(Ordering::Relaxed) < ENOUGH {
        let size = 1 + (rounds * 61) % 900;
        let block = alloc::vec![rounds.to_le_bytes()[0]; size];
        let grown = [block.as_slice(), &[7; 40]].concat();
        assert!(grown.iter().take(size).all(|&byte| byte == block[0]));
        rounds += 1;
    }
    interrupts::stop_timer();
    assert!(rounds > 100, "the program went on: {rounds} rounds");
    HEAP.inspect()
        .locked(|heaps| assert_eq!(heaps.check_integrity(Caps::empty()), Ok(())));
}
