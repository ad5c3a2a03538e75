//! `esp_memory_utils.h`, `soc_memory_layout.h`: what kind of memory a pointer leads to.
//!
//! On a chip that was booted its table answers. Elsewhere (a host, a heap of buffers) the heap in
//! which the pointer lies does, by its capabilities; what lies in no heap is no memory.

use core::ffi::c_void;

use soc_regions::{Caps, Chip};

use crate::ffi;
use crate::heap::HEAP;
use crate::serve::memory_of;

/// Asks the chip, or else the capabilities of the heap.
fn ask(
    pointer: *const c_void,
    chip: impl FnOnce(&Chip, u32) -> bool,
    heap: impl FnOnce(Caps) -> bool,
) -> bool {
    let booted = HEAP.inspect().locked(|heaps| heaps.chip());
    let address = u32::try_from(pointer.addr()).ok();
    match (booted, address) {
        (Some(table), Some(address)) => chip(table, address),
        _ => ffi::from_c(pointer).and_then(memory_of).is_some_and(heap),
    }
}

macro_rules! questions {
    ($($(#[$about:meta])* $name:ident: $chip:expr, $heap:expr;)+) => {$(
        $(#[$about])*
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(pointer: *const c_void) -> bool {
            ask(pointer, $chip, $heap)
        }
    )+};
}

questions! {
    /// Whether DMA engines reach it.
    esp_ptr_dma_capable: Chip::is_dma_capable, |caps| caps.contains(Caps::DMA);
    /// Whether DMA engines reach it outside of the chip.
    esp_ptr_dma_ext_capable: |chip, address| {
        chip.is_external(address) && chip.is_dma_capable(address)
    },
        |caps| caps.contains(Caps::SPIRAM.union(Caps::DMA));
    /// Whether code can be fetched from it. RAM only.
    esp_ptr_executable: Chip::is_executable, |caps| caps.contains(Caps::EXEC);
    /// Whether single bytes can be read and written there.
    esp_ptr_byte_accessible: Chip::is_byte_accessible, |caps| caps.contains(Caps::BIT8);
    /// Whether it is RAM on the chip.
    esp_ptr_internal: Chip::is_internal, |caps| caps.contains(Caps::INTERNAL);
    /// Whether it is RAM outside of the chip.
    esp_ptr_external_ram: Chip::is_external, |caps| caps.contains(Caps::SPIRAM);
    /// Whether it is RAM on the data bus.
    esp_ptr_in_dram: Chip::is_in_dram, |caps| caps.contains(Caps::INTERNAL.union(Caps::BIT8));
    /// Whether it is RAM on the instruction bus.
    esp_ptr_in_iram: Chip::is_in_iram, |caps| caps.contains(Caps::EXEC);
    /// Whether it is the data side of memory with two sides.
    esp_ptr_in_diram_dram: Chip::is_in_diram_dram, |_| false;
    /// Whether it is the instruction side of memory with two sides.
    esp_ptr_in_diram_iram: Chip::is_in_diram_iram, |_| false;
    /// Whether it is the RTC's fast memory on the instruction bus.
    esp_ptr_in_rtc_iram_fast: |chip, address| {
        chip.is_in_rtc(address) && chip.is_executable(address)
    },
        |_| false;
    /// Whether it is the RTC's fast memory on the data bus.
    esp_ptr_in_rtc_dram_fast: |chip, address| {
        chip.is_in_rtc(address) && chip.is_byte_accessible(address) && !is_slow(chip, address)
    }, |caps| caps.contains(Caps::RTCRAM);
    /// Whether it is the RTC's slow memory.
    esp_ptr_in_rtc_slow: is_slow, |_| false;
    /// Whether it is scratch-pad memory.
    esp_ptr_in_spm: is_in_spm, |caps| caps.contains(Caps::SPM);
    /// Whether it is scratch-pad memory, by its old name.
    esp_ptr_in_tcm: is_in_spm, |caps| caps.contains(Caps::SPM);
}

/// Returns whether it is memory of the RTC in which no code runs, seen from either bus.
fn is_slow(chip: &Chip, address: u32) -> bool {
    let other = chip.to_instruction_bus(address);
    let runs_code = chip.is_executable(address) || other.is_some_and(|other| other != address);
    chip.is_in_rtc(address) && !runs_code
}

/// Returns whether it is memory of a type that says so.
fn is_in_spm(chip: &Chip, address: u32) -> bool {
    let mut here = chip
        .regions()
        .iter()
        .filter(|region| region.span.contains(address));
    here.any(|region| {
        let memory_type = chip.memory_type(region.kind);
        memory_type.is_some_and(|kind| kind.union().contains(Caps::SPM))
    })
}

/// Returns whether data and instructions have the same addresses: no memory has two sides.
#[unsafe(no_mangle)]
pub extern "C" fn esp_dram_match_iram() -> bool {
    HEAP.inspect()
        .locked(|heaps| heaps.chip())
        .is_none_or(|chip| chip.diram().is_none())
}

/// The same of the RTC's memory.
#[unsafe(no_mangle)]
pub extern "C" fn esp_rtc_dram_match_rtc_iram() -> bool {
    let has_two_sides = |chip: &Chip| {
        let mut sides = chip.dual_buses().iter();
        sides.any(|bus| chip.is_in_rtc(bus.data().start()))
    };
    HEAP.inspect()
        .locked(|heaps| heaps.chip())
        .is_none_or(|chip| !has_two_sides(chip))
}

/// Returns whether it is a multiple of 4.
#[unsafe(no_mangle)]
pub extern "C" fn esp_ptr_word_aligned(pointer: *const c_void) -> bool {
    pointer.addr().is_multiple_of(4)
}

/// Returns the instruction side of an address of the data side; null where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn esp_ptr_diram_dram_to_iram(pointer: *const c_void) -> *mut c_void {
    other_side(pointer, Chip::diram_dram_to_iram)
}

/// Returns the data side of an address of the instruction side; null where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn esp_ptr_diram_iram_to_dram(pointer: *const c_void) -> *mut c_void {
    other_side(pointer, Chip::diram_iram_to_dram)
}

/// Returns the instruction side of an address of RTC memory; null where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn esp_ptr_rtc_dram_to_iram(pointer: *const c_void) -> *mut c_void {
    other_side(pointer, |chip, address| {
        chip.to_instruction_bus(address)
            .filter(|_| chip.is_in_rtc(address))
    })
}

fn other_side(pointer: *const c_void, side: impl FnOnce(&Chip, u32) -> Option<u32>) -> *mut c_void {
    let address = u32::try_from(pointer.addr()).ok();
    let chip = HEAP.inspect().locked(|heaps| heaps.chip());
    let other = chip
        .zip(address)
        .and_then(|(chip, address)| side(chip, address));
    core::ptr::with_exposed_provenance_mut(other.unwrap_or(0) as usize)
}
