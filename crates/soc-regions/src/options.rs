//! Options of a firmware: a value for each option of its chip.
//!
//! ```text
//!   ESP32.default_options()                      what ESP-IDF configures
//!        .with(esp32::SINGLE_CORE.on())          a setting written in Rust
//!        .parse("psram=4MiB")                    a setting written on a command line
//! ```
//!
//! Invariant: `values[n]` is a value that the chip's option `n` takes.

use core::fmt;

use crate::declared::same;
use crate::{Declared, MAX_OPTIONS, OptionKind};

/// A value for each option of one chip. [`Chip::default_options`](crate::Chip::default_options)
/// makes one.
///
/// ```
/// use soc_regions::{ESP32, OptionError, common, esp32};
///
/// let values = [esp32::TRACE_MEMORY.value("one-bank"), common::PSRAM.of(4 << 20)];
/// let options = ESP32.options(&values)?;
/// let parsed = ESP32.default_options().parse("trace-memory=one-bank")?.parse("psram=4MiB")?;
/// assert_eq!(options, parsed);
/// assert_eq!(options.to_string(), "trace-memory=one-bank psram=4194304");
///
/// let unknown = ESP32.default_options().parse("memory-protection").unwrap_err();
/// let answer = "esp32 has no option `memory-protection`; it has single-core,";
/// assert!(unknown.to_string().starts_with(answer));
/// # Ok::<(), OptionError<'static>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    chip: &'static str,
    declared: &'static [Declared],
    values: [u32; MAX_OPTIONS],
}

/// A value for one option; made by [`Flag::on`](crate::Flag::on) and its siblings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Setting {
    /// The option's name.
    pub option: &'static str,
    /// Its value.
    pub value: SettingValue,
}

/// The value of a [`Setting`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SettingValue {
    /// 0 or 1 of a flag; the number of an amount.
    Number(u32),
    /// The name of a choice's value.
    Named(&'static str),
}

impl Options {
    /// Returns every option as it is by default.
    pub(crate) const fn defaults(chip: &'static str, declared: &'static [Declared]) -> Options {
        let mut values = [0; MAX_OPTIONS];
        let mut option = 0;
        while option < declared.len() && option < MAX_OPTIONS {
            values[option] = declared[option].default;
            option += 1;
        }
        Options {
            chip,
            declared,
            values,
        }
    }

    /// Returns the name of the chip whose options these are.
    pub const fn chip(&self) -> &'static str {
        self.chip
    }

    /// The same with another value for one option.
    ///
    /// # Errors
    /// The chip has no such option, or the option no such value.
    pub const fn with(self, setting: Setting) -> Result<Options, OptionError<'static>> {
        let Some(index) = self.index(setting.option) else {
            return Err(self.unknown(setting.option));
        };
        match resolve(&self.declared[index], setting.value) {
            Ok(value) => Ok(self.having(index, value)),
            Err(error) => Err(error),
        }
    }

    /// The same with other values for some options, in turn.
    ///
    /// # Errors
    /// As [`Options::with`].
    pub const fn with_all(self, settings: &[Setting]) -> Result<Options, OptionError<'static>> {
        let (mut options, mut at) = (self, 0);
        while at < settings.len() {
            options = match options.with(settings[at]) {
                Ok(options) => options,
                Err(error) => return Err(error),
            };
            at += 1;
        }
        Ok(options)
    }

    /// The same with a setting as people write it: `rtc-heap`, `rtc-heap=off`,
    /// `trace-memory=one-bank`, `psram=4MiB`.
    ///
    /// # Errors
    /// The chip has no such option, or the option no such value.
    pub fn parse(self, text: &str) -> Result<Options, OptionError<'_>> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (text.trim(), None),
        };
        let index = self.index(name).ok_or_else(|| self.unknown(name))?;
        let value = read(&self.declared[index], value)?;
        Ok(self.having(index, value))
    }

    /// Returns the value of an option: 0 or 1, the number, or which of the values; `None` if the
    /// chip has no such option.
    pub const fn value(&self, option: &str) -> Option<u32> {
        match self.index(option) {
            Some(index) => Some(self.values[index]),
            None => None,
        }
    }

    /// Returns whether an option has this value; not if the chip has no such option.
    pub const fn is(&self, setting: Setting) -> bool {
        let Some(index) = self.index(setting.option) else {
            return false;
        };
        match resolve(&self.declared[index], setting.value) {
            Ok(value) => self.values[index] == value,
            Err(_) => false,
        }
    }

    /// Returns every option of the chip with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Declared, u32)> + Clone + use<> {
        self.declared.iter().zip(self.values)
    }

    /// Returns the options that are not as they are by default.
    pub fn changed(&self) -> impl Iterator<Item = (&'static Declared, u32)> + Clone + use<> {
        self.iter()
            .filter(|(declared, value)| declared.default != *value)
    }

    /// Returns whether a chip of this name and with these options made them.
    pub(crate) const fn are_of(&self, chip: &str) -> bool {
        same(self.chip, chip)
    }

    /// The same with option `index` answering conditions as in `case`, see [`Declared::case`].
    pub(crate) const fn in_case(self, index: usize, case: usize) -> Options {
        self.having(index, self.declared[index].case(case))
    }

    const fn having(mut self, index: usize, value: u32) -> Options {
        self.values[index] = value;
        self
    }

    const fn index(&self, option: &str) -> Option<usize> {
        let mut index = 0;
        while index < self.declared.len() {
            if same(self.declared[index].name, option) {
                return Some(index);
            }
            index += 1;
        }
        None
    }

    const fn unknown<'a>(&self, option: &'a str) -> OptionError<'a> {
        OptionError::UnknownOption {
            chip: self.chip,
            option,
            known: self.declared,
        }
    }
}

