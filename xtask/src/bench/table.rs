//! Figures for people: a row for each workload, a column for each heap.

use comfy_table::{CellAlignment, Table};

use super::esp_idf;
use esp_heap::figures::Figure;
use esp_heap::table;

/// Some figures of one metric, found by heap and workload.
pub(super) struct Figures<'a>(pub(super) &'a [Figure]);

impl Figures<'_> {
    pub(super) fn value(&self, subject: &str, workload: &str, metric: &str) -> Option<u64> {
        let wanted = |figure: &&Figure| {
            figure.subject == subject && figure.workload == workload && figure.metric == metric
        };
        self.0.iter().find(wanted).map(|figure| figure.value)
    }

    /// The mean cost of one call, exact where it was counted exactly.
    pub(super) fn cost(&self, subject: &str, workload: &str, unit: &str) -> Option<f64> {
        let exact = self.value(subject, workload, &format!("{unit}_x100"));
        let exact = exact.map(|value| value as f64 / 100.0);
        exact.or_else(|| Some(self.value(subject, workload, unit)? as f64))
    }

    fn subjects(&self) -> Vec<&str> {
        each_once(self.0.iter().map(|figure| figure.subject.as_str()))
    }

    fn workloads(&self) -> Vec<&str> {
        each_once(self.0.iter().map(|figure| figure.workload.as_str()))
    }
}

fn each_once<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

/// Workloads of `malloc X` and `free X`.
const PAIRED: [&str; 6] = ["16 B", "64 B", "1024 B", "mix", "aligned 64", "many holes"];
/// Workloads of one kind of call.
const SINGLE: [&str; 2] = ["grow", "grow blocked"];
/// Rows about space, with their metric.
const SPACE: [(&str, &str); 5] = [
    ("blocks of 16", "blocks_in_64k"),
    ("blocks of 32", "blocks_in_64k"),
    ("blocks of 100", "blocks_in_64k"),
    ("64 KiB", "control_bytes"),
    ("malloc, aligned, free, grow", "code_bytes"),
];

/// Our heap with poisoning, and the layers on top of it: shown apart from the peers.
const LAYERS: [&str; 4] = [
    "multi-heap light",
    "multi-heap comprehensive",
    "heap-caps",
    "global allocator",
];
/// The heaps of a chip with somebody who watches, beside those that nobody watches.
const WATCHED: [&str; 5] = [
    "heap-caps",
    "trace of leaks",
    "trace with 4 callers",
    "ledger of sites and owners",
    "ledger and event stream",
];
/// What the measurement itself costs; not shown.
const EMPTY: &str = "empty";

/// Everything, with costs in `unit` (`instructions`, `nanoseconds`).
pub(crate) fn of(figures: &[Figure], unit: &str) -> String {
    let named = |names: &[&str]| -> Vec<Figure> {
        let is_named = |figure: &&Figure| names.contains(&figure.subject.as_str());
        figures.iter().filter(is_named).cloned().collect()
    };
    let (layers, watched) = (named(&LAYERS), named(&WATCHED));
    let is_peer = |figure: &&Figure| {
        let apart = [LAYERS.as_slice(), &WATCHED, &[EMPTY]];
        !apart.concat().contains(&figure.subject.as_str())
    };
    let peers: Vec<Figure> = figures.iter().filter(is_peer).cloned().collect();
    let (peers, layers, watched) = (Figures(&peers), Figures(&layers), Figures(&watched));
    let mut text = format!("{unit} of single calls\n{}\n", costs(&peers, unit));
    if peers.subjects().contains(&esp_idf::SUBJECT) {
        let heading = "the same in relation to ESP-IDF's C heap, malloc and free together";
        text += &format!("\n{heading}\n{}\n", ratios(&peers, unit));
    }
    text += &format!("\nspace\n{}\n", space(&peers));
    if !layers.0.is_empty() {
        let heading = format!("{unit} of single calls: poisoning, routing, the lock");
        text += &format!("\n{heading}\n{}\n", costs(&layers, unit));
        text += &format!("\nspace\n{}\n", space(&layers));
    }
    if watched.subjects().len() > 1 {
        let heading = format!("{unit} of single calls: tracing");
        text += &format!("\n{heading}\n{}\n", costs(&watched, unit));
        text += &format!("\nspace\n{}\n", space(&watched));
    }
    text
}

/// Figures of recorded programs: mean costs of each kind of call, and the worst.
pub(crate) fn of_traces(figures: &[Figure], unit: &str) -> String {
    let figures = Figures(figures);
    let mut table = headed(&figures);
    let worst = format!("{unit}_max");
    for workload in figures.workloads() {
        table.add_row(row(&figures, workload, |subject| {
            Some(format!("{:.1}", figures.cost(subject, workload, unit)?))
        }));
        if !workload.starts_with("calls") && !workload.starts_with("realloc") {
            table.add_row(row(&figures, &format!("  worst {workload}"), |subject| {
                Some(figures.value(subject, workload, &worst)?.to_string())
            }));
        }
    }
    format!("{unit} of calls in recorded programs; empty: a request was refused\n{table}\n")
}

