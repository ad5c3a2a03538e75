//! The ESP32's memory beside figures measured on ESP-IDF, and the effect of each option.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use soc_regions::{
    Available, Caps, Chip, ESP32, ESP32_V2_1, ESP32_V3_0, LayoutError, Options, Span,
    chips::esp32_v2_1, common, esp32, options, span,
};

const DEFAULT: Options = options!(ESP32);

/// The memory for heaps of a chip's sample program, as `(start, size, type)`.
fn available(chip: &Chip, options: Options) -> Vec<(u32, u32, &'static str)> {
    let memory = chip
        .available(&options, &chip.sample_symbols(&options))
        .unwrap();
    memory
        .map(|m| (m.span.start(), m.span.size(), m.memory_type.name))
        .collect()
}

fn one(chip: &Chip, options: Options, start: u32) -> Available {
    let mut memory = chip
        .available(&options, &chip.sample_symbols(&options))
        .unwrap();
    memory.find(|m| m.span.start() == start).unwrap()
}

fn bytes(options: Options, caps: Caps) -> u32 {
    ESP32
        .layout(&options, &ESP32.sample_symbols(&options))
        .unwrap()
        .available_bytes(caps)
}

#[test]
fn two_cores_and_default_options_give_the_five_heaps_that_esp_idf_has() {
    let symbols = [
        ("_data_start", 0x3FFB_0000),
        ("_heap_start", 0x3FFB_2EC8),
        ("_iram_start", 0x4008_0000),
        ("_iram_end", 0x4008_944C),
    ];
    let memory: Vec<_> = ESP32.available(&DEFAULT, &symbols).unwrap().collect();
    let rows: Vec<_> = memory
        .iter()
        .map(|m| (m.span.start(), m.span.size(), m.memory_type.name))
        .collect();
    assert_eq!(
        rows,
        [
            (0x3FFA_E6E0, 6_432, "DRAM"),
            (0x3FFB_2EC8, 184_632, "DRAM"),
            (0x3FFE_0440, 15_072, "D/IRAM"),
            (0x3FFE_4350, 113_840, "D/IRAM"),
            (0x4008_944C, 93_108, "IRAM"),
        ]
    );
    assert_eq!(
        memory.iter().map(|m| m.startup_stack).collect::<Vec<_>>(),
        [false, false, true, true, false]
    );
    assert!(memory.iter().all(|m| !m.external));
}

#[test]
fn the_alias_of_a_trimmed_block_is_that_of_its_last_word() {
    let aliases = [0x3FFA_E6E0, 0x3FFE_0440, 0x3FFE_4350, 0x4008_944C]
        .map(|at| one(&ESP32, DEFAULT, at).iram_alias);
    // 0x400A_0000 + (0x4000_0000 - 0x3FFE_3F20), and the block that ends with the memory
    assert_eq!(aliases, [None, Some(0x400B_C0E0), Some(0x400A_0000), None]);
}

#[test]
fn bytes_per_capability_add_up_over_the_heaps_that_have_it() {
    let data = 6_432 + 184_632 + 15_072 + 113_840;
    for caps in [
        Caps::DEFAULT,
        Caps::BIT8,
        Caps::DMA,
        Caps::DMA | Caps::BIT8 | Caps::INTERNAL,
    ] {
        assert_eq!(bytes(DEFAULT, caps), data, "{caps}");
    }
    assert_eq!(bytes(DEFAULT, Caps::EXEC), 15_072 + 113_840 + 93_108);
    assert_eq!(bytes(DEFAULT, Caps::BIT32), data + 93_108);
    assert_eq!(bytes(DEFAULT, Caps::INTERNAL), data + 93_108);
    for caps in [
        Caps::SPIRAM,
        Caps::RTCRAM,
        Caps::IRAM_8BIT,
        Caps::EXEC | Caps::SPIRAM,
        Caps::INVALID,
    ] {
        assert_eq!(bytes(DEFAULT, caps), 0, "{caps}");
    }
}

#[test]
fn one_core_gets_the_other_ones_cache_and_rom_data() {
    let options = ESP32.options(&[common::SINGLE_CORE.on()]).unwrap();
    let rows = available(&ESP32, options);
    assert_eq!(rows[2], (0x3FFE_0440, 0x1_FBC0, "D/IRAM"));
    assert_eq!(rows[3], (0x4007_8000, 0x8000, "IRAM"));
    assert_eq!(rows.len(), 5);
}

