//! `heap_caps_pressure.h`: shrinkers, emergency reserves, pressure levels, waiting.

use core::ffi::{c_char, c_int, c_void};
use core::task::Waker;

use heap_caps::AllocRequest;
use heap_caps_alloc::{
    EMERGENCIES, EmergencyIndex, EmergencyRelease, EmergencyReserve, GAUGES, GaugeIndex, Level,
    LevelChange, Park, PressureGauge, SHRINKERS, Shortage, Shrink, Shrinker, ShrinkerIndex,
    ffi::Locked,
};
use soc_regions::Caps;

use crate::ffi::{self, FunctionSlot};
use crate::heap::{CLock, HEAP};
use crate::hooks;
use crate::signatures::{
    CurrentTask, EmergencyHook, LevelHook, ParkTask, ProbeHook, ShrinkHook, Ticks, UnparkTask,
};

static ON_EMERGENCY: FunctionSlot<EmergencyHook> = FunctionSlot::empty();
static ON_LEVEL: FunctionSlot<LevelHook> = FunctionSlot::empty();
static PROBE: FunctionSlot<ProbeHook> = FunctionSlot::empty();

const fn bits(caps: u32) -> Caps {
    Caps::from_bits_retain(caps)
}

/// A C name as Rust has it, and as C wants it back.
#[derive(Clone, Copy)]
struct Name {
    name: &'static str,
    c_name: ffi::CText,
    /// How many gauges, reserves and limits have it.
    users: u32,
}

