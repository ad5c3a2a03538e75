//! Which number stands for which task.
//!
//! Numbers are given under the heap's lock, by the one who allocates, and read without it. A number is never given twice: a task that is
//! deleted keeps its own, and a later task with the same handle gets another.

use core::ffi::{c_char, c_void};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering};

use heap_trace::{Owner, Probe};

use super::TASKS;
use super::records::NAME;
use crate::door::{self, Slot};

/// The task that runs; null before there are tasks.
pub type CurrentTask = unsafe extern "C" fn() -> *mut c_void;
/// A task's name.
pub type TaskName = unsafe extern "C" fn(*mut c_void) -> *const c_char;

static CURRENT: Slot<CurrentTask> = Slot::empty();
static NAMES: Slot<TaskName> = Slot::empty();

/// Tells who knows the task that runs, and a task's name: FreeRTOS' `xTaskGetCurrentTaskHandle` and `pcTaskGetName`. Both are
/// called under the heap's lock.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_register_tasks(current: Option<CurrentTask>, name: Option<TaskName>) {
    NAMES.set(name);
    CURRENT.set(current);
}

/// A task that was seen.
pub(super) struct Task {
    handle: AtomicPtr<c_void>,
    deleted: AtomicBool,
    name: [AtomicU8; NAME],
}

static KNOWN: [Task; TASKS] = [const {
    Task {
        handle: AtomicPtr::new(core::ptr::null_mut()),
        deleted: AtomicBool::new(false),
        name: [const { AtomicU8::new(0) }; NAME],
    }
}; TASKS];

/// How many of [`KNOWN`] are: the first is the one before there are tasks.
static COUNT: AtomicUsize = AtomicUsize::new(1);

impl Task {
    pub(super) fn handle(&self) -> *mut c_void {
        self.handle.load(Ordering::Relaxed)
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.deleted.load(Ordering::Relaxed)
    }

    /// Its name in C's characters, the last of them 0.
    pub(super) fn name(&self) -> [u8; NAME] {
        let mut name = [0; NAME];
        let places = name.iter_mut().take(NAME - 1);
        places
            .zip(&self.name)
            .for_each(|(place, byte)| *place = byte.load(Ordering::Relaxed));
        name
    }

    fn set_name(&self, name: &[u8]) {
        for (place, byte) in self.name.iter().zip(name) {
            place.store(*byte, Ordering::Relaxed);
        }
    }
}

/// The tasks that were seen, with their numbers.
pub(super) fn known() -> impl Iterator<Item = (Owner, &'static Task)> {
    let count = COUNT.load(Ordering::Acquire);
    (0..=u8::MAX).map(Owner).zip(KNOWN.iter().take(count))
}

/// The task that runs.
pub(super) fn current() -> *mut c_void {
    CURRENT.get().map_or(core::ptr::null_mut(), door::task)
}

/// The number of a live task.
pub(super) fn number_of(handle: *mut c_void) -> Option<Owner> {
    let mut live = known().filter(|(_, task)| task.is_alive());
    live.find(|(_, task)| task.handle() == handle)
        .map(|(number, _)| number)
}

/// A block was freed: that of a task's own control structure means that the task is deleted.
pub(crate) fn freed(block: *mut c_void) {
    if let Some((_, task)) = known()
        .skip(1)
        .find(|(_, task)| task.is_alive() && task.handle() == block)
    {
        task.deleted.store(true, Ordering::Relaxed);
    }
}

/// On whose behalf the program runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whose;

impl Probe for Whose {
    fn owner(&self) -> Owner {
        let handle = current();
        number_of(handle).unwrap_or_else(|| introduce(handle))
    }
}

/// A number for a task that was not seen before; none where all are given.
#[cold]
fn introduce(handle: *mut c_void) -> Owner {
    const BEYOND: Owner = Owner(u8::MAX);
    let count = COUNT.load(Ordering::Relaxed);
    let (Some(task), Ok(number)) = (KNOWN.get(count), u8::try_from(count)) else {
        return BEYOND;
    };
    task.handle.store(handle, Ordering::Relaxed);
    if let Some(name) = NAMES.get() {
        task.set_name(door::name_of(name, handle));
    }
    COUNT.store(count + 1, Ordering::Release); // at most TASKS
    Owner(number)
}
