//! How many instructions does one operation of each heap take?

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use crate::error::Error;
use crate::figures::{self, Figure};
use crate::on_target::{Programs, Target, run};

/// A measurement takes seconds.
const TIME_LIMIT: Duration = Duration::from_secs(300);

/// Count the instructions of single heap operations on an emulated chip
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Whose instruction set
    #[arg(long, value_enum, default_value = "esp32")]
    target: Target,
    /// Print the figures as JSON instead of the table
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let figures = measure(arguments.target)?;
    if arguments.json {
        figures::print_json(&figures)?;
    } else {
        print!("{}", table(&figures));
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(target: Target) -> Result<Vec<Figure>, Error> {
    let programs = Programs::build(target, &["bench"])?;
    let ended = run::run(&programs, &["bench"], TIME_LIMIT, |_| {})?;
    match ended.code {
        Some(0) => Ok(ended.lines.iter().filter_map(|line| figure(line)).collect()),
        Some(code) => Err(Error::Failed(format!(
            "the measurement ended with exit code {code}:\n{}",
            ended.lines.join("\n")
        ))),
        None => Err(Error::Failed(format!(
            "the measurement was stopped after {TIME_LIMIT:?}"
        ))),
    }
}

const METRICS: [&str; 4] = [
    "instructions",
    "instructions_x100",
    "instructions_max",
    "blocks_in_64k",
];

/// Reads `figure <tab> subject <tab> workload <tab> metric <tab> value`.
fn figure(line: &str) -> Option<Figure> {
    let mut fields = line.strip_prefix("figure\t")?.split('\t');
    let (subject, workload) = (fields.next()?, fields.next()?);
    let metric = fields.next()?;
    let metric = METRICS.into_iter().find(|known| *known == metric)?;
    let value: u64 = fields.next()?.parse().ok()?;
    Some(Figure::new(subject, workload, metric, value))
}

fn table(figures: &[Figure]) -> String {
    let mut rows: BTreeMap<(usize, String), Vec<String>> = BTreeMap::new();
    let mut subjects: Vec<&str> = Vec::new();
    let mut order: Vec<(&str, &str)> = Vec::new();
    for figure in figures {
        if !subjects.contains(&figure.subject.as_str()) {
            subjects.push(&figure.subject);
        }
        let key = (figure.workload.as_str(), figure.metric);
        let place = order
            .iter()
            .position(|known| *known == key)
            .unwrap_or_else(|| {
                order.push(key);
                order.len() - 1
            });
        let what = format!("{} {}", figure.workload, figure.metric);
        let value = if figure.metric.ends_with("x100") {
            format!("{:.1}", figure.value as f64 / 100.0)
        } else {
            figure.value.to_string()
        };
        rows.entry((place, what)).or_default().push(value);
    }
    let mut heads = vec!["workload".to_owned()];
    heads.extend(subjects.iter().map(|subject| (*subject).to_owned()));
    let mut table = crate::table::of_text([""]);
    table.set_header(heads);
    for ((_, what), values) in rows {
        table.add_row(std::iter::once(what).chain(values));
    }
    format!("{table}\n")
}
