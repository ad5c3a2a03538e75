//! Faults for people, and for machines: a table for each level, a row for each kind.

use target_suite::faults::{LOOKS, Tally};

use super::run::Row;
use esp_heap::figures::Figure;
use esp_heap::poisoning::Poisoning;
use esp_heap::table;

const HEADS: [&str; 13] = [
    "",
    "found",
    "at\nonce",
    "by\ncheck",
    "by\npatrol",
    "most\ncalls",
    "next\nuse",
    "harm-\nless",
    "con-\ntents",
    "missed",
    "block\nnamed",
    "owner\nnamed",
    "spread",
];

/// All tables, and a line that sums them up.
pub(crate) fn of(rows: &[Row]) -> String {
    let levels = Poisoning::ALL.into_iter();
    let tables = levels.filter_map(|level| {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.level == level).collect();
        (!rows.is_empty()).then(|| of_level(level, &rows))
    });
    let mut text: String = tables.collect();
    text += &closing_line(rows);
    text
}

fn of_level(level: Poisoning, rows: &[&Row]) -> String {
    let mut table = table::of_numbers(HEADS);
    table::narrow(&mut table);
    for row in rows {
        table.add_row(cells(row));
    }
    let count = rows.first().map_or(0, |row| row.tally.faults);
    format!(
        "poisoning {}, {count} faults of each kind; named: percent of the findings\n{table}\n\n",
        level.name()
    )
}

fn cells(row: &Row) -> Vec<String> {
    let Tally {
        findings,
        named,
        owned,
        owner_named,
        ..
    } = row.tally;
    let tally = &row.tally;
    let share = |part: u32, whole: u32| match whole {
        0 => String::new(),
        _ => format!("{:.1}", f64::from(part) * 100.0 / f64::from(whole)),
    };
    let counts = [
        tally.found,
        tally.at_once,
        tally.check,
        tally.patrol,
        tally.patrol_calls,
        tally.next_use,
        tally.harmless,
        tally.contents,
        tally.missed,
    ];
    let counts = counts.into_iter().map(|count| match count {
        0 => String::new(),
        _ => count.to_string(),
    });
    let spread = match tally.spread {
        0 => String::new(),
        spread => spread.to_string(),
    };
    let shares = [share(named, findings), share(owner_named, owned), spread];
    std::iter::once(row.kind.name().to_owned())
        .chain(counts)
        .chain(shares)
        .collect()
}

fn closing_line(rows: &[Row]) -> String {
    let sum = |count: fn(&Row) -> u32| rows.iter().map(count).sum::<u32>();
    format!(
        "{} faults: the heap panicked {} times, left its memory {} times, raised {} false alarms; a patrol's call looks at {LOOKS} things\n",
        sum(|row| row.tally.faults),
        sum(|row| row.panics),
        sum(|row| row.tally.outside),
        sum(|row| row.tally.false_alarms),
    )
}

/// Every count, zeros too.
pub(crate) fn figures(rows: &[Row]) -> Vec<Figure> {
    rows.iter().flat_map(of_row).collect()
}

fn of_row(row: &Row) -> Vec<Figure> {
    let tally = row.tally;
    let counts = [
        ("faults", tally.faults),
        ("found", tally.found),
        ("refused_at_once", tally.at_once),
        ("found_by_check", tally.check),
        ("found_by_patrol", tally.patrol),
        ("patrol_calls_max", tally.patrol_calls),
        ("found_at_next_use", tally.next_use),
        ("harmless", tally.harmless),
        ("contents_only", tally.contents),
        ("missed", tally.missed),
        ("findings", tally.findings),
        ("block_named", tally.named),
        ("findings_about_live_blocks", tally.owned),
        ("owner_named", tally.owner_named),
        ("spread", tally.spread),
        ("false_alarms", tally.false_alarms),
        ("outside", tally.outside),
        ("panics", row.panics),
    ];
    let (level, kind) = (row.level.name(), row.kind.name());
    let figure = |(metric, count): (&'static str, u32)| Figure::new(level, kind, metric, count);
    counts.into_iter().map(figure).collect()
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::faults::run::Row;
    use esp_heap::poisoning::Poisoning;
    use target_suite::faults::{Kind, Tally};

    #[test]
    fn tables_fit_100_columns_with_counts_of_a_hundred_thousand_faults() {
        let tally = Tally {
            faults: 99_999,
            found: 99_999,
            at_once: 9999,
            check: 99_999,
            patrol: 99_999,
            patrol_calls: 9999,
            next_use: 9999,
            harmless: 9999,
            contents: 9999,
            missed: 99_999,
            findings: 7,
            named: 7,
            owned: 7,
            owner_named: 7,
            spread: 99_999,
            ..Tally::default()
        };
        let row = |kind| Row {
            level: Poisoning::Comprehensive,
            kind,
            tally,
            panics: 0,
        };
        let rows: Vec<Row> = Kind::ALL.into_iter().map(row).collect();
        let text = of(&rows);
        let table = text
            .lines()
            .filter(|line| line.starts_with(['┌', '│', '╞', '└']));
        let widest = table.map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|columns| columns <= 100), "{text}");
    }
}