const fn resolve(
    declared: &'static Declared,
    value: SettingValue,
) -> Result<u32, OptionError<'static>> {
    match value {
        SettingValue::Number(number) if declared.takes(number) => Ok(number),
        SettingValue::Number(number) => Err(OptionError::OutOfRange { declared, number }),
        SettingValue::Named(value) => match declared.number(value) {
            Some(number) => Ok(number),
            None => Err(OptionError::UnknownValue { declared, value }),
        },
    }
}

/// Returns the number of a value as people write it; a flag without a value is on.
fn read<'a>(declared: &'static Declared, value: Option<&'a str>) -> Result<u32, OptionError<'a>> {
    let unknown = |value| OptionError::UnknownValue { declared, value };
    let number = match (declared.kind, value) {
        (OptionKind::Flag { .. }, None | Some("on" | "yes" | "y" | "true" | "1")) => 1,
        (OptionKind::Flag { .. }, Some("off" | "no" | "n" | "false" | "0")) => 0,
        (OptionKind::Amount { .. }, Some("off" | "none")) => 0,
        (OptionKind::Amount { .. }, Some(value)) => quantity(value).ok_or(unknown(value))?,
        (OptionKind::Choice { .. }, Some(value)) => declared.number(value).ok_or(unknown(value))?,
        (OptionKind::Flag { .. }, Some(value)) => return Err(unknown(value)),
        (_, None) => return Err(OptionError::NeedsValue { declared }),
    };
    if declared.takes(number) {
        Ok(number)
    } else {
        Err(OptionError::OutOfRange { declared, number })
    }
}

/// `4194304`, `0x400000`, `4096K`, `4096KiB`, `4M`, `4MiB`.
fn quantity(text: &str) -> Option<u32> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(digits, 16).ok();
    }
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text.get(digits.len()..)?;
    let is = |names: [&str; 2]| names.iter().any(|name| unit.eq_ignore_ascii_case(name));
    let factor = match () {
        () if is(["", "b"]) => 1,
        () if is(["k", "kib"]) => 1024,
        () if is(["m", "mib"]) => 1024 * 1024,
        () => return None,
    };
    digits.parse::<u32>().ok()?.checked_mul(factor)
}

/// What differs from the defaults, as [`Options::parse`] reads it:
/// `trace-memory=one-bank psram=4194304`; `defaults`.
impl fmt::Display for Options {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (declared, value) in self.changed() {
            write!(out, "{separator}{}", declared.name)?;
            match (declared.kind, declared.value_name(value)) {
                (_, Some(name)) => write!(out, "={name}")?,
                (OptionKind::Flag { .. }, _) if value == 1 => (),
                (OptionKind::Flag { .. }, _) => write!(out, "=off")?,
                _ => write!(out, "={value}")?,
            }
            separator = " ";
        }
        if separator.is_empty() {
            write!(out, "defaults")?;
        }
        Ok(())
    }
}

/// Why a setting is not one of the chip's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionError<'a> {
    /// The chip has no option of this name.
    UnknownOption {
        /// The chip's name.
        chip: &'static str,
        /// The name.
        option: &'a str,
        /// What it has.
        known: &'static [Declared],
    },
    /// The option has no such value.
    UnknownValue {
        /// The option.
        declared: &'static Declared,
        /// What was asked for.
        value: &'a str,
    },
    /// The option does not take this number.
    OutOfRange {
        /// The option.
        declared: &'static Declared,
        /// The number.
        number: u32,
    },
    /// The option is no flag, and no value was given.
    NeedsValue {
        /// The option.
        declared: &'static Declared,
    },
}

impl fmt::Display for OptionError<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionError::UnknownOption {
                chip,
                option,
                known,
            } => {
                write!(out, "{chip} has no option `{option}`; it has ")?;
                list(out, known.iter().map(|declared| declared.name))
            }
            OptionError::UnknownValue { declared, value } => {
                write!(out, "option `{}` can't be `{value}`, but ", declared.name)?;
                possible(out, declared)
            }
            OptionError::OutOfRange { declared, number } => {
                write!(out, "option `{}` can't be {number}, but ", declared.name)?;
                possible(out, declared)
            }
            OptionError::NeedsValue { declared } => {
                write!(out, "option `{0}` needs a value, `{0}=…`: ", declared.name)?;
                possible(out, declared)
            }
        }
    }
}

impl core::error::Error for OptionError<'_> {}

fn possible(out: &mut fmt::Formatter<'_>, declared: &Declared) -> fmt::Result {
    match declared.kind {
        OptionKind::Flag { .. } => write!(out, "on or off"),
        OptionKind::Amount { most: u32::MAX, .. } => {
            write!(out, "a number such as 4194304, 4096K or 4M")
        }
        OptionKind::Amount { least, most, .. } => write!(out, "a number from {least} to {most}"),
        OptionKind::Choice { values } => list(out, values.iter().map(|value| value.name)),
    }
}

fn list(out: &mut fmt::Formatter<'_>, names: impl Iterator<Item = &'static str>) -> fmt::Result {
    let mut separator = "";
    for name in names {
        write!(out, "{separator}{name}")?;
        separator = ", ";
    }
    Ok(())
}
