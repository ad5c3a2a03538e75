//! How is a chip's configuration written on the command line?
//!
//! `--option psram=4MiB --option bluetooth=2 --option rtc-heap`

use soc_regions::{Bluetooth, Options, SyncConnections, TraceMemory};

use crate::error::Error;

/// Every option with what it means, for `--help`.
pub(crate) const HELP: &str = "\
Options, each as `--option NAME` or `--option NAME=VALUE`:
  single-core              only core 0 runs
  iram-8bit                byte access to IRAM is emulated
  trace-one-bank           the trace unit takes 16 KiB
  trace-two-banks          the trace unit takes 32 KiB
  bluetooth[=N]            a Bluetooth controller with N synchronous connections, 0 to 3 (0)
  bluetooth-dram-release   v2.1: Bluetooth gives back what it does not need
  rtc-heap                 RTC fast memory is a heap, too
  rtc-data-in-fast-memory  RTC data is linked to fast memory
  sram1-as-iram            code is linked to the upper part of SRAM1
  psram=SIZE               bytes of PSRAM: 4194304, 4096K or 4M";

const NAMES: [&str; 10] = [
    "single-core",
    "iram-8bit",
    "trace-one-bank",
    "trace-two-banks",
    "bluetooth",
    "bluetooth-dram-release",
    "rtc-heap",
    "rtc-data-in-fast-memory",
    "sram1-as-iram",
    "psram",
];

/// `base` changed by each of `words`, in turn.
pub(crate) fn parse(base: Options, words: &[String]) -> Result<Options, Error> {
    words
        .iter()
        .try_fold(base, |options, word| apply(options, word))
}

fn apply(mut options: Options, word: &str) -> Result<Options, Error> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    match name {
        "bluetooth" => options.bluetooth = bluetooth(value.unwrap_or("0"))?,
        "psram" => options.psram = Some(psram(value)?),
        _ if value.is_some() && NAMES.contains(&name) => {
            return Err(Error::Usage(format!(
                "option {name} takes no value, but was given {word:?}"
            )));
        }
        "single-core" => options.single_core = true,
        "iram-8bit" => options.iram_8bit = true,
        "trace-one-bank" => options.trace_memory = TraceMemory::OneBank,
        "trace-two-banks" => options.trace_memory = TraceMemory::TwoBanks,
        "bluetooth-dram-release" => options.bluetooth_dram_release = true,
        "rtc-heap" => options.rtc_heap = true,
        "rtc-data-in-fast-memory" => options.rtc_data_in_fast_memory = true,
        "sram1-as-iram" => options.sram1_as_iram = true,
        _ => {
            return Err(Error::Usage(format!(
                "no option is called {name:?}; known are {}",
                NAMES.join(", ")
            )));
        }
    }
    Ok(options)
}

fn bluetooth(value: &str) -> Result<Bluetooth, Error> {
    let connections = value.parse().ok().and_then(SyncConnections::new);
    connections.map(Bluetooth::On).ok_or_else(|| {
        Error::Usage(format!(
            "bluetooth serves 0 to 3 synchronous connections, not {value:?}"
        ))
    })
}

fn psram(value: Option<&str>) -> Result<u32, Error> {
    let value = value
        .ok_or_else(|| Error::Usage("option psram needs a size, for example psram=4M".into()))?;
    bytes(value).ok_or_else(|| {
        Error::Usage(format!(
            "{value:?} is no size; sizes are 4194304, 4096K or 4M"
        ))
    })
}

/// `4194304`, `4096K`, `4096KiB`, `4M`, `4MiB`.
pub(crate) fn bytes(text: &str) -> Option<u32> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)?.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1024,
        "m" | "mib" => 1024 * 1024,
        _ => return None,
    };
    digits.parse::<u32>().ok()?.checked_mul(unit)
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

    fn parsed(words: &[&str]) -> Result<Options, String> {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        parse(Options::NONE, &words).map_err(|error| error.to_string())
    }

    #[test]
    fn options_add_up() {
        let bluetooth = Bluetooth::On(SyncConnections::new(2).unwrap());
        assert_eq!(
            parsed(&["psram=4M", "bluetooth=2", "rtc-heap"]),
            Ok(Options {
                psram: Some(4 << 20),
                bluetooth,
                rtc_heap: true,
                ..Options::NONE
            })
        );
    }

    #[test]
    fn every_setting_has_an_option_of_its_name() {
        for name in soc_regions::Setting::all().names() {
            let word = if name == "psram" {
                "psram=1K".to_owned()
            } else {
                name.to_owned()
            };
            let settings = parsed(&[&word]).unwrap().settings();
            assert!(settings.names().eq([name]), "{name}");
            assert!(HELP.contains(name) && NAMES.contains(&name));
        }
    }

    #[test]
    fn a_wrong_option_is_answered_with_what_is_known() {
        assert!(
            parsed(&["psrma=4M"])
                .unwrap_err()
                .contains("known are single-core, iram-8bit")
        );
        assert!(
            parsed(&["rtc-heap=1"])
                .unwrap_err()
                .contains("takes no value")
        );
        assert!(parsed(&["bluetooth=4"]).unwrap_err().contains("0 to 3"));
        assert!(parsed(&["psram"]).unwrap_err().contains("psram=4M"));
        assert!(parsed(&["psram=4G"]).unwrap_err().contains("is no size"));
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
