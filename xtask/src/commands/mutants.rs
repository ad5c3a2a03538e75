//! `mutants`: mutation testing, which shows whether the tests notice wrong code.
//!
//! ```text
//!   cargo mutants            changes one operator, one value at a time and runs the crate's tests
//!   .cargo/mutants.toml      what is changed
//!   docs/mutants.md          survivors that are known, each with its reason
//!   target/mutants/CRATE/    what cargo mutants wrote: a log for each change
//!   target/mutants/CRATE/above/    the same of those that the crate's own tests missed
//! ```
//! A mutant that the tests notice is *caught*, one that does not compile is not viable. What the
//! crate's own tests miss is tried with those of the crate above it, for which some functions are
//! made. The score is the share of viable mutants that are caught or run into the time limit.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use esp_heap::{say, status};

use crate::ci::sources::{root, target_folder};
use crate::ci::tool::{self, cargo};
use crate::error::Error;

/// The crates that are worth it, each with the one above it: those without which no block is handed
/// out.
const CORE: [(&str, &str); 4] = [
    ("soc-regions", "heap-caps"),
    ("multi-heap", "heap-caps"),
    ("heap-caps", "heap-caps-alloc"),
    ("heap-caps-alloc", "heap-caps-c"),
];
/// The least score, in percent.
const LEAST: usize = 95;
const KNOWN: &str = "docs/mutants.md";

/// Change the code in thousands of small ways and see whether a test fails
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask mutants --crate multi-heap --shard 0/6   every sixth change of one crate, an hour
  cargo xtask mutants --list                           what would be changed
  cargo xtask mutants                                  the four core crates, a night

Exit code 1 when a crate's score is below 95 %, or a survivor is not in docs/mutants.md.")]
pub(crate) struct Arguments {
    /// Which crate; the four core crates if none is named
    #[arg(long = "crate", value_name = "NAME")]
    crates: Vec<String>,
    /// Print the changes, and make none
    #[arg(long)]
    list: bool,
    /// Every Nth change, from the Kth on (from 0)
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    if !tool::works(cargo().args(["mutants", "--version"])) {
        return Err(Error::MissingTool {
            tool: "cargo-mutants".to_owned(),
            remedy: "cargo install --locked cargo-mutants".to_owned(),
        });
    }
    let known = Known::read(&root().join(KNOWN))?;
    let crates = if arguments.crates.is_empty() {
        CORE.map(|(name, _)| name.to_owned()).to_vec()
    } else {
        arguments.crates.clone()
    };
    let mut passed = true;
    for name in &crates {
        let folder = target_folder().join("mutants").join(name);
        let outcome = mutate(name, arguments, &folder)?;
        if arguments.list {
            continue;
        }
        let Some(outcome) = outcome else {
            return Err(Error::Failed(format!(
                "the tests of {name} fail without a change, see {}",
                folder.display()
            )));
        };
        passed &= outcome.is_enough();
        say!("{name}: {}", outcome.summary())?;
        for survivor in known.unknown_among(&outcome.missed) {
            passed = false;
            say!("   new survivor: {survivor}")?;
        }
    }
    Ok(ExitCode::from(u8::from(!passed)))
}

/// Runs `cargo mutants` over one crate, and once more over what its own tests miss; `None` where
/// the tests fail anyway, and for a list.
fn mutate(name: &str, arguments: &Arguments, folder: &Path) -> Result<Option<Outcome>, Error> {
    let mut own = command(name);
    if let Some(shard) = &arguments.shard {
        own.args(["--sharding", "round-robin", "--shard", shard]);
    }
    if arguments.list {
        own.arg("--list");
        return outcome_of(&mut own, None);
    }
    let Some(outcome) = outcome_of(&mut own, Some(folder))? else {
        return Ok(None);
    };
    let above = CORE.into_iter().find(|(core, _)| *core == name);
    let Some((_, above)) = above.filter(|_| !outcome.missed.is_empty()) else {
        return Ok(Some(outcome));
    };
    let mut missed = command(name);
    missed.args(["--test-package", above]);
    for mutant in &outcome.missed {
        missed.args(["--file", path_of(mutant), "--re", &exactly(mutant)]);
    }
    let second = outcome_of(&mut missed, Some(&folder.join("above")))?;
    Ok(second.map(|second| outcome.followed_by(&second)))
}

fn outcome_of(command: &mut Command, folder: Option<&Path>) -> Result<Option<Outcome>, Error> {
    if let Some(folder) = folder {
        fs::create_dir_all(folder).map_err(|cause| Error::file(folder, cause))?;
        status!("mutants: {}", folder.display());
        command.args(["--no-times", "--output"]).arg(folder);
    }
    let status = command
        .status()
        .map_err(|cause| Error::Failed(format!("cargo mutants cannot be run: {cause}")))?;
    match (status.code(), folder) {
        (Some(0 | 2 | 3), Some(folder)) => Outcome::read(&folder.join("mutants.out")).map(Some),
        (Some(0 | 4), _) => Ok(None),
        _ => Err(Error::Failed(format!("cargo mutants failed: {status}"))),
    }
}

fn command(name: &str) -> Command {
    let mut command = cargo();
    command.args(["mutants", "--package", name]);
    command.current_dir(root());
    command
}

/// Returns a regular expression for one line of cargo mutants.
fn exactly(line: &str) -> String {
    let mut expression = String::from("^");
    for letter in line.chars() {
        // Behind a backslash, these two are the ends of words.
        if letter.is_ascii_punctuation() && !"<>".contains(letter) {
            expression.push('\\');
        }
        expression.push(letter);
    }
    expression + "$"
}

