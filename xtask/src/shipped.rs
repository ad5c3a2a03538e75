//! Which traces come with the repository, so that every command works without further files.

use crate::error::Error;
use crate::trace::Trace;

/// A trace inside this program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shipped {
    /// Its name, as in its header.
    pub(crate) name: &'static str,
    gzip: &'static [u8],
}

/// A whole IoT firmware: MQTT and REST over TLS, a web server, sensors; peak 132 KB.
pub(crate) const FW_IOT: Shipped = Shipped {
    name: "fw_iot",
    gzip: include_bytes!("../traces/fw_iot.trace.gz"),
};

/// An MQTT client alone; peak 19 KB.
pub(crate) const MQTT_CLIENT: Shipped = Shipped {
    name: "mqtt_client",
    gzip: include_bytes!("../traces/mqtt_client.trace.gz"),
};

/// All of them, the default of `minheap`.
pub(crate) const ALL: [Shipped; 2] = [FW_IOT, MQTT_CLIENT];

impl Shipped {
    /// Unpacks and checks the trace.
    pub(crate) fn read(self) -> Result<Trace, Error> {
        Trace::from_bytes(self.name, self.gzip).map_err(|cause| Error::File {
            name: self.name.to_owned(),
            cause: cause.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, FW_IOT};

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
