//! The names of 2016: `esp_heap_alloc_caps.h` and `freertos/heap_regions.h` of ESP-IDF v2.1.
//!
//! ```text
//!   vPortDefineHeapRegionsTagged   array of the caller, by pointers ─► heaps with tags      once; instead of heap_alloc_caps_init
//!   pvPortMallocTagged             by tag
//!   pvPortMallocCaps, pvPortMalloc by capability                    both: vPortFree, vPortFreeTagged
//! ```
//!
//! The shared heap serves them, so what they hand out can be freed by any of C's names. Alone, this
//! feature makes it a heap by the rules of 2016
//! ([`Policy::Tagged2016`](heap_caps::Policy::Tagged2016)). With `c-abi-idf` besides, blocks by
//! capability are placed by today's rules; tags and figures are as in 2016.

use core::ffi::{CStr, c_int, c_void};

use heap_caps::{AllocRequest, Identity, Placement};
use soc_regions::{Caps, ESP32_V2_1, TypeIndex};

use super::ffi;
use super::heap::HEAP;
use super::hooks;
use super::init;
use super::serve::{self, Call};
use heap_caps_alloc::TaggedBuffer;

/// `HeapRegionTagged_t`: a region of the caller.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HeapRegionTagged {
    /// Its first byte.
    pub start: *mut u8,
    /// Its bytes; 0 ends the array.
    pub size: usize,
    /// Its tag, 0 to 15; -1: not used.
    pub tag: c_int,
    /// Where the instruction bus sees it, its last word first; 0: nowhere.
    pub code: u32,
}

/// The tag of regions that are not to be used.
const UNUSED: c_int = -1;

/// Makes heaps of the chip's memory, see [`on_init`](super::on_init).
#[unsafe(no_mangle)]
pub extern "C" fn heap_alloc_caps_init() {
    init::boot();
}

/// Opens the memory of tag 1, where the start-up stacks were, to requests by capability.
///
/// # Safety
/// - Nobody stands on a start-up stack any more, on any core.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_alloc_enable_nonos_stack_tag() {
    // SAFETY: the caller keeps the same contract; only a chip's own memory has such heaps.
    unsafe { HEAP.enable_startup_stack_heaps(&Identity) };
}

/// Makes heaps of the caller's regions: of all or, if something is wrong with one, of none, which
/// is reported as a fault.
///
/// # Safety
/// - `regions` leads to an array that ends with a size of 0.
/// - The regions with a tag are used by nothing else from now on, except by the users of allocated
///   blocks within their blocks.
/// - They are readable and writable by words; where their tag says `8BIT`, by bytes.
/// - The instruction bus sees them at `code`, their last word first, where that is not 0.
#[unsafe(export_name = "vPortDefineHeapRegionsTagged")]
pub unsafe extern "C" fn define_heap_regions_tagged(regions: *const HeapRegionTagged) {
    // SAFETY: the caller keeps the same contract.
    let array = unsafe { ffi::until(regions, |region| region.size == 0) };
    let used = array.filter(|region| region.tag != UNUSED);
    // SAFETY: as above; the array is read once, so each region is handed over once.
    let buffers = used.map(|region| unsafe { region.buffer() });
    if let Err(error) = HEAP.define_tagged_buffers(&ESP32_V2_1, buffers) {
        hooks::fault(format_args!("vPortDefineHeapRegionsTagged: {error}"));
    }
}

impl HeapRegionTagged {
    /// # Safety
    /// - The region's memory is handed over: this is called once.
    /// - The instruction bus sees it at `code`, unless that is 0.
    unsafe fn buffer(self) -> TaggedBuffer {
        // SAFETY: the caller keeps the same contract.
        let bytes = unsafe { ffi::memory(self.start, self.size) };
        let buffer = TaggedBuffer::new(tag(self.tag), bytes);
        match self.code {
            0 => buffer,
            // SAFETY: the caller keeps the same contract.
            code => unsafe { buffer.with_code_at(code) },
        }
    }
}

/// Returns a tag of C's; those that are too large or negative are one that no memory has.
fn tag(tag: c_int) -> TypeIndex {
    TypeIndex(u8::try_from(tag).unwrap_or(u8::MAX))
}

