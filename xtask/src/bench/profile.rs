//! Profile of one call: the emulator writes down each instruction, and they are summed by function.
//!
//! The last call that the program measures is the one: from the instruction behind `timed`'s call
//! up to the return into it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use esp_heap::table;

use super::programs::{self, Wanted};
use crate::error::Error;
use crate::on_target::{Programs, Target, run};

/// One instruction at a time.
const TIME_LIMIT: Duration = Duration::from_secs(300);
/// What measures, and what stores older register windows before.
const METER: &str = "timed";
const BEFORE: [&str; 3] = [METER, "store_windows", VECTORS];
/// Where register windows move to the stack and back.
const VECTORS: &str = "_vectors";
/// The longest name of a table.
const WIDTH: usize = 90;

/// An executed instruction: its address, and the symbol that it belongs to.
type Executed = (u32, String);

/// Returns the tables of one call of an allocator's workload.
pub(crate) fn of(allocator: &str, workload: &str) -> Result<String, Error> {
    let (group, measured, number) = programs::of_allocator(allocator).ok_or_else(|| {
        Error::Usage(format!(
            "calls of {allocator} cannot be looked at, but those of {}",
            programs::with_orders().collect::<Vec<_>>().join(", ")
        ))
    })?;
    let options = group.options(&Wanted::default());
    let programs = Programs::build_with(Target::Esp32, &[measured.program], &options)?;
    let log = programs.folder().join("steps.log");
    let number = number.to_string();
    let mut line = vec![measured.program, "single", &number];
    line.extend(workload.split(' '));
    let ended = run::stepping(&programs, &line, &log, TIME_LIMIT)?;
    if ended.code != Some(0) {
        return Err(Error::Usage(ended.lines.join("\n")));
    }
    let steps = last_call(&log)?;
    fs::remove_file(&log).map_err(|cause| Error::file(&log, cause))?;
    let symbols = steps.iter().map(|(_, symbol)| readable(symbol)).collect();
    let mut text = format!(
        "{allocator}, {workload}: {} instructions\n\n",
        steps.len() + 1
    );
    text += &by_name("instructions by function", symbols);
    let lines = source(&programs.file(measured.program), &steps)?;
    text += &by_name(
        "instructions by function of the source, inlined ones apart",
        lines,
    );
    Ok(text)
}

/// Returns the steps of the last call that was measured; what `timed` itself executes is left out.
fn last_call(log: &Path) -> Result<Vec<Executed>, Error> {
    let unreadable = |cause| Error::file(log, cause);
    let file = File::open(log).map_err(unreadable)?;
    let (mut last, mut current) = (Vec::new(), Vec::new());
    for line in BufReader::new(file).lines() {
        let Some((address, symbol)) = step(&line.map_err(unreadable)?) else {
            continue;
        };
        if symbol != METER {
            current.push((address, symbol));
            continue;
        }
        let is_call = current
            .iter()
            .any(|(_, symbol)| !BEFORE.contains(&symbol.as_str()));
        let segment = std::mem::take(&mut current);
        if is_call {
            last = segment;
        }
    }
    Ok(last)
}

/// Reads `Trace 0: 0x7feb80000100 [00000000/400dd959/00158010/ff020201] symbol`.
fn step(line: &str) -> Option<Executed> {
    let (state, symbol) = line
        .strip_prefix("Trace ")?
        .split_once('[')?
        .1
        .split_once(']')?;
    let address = u32::from_str_radix(state.split('/').nth(1)?, 16).ok()?;
    Some((address, symbol.trim().to_owned()))
}

fn readable(symbol: &str) -> String {
    match symbol {
        VECTORS => "(register windows, to the stack and back)".to_owned(),
        "" => "(no symbol)".to_owned(),
        _ => format!("{:#}", rustc_demangle::demangle(symbol)),
    }
}

