//! A comparison as text: totals, then owners and sites with the largest change first.

use std::fmt::{self, Display, Formatter};

use super::{ComparedAccount, Comparison, Figures, Pair};
use crate::summary::table::Table;
use crate::summary::words::{counted, grouped};

/// How many rows of a table are shown.
const SHOWN: usize = 20;

impl Display for Comparison {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Pair { before, after } = &self.names;
        writeln!(out, "{}\n", self.sentence())?;
        writeln!(
            out,
            "before: {before}, {}",
            counted(self.events.before, "event")
        )?;
        writeln!(
            out,
            "after:  {after}, {}\n",
            counted(self.events.after, "event")
        )?;
        write!(out, "{}", self.totals())?;
        table(out, "owner", &self.owners)?;
        table(out, "site", &self.sites)?;
        if !self.caveats.is_empty() {
            writeln!(out, "\nWhat weakens this comparison")?;
        }
        for caveat in &self.caveats {
            writeln!(out, "  {caveat}")?;
        }
        Ok(())
    }
}

impl Comparison {
    /// Returns what changed most, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Pair { before, after } = self.total;
        let change = i128::from(after.bytes) - i128::from(before.bytes);
        let live = match change {
            0 => format!(
                "As many bytes are live at the end: {}",
                grouped(after.bytes)
            ),
            _ => format!(
                "{} bytes are live at the end, {} than before",
                grouped(after.bytes),
                more_or_less(change)
            ),
        };
        let first = self.sites.first().filter(|row| row.change() != 0);
        match first {
            Some(row) => format!(
                "{live}; the largest change is {} bytes at {}.",
                signed(row.change()),
                row.name
            ),
            None => format!("{live}; no call site changed what it keeps."),
        }
    }

    fn totals(&self) -> Table<4> {
        let mut table = Table::new(["before", "after", "change", ""]);
        let Pair { before, after } = self.total;
        let mut row = |name: &str, before: u64, after: u64| {
            table.row([
                grouped(before),
                grouped(after),
                signed(i128::from(after) - i128::from(before)),
                name.to_owned(),
            ]);
        };
        row("bytes live at the end", before.bytes, after.bytes);
        row("blocks live at the end", before.blocks, after.blocks);
        row("peak of live bytes", before.peak_bytes, after.peak_bytes);
        row("allocations", before.allocations, after.allocations);
        row("refused requests", self.refused.before, self.refused.after);
        table
    }
}

fn table(out: &mut Formatter<'_>, what: &str, rows: &[ComparedAccount]) -> fmt::Result {
    let differing: Vec<&ComparedAccount> = rows.iter().filter(|row| row.differs()).collect();
    let same = rows.len() - differing.len();
    if differing.is_empty() {
        return match same {
            0 => Ok(()),
            _ => writeln!(
                out,
                "\nBy {what}: {} without a change",
                counted(same as u64, what)
            ),
        };
    }
    let mut table = Table::new(["before", "after", "change", "peak", "blocks", what]);
    for row in differing.iter().take(SHOWN) {
        let blocks = super::difference(row.before, row.after, |figures| figures.blocks);
        table.row([
            cell(row.before),
            cell(row.after),
            signed(row.change()),
            signed(row.peak_change()),
            signed(blocks),
            row.name.clone(),
        ]);
    }
    write!(out, "\nBy {what}, bytes live at the end\n{table}")?;
    let hidden = differing.len().saturating_sub(SHOWN);
    if hidden > 0 {
        writeln!(
            out,
            "  … and {} that changed less",
            counted(hidden as u64, what)
        )?;
    }
    if same > 0 {
        writeln!(
            out,
            "  … and {} without a change",
            counted(same as u64, what)
        )?;
    }
    Ok(())
}

/// Returns a side's live bytes; `–` where it never allocated.
fn cell(figures: Option<Figures>) -> String {
    figures.map_or("–".to_owned(), |figures| grouped(figures.bytes))
}

/// `+1,234`, `-5`, `0`.
fn signed(change: i128) -> String {
    let digits = grouped(u64::try_from(change.unsigned_abs()).unwrap_or(u64::MAX));
    match change {
        0 => "0".to_owned(),
        1.. => format!("+{digits}"),
        _ => format!("-{digits}"),
    }
}

fn more_or_less(change: i128) -> String {
    let digits = grouped(u64::try_from(change.unsigned_abs()).unwrap_or(u64::MAX));
    let word = if change > 0 { "more" } else { "fewer" };
    format!("{digits} {word}")
}
