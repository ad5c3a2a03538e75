//! Check that a report of what an emulated program's guards printed names the lines that write
//! where they must not, and no other.

use std::collections::BTreeSet;
use std::path::Path;

use heap_report::read::{Input, read};
use heap_report::symbols::Symbols;

use crate::error::Error;

const FILE: &str = "crates/firmware/heap-demo/src/planted.rs";
/// The source of the program with planted bugs.
const SOURCE: &str = include_str!("../../../crates/firmware/heap-demo/src/planted.rs");
/// What stands behind a line that is one.
const PLANTED: &str = "// planted: ";

/// Returns what is wrong with the report of `lines`, which `program` printed and whose ELF file is
/// `elf`; nothing if the program has no planted bugs of this kind.
pub(crate) fn not_named(
    program: &str,
    lines: &[String],
    elf: &Path,
) -> Result<Option<String>, Error> {
    if program != "guard" {
        return Ok(None);
    }
    let text = lines.join("\n") + "\n";
    let Input::History(mut history) = read(program, text.as_bytes())? else {
        return Ok(Some(
            "the lines of its guards are taken for a trace".to_owned(),
        ));
    };
    let symbols = Symbols::read(elf, Path::new(env!("CARGO_MANIFEST_DIR")))?;
    history.name_callers(|caller| symbols.frames(caller));
    let seen = history
        .caught
        .iter()
        .filter(|caught| caught.writer.is_some());
    let named: BTreeSet<String> = seen
        .map(|caught| {
            let culprit = caught.culprit(&history);
            let allocated = caught.origins(&history).into_iter().next();
            format!("{culprit}; {}", allocated.unwrap_or_default())
        })
        .collect();
    let planted = planted();
    let is_right = named.len() == planted.len()
        && named
            .iter()
            .zip(&planted)
            .all(|(named, parts)| parts.iter().all(|part| named.contains(part)));
    Ok((!is_right).then(|| {
        let named: Vec<String> = named.into_iter().collect();
        format!(
            "the report should name {planted:?} and nothing else; it names:\n{}",
            named.join("\n")
        )
    }))
}

/// Parts of what a report says of each planted bug: where it writes, in which function, who calls
/// that, and where the block is allocated. Sorted as text.
fn planted() -> Vec<[String; 4]> {
    let mut function = "";
    let mut writers = Vec::new();
    let mut lines = Vec::new();
    for (number, line) in (1_u32..).zip(SOURCE.lines()) {
        if let Some((name, _)) = line
            .strip_prefix("fn ")
            .and_then(|rest| rest.split_once(['(', '<']))
        {
            function = name;
        }
        lines.push((number, function, line));
        if line.contains(PLANTED) {
            writers.push((number, function));
        }
    }
    let of_writer = |(number, writer): (u32, &str)| {
        let call = format!("{writer}(");
        let calls = |line: &str| line.contains(&call) && !line.starts_with("fn ");
        let caller = lines.iter().find(|(_, _, line)| calls(line))?.1;
        let in_caller = |(_, function, line): &&(u32, &str, &str)| {
            *function == caller && line.contains("heap.malloc(")
        };
        let (allocation, ..) = lines.iter().find(in_caller)?;
        Some([
            format!("{FILE}:{number} "),
            format!("{writer}, called from "),
            format!("{caller}, for "),
            format!("{FILE}:{allocation}"),
        ])
    };
    let mut planted: Vec<_> = writers.into_iter().filter_map(of_writer).collect();
    planted.sort();
    planted
}

#[cfg(test)]
mod tests {
    use super::planted;

    #[test]
    fn the_source_has_the_bugs_that_it_speaks_of() {
        let planted = planted();
        let functions = planted
            .iter()
            .map(|[_, writer, caller, _]| (writer.to_owned(), caller.to_owned()))
            .collect::<Vec<_>>();
        let expected = [
            ("close, called from ", "measure, for "),
            ("shout, called from ", "greet, for "),
        ];
        assert_eq!(
            functions,
            expected.map(|(writer, caller)| (writer.to_owned(), caller.to_owned()))
        );
    }
}
