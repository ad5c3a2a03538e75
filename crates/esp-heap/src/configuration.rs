//! Chips and their options on the command line, and in words.

use soc_regions::{Chip, Declared, OptionError, OptionKind, Options, chips};

use crate::suggestions::did_you_mean;
use esp_heap::error::Error;

/// Returns the chip called `name`.
pub(crate) fn chip_called(name: &str) -> Result<&'static Chip, Error> {
    chips::by_name(name).ok_or_else(|| {
        let near = did_you_mean(name, chips::all().map(Chip::name));
        Error::Usage(format!(
            "no chip is called `{name}`;{near} `esp-heap map` lists them all"
        ))
    })
}

/// Returns the chip's defaults, changed by each of `settings` in turn.
pub(crate) fn configured(chip: &Chip, settings: &[String]) -> Result<Options, Error> {
    let changed = settings
        .iter()
        .try_fold(chip.default_options(), |options, word| {
            options.parse(word).map_err(|error| advice(error, chip))
        });
    changed.map_err(Error::Usage)
}

/// Returns what was wrong and what to type instead, in a line.
fn advice(error: OptionError<'_>, chip: &Chip) -> String {
    match error {
        OptionError::UnknownOption {
            chip: name,
            option,
            known,
        } => {
            let near = did_you_mean(option, known.iter().map(|declared| declared.name));
            format!(
                "{name} has no option `{option}`;{near} `esp-heap map {name} --options` lists them all"
            )
        }
        OptionError::UnknownValue { declared, value } => {
            let near = match declared.kind {
                OptionKind::Choice { values } => {
                    did_you_mean(value, values.iter().map(|value| value.name))
                }
                OptionKind::Flag { .. } | OptionKind::Amount { .. } => String::new(),
            };
            format!(
                "{}: {error}{}",
                chip.name(),
                if near.is_empty() {
                    near
                } else {
                    format!(";{near}")
                }
            )
        }
        OptionError::OutOfRange { .. } | OptionError::NeedsValue { .. } => {
            format!("{}: {error}", chip.name())
        }
    }
}

/// Returns what differs from the chip's defaults: `psram=4M, no rtc-heap`.
pub(crate) fn describe(options: &Options) -> String {
    let changed = options
        .changed()
        .map(|(declared, value)| match (declared.kind, value) {
            (OptionKind::Flag { .. }, 0) => format!("no {}", declared.name),
            (OptionKind::Flag { .. }, _) => declared.name.to_owned(),
            _ => format!("{}={}", declared.name, value_of(declared, value)),
        });
    let changed: Vec<_> = changed.collect();
    if changed.is_empty() {
        "the chip's defaults".into()
    } else {
        changed.join(", ")
    }
}

/// Returns a value of an option as the command line takes it.
pub(crate) fn value_of(declared: &Declared, value: u32) -> String {
    match (declared.kind, value) {
        (OptionKind::Flag { .. }, 0) => "off".into(),
        (OptionKind::Flag { .. }, _) => "on".into(),
        (OptionKind::Choice { .. }, _) => declared.value_name(value).unwrap_or("?").to_owned(),
        (OptionKind::Amount { .. }, _) => size_in_words(value),
    }
}

/// `4M`, `512K`, `12345`, as the command line takes it.
pub(crate) fn size_in_words(bytes: u32) -> String {
    match bytes {
        0 => "0".to_owned(),
        _ if bytes.is_multiple_of(1 << 20) => format!("{}M", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}K", bytes >> 10),
        _ => bytes.to_string(),
    }
}

/// Returns the values that an option takes, in words.
pub(crate) fn possible_values(declared: &Declared) -> String {
    match declared.kind {
        OptionKind::Flag { .. } => "on, off".into(),
        OptionKind::Amount { most: u32::MAX, .. } => "a size: 4M, 512K, 0".into(),
        OptionKind::Amount { least, most, .. } => {
            format!(
                "{} to {}",
                value_of(declared, least),
                value_of(declared, most)
            )
        }
        OptionKind::Choice { values } => {
            let names: Vec<_> = values.iter().map(|value| value.name).collect();
            names.join(", ")
        }
    }
}

/// ESP-IDF's names for an option.
pub(crate) fn kconfig_names(declared: &Declared) -> Vec<&'static str> {
    match declared.kind {
        OptionKind::Flag { config } | OptionKind::Amount { config, .. } => vec![config],
        OptionKind::Choice { values } => {
            let configs = values.iter().flat_map(|value| value.configs);
            let mut names: Vec<_> = configs.map(|(config, _)| *config).collect();
            names.dedup();
            names
        }
    }
}

/// `0x3FFB2EC8`, `0x3FFB_2EC8`, or decimal. For clap.
pub(crate) fn address(text: &str) -> Result<u32, String> {
    let digits = text.replace('_', "");
    let number = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    number.map_err(|_| "an address is a 32-bit number, for example 0x3FFB2EC8".into())
}

/// `_heap_start=0x3FFB2EC8`. For clap.
pub(crate) fn symbol(text: &str) -> Result<(String, u32), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("a symbol is given as NAME=ADDRESS")?;
    Ok((name.to_owned(), address(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use soc_regions::ESP32;

    fn parsed(words: &[&str]) -> Result<Options, String> {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        configured(&ESP32, &words).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_add_up_and_are_reported_in_the_words_that_make_them() {
        let options = parsed(&["psram=4096K", "trace-memory=one-bank", "rtc-heap"]).unwrap();
        let text = describe(&options);
        for words in ["psram=4M", "trace-memory=one-bank", "rtc-heap"] {
            assert!(text.contains(words), "{text}");
        }
        let again: Vec<_> = text.split(", ").collect();
        assert_eq!(parsed(&again), Ok(options));
        assert_eq!(describe(&ESP32.default_options()), "the chip's defaults");
    }

    #[test]
    fn a_wrong_option_is_answered_with_what_was_meant() {
        let refused = |word| parsed(&[word]).unwrap_err();
        let unknown = refused("psrma=4M");
        assert!(
            unknown.contains("did you mean psram? `esp-heap map esp32 --options`"),
            "{unknown}"
        );
        let value = refused("trace-memory=onebank");
        assert!(
            value.contains("one-bank, two-banks; did you mean one-bank?"),
            "{value}"
        );
        assert!(refused("rtc-heap=7").contains("on or off"));
        assert!(refused("psram").contains("needs a value"));
        assert!(refused("psram=4G").starts_with("esp32: option `psram` can't be `4G`"));
    }

    #[test]
    fn an_unknown_chip_is_answered_with_the_one_that_was_meant() {
        let refused = chip_called("esp33").unwrap_err().to_string();
        assert_eq!(
            refused,
            "no chip is called `esp33`; did you mean esp32? `esp-heap map` lists them all"
        );
        let refused = chip_called("stm32").unwrap_err().to_string();
        assert_eq!(
            refused,
            "no chip is called `stm32`; `esp-heap map` lists them all"
        );
    }

    #[test]
    fn addresses_are_read_with_and_without_underscores() {
        assert_eq!(address("0x3FFB_2EC8"), Ok(0x3FFB_2EC8));
        assert_eq!(address("0X3ffb2ec8"), Ok(0x3FFB_2EC8));
        assert_eq!(address("16"), Ok(16));
        assert!(address("3FFB").is_err());
        assert_eq!(symbol("_end=0x10"), Ok(("_end".to_owned(), 16)));
        assert!(symbol("_end").is_err());
    }
}
