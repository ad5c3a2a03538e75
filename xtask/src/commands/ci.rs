//! `ci`: every check of CI for which this machine has the tools.

use std::process::ExitCode;
use std::time::Instant;

use crate::ci::steps::{STEPS, Step};
use crate::ci::tool::StepError;
use crate::error::Error;
use esp_heap::{say, style};

/// Run what CI runs, step by step
#[derive(clap::Args)]
#[command(after_help = help())]
pub(crate) struct Arguments {
    /// Run these steps only
    #[arg(long, value_name = "STEP", value_delimiter = ',', value_parser = step_names())]
    only: Vec<String>,
    /// Leave these steps out
    #[arg(long, value_name = "STEP", value_delimiter = ',', value_parser = step_names())]
    skip: Vec<String>,
}

fn step_names() -> clap::builder::PossibleValuesParser {
    STEPS
        .iter()
        .map(|step| step.name)
        .collect::<Vec<_>>()
        .into()
}

fn help() -> String {
    let lines: String = STEPS
        .iter()
        .map(|step| format!("  {:<12}{}\n", step.name, step.about))
        .collect();
    format!(
        "Steps:\n{lines}\nA step whose tool is missing is left out, with the line that installs the tool; the exit code \
is then 3 unless a step failed (1). `.ci/run` installs the tools first."
    )
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let chosen: Vec<&Step> = STEPS
        .iter()
        .filter(|step| arguments.choose(step.name))
        .collect();
    let mut report = Report::default();
    for (index, step) in chosen.iter().enumerate() {
        say!(
            "── {} ({} of {}): {}",
            step.name,
            index + 1,
            chosen.len(),
            step.about
        )?;
        let start = Instant::now();
        let outcome = (step.run)();
        report.add(step.name, outcome, start.elapsed().as_secs_f64());
    }
    style::print(report.text())?;
    Ok(report.exit_code())
}

impl Arguments {
    fn choose(&self, step: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|name| name == step);
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }
}

/// What became of the steps, in the order they ran.
#[derive(Default)]
struct Report {
    lines: Vec<String>,
    failed: usize,
    missing: usize,
}

impl Report {
    fn add(&mut self, step: &str, outcome: Result<(), StepError>, seconds: f64) {
        let (word, remark) = match &outcome {
            Ok(()) => ("passed", String::new()),
            Err(StepError::Failed(what)) => ("FAILED", format!("  {what}")),
            Err(StepError::Missing { .. }) => ("left out", String::new()),
        };
        self.lines
            .push(format!("  {step:<12}{word:<9}{seconds:>7.1} s{remark}"));
        match outcome {
            Ok(()) => {}
            Err(StepError::Failed(_)) => self.failed += 1,
            Err(StepError::Missing { tool, remedy }) => {
                self.missing += 1;
                let error = Error::MissingTool { tool, remedy };
                self.lines.push(format!("  {:<12}{error}", ""));
            }
        }
    }

    fn text(&self) -> String {
        let closing = match (self.failed, self.missing) {
            (0, 0) => "ci: every step passed".to_owned(),
            (0, missing) => format!("ci: no step failed, {missing} left out"),
            (failed, missing) => format!("ci: {failed} failed, {missing} left out"),
        };
        format!("── summary\n{}\n{closing}\n", self.lines.join("\n"))
    }

    fn exit_code(&self) -> ExitCode {
        match (self.failed, self.missing) {
            (0, 0) => ExitCode::SUCCESS,
            (0, _) => ExitCode::from(3),
            _ => ExitCode::FAILURE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Report};
    use crate::ci::tool::StepError;

    #[test]
    fn only_and_skip_choose_the_steps() {
        let arguments = Arguments {
            only: vec!["fmt".into(), "docs".into()],
            skip: vec!["docs".into()],
        };
        assert!(arguments.choose("fmt"));
        assert!(!arguments.choose("docs"));
        assert!(!arguments.choose("clippy"));
    }

    #[test]
    fn a_failed_step_outweighs_a_missing_tool() {
        let mut report = Report::default();
        report.add(
            "fmt",
            Err(StepError::missing(
                "rustfmt",
                "rustup component add rustfmt",
            )),
            0.1,
        );
        assert!(
            report.text().ends_with("ci: no step failed, 1 left out\n"),
            "{}",
            report.text()
        );
        report.add(
            "docs",
            Err(StepError::Failed("cargo doc failed".into())),
            2.0,
        );
        assert!(
            report.text().ends_with("ci: 1 failed, 1 left out\n"),
            "{}",
            report.text()
        );
    }

    #[test]
    fn a_missing_tool_is_named_with_its_remedy() {
        let mut report = Report::default();
        report.add(
            "fmt",
            Err(StepError::missing(
                "rustfmt",
                "rustup component add rustfmt",
            )),
            0.1,
        );
        assert!(
            report
                .text()
                .contains("install it with: rustup component add rustfmt")
        );
    }
}
