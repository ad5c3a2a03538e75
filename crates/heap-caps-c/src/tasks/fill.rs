//! Statistics of tasks, in arrays of the caller.

use core::ffi::{c_char, c_void};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU8, Ordering};

use heap_caps::HeapView;
use heap_trace::Owner;

use super::accounts::{Accounts, HeapUsage};
use super::records::{CAllTasks, CHeapStat, CSingleTask, CTaskBlock, CTaskStat};
use super::task_ids::{self, Task};
use crate::caps::{EspErr, EspError, Shown};
use crate::ffi;
use crate::heap::HEAP;

/// Fills in as many tasks, heaps and blocks as fit. `ESP_ERR_INVALID_ARG` for null, and for an
/// array that is null but not empty.
///
/// # Safety
/// - `all` is null, or its arrays are as long as it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_get_all_task_stat(all: *mut CAllTasks) -> EspErr {
    // SAFETY: the caller keeps the same contract.
    let Some(mut arrays) = (unsafe { ffi::read(all) }) else {
        return EspError::InvalidArg.code();
    };
    let mut room = Room::new(
        (arrays.heap_stat_start, arrays.heap_count),
        (arrays.alloc_stat_start, arrays.alloc_count),
    );
    if arrays.stat_arr.is_null() && arrays.task_count > 0 || !room.is_there() {
        return EspError::InvalidArg.code();
    }
    let mut tasks = 0;
    for (number, task) in in_order().take(arrays.task_count) {
        // SAFETY: the caller keeps the same contract.
        let stat = unsafe { room.fill(number, task) };
        // SAFETY: the caller keeps the same contract.
        unsafe { ffi::write_at(arrays.stat_arr, tasks, stat) };
        tasks += 1; // at most task_count
    }
    arrays.task_count = tasks;
    (arrays.heap_count, arrays.alloc_count) = (room.heaps.1, room.blocks.1);
    // SAFETY: the caller keeps the same contract.
    unsafe { ffi::write_out(all, arrays) };
    EspError::Ok.code()
}

/// Fills in one task (null: the one that runs). `ESP_FAIL` for a task that is not known.
///
/// # Safety
/// - `one` is null, or its arrays are as long as it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_get_single_task_stat(
    one: *mut CSingleTask,
    task: *mut c_void,
) -> EspErr {
    // SAFETY: the caller keeps the same contract.
    let Some(mut arrays) = (unsafe { ffi::read(one) }) else {
        return EspError::InvalidArg.code();
    };
    let mut room = Room::new(
        (arrays.heap_stat_start, arrays.heap_count),
        (arrays.alloc_stat_start, arrays.alloc_count),
    );
    if !room.is_there() {
        return EspError::InvalidArg.code();
    }
    let Some((number, task)) = live(task) else {
        return EspError::Fail.code();
    };
    // SAFETY: the caller keeps the same contract.
    arrays.stat = unsafe { room.fill(number, task) };
    (arrays.heap_count, arrays.alloc_count) = (room.heaps.1, room.blocks.1);
    // SAFETY: the caller keeps the same contract.
    unsafe { ffi::write_out(one, arrays) };
    EspError::Ok.code()
}

/// Returns a live task that has, or had, memory; null is the one that runs.
pub(super) fn live(task: *mut c_void) -> Option<(Owner, &'static Task)> {
    let wanted = if task.is_null() {
        task_ids::current()
    } else {
        task
    };
    let number = task_ids::number_of(wanted)?;
    in_order().find(|(known, _)| *known == number)
}

/// Returns the tasks that have, or had, memory: by handle, the highest first, the one before there
/// were tasks last.
pub(super) fn in_order() -> impl Iterator<Item = (Owner, &'static Task)> {
    let mut before = None;
    core::iter::from_fn(move || {
        let behind = |key: &(usize, u8)| before.is_none_or(|before| *key < before);
        let next = task_ids::known()
            .filter(|(number, _)| accounts(|accounts| accounts.of(*number).allocations > 0))
            .filter(|(number, task)| behind(&(task.handle().addr(), number.0)))
            .max_by_key(|(number, task)| (task.handle().addr(), number.0))?;
        before = Some((next.1.handle().addr(), next.0.0));
        Some(next)
    })
}

pub(super) fn accounts<R>(look: impl FnOnce(&Accounts) -> R) -> R {
    HEAP.with_observer(|observer| look(&observer.1))
}

/// Returns the heaps that a task has used.
pub(super) fn heaps_of(task: Owner) -> impl Iterator<Item = (HeapView, HeapUsage)> {
    HEAP.inspect().heaps().filter_map(move |heap| {
        let usage = accounts(|accounts| accounts.of_heap(task, heap.index))?;
        Some((heap, usage))
    })
}