#[test]
fn iram_takes_bytes_only_with_its_option() {
    let caps = |options| one(&ESP32, options, 0x4008_944C).caps[0];
    let words = Caps::INTERNAL | Caps::EXEC | Caps::BIT32;
    assert_eq!(caps(DEFAULT), words);
    assert_eq!(
        caps(ESP32.options(&[esp32::IRAM_8BIT.on()]).unwrap()),
        words | Caps::IRAM_8BIT
    );
}

#[test]
fn trace_memory_takes_the_upper_banks_of_sram1_today_and_the_lower_one_in_the_past() {
    let last = |chip: &Chip, trace_memory| {
        let rows = available(
            chip,
            chip.options(&[esp32::TRACE_MEMORY.value(trace_memory)])
                .unwrap(),
        );
        rows.into_iter().rfind(|row| row.2 == "D/IRAM").unwrap()
    };
    assert_eq!(
        last(&ESP32, "one-bank"),
        (0x3FFE_4350, 0x3FFF_C000 - 0x3FFE_4350, "D/IRAM")
    );
    assert_eq!(
        last(&ESP32, "two-banks"),
        (0x3FFE_4350, 0x3FFF_8000 - 0x3FFE_4350, "D/IRAM")
    );
    assert_eq!(
        last(&ESP32_V3_0, "one-bank"),
        (0x3FFF_C000, 0x4000, "D/IRAM")
    );
    assert_eq!(
        last(&ESP32_V2_1, "two-banks"),
        (0x3FFE_4350, 0x3FFF_8000 - 0x3FFE_4350, "D/IRAM")
    );
}

#[test]
fn bluetooth_takes_four_pieces_of_dram_one_of_which_grows_with_its_connections() {
    let rows = |count| {
        available(
            &ESP32,
            ESP32
                .options(&[esp32::BLUETOOTH.on(), esp32::SYNC_CONNECTIONS.of(count)])
                .unwrap(),
        )
    };
    assert_eq!(
        rows(0)[..5],
        [
            (0x3FFA_FF10, 240, "DRAM"),
            (0x3FFB_6388, 7_288, "DRAM"),
            (0x3FFB_9A20, 16_648, "DRAM"),
            (0x3FFC_0A24, 128_476, "DRAM"), // behind the sample program, which is linked above the controller's memory
            (0x3FFE_0440, 15_072, "D/IRAM"),
        ]
    );
    assert_eq!(rows(1)[1], (0x3FFB_6BF8, 5_128, "DRAM"));
    assert_eq!(rows(3)[1], (0x3FFB_7CD8, 808, "DRAM"));
}

#[test]
fn rtc_memory_is_a_heap_behind_the_programs_rtc_data() {
    let options = ESP32.options(&[common::RTC_HEAP.on()]).unwrap();
    let own = [
        ("_rtc_force_fast_end", 0x3FF8_0123),
        ("_rtc_fast_reserved_start", 0x3FF8_1FE8),
    ];
    let symbols = (own, ESP32.sample_symbols(&options));
    let rtc = ESP32.available(&options, &symbols).unwrap().last().unwrap();
    assert_eq!(
        (rtc.span, rtc.memory_type.name),
        (span!(0x3FF8_0124, 0x3FF8_1FE8), "RTCRAM")
    );
    assert_eq!(rtc.iram_alias, Some(0x400C_0124));
}

#[test]
fn rtc_data_in_fast_memory_is_reserved_up_to_its_own_symbol() {
    let options = ESP32
        .options(&[common::RTC_HEAP.on(), esp32::RTC_DATA_IN_FAST_MEMORY.on()])
        .unwrap();
    let symbols = (
        [("_rtc_noinit_end", 0x3FF8_0200)],
        ESP32.sample_symbols(&options),
    );
    let rtc = ESP32.available(&options, &symbols).unwrap().last().unwrap();
    assert_eq!(rtc.span, span!(0x3FF8_0200, 0x3FF8_2000));
}

#[test]
fn code_in_sram1_shortens_d_iram() {
    let options = ESP32.options(&[esp32::SRAM1_AS_IRAM.on()]).unwrap();
    assert!(available(&ESP32, options).contains(&(
        0x3FFE_4350,
        0x3FFF_6000 - 0x3FFE_4350,
        "D/IRAM"
    )));
}

