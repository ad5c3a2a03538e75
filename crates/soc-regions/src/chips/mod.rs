//! Chips, one file each.

pub mod esp32;
pub mod esp32_v2_1;
pub mod esp32_v3_0;
pub mod esp32c2;
pub mod esp32c3;
pub mod esp32c5;
pub mod esp32c6;
pub mod esp32c61;
pub mod esp32h2;
pub mod esp32h21;
pub mod esp32h4;
pub mod esp32p4;
pub mod esp32s2;
pub mod esp32s3;
pub mod esp32s31;
mod parts;

use crate::Chip;

/// Every chip and each of its generations.
static ALL: [&Chip; 15] = [
    &esp32::ESP32,
    &esp32s2::ESP32S2,
    &esp32s3::ESP32S3,
    &esp32c2::ESP32C2,
    &esp32c3::ESP32C3,
    &esp32c5::ESP32C5,
    &esp32c6::ESP32C6,
    &esp32c61::ESP32C61,
    &esp32h2::ESP32H2,
    &esp32h21::ESP32H21,
    &esp32h4::ESP32H4,
    &esp32p4::ESP32P4,
    &esp32s31::ESP32S31,
    &esp32_v3_0::ESP32_V3_0,
    &esp32_v2_1::ESP32_V2_1,
];

/// Returns every chip, today's first, then what the ESP32 was in the past.
pub fn all() -> impl Iterator<Item = &'static Chip> + Clone {
    ALL.into_iter()
}

/// Returns the chip with a name, in any case and with or without hyphens: `esp32c3`, `ESP32-C3`,
/// `esp32-v3.0`.
pub fn by_name(name: &str) -> Option<&'static Chip> {
    let letters = |name: &'static str| name.bytes().filter(|byte| *byte != b'-');
    all().find(|chip| {
        let asked = name.bytes().filter(|byte| *byte != b'-');
        letters(chip.name()).eq(asked.map(|byte| byte.to_ascii_lowercase()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn every_chip_is_found_by_its_name() {
        let names: Vec<_> = all().map(Chip::name).collect();
        assert_eq!(
            names,
            [
                "esp32",
                "esp32s2",
                "esp32s3",
                "esp32c2",
                "esp32c3",
                "esp32c5",
                "esp32c6",
                "esp32c61",
                "esp32h2",
                "esp32h21",
                "esp32h4",
                "esp32p4",
                "esp32s31",
                "esp32-v3.0",
                "esp32-v2.1",
            ]
        );
        assert!(
            names
                .iter()
                .all(|name| by_name(name).unwrap().name() == *name)
        );
        assert_eq!(by_name("ESP32-C61").unwrap().name(), "esp32c61");
        assert!(by_name("esp33").is_none());
    }

    #[test]
    fn the_sample_program_of_every_chip_fits_its_default_options() {
        for chip in all() {
            let options = chip.default_options();
            let layout = chip.layout(&options, &chip.sample_symbols(&options));
            assert!(layout.is_ok(), "{}: {layout:?}", chip.name());
        }
    }
}
