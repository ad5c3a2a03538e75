//! Foreign function interface: C's pointers become Rust's, and Rust calls C, in this file only.

use core::ffi::{CStr, c_char, c_void};
use core::marker::PhantomData;
use core::mem;
#[cfg(feature = "c-abi-legacy")]
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};

use super::signatures;

/// A place for a C function, which any thread may set and call. `F` is a function pointer.
pub(super) struct FunctionSlot<F> {
    function: AtomicPtr<c_void>,
    kind: PhantomData<F>,
}

// SAFETY: function pointers may be called, and references to statics read, from any thread; the
// place is atomic.
unsafe impl<F> Sync for FunctionSlot<F> {}

impl<F: Copy> FunctionSlot<F> {
    pub(super) const fn empty() -> Self {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        Self {
            function: AtomicPtr::new(ptr::null_mut()),
            kind: PhantomData,
        }
    }

    /// Returns the function, if one was set.
    #[inline]
    pub(super) fn get(&self) -> Option<F> {
        let function = NonNull::new(self.function.load(Ordering::Acquire))?;
        // SAFETY: the pointer came from an `F`, in `set`, and `F` has its size.
        Some(unsafe { mem::transmute_copy::<NonNull<c_void>, F>(&function) })
    }

    /// Another function, or none.
    pub(super) fn set(&self, function: Option<F>) {
        let pointer = function.map_or(ptr::null_mut(), |function| {
            // SAFETY: `F` is a function pointer or a reference, of a pointer's size.
            unsafe { mem::transmute_copy::<F, *mut c_void>(&function) }
        });
        self.function.store(pointer, Ordering::Release);
    }
}

/// Returns a block for C: null where there is none.
#[inline]
pub(super) fn to_c(block: Option<NonNull<u8>>) -> *mut c_void {
    block.map_or(ptr::null_mut(), |block| block.as_ptr().cast())
}

/// Returns a pointer from C: `None` for null.
#[inline]
pub(super) fn from_c(pointer: *const c_void) -> Option<NonNull<u8>> {
    NonNull::new(pointer.cast_mut().cast())
}

/// Returns the memory from `start` to `end`; `None` where either is 0, or nothing lies between
/// them.
pub(super) fn between(start: isize, end: isize) -> Option<NonNull<[u8]>> {
    let (start, end) = (start.cast_unsigned(), end.cast_unsigned());
    let size = end.checked_sub(start).filter(|&size| size != 0)?;
    let first = NonNull::new(ptr::with_exposed_provenance_mut(start))?;
    Some(NonNull::slice_from_raw_parts(first, size))
}

/// Returns the elements of C's array up to the one that ends it; none where the array is null.
///
/// # Safety
/// `first` is null, or elements can be read from there up to one that `ends`, for as long as the
/// iterator is used.
#[cfg(feature = "c-abi-legacy")]
pub(super) unsafe fn until<T: Copy>(
    first: *const T,
    ends: impl Fn(&T) -> bool,
) -> impl Iterator<Item = T> {
    let mut next = NonNull::new(first.cast_mut());
    core::iter::from_fn(move || {
        let here = next?;
        // SAFETY: the end was not read yet (contract of the caller). C's structures may lie at any
        // address.
        let element = unsafe { here.read_unaligned() };
        // SAFETY: behind an element that does not end the array lies another one.
        next = (!ends(&element)).then(|| unsafe { here.add(1) });
        next.map(|_| element)
    })
}

/// Returns the memory that C hands over for good; empty where it is null.
///
/// # Safety
/// `start` is null, or `size` bytes from there are readable and writable, and nothing else uses
/// them from now on.
#[cfg(feature = "c-abi-legacy")]
pub(super) unsafe fn memory(start: *mut u8, size: usize) -> &'static mut [MaybeUninit<u8>] {
    if start.is_null() || isize::try_from(size).is_err() {
        return &mut [];
    }
    // SAFETY: the caller keeps the same contract; the size is one that a slice can have.
    unsafe { core::slice::from_raw_parts_mut(start.cast(), size) }
}

