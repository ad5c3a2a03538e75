//! `heap_caps_pressure.h`: limits of tasks.

use core::cell::UnsafeCell;
use core::ffi::{c_char, c_void};
use core::sync::atomic::{AtomicPtr, Ordering};

use heap_caps::{AllocRequest, Owner};
use heap_caps_alloc::{OwnerAccounts, OwnerLimits, OwnerPressure, ffi::Locked};
use soc_regions::Caps;

use crate::ffi::{self, FunctionSlot};
use crate::heap::{CLock, HEAP};
use crate::hooks;
use crate::signatures::{CurrentTask, TaskPressureHook};

/// Tasks that can have limits, and limits that they can have together.
const TASKS: usize = 16;
/// Live blocks of tasks with limits.
const BLOCKS: usize = 512;

static RUNNING: FunctionSlot<CurrentTask> = FunctionSlot::empty();
static ON_PRESSURE: FunctionSlot<TaskPressureHook> = FunctionSlot::empty();

/// The tasks with limits: owner `n + 1` is the task at `n`.
static OWNERS: [AtomicPtr<c_void>; TASKS] =
    [const { AtomicPtr::new(core::ptr::null_mut()) }; TASKS];

/// Held while tasks get and lose their places. What it guards: whether the accounts are open.
static OPEN: Locked<CLock, bool> = Locked::new(false);

/// The memory of the accounts, of a program that uses them.
struct AccountMemory(UnsafeCell<OwnerAccounts<TASKS, BLOCKS>>);

// SAFETY: it is reached once, by the first call that opens the accounts.
unsafe impl Sync for AccountMemory {}

static MEMORY: AccountMemory = AccountMemory(UnsafeCell::new(OwnerAccounts::new()));

fn owner_of(task: *mut c_void) -> Option<Owner> {
    if task.is_null() {
        return None;
    }
    let mut owners = (1..=u8::MAX).map(Owner).zip(&OWNERS);
    let of = |(_, place): &(Owner, &AtomicPtr<c_void>)| place.load(Ordering::Relaxed) == task;
    owners.find(of).map(|(owner, _)| owner)
}

fn task_of(owner: Owner) -> *mut c_void {
    let place = owner
        .get()
        .checked_sub(1)
        .and_then(|place| OWNERS.get(place));
    place.map_or(core::ptr::null_mut(), |place| place.load(Ordering::Relaxed))
}

fn running() -> Owner {
    let task = RUNNING.get().map(ffi::answer);
    task.and_then(owner_of).unwrap_or(Owner::NOBODY)
}

/// `heap_caps_task_limits_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CTaskLimits {
    /// Their name, for messages.
    pub name: *const c_char,
    /// The memory.
    pub caps: u32,
    /// The hard limit in bytes; 0 for none.
    pub at_most: usize,
    /// The soft limit in bytes; 0 for none.
    pub warned_above: usize,
    /// The guaranteed minimum in bytes.
    pub guaranteed: usize,
}

/// `heap_caps_task_usage_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct CTaskUsage {
    /// Bytes that the task has.
    pub used: usize,
    /// The most bytes that it ever had.
    pub peak: usize,
    /// Its blocks.
    pub blocks: usize,
    /// Requests that were refused because of its hard limit.
    pub refusals: usize,
}

/// Sets the function that returns the task that runs: `xTaskGetCurrentTaskHandle`. Null: there are
/// no tasks.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_set_running_task(running: Option<CurrentTask>) {
    RUNNING.set(running);
}