fn headed(figures: &Figures<'_>) -> Table {
    let heads = figures.subjects().into_iter();
    let heads = heads.map(|subject| subject.replace(' ', "\n"));
    let mut table = table::of_numbers([""]);
    table.set_header(std::iter::once(String::new()).chain(heads));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(figures: &Figures<'_>, name: &str, cell: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let cells = figures
        .subjects()
        .into_iter()
        .map(|subject| cell(subject).unwrap_or_default());
    std::iter::once(name.to_owned()).chain(cells).collect()
}

fn costs(figures: &Figures<'_>, unit: &str) -> Table {
    let mut table = headed(figures);
    for name in PAIRED {
        table.add_row(row(figures, &format!("malloc + free {name}"), |subject| {
            let malloc = figures.cost(subject, &format!("malloc {name}"), unit)?;
            let free = figures.cost(subject, &format!("free {name}"), unit)?;
            Some(format!("{} + {}", short(malloc), short(free)))
        }));
    }
    for name in SINGLE {
        table.add_row(row(figures, name, |subject| {
            Some(short(figures.cost(subject, name, unit)?))
        }));
    }
    let worst = format!("{unit}_max");
    table.add_row(row(figures, "worst of mix", |subject| {
        let malloc = figures.value(subject, "malloc mix", &worst)?;
        let free = figures.value(subject, "free mix", &worst)?;
        Some(format!("{malloc} + {free}"))
    }));
    table
}

pub(super) fn short(cost: f64) -> String {
    if cost.fract() == 0.0 {
        format!("{cost}")
    } else {
        format!("{cost:.1}")
    }
}

/// What one heap costs for a workload: malloc and free together.
fn together(figures: &Figures<'_>, subject: &str, name: &str, unit: &str) -> Option<f64> {
    if SINGLE.contains(&name) {
        return figures.cost(subject, name, unit);
    }
    let malloc = figures.cost(subject, &format!("malloc {name}"), unit)?;
    Some(malloc + figures.cost(subject, &format!("free {name}"), unit)?)
}

fn ratios(figures: &Figures<'_>, unit: &str) -> Table {
    let ratio = |subject: &str, name: &str| {
        let theirs = together(figures, esp_idf::SUBJECT, name, unit)?;
        Some(together(figures, subject, name, unit)? / theirs)
    };
    let names: Vec<&str> = PAIRED.into_iter().chain(SINGLE).collect();
    let mut table = headed(figures);
    for name in &names {
        if figures
            .0
            .iter()
            .any(|figure| ratio(&figure.subject, name).is_some())
        {
            table.add_row(row(figures, name, |subject| {
                Some(format!("{:.2}", ratio(subject, name)?))
            }));
        }
    }
    table.add_row(row(figures, "geometric mean", |subject| {
        let known: Vec<f64> = names
            .iter()
            .filter_map(|name| ratio(subject, name))
            .collect();
        // Heaps that leave out workloads have no mean to compare.
        (known.len() == names.len() - 1).then(|| format!("{:.3}", geometric_mean(&known)))
    }));
    for call in ["malloc", "free"] {
        let workload = format!("{call} mix");
        let metric = format!("{unit}_max");
        let theirs = figures.value(esp_idf::SUBJECT, &workload, &metric);
        table.add_row(row(figures, &format!("worst {call}"), |subject| {
            let ours = figures.value(subject, &workload, &metric)?;
            Some(format!("{:.2}", ours as f64 / theirs? as f64))
        }));
    }
    table
}

fn geometric_mean(ratios: &[f64]) -> f64 {
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (logarithms / ratios.len() as f64).exp()
}

fn space(figures: &Figures<'_>) -> Table {
    let mut table = headed(figures);
    for (workload, metric) in SPACE {
        let value = |subject: &str| figures.value(subject, workload, metric);
        let is_known = figures
            .subjects()
            .into_iter()
            .any(|subject| value(subject).is_some());
        if is_known {
            table.add_row(row(figures, &format!("{metric}: {workload}"), |subject| {
                Some(value(subject)?.to_string())
            }));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::of;
    use esp_heap::figures::Figure;

    #[test]
    fn malloc_and_free_of_a_workload_share_a_cell_and_are_compared_together() {
        let figures = [
            Figure::new("esp-idf", "malloc 16 B", "instructions", 300_u32),
            Figure::new("esp-idf", "free 16 B", "instructions", 100_u32),
            Figure::new("ours", "malloc 16 B", "instructions", 80_u32),
            Figure::new("ours", "free 16 B", "instructions", 120_u32),
        ];
        let text = of(&figures, "instructions");
        assert!(text.contains("80 + 120"), "{text}");
        assert!(text.contains("0.50"), "{text}");
    }

    #[test]
    fn exact_means_come_before_rounded_ones() {
        let figures = [
            Figure::new("ours", "malloc mix", "instructions_x100", 15_231_u32),
            Figure::new("ours", "malloc mix", "instructions", 152_u32),
            Figure::new("ours", "free mix", "instructions", 99_u32),
        ];
        assert!(of(&figures, "instructions").contains("152.3 + 99"));
    }
}