/// Writes what C asked for, unless the place is null: whether it was written.
///
/// # Safety
/// `place` is null, or may be written as a `T`.
pub(super) unsafe fn write_out<T>(place: *mut T, value: T) -> bool {
    let wanted = !place.is_null();
    if wanted {
        // SAFETY: the caller keeps the same contract. C's structures may lie at any address.
        unsafe { place.write_unaligned(value) };
    }
    wanted
}

/// Writes one of an array of C, unless there is none.
///
/// # Safety
/// `array` is null, or may be written as `T` at `index`.
pub(super) unsafe fn write_at<T>(array: *mut T, index: usize, value: T) {
    // SAFETY: the caller keeps the same contract.
    unsafe {
        write_out(
            if array.is_null() {
                array
            } else {
                array.wrapping_add(index)
            },
            value,
        )
    };
}

/// Returns a name of a C function that lies where the linker script puts `bytes`: these are a text
/// of one of the crate's own literals, its 0 included.
#[cfg(feature = "in-ram")]
#[inline(always)]
pub(super) const fn name_in(bytes: &'static [u8]) -> &'static CStr {
    // SAFETY: the macro `name` copies a C literal, which has one 0, at its end.
    unsafe { CStr::from_bytes_with_nul_unchecked(bytes) }
}

/// The failed-allocation callback.
pub(super) fn notify_failed(
    hook: signatures::FailedHook,
    size: usize,
    caps: u32,
    function: &'static CStr,
) {
    // SAFETY: C registered it to be called with these three; the name lives for ever.
    unsafe { hook(size, caps, function.as_ptr()) }
}

/// The allocation hook.
pub(super) fn notify_allocated(
    hook: signatures::AllocHook,
    block: NonNull<u8>,
    size: usize,
    caps: u32,
) {
    // SAFETY: C registered it to be called with these three.
    unsafe { hook(block.as_ptr().cast(), size, caps) }
}

/// The free hook.
pub(super) fn notify_freed(hook: signatures::FreeHook, block: NonNull<u8>) {
    // SAFETY: C registered it to be called with a block.
    unsafe { hook(block.as_ptr().cast()) }
}

/// The fault callback.
pub(super) fn notify_fault(hook: signatures::FaultHook, line: &CStr) {
    // SAFETY: C registered it to be called with a line, which lives until the hook returns.
    unsafe { hook(line.as_ptr()) }
}

/// The console of `heap_caps_set_console`.
pub(super) fn write_text(write: signatures::ConsoleHook, text: &str) {
    // SAFETY: C registered it to be called with text and its length.
    unsafe { write(text.as_ptr().cast::<c_char>(), text.len()) }
}

/// Calls a visitor of `heap_caps_walk`.
///
/// # Safety
/// `walker` may be called with these.
#[cfg(feature = "c-abi-idf")]
pub(super) unsafe fn show(
    walker: signatures::CWalker,
    heap: signatures::CWalkedHeap,
    block: signatures::CWalkedBlock,
    user: *mut c_void,
) -> bool {
    // SAFETY: the caller keeps the same contract.
    unsafe { walker(heap, block, user) }
}

/// Calls a visitor of `multi_heap_walk`.
///
/// # Safety
/// `walker` may be called with these.
#[cfg(feature = "c-abi-idf")]
pub(super) unsafe fn show_block(
    walker: signatures::CHeapWalker,
    block: signatures::CWalkedBlock,
    user: *mut c_void,
) -> bool {
    // SAFETY: the caller keeps the same contract.
    unsafe { walker(block.pointer, block.size, block.used.into(), user) }
}

/// Returns a list of C; empty where it is null.
///
/// # Safety
/// - `first` is null, or `count` values can be read there for as long as the list is used.
pub(super) unsafe fn list<'c, T>(first: *const T, count: usize) -> &'c [T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: the caller keeps the same contract.
    unsafe { core::slice::from_raw_parts(first, count) }
}

/// Fills bytes of C; nothing where the pointer is null.
///
/// # Safety
/// - `start` is null, or `size` bytes can be written there.
pub(super) unsafe fn fill(start: *mut c_void, size: usize, byte: u8) {
    if !start.is_null() {
        // SAFETY: the caller keeps the same contract.
        unsafe { start.cast::<u8>().write_bytes(byte, size) };
    }
}

/// Returns the word at a place of C.
///
/// # Safety
/// - It can be read there, and is a multiple of 4.
pub(super) unsafe fn word(place: *const c_void) -> u32 {
    // SAFETY: the caller keeps the same contract.
    u32::from_le(unsafe { place.cast::<u32>().read() })
}

/// Leaves a number where C's `errno` is.
#[cfg(feature = "c-abi-libc")]
pub(super) fn set_errno(location: signatures::ErrnoLocation, number: i32) {
    // SAFETY: C registered it to be called without arguments.
    let errno = unsafe { location() };
    // SAFETY: it answers with the place of the caller's number.
    unsafe { write_out(errno, number) };
}

/// Returns an array of C as a slice of values, each of them `value` at first; empty where it is
/// null.
///
/// # Safety
/// - `first` is null, or `count` values can be written there; nobody else uses them as long as the
///   array is used.
#[cfg(feature = "heap-tracing")]
pub(super) unsafe fn array<'c, T: Copy>(first: *mut T, count: usize, value: T) -> &'c mut [T] {
    if first.is_null() {
        return &mut [];
    }
    for index in 0..count {
        // SAFETY: the caller keeps the same contract.
        unsafe { write_at(first, index, value) };
    }
    // SAFETY: every value was written; the caller keeps the same contract.
    unsafe { core::slice::from_raw_parts_mut(first, count) }
}

/// Returns what a function without arguments answers: the clock, the core, the task that runs,
/// whether this is an interrupt handler.
#[cfg(feature = "c-abi-idf")]
pub(super) fn answer<T>(function: unsafe extern "C" fn() -> T) -> T {
    // SAFETY: C registered it to be called without arguments.
    unsafe { function() }
}

/// Calls the function that fills in the call stack.
#[cfg(feature = "heap-tracing")]
pub(super) fn callers(fill: signatures::Callers, stack: &mut [u32]) -> usize {
    // SAFETY: C registered it to be called with an array and its length.
    unsafe { fill(stack.as_mut_ptr(), stack.len()) }.min(stack.len())
}

/// Returns what C hands over by its place; `None` for null.
///
/// # Safety
/// - `place` is null, or holds a `T`.
#[cfg(feature = "heap-task-tracking")]
pub(super) unsafe fn read<T: Copy>(place: *const T) -> Option<T> {
    // SAFETY: the caller keeps the same contract; the place is not null. C's structures may lie at
    // any address.
    (!place.is_null()).then(|| unsafe { place.read_unaligned() })
}

/// Returns a task's name, its end included where it is short.
#[cfg(feature = "heap-task-tracking")]
pub(super) fn name_of<'c>(answer: signatures::TaskName, task: *mut c_void) -> &'c [u8] {
    // SAFETY: C registered it to be called with a task.
    let name = unsafe { answer(task) };
    if name.is_null() {
        return &[];
    }
    // SAFETY: it answers with a string, which lives as long as the task.
    unsafe { CStr::from_ptr(name) }.to_bytes()
}

/// Writes to an open stream of a host.
#[cfg(all(feature = "heap-task-tracking", not(target_os = "none")))]
pub(super) fn write_to_stream(stream: *mut c_void, text: &str) {
    unsafe extern "C" {
        fn fputc(character: core::ffi::c_int, stream: *mut c_void) -> core::ffi::c_int;
    }
    for byte in text.bytes() {
        // SAFETY: who made the value says that the stream is open.
        unsafe { fputc(byte.into(), stream) };
    }
}

/// A string of C that lasts as long as the program.
#[cfg(feature = "c-abi-idf")]
#[derive(Clone, Copy)]
pub(super) struct CText(*const c_char);

// SAFETY: it is only read, and lasts as long as the program.
#[cfg(feature = "c-abi-idf")]
unsafe impl Send for CText {}

/// An argument that C wants back.
#[cfg(feature = "c-abi-idf")]
#[derive(Clone, Copy)]
pub(super) struct CArgument(pub(super) *mut c_void);

// SAFETY: Rust does not look at what it points to; C registered it to be handed back in any
// context.
#[cfg(feature = "c-abi-idf")]
unsafe impl Send for CArgument {}

/// Returns a name of C, in both forms; `None` for null. Invalid UTF-8 becomes `?`.
///
/// # Safety
/// - `text` is null, or a string that lasts as long as the program.
#[cfg(feature = "c-abi-idf")]
pub(super) unsafe fn lasting_text(text: *const c_char) -> Option<(&'static str, CText)> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller keeps the same contract.
    let string = unsafe { CStr::from_ptr(text) };
    Some((string.to_str().unwrap_or("?"), CText(text)))
}

/// Calls a shrinker.
#[cfg(feature = "c-abi-idf")]
pub(super) fn shrink(hook: signatures::ShrinkHook, size: usize, argument: CArgument) -> usize {
    // SAFETY: C registered it to be called with a size and this argument.
    unsafe { hook(size, argument.0) }
}

/// The emergency callback.
#[cfg(feature = "c-abi-idf")]
pub(super) fn notify_emergency(hook: signatures::EmergencyHook, name: CText, size: usize) {
    // SAFETY: C registered it to be called with these two; the name lasts.
    unsafe { hook(name.0, size) }
}

/// The callback of soft limits.
#[cfg(feature = "c-abi-idf")]
pub(super) fn notify_task_pressure(
    hook: signatures::TaskPressureHook,
    task: *mut c_void,
    name: CText,
    used: usize,
    is_above: bool,
) {
    // SAFETY: C registered it to be called with these four; the name lasts.
    unsafe { hook(task, name.0, used, is_above) }
}

/// Returns the memory of accounts.
///
/// # Safety
/// - `memory` is that of a static, and this is called once for it.
#[cfg(feature = "c-abi-idf")]
pub(super) const unsafe fn account_memory<const LIMITS: usize, const BLOCKS: usize>(
    memory: *mut heap_caps_alloc::OwnerAccounts<LIMITS, BLOCKS>,
) -> &'static mut heap_caps_alloc::OwnerAccounts<LIMITS, BLOCKS> {
    // SAFETY: nobody else has a reference (contract).
    unsafe { &mut *memory }
}

