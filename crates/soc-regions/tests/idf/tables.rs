//! ESP-IDF's own tables of the ESP32, copied a second time and in another notation, with its Kconfig symbols.

/// Names of capabilities, in three columns.
pub(crate) type Type = (&'static str, [&'static str; 3]);
/// `count` rows of `size` bytes from `start`: type, alias of the first row, start-up stack.
pub(crate) type Rows = (u32, u32, u32, u8, Option<u32>, bool, fn(&Kconfig) -> bool);
/// A reserved area; an end is a number or the name of a symbol.
pub(crate) type Area = (End, End, fn(&Kconfig) -> bool);

#[derive(Clone, Copy)]
pub(crate) enum End {
    At(u32),
    Symbol(&'static str),
    /// The end of the Bluetooth controller's exchange memory.
    ExchangeMemory,
}
use End::{At, ExchangeMemory, Symbol};

/// What a generation's `soc_memory_layout.c` (`heap_alloc_caps.c` in v2.1) says.
pub(crate) struct Idf {
    pub(crate) name: &'static str,
    pub(crate) types: &'static [Type],
    pub(crate) rows: &'static [Rows],
    pub(crate) areas: &'static [Area],
    /// Whether PSRAM becomes a heap after start-up, behind the tables' back.
    pub(crate) adds_psram_later: bool,
}

/// Kconfig symbols without `CONFIG_`, in lower case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kconfig {
    pub(crate) single_core_mode: bool,
    pub(crate) iram_as_8bit_accessible_memory: bool,
    pub(crate) tracemem: bool,
    pub(crate) tracemem_twobanks: bool,
    pub(crate) bt_enabled: bool,
    pub(crate) bt_max_sync_conn: u32,
    pub(crate) bt_dram_release: bool,
    pub(crate) allow_rtc_fast_mem_as_heap: bool,
    pub(crate) rtcdata_in_fast_mem: bool,
    pub(crate) sram1_region_as_iram: bool,
    pub(crate) spiram: Option<u32>,
}

const ALWAYS: fn(&Kconfig) -> bool = |_| true;
const SPIRAM: fn(&Kconfig) -> bool = |k| k.spiram.is_some();
const BT: fn(&Kconfig) -> bool = |k| k.bt_enabled;
const BT_RELEASE: fn(&Kconfig) -> bool = |k| k.bt_enabled && k.bt_dram_release;
const ONE_BANK: fn(&Kconfig) -> bool = |k| k.tracemem && !k.tracemem_twobanks;
const TWO_BANKS: fn(&Kconfig) -> bool = |k| k.tracemem && k.tracemem_twobanks;

#[rustfmt::skip]
pub(crate) const HEAD: Idf = Idf {
    name: "esp32",
    types: &[
        ("DRAM",   ["8BIT|DEFAULT", "INTERNAL|DMA|32BIT", "0"]),
        ("D/IRAM", ["0", "DMA|8BIT|INTERNAL|DEFAULT", "32BIT|EXEC"]),
        ("IRAM",   ["INTERNAL|EXEC|32BIT", "0", "0"]),
        ("SPIRAM", ["SPIRAM|DEFAULT", "0", "8BIT|32BIT"]),
        ("RTCRAM", ["RTCRAM", "8BIT|DEFAULT", "INTERNAL|32BIT|EXEC"]),
    ],
    rows: &[
        (0x3F800000, 1, 0x400000, 3, None, false, SPIRAM),
        (0x3FFAE000, 1, 0x2000, 0, None, false, ALWAYS),
        (0x3FFB0000, 2, 0x8000, 0, None, false, ALWAYS),
        (0x3FFC0000, 16, 0x2000, 0, None, false, ALWAYS),
        (0x3FFE0000, 1, 0x4000, 1, Some(0x400BC000), true, ALWAYS),
        (0x3FFE4000, 1, 0x4000, 1, Some(0x400B8000), true, ALWAYS),
        (0x3FFE8000, 1, 0x8000, 1, Some(0x400B0000), true, ALWAYS),
        (0x3FFF0000, 1, 0x8000, 1, Some(0x400A8000), true, ALWAYS),
        (0x3FFF8000, 1, 0x4000, 1, Some(0x400A4000), true, ALWAYS),
        (0x3FFFC000, 1, 0x4000, 1, Some(0x400A0000), true, ALWAYS),
        (0x40070000, 2, 0x8000, 2, None, false, ALWAYS),
        (0x40080000, 16, 0x2000, 2, None, false, ALWAYS),
        // the alias is ours: ESP-IDF's table has none, although the memory has two addresses
        (0x3FF80000, 1, 0x2000, 4, Some(0x400C0000), false, |k| k.allow_rtc_fast_mem_as_heap),
    ],
    areas: &[
        (At(0x40070000), At(0x40078000), ALWAYS),
        (At(0x40078000), At(0x40080000), |k| !k.single_core_mode),
        (At(0x3FFE0000), At(0x3FFE0440), ALWAYS),
        (At(0x3FFE3F20), At(0x3FFE4350), |k| !k.single_core_mode),
        (At(0x3FFAE000), At(0x3FFAE6E0), ALWAYS),
        (At(0x3FFF8000), At(0x40000000), TWO_BANKS),
        (At(0x3FFFC000), At(0x40000000), ONE_BANK),
        (At(0x3F800000), At(0x3FC00000), SPIRAM),
        (Symbol("_data_start"), Symbol("_heap_start"), ALWAYS),
        (Symbol("_iram_start"), Symbol("_iram_end"), ALWAYS),
        (Symbol("_heap_end"), At(0x40000000), |k| k.sram1_region_as_iram),
        (At(0x3FF80000), Symbol("_rtc_noinit_end"), |k| k.allow_rtc_fast_mem_as_heap && k.rtcdata_in_fast_mem),
        (At(0x3FF80000), Symbol("_rtc_force_fast_end"), |k| k.allow_rtc_fast_mem_as_heap && !k.rtcdata_in_fast_mem),
        (Symbol("_rtc_fast_reserved_start"), Symbol("_rtc_fast_reserved_end"), ALWAYS),
        (Symbol("_rtc_slow_reserved_start"), Symbol("_rtc_slow_reserved_end"), ALWAYS),
        (At(0x3FFB0000), ExchangeMemory, BT),
        (At(0x3FFB8000), At(0x3FFB9A20), BT),
        (At(0x3FFBDB28), At(0x3FFBDB5C), BT),
        (At(0x3FFAE6E0), At(0x3FFAFF10), BT),
    ],
    adds_psram_later: true,
};