/// Names of gauges, reserves and limits, for the callbacks; and which gauge and reserve has which.
#[derive(Clone, Copy)]
struct Names<const N: usize> {
    names: [Option<Name>; N],
    gauges: [Option<&'static str>; GAUGES],
    reserves: [Option<&'static str>; EMERGENCIES],
}

impl<const N: usize> Names<N> {
    const NONE: Self = Self {
        names: [None; N],
        gauges: [None; GAUGES],
        reserves: [None; EMERGENCIES],
    };

    fn place_of(&mut self, name: &str) -> Option<&mut Option<Name>> {
        let is_it = |known: &Name| core::ptr::eq(known.name, name);
        let mut places = self.names.iter_mut();
        places.find(|place| place.as_ref().is_some_and(is_it))
    }

    fn c_name(&self, name: &str) -> Option<ffi::CText> {
        let mut names = self.names.iter().flatten();
        let found = names.find(|known| core::ptr::eq(known.name, name));
        found.map(|known| known.c_name)
    }

    fn record(&mut self, name: &'static str, c_name: ffi::CText) {
        if let Some(Some(known)) = self.place_of(name) {
            known.users = known.users.saturating_add(1);
        } else if let Some(place) = self.names.iter_mut().find(|place| place.is_none()) {
            *place = Some(Name {
                name,
                c_name,
                users: 1,
            });
        }
    }

    /// One of those who have the name has ended.
    fn forget(&mut self, name: &str) {
        if let Some(place) = self.place_of(name)
            && let Some(known) = place
        {
            known.users -= 1; // at least 1 while it is there
            if known.users == 0 {
                *place = None;
            }
        }
    }
}

static NAMES: Locked<CLock, Names<{ GAUGES + 20 }>> = Locked::new(Names::NONE);

/// Which of [`Names`] a number is of.
type Registered = fn(&mut Names<{ GAUGES + 20 }>) -> &mut [Option<&'static str>];

/// Registers something that has a name: `add` returns its number. Returns that, or -1.
fn add_named(
    (name, c_name): (&'static str, ffi::CText),
    registered: Registered,
    add: impl FnOnce() -> Option<u8>,
) -> c_int {
    NAMES.acquire().record(name, c_name); // a callback may be called before `add` returns
    let number = add();
    let names = &mut *NAMES.acquire();
    let Some(number) = number else {
        names.forget(name);
        return -1;
    };
    if let Some(place) = registered(names).get_mut(usize::from(number)) {
        *place = Some(name);
    }
    c_int::from(number)
}

/// Ends what is registered with a number, and forgets its name; returns whether `remove` did.
fn remove_named(number: c_int, registered: Registered, remove: impl FnOnce(u8) -> bool) -> bool {
    let Ok(number) = u8::try_from(number) else {
        return false;
    };
    let place = usize::from(number);
    // Taken first: once it is removed, the number may be another one's.
    let name = registered(&mut NAMES.acquire())
        .get_mut(place)
        .and_then(Option::take);
    let is_removed = remove(number);
    if let Some(name) = name {
        let names = &mut *NAMES.acquire();
        if is_removed {
            names.forget(name);
        } else if let Some(place) = registered(names).get_mut(place) {
            *place = Some(name);
        }
    }
    is_removed
}

/// Keeps a name for a callback.
pub(super) fn note_name(name: &'static str, c_name: ffi::CText) {
    NAMES.acquire().record(name, c_name);
}

/// Returns a name as C wants it back.
pub(super) fn c_name(name: &str) -> Option<ffi::CText> {
    NAMES.acquire().c_name(name)
}

/// A shrinker of C; `None` in `index` while it is being registered.
#[derive(Clone, Copy)]
struct CShrinker {
    shrink: ShrinkHook,
    argument: ffi::CArgument,
    index: Option<ShrinkerIndex>,
}

static TABLE: Locked<CLock, [Option<CShrinker>; SHRINKERS]> = Locked::new([None; SHRINKERS]);

/// A place of the table, as a shrinker.
struct ShrinkerSlot(usize);

static SHRINKER_SLOTS: [ShrinkerSlot; SHRINKERS] = {
    let mut places = [const { ShrinkerSlot(0) }; SHRINKERS];
    let mut index = 0;
    while index < SHRINKERS {
        #[expect(clippy::indexing_slicing, reason = "evaluated when compiled")]
        {
            places[index] = ShrinkerSlot(index);
        }
        index += 1;
    }
    places
};

impl Shrink for ShrinkerSlot {
    fn shrink(&self, shortage: &Shortage) -> u32 {
        let entry = TABLE.acquire().get(self.0).copied().flatten();
        let bytes = entry.map_or(0, |entry| {
            ffi::shrink(entry.shrink, shortage.size, entry.argument)
        });
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// Registers a function that can free memory; returns its number, or -1.
///
/// # Safety
/// - `name` is null or a string that lasts as long as the program.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_register_shrinker(
    name: *const c_char,
    caps: u32,
    order: u8,
    shrink: Option<ShrinkHook>,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the caller keeps the same contract.
    let name = unsafe { ffi::lasting_text(name) };
    let (Some((name, _)), Some(shrink)) = (name, shrink) else {
        return -1;
    };
    let entry = CShrinker {
        shrink,
        argument: ffi::CArgument(argument),
        index: None,
    };
    register(name, bits(caps), order, entry).unwrap_or(-1)
}

fn register(name: &'static str, caps: Caps, order: u8, entry: CShrinker) -> Option<c_int> {
    let index = {
        let mut table = TABLE.acquire();
        let index = table.iter().position(Option::is_none)?;
        *table.get_mut(index)? = Some(entry);
        index
    };
    let shrinker = Shrinker::new(name, caps, SHRINKER_SLOTS.get(index)?).ordered(order);
    let registered = HEAP.pressure().register_shrinker(shrinker);
    let mut table = TABLE.acquire();
    let place = table.get_mut(index)?;
    let Ok(registered) = registered else {
        *place = None;
        return None;
    };
    place.as_mut()?.index = Some(registered);
    c_int::try_from(index).ok()
}

/// Removes a shrinker; returns whether there was one of that number.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_unregister_shrinker(number: c_int) -> bool {
    let entry = {
        let mut table = TABLE.acquire();
        let place = usize::try_from(number).ok();
        let place = place.and_then(|place| table.get_mut(place));
        place.and_then(|place| place.take_if(|entry| entry.index.is_some()))
    };
    let index = entry.and_then(|entry| entry.index);
    index.is_some_and(|index| HEAP.pressure().unregister_shrinker(index))
}

/// Keeps a block back until nothing else is left; returns its number, or -1.
///
/// # Safety
/// As [`heap_caps_register_shrinker`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_arm_emergency(
    name: *const c_char,
    caps: u32,
    size: usize,
) -> c_int {
    // SAFETY: the caller keeps the same contract.
    let name = unsafe { ffi::lasting_text(name) };
    let (Some(name), Ok(size)) = (name, u32::try_from(size)) else {
        return -1;
    };
    let reserve = EmergencyReserve::new(name.0, bits(caps), size).with_handler(on_emergency);
    let arm = || HEAP.pressure().arm_emergency(reserve).ok();
    add_named(name, |names| &mut names.reserves, || Some(arm()?.number()))
}

/// Frees the block of a reserve by hand; returns whether it was there.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_release_emergency(number: c_int) -> bool {
    let index = u8::try_from(number).ok().map(EmergencyIndex::of_number);
    index.is_some_and(|index| HEAP.pressure().release_emergency(index))
}

/// Ends a reserve and frees its block; returns whether it did.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_disarm_emergency(number: c_int) -> bool {
    let disarm = |number| {
        let index = EmergencyIndex::of_number(number);
        HEAP.pressure().disarm_emergency(index)
    };
    remove_named(number, |names| &mut names.reserves, disarm)
}

fn on_emergency(release: &EmergencyRelease) {
    let c_name = NAMES.acquire().c_name(release.name);
    if let (Some(hook), Some(c_name)) = (ON_EMERGENCY.get(), c_name) {
        ffi::notify_emergency(hook, c_name, release.bytes as usize); // widening
    }
}

/// Sets the callback for released reserves. Null for none.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_register_emergency_callback(hook: Option<EmergencyHook>) {
    ON_EMERGENCY.set(hook);
}

