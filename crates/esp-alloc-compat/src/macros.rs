//! The two macros that programs call once, at their start.

/// Gives [`HEAP`](crate::HEAP) a static buffer of `size` bytes of internal memory. Attributes are
/// the buffer's: `#[ram(reclaimed)]` puts it where the boot loader was.
///
/// ```
/// esp_alloc::heap_allocator!(size: 64 * 1024);
/// esp_alloc::heap_allocator!(#[unsafe(link_section = ".dram2_uninit")] size: 32 * 1024);
/// assert_eq!(esp_alloc::HEAP.stats().size.div_ceil(1024), 96);
/// ```
///
/// # Panics
/// As [`EspHeap::add_region`](crate::EspHeap::add_region): called more often than there are places
/// for regions.
#[macro_export]
macro_rules! heap_allocator {
    ($(#[$attribute:meta])* size: $size:expr) => {{
        const SIZE: usize = $size;
        $(#[$attribute])*
        static mut HEAP: ::core::mem::MaybeUninit<[u8; SIZE]> = ::core::mem::MaybeUninit::uninit();

        // SAFETY: nothing else can name the buffer. (A second pass along this line is refused: the
        // memory is a heap already.)
        unsafe {
            $crate::HEAP.add_region($crate::HeapRegion::new(
                (&raw mut HEAP).cast::<u8>(),
                SIZE,
                $crate::MemoryCapability::Internal.into(),
            ));
        }
    }};
}

/// Gives [`HEAP`](crate::HEAP) the PSRAM: `psram_allocator!(peripherals.PSRAM, esp_hal::psram)`,
/// the same with a configuration as a third argument, or `psram_allocator!(&psram)` with a driver
/// that was set up before.
///
/// **No atomics:** they do not work in the PSRAM of ESP32, ESP32-S2 and ESP32-S3, so nothing that
/// contains one may be allocated there. The global allocator uses PSRAM when the regions before it
/// are full.
///
/// # Panics
/// As [`heap_allocator!`].
#[macro_export]
macro_rules! psram_allocator {
    ($peripheral:expr, $psram_module:path) => {
        $crate::psram_allocator!(
            $peripheral,
            $psram_module,
            ::core::default::Default::default()
        );
    };
    ($peripheral:expr, $psram_module:path, $configuration:expr) => {{
        use $psram_module as _psram;
        let psram = _psram::Psram::new($peripheral, $configuration);
        $crate::psram_allocator!(&psram);
    }};
    (&$psram:ident) => {{
        let (start, size) = $psram.raw_parts();
        // SAFETY: the driver owns the PSRAM, and its owner gives it to the heap here.
        unsafe {
            $crate::HEAP.add_region($crate::HeapRegion::new(
                start,
                size,
                $crate::MemoryCapability::External.into(),
            ));
        }
    }};
}
