//! `night`: a program in less and less memory, with and without each relief mechanism.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use comfy_table::Table;

use crate::night::ends::{self, Ends, Outcome, Program};
use crate::night::{
    self, CACHED_EVERY, CACHED_FROM, MINIMUM_PERCENT, Mechanism, Night, RESERVE_PERCENT,
    SMALL_BELOW, TIME_OUT,
};
use esp_heap::error::Error;
use esp_heap::figures::{self, Figure};
use esp_heap::{progress, say, table, traces};
use heap_report::recorded::Trace;

/// Memory in percent of what is enough, if nothing else is said.
const PERCENTS: [u32; 7] = [100, 97, 94, 91, 88, 85, 80];

/// Reduce a recorded program's memory step by step: what is refused, and what saves it
#[derive(clap::Args)]
#[command(after_help = help())]
pub(crate) struct Arguments {
    /// Trace files (plain or gzip), or folders of *.trace and *.trace.gz; default: the shipped ones
    traces: Vec<PathBuf>,
    /// Memory, in percent of the smallest heap that serves everything; falling
    #[arg(long, value_delimiter = ',', value_name = "PERCENT", default_values_t = PERCENTS,
          value_parser = clap::value_parser!(u32).range(1..=100))]
    memory: Vec<u32>,
    /// Instead of all this, find the smallest heap with blocks that live long at the other end
    #[arg(long, conflicts_with_all = ["memory", "svg"])]
    two_ends: bool,
    /// Draw the refused requests over memory into FILE
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print the figures as JSON instead of the tables
    #[arg(long)]
    json: bool,
}

