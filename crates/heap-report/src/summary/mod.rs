//! Summary on one screen: peak, live blocks, owners, leaks, failures, gaps.

mod json;
mod shortage;
pub(crate) mod table;
pub(crate) mod words;

pub use json::json;
pub use words::{bytes, counted, grouped};

use std::fmt::{self, Display, Formatter, Write as _};

use crate::caught;
use crate::export::missing;
use crate::history::{History, Source};
use crate::replay::{Account, HeapSample, Leak, Replayed};
use crate::verdict::Verdict;
use table::Table;
use words::when;

/// Number of sites and failures that are listed one by one.
const SHOWN: usize = 12;
/// How many callers of a leak.
const CALLERS: usize = 3;

/// The summary of a history as text, at most about 100 columns wide but for names.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a> {
    history: &'a History,
    replayed: &'a Replayed,
}

impl<'a> Summary<'a> {
    /// Of a history, and its replay.
    #[must_use]
    pub fn new(history: &'a History, replayed: &'a Replayed) -> Summary<'a> {
        Summary { history, replayed }
    }
}

impl Display for Summary<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{}\n",
            Verdict::of(self.history, self.replayed).sentence
        )?;
        self.head(out)?;
        list("Caught by guards", &caught::lines(self.history), out)?;
        if self.history.source == Source::Image {
            self.owners(out)?;
            self.sites(out)?;
            self.blocks(out)?;
        } else if !matches!(self.history.source, Source::Printed | Source::Guard) {
            self.owners(out)?;
            self.leaks(out)?;
            self.sites(out)?;
            self.failures(out)?;
            list(
                "When memory was short",
                &shortage::lines(self.history, self.replayed),
                out,
            )?;
        }
        self.heaps(out)?;
        self.remarks(out)
    }
}

