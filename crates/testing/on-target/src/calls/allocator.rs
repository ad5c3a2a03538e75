//! Calls that global allocators share.

/// The calls of an allocator through `GlobalAlloc` of its `HEAP`.
macro_rules! of_global_allocator {
    () => {
        fn allocate_aligned(&mut self, size: usize, alignment: usize) -> usize {
            let Some(layout) = heap_bench::layout(size, alignment) else {
                return 0;
            };
            // SAFETY: the workloads ask for no empty block.
            unsafe { core::alloc::GlobalAlloc::alloc(&HEAP, layout) }.addr()
        }

        unsafe fn free(&mut self, block: NonNull<u8>, size: usize, alignment: usize) {
            if let Some(layout) = heap_bench::layout(size, alignment) {
                // SAFETY: the caller's block, with its layout.
                unsafe { core::alloc::GlobalAlloc::dealloc(&HEAP, block.as_ptr(), layout) };
            }
        }

        unsafe fn reallocate(&mut self, block: NonNull<u8>, size: usize, new_size: usize) -> usize {
            let Some(layout) = heap_bench::layout(size, 4) else {
                return 0;
            };
            // SAFETY: the caller's block, with its layout.
            unsafe { core::alloc::GlobalAlloc::realloc(&HEAP, block.as_ptr(), layout, new_size) }
                .addr()
        }
    };
}

pub(super) use of_global_allocator;
