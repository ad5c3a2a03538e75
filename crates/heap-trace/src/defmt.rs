//! `defmt::Format` of owners, accounts and findings: the same text as `Display`.

use defmt::{Format, Formatter, write};

use crate::failures::FailureRecord;
use crate::ledger::{Explained, Leak, Site, SiteId, Usage};

/// `1536 bytes in 3 blocks, at most 4096 in 8, 120 allocations`
impl Format for Usage {
    fn format(&self, out: Formatter<'_>) {
        write!(
            out,
            "{=u32} bytes in {=u32} blocks, at most {=u32} in {=u32}, {=u32} allocations",
            self.bytes, self.blocks, self.peak_bytes, self.peak_blocks, self.allocations
        );
    }
}

impl Format for SiteId {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "site {=usize}", self.get());
    }
}

/// `src/tls.rs:88 (DMA): 1536 bytes in 3 blocks, …`
impl<const DEPTH: usize> Format for Site<DEPTH> {
    fn format(&self, out: Formatter<'_>) {
        origin(self, out);
        write!(out, " ({}): {}", self.caps, self.usage);
    }
}

/// Place of a site: its line, and its callers.
fn origin<const DEPTH: usize>(site: &Site<DEPTH>, out: Formatter<'_>) {
    match site.caller {
        Some(place) => write!(out, "{=str}:{=u32}", place.file(), place.line()),
        None => write!(out, "?"),
    }
    for &caller in site.callers.iter().take_while(|&&caller| caller != 0) {
        write!(out, " < 0x{=u32:08X}", caller);
    }
}

impl Format for Leak {
    fn format(&self, out: Formatter<'_>) {
        write!(
            out,
            "0x{=u32:08X} of {}, {}",
            self.address, self.owner, self.site
        );
    }
}

/// The finding, then `; the block is owner 2's from src/tls.rs:88; the one in front of it is owner
/// 1's from src/mqtt.rs:12`
impl<const DEPTH: usize> Format for Explained<DEPTH> {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "{}", self.finding);
        if let Some((site, owner)) = &self.block {
            write!(out, "; the block is {}'s from ", owner);
            origin(site, out);
        }
        if let Some((site, owner)) = &self.left {
            write!(out, "; the one in front of it is {}'s from ", owner);
            origin(site, out);
        }
        if let Some((site, owner)) = &self.next {
            match self.finding.block {
                Some(_) => write!(out, "; the one behind it is {}'s from ", owner),
                None => write!(out, "; the block is {}'s from ", owner),
            }
            origin(site, out);
        }
    }
}

/// `failure 3 of run 2: 16384 bytes with 8BIT|DMA for owner 1 at src/tls.rs:88; 41000 bytes free,
/// largest 12000`
impl<const OWNERS: usize> Format for FailureRecord<OWNERS> {
    fn format(&self, out: Formatter<'_>) {
        write!(
            out,
            "failure {=u32} of run {=u32}: {=u32} bytes with {} for {}",
            self.number(),
            self.boot(),
            self.size(),
            self.caps(),
            self.owner()
        );
        if let Some((file, line)) = self.caller() {
            write!(out, " at {=str}:{=u32}", file, line);
        }
        let free = self
            .heaps()
            .fold(0, |sum: u32, heap| sum.saturating_add(heap.free));
        let largest = self.heaps().map(|heap| heap.largest).max().unwrap_or(0);
        write!(out, "; {=u32} bytes free, largest {=u32}", free, largest);
    }
}