/// Watches the free bytes of some memory; returns the gauge's number, or -1.
///
/// # Safety
/// As [`heap_caps_register_shrinker`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_add_gauge(
    name: *const c_char,
    caps: u32,
    low: usize,
    critical: usize,
    hysteresis: usize,
) -> c_int {
    // SAFETY: the caller keeps the same contract.
    let name = unsafe { ffi::lasting_text(name) };
    let Some(name) = name.filter(|_| critical <= low) else {
        return -1;
    };
    let bytes = |size| u32::try_from(size).unwrap_or(u32::MAX);
    let gauge = PressureGauge::new(name.0, bits(caps))
        .free_below(bytes(low), bytes(critical))
        .with_hysteresis(bytes(hysteresis))
        .with_handler(on_level);
    let add = || HEAP.pressure().add_gauge(gauge).ok();
    add_named(name, |names| &mut names.gauges, || Some(add()?.number()))
}

/// Ends a gauge; returns whether there was one of that number.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_remove_gauge(number: c_int) -> bool {
    let remove = |number| {
        let index = GaugeIndex::of_number(number);
        HEAP.pressure().remove_gauge(index)
    };
    remove_named(number, |names| &mut names.gauges, remove)
}

/// Returns the level of a gauge: 0 normal, 1 low, 2 critical.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_get_level(number: c_int) -> c_int {
    let index = u8::try_from(number).ok().map(GaugeIndex::of_number);
    let level = index.and_then(|index| HEAP.pressure().level(index));
    level.map_or(0, level_of_c)
}

const fn level_of_c(level: Level) -> c_int {
    match level {
        Level::Normal => 0,
        Level::Low => 1,
        Level::Critical => 2,
    }
}

