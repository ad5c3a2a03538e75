//! Adding a chip is one file: here it is, for a chip that nobody makes. `docs/adding-a-chip.md`
//! walks through it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

use heap_caps::{HeapCaps, SimulatedMemory};
use soc_regions::{Caps, LayoutError, OptionError, When, common, options};
use wasp::WASP;

// The file of the chip, which uses what `soc-regions` exports and nothing else.
mod wasp {
    //! The WASP-1: one core, 128 KiB at one address on both buses, a cache of two sizes, a radio,
    //! PSRAM behind lines of 32 bytes.
    //!
    //! ```text
    //!   0x2000_0000 PSRAM, up to 8 MiB
    //!   0x3000_0000 RAM, 128 KiB: cache of 8 or 16 KiB, the radio's, the program's, start-up stack, the ROM's
    //! ```

    use soc_regions::common::PSRAM;
    use soc_regions::{
        Access, Amount, Bound, Caps, Chip, Choice, DualBus, Flag, HardwareTable, Line, MemoryType,
        Order, Region, Reservation, SampleSymbol, Span, Table, Term, Total, TypeIndex, Value, When,
        Window, WordOrder, access, caps, chip, span,
    };

    pub(crate) static WASP: Chip = chip!(Table {
        name: "wasp-1",
        generation: "WASP-1, invented",
        options: &[
            CACHE.declared(),
            RADIO.declared(),
            CHANNELS.declared(),
            PSRAM.declared(),
        ],
        types: &[
            MemoryType::new("RAM", [DATA, Caps::EXEC, Caps::empty()]),
            MemoryType::new(
                "SPIRAM",
                [Caps::SPIRAM, Caps::empty(), Caps::BIT8.union(Caps::DEFAULT)],
            ),
        ],
        regions: &[
            Region::new(EXTRAM, SPIRAM).only(When::given(PSRAM)),
            Region::new(span!(0x3000_2000, 0x3000_4000), RAM).only(SMALL_CACHE),
            Region::new(span!(0x3000_4000, 0x3001_E000), RAM),
            Region::new(span!(0x3001_E000, 0x3002_0000), RAM).with_startup_stack(),
        ],
        order: Order::AscendingByType,
        reservations: &[
            Reservation::new(
                "radio",
                Bound::at(0x3000_4000),
                Bound::at(0x3000_5000).and_each(&[Term::times(CHANNELS, 0x400)]),
            )
            .only(When::on(RADIO)),
            Reservation::between("program", "_start", "_end"),
            Reservation::new(
                "rom",
                Bound::stated("rom:data", 0x3001_FE00),
                Bound::at(0x3002_0000),
            ),
            Reservation::new(
                "beyond_psram",
                Bound::at(EXTRAM.start())
                    .and_each(&[Term::of(PSRAM)])
                    .at_most(EXTRAM.end()),
                Bound::at(EXTRAM.end()),
            )
            .only(When::given(PSRAM)),
        ],
        totals: &[
            Total::new(RAM, 120 * 1024),
            Total::with(&[CACHE.value("16K")], RAM, 112 * 1024),
            Total::with(&[PSRAM.of(1)], SPIRAM, 8 << 20),
        ],
        windows: &[
            Window {
                name: "PSRAM",
                span: EXTRAM,
                access: access(&[Access::EXTERNAL, Access::BYTES, Access::DMA]),
            },
            Window {
                name: "RAM",
                span: SRAM,
                access: access(&[Access::DRAM, Access::BYTES, Access::DMA, Access::EXECUTE]),
            },
        ],
        dual_buses: &[DualBus::new(SRAM, SRAM, WordOrder::Linear).unwrap()],
        hardware: HardwareTable {
            external_line: Line::of(32),
            ..HardwareTable::PLAIN
        },
        max_contiguous_bytes: 8 << 20,
        sample_symbols: &[
            SampleSymbol::new("_start", 0x3000_8000),
            SampleSymbol::new("_end", 0x3000_9000),
        ],
    });

    pub(crate) const CACHE: Choice = Choice::new(
        "cache",
        "size of the cache",
        &[
            Value::new("8K", &[("CONFIG_WASP_CACHE_8KB", 1)]),
            Value::new("16K", &[("CONFIG_WASP_CACHE_16KB", 1)]),
        ],
    );
    pub(crate) const RADIO: Flag = Flag::new("radio", "CONFIG_WASP_RADIO", "the radio is used");
    pub(crate) const CHANNELS: Amount = Amount::new(
        "channels",
        "CONFIG_WASP_RADIO_CHANNELS",
        "channels that the radio keeps open",
    )
    .within(1, 8, 2);

