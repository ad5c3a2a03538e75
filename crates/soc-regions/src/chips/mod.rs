//! Which chips are known: one file a chip.

pub mod esp32;
pub mod esp32_v2_1;
pub mod esp32_v3_0;

pub use esp32::ESP32;
pub use esp32_v2_1::ESP32_V2_1;
pub use esp32_v3_0::ESP32_V3_0;

use crate::Chip;

/// Every chip, newest table of each first.
pub fn all() -> impl Iterator<Item = &'static Chip> + Clone {
    [&ESP32, &ESP32_V3_0, &ESP32_V2_1].into_iter()
}

/// The chip with a name, in any case: `esp32`, `esp32-v3.0`, `esp32-v2.1`.
pub fn by_name(name: &str) -> Option<&'static Chip> {
    all().find(|chip| chip.name().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn every_chip_is_found_by_its_name() {
        let names: Vec<_> = all().map(Chip::name).collect();
        assert_eq!(names, ["esp32", "esp32-v3.0", "esp32-v2.1"]);
        assert!(
            names
                .iter()
                .all(|name| by_name(name).unwrap().name() == *name)
        );
        assert!(by_name("ESP32").is_some() && by_name("esp33").is_none());
    }

    #[test]
    fn the_sample_program_of_every_chip_fits_its_default_options() {
        for chip in all() {
            let options = chip.default_options();
            assert!(
                chip.layout(&options, &chip.sample_symbols(&options))
                    .is_ok()
            );
        }
    }
}
