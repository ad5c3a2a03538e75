//! The structures of `esp_heap_task_info.h`.

use core::ffi::{c_char, c_void};

/// `NUM_HEAP_TASK_CAPS`: kinds of memory that are distinguished.
pub const KINDS: usize = 4;
/// `configMAX_TASK_NAME_LEN`: bytes of a task's name, its end included.
pub const NAME: usize = 16;

/// `heap_task_totals_t`: what a task has, by kind of memory.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CTotals {
    /// The task.
    pub task: *mut c_void,
    /// Bytes.
    pub size: [usize; KINDS],
    /// Blocks.
    pub count: [usize; KINDS],
}

/// `heap_task_block_t`: a block of a task.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CTaskBlock {
    /// The task.
    pub task: *mut c_void,
    /// First byte for the user.
    pub address: *mut c_void,
    /// Bytes for the user.
    pub size: u32,
}

/// `heap_task_info_params_t`: what is asked, and where the answers go.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CTaskInfoParams {
    /// A heap is of the first kind whose `caps` it has under `mask`.
    pub caps: [i32; KINDS],
    /// See `caps`.
    pub mask: [i32; KINDS],
    /// Tasks whose blocks are wanted; null: all.
    pub tasks: *mut *mut c_void,
    /// Length of `tasks`.
    pub num_tasks: usize,
    /// Totals; null: not wanted.
    pub totals: *mut CTotals,
    /// Tasks in `totals`, before and after.
    pub num_totals: *mut usize,
    /// Length of `totals`.
    pub max_totals: usize,
    /// Blocks; null: not wanted.
    pub blocks: *mut CTaskBlock,
    /// Length of `blocks`.
    pub max_blocks: usize,
}

/// `heap_stat_t`: what a task has of one heap.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CHeapStat {
    /// The heap's kind of memory.
    pub name: *const c_char,
    /// Its capabilities.
    pub caps: u32,
    /// Its bytes.
    pub size: usize,
    /// The task's bytes.
    pub current_usage: usize,
    /// The most they were.
    pub peak_usage: usize,
    /// The task's blocks.
    pub alloc_count: usize,
    /// These blocks; null if there is none, or if they did not all fit.
    pub alloc_stat: *mut CTaskBlock,
}

/// `task_stat_t`: what a task has.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CTaskStat {
    /// Its name.
    pub name: [c_char; NAME],
    /// Itself.
    pub handle: *mut c_void,
    /// Whether it has not been deleted.
    pub is_alive: bool,
    /// The most bytes that it had.
    pub overall_peak_usage: usize,
    /// Its bytes.
    pub overall_current_usage: usize,
    /// Heaps it has used.
    pub heap_count: usize,
    /// What it has of each; null if they did not all fit.
    pub heap_stat: *mut CHeapStat,
}

/// `heap_single_task_stat_t`: one task, in arrays of the caller.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CSingleTask {
    /// The task.
    pub stat: CTaskStat,
    /// Length of `heap_stat_start`, and what was used of it.
    pub heap_count: usize,
    /// Room for heaps.
    pub heap_stat_start: *mut CHeapStat,
    /// Length of `alloc_stat_start`, and what was used of it.
    pub alloc_count: usize,
    /// Room for blocks.
    pub alloc_stat_start: *mut CTaskBlock,
}

/// `heap_all_tasks_stat_t`: all tasks, in the same way.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CAllTasks {
    /// Length of `stat_arr`, and what was used of it.
    pub task_count: usize,
    /// Room for tasks.
    pub stat_arr: *mut CTaskStat,
    /// Length of `heap_stat_start`, and what was used of it.
    pub heap_count: usize,
    /// Room for heaps.
    pub heap_stat_start: *mut CHeapStat,
    /// Length of `alloc_stat_start`, and what was used of it.
    pub alloc_count: usize,
    /// Room for blocks.
    pub alloc_stat_start: *mut CTaskBlock,
}
