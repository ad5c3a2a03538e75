//! Answers about addresses of the ESP32, at every boundary of its memory.

use soc_regions::{ESP32, Options, common};

/// `(first address, last address, what holds there)`; everything between two rows is no RAM.
/// Letters: d DMA, x executable, b bytes, i internal, e external, D in DRAM, I in IRAM, r in RTC
/// memory,
/// < data side of D/IRAM, > instruction side of D/IRAM.
const MAP: [(u32, u32, &str); 8] = [
    (0x3F80_0000, 0x3FBF_FFFF, "be"),
    (0x3FF8_0000, 0x3FF8_1FFF, "bir"),
    (0x3FFA_E000, 0x3FFD_FFFF, "dbiD"),
    (0x3FFE_0000, 0x3FFF_FFFF, "dbiD<"),
    (0x4007_0000, 0x4009_FFFF, "xiI"),
    (0x400A_0000, 0x400B_FFFF, "xiI>"),
    (0x400C_0000, 0x400C_1FFF, "xir"),
    (0x5000_0000, 0x5000_1FFF, "bir"),
];

fn answers(address: u32) -> String {
    let answers = [
        ('d', ESP32.is_dma_capable(address)),
        ('x', ESP32.is_executable(address)),
        ('b', ESP32.is_byte_accessible(address)),
        ('i', ESP32.is_internal(address)),
        ('e', ESP32.is_external(address)),
        ('D', ESP32.is_in_dram(address)),
        ('I', ESP32.is_in_iram(address)),
        ('r', ESP32.is_in_rtc(address)),
        ('<', ESP32.is_in_diram_dram(address)),
        ('>', ESP32.is_in_diram_iram(address)),
    ];
    answers
        .into_iter()
        .filter(|(_, yes)| *yes)
        .map(|(letter, _)| letter)
        .collect()
}

fn expected(address: u32) -> &'static str {
    let row = MAP
        .iter()
        .find(|(first, last, _)| (*first..=*last).contains(&address));
    row.map_or("", |(_, _, letters)| letters)
}

#[test]
fn every_boundary_has_the_answers_of_its_side() {
    for (first, last, _) in MAP {
        for address in [first - 1, first, first + 1, last - 1, last, last + 1] {
            assert_eq!(answers(address), expected(address), "{address:#010X}");
        }
    }
    for address in [
        0,
        1,
        0x3F40_0000,
        0x4000_0000,
        0x400D_0000,
        0x7FFF_FFFF,
        0x8000_0000,
        u32::MAX,
    ] {
        assert_eq!(answers(address), "", "{address:#010X}");
    }
}

#[test]
fn every_kib_of_the_address_space_has_the_answers_of_its_row() {
    for address in (0x3F00_0000..0x5100_0000).step_by(1024) {
        assert_eq!(answers(address), expected(address), "{address:#010X}");
    }
}

#[test]
fn both_sides_of_d_iram_lead_to_each_other_and_back() {
    for data in 0x3FFE_0000..0x4000_0000 {
        let instruction = ESP32.diram_dram_to_iram(data).unwrap();
        assert!(ESP32.is_in_diram_iram(instruction));
        assert_eq!(ESP32.diram_iram_to_dram(instruction), Some(data));
        assert_eq!(ESP32.to_instruction_bus(data), Some(instruction));
    }
}

#[test]
fn only_addresses_of_a_side_lead_to_the_other() {
    for beside in [
        0,
        0x3FFD_FFFF,
        0x4000_0000,
        0x4009_FFFF,
        0x400C_0000,
        u32::MAX,
    ] {
        assert_eq!(ESP32.diram_dram_to_iram(beside), None);
        assert_eq!(ESP32.diram_iram_to_dram(beside), None);
    }
    // the RTC's fast memory has two sides as well, but is no D/IRAM
    assert_eq!(ESP32.to_instruction_bus(0x3FF8_0010), Some(0x400C_0010));
    assert_eq!(ESP32.to_data_bus(0x400C_0010), Some(0x3FF8_0010));
    assert_eq!(ESP32.diram_dram_to_iram(0x3FF8_0010), None);
}

#[test]
fn the_row_of_an_address_depends_on_the_options() {
    let type_at = |address, options: Options| {
        let row = ESP32.region_at(address, &options)?;
        ESP32.memory_type(row.kind).map(|kind| kind.name)
    };
    assert_eq!(type_at(0x3FFB_0000, ESP32.default_options()), Some("DRAM"));
    assert_eq!(
        type_at(0x3FFF_FFFF, ESP32.default_options()),
        Some("D/IRAM")
    );
    assert_eq!(type_at(0x4000_0000, ESP32.default_options()), None);
    assert_eq!(type_at(0x3FF8_0000, ESP32.default_options()), None);
    assert_eq!(
        type_at(
            0x3FF8_0000,
            ESP32.options(&[common::RTC_HEAP.on()]).unwrap()
        ),
        Some("RTCRAM")
    );
    assert_eq!(
        type_at(0x3F80_0000, ESP32.options(&[common::PSRAM.of(4)]).unwrap()),
        Some("SPIRAM")
    );
}
