//! A watched program in one line, for pipes and logs.

use std::fmt;

use super::{OwnerUsage, Watched};
use crate::export::missing;
use crate::summary::{bytes, counted, grouped};

/// How many owners or sites a line names.
const NAMED: usize = 3;

impl fmt::Display for Watched {
    /// `1.50 s, 12 events: 4,096 bytes in 3 blocks (peak 8,192), +10/s -9/s; mqtt 4,000, web 96;
    /// largest free 50,000 (fragmentation 12 %)`
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seconds) = self.seconds() {
            write!(out, "{seconds:.2} s, ")?;
        }
        let (total, rate) = (self.total(), self.rate());
        write!(
            out,
            "{}: {} in {} (peak {})",
            counted(self.events() as u64, "event"),
            bytes(total.bytes),
            counted(total.blocks, "block"),
            grouped(total.peak_bytes)
        )?;
        write!(out, ", +{:.0}/s -{:.0}/s", rate.allocations, rate.frees)?;
        self.write_holders(out)?;
        self.write_heaps(out)?;
        if self.failed() > 0 {
            write!(out, "; {} refused", self.failed())?;
        }
        if self.restarts() > 0 {
            write!(
                out,
                "; restarted {}",
                counted(self.restarts() as u64, "time")
            )?;
        }
        match missing(&self.gaps()) {
            Some(missing) => write!(out, "; incomplete: {missing}"),
            None => Ok(()),
        }
    }
}

impl Watched {
    /// Owners, or sites where nobody owns anything.
    fn write_holders(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holders = if self.history().owners.is_empty() {
            self.sites()
        } else {
            self.owners()
        };
        let holders = holders
            .into_iter()
            .filter(|holder| holder.account.bytes > 0)
            .take(NAMED);
        let named: Vec<String> = holders
            .map(|OwnerUsage { name, account }| format!("{name} {}", grouped(account.bytes)))
            .collect();
        if named.is_empty() {
            Ok(())
        } else {
            write!(out, "; {}", named.join(", "))
        }
    }

    /// Writes the heaps. The one with the largest free block stands for all; what is worst is what
    /// one should see.
    fn write_heaps(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heaps = self.heaps();
        let Some(largest) = heaps.iter().map(|heap| heap.largest_free).max() else {
            return Ok(());
        };
        let worst = heaps
            .iter()
            .map(super::HeapSample::fragmentation)
            .fold(0.0, f64::max);
        write!(
            out,
            "; largest free {} (fragmentation up to {:.0} %)",
            grouped(largest.into()),
            worst * 100.0
        )
    }
}