#[test]
fn psram_is_available_up_to_its_size_and_marked_as_external() {
    let psram = |bytes| available(&ESP32, ESP32.options(&[common::PSRAM.of(bytes)]).unwrap())[0];
    assert_eq!(psram(2 << 20), (0x3F80_0000, 2 << 20, "SPIRAM"));
    assert_eq!(psram(4 << 20), (0x3F80_0000, 4 << 20, "SPIRAM"));
    assert_eq!(psram(8 << 20), (0x3F80_0000, 4 << 20, "SPIRAM")); // the window is 4 MiB
    assert_eq!(psram(1023), (0x3F80_0000, 1020, "SPIRAM"));
    assert_eq!(psram(0), (0x3FFA_E6E0, 6_432, "DRAM"));
    let memory = one(
        &ESP32,
        ESP32.options(&[common::PSRAM.of(2 << 20)]).unwrap(),
        0x3F80_0000,
    );
    assert!(memory.external && memory.iram_alias.is_none());
}

#[test]
fn the_past_gave_psram_later_or_never() {
    let psram = ESP32_V3_0.options(&[common::PSRAM.of(2 << 20)]).unwrap();
    assert_eq!(
        available(&ESP32_V3_0, psram)[0],
        (0x3F80_0000, 2 << 20, "SPIRAM")
    );
    assert_eq!(
        available(&ESP32_V3_0, ESP32_V3_0.default_options())[0],
        (0x3FFA_E6E0, 6_432, "DRAM")
    );
    assert!(ESP32_V2_1.options(&[common::PSRAM.of(2 << 20)]).is_err());
    assert_eq!(
        available(&ESP32_V2_1, ESP32_V2_1.default_options())[0],
        (0x3FFA_E2A0, 7_520, "DRAM")
    );
}

#[test]
fn bluetooth_of_v2_1_can_release_two_pieces_of_its_64_kib() {
    let on = ESP32_V2_1.options(&[esp32::BLUETOOTH.on()]).unwrap();
    let rows = available(&ESP32_V2_1, on);
    assert_eq!(
        rows[..2],
        [(0x3FFA_FF10, 240, "DRAM"), (0x3FFC_2EC8, 119_096, "DRAM")]
    );
    let released = available(
        &ESP32_V2_1,
        on.with_all(&[esp32_v2_1::BLUETOOTH_DRAM_RELEASE.on()])
            .unwrap(),
    );
    assert_eq!(
        released[1..3],
        [(0x3FFB_3000, 20_480, "DRAM"), (0x3FFB_BB28, 8_192, "DRAM")]
    );
}

#[test]
fn a_program_that_was_linked_for_other_options_is_refused() {
    let bluetooth = ESP32.options(&[esp32::BLUETOOTH.on()]).unwrap();
    // Its data lies where the controller wants its own.
    let symbols = ESP32.sample_symbols(&DEFAULT);
    let error = ESP32.available(&bluetooth, &symbols).unwrap_err();
    let LayoutError::Conflict { shared, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(shared, Span::new(0x3FFB_0000, 0x3FFB_2EC8).unwrap());
    assert!(error.to_string().contains("`rom_bt_em`"), "{error}");
}

#[test]
fn a_missing_symbol_is_named() {
    let error = ESP32
        .available(&DEFAULT, &[("_data_start", 0x3FFB_0000)])
        .unwrap_err();
    assert_eq!(
        error,
        LayoutError::MissingSymbol {
            reservation: "dram_data",
            symbol: "_heap_start"
        }
    );
}

#[test]
fn a_layout_lists_what_is_taken_by_address_and_name() {
    let layout = ESP32
        .layout(&DEFAULT, &ESP32.sample_symbols(&DEFAULT))
        .unwrap();
    let taken: Vec<_> = layout
        .reserved()
        .map(|taken| (taken.span.start(), taken.name))
        .collect();
    let expected = [
        (0x3FFA_E000, "rom_data"),
        (0x3FFB_0000, "dram_data"),
        (0x3FFE_0000, "rom_pro_data"),
        (0x3FFE_3F20, "rom_app_data"),
        (0x4007_0000, "cpu0_cache"),
        (0x4007_8000, "cpu1_cache"),
        (0x4008_0000, "iram_code"),
    ];
    assert_eq!(taken, expected);
    let bytes: u32 = layout.regions().map(|row| row.span.size()).sum();
    assert_eq!(bytes, 520 * 1024); // the ESP32's SRAM by its data sheet
}
