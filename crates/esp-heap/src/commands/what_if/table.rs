//! Tables of the compared variants.

use esp_heap::table;
use heap_report::what_if::Outcome;

use super::Tried;

/// Returns one row per figure, one column per variant; differences from the first in parentheses.
pub(super) fn of_figures(tried: &[Tried]) -> String {
    let mut heads = vec![String::new()];
    heads.extend(tried.iter().map(|tried| tried.name.clone()));
    let mut table = table::of_heads(heads);
    let Some(first) = tried.first().map(|tried| &tried.outcome) else {
        return String::new();
    };
    for (name, figure) in rows(first) {
        let before = figure(first);
        let cells = tried
            .iter()
            .map(|tried| difference(before, figure(&tried.outcome)));
        table.add_row(std::iter::once(name).chain(cells));
    }
    table::wrap(&mut table);
    table.to_string()
}

type FigureRow = (String, fn(&Outcome) -> u64);

fn rows(outcome: &Outcome) -> Vec<FigureRow> {
    let view = outcome.view;
    let mut rows: Vec<FigureRow> = vec![("requests refused".to_owned(), |outcome| {
        outcome.refused as u64
    })];
    if outcome.were_refused > 0 {
        rows.push((
            format!("granted of {} refused", outcome.were_refused),
            |outcome| outcome.granted as u64,
        ));
    }
    rows.extend([
        (
            format!("least free, {view}"),
            (|outcome: &Outcome| outcome.least_free.into()) as fn(&Outcome) -> u64,
        ),
        (
            "largest free block at the tightest step".to_owned(),
            |outcome| outcome.tightest.largest.into(),
        ),
        ("fragmentation at that step, %".to_owned(), |outcome| {
            outcome.tightest.fragmentation().into()
        }),
        ("tightest step".to_owned(), |outcome| {
            outcome.tightest.step as u64
        }),
        ("most bytes live".to_owned(), |outcome| outcome.peak_bytes),
        ("heap overhead at that peak".to_owned(), |outcome| {
            outcome.overhead
        }),
    ]);
    rows
}

fn difference(before: u64, after: u64) -> String {
    match after.cmp(&before) {
        std::cmp::Ordering::Equal => after.to_string(),
        std::cmp::Ordering::Greater => format!("{after} (+{})", after - before),
        std::cmp::Ordering::Less => format!("{after} (−{})", before - after),
    }
}

/// Returns one row per variant.
pub(super) fn of_variants(tried: &[Tried]) -> String {
    let mut table = table::of_numbers([
        "variant",
        "refused",
        "least free",
        "largest free, tightest",
        "overhead",
    ]);
    for tried in tried {
        let outcome = &tried.outcome;
        table.add_row([
            tried.name.clone(),
            outcome.unserved().to_string(),
            outcome.least_free.to_string(),
            outcome.tightest.largest.to_string(),
            outcome.overhead.to_string(),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn a_difference_has_its_sign() {
        assert_eq!(
            [difference(5, 5), difference(5, 7), difference(5, 2)],
            ["5", "7 (+2)", "2 (−3)"]
        );
    }
}
