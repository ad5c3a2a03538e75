//! Totals and blocks by task: `heap_caps_get_per_task_info`.

use core::ffi::c_void;

use heap_caps::HeapView;

use super::fill::{block_of, each_owned_block};
use super::records::{CTaskBlock, CTaskInfoParams, CTotals, KINDS};
use super::task_ids;
use crate::ffi;

/// Fills in totals and blocks; returns how many blocks. O(blocks).
///
/// # Safety
/// - `params` is null, or its arrays have as many elements as it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_get_per_task_info(params: *mut CTaskInfoParams) -> usize {
    // SAFETY: the caller keeps the same contract.
    let Some(params) = (unsafe { ffi::read(params) }) else {
        return 0;
    };
    // SAFETY: the caller keeps the same contract.
    let wanted = unsafe { ffi::list(params.tasks, params.num_tasks) };
    // SAFETY: the caller keeps the same contract.
    let mut known = unsafe { ffi::read(params.num_totals) }
        .unwrap_or(0)
        .min(params.max_totals);
    let mut written = 0;
    each_owned_block(|heap, pointer, size, owner| {
        let Some(task) = task_ids::known().find(|(number, _)| *number == owner) else {
            return;
        };
        let task = task.1.handle();
        // SAFETY: the caller keeps the same contract.
        unsafe { count(&params, &mut known, task, kind(&params, heap), size) };
        let is_wanted = params.tasks.is_null() || wanted.contains(&task);
        if is_wanted && !params.blocks.is_null() && written < params.max_blocks {
            let block: CTaskBlock = block_of(task, pointer, size);
            // SAFETY: the caller keeps the same contract.
            unsafe { ffi::write_at(params.blocks, written, block) };
            written += 1;
        }
    });
    // SAFETY: the caller keeps the same contract.
    unsafe { ffi::write_out(params.num_totals, known) };
    written
}

/// Returns the first kind of memory that a heap is of.
fn kind(params: &CTaskInfoParams, heap: &HeapView) -> Option<usize> {
    let caps = heap.caps.bits();
    (0..KINDS).find(|&kind| {
        let pair = params.caps.get(kind).zip(params.mask.get(kind));
        pair.is_some_and(|(wanted, mask)| caps & mask.cast_unsigned() == wanted.cast_unsigned())
    })
}

/// Adds a block to the totals of its task, which come to the end of the array if there is room.
///
/// # Safety
/// As [`heap_caps_get_per_task_info`].
unsafe fn count(
    params: &CTaskInfoParams,
    known: &mut usize,
    task: *mut c_void,
    kind: Option<usize>,
    size: u32,
) {
    // SAFETY: the caller keeps the same contract.
    let totals = unsafe { ffi::list(params.totals, *known) };
    let place = totals.iter().position(|totals| totals.task == task);
    let (place, mut totals) = match place {
        Some(place) => (place, totals.get(place).copied()),
        None if *known < params.max_totals && !params.totals.is_null() => {
            *known += 1; // at most max_totals
            (*known - 1, None)
        }
        None => return,
    };
    let totals = totals.get_or_insert(CTotals {
        task,
        size: [0; KINDS],
        count: [0; KINDS],
    });
    if let Some(kind) = kind {
        if let Some(bytes) = totals.size.get_mut(kind) {
            *bytes = bytes.saturating_add(size as usize); // widening
        }
        if let Some(blocks) = totals.count.get_mut(kind) {
            *blocks = blocks.saturating_add(1);
        }
    }
    // SAFETY: the caller keeps the same contract.
    unsafe { ffi::write_at(params.totals, place, *totals) };
}
