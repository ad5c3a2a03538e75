//! Figures from programs that print them, in the emulator or on this machine.

use std::env;
use std::process::Command;
use std::time::Duration;

use crate::error::Error;
use crate::on_target::size::code_bytes;
use crate::on_target::{Programs, Target, run};
use esp_heap::figures::Figure;
use esp_heap::progress;
use heap_report::recorded::Trace;

use super::programs::{GROUPS, Group, Measured, PLAIN, Wanted};
use super::{esp_idf, traces};

/// A measurement takes seconds.
const TIME_LIMIT: Duration = Duration::from_secs(300);
/// What the sizes of the others are compared with.
const EMPTY: &str = "size_empty";
/// What the linked bytes of the others are compared with.
const LINKED_EMPTY: &str = "linked_empty";
/// Programs with one heap each.
const SIZED: [(&str, &str); 8] = [
    ("multi-heap", "size_multi_heap"),
    ("multi-heap light", "size_multi_heap_light"),
    ("multi-heap comprehensive", "size_multi_heap_comprehensive"),
    ("rlsf", "size_rlsf"),
    ("talc 5", "size_talc5"),
    ("talc 4", "size_talc4"),
    ("linked list", "size_linked_list"),
    ("buddy", "size_buddy"),
];

/// Metrics as the programs print them.
const METRICS: [&str; 11] = [
    "masked_max",
    "linked_bytes",
    "instructions",
    "instructions_x100",
    "instructions_max",
    "nanoseconds",
    "nanoseconds_x100",
    "nanoseconds_max",
    "blocks_in_64k",
    "control_bytes",
    "calls",
];

/// Returns the figures of a chip that are wanted; on Xtensa with ESP-IDF's.
pub(crate) fn on(target: Target, wanted: &Wanted) -> Result<Vec<Figure>, Error> {
    let mut figures = match target {
        Target::Esp32 => esp_idf::figures(),
        Target::Esp32c3 => Vec::new(),
    };
    let traces = match target {
        Target::Esp32 => traces::of_programs(wanted)?,
        Target::Esp32c3 => Vec::new(),
    };
    let groups: Vec<_> = GROUPS.iter().filter(|group| group.is_for(target)).collect();
    let bar = progress::bar("programs", groups.len() as u64);
    for group in groups {
        let measured = group.wanted(wanted);
        if !measured.is_empty() {
            let programs = built(target, group, &measured, wanted)?;
            for one in measured {
                figures.extend(of_program(&programs, one, &traces)?);
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if wanted.sizes {
        figures.extend(sizes(target, wanted)?);
    }
    figures.retain(|figure| {
        let is_known = figure.subject.starts_with(esp_idf::BARE);
        (is_known || wanted.has_allocator(&figure.subject)) && wanted.has_workload(&figure.workload)
    });
    Ok(figures)
}

/// Returns the programs of a group that measure an allocator that is wanted, and on Xtensa those
/// that count masked stretches and linked bytes.
fn built(
    target: Target,
    group: &Group,
    measured: &[&Measured],
    wanted: &Wanted,
) -> Result<Programs, Error> {
    let mut names: Vec<&str> = measured.iter().map(|one| one.program).collect();
    if target == Target::Esp32 {
        names.extend(measured.iter().filter_map(|one| one.masked));
        let linked = measured.iter().flat_map(|one| one.linked);
        let linked: Vec<&str> = linked.map(|(_, program)| *program).collect();
        names.extend(&linked);
        names.extend((!linked.is_empty()).then_some(LINKED_EMPTY));
    }
    Programs::build_with(target, &names, &group.options(wanted))
}

fn of_program(programs: &Programs, one: &Measured, traces: &[Trace]) -> Result<Vec<Figure>, Error> {
    let mut figures = costs(programs, one.program)?;
    if programs.target() != Target::Esp32 {
        return Ok(figures);
    }
    if let Some(masked) = one.masked {
        figures.extend(costs(programs, masked)?);
    }
    for (allocator, program) in one.linked {
        let empty = code_bytes(&programs.file(LINKED_EMPTY))?;
        let bytes = code_bytes(&programs.file(program))?.saturating_sub(empty);
        figures.push(Figure::new(
            *allocator,
            super::LINKED,
            "linked_bytes",
            bytes,
        ));
    }
    if one.takes_orders {
        figures.extend(traces::replayed(programs, one, traces)?);
    }
    Ok(figures)
}

fn costs(programs: &Programs, program: &str) -> Result<Vec<Figure>, Error> {
    let ended = run::run(programs, &[program], TIME_LIMIT, |_| {})?;
    match ended.code {
        Some(0) => Ok(ended.lines.iter().filter_map(|line| figure(line)).collect()),
        Some(code) => Err(Error::Failed(format!(
            "{program} ended with exit code {code}:\n{}",
            ended.lines.join("\n")
        ))),
        None => Err(Error::Failed(format!(
            "{program} was stopped after {TIME_LIMIT:?}"
        ))),
    }
}

/// Returns all figures of this machine: the same workloads, optimised, by the clock.
pub(crate) fn here() -> Result<Vec<Figure>, Error> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--release", "--package", "heap-bench"]);
    let output = command
        .args(["--example", "host"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|cause| Error::Failed(format!("cargo cannot be run: {cause}")))?;
    if !output.status.success() {
        return Err(Error::Failed(format!(
            "the measurement failed: {}",
            output.status
        )));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(figure).collect())
}

/// Reads `figure <tab> subject <tab> workload <tab> metric <tab> value`.
pub(crate) fn figure(line: &str) -> Option<Figure> {
    let mut fields = line.strip_prefix("figure\t")?.split('\t');
    let (allocator, workload, metric) = (fields.next()?, fields.next()?, fields.next()?);
    let metric = self::metric(metric)?;
    let value: u64 = fields.next()?.parse().ok()?;
    Some(Figure::new(allocator, workload, metric, value))
}

/// Returns the metric of this name.
pub(crate) fn metric(name: &str) -> Option<&'static str> {
    let mut metrics = METRICS.into_iter().chain(["code_bytes"]);
    metrics.find(|known| *known == name)
}

/// Returns the code bytes beyond those of a heap that does nothing.
fn sizes(target: Target, wanted: &Wanted) -> Result<Vec<Figure>, Error> {
    let mut names = vec![EMPTY];
    names.extend(SIZED.iter().map(|(_, program)| *program));
    let programs = Programs::build_with(target, &names, &PLAIN.options(wanted))?;
    let empty = code_bytes(&programs.file(EMPTY))?;
    let mut figures = Vec::new();
    for (allocator, program) in SIZED {
        let bytes = code_bytes(&programs.file(program))?.saturating_sub(empty);
        let workload = "malloc, aligned, free, grow";
        figures.push(Figure::new(allocator, workload, "code_bytes", bytes));
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::{Figure, figure};

    #[test]
    fn a_line_of_the_program_is_a_figure() {
        assert_eq!(
            figure("figure\trlsf\tfree 16 B\tinstructions\t108"),
            Some(Figure::new("rlsf", "free 16 B", "instructions", 108_u32))
        );
    }

    #[test]
    fn other_lines_are_not() {
        assert_eq!(figure("hello"), None);
        assert_eq!(figure("figure\trlsf\tfree 16 B\tfurlongs\t108"), None);
    }
}
