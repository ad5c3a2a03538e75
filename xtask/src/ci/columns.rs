//! Line lengths: at most 100 columns in code, comments and Markdown prose.
//!
//! Left alone are lines that cannot be broken without changing what they show: string literals,
//! code blocks and drawings between fences, tables, and a line that is a single word. Of assembly,
//! linker scripts and manifests the comments alone are measured.

use super::sources::{self, Source};
use super::tool::StepError;

const COLUMNS: usize = 100;

/// Fails if a line is too long.
pub(crate) fn check() -> Result<(), StepError> {
    let mut findings = Vec::new();
    for source in sources::with_extension("rs")? {
        findings.extend(found(&source, long_lines_of_rust(&source.text)));
    }
    for source in sources::with_extension("md")? {
        findings.extend(found(&source, long_lines_of_markdown(&source.text)));
    }
    for extension in ["c", "h", "py"] {
        for source in sources::with_extension(extension)? {
            findings.extend(found(&source, long_lines(&source.text)));
        }
    }
    for extension in ["js", "css"] {
        for source in sources::with_extension(extension)? {
            findings.extend(found(&source, long_lines_of_script(&source.text)));
        }
    }
    for extension in ["S", "x", "toml", "cmake", "yml"] {
        for source in sources::with_extension(extension)? {
            findings.extend(found(&source, long_comments(&source.text)));
        }
    }
    sources::verdict(&findings, "lines are longer than 100 columns")
}

fn found(source: &Source, lines: Vec<usize>) -> Vec<String> {
    let place = |line| format!("{}:{line}", source.path);
    lines.into_iter().map(place).collect()
}

fn is_too_long(line: &str) -> bool {
    line.chars().count() > COLUMNS && line.trim().contains(' ')
}

/// Returns the numbers of the lines that are too long, from 1.
fn long_lines(text: &str) -> Vec<usize> {
    let numbered = (1..).zip(text.lines());
    let long = numbered.filter(|(_, line)| is_too_long(line));
    long.map(|(number, _)| number).collect()
}

/// The same for scripts and styles of pages: lines without a part of a text.
fn long_lines_of_script(text: &str) -> Vec<usize> {
    let numbered = (1..).zip(text.lines());
    let has_text = |line: &str| line.contains(['"', '`', '│']);
    let long = numbered.filter(|(_, line)| is_too_long(line) && !has_text(line));
    long.map(|(number, _)| number).collect()
}

/// The same for the lines that are comments, tables in them aside.
fn long_comments(text: &str) -> Vec<usize> {
    let is_comment = |line: &str| {
        let line = line.trim_start();
        line.starts_with(['#', '*']) || line.starts_with("/*")
    };
    let is_table = |line: &str| line.trim_start().contains("   ");
    let numbered = (1..).zip(text.lines());
    let long =
        numbered.filter(|(_, line)| is_too_long(line) && is_comment(line) && !is_table(line));
    long.map(|(number, _)| number).collect()
}

/// The same for Markdown.
fn long_lines_of_markdown(text: &str) -> Vec<usize> {
    let mut fenced = false;
    let mut long = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced && is_too_long(line) && !line.trim_start().starts_with('|') {
            long.push(number);
        }
    }
    long
}

/// The same for Rust.
fn long_lines_of_rust(text: &str) -> Vec<usize> {
    let mut fenced = false;
    let mut scanner = Scanner::default();
    let mut long = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let comment = scanner.string.is_none().then(|| comment_of(line)).flatten();
        let Some(comment) = comment else {
            fenced = false;
            let has_string = scanner.has_string(line);
            if is_too_long(line) && !has_string {
                long.push(number);
            }
            continue;
        };
        if comment.starts_with("```") {
            fenced = !fenced;
        } else if !fenced && is_too_long(line) && !comment.starts_with('|') && !is_code(comment) {
            long.push(number);
        }
    }
    long
}

/// Returns whether it is one word of code, though it has spaces.
fn is_code(comment: &str) -> bool {
    comment.starts_with('`') && comment.ends_with('`') && comment.matches('`').count() == 2
}

