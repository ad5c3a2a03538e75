//! Traces shipped with the repository, so that every command works without files.

use super::Trace;
use crate::error::Error;

/// A trace inside this program.
#[derive(Debug, Clone, Copy)]
pub struct Shipped {
    /// Its name, as in its header.
    pub name: &'static str,
    gzip: &'static [u8],
}

/// A whole IoT firmware: MQTT and REST over TLS, a web server, sensors; peak 132 KB.
pub const FW_IOT: Shipped = Shipped {
    name: "fw_iot",
    gzip: include_bytes!("../../traces/fw_iot.trace.gz"),
};

/// An MQTT client alone; peak 19 KB.
pub const MQTT_CLIENT: Shipped = Shipped {
    name: "mqtt_client",
    gzip: include_bytes!("../../traces/mqtt_client.trace.gz"),
};

/// All of them, the default of `minheap`; the largest first.
pub const ALL: [Shipped; 2] = [FW_IOT, MQTT_CLIENT];

impl Shipped {
    /// Returns the file, a gzip.
    #[must_use]
    pub const fn bytes(self) -> &'static [u8] {
        self.gzip
    }

    /// Unpacks and checks the trace.
    ///
    /// # Errors
    /// It is damaged.
    pub fn read(self) -> Result<Trace, Error> {
        Trace::from_bytes(self.name, self.gzip).map_err(|cause| Error::File {
            name: self.name.to_owned(),
            cause: cause.to_string(),
        })
    }
}

/// Returns the largest trace that fits into `free` bytes, else the smallest of all; and those that
/// are too large.
///
/// # Errors
/// One of them is damaged.
pub fn fitting(free: u32) -> Result<(Trace, Vec<Trace>), Error> {
    let mut traces = ALL
        .map(Shipped::read)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let fits = |trace: &Trace| with_margin(trace.peak_live_bytes) <= u64::from(free);
    let chosen = traces.iter().position(fits).unwrap_or(traces.len() - 1); // there is at least one
    let trace = traces.swap_remove(chosen);
    traces.truncate(chosen);
    Ok((trace, traces))
}

/// Headers, canaries and holes take room, too.
fn with_margin(bytes: u64) -> u64 {
    bytes + bytes / 8
}

#[cfg(test)]
mod tests {
    use super::{ALL, FW_IOT, fitting};

    #[test]
    fn the_largest_trace_that_fits_is_taken() {
        let chosen = |free| {
            let (trace, too_large) = fitting(free).unwrap();
            (trace.name, too_large.len())
        };
        assert_eq!(chosen(300_000), ("fw_iot".to_owned(), 0));
        assert_eq!(chosen(133_000), ("mqtt_client".to_owned(), 1));
        assert_eq!(chosen(0), ("mqtt_client".to_owned(), 1));
    }

    #[test]
    fn every_shipped_trace_is_a_trace_of_that_name() {
        for shipped in ALL {
            assert_eq!(shipped.read().unwrap().name, shipped.name);
        }
    }

    #[test]
    fn the_firmware_has_the_figures_of_its_header() {
        let trace = FW_IOT.read().unwrap();
        let figures = (trace.operations.len(), trace.slots, trace.peak_live_bytes);
        assert_eq!(figures, (172_110, 1428, 132_273));
    }
}
