//! Guards on simulated watchpoints: code that writes behind a block, or into one that was freed, is
//! caught; everything else is as the heap itself does it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block,
    clippy::result_large_err,
    clippy::cast_possible_truncation,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

mod support;

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

use heap_caps::{AllocRequest, MisuseKind, ReallocateError};
use heap_caps_alloc::Shrinker;
use heap_guard::{Access, Caught, Sampling, Stop, Watchpoints};
use heap_trace::Owner;
use soc_regions::Caps;
use support::{OWNER, Program, take_caught};

const CAPS: Caps = Caps::BIT8;

fn hit(caught: &Caught) -> &heap_guard::Hit {
    match caught {
        Caught::Write(hit) => hit,
        Caught::Change(change) => panic!("{change:?}"),
    }
}

#[test]
fn a_write_behind_a_guarded_block_is_caught_with_its_writer() {
    let program = Program::new();
    program.heap.set_sampling(Sampling::one_of(1));
    let block = OWNER.with(Owner(1), || program.heap.malloc(96, CAPS).unwrap());
    program.write(block, 95, 0x400D_0001);
    assert_eq!(program.heap.poll(), 0, "the user's own byte");
    OWNER.with(Owner(2), || program.write(block, 96, 0x400D_1234));
    program.write(block, 97, 0x400D_5678);
    assert_eq!(program.heap.poll(), 1, "a guard tells of its first hit");
    let caught = take_caught();
    let [caught] = caught.as_slice() else {
        panic!("{caught:?}")
    };
    let hit = hit(caught);
    assert_eq!((hit.counter, hit.owner), (0x400D_1234, Owner(2)));
    let address = program.address(block);
    assert_eq!(hit.access.unwrap().address, address + 96);
    assert_eq!((hit.block.address, hit.block.size), (address, 96));
    let allocated = hit.block.allocated.unwrap();
    assert_eq!(allocated.owner, Owner(1));
    assert!(allocated.place.unwrap().file().ends_with("guards.rs"));
    assert!(hit.block.freed.is_none());
    program.free(block);
    program.heap.release();
    assert_eq!(
        take_caught(),
        [],
        "what was reported is not reported again as a change"
    );
    program.assert_pristine();
}

#[test]
fn a_write_into_a_freed_block_is_caught_with_who_freed_it() {
    let program = Program::new();
    program.heap.set_sampling(Sampling::one_of(1));
    let block = OWNER.with(Owner(1), || program.heap.malloc(60, CAPS).unwrap());
    OWNER.with(Owner(3), || program.free(block));
    program.heap.set_sampling(Sampling::OFF);
    let other = program.heap.malloc(60, CAPS).unwrap();
    assert_ne!(block, other, "it is kept");
    program.write(block, 8, 0x400D_1234);
    program.free(other);
    let caught = take_caught();
    let [caught] = caught.as_slice() else {
        panic!("{caught:?}")
    };
    let hit = hit(caught);
    assert_eq!(hit.access.unwrap().address, program.address(block) + 8);
    let block = hit.block;
    assert_eq!(block.allocated.unwrap().owner, Owner(1));
    assert_eq!(block.freed.unwrap().owner, Owner(3));
    program.heap.release();
    assert_eq!(take_caught(), []);
    program.assert_pristine();
}

#[test]
fn a_write_that_no_breakpoint_saw_is_reported_as_a_change_when_the_block_goes() {
    for (freed, at) in [(false, 61), (false, 64 + 31), (true, 80)] {
        let program = Program::new();
        program.heap.set_sampling(Sampling::one_of(1));
        let block = program.heap.malloc(61, CAPS).unwrap();
        let free = || program.free(block);
        if freed {
            free();
        }
        // SAFETY: inside of what the guard has.
        unsafe { block.add(at).write(7) };
        if !freed {
            free();
        }
        program.heap.release();
        let caught = take_caught();
        let [Caught::Change(change)] = caught.as_slice() else {
            panic!("{caught:?}")
        };
        let start = program.address(block);
        assert_eq!(change.address, start + (at as u32 & !3));
        assert_eq!(change.found.to_le_bytes()[at % 4], 7);
        program.assert_pristine();
    }
}

#[test]
fn every_size_is_watched_from_its_last_word_on() {
    let program = Program::new();
    program.heap.set_sampling(Sampling::one_of(1));
    for size in 1..200_usize {
        let block = program.heap.malloc(size, CAPS).unwrap();
        assert_eq!(program.heap.usable_size(block).unwrap(), size as u32);
        let first = size.next_multiple_of(4);
        program.write(block, first - 1, 1);
        assert_eq!(program.heap.poll(), 0, "{size}");
        program.write(block, first, 2);
        assert_eq!(program.heap.poll(), 1, "{size}");
        program.free(block);
    }
    take_caught();
    program.heap.release();
    take_caught();
    program.assert_pristine();
}