/// Limits what a task may have; false if that is impossible.
///
/// # Safety
/// - `limits` is null, or can be read; its name is null, or lasts as long as the program.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_limit_task(
    task: *mut c_void,
    limits: *const CTaskLimits,
) -> bool {
    // SAFETY: the caller keeps the same contract.
    let Some(limits) = (unsafe { limits.as_ref() }) else {
        return false;
    };
    // SAFETY: the caller keeps the same contract.
    let name = unsafe { ffi::lasting_text(limits.name) };
    let Some((name, c_name)) = name.filter(|_| !task.is_null()) else {
        return false;
    };
    super::pressure::note_name(name, c_name);
    let mut open = OPEN.acquire();
    if !*open {
        // SAFETY: the lock is held, and the flag says that nobody has come here before.
        let memory = unsafe { ffi::account_memory(MEMORY.0.get()) };
        *open = HEAP.pressure().open_accounts(memory, running).is_ok();
    }
    let Some(owner) = owner_of(task).or_else(|| add_owner(task)) else {
        return false;
    };
    drop(open);
    let bytes = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
    let mut wanted = OwnerLimits::new(owner, name, Caps::from_bits_retain(limits.caps))
        .guaranteed(bytes(limits.guaranteed));
    if limits.at_most > 0 {
        wanted = wanted.at_most(bytes(limits.at_most));
    }
    if limits.warned_above > 0 {
        wanted = wanted.warned_above(bytes(limits.warned_above), on_pressure);
    }
    let added = HEAP.pressure().limit_owner(wanted).is_ok();
    if !added {
        forget_without_limits(owner);
    }
    added
}

/// Gives a task a place.
fn add_owner(task: *mut c_void) -> Option<Owner> {
    let mut places = (1..=u8::MAX).map(Owner).zip(&OWNERS);
    let (owner, place) = places.find(|(_, place)| place.load(Ordering::Relaxed).is_null())?;
    place.store(task, Ordering::Relaxed);
    Some(owner)
}

/// Takes the place of a task that has no limits, so that a later one finds it.
fn forget_without_limits(owner: Owner) {
    let _guard = OPEN.acquire();
    let has_limits = HEAP.pressure().owners().any(|usage| usage.owner == owner);
    let place = owner
        .get()
        .checked_sub(1)
        .and_then(|place| OWNERS.get(place));
    if let Some(place) = place.filter(|_| !has_limits) {
        place.store(core::ptr::null_mut(), Ordering::Relaxed);
    }
}

/// Ends all limits of a task; returns whether it had some.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_unlimit_task(task: *mut c_void) -> bool {
    let Some(owner) = owner_of(task) else {
        return false;
    };
    let control = HEAP.pressure();
    let mut ended = false;
    while let Some(usage) = control.owners().find(|usage| usage.owner == owner) {
        ended |= control.unlimit_owner(owner, usage.caps);
    }
    forget_without_limits(owner);
    ended
}

/// Writes what a task with limits has of some memory; returns false if it has no limits there.
///
/// # Safety
/// - `usage` is null, or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_get_task_usage(
    task: *mut c_void,
    caps: u32,
    usage: *mut CTaskUsage,
) -> bool {
    let found = owner_of(task).and_then(|owner| {
        HEAP.pressure()
            .owner_usage(owner, Caps::from_bits_retain(caps))
    });
    let Some(found) = found else {
        return false;
    };
    // SAFETY: the caller keeps the same contract.
    if let Some(usage) = unsafe { usage.as_mut() } {
        *usage = CTaskUsage {
            used: found.used as usize, // widening, all four
            peak: found.peak as usize,
            blocks: found.blocks as usize,
            refusals: found.refusals as usize,
        };
    }
    true
}

/// Sets the callback for soft limits. Null for none.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_register_task_pressure_callback(hook: Option<TaskPressureHook>) {
    ON_PRESSURE.set(hook);
}

fn on_pressure(pressure: &OwnerPressure) {
    let c_name = super::pressure::c_name(pressure.name);
    if let (Some(hook), Some(c_name)) = (ON_PRESSURE.get(), c_name) {
        let task = task_of(pressure.owner);
        ffi::notify_task_pressure(
            hook,
            task,
            c_name,
            pressure.used as usize,
            pressure.is_above,
        ); // widening
    }
}

/// `heap_caps_malloc` on behalf of a task, whoever calls; one without limits counts as no task.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_malloc_for_task(
    task: *mut c_void,
    size: usize,
    caps: u32,
) -> *mut c_void {
    let owner = owner_of(task).unwrap_or(Owner::NOBODY);
    let request = AllocRequest::new(size, Caps::from_bits_retain(caps));
    match HEAP.try_allocate(request.anonymous().on_behalf_of(owner)) {
        Some(block) => {
            hooks::allocated(block, size, caps);
            ffi::to_c(Some(block))
        }
        None => {
            if size != 0 {
                hooks::failed(size, caps, c"heap_caps_malloc_for_task");
            }
            ffi::to_c(None)
        }
    }
}