/// The level callback.
#[cfg(feature = "c-abi-idf")]
pub(super) fn notify_level(
    hook: signatures::LevelHook,
    name: CText,
    from: core::ffi::c_int,
    to: core::ffi::c_int,
    free: usize,
) {
    // SAFETY: C registered it to be called with these four; the name lasts.
    unsafe { hook(name.0, from, to, free) }
}

/// Stops the calling task.
#[cfg(feature = "c-abi-idf")]
pub(super) fn park(function: signatures::ParkTask, ticks: u32) {
    // SAFETY: C registered it to be called with a number of ticks.
    unsafe { function(ticks) }
}

/// The function that starts a task again.
#[cfg(feature = "c-abi-idf")]
pub(super) static UNPARK: FunctionSlot<signatures::UnparkTask> = FunctionSlot::empty();

/// Returns a waker that calls the one function of C that starts tasks with a task: the handle is
/// all that it has.
#[cfg(feature = "c-abi-idf")]
pub(super) fn waker_of_task(task: *mut c_void) -> core::task::Waker {
    use core::task::{RawWaker, RawWakerVTable, Waker};

    const TABLE: RawWakerVTable =
        RawWakerVTable::new(|task| RawWaker::new(task, &TABLE), unpark, unpark, |_| {});
    fn unpark(task: *const ()) {
        if let Some(function) = UNPARK.get() {
            // SAFETY: C registered it to be called with a task that `current` named.
            unsafe { function(task.cast_mut().cast()) }
        }
    }
    // SAFETY: the functions look at nothing behind the pointer, which they hand to C; they may be
    // called in any context and as often as one likes.
    unsafe { Waker::from_raw(RawWaker::new(task.cast_const().cast(), &TABLE)) }
}
