//! Signatures of the functions that C registers, and the structures that they are called with.

use core::ffi::{c_char, c_int, c_void};

/// Writes text: its bytes and their number.
pub type ConsoleHook = unsafe extern "C" fn(*const c_char, usize);
/// `esp_alloc_failed_hook_t`: size, capabilities, function name.
pub type FailedHook = unsafe extern "C" fn(usize, u32, *const c_char);
/// `esp_heap_trace_alloc_hook`: block, size, capabilities.
pub type AllocHook = unsafe extern "C" fn(*mut c_void, usize, u32);
/// `esp_heap_trace_free_hook`: block.
pub type FreeHook = unsafe extern "C" fn(*mut c_void);
/// What is called with the line that describes a fault.
pub type FaultHook = unsafe extern "C" fn(*const c_char);
/// newlib's `__errno`, glibc's `__errno_location`: where the caller's `errno` is.
pub type ErrnoLocation = unsafe extern "C" fn() -> *mut i32;

/// The clock.
pub type Ticks = unsafe extern "C" fn() -> u32;
/// The core that runs.
pub type Core = unsafe extern "C" fn() -> u32;
/// Writes at most `room` return addresses, the innermost first; returns how many.
pub type Callers = unsafe extern "C" fn(*mut u32, usize) -> usize;
/// The task that runs; null before there are tasks.
pub type CurrentTask = unsafe extern "C" fn() -> *mut c_void;
/// A task's name.
pub type TaskName = unsafe extern "C" fn(*mut c_void) -> *const c_char;
/// Stops the calling task for at most as many ticks.
pub type ParkTask = unsafe extern "C" fn(u32);
/// Starts a task again.
pub type UnparkTask = unsafe extern "C" fn(*mut c_void);

/// `heap_caps_shrink_t`: size of the request, argument.
pub type ShrinkHook = unsafe extern "C" fn(usize, *mut c_void) -> usize;
/// `heap_caps_emergency_hook_t`: name, size.
pub type EmergencyHook = unsafe extern "C" fn(*const c_char, usize);
/// `heap_caps_level_hook_t`: name, level before, level now, free bytes.
pub type LevelHook = unsafe extern "C" fn(*const c_char, c_int, c_int, usize);
/// `heap_caps_task_pressure_hook_t`: task, name of the limits, bytes, whether that is too much.
pub type TaskPressureHook = unsafe extern "C" fn(*mut c_void, *const c_char, usize, bool);
/// Returns whether the calling code runs in an interrupt handler.
pub type ProbeHook = unsafe extern "C" fn() -> bool;

/// `multi_heap_walker_cb_t`: block, size, whether it is used; `false` ends the walk.
pub type CHeapWalker = unsafe extern "C" fn(*mut c_void, usize, i32, *mut c_void) -> bool;

/// `walker_heap_into_t`: where a heap begins and ends.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CWalkedHeap {
    /// First byte.
    pub start: isize,
    /// Behind its last byte.
    pub end: isize,
}

/// `walker_block_info_t`: a block behind its header, canaries included.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CWalkedBlock {
    /// First byte behind the header: the head canary, or without poisoning the user's first byte.
    pub pointer: *mut c_void,
    /// Bytes of the block without its header.
    pub size: usize,
    /// Whether it is allocated.
    pub used: bool,
}

/// `heap_caps_walker_cb_t`: `false` goes on with the next heap.
pub type CWalker = unsafe extern "C" fn(CWalkedHeap, CWalkedBlock, *mut c_void) -> bool;
