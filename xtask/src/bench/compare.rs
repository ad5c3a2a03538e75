//! Changes since an earlier run.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::measure;
use crate::error::Error;
use esp_heap::figures::Figure;

/// A figure as `--json` wrote it.
#[derive(Debug, Deserialize)]
pub(crate) struct Earlier {
    subject: String,
    workload: String,
    metric: String,
    value: u64,
}

/// Reads what `--json` wrote.
pub(crate) fn read(file: &Path) -> Result<Vec<Earlier>, Error> {
    let text = fs::read_to_string(file).map_err(|cause| Error::file(file, cause))?;
    serde_json::from_str(&text).map_err(|cause| Error::file(file, cause))
}

/// Reads what `--json` wrote, as figures to show.
pub(crate) fn read_figures(file: &Path) -> Result<Vec<Figure>, Error> {
    let figures = read(file)?.into_iter().map(|earlier| {
        let metric = measure::metric(&earlier.metric).ok_or_else(|| {
            Error::file(
                file,
                format!("{} is no metric of this command", earlier.metric),
            )
        })?;
        Ok(Figure::new(
            earlier.subject,
            earlier.workload,
            metric,
            earlier.value,
        ))
    });
    figures.collect()
}

/// Returns a line for each figure that is another one than before; one line that says so if there
/// is none.
pub(crate) fn changes(before: &[Earlier], after: &[Figure]) -> String {
    let (mut text, mut same) = (String::new(), 0);
    for figure in after {
        let earlier = before.iter().find(|earlier| is_same(earlier, figure));
        match earlier.map(|earlier| earlier.value) {
            Some(value) if value == figure.value => same += 1,
            value => {
                // Writing to a String can't fail.
                let _ = writeln!(text, "{}", change(figure, value));
            }
        }
    }
    text + &format!("{same} figures are as before\n")
}

fn is_same(earlier: &Earlier, figure: &Figure) -> bool {
    earlier.subject == figure.subject
        && earlier.workload == figure.workload
        && earlier.metric == figure.metric
}

fn change(figure: &Figure, before: Option<u64>) -> String {
    let what = format!(
        "{}: {} [{}]",
        figure.subject, figure.workload, figure.metric
    );
    match before {
        None => format!("{what}: new, {}", figure.value),
        Some(before) => {
            let percent = (figure.value as f64 / before as f64 - 1.0) * 100.0;
            format!("{what}: {before} -> {} ({percent:+.1} %)", figure.value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Earlier, changes};
    use esp_heap::figures::Figure;

    #[test]
    fn changes_are_listed_and_the_rest_is_counted() {
        let before = r#"[{"subject": "ours", "workload": "free mix", "metric": "instructions", "value": 200},
            {"subject": "ours", "workload": "grow", "metric": "instructions", "value": 7}]"#;
        let before: Vec<Earlier> = serde_json::from_str(before).unwrap();
        let after = [
            Figure::new("ours", "free mix", "instructions", 150_u32),
            Figure::new("ours", "grow", "instructions", 7_u32),
            Figure::new("ours", "many holes", "instructions", 5_u32),
        ];
        assert_eq!(
            changes(&before, &after),
            "ours: free mix [instructions]: 200 -> 150 (-25.0 %)\n\
             ours: many holes [instructions]: new, 5\n\
             1 figures are as before\n"
        );
    }
}
