//! Figures for people: a row for each workload, a column for each heap.

use comfy_table::{CellAlignment, Table};

use super::esp_idf;
use esp_heap::figures::Figure;
use esp_heap::table;

/// Some figures of one metric, found by heap and workload.
pub(super) struct Figures<'a>(pub(super) &'a [Figure]);

impl Figures<'_> {
    pub(super) fn value(&self, allocator: &str, workload: &str, metric: &str) -> Option<u64> {
        let wanted = |figure: &&Figure| {
            figure.subject == allocator && figure.workload == workload && figure.metric == metric
        };
        self.0.iter().find(wanted).map(|figure| figure.value)
    }

    /// Returns the mean cost of one call, exact where it was counted exactly.
    pub(super) fn cost(&self, allocator: &str, workload: &str, unit: &str) -> Option<f64> {
        let exact = self.value(allocator, workload, &format!("{unit}_x100"));
        let exact = exact.map(|value| value as f64 / 100.0);
        exact.or_else(|| Some(self.value(allocator, workload, unit)? as f64))
    }

    /// Costs of malloc and free in a workload.
    pub(super) fn pair(&self, allocator: &str, name: &str, unit: &str) -> Option<[f64; 2]> {
        let malloc = self.cost(allocator, &format!("malloc {name}"), unit)?;
        Some([malloc, self.cost(allocator, &format!("free {name}"), unit)?])
    }

    fn allocators(&self) -> Vec<&str> {
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
const PAIRED: [&str; 13] = [
    "16 B",
    "64 B",
    "1024 B",
    "mix",
    "aligned 64",
    "many holes",
    "align 8",
    "with reserve",
    "12 sets",
    "12 sets, each alone",
    "32BIT",
    "EXEC",
    "SPIRAM",
];
/// Workloads of one kind of call.
const SINGLE: [&str; 6] = [
    "grow",
    "grow blocked",
    "realloc in place",
    "refused",
    "free size",
    "largest block",
];
/// The workloads that bare heaps are compared by.
pub(super) const COMPARED: [&str; 8] = [
    "16 B",
    "64 B",
    "1024 B",
    "mix",
    "aligned 64",
    "many holes",
    "grow",
    "grow blocked",
];
/// Recorded programs that every API is measured with.
pub(super) const PROGRAMS: [&str; 4] = ["fw_iot", "mqtt_client", "quickjs_app", "lvgl_ui"];
/// Rows about space, with their metric.
const SPACE: [(&str, &str); 6] = [
    ("blocks of 16", "blocks_in_64k"),
    ("blocks of 32", "blocks_in_64k"),
    ("blocks of 100", "blocks_in_64k"),
    ("64 KiB", "control_bytes"),
    ("malloc, aligned, free, grow", "code_bytes"),
    (super::LINKED, "linked_bytes"),
];

/// Allocators that belong together: a table of costs, one of ratios, one of space.
struct Section {
    heading: &'static str,
    /// The columns.
    allocators: &'static [&'static str],
    /// Whom the others are compared with, and what it is called in the heading.
    base: Option<(&'static str, &'static str)>,
}

const SECTIONS: [Section; 6] = [
    Section {
        heading: "Rust programs",
        allocators: &[
            "global allocator",
            "global allocator s",
            "esp-alloc tlsf",
            "esp-alloc llff",
            "heap-caps",
        ],
        base: Some(("esp-alloc tlsf", "esp-alloc's TLSF")),
    },
    Section {
        heading: "C programs, by capabilities",
        allocators: &[
            "c heap_caps",
            "esp-idf none",
            "esp-idf single",
            "esp-idf dual",
        ],
        base: Some(("esp-idf none", "ESP-IDF without a lock")),
    },
    Section {
        heading: "C programs, malloc",
        allocators: &[
            "c malloc",
            "esp-idf none malloc",
            "esp-idf single malloc",
            "esp-idf dual malloc",
        ],
        base: Some(("esp-idf none malloc", "ESP-IDF without a lock")),
    },
    Section {
        heading: "one heap, without a lock",
        allocators: &[
            "esp-idf",
            "c multi_heap",
            "multi-heap",
            "rlsf",
            "talc 5",
            "talc 4",
            "linked list",
            "buddy",
        ],
        base: Some((esp_idf::BARE, "ESP-IDF's C heap")),
    },
    Section {
        heading: "one heap, poisoned",
        allocators: &["multi-heap", "multi-heap light", "multi-heap comprehensive"],
        base: None,
    },
    Section {
        heading: "with an observer",
        allocators: &[
            "heap-caps",
            "trace of leaks",
            "trace with 4 callers",
            "ledger of sites and owners",
            "ledger and event stream",
        ],
        base: None,
    },
];

