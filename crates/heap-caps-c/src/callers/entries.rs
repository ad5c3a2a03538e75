//! The C functions behind whose frames the program's begin.

/// Returns whether `function` is where one of the functions begins that programs call, or of those
/// that stand between them and the rest. O(number of functions).
pub(super) fn is_entry(function: usize) -> bool {
    macro_rules! is_one_of {
        ($module:ident: $($name:ident)*) => {
            [$(crate::$module::$name as *const ()),*].iter().any(|entry| entry.addr() == function)
        };
    }
    let found = is_one_of!(serve: reallocate_aligned);
    #[cfg(feature = "c-abi-idf")]
    let found = found
        || is_one_of! { caps:
            heap_caps_malloc heap_caps_calloc heap_caps_realloc heap_caps_free
            heap_caps_aligned_alloc heap_caps_aligned_calloc heap_caps_aligned_realloc
            heap_caps_aligned_free heap_caps_malloc_prefer_array heap_caps_calloc_prefer_array
            heap_caps_realloc_prefer_array heap_caps_malloc_default heap_caps_realloc_default
            heap_caps_aligned_alloc_default heap_caps_malloc_base heap_caps_calloc_base
            heap_caps_realloc_base heap_caps_aligned_alloc_base heap_caps_get_allocated_size
            heap_caps_get_containing_block_size heap_caps_walk heap_caps_walk_all
        }
        || is_one_of! { multi:
            multi_heap_malloc multi_heap_aligned_alloc multi_heap_aligned_alloc_offs
            multi_heap_free multi_heap_aligned_free multi_heap_realloc
            multi_heap_get_allocated_size multi_heap_walk
        };
    #[cfg(all(feature = "c-abi-idf", not(feature = "c-abi-legacy")))]
    let found = found || is_one_of!(caps: port_malloc_caps);
    #[cfg(any(feature = "c-abi-libc", feature = "c-abi-esp-radio"))]
    let found = found
        || is_one_of! { plain:
            malloc calloc realloc free
        };
    #[cfg(feature = "c-abi-libc")]
    let found = found
        || is_one_of! { libc:
            memalign aligned_alloc posix_memalign reallocarray malloc_usable_size cfree valloc
            pvalloc malloc_r calloc_r realloc_r free_r memalign_r malloc_usable_size_r
        };
    #[cfg(feature = "c-abi-esp-radio")]
    let found = found
        || is_one_of! { radio:
            malloc_internal calloc_internal realloc_internal free_internal
        };
    #[cfg(feature = "c-abi-legacy")]
    let found = found
        || is_one_of! { legacy:
            define_heap_regions_tagged port_malloc_tagged port_malloc_caps port_malloc port_free
            port_free_tagged
        };
    #[cfg(feature = "heap-task-tracking")]
    let found = found
        || is_one_of! { tasks:
            heap_caps_alloc_all_task_stat_arrays heap_caps_alloc_single_task_stat_arrays
            heap_caps_free_all_task_stat_arrays heap_caps_free_single_task_stat_arrays
        };
    found
}