/// Shows every used block: its heap, pointer, size and owner.
pub(super) fn each_owned_block(mut visit: impl FnMut(&HeapView, NonNull<u8>, u32, Owner)) {
    for shown in Shown::all().flatten() {
        shown.each_block(|pointer, block| {
            if block.used {
                let owner = accounts(|accounts| accounts.owner(block.address));
                visit(&shown.heap, pointer, block.size, owner);
            }
            true
        });
    }
}

pub(super) fn block_of(task: *mut c_void, pointer: NonNull<u8>, size: u32) -> CTaskBlock {
    CTaskBlock {
        task,
        address: pointer.as_ptr().cast(),
        size,
    }
}

/// What is left of the caller's arrays: first place, places used, places there are.
struct Room {
    heaps: (*mut CHeapStat, usize, usize),
    blocks: (*mut CTaskBlock, usize, usize),
}

impl Room {
    fn new(heaps: (*mut CHeapStat, usize), blocks: (*mut CTaskBlock, usize)) -> Self {
        Self {
            heaps: (heaps.0, 0, heaps.1),
            blocks: (blocks.0, 0, blocks.1),
        }
    }

    fn is_there(&self) -> bool {
        (!self.heaps.0.is_null() || self.heaps.2 == 0)
            && (!self.blocks.0.is_null() || self.blocks.2 == 0)
    }

    /// # Safety
    /// The arrays are as long as is said.
    unsafe fn fill(&mut self, number: Owner, task: &Task) -> CTaskStat {
        let usage = accounts(|accounts| accounts.of(number));
        let count = heaps_of(number).count();
        let (first, used, length) = self.heaps;
        let fits = count <= length - used; // never more used than there are
        let heap_stat = if fits && count > 0 {
            first.wrapping_add(used)
        } else {
            ptr::null_mut()
        };
        if fits {
            for (heap, usage) in heaps_of(number).take(count) {
                // SAFETY: the caller keeps the same contract.
                let stat = unsafe { self.fill_heap(number, task, &heap, usage) };
                // SAFETY: the caller keeps the same contract; `fits` says that there is room.
                unsafe { ffi::write_at(first, self.heaps.1, stat) };
                self.heaps.1 += 1;
            }
        }
        CTaskStat {
            name: name_of(number, task),
            handle: task.handle(),
            is_alive: task.is_alive(),
            overall_peak_usage: usage.peak_bytes as usize, // widening
            overall_current_usage: usage.bytes as usize,   // widening
            heap_count: count,
            heap_stat,
        }
    }

    /// # Safety
    /// The arrays are as long as is said.
    unsafe fn fill_heap(
        &mut self,
        number: Owner,
        task: &Task,
        heap: &HeapView,
        usage: HeapUsage,
    ) -> CHeapStat {
        let (first, start, length) = self.blocks;
        let mut count = 0;
        each_owned_block(|of, pointer, size, owner| {
            if of.index == heap.index && owner == number {
                if count < length - start {
                    // SAFETY: the caller keeps the same contract, and there is a place left.
                    unsafe {
                        ffi::write_at(first, start + count, block_of(task.handle(), pointer, size));
                    }
                }
                count += 1; // as many as there are blocks
            }
        });
        let fits = count <= length - start;
        if fits {
            self.blocks.1 = start + count;
        }
        CHeapStat {
            name: heap_name(heap),
            caps: heap.caps.bits(),
            size: heap.span.size() as usize,       // widening
            current_usage: usage.current as usize, // widening
            peak_usage: usage.peak as usize,       // widening
            alloc_count: count,
            alloc_stat: if fits && count > 0 {
                first.wrapping_add(start)
            } else {
                ptr::null_mut()
            },
        }
    }
}

/// Returns a heap's name for C: names are Rust's, without an end.
fn heap_name(heap: &HeapView) -> *const c_char {
    const ROOM: usize = 24;
    static NAMES: [[AtomicU8; ROOM]; 16] = [const { [const { AtomicU8::new(0) }; ROOM] }; 16];
    let Some(place) = NAMES.get(heap.index.get()) else {
        return c"".as_ptr();
    };
    let places = place.iter().take(ROOM - 1);
    let bytes = heap.name.bytes();
    places
        .zip(bytes)
        .for_each(|(place, byte)| place.store(byte, Ordering::Relaxed));
    place.as_ptr().cast()
}

/// Returns a task's name in C's characters.
fn name_of(number: Owner, task: &Task) -> [c_char; super::NAME] {
    let mut name = task.name();
    if number == Owner::NOBODY {
        let places = name.iter_mut().zip(*b"Pre-scheduler");
        places.for_each(|(place, byte)| *place = byte);
    }
    name.map(|byte| byte as c_char)
}