impl Summary<'_> {
    fn head(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let (history, replayed) = (self.history, self.replayed);
        let program = if history.program.is_empty() {
            "a program"
        } else {
            &history.program
        };
        let source = match history.source {
            Source::Stream => "its event stream",
            Source::Dump => "the dump of its heap trace",
            Source::Recorded => "a recording, replayed on a simulated chip",
            Source::Image => return self.image_head(out),
            Source::Guard => return writeln!(out, "{program}: the lines of its heap guard"),
            Source::Printed => {
                let summaries = counted(history.events.len() as u64, "print");
                return writeln!(
                    out,
                    "{program}: {summaries} of its heaps' figures (heap_caps_print_heap_info)"
                );
            }
        };
        writeln!(
            out,
            "{program}: {}, from {source}",
            counted(history.events.len() as u64, "event")
        )?;
        let (peak, total) = (&replayed.peak, &replayed.total);
        writeln!(
            out,
            "  peak  {} in {}, after {}{}",
            bytes(peak.bytes),
            counted(peak.blocks, "block"),
            counted(peak.event as u64, "event"),
            self.at(peak.ticks)
        )?;
        writeln!(
            out,
            "  now   {} in {}; {} and {} altogether",
            bytes(total.bytes),
            counted(total.blocks, "block"),
            counted(total.allocations, "allocation"),
            counted(total.frees, "free")
        )
    }

    fn image_head(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let total = &self.replayed.total;
        let crash = self.history.crash.as_ref();
        let is_partial =
            self.history.heaps.is_empty() || crash.is_some_and(|crash| !crash.damage.is_empty());
        writeln!(
            out,
            "{}{} in {} were live when the image of memory was taken",
            if is_partial { "at least " } else { "" },
            bytes(total.bytes),
            counted(total.blocks, "block")
        )?;
        let Some(crash) = &self.history.crash else {
            return Ok(());
        };
        write!(out, "  poisoning: {}", crash.poisoning)?;
        if let Some(refused) = crash.refused {
            write!(
                out,
                "; refused since the start: {}",
                counted(refused.into(), "request")
            )?;
        }
        writeln!(out)?;
        list("Damage", &self.history.damage().collect::<Vec<_>>(), out)?;
        list("Not in the image", &crash.missing, out)?;
        list("Failure log, the latest first", &crash.failures, out)
    }

    /// Writes the largest blocks in an image.
    fn blocks(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let mut blocks: Vec<_> = self.replayed.live.iter().collect();
        blocks.sort_by_key(|block| (std::cmp::Reverse(block.size), block.address));
        let mut table = Table::new(["address", "size", "owner", "site"]);
        let labels = self.history.labels();
        for block in blocks.iter().take(SHOWN) {
            table.row([
                format!("{:#010x}", block.address),
                words::grouped(block.size.into()),
                self.history.owner_name(block.owner),
                labels.get(block.site).cloned().unwrap_or_default(),
            ]);
        }
        write!(out, "\nThe largest blocks, in bytes\n{table}")?;
        self.and_more(blocks.len(), "block", out)
    }

    /// ` (at 0.32 s)`, nothing where no clock is known.
    fn at(&self, ticks: u64) -> String {
        match self.history.seconds(ticks) {
            Some(seconds) => format!(" (at {seconds:.3} s)"),
            None => String::new(),
        }
    }

    /// Returns a table of accounts; of an image without what happened before.
    fn accounts(&self, of: &str, accounts: &[(&Account, String)]) -> String {
        let grouped = words::grouped;
        if self.history.source == Source::Image {
            let mut table = Table::new(["now", "blocks", of]);
            for (account, name) in accounts {
                table.row([
                    grouped(account.bytes),
                    grouped(account.blocks),
                    name.clone(),
                ]);
            }
            return table.to_string();
        }
        let mut table = Table::new(["now", "blocks", "peak", "allocations", of]);
        for (account, name) in accounts {
            table.row([
                grouped(account.bytes),
                grouped(account.blocks),
                grouped(account.peak_bytes),
                grouped(account.allocations),
                name.clone(),
            ]);
        }
        table.to_string()
    }

    fn owners(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let owners = &self.replayed.owners;
        if owners.keys().all(|&owner| owner == 0) {
            return Ok(());
        }
        let mut sorted: Vec<_> = owners.iter().collect();
        sorted.sort_by_key(|(_, account)| std::cmp::Reverse(account.bytes));
        let named = sorted.into_iter();
        let named = named.map(|(owner, account)| (account, self.history.owner_name(*owner)));
        let table = self.accounts("owner", &named.collect::<Vec<_>>());
        write!(out, "\nBy owner, in bytes\n{table}")
    }

    fn leaks(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let leaks = self.replayed.leaks();
        let suspects: Vec<&Leak> = leaks.iter().filter(|leak| leak.is_suspect()).collect();
        match (suspects.len(), self.history.source) {
            (0, _) if !self.history.doubts.is_empty() => return Ok(()),
            (0, Source::Dump) => return Ok(()),
            (0, _) => return writeln!(out, "\nNo leak suspects: no place keeps more and more."),
            (_, Source::Dump) => writeln!(out, "\nNever freed while the trace ran")?,
            (_, Source::Recorded) => writeln!(
                out,
                "\nSizes of which more and more stay (no call sites are known)"
            )?,
            (_, Source::Stream | Source::Printed | Source::Image | Source::Guard) => writeln!(
                out,
                "\nLeak suspects: what they kept beyond what they free, to the end"
            )?,
        }
        let labels = self.history.labels();
        for leak in suspects.iter().take(SHOWN) {
            let label = labels.get(leak.site).map_or("unknown", String::as_str);
            self.leak(leak, label, out)?;
        }
        self.and_more(suspects.len(), "suspect", out)
    }

    fn leak(&self, leak: &Leak, label: &str, out: &mut Formatter<'_>) -> fmt::Result {
        let Some(site) = self.history.site(leak.site) else {
            return Ok(());
        };
        let sure = match self.history.source {
            Source::Dump | Source::Printed | Source::Image | Source::Guard => String::new(),
            Source::Stream | Source::Recorded => format!("{}: ", leak.sure.word()),
        };
        writeln!(
            out,
            "  {sure}{} in {}, the oldest since {}: {}{}",
            bytes(leak.account.bytes),
            counted(leak.account.blocks, "block"),
            when(self.history, leak.oldest, leak.oldest_ticks),
            label,
            self.site_and_owner(leak.site)
        )?;
        for caller in site.frames.iter().skip(1).take(CALLERS) {
            writeln!(out, "      called from {caller}")?;
        }
        Ok(())
    }

    /// ` (for sensor, web)`: on whose behalf a site's blocks are live.
    fn site_and_owner(&self, site: usize) -> String {
        let of_site = self
            .replayed
            .live
            .iter()
            .filter(|block| block.site == site && block.owner != 0);
        let mut owners: Vec<u8> = of_site.map(|block| block.owner).collect();
        owners.sort_unstable();
        owners.dedup();
        let names: Vec<String> = owners
            .iter()
            .map(|owner| self.history.owner_name(*owner))
            .collect();
        if names.is_empty() {
            String::new()
        } else {
            format!(" (for {})", names.join(", "))
        }
    }

    fn sites(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let accounts = self.replayed.sites.iter().enumerate();
        let mut used: Vec<_> = accounts
            .filter(|(_, account)| account.allocations > 0)
            .collect();
        used.sort_by_key(|(_, account)| std::cmp::Reverse((account.bytes, account.peak_bytes)));
        let labels = self.history.labels();
        let shown = used.iter().take(SHOWN).map(|(site, account)| {
            let label = labels.get(*site).cloned().unwrap_or_default();
            (*account, label)
        });
        let table = self.accounts(self.sites_are(), &shown.collect::<Vec<_>>());
        write!(out, "\nBy {}, in bytes\n{table}", self.sites_are())?;
        self.and_more(used.len(), self.sites_are(), out)
    }

    fn sites_are(&self) -> &'static str {
        match self.history.source {
            Source::Recorded => "size",
            Source::Stream | Source::Dump | Source::Printed | Source::Image | Source::Guard => {
                "site"
            }
        }
    }

    fn and_more(&self, count: usize, what: &str, out: &mut Formatter<'_>) -> fmt::Result {
        match count.checked_sub(SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => writeln!(
                out,
                "  … and {}",
                counted(more as u64, &format!("more {what}"))
            ),
        }
    }

    fn failures(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let failures = &self.replayed.failures;
        if failures.is_empty() {
            return match self.history.source {
                Source::Dump | Source::Printed | Source::Image | Source::Guard => Ok(()),
                Source::Stream | Source::Recorded => writeln!(out, "\nNo request was refused."),
            };
        }
        writeln!(
            out,
            "\nRefused: {}",
            counted(failures.len() as u64, "request")
        )?;
        for failure in failures.iter().take(SHOWN) {
            writeln!(out, "  {}", words::failure(self.history, failure))?;
        }
        self.and_more(failures.len(), "refused request", out)
    }

    fn heaps(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let samples = &self.replayed.samples;
        let Some(last) = samples.last().filter(|last| !last.heaps.is_empty()) else {
            return Ok(());
        };
        let mut table = Table::new([
            "size",
            "used",
            "free",
            "largest free",
            "fragmented",
            "at worst",
            "heap",
        ]);
        for (place, (heap, now)) in self.history.heaps.iter().zip(&last.heaps).enumerate() {
            let worst = samples
                .iter()
                .filter_map(|sample| sample.heaps.get(place))
                .map(HeapSample::fragmentation);
            table.row([
                words::grouped(heap.size.into()),
                words::grouped(now.used.into()),
                words::grouped(now.free.into()),
                words::grouped(now.largest_free.into()),
                words::percent(now.fragmentation()),
                words::percent(worst.fold(0.0, f64::max)),
                format!("{} at {:#010x}", heap.name, heap.start),
            ]);
        }
        let how = if self.history.source.is_exact() {
            "measured"
        } else {
            "rebuilt from the events: what heaps keep for themselves counts as free"
        };
        write!(out, "\nHeaps at the end, in bytes, {how}\n{table}")
    }

    fn remarks(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let mut remarks = String::new();
        for note in &self.history.notes {
            writeln!(remarks, "  {note}")?;
        }
        match missing(&self.replayed.gaps) {
            Some(missing) => writeln!(remarks, "  {missing}")?,
            None if self.history.source == Source::Image => {
                writeln!(
                    remarks,
                    "  one moment: what was freed before is not in an image"
                )?;
            }
            None => writeln!(remarks, "  nothing is missing")?,
        }
        if let restarts @ 1.. = self.replayed.restarts.len() {
            writeln!(
                remarks,
                "  the program restarted {}; only blocks of its last life count as live",
                counted(restarts as u64, "time")
            )?;
        }
        write!(out, "\nWhat this is based on\n{remarks}")
    }
}

fn list(title: &str, sentences: &[String], out: &mut Formatter<'_>) -> fmt::Result {
    if sentences.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    for line in sentences.iter().take(SHOWN) {
        writeln!(out, "  {line}")?;
    }
    match sentences.len().checked_sub(SHOWN) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(out, "  … and {more} more"),
    }
}

#[cfg(test)]
mod tests;
