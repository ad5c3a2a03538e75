//! Owners of a damaged block and of the block in front of it.

use core::fmt;

use heap_caps::{BlockView, Finding};

use super::{EventSink, Ledger, Site};
use crate::context::TraceContext;
use heap_caps::Owner;

/// A damage with what the ledger knows of the block and of its left neighbour: a value to be
/// printed without the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explained<const DEPTH: usize> {
    /// What was found.
    pub finding: Finding,
    /// Site and owner of the damaged block.
    pub block: Option<(Site<DEPTH>, Owner)>,
    /// The same of the block in front of it.
    pub left: Option<(Site<DEPTH>, Owner)>,
    /// The same of the next one, where the finding has it.
    pub next: Option<(Site<DEPTH>, Owner)>,
}

/// The finding, then `; the block is owner 2's from src/tls.rs:88:9; the one in front of it is
/// owner 1's from src/mqtt.rs:12:5`
impl<const DEPTH: usize> fmt::Display for Explained<DEPTH> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.finding.fmt(out)?;
        let next = match self.finding.block {
            Some(_) => "the one behind it",
            None => "the block",
        };
        let known = [
            ("the block", self.block),
            ("the one in front of it", self.left),
            (next, self.next),
        ];
        for (which, known) in known {
            if let Some((site, owner)) = known {
                write!(out, "; {which} is {owner}'s")?;
                origin(&site, out)?;
            }
        }
        Ok(())
    }
}

fn origin<const DEPTH: usize>(site: &Site<DEPTH>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Some(place) = site.caller {
        write!(out, " from {place}")?;
    }
    let known = site.callers.iter().take_while(|&&caller| caller != 0);
    known.enumerate().try_for_each(|(index, caller)| {
        let separator = if index == 0 { " called from" } else { "," };
        write!(out, "{separator} {caller:#x}")
    })
}

impl<
    E: TraceContext,
    L: EventSink,
    const BLOCKS: usize,
    const SITES: usize,
    const OWNERS: usize,
    const DEPTH: usize,
> Ledger<E, L, BLOCKS, SITES, OWNERS, DEPTH>
{
    /// Adds what is known of the blocks. O(1).
    #[must_use]
    pub fn explain(&self, finding: Finding) -> Explained<DEPTH> {
        let known = |address| {
            let (site, owner) = self.block(address)?;
            Some((self.site(site)?, owner))
        };
        let of = |block: BlockView| known(block.address).or_else(|| known(block.code?));
        Explained {
            finding,
            block: finding.block.and_then(of),
            left: finding.left.and_then(of),
            next: finding.next.and_then(known),
        }
    }
}
