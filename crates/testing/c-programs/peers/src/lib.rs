//! Rust's allocators as the memory of a program in C: `malloc`, `realloc`, `free` over `rlsf` (what
//! esp-alloc 0.11 is made of), `talc` 5 and `linked_list_allocator`.
//!
//! These want a block's size and alignment back when it is freed, which C does not know. So each
//! block begins with its size:
//!
//! ```text
//!   | size | padding to 2 words | what the program has ..
//! ```
//!
//! For programs of one thread.

#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::panic::PanicInfo;
use core::ptr::{self, NonNull};

use talc::{DefaultBinning, base::Talc, source::Manual};

/// Bytes in front of what the program has: enough for the size, and C's alignment for anything.
const FRONT: usize = 2 * size_of::<usize>();

/// The allocators.
enum Memory {
    None,
    /// With the parameters of esp-alloc.
    Rlsf(rlsf::Tlsf<'static, usize, usize, 32, 32>),
    LinkedList(linked_list_allocator::Heap),
    Talc(Talc<Manual, DefaultBinning>),
}

impl Memory {
    fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        match self {
            Self::None => None,
            Self::Rlsf(rlsf) => rlsf.allocate(layout),
            Self::LinkedList(list) => list.allocate_first_fit(layout).ok(),
            // SAFETY: no block is empty: each has a front.
            Self::Talc(talc) => unsafe { talc.allocate(layout) },
        }
    }

    /// # Safety
    /// `block` came from [`Memory::allocate`] with this layout, and nobody uses it any more.
    unsafe fn free(&mut self, block: NonNull<u8>, layout: Layout) {
        match self {
            Self::None => {}
            // SAFETY: the caller keeps the same contract.
            Self::Rlsf(rlsf) => unsafe { rlsf.deallocate(block, layout.align()) },
            // SAFETY: the caller keeps the same contract.
            Self::LinkedList(list) => unsafe { list.deallocate(block, layout) },
            // SAFETY: the caller keeps the same contract.
            Self::Talc(talc) => unsafe { talc.deallocate(block.as_ptr(), layout) },
        }
    }

    /// # Safety
    /// As [`Memory::free`]; after a success the block is where it says.
    unsafe fn resize(
        &mut self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Option<NonNull<u8>> {
        match self {
            // SAFETY: the caller keeps the same contract.
            Self::Rlsf(rlsf) => return unsafe { rlsf.reallocate(block, new) },
            Self::Talc(talc) if new.size() <= old.size() => {
                // SAFETY: the caller keeps the same contract.
                unsafe { talc.shrink(block.as_ptr(), old, new.size()) };
                return Some(block);
            }
            Self::Talc(talc) => {
                // SAFETY: the caller keeps the same contract.
                if unsafe { talc.try_grow_in_place(block.as_ptr(), old, new.size()) } {
                    return Some(block);
                }
            }
            Self::None | Self::LinkedList(_) => {}
        }
        let moved = self.allocate(new)?;
        let bytes = old.size().min(new.size());
        // SAFETY: both blocks have as many bytes, and are different.
        unsafe { block.copy_to_nonoverlapping(moved, bytes) };
        // SAFETY: the caller keeps the same contract.
        unsafe { self.free(block, old) };
        Some(moved)
    }
}

/// The memory of the program, which has one thread.
struct MemoryCell(UnsafeCell<Memory>);

// SAFETY: the program that links this has one thread.
unsafe impl Sync for MemoryCell {}

static MEMORY: MemoryCell = MemoryCell(UnsafeCell::new(Memory::None));

fn with<R>(work: impl FnOnce(&mut Memory) -> R) -> R {
    // SAFETY: one thread, and no allocator calls back.
    work(unsafe { &mut *MEMORY.0.get() })
}

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.checked_add(FRONT)?, FRONT).ok()
}