fn on_level(change: &LevelChange) {
    let c_name = NAMES.acquire().c_name(change.name);
    if let (Some(hook), Some(c_name)) = (ON_LEVEL.get(), c_name) {
        let (from, to) = (level_of_c(change.from), level_of_c(change.to));
        ffi::notify_level(hook, c_name, from, to, change.free as usize); // widening
    }
}

/// Sets the callback for levels. Null for none.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_register_level_callback(hook: Option<LevelHook>) {
    ON_LEVEL.set(hook);
}

/// Sets how the heap recognises interrupt handlers. Null: there are none.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_set_interrupt_probe(probe: Option<ProbeHook>) {
    PROBE.set(probe);
    HEAP.pressure()
        .set_interrupt_probe(probe.map(|_| in_interrupt as fn() -> bool));
}

fn in_interrupt() -> bool {
    PROBE.get().is_some_and(ffi::answer)
}

/// `heap_caps_wait_functions_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CWaitFunctions {
    /// The calling task.
    pub current: Option<CurrentTask>,
    /// Stops the calling task for at most `ticks` ticks.
    pub park: Option<ParkTask>,
    /// Starts a task again.
    pub unpark: Option<UnparkTask>,
    /// The clock in ticks.
    pub now: Option<Ticks>,
}

static CURRENT: FunctionSlot<CurrentTask> = FunctionSlot::empty();
static PARK: FunctionSlot<ParkTask> = FunctionSlot::empty();
static NOW: FunctionSlot<Ticks> = FunctionSlot::empty();

/// Sets how a task waits; false if one of the functions is missing.
///
/// # Safety
/// - `functions` is null, or can be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_set_wait_functions(functions: *const CWaitFunctions) -> bool {
    // SAFETY: the caller keeps the same contract.
    let Some(functions) = (unsafe { functions.as_ref() }) else {
        return false;
    };
    let CWaitFunctions {
        current,
        park,
        unpark,
        now,
    } = *functions;
    if current.is_none() || park.is_none() || unpark.is_none() || now.is_none() {
        return false;
    }
    CURRENT.set(current);
    PARK.set(park);
    ffi::UNPARK.set(unpark);
    NOW.set(now);
    true
}

/// The calling task, and until when it waits.
struct Until {
    task: *mut c_void,
    begun: u32,
    ticks: u32,
}

impl Until {
    /// `None` where C has not said how a task waits.
    fn now_and(ticks: u32) -> Option<Self> {
        Some(Self {
            task: ffi::answer(CURRENT.get()?),
            begun: ffi::answer(NOW.get()?),
            ticks,
        })
    }
}

impl Park for Until {
    fn waker(&self) -> Waker {
        ffi::waker_of_task(self.task)
    }

    fn park(&self) -> bool {
        let (Some(now), Some(park)) = (NOW.get(), PARK.get()) else {
            return false;
        };
        if self.ticks == u32::MAX {
            ffi::park(park, u32::MAX);
            return true;
        }
        let gone = ffi::answer(now).wrapping_sub(self.begun);
        let left = self.ticks.saturating_sub(gone);
        if left > 0 {
            ffi::park(park, left);
        }
        left > 0
    }
}

/// `heap_caps_malloc` that waits for memory, at most for `ticks`.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_malloc_wait(size: usize, caps: u32, ticks: u32) -> *mut c_void {
    let Some(until) = Until::now_and(ticks).filter(|_| ticks > 0) else {
        return super::heap_caps_malloc(size, caps);
    };
    let request = AllocRequest::new(size, bits(caps)).anonymous();
    match HEAP.allocate_blocking(request, 0, &until) {
        Ok(block) => {
            hooks::allocated(block, size, caps);
            ffi::to_c(Some(block))
        }
        Err(_) => {
            if size != 0 {
                hooks::failed(size, caps, c"heap_caps_malloc_wait");
            }
            ffi::to_c(None)
        }
    }
}
