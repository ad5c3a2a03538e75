//! `heap_caps_pressure.h`: arenas.

use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::NonNull;

use heap_caps::AllocRequest;
use heap_caps_alloc::Arena;
use soc_regions::Caps;

use crate::ffi;
use crate::heap::{CHeap, HEAP};
use crate::hooks;

/// `heap_caps_arena_t` points to it: an arena, in a small block of its own.
#[derive(Debug)]
pub struct CArena(Arena<&'static CHeap>);

/// Alignment of what an arena allocates: enough for every type of C.
const ALIGNMENT: usize = 2 * size_of::<usize>();

/// Returns the arena of a handle; `None` for null.
///
/// # Safety
/// - `arena` is null or from [`heap_caps_arena_create`], and was not destroyed.
/// - Nobody else uses it meanwhile.
unsafe fn of<'arena>(arena: *mut CArena) -> Option<&'arena mut Arena<&'static CHeap>> {
    // SAFETY: the caller keeps the same contract; `heap_caps_arena_create` wrote the value.
    unsafe { arena.as_mut() }.map(|arena| &mut arena.0)
}

/// Makes an arena of `size` bytes in memory that has all of `caps`; null if there is no room.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_arena_create(size: usize, caps: u32) -> *mut CArena {
    match create(size, Caps::from_bits_retain(caps)) {
        Some(arena) => arena.as_ptr(),
        None => {
            if size != 0 {
                hooks::failed(size, caps, c"heap_caps_arena_create");
            }
            core::ptr::null_mut()
        }
    }
}

fn create(size: usize, caps: Caps) -> Option<NonNull<CArena>> {
    let arena = Arena::new(&HEAP, caps, size).ok()?;
    let layout = Layout::new::<CArena>();
    let request = AllocRequest::new(layout.size(), Caps::INTERNAL | Caps::BIT8);
    let place = HEAP.try_allocate(request.anonymous().aligned_to(layout.align()))?;
    let place = place.cast();
    // SAFETY: a new block of that size and alignment.
    unsafe { place.write(CArena(arena)) };
    Some(place)
}

/// Allocates from an arena, aligned for every type of C; null if there is no room, for size 0 and
/// for a null arena.
///
/// # Safety
/// - `arena` is null or from [`heap_caps_arena_create`], and was not destroyed.
/// - Nobody else uses it meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_arena_alloc(arena: *mut CArena, size: usize) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    unsafe { heap_caps_arena_aligned_alloc(arena, ALIGNMENT, size) }
}

/// The same at a multiple of `alignment`, a power of two.
///
/// # Safety
/// As [`heap_caps_arena_alloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_arena_aligned_alloc(
    arena: *mut CArena,
    alignment: usize,
    size: usize,
) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    let arena = unsafe { of(arena) };
    let layout = layout(size, alignment);
    ffi::to_c(
        arena
            .zip(layout)
            .and_then(|(arena, layout)| arena.allocate(layout)),
    )
}

/// [`heap_caps_arena_alloc`] from the other end of the arena.
///
/// # Safety
/// As [`heap_caps_arena_alloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_arena_alloc_scratch(
    arena: *mut CArena,
    size: usize,
) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    let arena = unsafe { of(arena) };
    let layout = layout(size, ALIGNMENT);
    let block = arena.zip(layout);
    ffi::to_c(block.and_then(|(arena, layout)| arena.scratch().allocate(layout)))
}

fn layout(size: usize, alignment: usize) -> Option<Layout> {
    let layout = Layout::from_size_align(size, alignment).ok();
    layout.filter(|layout| layout.size() != 0)
}

/// Frees everything of an arena at once.
///
/// # Safety
/// As [`heap_caps_arena_alloc`]; nothing of the arena is used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_arena_reset(arena: *mut CArena) {
    // SAFETY: the caller keeps the same contract.
    if let Some(arena) = unsafe { of(arena) } {
        arena.reset();
    }
}

/// Gives an arena's memory back to its heap. Null is ignored.
///
/// # Safety
/// As [`heap_caps_arena_reset`]; the handle is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_arena_destroy(arena: *mut CArena) {
    let Some(place) = NonNull::new(arena) else {
        return;
    };
    // SAFETY: the caller's arena, which nobody uses again.
    drop(unsafe { place.read() });
    // SAFETY: `create` allocated the block, and nobody uses it again.
    if let Err(misuse) = unsafe { HEAP.free(place.cast()) } {
        hooks::fault(format_args!("heap_caps_arena_destroy: {misuse}"));
    }
}

/// Returns the bytes that can still be allocated from an arena; 0 for null.
///
/// # Safety
/// As [`heap_caps_arena_alloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_arena_get_free_size(arena: *mut CArena) -> usize {
    // SAFETY: the caller keeps the same contract.
    unsafe { of(arena) }.map_or(0, |arena| arena.free())
}

/// Returns the most bytes of an arena that were ever in use at one time; 0 for null.
///
/// # Safety
/// As [`heap_caps_arena_alloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_arena_get_peak(arena: *mut CArena) -> usize {
    // SAFETY: the caller keeps the same contract.
    unsafe { of(arena) }.map_or(0, |arena| arena.peak())
}
