//! Recorded programs, and what they say of the chip that they ran on.

use std::path::Path;

use esp_heap::error::Error;
use heap_report::{History, Program, read, recorded};
use soc_regions::{Caps, chips};

/// A recorded program.
pub(super) enum Recorded {
    History(Box<History>),
    Trace(recorded::Trace),
}

impl Recorded {
    pub(super) fn read(file: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(file).map_err(|cause| Error::file(file, cause))?;
        Ok(match read::read(&file.display().to_string(), &bytes)? {
            read::Input::History(history)
            | read::Input::Both {
                stream: history, ..
            } => Self::History(Box::new(history)),
            read::Input::Trace(trace) => Self::Trace(trace),
        })
    }

    /// Returns the chip that a program names first: `esp32 events`.
    pub(super) fn chip(&self) -> Option<&'static str> {
        let Recorded::History(history) = self else {
            return None;
        };
        let first = history.program.split_whitespace().next()?;
        chips::by_name(first).map(soc_regions::Chip::name)
    }

    /// Returns the size of the external memory that a program described.
    pub(super) fn psram(&self) -> Option<u32> {
        let Recorded::History(history) = self else {
            return None;
        };
        let external = history
            .heaps
            .iter()
            .filter(|heap| heap.caps.contains(Caps::SPIRAM));
        let bytes = external.fold(0_u32, |sum, heap| sum.saturating_add(heap.size));
        (bytes > 0).then_some(bytes)
    }

    /// Returns the bytes of all heaps that a program described.
    pub(super) fn described_bytes(&self) -> Option<u64> {
        match self {
            Recorded::History(history) => {
                Some(history.heaps.iter().map(|heap| u64::from(heap.size)).sum())
            }
            Recorded::Trace(_) => None,
        }
    }

    pub(super) fn program(&self) -> Program {
        match self {
            Recorded::History(history) => Program::from(&**history),
            Recorded::Trace(trace) => Program::from(trace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Caps, History, Recorded};
    use heap_report::HeapDescription;

    #[test]
    fn sizes_that_no_chip_has_do_not_overflow() {
        let heap = HeapDescription {
            index: 0,
            start: 0x3F80_0000,
            size: u32::MAX,
            caps: Caps::SPIRAM,
            name: String::new(),
        };
        let history = History {
            heaps: vec![heap.clone(), heap],
            ..History::default()
        };
        let recorded = Recorded::History(Box::new(history));
        assert_eq!(recorded.psram(), Some(u32::MAX));
        assert_eq!(recorded.described_bytes(), Some(2 * u64::from(u32::MAX)));
    }
}