/// Writes the size to the front of a block; returns what the program has of it.
fn opened(block: Option<NonNull<u8>>, size: usize) -> *mut c_void {
    let Some(block) = block else {
        return ptr::null_mut();
    };
    // SAFETY: every block has a front, aligned to two words.
    unsafe { block.cast::<usize>().write(size) };
    // SAFETY: behind the front lie the bytes of the program.
    unsafe { block.add(FRONT) }.as_ptr().cast()
}

/// Returns the front of a block, with its layout.
///
/// # Safety
/// `block` came from [`peer_malloc`] or [`peer_realloc`].
unsafe fn front(block: NonNull<c_void>) -> Option<(NonNull<u8>, Layout)> {
    // SAFETY: before the bytes of the program lies the front.
    let start = unsafe { block.cast::<u8>().sub(FRONT) };
    // SAFETY: the size was written there.
    let size = unsafe { start.cast::<usize>().read() };
    Some((start, layout(size)?))
}

/// Starts the allocator `name` in `bytes` bytes at `start`; 0 for a name that none has, and where
/// it wants more bytes.
///
/// # Safety
/// - `name` is a string; the bytes are nobody else's from now on. No block is in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_start(name: *const c_char, start: *mut u8, bytes: usize) -> c_int {
    // SAFETY: the caller keeps the same contract.
    let name = unsafe { CStr::from_ptr(name) };
    let Some(region) = NonNull::new(ptr::slice_from_raw_parts_mut(start, bytes)) else {
        return 0;
    };
    with(|memory| {
        match name.to_bytes() {
            b"rlsf" => {
                let mut rlsf = rlsf::Tlsf::new();
                // SAFETY: the caller keeps the same contract.
                let is_large_enough = unsafe { rlsf.insert_free_block_ptr(region) }.is_some();
                *memory = Memory::Rlsf(rlsf);
                c_int::from(is_large_enough)
            }
            b"linked-list" => {
                // SAFETY: the caller keeps the same contract.
                *memory =
                    Memory::LinkedList(unsafe { linked_list_allocator::Heap::new(start, bytes) });
                1
            }
            b"talc" => {
                *memory = Memory::Talc(Talc::new(Manual));
                let Memory::Talc(talc) = memory else { return 0 };
                // SAFETY: the caller keeps the same contract; the allocator will not move.
                c_int::from(unsafe { talc.claim(start, bytes) }.is_some())
            }
            _ => 0,
        }
    })
}

/// Returns a block of `size` bytes, or null.
#[unsafe(no_mangle)]
pub extern "C" fn peer_malloc(size: usize) -> *mut c_void {
    let block = layout(size).and_then(|layout| with(|memory| memory.allocate(layout)));
    opened(block, size)
}

/// Frees a block; null is ignored.
///
/// # Safety
/// - `block` is null, or from these functions and not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_free(block: *mut c_void) {
    // SAFETY: the caller keeps the same contract.
    if let Some((start, layout)) = NonNull::new(block).and_then(|block| unsafe { front(block) }) {
        // SAFETY: the caller keeps the same contract.
        with(|memory| unsafe { memory.free(start, layout) });
    }
}

/// Returns the block with another size, or null and the block as it was.
///
/// # Safety
/// - `block` is from these functions, and not used any more after a success.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    let old = NonNull::new(block).and_then(|block| unsafe { front(block) });
    let (Some((start, old)), Some(new)) = (old, layout(size)) else {
        return ptr::null_mut();
    };
    // SAFETY: the caller keeps the same contract.
    opened(
        with(|memory| unsafe { memory.resize(start, old, new) }),
        size,
    )
}

/// Returns the bytes that were asked for.
///
/// # Safety
/// - `block` is from these functions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peer_size(block: *mut c_void) -> usize {
    // SAFETY: the caller keeps the same contract.
    let known = NonNull::new(block).and_then(|block| unsafe { front(block) });
    known.map_or(0, |(_, layout)| layout.size() - FRONT)
}

/// What the allocators themselves could allocate from: nothing.
struct Nothing;

// SAFETY: it hands out no block.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static NOTHING: Nothing = Nothing;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn abort() -> !;
    }
    abort()
}