#[test]
fn a_second_free_and_other_uses_of_a_kept_block_are_refused() {
    let program = Program::new();
    program.heap.set_sampling(Sampling::one_of(1));
    let guarded = program.heap.malloc(60, CAPS).unwrap();
    program.heap.set_sampling(Sampling::OFF);
    program.heap.set_quarantine(4096);
    let kept = program.heap.malloc(60, CAPS).unwrap();
    for block in [guarded, kept] {
        // SAFETY: the block is the program's; then a block that is kept, which is refused.
        let free = || unsafe { program.heap.free(block) }.map_err(|misuse| misuse.kind);
        assert_eq!(free(), Ok(()));
        assert_eq!(free(), Err(MisuseKind::AlreadyFree));
        let measured = program.heap.usable_size(block);
        assert_eq!(measured.unwrap_err().kind, MisuseKind::AlreadyFree);
        let request = AllocRequest::new(90, CAPS);
        // SAFETY: the same.
        let resized = unsafe { program.heap.reallocate(block, &request) };
        let Err(ReallocateError::Misuse(misuse)) = resized else {
            panic!()
        };
        assert_eq!(misuse.kind, MisuseKind::AlreadyFree);
    }
    program.heap.release();
    assert_eq!(take_caught(), []);
    program.assert_pristine();
}

#[test]
fn a_resized_block_keeps_its_bytes_and_loses_its_guard() {
    let program = Program::new();
    program.heap.set_sampling(Sampling::one_of(1));
    let block = program.heap.malloc(20, CAPS).unwrap();
    program.heap.set_sampling(Sampling::OFF);
    for byte in 0..20 {
        program.write(block, byte, 0);
        // SAFETY: the block's own bytes.
        unsafe { block.add(byte).write(byte as u8) };
    }
    // SAFETY: the block is the program's, and is used by the new pointer from now on.
    let block = unsafe {
        program
            .heap
            .reallocate(block, &AllocRequest::new(400, CAPS))
    }
    .unwrap();
    // SAFETY: the block's own bytes.
    let bytes = unsafe { NonNull::slice_from_raw_parts(block, 20).as_ref() };
    assert!(
        bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| usize::from(*byte) == at)
    );
    program.write(block, 20, 1);
    program.write(block, 399, 1);
    program.free(block);
    assert_eq!((program.heap.poll(), take_caught()), (0, vec![]));
    program.assert_pristine();
}

#[test]
fn slots_of_others_are_left_alone() {
    let program = Program::new();
    program.breakpoints.arm_as_debugger(0);
    program.heap.set_sampling(Sampling::one_of(1));
    let blocks = [(); 3].map(|()| program.heap.malloc(40, CAPS).unwrap());
    assert_eq!(program.heap.figures().live, 1, "one slot is left");
    assert!(program.breakpoints.is_the_debuggers(0));
    assert!(!program.breakpoints.is_free(1));
    program.write(blocks[1], 40, 1);
    assert_eq!(program.heap.poll(), 0, "its slot went to the next");
    program.write(blocks[2], 40, 1);
    assert_eq!(program.heap.poll(), 1);
    for block in blocks {
        program.free(block);
    }
    program.heap.release();
    assert!(program.breakpoints.is_the_debuggers(0) && program.breakpoints.is_free(1));
    take_caught();
    program.assert_pristine();
}

#[test]
fn a_mask_says_which_slots_may_be_used() {
    let program = Program::with_slots(0b10);
    program.heap.set_sampling(Sampling::one_of(1));
    let block = program.heap.malloc(40, CAPS).unwrap();
    assert!(program.breakpoints.is_free(0) && !program.breakpoints.is_free(1));
    program.free(block);
    program.heap.release();
    program.assert_pristine();
}

#[test]
fn only_those_who_are_wanted_get_a_guard() {
    let program = Program::new();
    let suspect = Sampling::one_of(1).only(|candidate| candidate.owner == Owner(2));
    program.heap.set_sampling(suspect);
    let mut blocks = Vec::new();
    for round in 0..10 {
        let owner = Owner(if round == 7 { 2 } else { 1 });
        blocks.push(OWNER.with(owner, || program.heap.malloc(40, CAPS).unwrap()));
    }
    assert_eq!(program.heap.figures().sampled, 1);
    program.write(blocks[7], 40, 1);
    program.write(blocks[6], 39, 1);
    assert_eq!(program.heap.poll(), 1);
    for block in blocks {
        program.free(block);
    }
    program.heap.release();
    take_caught();
    program.assert_pristine();
}