    const RAM: TypeIndex = TypeIndex(0);
    const SPIRAM: TypeIndex = TypeIndex(1);
    const DATA: Caps = caps(&[
        Caps::BIT8,
        Caps::BIT32,
        Caps::DMA,
        Caps::INTERNAL,
        Caps::DEFAULT,
    ]);
    const EXTRAM: Span = span!(0x2000_0000, 0x2080_0000);
    const SRAM: Span = span!(0x3000_0000, 0x3002_0000);
    const SMALL_CACHE: When = When::is(CACHE.value("8K"));
}

fn heaps(settings: &[soc_regions::Setting]) -> Vec<(u32, u32)> {
    let options = WASP.options(settings).unwrap();
    let memory = WASP.available(&options, &WASP.sample_symbols(&options));
    let spans = memory.unwrap().map(|memory| memory.span);
    spans.map(|span| (span.start(), span.end())).collect()
}

#[test]
fn an_invented_chip_has_its_own_options_and_layouts() {
    let behind = [(0x3000_9000, 0x3001_E000), (0x3001_E000, 0x3001_FE00)];
    let with = |first: (u32, u32)| [&[first][..], &behind].concat();
    assert_eq!(heaps(&[]), with((0x3000_2000, 0x3000_8000)));
    assert_eq!(
        heaps(&[wasp::CACHE.value("16K")]),
        with((0x3000_4000, 0x3000_8000))
    );
    let radio = [
        wasp::CACHE.value("16K"),
        wasp::RADIO.on(),
        wasp::CHANNELS.of(3),
    ];
    assert_eq!(heaps(&radio), with((0x3000_5C00, 0x3000_8000)));
    assert_eq!(
        heaps(&[common::PSRAM.of(64)])[0],
        (0x2000_0000, 0x2000_0040)
    );
}

#[test]
fn what_an_invented_chip_has_not_is_refused_by_name() {
    let parsed = |text| WASP.default_options().parse(text);
    assert!(parsed("cache=16K").is_ok());
    let error = |text| parsed(text).unwrap_err().to_string();
    assert_eq!(
        error("rtc-heap"),
        "wasp-1 has no option `rtc-heap`; it has cache, radio, channels, psram"
    );
    assert_eq!(
        error("cache=32K"),
        "option `cache` can't be `32K`, but 8K, 16K"
    );
    assert_eq!(
        error("channels=9"),
        "option `channels` can't be 9, but a number from 1 to 8"
    );
    let unknown = WASP.options(&[common::RTC_HEAP.on()]).unwrap_err();
    assert!(matches!(unknown, OptionError::UnknownOption { .. }));
    let foreign = soc_regions::ESP32.default_options();
    assert_eq!(
        WASP.layout_of(&foreign, &[]).err(),
        Some(LayoutError::OtherChip {
            chip: "wasp-1",
            options: "esp32"
        })
    );
    assert!(!When::on(common::RTC_HEAP).holds(&WASP.default_options()));
}

/// Evaluated by the compiler: with the radio, 80 KiB are left for DMA.
const _: () = {
    let options = options!(WASP, wasp::RADIO.on());
    let linked = [("_start", 0x3000_8000), ("_end", 0x3000_9000)];
    match WASP.layout_of(&options, &linked) {
        Ok(layout) => assert!(layout.available_bytes(Caps::DMA) >= 80 * 1024),
        Err(_) => panic!("the program does not fit the options"),
    }
};

#[test]
fn an_invented_chip_boots_and_serves_by_capability() {
    let memory = SimulatedMemory::new();
    let options = WASP.options(&[common::PSRAM.of(1 << 20)]).unwrap();
    let mut heaps: HeapCaps = HeapCaps::new(());
    let symbols = WASP.sample_symbols(&options);
    // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
    let booted = unsafe { heaps.boot(&WASP, &options, &symbols, &memory) }.unwrap();
    assert_eq!((booted.heaps, booted.too_small), (4, 0));

    let dma = heaps.malloc(100, Caps::DMA).unwrap();
    assert!(WASP.is_dma_capable(dma) && WASP.is_internal(dma));
    let code = heaps.malloc(64, Caps::EXEC).unwrap();
    assert!(WASP.is_executable(code));
    let frame = heaps.malloc(5, Caps::SPIRAM | Caps::DMA).unwrap();
    assert!(WASP.is_external(frame) && frame.is_multiple_of(32));
    assert!(heaps.malloc(200 * 1024, Caps::DEFAULT).is_ok());
    assert!(heaps.malloc(200 * 1024, Caps::INTERNAL).is_err());
}
