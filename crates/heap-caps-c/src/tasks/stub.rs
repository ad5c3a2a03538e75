//! A library without accounts: nobody has any memory.

use core::ffi::c_void;

use super::records::{CAllTasks, CSingleTask, CTaskInfoParams};
use crate::caps::{EspErr, EspError};

macro_rules! not_supported {
    ($($name:ident($($argument:ty),*);)+) => {$(
        /// There are no accounts.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($(_: $argument),*) -> EspErr {
            EspError::NotSupported.code()
        }
    )+};
}

macro_rules! nothing {
    ($($name:ident($($argument:ty),*);)+) => {$(
        /// There are no accounts: nothing happens.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($(_: $argument),*) {}
    )+};
}

not_supported! {
    heap_caps_get_all_task_stat(*mut CAllTasks);
    heap_caps_get_single_task_stat(*mut CSingleTask, *mut c_void);
    heap_caps_alloc_all_task_stat_arrays(*mut CAllTasks);
    heap_caps_alloc_single_task_stat_arrays(*mut CSingleTask, *mut c_void);
}

nothing! {
    heap_caps_print_all_task_stat(*mut c_void);
    heap_caps_print_single_task_stat(*mut c_void, *mut c_void);
    heap_caps_print_all_task_stat_overview(*mut c_void);
    heap_caps_print_single_task_stat_overview(*mut c_void, *mut c_void);
    heap_caps_free_all_task_stat_arrays(*mut CAllTasks);
    heap_caps_free_single_task_stat_arrays(*mut CSingleTask);
}

/// There are no blocks whose task is known.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_get_per_task_info(_: *mut CTaskInfoParams) -> usize {
    0
}