#[test]
fn a_guard_is_no_reason_to_refuse_memory() {
    let program = Program::new();
    program.heap.set_sampling(Sampling::one_of(1));
    let all = program.heap.heap().inspect().largest_free_block(CAPS) as usize;
    let block = program.heap.malloc(all, CAPS).unwrap();
    assert_eq!(program.heap.figures().sampled, 0);
    assert_eq!(program.heap.heap().inspect().failures(), 0);
    program.free(block);
    program.assert_pristine();
}

#[test]
fn a_stop_of_somebody_else_is_passed_on_and_one_that_came_late_is_not() {
    let program = Program::new();
    let stop = |address, slot| Stop {
        counter: 0x400D_0000,
        access: Some(Access { address, bytes: 4 }),
        slot,
        return_address: None,
    };
    assert!(!program.heap.on_debug_exception(&stop(0x3FFB_0000, Some(0))));
    program.heap.set_sampling(Sampling::one_of(1));
    let block = program.heap.malloc(40, CAPS).unwrap();
    program.heap.set_sampling(Sampling::OFF);
    let elsewhere = program.address(block) + 4096;
    assert!(!program.heap.on_debug_exception(&stop(elsewhere, Some(1))));
    assert!(!program.heap.on_debug_exception(&stop(elsewhere, None)));
    program.breakpoints.set(0, None); // as on a core without the change
    assert!(program.heap.on_debug_exception(&stop(elsewhere, Some(0))));
    assert!(!program.breakpoints.is_free(0), "armed as it should be");
    assert_eq!(program.heap.poll(), 0);
    program.breakpoints.set(0, None);
    program.heap.arm_this_core();
    program.write(block, 40, 1);
    assert_eq!(program.heap.poll(), 1);
    program.free(block);
    program.heap.release();
    take_caught();
    program.assert_pristine();
}

#[test]
fn a_stop_without_an_address_is_the_slots() {
    let program = Program::new();
    program.heap.set_sampling(Sampling::one_of(1));
    let blocks = [(); 2].map(|()| program.heap.malloc(40, CAPS).unwrap());
    let stop = Stop {
        counter: 0x400D_0000,
        access: None,
        slot: Some(1),
        return_address: Some(0x400D_0100),
    };
    assert!(program.heap.on_debug_exception(&stop));
    assert_eq!(program.heap.poll(), 1);
    let caught = take_caught();
    let found = hit(&caught[0]);
    assert_eq!(
        (found.access, found.return_address),
        (None, Some(0x400D_0100))
    );
    assert_eq!(found.block.address, program.address(blocks[1]));
    let of_none = Stop { slot: None, ..stop };
    assert!(
        program.heap.on_debug_exception(&of_none),
        "one is armed still"
    );
    assert!(!program.heap.on_debug_exception(&of_none), "none is");
    for block in blocks {
        program.free(block);
    }
    program.heap.release();
    take_caught();
    program.assert_pristine();
}

#[test]
fn the_quarantine_keeps_its_budget_and_reports_what_changed() {
    let program = Program::new();
    program.heap.set_quarantine(1000);
    let blocks = [(); 8].map(|()| program.heap.malloc(200, CAPS).unwrap());
    for block in blocks {
        OWNER.with(Owner(3), || program.free(block));
    }
    let figures = program.heap.figures();
    assert_eq!((figures.kept, figures.kept_bytes), (5, 1000));
    // SAFETY: memory of a kept block: the fault.
    unsafe { blocks[6].add(12).cast::<u32>().write(0x1234) };
    let large = program.heap.malloc(1001, CAPS).unwrap();
    program.free(large);
    assert_eq!(program.heap.figures().kept, 5, "too large to be kept");
    program.heap.set_quarantine(0);
    let caught = take_caught();
    let [Caught::Change(change)] = caught.as_slice() else {
        panic!("{caught:?}")
    };
    assert_eq!(change.address, program.address(blocks[6]) + 12);
    assert_eq!(
        (change.found, change.block.freed.unwrap().owner),
        (0x1234, Owner(3))
    );
    assert_eq!(program.heap.figures().kept, 0);
    program.assert_pristine();
}

#[test]
fn under_pressure_what_is_kept_is_freed_before_anybody_is_refused() {
    let program = Program::new();
    let shrinker = Shrinker::new("quarantine", Caps::empty(), program.heap);
    program
        .heap
        .heap()
        .pressure()
        .register_shrinker(shrinker)
        .unwrap();
    let all = program.heap.heap().inspect().largest_free_block(CAPS) as usize;
    program.heap.set_quarantine(u32::MAX);
    program.heap.set_sampling(Sampling::one_of(1));
    let guarded = program.heap.malloc(40, CAPS).unwrap();
    program.heap.set_sampling(Sampling::OFF);
    let blocks = [(); 4].map(|()| program.heap.malloc(all / 8, CAPS).unwrap());
    for block in blocks.into_iter().rev().chain([guarded]) {
        program.free(block);
    }
    assert_eq!(program.heap.figures().kept, 4);
    let block = program.heap.malloc(all / 2 + all / 5, CAPS).unwrap();
    let kept = program.heap.figures().kept;
    assert!(
        (1..4).contains(&kept),
        "as many as were needed: {kept} are left"
    );
    program.free(block);
    let block = program.heap.malloc(all, CAPS).unwrap();
    assert_eq!(
        (program.heap.figures().kept, program.heap.figures().freed),
        (0, 0)
    );
    assert_eq!(program.heap.heap().inspect().failures(), 0);
    program.heap.set_quarantine(0);
    program.free(block);
    program.assert_pristine();
}

