//! Campaigns for people, and for machines.

use esp_heap::figures::Figure;
use esp_heap::poisoning::Poisoning;
use esp_heap::table;

use super::run::{CampaignKind, CampaignRow};

/// Returns all tables.
pub(crate) fn of(rows: &[CampaignRow]) -> String {
    let tables = [
        of_kind(
            rows,
            CampaignKind::Operations,
            "arbitrary calls, compared with a model",
            &["calls", "served", "wrong calls", "imitations", "failures"],
            &["calls", "served", "wrong_calls", "imitations"],
        ),
        of_kind(
            rows,
            CampaignKind::Damage,
            "heaps whose words change between their calls",
            &["heaps", "words", "calls", "noticed", "outside, hung"],
            &["heaps", "words", "calls", "noticed"],
        ),
        of_forgeries(rows),
    ];
    tables.into_iter().flatten().collect()
}

fn of_kind(
    rows: &[CampaignRow],
    kind: CampaignKind,
    title: &str,
    heads: &[&str],
    figures: &[&str],
) -> Option<String> {
    let rows: Vec<&CampaignRow> = rows.iter().filter(|row| row.kind == kind).collect();
    if rows.is_empty() {
        return None;
    }
    let heads = [""].into_iter().chain(heads.iter().copied());
    let mut table = table::of_heads(heads.map(str::to_owned).collect());
    for row in rows {
        let numbers = figures.iter().map(|name| row.figure(name));
        let numbers = numbers
            .chain([row.failures])
            .map(|number| number.to_string());
        let level = row.level.name().to_owned();
        table.add_row([level].into_iter().chain(numbers));
    }
    Some(format!("{title}\n{table}\n\n"))
}

/// Returns a row for what is forged, a column for each level with and without a key.
fn of_forgeries(rows: &[CampaignRow]) -> Option<String> {
    let columns: Vec<(Poisoning, bool)> = Poisoning::ALL
        .into_iter()
        .flat_map(|level| [(level, false), (level, true)])
        .filter(|&column| rows.iter().any(|row| is_of(row, column)))
        .collect();
    if columns.is_empty() {
        return None;
    }
    let head = |&(level, has_key): &(Poisoning, bool)| {
        if has_key {
            format!("{}, key", level.name())
        } else {
            level.name().to_owned()
        }
    };
    let heads = [String::new()].into_iter().chain(columns.iter().map(head));
    let mut table = table::of_heads(heads.collect());
    let mut tries = 0;
    for kind in CampaignKind::FORGERIES {
        let cell = |&column: &(Poisoning, bool)| {
            let row = rows
                .iter()
                .find(|row| row.kind == kind && is_of(row, column));
            row.map_or(String::new(), |row| {
                share(row.figure("overlaps"), row.figure("tries"))
            })
        };
        let cells: Vec<String> = columns.iter().map(cell).collect();
        if rows.iter().any(|row| row.kind == kind) {
            table.add_row([kind.name().to_owned()].into_iter().chain(cells));
        }
        let most = rows
            .iter()
            .filter(|row| row.kind == kind)
            .map(|row| row.figure("tries"));
        tries = tries.max(most.max().unwrap_or(0));
    }
    Some(format!(
        "forged headers, {tries} tries each: how many made the heap hand memory out twice\n{table}\n"
    ))
}

fn is_of(row: &CampaignRow, (level, has_key): (Poisoning, bool)) -> bool {
    CampaignKind::FORGERIES.contains(&row.kind) && row.level == level && row.has_key == has_key
}

/// `12.3 %`, or `0`.
fn share(part: u64, whole: u64) -> String {
    match (part, whole) {
        (0, 1..) => "0".to_owned(),
        (_, 0) => "failed".to_owned(),
        _ => {
            let permille = part.saturating_mul(1000).div_ceil(whole);
            format!("{}.{} %", permille / 10, permille % 10)
        }
    }
}

/// Returns every figure.
pub(crate) fn figures(rows: &[CampaignRow]) -> Vec<Figure> {
    rows.iter().flat_map(of_row).collect()
}

fn of_row(row: &CampaignRow) -> Vec<Figure> {
    const METRICS: [&str; 8] = [
        "calls",
        "served",
        "wrong_calls",
        "imitations",
        "heaps",
        "words",
        "noticed",
        "overlaps",
    ];
    let subject = if row.has_key {
        format!("{} with a key", row.level.name())
    } else {
        row.level.name().to_owned()
    };
    let figure = |metric, value| Figure::new(subject.clone(), row.kind.name(), metric, value);
    let known = METRICS
        .into_iter()
        .filter(|metric| row.figures.contains_key(*metric));
    let figures = known.map(|metric| figure(metric, row.figure(metric)));
    figures.chain([figure("failures", row.failures)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(
        kind: CampaignKind,
        level: Poisoning,
        has_key: bool,
        figures: &[(&str, u64)],
    ) -> CampaignRow {
        let mut row = CampaignRow::new(kind, level, has_key);
        let figures = figures
            .iter()
            .map(|&(name, value)| (name.to_owned(), value));
        row.figures = figures.collect();
        row
    }

    #[test]
    fn each_campaign_has_a_table_and_a_single_overlap_is_not_rounded_to_none() {
        let rows = [
            row(
                CampaignKind::Operations,
                Poisoning::None,
                false,
                &[("calls", 123_456)],
            ),
            row(
                CampaignKind::Spanning,
                Poisoning::Light,
                true,
                &[("tries", 100_000), ("overlaps", 1)],
            ),
            row(
                CampaignKind::Spanning,
                Poisoning::None,
                false,
                &[("tries", 100_000), ("overlaps", 60_000)],
            ),
        ];
        let text = of(&rows);
        assert!(
            text.contains("123456") && text.contains("light, key"),
            "{text}"
        );
        assert!(text.contains("0.1 %") && text.contains("60.0 %"), "{text}");
        assert!(!text.contains("damage"), "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
    }

    #[test]
    fn no_tries_are_no_zero() {
        assert_eq!(
            [share(0, 5), share(0, 0), share(1, 2)],
            ["0", "failed", "50.0 %"]
        );
    }
}
