//! Where our tables differ from ESP-IDF's on purpose: what is done to its facts before they are compared.
//!
//! A deviation that no longer applies is an error: the facts must contain what it changes.

use crate::facts::{Facts, ReservedRow};

/// The facts as our tables read them.
pub(crate) fn with_deviations(mut facts: Facts) -> Facts {
    if facts.chip != "esp32-v2.1" {
        psram_at_once(&mut facts);
    }
    if facts.chip == "esp32" {
        rtc_alias(&mut facts);
    }
    facts
}

/// The heap of PSRAM is there from the start, up to its size. ESP-IDF reserves the whole window and adds the heap later.
fn psram_at_once(facts: &mut Facts) {
    let names = ["spi_ram", "spi ram", "extram_data_region", "extram_region"];
    let row = facts
        .reserved
        .iter_mut()
        .find(|row| names.contains(&row.2.as_str()));
    let ReservedRow(start, end, _, _) = row.unwrap();
    // more than the window counts as the window
    *start = format!(
        "({start}+CONFIG_SPIRAM < {end})*({start}+CONFIG_SPIRAM) + !({start}+CONFIG_SPIRAM < {end})*{end}"
    );
}

/// RTC fast memory has its alias on the instruction bus. ESP-IDF's table has none, although the memory has two addresses.
fn rtc_alias(facts: &mut Facts) {
    let row = facts.regions.iter_mut().find(|row| row.0 == "0x3FF80000");
    row.unwrap().4 = Some("0x400C0000".to_owned());
}