fn help() -> String {
    format!(
        "Each program runs on a real heap of this project with the block layout of the chip, in \
one region. 100 % is the smallest one in which nothing is refused without any mechanism. A request \
that is refused is gone: what the program does with its block later is left out, so a program that \
was refused much asks for less. Time is counted in the program's operations.\n\n\
A trace does not say what could be dropped or who could wait; so it is assumed:\n  \
shrinkers  every {CACHED_EVERY}th block of at least {CACHED_FROM} B is a cache's, and can be \
dropped, the oldest first\n  \
waiting    a request that finds no room waits up to {TIME_OUT} operations; its task alone is held \
up, and frees the block as much later\n  \
reserve    {RESERVE_PERCENT} % of the heap are an emergency reserve\n  \
minimum    {MINIMUM_PERCENT} % of the heap are guaranteed to requests below {SMALL_BELOW} B\n\n\
--two-ends: the smallest heap that serves everything if blocks that outlive a share of the \
program's operations, as the trace itself tells, are allocated from the high end of the largest \
free block (`long`: if that would serve them anyway; `always`: whatever would), or those that do \
not (`short`), or as many by chance; and how much of the free memory lies in one piece in a heap \
of 125 % of the smallest with one end, as a mean over the program."
    )
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let traces = traces::read(&arguments.traces)?;
    if arguments.two_ends {
        return two_ends(&traces, arguments.json);
    }
    let mut percents = arguments.memory.clone();
    percents.sort_unstable_by(|a, b| b.cmp(a));
    percents.dedup();
    let cases = traces.len() * percents.len() * Mechanism::ALL.len();
    let bar = progress::bar("night", cases as u64);
    let nights = traces
        .iter()
        .map(|trace| {
            bar.set_message(trace.name.clone());
            night::night(trace, &percents, || bar.inc(1))
        })
        .collect::<Result<Vec<Night>, Error>>()?;
    bar.finish_and_clear();
    if let Some(file) = &arguments.svg {
        let picture = night::svg::Picture(&nights).to_string();
        fs::write(file, picture).map_err(|cause| Error::file(file, cause))?;
    }
    if arguments.json {
        figures::print_json(&figures_of(&nights))?;
        return Ok(ExitCode::SUCCESS);
    }
    for night in &nights {
        say!(
            "{}: {} B serve everything\n{}",
            night.name,
            night.enough,
            table(night)
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn two_ends(traces: &[Trace], as_json: bool) -> Result<ExitCode, Error> {
    let bar = progress::bar("night", (traces.len() * Ends::ALL.len()) as u64);
    let programs = traces
        .iter()
        .map(|trace| {
            bar.set_message(trace.name.clone());
            ends::measure(trace, || bar.inc(1))
        })
        .collect::<Result<Vec<Program>, Error>>()?;
    bar.finish_and_clear();
    if as_json {
        figures::print_json(&figures_of_ends(&programs))?;
        return Ok(ExitCode::SUCCESS);
    }
    let in_one_piece = |outcome: &Outcome| {
        outcome
            .in_one_piece
            .map_or("–".to_owned(), |share| format!("{share:.0} %"))
    };
    let mut smallest = table_of_ends("smallest heap");
    let mut pieces = table_of_ends("free in one piece");
    for program in &programs {
        let head = [program.name.clone(), format!("{:.1} %", program.long_lived)];
        let one_end = program.outcomes.first().map_or(0, |outcome| outcome.bytes);
        let more = |outcome: &Outcome| match outcome.ends {
            Ends::One => outcome.bytes.to_string(),
            _ => more_than(f64::from(outcome.bytes) / f64::from(one_end)),
        };
        let outcomes = &program.outcomes;
        smallest.add_row(head.iter().cloned().chain(outcomes.iter().map(more)));
        pieces.add_row(
            head.iter()
                .cloned()
                .chain(outcomes.iter().map(in_one_piece)),
        );
    }
    let real = programs.iter().filter(|program| !program.is_synthetic());
    let real: Vec<&Program> = real.collect();
    if real.len() > 1 {
        let mean = |number| match ends::mean_ratio(&real, number) {
            Some(ratio) if number > 0 => more_than(ratio),
            _ => String::new(),
        };
        let head = ["mean, real".to_owned(), String::new()];
        smallest.add_row(head.into_iter().chain((0..Ends::ALL.len()).map(mean)));
    }
    say!("{smallest}\n{pieces}")?;
    Ok(ExitCode::SUCCESS)
}

fn more_than(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

fn table_of_ends(head: &str) -> Table {
    let mut heads = vec![head.to_owned(), "live > 10 %".to_owned()];
    heads.extend(Ends::ALL.map(Ends::name));
    let mut table = table::of_heads(heads);
    table::narrow(&mut table);
    table
}

fn figures_of_ends(programs: &[Program]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for program in programs {
        for outcome in &program.outcomes {
            let subject = outcome.ends.name();
            let bytes = u64::from(outcome.bytes);
            figures.push(Figure::new(
                &subject,
                &program.name,
                "min_heap_bytes",
                bytes,
            ));
        }
    }
    figures
}

fn table(night: &Night) -> Table {
    let mut table = table::of_numbers([
        "memory, against shortage",
        "requests",
        "refused",
        "small ones",
        "first at",
        "waited",
        "longest",
        "dropped",
    ]);
    let mut percent = None;
    for row in &night.rows {
        let outcome = &row.outcome;
        let memory = if percent.replace(row.percent) == Some(row.percent) {
            String::new()
        } else {
            format!("{} %", row.percent)
        };
        let first = outcome
            .first_refusal
            .map_or("–".to_owned(), |first| first.to_string());
        let figures = [outcome.requests, outcome.refused, outcome.refused_small];
        let others = [outcome.waited, outcome.longest_wait, outcome.dropped];
        let mut cells = vec![format!("{memory:>5}  {}", row.mechanism.name())];
        cells.extend(figures.map(|figure| figure.to_string()));
        cells.push(first);
        cells.extend(others.map(|figure| figure.to_string()));
        table.add_row(cells);
    }
    table
}

fn figures_of(nights: &[Night]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for night in nights {
        for row in &night.rows {
            let subject = format!("{} at {} %", row.mechanism.name(), row.percent);
            let outcome = &row.outcome;
            for (metric, value) in [
                ("heap_bytes", row.bytes as usize),
                ("requests", outcome.requests),
                ("refused_requests", outcome.refused),
                ("refused_small_requests", outcome.refused_small),
                ("waited_requests", outcome.waited),
                ("longest_wait_operations", outcome.longest_wait),
                ("dropped_blocks", outcome.dropped),
            ] {
                figures.push(Figure::new(&subject, &night.name, metric, value as u64));
            }
        }
    }
    figures
}