#[test]
fn the_global_allocator_is_guarded_too() {
    let program = Program::new();
    let layout = Layout::from_size_align(50, 16).unwrap();
    program.heap.set_sampling(Sampling::one_of(1));
    // SAFETY: the size is not 0.
    let zeroed = NonNull::new(unsafe { program.heap.alloc_zeroed(layout) }).unwrap();
    // SAFETY: the block's own bytes.
    let bytes = unsafe { NonNull::slice_from_raw_parts(zeroed, 50).as_ref() };
    assert!(bytes.iter().all(|byte| *byte == 0));
    assert_eq!(zeroed.addr().get() % 16, 0);
    // SAFETY: the block is the program's.
    let grown = unsafe { GlobalAlloc::realloc(program.heap, zeroed.as_ptr(), layout, 500) };
    let large = Layout::from_size_align(500, 16).unwrap();
    // SAFETY: the block is the program's.
    unsafe { program.heap.dealloc(grown, large) };
    // SAFETY: the size is not 0.
    let block = NonNull::new(unsafe { program.heap.alloc(layout) }).unwrap();
    program.write(block, 52, 0x400D_1234);
    // SAFETY: the block is the program's.
    unsafe { program.heap.dealloc(block.as_ptr(), layout) };
    assert_eq!(hit(&take_caught()[0]).counter, 0x400D_1234);
    // SAFETY: a block that is kept: refused.
    unsafe { program.heap.dealloc(block.as_ptr(), layout) };
    assert_eq!(program.heap.heap().faults().reports(), 1);
    program.heap.release();
    program.assert_pristine();
}

/// Thousands of calls with everything switched on, off and over: blocks keep their bytes, nothing
/// is reported without a fault, and at the end all memory is back.
#[test]
fn a_program_without_a_fault_hears_nothing() {
    let program = Program::new();
    let mut random = 0x1234_5678_u32;
    let mut next = |below: u32| {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        random % below
    };
    let mut blocks: Vec<(NonNull<u8>, usize, u8)> = Vec::new();
    for step in 0..30_000_u32 {
        match next(100) {
            0 => program.heap.set_sampling(Sampling::one_of(next(6))),
            1 => program.heap.set_quarantine(next(3) * 3000),
            2 if next(10) == 0 => program.heap.release(),
            3..=45 if blocks.len() < 60 => {
                let size = 1 + next(300) as usize;
                let Ok(block) = program.heap.malloc(size, CAPS) else {
                    continue;
                };
                for byte in 0..size {
                    program.write(block, byte, step);
                }
                // SAFETY: the block's own bytes.
                unsafe { block.write_bytes(step as u8, size) };
                blocks.push((block, size, step as u8));
            }
            46..=60 if !blocks.is_empty() => {
                let (block, size, fill) = blocks.swap_remove(next(blocks.len() as u32) as usize);
                let now = 1 + next(300) as usize;
                let request = AllocRequest::new(now, CAPS);
                // SAFETY: the block is the program's.
                let resized = unsafe { program.heap.reallocate(block, &request) };
                let Ok(block) = resized else {
                    blocks.push((block, size, fill));
                    continue;
                };
                assert!(holds(block, size.min(now), fill));
                // SAFETY: the block's own bytes.
                unsafe { block.write_bytes(fill, now) };
                blocks.push((block, now, fill));
            }
            _ if !blocks.is_empty() => {
                let (block, size, fill) = blocks.swap_remove(next(blocks.len() as u32) as usize);
                assert!(holds(block, size, fill));
                program.free(block);
            }
            _ => {}
        }
    }
    assert!(program.heap.figures().sampled > 1000);
    for (block, size, fill) in blocks {
        assert!(holds(block, size, fill));
        program.free(block);
    }
    program.heap.set_quarantine(0);
    program.heap.release();
    assert_eq!(take_caught(), []);
    program.assert_pristine();
}

fn holds(block: NonNull<u8>, size: usize, fill: u8) -> bool {
    // SAFETY: the block's own bytes.
    let bytes = unsafe { NonNull::slice_from_raw_parts(block, size).as_ref() };
    bytes.iter().all(|byte| *byte == fill)
}
