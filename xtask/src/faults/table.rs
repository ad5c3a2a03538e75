//! Faults for people, and for machines: a table for each level, a row for each kind.

use target_suite::faults::{FaultCounts, STEP_BUDGET};

use super::run::FaultRow;
use esp_heap::figures::Figure;
use esp_heap::poisoning::Poisoning;
use esp_heap::table;

const HEADS: [&str; 13] = [
    "",
    "found",
    "at\nonce",
    "by\ncheck",
    "by\nscrub",
    "most\ncalls",
    "next\nuse",
    "harm-\nless",
    "con-\ntents",
    "missed",
    "block\nnamed",
    "owner\nnamed",
    "spread",
];

/// Returns all tables, and a line that sums them up.
pub(crate) fn of(rows: &[FaultRow]) -> String {
    let levels = Poisoning::ALL.into_iter();
    let tables = levels.filter_map(|level| {
        let rows: Vec<&FaultRow> = rows.iter().filter(|row| row.level == level).collect();
        (!rows.is_empty()).then(|| of_level(level, &rows))
    });
    let mut text: String = tables.collect();
    text += &closing_line(rows);
    text
}

fn of_level(level: Poisoning, rows: &[&FaultRow]) -> String {
    let mut table = table::of_numbers(HEADS);
    table::narrow(&mut table);
    for row in rows {
        table.add_row(cells(row));
    }
    let count = rows.first().map_or(0, |row| row.counts.faults);
    format!(
        "poisoning {}, {count} faults of each kind; named: percent of the findings\n{table}\n\n",
        level.name()
    )
}

fn cells(row: &FaultRow) -> Vec<String> {
    let FaultCounts {
        findings,
        named,
        owned,
        owner_named,
        ..
    } = row.counts;
    let counts = &row.counts;
    let share = |part: u32, whole: u32| match whole {
        0 => String::new(),
        _ => format!("{:.1}", f64::from(part) * 100.0 / f64::from(whole)),
    };
    let columns = [
        counts.found,
        counts.at_once,
        counts.check,
        counts.scrub,
        counts.scrub_calls,
        counts.next_use,
        counts.harmless,
        counts.contents,
        counts.missed,
    ];
    let columns = columns.into_iter().map(|count| match count {
        0 => String::new(),
        _ => count.to_string(),
    });
    let spread = match counts.spread {
        0 => String::new(),
        spread => spread.to_string(),
    };
    let shares = [share(named, findings), share(owner_named, owned), spread];
    std::iter::once(row.kind.name().to_owned())
        .chain(columns)
        .chain(shares)
        .collect()
}

fn closing_line(rows: &[FaultRow]) -> String {
    let sum = |count: fn(&FaultRow) -> u32| rows.iter().map(count).sum::<u32>();
    format!(
        "{} faults: the heap panicked {} times, left its memory {} times, raised {} false alarms; a scrub's call takes {STEP_BUDGET} steps\n",
        sum(|row| row.counts.faults),
        sum(|row| row.panics),
        sum(|row| row.counts.outside),
        sum(|row| row.counts.false_alarms),
    )
}

/// Returns every count, zeros too.
pub(crate) fn figures(rows: &[FaultRow]) -> Vec<Figure> {
    rows.iter().flat_map(of_row).collect()
}

fn of_row(row: &FaultRow) -> Vec<Figure> {
    let counts = row.counts;
    let counts = [
        ("faults", counts.faults),
        ("found", counts.found),
        ("refused_at_once", counts.at_once),
        ("found_by_check", counts.check),
        ("found_by_scrub", counts.scrub),
        ("scrub_calls_max", counts.scrub_calls),
        ("found_at_next_use", counts.next_use),
        ("harmless", counts.harmless),
        ("contents_only", counts.contents),
        ("missed", counts.missed),
        ("findings", counts.findings),
        ("block_named", counts.named),
        ("findings_about_live_blocks", counts.owned),
        ("owner_named", counts.owner_named),
        ("spread", counts.spread),
        ("false_alarms", counts.false_alarms),
        ("outside", counts.outside),
        ("panics", row.panics),
    ];
    let (level, kind) = (row.level.name(), row.kind.name());
    let figure = |(metric, count): (&'static str, u32)| Figure::new(level, kind, metric, count);
    counts.into_iter().map(figure).collect()
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::faults::run::FaultRow;
    use esp_heap::poisoning::Poisoning;
    use target_suite::faults::{FaultCounts, FaultKind};

    #[test]
    fn tables_fit_100_columns_with_counts_of_a_hundred_thousand_faults() {
        let counts = FaultCounts {
            faults: 99_999,
            found: 99_999,
            at_once: 9999,
            check: 99_999,
            scrub: 99_999,
            scrub_calls: 9999,
            next_use: 9999,
            harmless: 9999,
            contents: 9999,
            missed: 99_999,
            findings: 7,
            named: 7,
            owned: 7,
            owner_named: 7,
            spread: 99_999,
            ..FaultCounts::default()
        };
        let row = |kind| FaultRow {
            level: Poisoning::Comprehensive,
            kind,
            counts,
            panics: 0,
        };
        let rows: Vec<FaultRow> = FaultKind::ALL.into_iter().map(row).collect();
        let text = of(&rows);
        let table = text
            .lines()
            .filter(|line| line.starts_with(['┌', '│', '╞', '└']));
        let widest = table.map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|columns| columns <= 100), "{text}");
    }
}