/// Everything, with costs in `unit` (`instructions`, `nanoseconds`).
pub(crate) fn of(figures: &[Figure], unit: &str) -> String {
    let sections = SECTIONS.iter().map(|section| section.text(figures, unit));
    let texts: Vec<String> = sections.filter(|text| !text.is_empty()).collect();
    texts.join("\n")
}

impl Section {
    /// Returns nothing where the only figures are constants, or those of the allocator that all
    /// are compared with.
    fn text(&self, figures: &[Figure], unit: &str) -> String {
        let own: Vec<Figure> = self
            .allocators
            .iter()
            .flat_map(|name| figures.iter().filter(move |figure| figure.subject == *name))
            .cloned()
            .collect();
        let figures = Figures(&own);
        let is_new = |allocator: &&str| {
            let is_shared = *allocator == self.allocators[0] && self.base.is_none();
            !is_shared && !allocator.starts_with(esp_idf::BARE)
        };
        if !figures.allocators().iter().any(is_new) {
            return String::new();
        }
        let heading = self.heading;
        let mut text = format!(
            "{heading}: {unit} of single calls\n{}\n",
            costs(&figures, unit)
        );
        if let Some((base, name)) = self
            .base
            .filter(|(base, _)| figures.allocators().contains(base))
        {
            let ratios = ratios(&figures, base, unit);
            text += &format!("\n{heading}: malloc and free together, {name} = 1\n{ratios}\n");
        }
        if figures.0.iter().any(is_about_space) {
            text += &format!("\n{heading}: space\n{}\n", space(&figures));
        }
        text
    }
}

fn is_about_space(figure: &Figure) -> bool {
    SPACE.iter().any(|(_, metric)| figure.metric == *metric)
}

/// Returns the figures of recorded programs: mean costs of each kind of call, and the worst.
pub(crate) fn of_traces(figures: &[Figure], unit: &str) -> String {
    let figures = Figures(figures);
    let mut table = headed(&figures);
    let worst = format!("{unit}_max");
    for workload in figures.workloads() {
        table.add_row(row(&figures, workload, |allocator| {
            Some(format!("{:.1}", figures.cost(allocator, workload, unit)?))
        }));
        if !workload.starts_with("calls") && !workload.starts_with("realloc") {
            table.add_row(row(&figures, &format!("  worst {workload}"), |allocator| {
                Some(figures.value(allocator, workload, &worst)?.to_string())
            }));
        }
    }
    format!("{unit} of calls in recorded programs; empty: a request was refused\n{table}\n")
}

fn headed(figures: &Figures<'_>) -> Table {
    let heads = figures.allocators().into_iter();
    let heads = heads.map(|allocator| allocator.replace(' ', "\n"));
    let mut table = table::of_numbers([""]);
    table.set_header(std::iter::once(String::new()).chain(heads));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(figures: &Figures<'_>, name: &str, cell: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let cells = figures
        .allocators()
        .into_iter()
        .map(|allocator| cell(allocator).unwrap_or_default());
    std::iter::once(name.to_owned()).chain(cells).collect()
}

/// A table with a column for each allocator.
struct Rows<'a> {
    table: Table,
    figures: &'a Figures<'a>,
}

impl<'a> Rows<'a> {
    fn new(figures: &'a Figures<'a>) -> Self {
        let table = headed(figures);
        Self { table, figures }
    }

    /// Adds a row, unless no allocator has such a figure.
    fn add(&mut self, name: &str, cell: impl Fn(&str) -> Option<String>) {
        let row = row(self.figures, name, cell);
        if row[1..].iter().any(|cell| !cell.is_empty()) {
            self.table.add_row(row);
        }
    }
}

