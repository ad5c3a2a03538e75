//! Configurations in words: `chip=esp32s3 psram=8M poison=light`.

use std::path::PathBuf;

use clap::ValueEnum;
use esp_heap::error::Error;
use esp_heap::poisoning::Poisoning;
use heap_report::what_if::{self, Variant};

use crate::configuration::chip_called;
use crate::suggestions::did_you_mean;
use crate::target_options::{TargetOptions, parse_size};

/// Command-line form of a variant.
#[derive(Clone)]
pub(super) struct Configuration {
    pub(super) target: TargetOptions,
    pub(super) elf: Option<PathBuf>,
    pub(super) external_above: Option<u32>,
}

impl Configuration {
    /// Returns the configuration with `words` applied, `chip=` first: options are those of a chip.
    pub(super) fn changed(&self, words: &str) -> Result<Configuration, Error> {
        let mut changed = self.clone();
        let (chip, others): (Vec<_>, Vec<_>) = words
            .split_whitespace()
            .partition(|word| word.starts_with("chip="));
        chip.into_iter()
            .chain(others)
            .try_for_each(|word| changed.change(word))?;
        Ok(changed)
    }

    fn change(&mut self, word: &str) -> Result<(), Error> {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "chip" => self.change_chip(value)?,
            "psram" => self.target.psram = Some(value.to_owned()),
            "reserve" => self.target.reserve = Some(value.to_owned()),
            "caps" => self.target.caps = Some(value.to_owned()),
            "policy" => self.target.policy = word_of(word, value)?,
            "poison" => self.target.poison = word_of(word, value)?,
            "external-above" => self.external_above = Some(limit(word, value)?),
            _ => self.target.settings.push(word.to_owned()),
        }
        Ok(())
    }

    /// Options, linked programs and PSRAM are those of one chip.
    fn change_chip(&mut self, name: &str) -> Result<(), Error> {
        let takes_psram = chip_called(name)?
            .default_options()
            .value("psram")
            .is_some();
        self.target.chip = Some(name.to_owned());
        (self.target.settings, self.elf) = (Vec::new(), None);
        self.target.psram = self.target.psram.take().filter(|_| takes_psram);
        Ok(())
    }

    pub(super) fn variant(&self) -> Result<Variant, Error> {
        Ok(Variant {
            setup: self.target.setup(self.elf.as_deref())?,
            requests: self.target.requests()?,
            poisoning: match self.target.poison {
                Poisoning::None => what_if::Poisoning::None,
                Poisoning::Light => what_if::Poisoning::Light,
                Poisoning::Comprehensive => what_if::Poisoning::Comprehensive,
            },
            external_above: self.external_above,
        })
    }
}

/// Parses a value of `W`.
fn word_of<W: ValueEnum>(word: &str, value: &str) -> Result<W, Error> {
    W::from_str(value, true).map_err(|_| {
        let known = W::value_variants().iter().filter_map(W::to_possible_value);
        let known: Vec<_> = known.map(|known| known.get_name().to_owned()).collect();
        let hint = did_you_mean(value, known.iter().map(String::as_str));
        Error::Usage(format!(
            "{word:?}: unknown value `{value}`, known: {}{hint}",
            known.join(", ")
        ))
    })
}

/// `never`: nothing is larger than that.
fn limit(word: &str, value: &str) -> Result<u32, Error> {
    match value {
        "never" => Ok(u32::MAX),
        _ => parse_size(value).ok_or_else(|| {
            Error::Usage(format!("{word:?}: a limit is a number of bytes, or never"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_options::PolicyName;

    fn now() -> Configuration {
        Configuration {
            target: TargetOptions {
                chip: None,
                settings: vec!["trace-memory=one-bank".to_owned()],
                psram: None,
                caps: None,
                policy: PolicyName::Guaranteed,
                reserve: None,
                poison: Poisoning::None,
            },
            elf: None,
            external_above: None,
        }
    }

    fn variant(words: &str) -> Result<String, String> {
        let changed = now().changed(words).and_then(|changed| changed.variant());
        changed
            .map(|variant| variant.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn words_change_what_they_name() {
        assert_eq!(
            variant("poison=light policy=idf-exact").unwrap(),
            "esp32, idf-exact, poisoning light"
        );
        assert_eq!(
            variant("reserve=DMA=24K").unwrap(),
            "esp32, guaranteed, reserve DMA=24576"
        );
        assert_eq!(
            variant("chip=esp32s3 psram=8M external-above=never").unwrap(),
            "esp32s3, guaranteed, psram 8388608, external above 4294967295"
        );
    }

    #[test]
    fn words_without_sense_are_refused_with_what_would_have_one() {
        assert!(
            variant("policy=random")
                .unwrap_err()
                .contains("idf-exact, guaranteed")
        );
        assert!(variant("poison=rat").unwrap_err().contains("light"));
        assert!(
            variant("external-above=much")
                .unwrap_err()
                .contains("or never")
        );
        assert!(
            variant("psrma=4M")
                .unwrap_err()
                .contains("did you mean psram")
        );
    }

    #[test]
    fn the_chip_is_changed_before_its_options_whatever_the_order() {
        assert_eq!(
            variant("psram=8M chip=esp32s3").unwrap(),
            variant("chip=esp32s3 psram=8M").unwrap()
        );
        let refused = variant("trace-memory=one-bank chip=esp32c3").unwrap_err();
        assert!(refused.contains("trace-memory"), "{refused}");
    }

    #[test]
    fn psram_of_the_recording_does_not_follow_to_a_chip_without() {
        let mut recorded = now();
        recorded.target.psram = Some("4M".to_owned());
        let changed = recorded.changed("chip=esp32c3").unwrap();
        assert_eq!(
            changed.variant().unwrap().to_string(),
            "esp32c3, guaranteed"
        );
    }
}