/// Returns what a line says that is nothing but a comment.
fn comment_of(line: &str) -> Option<&str> {
    let comment = line.trim_start().strip_prefix("//")?;
    Some(comment.trim_start_matches(['/', '!']).trim())
}

/// Which lines have a part of a string literal.
#[derive(Default)]
struct Scanner {
    /// The literal that the scanner is in.
    string: Option<Literal>,
}

/// A string literal: which text ends it, and whether `\\` escapes in it.
struct Literal {
    end: String,
    is_raw: bool,
}

impl Literal {
    /// Returns the literal that begins here, and the columns of its beginning.
    fn beginning(text: &str) -> Option<(Literal, usize)> {
        let hashes = raw_hashes(text);
        if hashes.is_none() && !text.starts_with('"') {
            return None;
        }
        let literal = Literal {
            end: format!("\"{}", "#".repeat(hashes.unwrap_or(0))),
            is_raw: hashes.is_some(),
        };
        Some((literal, hashes.map_or(1, |hashes| hashes + 2)))
    }
}

impl Scanner {
    /// Returns whether the line has a string or a part of one.
    fn has_string(&mut self, line: &str) -> bool {
        let mut has_string = self.string.is_some();
        let mut rest = line;
        while let Some(next) = rest.chars().next() {
            if self.string.is_none() && rest.starts_with("//") {
                break;
            }
            let width = self.step(rest, next);
            has_string |= self.string.is_some();
            rest = rest.get(width..).unwrap_or_default();
        }
        has_string
    }

    /// Goes over the next character or delimiter; returns its width in bytes.
    fn step(&mut self, rest: &str, next: char) -> usize {
        if let Some(literal) = &self.string {
            if !literal.is_raw && next == '\\' {
                return rest.chars().take(2).map(char::len_utf8).sum();
            }
            if rest.starts_with(&literal.end) {
                let width = literal.end.len();
                self.string = None;
                return width;
            }
            return next.len_utf8();
        }
        if rest.starts_with("'\"'") {
            return 3;
        }
        match Literal::beginning(rest) {
            Some((literal, width)) => {
                self.string = Some(literal);
                width
            }
            None => next.len_utf8(),
        }
    }
}

/// Returns how many `#`s a raw string that begins here has.
fn raw_hashes(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('r')?;
    let hashes = rest.bytes().take_while(|byte| *byte == b'#').count();
    rest.get(hashes..)?.starts_with('"').then_some(hashes)
}

#[cfg(test)]
mod tests {
    use super::{
        long_comments, long_lines, long_lines_of_markdown, long_lines_of_rust, long_lines_of_script,
    };

    fn words(columns: usize) -> String {
        "word ".repeat(columns / 5)
    }

    #[test]
    fn prose_is_measured_and_tables_code_and_addresses_are_not() {
        let (fits, long) = (words(100), words(105));
        let text = format!(
            "{fits}\n{long}\n| {long} |\n```text\n{long}\n```\n{}\n{long}\n",
            "x".repeat(120)
        );
        assert_eq!(long_lines_of_markdown(&text), [2, 8]);
    }

    #[test]
    fn code_and_comments_are_measured_and_strings_and_drawings_are_not() {
        let long = words(105);
        let text = format!(
            "// {long}\n//! ```text\n//! {long}\n//! ```\nlet a = \"{long}\";\nlet b = r#\"\n{long}\n\"#;\nlet c = '\"'; {long}\nlet d = \"a\\\n{long}\\\"\n{long}\"; e();\n{long}\n"
        );
        assert_eq!(long_lines_of_rust(&text), [1, 9, 13]);
    }

    #[test]
    fn other_code_is_measured_whole_and_of_scripts_the_comments() {
        let long = words(105);
        let text = format!("/* {long}*/\nf({long});\n#   a   {long}\n# {long}\n");
        assert_eq!(long_lines(&text), [1, 2, 3, 4]);
        assert_eq!(long_comments(&text), [1, 4]);
        let text = format!("/* {long}*/\nf(`{long}`);\ng({long});\n");
        assert_eq!(long_lines_of_script(&text), [1, 3]);
    }

    #[test]
    fn columns_are_characters_not_bytes() {
        assert!(long_lines_of_markdown(&"é ".repeat(50)).is_empty());
    }
}
