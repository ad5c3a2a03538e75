//! Deliberate deviations from ESP-IDF: changes made to its facts before they are compared.
//!
//! Each changes the facts by name: one that no longer applies fails. What is not changed here is
//! compared as ESP-IDF has it.

use crate::facts::{Facts, RegionRow, ReservedRow, TypeRow};

/// The facts as our tables read them.
pub(crate) fn with_deviations(mut facts: Facts) -> Facts {
    match facts.chip.as_str() {
        "esp32" => {
            psram_at_once(&mut facts, "spi_ram");
            rtc_alias(&mut facts);
        }
        "esp32-v3.0" => psram_at_once(&mut facts, "spi ram"),
        "esp32s2" => {
            psram_at_once(&mut facts, "extram_data_region");
            psram_columns(&mut facts, "8BIT|32BIT");
        }
        "esp32s3" => {
            psram_at_once(&mut facts, "extram_data_region");
            psram_columns(&mut facts, "8BIT|32BIT|SIMD");
            cache_heap_only_without_psram(&mut facts);
        }
        "esp32c5" => psram_at_once(&mut facts, "extram_data_region"),
        "esp32p4" | "esp32s31" => {
            psram_at_once(&mut facts, "extram_region");
            psram_columns(&mut facts, "8BIT|32BIT|SIMD");
        }
        "esp32c61" => psram_that_is_not_in_the_table(&mut facts),
        "esp32h4" => {
            psram_that_is_not_in_the_table(&mut facts);
            whole_cache(&mut facts);
        }
        _ => (),
    }
    facts
}

/// The heap of PSRAM is there from the start, up to its size. ESP-IDF reserves the whole window and
/// adds the heap later.
fn psram_at_once(facts: &mut Facts, name: &str) {
    let row = facts.reserved.iter_mut().find(|row| row.2 == name);
    let ReservedRow(start, end, _, _) = row.unwrap();
    *start = above(start, end);
}

/// Where PSRAM ends in a window; more than the window counts as the window.
fn above(start: &str, end: &str) -> String {
    let above = format!("{start}+CONFIG_SPIRAM");
    format!("({above} < {end})*({above}) + !({above} < {end})*{end}")
}

/// PSRAM has the columns of the heap that ESP-IDF adds later, not those of its table.
fn psram_columns(facts: &mut Facts, last: &str) {
    let row = facts.types.iter_mut().find_map(|row| match row {
        TypeRow::Plain(name, columns) if name == "SPIRAM" => Some(columns),
        _ => None,
    });
    *row.unwrap() = ["SPIRAM|DEFAULT", "0", last].map(str::to_owned);
}

/// The same where ESP-IDF's table knows no PSRAM at all.
fn psram_that_is_not_in_the_table(facts: &mut Facts) {
    let ends = ["psram_vaddr_low", "psram_vaddr_high"].map(|name| facts.constant(name).unwrap());
    let [start, end] = ends.map(|end| format!("{end:#x}"));
    let columns = ["SPIRAM|DEFAULT", "0", "8BIT|32BIT"].map(str::to_owned);
    facts
        .types
        .push(TypeRow::Plain("SPIRAM".to_owned(), columns));
    let with_psram = Some("CONFIG_SPIRAM".to_owned());
    let size = format!("{:#x}", ends[1] - ends[0]);
    let row = RegionRow(start.clone(), 1, size, 1, None, false, with_psram.clone());
    facts.regions.push(row);
    let above = above(&start, &end);
    facts
        .reserved
        .push(ReservedRow(above, end, "psram".to_owned(), with_psram));
}

/// RTC fast memory has its alias on the instruction bus. ESP-IDF's table has none, although the
/// memory has two addresses.
fn rtc_alias(facts: &mut Facts) {
    let row = facts.regions.iter_mut().find(|row| row.0 == "0x3FF80000");
    row.unwrap().4 = Some("0x400C0000".to_owned());
}

/// The heap in the data cache's window has no row with PSRAM. ESP-IDF has one and reserves it
/// again.
fn cache_heap_only_without_psram(facts: &mut Facts) {
    let rows = facts.regions.iter_mut();
    let mut rows = rows.filter(|row| row.0 == "0x3C000000" && row.2 == "0x4000");
    let when = rows.next().unwrap().6.as_mut().unwrap();
    *when = format!("({when}) && !CONFIG_SPIRAM");
}

/// Core 1's cache is 32 KiB. ESP-IDF takes its last address for its end.
fn whole_cache(facts: &mut Facts) {
    let row = facts.regions.iter_mut().find(|row| row.2 == "0x7FFF");
    row.unwrap().2 = "0x8000".to_owned();
}
