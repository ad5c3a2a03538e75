//! Task numbers.
//!
//! Numbers are assigned under the heap's lock, by the allocating task, and read without it. A task
//! that is deleted keeps its number, so that its peaks and leaks can be reported; it leaves it to a
//! later task only when it has no block any more and all other numbers are given. A later task with
//! the same handle is another one. Tasks that find no number are "others" together.

use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering};

use heap_trace::{Owner, TraceContext};

use super::TASKS;
use super::records::NAME;
use crate::ffi::{self, FunctionSlot};
use crate::signatures::{CurrentTask, TaskName};

static CURRENT: FunctionSlot<CurrentTask> = FunctionSlot::empty();
static NAMES: FunctionSlot<TaskName> = FunctionSlot::empty();

/// Tells who knows the task that runs, and a task's name: FreeRTOS' `xTaskGetCurrentTaskHandle` and
/// `pcTaskGetName`. Both are called under the heap's lock.
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

    /// Returns its name in C's characters, the last of them 0.
    pub(super) fn name(&self) -> [u8; NAME] {
        let mut name = [0; NAME];
        let places = name.iter_mut().take(NAME - 1);
        places
            .zip(&self.name)
            .for_each(|(place, byte)| *place = byte.load(Ordering::Relaxed));
        name
    }

    fn set_name(&self, name: &[u8]) {
        let bytes = name.iter().copied().chain(core::iter::repeat(0));
        for (place, byte) in self.name.iter().zip(bytes) {
            place.store(byte, Ordering::Relaxed);
        }
    }
}

/// The number of all tasks that have none of their own: behind the last one.
pub(super) const OTHERS: Owner = Owner(16);
const _: () = assert!(OTHERS.0 as usize == TASKS);

/// What stands for these tasks. Its handle, `HEAP_CAPS_OTHER_TASKS`, is no task's: no structure
/// lies there.
static OTHER_TASKS: Task = Task {
    handle: AtomicPtr::new(core::ptr::without_provenance_mut(usize::MAX)),
    deleted: AtomicBool::new(false),
    name: {
        let mut name = [const { AtomicU8::new(0) }; NAME];
        let (text, mut place) = (*b"others", 0);
        while place < text.len() {
            name[place] = AtomicU8::new(text[place]);
            place += 1;
        }
        name
    },
};

/// Returns the tasks that have numbers, with these.
fn numbered() -> impl Iterator<Item = (Owner, &'static Task)> {
    let count = COUNT.load(Ordering::Acquire);
    (0..=u8::MAX).map(Owner).zip(KNOWN.iter().take(count))
}

/// Returns the tasks that were seen, with their numbers; the others as one.
pub(super) fn known() -> impl Iterator<Item = (Owner, &'static Task)> {
    numbered().chain([(OTHERS, &OTHER_TASKS)])
}

/// Returns whether every number was given to a task.
pub(super) fn all_are_given() -> bool {
    COUNT.load(Ordering::Relaxed) >= TASKS
}

/// Returns the numbers of deleted tasks.
pub(super) fn deleted() -> impl Iterator<Item = Owner> {
    numbered()
        .filter(|(_, task)| !task.is_alive())
        .map(|(number, _)| number)
}

/// Returns the task that runs.
pub(super) fn current() -> *mut c_void {
    CURRENT.get().map_or(core::ptr::null_mut(), ffi::answer)
}

/// Writes the task that runs for the end of a message: `, task mqtt`; nothing where nobody knows
/// it.
pub(crate) fn write_current(out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
    let task = current();
    if task.is_null() {
        return Ok(());
    }
    let name = NAMES.get().map_or(&[][..], |name| ffi::name_of(name, task));
    match core::str::from_utf8(name) {
        Ok(name) if !name.is_empty() => write!(out, ", task {name}"),
        _ => write!(out, ", task {task:p}"),
    }
}

/// Returns the number of a live task.
pub(super) fn number_of(handle: *mut c_void) -> Option<Owner> {
    let mut live = numbered().filter(|(_, task)| task.is_alive());
    live.find(|(_, task)| task.handle() == handle)
        .map(|(number, _)| number)
}

/// Retires the task whose block is about to be freed: that of a task's own control structure means
/// that the task is deleted. Said before another task can have a structure at the same address;
/// [`restore`] takes it back where the block was not freed.
pub(crate) fn retire(block: *mut c_void) -> Option<Owner> {
    let mut live = numbered().skip(1).filter(|(_, task)| task.is_alive());
    let (number, task) = live.find(|(_, task)| task.handle() == block)?;
    task.deleted.store(true, Ordering::Relaxed);
    Some(number)
}

/// The block of a task that [`retire`] took for deleted was not freed.
pub(crate) fn restore(number: Option<Owner>) {
    if let Some(task) = number.and_then(|number| KNOWN.get(number.get())) {
        task.deleted.store(false, Ordering::Relaxed);
    }
}

/// On whose behalf the program runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskIds;

impl TraceContext for TaskIds {
    fn owner(&self) -> Owner {
        number_of(current()).unwrap_or(OTHERS)
    }
}

/// Assigns a task a number: `spare`, or one that was never assigned. Without either it is one of
/// the others.
#[cold]
pub(super) fn introduce(handle: *mut c_void, spare: Option<Owner>) {
    let count = COUNT.load(Ordering::Relaxed);
    let place = spare.map_or(count, Owner::get);
    let Some(task) = KNOWN.get(place) else {
        return;
    };
    task.handle.store(handle, Ordering::Relaxed);
    let name = NAMES
        .get()
        .map_or(&[][..], |name| ffi::name_of(name, handle));
    task.set_name(name);
    task.deleted.store(false, Ordering::Relaxed);
    COUNT.store(count.max(place + 1), Ordering::Release); // at most TASKS
}