/// What became of the mutants of a crate.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    caught: Vec<String>,
    timeout: usize,
    missed: Vec<String>,
}

impl Outcome {
    /// Reads the lists that cargo mutants writes.
    fn read(folder: &Path) -> Result<Self, Error> {
        let lines = |name: &str| -> Result<Vec<String>, Error> {
            let path: PathBuf = folder.join(name);
            let text = fs::read_to_string(&path).map_err(|cause| Error::file(&path, cause))?;
            Ok(text.lines().map(str::to_owned).collect())
        };
        Ok(Self {
            caught: lines("caught.txt")?,
            timeout: lines("timeout.txt")?.len(),
            missed: lines("missed.txt")?,
        })
    }

    /// Counts what the tests of `second` catch of those that are missed here. It may have tried
    /// others, too: cargo mutants 27 leaves out no deletion of a field. What runs into the time
    /// limit there and not here says something of the machine, not of the tests.
    fn followed_by(mut self, second: &Self) -> Self {
        let is_caught = |mutant: &mut String| second.caught.contains(mutant);
        self.caught.extend(self.missed.extract_if(.., is_caught));
        self
    }

    fn viable(&self) -> usize {
        self.caught.len() + self.timeout + self.missed.len()
    }

    fn noticed(&self) -> usize {
        self.caught.len() + self.timeout
    }

    fn is_enough(&self) -> bool {
        self.noticed() * 100 >= self.viable() * LEAST
    }

    /// `263 viable, 223 caught, 39 missed, 1 timeout: 85.1 %`, rounded down.
    fn summary(&self) -> String {
        let permille = (self.noticed() * 1000)
            .checked_div(self.viable())
            .unwrap_or(1000);
        format!(
            "{} viable, {} caught, {} missed, {} timeout: {}.{} %",
            self.viable(),
            self.caught.len(),
            self.missed.len(),
            self.timeout,
            permille / 10,
            permille % 10
        )
    }
}

/// The survivors that are known: lines `- PATH: CHANGE`, without line and column, which move.
#[derive(Debug, Default, PartialEq, Eq)]
struct Known(BTreeSet<String>);

impl Known {
    fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|cause| Error::file(path, cause))?;
        Ok(Self::of(&text))
    }

    fn of(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.strip_prefix("- `"));
        let names = lines.filter_map(|line| line.split_once('`'));
        Self(names.map(|(name, _)| name.to_owned()).collect())
    }

    fn unknown_among<'m>(&self, missed: &'m [String]) -> Vec<&'m str> {
        let unknown = missed.iter().filter(|line| !self.0.contains(&named(line)));
        unknown.map(String::as_str).collect()
    }
}

/// `PATH:LINE:COLUMN: CHANGE` as `PATH: CHANGE`.
fn named(line: &str) -> String {
    let Some((place, change)) = line.split_once(": ") else {
        return line.to_owned();
    };
    format!("{}: {change}", path_of(place))
}

fn path_of(place: &str) -> &str {
    place.split(':').next().unwrap_or(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(caught: usize, timeout: usize, missed: usize) -> Outcome {
        let change = || String::from("a.rs:1:2: replace + with - in f");
        Outcome {
            caught: vec![change(); caught],
            timeout,
            missed: vec![change(); missed],
        }
    }

    #[test]
    fn the_score_is_of_viable_mutants_and_rounded_down() {
        let summary = outcome(223, 1, 39).summary();
        assert_eq!(
            summary,
            "263 viable, 223 caught, 39 missed, 1 timeout: 85.1 %"
        );
        assert_eq!(
            outcome(0, 0, 0).summary(),
            "0 viable, 0 caught, 0 missed, 0 timeout: 100.0 %"
        );
    }

    #[test]
    fn ninety_five_percent_are_enough_and_no_less() {
        assert!(outcome(94, 1, 5).is_enough());
        assert!(!outcome(94, 0, 5).is_enough());
        assert!(outcome(0, 0, 0).is_enough());
    }

    #[test]
    fn a_known_survivor_is_known_when_its_line_has_moved() {
        let known = Known::of(
            "# Survivors\n\n- `a.rs: replace + with - in f`: both are zero.\nReplace `x` by hand.\n",
        );
        let missed = [
            String::from("a.rs:30:7: replace + with - in f"),
            String::from("b.rs:1:2: replace + with - in f"),
        ];
        assert_eq!(known.unknown_among(&missed), [missed[1].as_str()]);
    }

    #[test]
    fn what_the_tests_above_catch_is_caught() {
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let own = Outcome {
            missed: named(&["one", "two", "three"]),
            ..outcome(40, 1, 0)
        };
        let above = Outcome {
            caught: named(&["one", "another that they tried"]),
            timeout: 1,
            missed: named(&["two"]),
        };
        let total = own.followed_by(&above);
        assert_eq!((total.viable(), total.noticed()), (44, 42));
        assert_eq!(total.missed, ["two", "three"]);
    }

    #[test]
    fn a_mutant_is_named_exactly() {
        let line = "a/b.rs:1:2: replace Heap<P>::run -> Option<u32> with Some(0)";
        assert_eq!(
            exactly(line),
            r"^a\/b\.rs\:1\:2\: replace Heap<P>\:\:run \-> Option<u32> with Some\(0\)$"
        );
    }
}
