//! The output that docs/flash.md shows, compared with what a program prints.
//!
//! Numbers and addresses are those of one program, so `#` stands for any; `…` leaves something out;
//! what stands behind three spaces is said about a line, not printed.

use std::fs;

use super::build::root;
use crate::error::Error;

const PAGE: &str = "docs/flash.md";

/// Returns the first block of output behind `heading`, as patterns.
pub(crate) fn patterns(heading: &str) -> Result<Vec<String>, Error> {
    let page = root().join(PAGE);
    let text = fs::read_to_string(&page).map_err(|cause| Error::file(&page, cause))?;
    let block = block(&text, heading)
        .ok_or_else(|| Error::file(&page, format!("no output behind `{heading}`")))?;
    Ok(block.lines().filter_map(pattern).collect())
}

fn block<'text>(text: &'text str, heading: &str) -> Option<&'text str> {
    let (_, section) = text.split_once(&format!("\n{heading}\n"))?;
    let (_, block) = section.split_once("```text\n")?;
    Some(block.split_once("```")?.0)
}

fn pattern(line: &str) -> Option<String> {
    let printed = line.trim_end();
    let indent = printed.len() - printed.trim_start().len();
    let words = printed.trim_start();
    let words = words.split("   ").next().unwrap_or_default().trim_end();
    let is_left_out = words.is_empty() || words == "…";
    (!is_left_out).then(|| format!("{}{}", " ".repeat(indent), normal(words)))
}

/// Returns each number as `#`, hexadecimal digits included.
fn normal(line: &str) -> String {
    let words = line.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    words.map(normal_word).collect()
}

fn normal_word(word: &str) -> String {
    let digits = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit());
    if is_number {
        format!("#{}", &word[digits.len()..])
    } else {
        word.to_owned()
    }
}

/// Returns the documented lines that the program did not print, in their order.
pub(crate) fn missing(patterns: &[String], lines: &[String]) -> Vec<String> {
    let mut printed = lines.iter().map(|line| normal(line));
    let mut missing = Vec::new();
    for pattern in patterns {
        let rest = printed.clone();
        if !printed.any(|line| fits(pattern, &line)) {
            missing.push(pattern.clone());
            printed = rest;
        }
    }
    missing
}

/// Returns whether a pattern's parts between `…` stand in the line, the first at its start.
fn fits(pattern: &str, line: &str) -> bool {
    let mut rest = line;
    for (number, part) in pattern.split('…').enumerate() {
        match rest.find(part) {
            Some(at) if at == 0 || number > 0 => rest = &rest[at + part.len()..],
            _ => return false,
        }
    }
    rest.is_empty() || pattern.ends_with('…')
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Page\n### Chip\nwords\n```console\n$ run\n```\n```text\nchip, PSRAM: 4096 KiB\n  one ... ok\n  …\n\
        At 3FFAE6E0 len 00001920 (6 KiB): DRAM                   in front\n40 steps, … free 7\n```\n";

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    fn shown() -> Vec<String> {
        let block = block(PAGE, "### Chip").unwrap();
        block.lines().filter_map(pattern).collect()
    }

    #[test]
    fn numbers_and_what_is_left_out_do_not_count() {
        let printed = lines(
            "chip, PSRAM: 0 KiB\n  one ... ok\n  two ... ok\nAt 3FFBEAB4 len 00002148 (133 KiB): DRAM\n90 steps, 3 blocks; free 1",
        );
        assert!(missing(&shown(), &printed).is_empty());
    }

    #[test]
    fn a_line_that_is_gone_or_in_another_place_is_missing() {
        let printed =
            lines("  one ... ok\nchip, PSRAM: 0 KiB\nAt 3FFBEAB4 len 00002148 (133 KiB): IRAM");
        let expected = [
            "  one ... ok",
            "At # len # (# KiB): DRAM",
            "# steps, … free #",
        ];
        assert_eq!(missing(&shown(), &printed), expected);
    }
}
