//! Dump of a trace on a console, in ESP-IDF's text, which its tools understand.
//!
//! ```text
//! ====== Heap Trace: 2 records (100 capacity) ======
//! program build: 3f1c…                                  ours only, where the context knows it
//!     96 bytes (@ 0x3ffb3f00, Internal) allocated CPU 0 ccount 0x00001234 caller 0x400d1234:0x400d2345
//! …
//! ====== Heap Trace Summary ======
//! Mode: Heap Trace Leaks
//! 104 bytes 'leaked' in trace (2 allocations)
//! records: 2 (100 capacity, 7 high water mark)
//! hashmap: 64 capacity (5 hits, 1 misses)
//! total allocations: 8
//! total frees: 6
//! ================================
//! ```
//!
//! The trace is asked for one record at a time: a caller that has it behind a lock releases it
//! between two lines.

use core::fmt::{Result, Write};

use super::{Mode, Record, Summary, Trace};
use crate::context::TraceContext;

/// What kind of memory an address lies in, for the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryKind {
    /// RAM inside of the chip.
    Internal,
    /// RAM behind the cache.
    External,
    /// Nothing is known about it.
    Other,
}

/// Records that are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpFilter {
    /// All.
    All,
    /// Those of blocks in memory of this kind.
    Only(MemoryKind),
}

impl DumpFilter {
    fn includes(self, memory: MemoryKind) -> bool {
        match self {
            Self::All => true,
            Self::Only(kind) => kind == memory,
        }
    }
}

/// What was printed so far.
#[derive(Default)]
struct DumpTotals {
    bytes: u32,
    blocks: u32,
}

impl<E: TraceContext, const DEPTH: usize> Trace<'_, E, DEPTH> {
    /// Prints the records that are `shown`, and the figures. `memory` says what an address is;
    /// `access` hands the trace to its argument, under whatever lock there is, for O(1) each time.
    /// Ends whatever another reader was at.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn dump(
        access: impl FnMut(&mut dyn FnMut(&mut Self)),
        shown: DumpFilter,
        memory: impl Fn(u32) -> MemoryKind,
        out: &mut dyn Write,
    ) -> Result {
        Self::dump_as(access, shown, memory, |address| address as usize, out) // widening
    }

    /// [`Trace::dump`] with the pointers that the program has for the blocks: `pointer` is asked
    /// for that of an address.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn dump_as(
        mut access: impl FnMut(&mut dyn FnMut(&mut Self)),
        shown: DumpFilter,
        memory: impl Fn(u32) -> MemoryKind,
        pointer: impl Fn(u32) -> usize,
        out: &mut dyn Write,
    ) -> Result {
        let (mut before, mut build) = (Summary::default(), None);
        access(&mut |trace| {
            before = trace.summary();
            build = trace.context.build();
            trace.rewind();
        });
        let (count, capacity) = (before.count, before.capacity);
        writeln!(
            out,
            "====== Heap Trace: {count} records ({capacity} capacity) ======"
        )?;
        if let Some(build) = build {
            writeln!(out, "program build: {build}")?;
        }
        let mut totals = DumpTotals::default();
        loop {
            let mut next = None;
            access(&mut |trace| next = trace.read());
            let Some(record) = next else { break };
            let kind = memory(record.address);
            if shown.includes(kind) {
                totals.add(&record);
                line(&record, kind, pointer(record.address), out)?;
            }
        }
        let mut after = Summary::default();
        access(&mut |trace| after = trace.summary());
        summary(&before, &after, &totals, out)
    }
}

impl DumpTotals {
    fn add<const DEPTH: usize>(&mut self, record: &Record<DEPTH>) {
        if !record.freed {
            self.bytes = self.bytes.saturating_add(record.size);
            self.blocks += 1;
        }
    }
}

fn line<const DEPTH: usize>(
    record: &Record<DEPTH>,
    memory: MemoryKind,
    pointer: usize,
    out: &mut dyn Write,
) -> Result {
    let label = match memory {
        MemoryKind::Internal => ", Internal",
        MemoryKind::External => ",    PSRAM",
        MemoryKind::Other => "",
    };
    write!(
        out,
        "{:6} bytes (@ {pointer:#x}{label}) allocated CPU {} ccount 0x{:08x}",
        record.size,
        record.core,
        record.ticks | u32::from(record.core)
    )?;
    if DEPTH > 0 {
        write!(out, " caller ")?;
        callers(&record.allocated_by, out)?;
    }
    if let Some(place) = record.caller {
        write!(out, " at {place}")?;
    }
    match (record.freed, DEPTH) {
        (false, _) => writeln!(out),
        (true, 0) => writeln!(out, " freed"),
        (true, _) => {
            write!(out, "\nfreed by ")?;
            callers(&record.freed_by, out)?;
            writeln!(out)
        }
    }
}

/// As ESP-IDF prints them: a colon remains behind the last of a list that is shorter than the
/// depth.
fn callers(stack: &[u32], out: &mut dyn Write) -> Result {
    let known = stack.iter().take_while(|&&counter| counter != 0);
    for (index, counter) in known.enumerate() {
        let colon = if index + 1 < stack.len() { ":" } else { "" };
        write!(out, "{counter:#x}{colon}")?;
    }
    Ok(())
}

fn summary(before: &Summary, after: &Summary, totals: &DumpTotals, out: &mut dyn Write) -> Result {
    let DumpTotals { bytes, blocks } = totals;
    let count = after.count;
    writeln!(out, "====== Heap Trace Summary ======")?;
    match after.mode {
        Mode::All => {
            writeln!(out, "Mode: Heap Trace All")?;
            writeln!(
                out,
                "{bytes} bytes live in trace ({blocks}/{count} allocations)"
            )?;
        }
        Mode::Leaks => {
            writeln!(out, "Mode: Heap Trace Leaks")?;
            writeln!(
                out,
                "{bytes} bytes 'leaked' in trace ({blocks} allocations)"
            )?;
        }
    }
    writeln!(
        out,
        "records: {count} ({} capacity, {} high water mark)",
        after.capacity, after.high_water_mark
    )?;
    let buckets = after.capacity.checked_ilog2().map_or(0, |bits| 1 << bits);
    let (hits, misses) = (after.hits, after.misses);
    writeln!(
        out,
        "hashmap: {buckets} capacity ({hits} hits, {misses} misses)"
    )?;
    writeln!(out, "total allocations: {}", after.total_allocations)?;
    writeln!(out, "total frees: {}", after.total_frees)?;
    if before.total_allocations != after.total_allocations {
        writeln!(
            out,
            "(NB: New entries were traced while dumping, so trace dump may have duplicate entries.)"
        )?;
    }
    if after.has_overflowed() {
        writeln!(
            out,
            "(NB: Internal Buffer has overflowed, so trace data is incomplete.)"
        )?;
    }
    writeln!(out, "================================")
}