fn costs(figures: &Figures<'_>, unit: &str) -> Table {
    let mut rows = Rows::new(figures);
    for name in PAIRED {
        rows.add(&format!("malloc + free {name}"), |allocator| {
            let [malloc, free] = figures.pair(allocator, name, unit)?;
            Some(format!("{} + {}", short(malloc), short(free)))
        });
    }
    let programs = PROGRAMS.map(|name| format!("calls {name}"));
    for name in SINGLE
        .into_iter()
        .chain(programs.iter().map(String::as_str))
    {
        rows.add(name, |allocator| {
            Some(short(figures.cost(allocator, name, unit)?))
        });
    }
    let worst = format!("{unit}_max");
    rows.add("worst of mix", |allocator| {
        let malloc = figures.value(allocator, "malloc mix", &worst)?;
        let free = figures.value(allocator, "free mix", &worst)?;
        Some(format!("{malloc} + {free}"))
    });
    rows.add("longest masked stretch", |allocator| {
        let longest = figures.value(allocator, super::ANY_CALL, "masked_max")?;
        Some(longest.to_string())
    });
    rows.table
}

pub(super) fn short(cost: f64) -> String {
    if cost.fract() == 0.0 {
        format!("{cost}")
    } else {
        format!("{cost:.1}")
    }
}

/// Costs as multiples of those of `base`; malloc and free together.
fn ratios(figures: &Figures<'_>, base: &str, unit: &str) -> Table {
    let cost = |allocator: &str, name: &str| {
        if PAIRED.contains(&name) {
            let [malloc, free] = figures.pair(allocator, name, unit)?;
            Some(malloc + free)
        } else {
            figures.cost(allocator, name, unit)
        }
    };
    let ratio = |allocator: &str, name: &str| Some(cost(allocator, name)? / cost(base, name)?);
    let programs = PROGRAMS.map(|name| format!("calls {name}"));
    let programs = programs.iter().map(String::as_str);
    let mut rows = Rows::new(figures);
    for name in PAIRED.into_iter().chain(SINGLE).chain(programs.clone()) {
        rows.add(name, |allocator| {
            Some(format!("{:.2}", ratio(allocator, name)?))
        });
    }
    rows.add("geometric mean of programs", |allocator| {
        let known: Option<Vec<f64>> = programs
            .clone()
            .map(|name| ratio(allocator, name))
            .collect();
        Some(format!("{:.3}", geometric_mean(&known?)))
    });
    let compared: Vec<&str> = COMPARED
        .into_iter()
        .filter(|name| ratio(base, name).is_some())
        .collect();
    rows.add("geometric mean of workloads", |allocator| {
        let known = compared.iter().filter_map(|name| ratio(allocator, name));
        let known: Vec<f64> = known.collect();
        // Heaps that leave out workloads have no mean to compare.
        (known.len() == compared.len()).then(|| format!("{:.3}", geometric_mean(&known)))
    });
    let worst = format!("{unit}_max");
    for call in ["malloc", "free"] {
        let workload = format!("{call} mix");
        let theirs = figures.value(base, &workload, &worst);
        rows.add(&format!("worst {call}"), |allocator| {
            let ours = figures.value(allocator, &workload, &worst)?;
            Some(format!("{:.2}", ours as f64 / theirs? as f64))
        });
    }
    rows.table
}

pub(super) fn geometric_mean(ratios: &[f64]) -> f64 {
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (logarithms / ratios.len() as f64).exp()
}

fn space(figures: &Figures<'_>) -> Table {
    let mut rows = Rows::new(figures);
    for (workload, metric) in SPACE {
        rows.add(&format!("{metric}: {workload}"), |allocator| {
            Some(figures.value(allocator, workload, metric)?.to_string())
        });
    }
    rows.table
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
            Figure::new("multi-heap", "malloc 16 B", "instructions", 80_u32),
            Figure::new("multi-heap", "free 16 B", "instructions", 120_u32),
        ];
        let text = of(&figures, "instructions");
        assert!(text.contains("80 + 120"), "{text}");
        assert!(text.contains("0.50"), "{text}");
    }

    #[test]
    fn exact_means_come_before_rounded_ones() {
        let figures = [
            Figure::new("multi-heap", "malloc mix", "instructions_x100", 15_231_u32),
            Figure::new("multi-heap", "malloc mix", "instructions", 152_u32),
            Figure::new("multi-heap", "free mix", "instructions", 99_u32),
        ];
        assert!(of(&figures, "instructions").contains("152.3 + 99"));
    }
}
