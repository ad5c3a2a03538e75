//! How is a chip's configuration written on the command line?
//!
//! `--option psram=4MiB --option bluetooth=2 --option rtc-heap`

use soc_regions::Options;

use crate::error::Error;

/// For `--help`. Which options there are depends on the chip.
pub(crate) const HELP: &str = "\
Options, each as `--option NAME` or `--option NAME=VALUE`: single-core, bluetooth, trace-memory=one-bank, psram=4M, rtc-heap=off …
A name that the chip has not is answered with those it has.";

/// `base` changed by each of `words`, in turn.
pub(crate) fn parse(base: Options, words: &[String]) -> Result<Options, Error> {
    words.iter().try_fold(base, |options, word| {
        options
            .parse(word)
            .map_err(|error| Error::Usage(error.to_string()))
    })
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
    use soc_regions::{ESP32, common, esp32};

    fn parsed(words: &[&str]) -> Result<Options, String> {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        parse(ESP32.default_options(), &words).map_err(|error| error.to_string())
    }

    #[test]
    fn options_add_up() {
        let expected = ESP32.options(&[
            common::PSRAM.of(4 << 20),
            esp32::TRACE_MEMORY.value("one-bank"),
            common::RTC_HEAP.on(),
        ]);
        assert_eq!(
            parsed(&["psram=4M", "trace-memory=one-bank", "rtc-heap"]).ok(),
            expected.ok()
        );
    }

    #[test]
    fn a_wrong_option_is_answered_with_what_is_known() {
        let refused = |word| parsed(&[word]).unwrap_err();
        assert!(refused("psrma=4M").contains("it has single-core, iram-8bit"));
        assert!(refused("rtc-heap=7").contains("on or off"));
        assert!(refused("bluetooth-sync-connections=4").contains("from 0 to 3"));
        assert!(refused("psram").contains("needs a value"));
        assert!(refused("psram=4G").contains("4096K or 4M"));
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
