//! Command-line options that describe the simulated chip.

use std::path::Path;

use clap::ValueEnum;
use heap_caps::{Policy, Reserve};
use heap_report::simulate::machine::{Requests, Setup};
use soc_regions::Caps;

use crate::configuration::{chip_called, configured};
use crate::linker::Linker;
use esp_heap::error::Error;
use esp_heap::firmware::Firmware;
use esp_heap::poisoning::Poisoning;

/// How heaps are chosen, as a word on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyName {
    /// ESP-IDF's order; reserves are ignored
    IdfExact,
    /// The same priorities, reserves honoured
    Guaranteed,
}

impl From<PolicyName> for Policy {
    fn from(name: PolicyName) -> Policy {
        match name {
            PolicyName::IdfExact => Policy::IdfExact,
            PolicyName::Guaranteed => Policy::Guaranteed,
        }
    }
}

/// A chip and its heaps, in words.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Simulated chip")]
pub(crate) struct TargetOptions {
    /// The chip; `esp-heap map` lists them [default: the one that a recording names, or esp32]
    #[arg(long)]
    pub(crate) chip: Option<String>,
    /// Change the chip's configuration, see `esp-heap map CHIP --options`; may be given several
    /// times
    #[arg(long = "option", value_name = "NAME[=VALUE]")]
    pub(crate) settings: Vec<String>,
    /// External memory: short for --option psram=SIZE
    #[arg(long, value_name = "SIZE")]
    pub(crate) psram: Option<String>,
    /// Capabilities of every request, for example DMA|8BIT or DMA,8BIT [default: what a recording
    /// names, or as by malloc]
    #[arg(long)]
    pub(crate) caps: Option<String>,
    /// How heaps are chosen
    #[arg(long, value_enum, default_value = "guaranteed")]
    pub(crate) policy: PolicyName,
    /// Free bytes that only requests for certain capabilities get, for example DMA=24576
    #[arg(long, value_name = "CAPS=BYTES")]
    pub(crate) reserve: Option<String>,
    /// Poisoning of all heaps
    #[arg(long, value_enum, default_value = "none")]
    pub(crate) poison: Poisoning,
}

impl TargetOptions {
    /// The chip with a linked program, whose code and data take memory.
    pub(crate) fn setup(&self, elf: Option<&Path>) -> Result<Setup, Error> {
        let chip = chip_called(self.chip.as_deref().unwrap_or("esp32"))?;
        let psram = self.psram.iter().map(|size| format!("psram={size}"));
        let settings: Vec<_> = self.settings.iter().cloned().chain(psram).collect();
        let options = configured(chip, &settings)?;
        let firmware = elf.map(|file| Firmware::read(file, chip)).transpose()?;
        let linker = Linker {
            chip,
            options,
            given: &[],
            firmware: firmware.as_ref(),
        };
        let reserve = self.reserve.as_deref().map(parse_reserve).transpose()?;
        Ok(Setup {
            chip,
            options,
            symbols: linker.link().by_name(),
            policy: self.policy.into(),
            reserve,
        })
    }

    /// How requests are made, if that was said.
    pub(crate) fn requests(&self) -> Result<Option<Requests>, Error> {
        let caps = self.caps.as_deref().map(parse_caps).transpose()?;
        Ok(caps.map(Requests::Caps))
    }
}

fn parse_caps(text: &str) -> Result<Caps, Error> {
    text.parse()
        .map_err(|error| Error::Usage(format!("{text:?}: {error}")))
}

/// `DMA=24576` or `DMA=24K`.
fn parse_reserve(text: &str) -> Result<Reserve, Error> {
    let malformed = || Error::Usage(format!("{text:?}: a reserve is CAPS=BYTES, as DMA=24576"));
    let (caps, bytes) = text.split_once('=').ok_or_else(malformed)?;
    Ok(Reserve {
        caps: parse_caps(caps)?,
        bytes: parse_size(bytes).ok_or_else(malformed)?,
    })
}

/// `24576`, `24K` or `1M`.
pub(crate) fn parse_size(text: &str) -> Option<u32> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => match text.strip_suffix(['M', 'm']) {
            Some(digits) => (digits, 1 << 20),
            None => (text, 1),
        },
    };
    digits.parse::<u32>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_in_esp_idfs_spelling() {
        assert_eq!(parse_caps("dma,8bit").unwrap(), Caps::DMA | Caps::BIT8);
        assert!(parse_caps("DMA|FAST").is_err());
    }

    #[test]
    fn a_reserve_names_capabilities_and_bytes() {
        let reserve = parse_reserve("DMA=24576").unwrap();
        assert_eq!((reserve.caps, reserve.bytes), (Caps::DMA, 24_576));
        assert_eq!(parse_reserve("DMA=24K").unwrap(), reserve);
        assert!(parse_reserve("DMA").is_err());
        assert!(parse_reserve("DMA=much").is_err());
    }

    #[test]
    fn sizes_may_be_in_kibibytes_and_mebibytes() {
        let sizes = ["0", "3K", "8M", "5000M", "K"].map(parse_size);
        assert_eq!(sizes, [Some(0), Some(3072), Some(8 << 20), None, None]);
    }
}
