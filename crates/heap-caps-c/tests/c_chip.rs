//! The shared heap on a chip's table: a program of its own, because a heap is booted once.
#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

use std::ffi::c_void;
use std::ptr::{null_mut, without_provenance};

use heap_caps::SimulatedMemory;
use heap_caps_c::caps::*;
use heap_caps_c::{heap, on_init};
use soc_regions::ESP32;

fn boot() {
    let memory = Box::leak(Box::new(SimulatedMemory::new()));
    let options = ESP32.default_options();
    let symbols = ESP32.sample_symbols(&options);
    // SAFETY: nothing else uses the simulated memory, and it is never dropped.
    unsafe { heap().boot(&ESP32, &options, &symbols, memory) }.unwrap();
}

#[test]
fn a_booted_chip_answers_for_every_address() {
    on_init(boot);
    heap_caps_init();
    let at = |address: usize| without_provenance::<c_void>(address);
    let (dram, diram, code) = (at(0x3FFB_8000), at(0x3FFE_8000), at(0x400A_8000));
    assert!(esp_ptr_in_dram(dram) && esp_ptr_dma_capable(dram) && esp_ptr_internal(dram));
    assert!(esp_ptr_in_diram_dram(diram) && !esp_ptr_in_diram_dram(dram));
    assert!(
        esp_ptr_in_diram_iram(code) && esp_ptr_executable(code) && !esp_ptr_byte_accessible(code)
    );
    assert_eq!(
        esp_ptr_diram_dram_to_iram(diram).addr(),
        0x400B_7FFC,
        "word by word downwards"
    );
    assert_eq!(
        esp_ptr_diram_iram_to_dram(at(0x400B_7FFC)),
        diram.cast_mut()
    );
    assert!(esp_ptr_diram_iram_to_dram(dram).is_null());
    assert!(esp_ptr_in_rtc_dram_fast(at(0x3FF8_0100)) && !esp_ptr_in_rtc_slow(at(0x3FF8_0100)));
    assert!(esp_ptr_in_rtc_iram_fast(at(0x400C_0100)) && !esp_ptr_in_rtc_iram_fast(code));
    assert!(esp_ptr_in_rtc_slow(at(0x5000_0100)) && !esp_ptr_in_rtc_dram_fast(at(0x5000_0100)));
    assert_eq!(
        esp_ptr_rtc_dram_to_iram(at(0x3FF8_0100)).addr(),
        0x400C_0100
    );
    assert!(esp_ptr_rtc_dram_to_iram(diram).is_null());
    assert!(!esp_dram_match_iram() && !esp_rtc_dram_match_rtc_iram());
    assert!(!esp_ptr_in_spm(dram) && !esp_ptr_in_tcm(dram));
    assert!(esp_ptr_in_drom(at(0x3F40_0000)) && !esp_ptr_in_drom(at(0x3F80_0000)));
    assert!(esp_ptr_in_rom(at(0x4000_0000)) && !esp_ptr_in_rom(at(0x4007_0000)));
    assert!(!esp_ptr_in_drom(dram) && !esp_ptr_in_rom(code));

    let mut regions = [CRegion::default(); 16];
    let count = soc_get_available_memory_region_max_count();
    // SAFETY: there is room for sixteen.
    let written = unsafe { soc_get_available_memory_regions(regions.as_mut_ptr()) };
    // SAFETY: null counts.
    let counted = unsafe { soc_get_available_memory_regions(null_mut()) };
    assert_eq!((written, counted), (count, count));
    assert!(regions[..count].is_sorted_by_key(|region| region.start));
    let bytes: usize = regions[..count].iter().map(|region| region.size).sum();
    let heaps: u32 = heap().inspect().heaps().map(|heap| heap.span.size()).sum();
    assert_eq!(bytes, heaps as usize);
    assert!(
        regions
            .iter()
            .any(|region| region.startup_stack && region.iram_address != 0)
    );
}