#[rustfmt::skip]
pub(crate) const V3_0: Idf = Idf {
    name: "esp32-v3.0",
    types: &[
        ("DRAM",     ["8BIT|DEFAULT", "INTERNAL|DMA|32BIT", "0"]),
        ("D/IRAM",   ["0", "DMA|8BIT|INTERNAL|DEFAULT", "32BIT|EXEC"]),
        ("IRAM",     ["EXEC|32BIT|INTERNAL", "0", "0"]),
        ("PID2IRAM", ["PID2|INTERNAL", "0", "EXEC|32BIT"]),
        ("PID3IRAM", ["PID3|INTERNAL", "0", "EXEC|32BIT"]),
        ("PID4IRAM", ["PID4|INTERNAL", "0", "EXEC|32BIT"]),
        ("PID5IRAM", ["PID5|INTERNAL", "0", "EXEC|32BIT"]),
        ("PID6IRAM", ["PID6|INTERNAL", "0", "EXEC|32BIT"]),
        ("PID7IRAM", ["PID7|INTERNAL", "0", "EXEC|32BIT"]),
        ("PID2DRAM", ["PID2|INTERNAL", "8BIT", "32BIT|DEFAULT"]),
        ("PID3DRAM", ["PID3|INTERNAL", "8BIT", "32BIT|DEFAULT"]),
        ("PID4DRAM", ["PID4|INTERNAL", "8BIT", "32BIT|DEFAULT"]),
        ("PID5DRAM", ["PID5|INTERNAL", "8BIT", "32BIT|DEFAULT"]),
        ("PID6DRAM", ["PID6|INTERNAL", "8BIT", "32BIT|DEFAULT"]),
        ("PID7DRAM", ["PID7|INTERNAL", "8BIT", "32BIT|DEFAULT"]),
        ("SPIRAM",   ["SPIRAM|DEFAULT", "0", "8BIT|32BIT"]),
    ],
    rows: &[
        (0x3F800000, 1, 0x400000, 15, None, false, ALWAYS),
        (0x3FFAE000, 1, 0x2000, 0, None, false, ALWAYS),
        (0x3FFB0000, 2, 0x8000, 0, None, false, ALWAYS),
        (0x3FFC0000, 16, 0x2000, 0, None, false, ALWAYS),
        (0x3FFE0000, 1, 0x4000, 1, Some(0x400BC000), true, ALWAYS),
        (0x3FFE4000, 1, 0x4000, 1, Some(0x400B8000), true, ALWAYS),
        (0x3FFE8000, 1, 0x8000, 1, Some(0x400B0000), true, ALWAYS),
        (0x3FFF0000, 1, 0x8000, 1, Some(0x400A8000), true, ALWAYS),
        (0x3FFF8000, 1, 0x4000, 1, Some(0x400A4000), true, ALWAYS),
        (0x3FFFC000, 1, 0x4000, 1, Some(0x400A0000), true, ALWAYS),
        (0x40070000, 2, 0x8000, 2, None, false, ALWAYS),
        (0x40080000, 16, 0x2000, 2, None, false, ALWAYS),
    ],
    areas: &[
        (Symbol("_data_start"), Symbol("_heap_start"), ALWAYS),
        (Symbol("_init_start"), Symbol("_iram_text_end"), ALWAYS),
        (At(0x40070000), At(0x40078000), ALWAYS),
        (At(0x40078000), At(0x40080000), ALWAYS),
        (At(0x3FFE0000), At(0x3FFE0440), ALWAYS),
        (At(0x3FFE4000), At(0x3FFE4350), ALWAYS),
        (At(0x3FFB0000), At(0x3FFC0000), BT),
        (At(0x3FFAE000), At(0x3FFAFF10), BT),
        (At(0x3FFAE000), At(0x3FFAE6E0), |k| !k.bt_enabled),
        (At(0x3FFF8000), At(0x40000000), TWO_BANKS),
        (At(0x3FFF8000), At(0x3FFFC000), ONE_BANK),
        (At(0x3F800000), At(0x3FC00000), ALWAYS),
    ],
    adds_psram_later: true,
};

