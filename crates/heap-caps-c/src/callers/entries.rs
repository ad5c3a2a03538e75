//! The C functions behind whose frames the program's begin.

/// Whether `function` is where one of the functions begins that programs call, or of those that
/// stand between them and the rest. O(number of functions).
pub(super) fn is_entry(function: usize) -> bool {
    let is_one_of = |entries: &[*const ()]| entries.iter().any(|entry| entry.addr() == function);
    let found = is_one_of(&[crate::serve::reallocate_aligned as *const ()]);
    #[cfg(feature = "c-abi-idf")]
    let found = found
        || is_one_of(&[
            crate::caps::heap_caps_malloc as *const (),
            crate::caps::heap_caps_calloc as *const (),
            crate::caps::heap_caps_realloc as *const (),
            crate::caps::heap_caps_free as *const (),
            crate::caps::heap_caps_aligned_alloc as *const (),
            crate::caps::heap_caps_aligned_calloc as *const (),
            crate::caps::heap_caps_aligned_realloc as *const (),
            crate::caps::heap_caps_aligned_free as *const (),
            crate::caps::heap_caps_malloc_prefer_array as *const (),
            crate::caps::heap_caps_calloc_prefer_array as *const (),
            crate::caps::heap_caps_realloc_prefer_array as *const (),
            crate::caps::heap_caps_malloc_default as *const (),
            crate::caps::heap_caps_realloc_default as *const (),
            crate::caps::heap_caps_aligned_alloc_default as *const (),
            crate::caps::heap_caps_malloc_base as *const (),
            crate::caps::heap_caps_calloc_base as *const (),
            crate::caps::heap_caps_realloc_base as *const (),
            crate::caps::heap_caps_aligned_alloc_base as *const (),
            crate::caps::heap_caps_get_allocated_size as *const (),
            crate::caps::heap_caps_get_containing_block_size as *const (),
            crate::caps::heap_caps_walk as *const (),
            crate::caps::heap_caps_walk_all as *const (),
            crate::multi::multi_heap_malloc as *const (),
            crate::multi::multi_heap_aligned_alloc as *const (),
            crate::multi::multi_heap_aligned_alloc_offs as *const (),
            crate::multi::multi_heap_free as *const (),
            crate::multi::multi_heap_aligned_free as *const (),
            crate::multi::multi_heap_realloc as *const (),
            crate::multi::multi_heap_get_allocated_size as *const (),
            crate::multi::multi_heap_walk as *const (),
        ]);
    #[cfg(all(feature = "c-abi-idf", not(feature = "c-abi-legacy")))]
    let found = found || is_one_of(&[crate::caps::port_malloc_caps as *const ()]);
    #[cfg(any(feature = "c-abi-libc", feature = "c-abi-esp-radio"))]
    let found = found
        || is_one_of(&[
            crate::plain::malloc as *const (),
            crate::plain::calloc as *const (),
            crate::plain::realloc as *const (),
            crate::plain::free as *const (),
        ]);
    #[cfg(feature = "c-abi-libc")]
    let found = found
        || is_one_of(&[
            crate::libc::memalign as *const (),
            crate::libc::aligned_alloc as *const (),
            crate::libc::posix_memalign as *const (),
            crate::libc::reallocarray as *const (),
            crate::libc::malloc_usable_size as *const (),
            crate::libc::cfree as *const (),
            crate::libc::valloc as *const (),
            crate::libc::pvalloc as *const (),
            crate::libc::malloc_r as *const (),
            crate::libc::calloc_r as *const (),
            crate::libc::realloc_r as *const (),
            crate::libc::free_r as *const (),
            crate::libc::memalign_r as *const (),
            crate::libc::malloc_usable_size_r as *const (),
        ]);
    #[cfg(feature = "c-abi-esp-radio")]
    let found = found
        || is_one_of(&[
            crate::radio::malloc_internal as *const (),
            crate::radio::calloc_internal as *const (),
            crate::radio::realloc_internal as *const (),
            crate::radio::free_internal as *const (),
        ]);
    #[cfg(feature = "c-abi-legacy")]
    let found = found
        || is_one_of(&[
            crate::legacy::define_heap_regions_tagged as *const (),
            crate::legacy::port_malloc_tagged as *const (),
            crate::legacy::port_malloc_caps as *const (),
            crate::legacy::port_malloc as *const (),
            crate::legacy::port_free as *const (),
            crate::legacy::port_free_tagged as *const (),
        ]);
    #[cfg(feature = "heap-task-tracking")]
    let found = found
        || is_one_of(&[
            crate::tasks::heap_caps_alloc_all_task_stat_arrays as *const (),
            crate::tasks::heap_caps_alloc_single_task_stat_arrays as *const (),
            crate::tasks::heap_caps_free_all_task_stat_arrays as *const (),
            crate::tasks::heap_caps_free_single_task_stat_arrays as *const (),
        ]);
    found
}
