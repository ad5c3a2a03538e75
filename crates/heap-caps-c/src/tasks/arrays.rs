//! Arrays for the statistics of tasks, from the shared heap.
//!
//! They are as long as is needed now, the blocks that the arrays themselves are included.

use core::ffi::c_void;

use heap_trace::Owner;
use soc_regions::Caps;

use super::fill::{accounts, heaps_of, in_order, live};
use super::records::{CAllTasks, CHeapStat, CSingleTask, CTaskBlock, CTaskStat};
use crate::caps::{EspErr, EspError};
use crate::ffi;
use crate::serve::{self, Call, free_named};

/// The blocks that the three arrays will be.
const OWN: usize = 3;

/// Returns an array; null for no places.
fn array<T>(count: usize) -> *mut T {
    let call = Call {
        name: c"heap_caps_alloc_task_stat_arrays",
        tells_failure: false,
        request: serve::array(count, size_of::<T>(), Caps::BIT8)
            .zeroed()
            .aligned_to(align_of::<T>()),
    };
    call.allocate().cast()
}

fn blocks_of(task: Owner) -> usize {
    accounts(|accounts| accounts.of(task)).blocks as usize // widening
}

fn heaps_of_all() -> usize {
    in_order().map(|(task, _)| heaps_of(task).count()).sum()
}

fn blocks_of_all() -> usize {
    in_order().map(|(task, _)| blocks_of(task)).sum()
}

/// Allocates arrays for all tasks. `ESP_FAIL` where there is no memory; those that could be
/// allocated are there.
///
/// # Safety
/// - `all` is null or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_alloc_all_task_stat_arrays(all: *mut CAllTasks) -> EspErr {
    let tasks = in_order().count();
    // The task that allocates the arrays may be one, or use a heap, that had none.
    let counts = match tasks {
        0 => [0, 0, 0],
        _ => [tasks + 1, heaps_of_all() + OWN, blocks_of_all() + OWN],
    };
    let mut made = CAllTasks {
        task_count: 0,
        stat_arr: array::<CTaskStat>(counts[0]),
        heap_count: 0,
        heap_stat_start: array::<CHeapStat>(counts[1]),
        alloc_count: 0,
        alloc_stat_start: array::<CTaskBlock>(counts[2]),
    };
    // The arrays are blocks of a task themselves: what is needed is counted when they are there.
    if tasks > 0 {
        let needed = [in_order().count(), heaps_of_all(), blocks_of_all()];
        made.task_count = needed[0].min(counts[0]);
        made.heap_count = needed[1].min(counts[1]);
        made.alloc_count = needed[2].min(counts[2]);
    }
    let complete = [
        made.stat_arr.cast::<c_void>(),
        made.heap_stat_start.cast(),
        made.alloc_stat_start.cast(),
    ];
    // SAFETY: the caller keeps the same contract.
    let given = unsafe { ffi::write_out(all, made) };
    outcome(given, tasks, &complete)
}

/// Takes arrays for one task (null: the one that runs). `ESP_FAIL` where there is no memory.
///
/// # Safety
/// - `one` is null or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_alloc_single_task_stat_arrays(
    one: *mut CSingleTask,
    task: *mut c_void,
) -> EspErr {
    // SAFETY: the caller keeps the same contract.
    let Some(mut made) = (unsafe { ffi::read(one) }) else {
        return EspError::InvalidArg.code();
    };
    let found = live(task);
    let counts = match &found {
        None => [0, 0],
        Some((number, _)) => [heaps_of(*number).count() + OWN, blocks_of(*number) + OWN],
    };
    (made.heap_stat_start, made.alloc_stat_start) = (array(counts[0]), array(counts[1]));
    let complete = [made.heap_stat_start.cast(), made.alloc_stat_start.cast()];
    // The arrays may be blocks of this task: what is needed is counted when they are there.
    if let Some((number, _)) = found {
        made.heap_count = heaps_of(number).count().min(counts[0]);
        made.alloc_count = blocks_of(number).min(counts[1]);
    } else {
        (made.heap_count, made.alloc_count) = (0, 0);
    }
    // SAFETY: the caller keeps the same contract.
    let given = unsafe { ffi::write_out(one, made) };
    outcome(given, found.iter().count(), &complete)
}

fn outcome(given: bool, tasks: usize, arrays: &[*mut c_void]) -> EspErr {
    let error = match (given, tasks) {
        (false, _) => EspError::InvalidArg,
        (true, 0) => EspError::Ok,
        (true, _) if arrays.iter().any(|array| array.is_null()) => EspError::Fail,
        (true, _) => EspError::Ok,
    };
    error.code()
}

/// Gives the arrays back.
///
/// # Safety
/// - `all` is null or was filled in by [`heap_caps_alloc_all_task_stat_arrays`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_free_all_task_stat_arrays(all: *mut CAllTasks) {
    // SAFETY: the caller keeps the same contract.
    let Some(arrays) = (unsafe { ffi::read(all) }) else {
        return;
    };
    for array in [
        arrays.stat_arr.cast::<c_void>(),
        arrays.heap_stat_start.cast(),
        arrays.alloc_stat_start.cast(),
    ] {
        // SAFETY: the caller gives the arrays up.
        unsafe { free_named(c"heap_caps_free_all_task_stat_arrays", array) };
    }
    let none = CAllTasks {
        task_count: 0,
        stat_arr: core::ptr::null_mut(),
        heap_count: 0,
        heap_stat_start: core::ptr::null_mut(),
        alloc_count: 0,
        alloc_stat_start: core::ptr::null_mut(),
    };
    // SAFETY: the caller keeps the same contract.
    unsafe { ffi::write_out(all, none) };
}

/// Gives the arrays back.
///
/// # Safety
/// - `one` is null or was filled in by [`heap_caps_alloc_single_task_stat_arrays`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_free_single_task_stat_arrays(one: *mut CSingleTask) {
    // SAFETY: the caller keeps the same contract.
    let Some(mut arrays) = (unsafe { ffi::read(one) }) else {
        return;
    };
    for array in [
        arrays.heap_stat_start.cast::<c_void>(),
        arrays.alloc_stat_start.cast(),
    ] {
        // SAFETY: the caller gives the arrays up.
        unsafe { free_named(c"heap_caps_free_single_task_stat_arrays", array) };
    }
    (arrays.heap_count, arrays.heap_stat_start) = (0, core::ptr::null_mut());
    (arrays.alloc_count, arrays.alloc_stat_start) = (0, core::ptr::null_mut());
    // SAFETY: the caller keeps the same contract.
    unsafe { ffi::write_out(one, arrays) };
}