#[rustfmt::skip]
pub(crate) const V2_1: Idf = Idf {
    name: "esp32-v2.1",
    types: &[
        ("DRAM",     ["DMA|8BIT", "32BIT", "0"]),
        ("D/IRAM",   ["0", "DMA|8BIT", "32BIT|EXEC"]),
        ("IRAM",     ["EXEC|32BIT", "0", "0"]),
        ("PID2IRAM", ["PID2", "0", "EXEC|32BIT"]),
        ("PID3IRAM", ["PID3", "0", "EXEC|32BIT"]),
        ("PID4IRAM", ["PID4", "0", "EXEC|32BIT"]),
        ("PID5IRAM", ["PID5", "0", "EXEC|32BIT"]),
        ("PID6IRAM", ["PID6", "0", "EXEC|32BIT"]),
        ("PID7IRAM", ["PID7", "0", "EXEC|32BIT"]),
        ("PID2DRAM", ["PID2", "8BIT", "32BIT"]),
        ("PID3DRAM", ["PID3", "8BIT", "32BIT"]),
        ("PID4DRAM", ["PID4", "8BIT", "32BIT"]),
        ("PID5DRAM", ["PID5", "8BIT", "32BIT"]),
        ("PID6DRAM", ["PID6", "8BIT", "32BIT"]),
        ("PID7DRAM", ["PID7", "8BIT", "32BIT"]),
        ("SPISRAM",  ["SPISRAM", "0", "DMA|8BIT|32BIT"]),
    ],
    rows: &[
        (0x3F800000, 1, 0x20000, 15, None, false, ALWAYS),
        (0x3FFAE000, 1, 0x2000, 0, None, false, ALWAYS),
        (0x3FFB0000, 2, 0x8000, 0, None, false, ALWAYS),
        (0x3FFC0000, 16, 0x2000, 0, None, false, ALWAYS),
        (0x3FFE0000, 1, 0x4000, 1, Some(0x400BC000), true, ALWAYS),
        (0x3FFE4000, 1, 0x4000, 1, Some(0x400B8000), true, ALWAYS),
        (0x3FFE8000, 1, 0x8000, 1, Some(0x400B0000), true, ALWAYS),
        (0x3FFF0000, 1, 0x8000, 1, Some(0x400A8000), true, ALWAYS),
        (0x3FFF8000, 1, 0x4000, 1, Some(0x400A4000), true, ALWAYS),
        (0x3FFFC000, 1, 0x4000, 1, Some(0x400A0000), true, ALWAYS),
        (0x40070000, 2, 0x8000, 2, None, false, ALWAYS),
        (0x40080000, 16, 0x2000, 2, None, false, ALWAYS),
    ],
    areas: &[
        (Symbol("_data_start"), Symbol("_heap_start"), ALWAYS),
        (Symbol("_init_start"), Symbol("_iram_text_end"), ALWAYS),
        (At(0x40070000), At(0x40078000), ALWAYS),
        (At(0x40078000), At(0x40080000), ALWAYS),
        (At(0x3FFE0000), At(0x3FFE0440), ALWAYS),
        (At(0x3FFE4000), At(0x3FFE4350), ALWAYS),
        (At(0x3FFB0000), At(0x3FFB3000), BT_RELEASE),
        (At(0x3FFB8000), At(0x3FFBBB28), BT_RELEASE),
        (At(0x3FFBDB28), At(0x3FFC0000), BT_RELEASE),
        (At(0x3FFB0000), At(0x3FFC0000), |k| k.bt_enabled && !k.bt_dram_release),
        (At(0x3FFAE000), At(0x3FFAFF10), BT),
        (At(0x3FFAE000), At(0x3FFAE2A0), |k| !k.bt_enabled),
        (At(0x3FFF8000), At(0x40000000), TWO_BANKS),
        (At(0x3FFF8000), At(0x3FFFC000), ONE_BANK),
        (At(0x3F800000), At(0x3F820000), ALWAYS),
    ],
    adds_psram_later: false,
};

impl End {
    pub(crate) fn address(self, kconfig: &Kconfig, symbols: &[(&str, u32)]) -> u32 {
        match self {
            At(address) => address,
            ExchangeMemory => 0x3FFB_6388 + kconfig.bt_max_sync_conn * 0x870,
            Symbol(name) => symbols
                .iter()
                .find(|(known, _)| *known == name)
                .map_or(0, |(_, address)| *address),
        }
    }
}