/// Returns a block of the memory with this tag, or null.
#[unsafe(export_name = "pvPortMallocTagged")]
pub extern "C" fn port_malloc_tagged(size: usize, wanted: c_int) -> *mut c_void {
    let request = AllocRequest::new(size, Caps::empty()).placed(Placement::Tag(tag(wanted)));
    let taken = HEAP.try_allocate(request.anonymous());
    match taken {
        Some(block) => hooks::allocated(block, size, 0),
        None if size == 0 => {}
        None => hooks::failed(size, 0, c"pvPortMallocTagged"),
    }
    ffi::to_c(taken)
}

/// Returns a block of memory that has all of `caps`, or null.
#[unsafe(export_name = "pvPortMallocCaps")]
pub extern "C" fn port_malloc_caps(size: usize, caps: u32) -> *mut c_void {
    by_capability(c"pvPortMallocCaps", size, Caps::from_bits_retain(caps))
}

/// Returns a block of memory that takes bytes, or null.
#[unsafe(export_name = "pvPortMalloc")]
pub extern "C" fn port_malloc(size: usize) -> *mut c_void {
    by_capability(c"pvPortMalloc", size, Caps::BIT8)
}

fn by_capability(name: &'static CStr, size: usize, caps: Caps) -> *mut c_void {
    let request = AllocRequest::new(size, caps);
    let call = Call {
        name,
        request: request.anonymous(),
        tells_failure: true,
    };
    call.allocate()
}

/// Frees a block, whichever function it came from; null is ignored.
///
/// # Safety
/// `block` is null, or nobody uses its block any more.
#[unsafe(export_name = "vPortFree")]
pub unsafe extern "C" fn port_free(block: *mut c_void) {
    // SAFETY: the caller keeps the same contract.
    unsafe { serve::free_named(c"vPortFree", block) };
}

/// The same.
///
/// # Safety
/// As [`port_free`].
#[unsafe(export_name = "vPortFreeTagged")]
pub unsafe extern "C" fn port_free_tagged(block: *mut c_void) {
    // SAFETY: the caller keeps the same contract.
    unsafe { serve::free_named(c"vPortFreeTagged", block) };
}

/// Returns the free bytes of the memory with this tag.
#[unsafe(export_name = "xPortGetFreeHeapSizeTagged")]
pub extern "C" fn port_get_free_heap_size_tagged(wanted: c_int) -> usize {
    HEAP.inspect().tag_free_size(tag(wanted)) as usize // widening
}

/// Returns the least of them that there ever was, heap by heap.
#[unsafe(export_name = "xPortGetMinimumEverFreeHeapSizeTagged")]
pub extern "C" fn port_get_minimum_ever_free_heap_size_tagged(wanted: c_int) -> usize {
    HEAP.inspect().tag_minimum_free_size(tag(wanted)) as usize // widening
}

/// Returns the free bytes of memory that has any of `caps`, once for each of its columns that has
/// one.
#[unsafe(export_name = "xPortGetFreeHeapSizeCaps")]
pub extern "C" fn port_get_free_heap_size_caps(caps: u32) -> usize {
    HEAP.inspect()
        .free_size_of_any(Caps::from_bits_retain(caps)) as usize // widening
}

/// Returns the least of them that there ever was, heap by heap, counted in the same way.
#[unsafe(export_name = "xPortGetMinimumEverFreeHeapSizeCaps")]
pub extern "C" fn port_get_minimum_ever_free_heap_size_caps(caps: u32) -> usize {
    HEAP.inspect()
        .minimum_free_size_of_any(Caps::from_bits_retain(caps)) as usize // widening
}

/// Returns the free bytes of memory that takes bytes.
#[unsafe(export_name = "xPortGetFreeHeapSize")]
pub extern "C" fn port_get_free_heap_size() -> usize {
    port_get_free_heap_size_caps(Caps::BIT8.bits())
}

/// Returns the least of them that there ever was, heap by heap.
#[unsafe(export_name = "xPortGetMinimumEverFreeHeapSize")]
pub extern "C" fn port_get_minimum_ever_free_heap_size() -> usize {
    port_get_minimum_ever_free_heap_size_caps(Caps::BIT8.bits())
}

/// Returns whether DMA reaches it: `0x3FFA_E000` up to `0x4000_0000`. (With the feature `c-abi-idf`
/// the booted chip's table answers.)
#[cfg(not(feature = "c-abi-idf"))]
#[unsafe(no_mangle)]
pub extern "C" fn esp_ptr_dma_capable(pointer: *const c_void) -> bool {
    u32::try_from(pointer.addr()).is_ok_and(|address| ESP32_V2_1.is_dma_capable(address))
}