/// Returns the innermost function of this project that each step belongs to, with its file, as the
/// program's line tables say.
fn source(program: &Path, steps: &[Executed]) -> Result<Vec<String>, Error> {
    let unable = |cause: std::io::Error| Error::Failed(format!("llvm-symbolizer-22: {cause}"));
    let mut addresses: Vec<u32> = steps.iter().map(|(address, _)| *address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let mut command = Command::new("llvm-symbolizer-22");
    command.arg(format!("--obj={}", program.display()));
    command.args(["--functions", "--inlines", "--demangle"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(unable)?;
    let asked: String = addresses
        .iter()
        .map(|address| format!("{address:#x}\n"))
        .collect();
    let mut input = child.stdin.take();
    let writing = std::thread::spawn(move || match &mut input {
        Some(input) => input.write_all(asked.as_bytes()),
        None => Ok(()),
    });
    let output = child.wait_with_output().map_err(unable)?;
    if let Ok(written) = writing.join() {
        written.map_err(unable)?;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let answers = text.trim_end().split("\n\n").map(innermost);
    let names: HashMap<u32, String> = addresses.into_iter().zip(answers).collect();
    let name = |(address, symbol): &Executed| match symbol.as_str() {
        VECTORS => readable(symbol),
        _ => names.get(address).cloned().unwrap_or_default(),
    };
    Ok(steps.iter().map(name).collect())
}

/// Returns the first frame that lies in this project; frames are two lines, a function and its
/// place.
fn innermost(frames: &str) -> String {
    let lines: Vec<&str> = frames.lines().collect();
    let (frames, _) = lines.as_chunks::<2>();
    let is_ours =
        |frame: &&[&str; 2]| frame[1].contains("/crates/") && !frame[1].contains("/rustlib/");
    let frame = frames.iter().find(is_ours).or(frames.first());
    let Some([function, place]) = frame else {
        return "(no line)".to_owned();
    };
    let file = place
        .rsplit_once("/crates/")
        .map_or(*place, |(_, file)| file);
    let file = file.split(':').next().unwrap_or(file);
    let function = match function.split_once('<') {
        Some((name, _)) if !name.is_empty() => name,
        _ => function,
    };
    format!("{file}  {function}")
}

/// Returns the names with how often each stands there, the most frequent first.
fn by_name(heading: &str, names: Vec<String>) -> String {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by(|(a, less), (b, more)| more.cmp(less).then(a.cmp(b)));
    let mut table = table::of_numbers([heading, ""]);
    for (name, count) in counts {
        let name: String = name.chars().take(WIDTH).collect();
        table.add_row([name, count.to_string()]);
    }
    format!("{table}\n")
}

#[cfg(test)]
mod tests {
    use super::{innermost, last_call, step};

    #[test]
    fn a_line_of_the_emulator_is_a_step() {
        let line = "Trace 0: 0x7feb80000100 [00000000/400dd959/00158010/ff020201] malloc";
        assert_eq!(step(line), Some((0x400d_d959, "malloc".to_owned())));
        assert_eq!(step("figure"), None);
    }

    #[test]
    fn the_last_call_is_what_lies_between_two_stretches_of_the_meter() {
        let symbols = [
            "main",
            "timed",
            "store_windows",
            "timed",
            "malloc",
            "timed",
            "main",
            "timed",
            "store_windows",
            "timed",
            "free",
            "_vectors",
            "timed",
            "main",
        ];
        let line = |symbol: &&str| format!("Trace 0: 0x7 [0/10/0/0] {symbol}\n");
        let text: String = symbols.iter().map(line).collect();
        let file = std::env::temp_dir().join(format!("steps-{}.log", std::process::id()));
        std::fs::write(&file, text).unwrap();
        let steps = last_call(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let found: Vec<&str> = steps.iter().map(|(_, symbol)| symbol.as_str()).collect();
        assert_eq!(found, ["free", "_vectors"]);
    }

    #[test]
    fn the_innermost_frame_of_the_project_counts() {
        let frames = "new\n/usr/lib/rustlib/src/core/mod.rs:1:2\nallocate<P>\n/home/x/crates/multi-heap/src/allocate.rs:7:1\n";
        assert_eq!(innermost(frames), "multi-heap/src/allocate.rs  allocate");
    }
}
