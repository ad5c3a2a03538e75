//! Rust code in Markdown: each block compiles as it is displayed, with the dependencies and
//! features that its document names.
//!
//! ```text
//!   README.md ── toml block with [dependencies] ──► target/documents/README/Cargo.toml
//!            └── rust block in line 31 ───────────► target/documents/README/examples/line_31.rs
//! ```
//!
//! A block without `fn main` stands in the body of one that returns a `Result`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::sources::{self, Source};
use super::tool::{self, StepError, cargo};

/// A block of code between fences.
#[derive(Debug, PartialEq, Eq)]
struct CodeBlock<'a> {
    /// The line of its first fence, from 1.
    line: usize,
    /// What stands behind the fence: `rust,no_run`.
    info: &'a str,
    code: String,
}

/// Fails if a block does not compile, or cannot be compiled as it is displayed.
pub(crate) fn check() -> Result<(), StepError> {
    let folder = folder();
    let _ = fs::remove_dir_all(folder.join("packages"));
    let mut findings = Vec::new();
    let mut members = Vec::new();
    for document in sources::with_extension("md")? {
        let blocks = blocks(&document.text);
        findings.extend(defects(&document, &blocks));
        if blocks.iter().any(CodeBlock::is_compiled) {
            members.push(package(&folder, &document, &blocks)?);
        }
    }
    sources::verdict(&findings, "blocks of code are not whole")?;
    write(&folder.join("Cargo.toml"), &workspace(&members)?)?;
    let lock = sources::root().join("Cargo.lock");
    fs::copy(&lock, folder.join("Cargo.lock")).map_err(|cause| failed(&lock, &cause))?;
    let mut command = cargo();
    command.args(["check", "--quiet", "--workspace", "--examples"]);
    command
        .arg("--manifest-path")
        .arg(folder.join("Cargo.toml"));
    command.arg("--target-dir").arg(folder.join("target"));
    tool::run(&mut command)
}

impl CodeBlock<'_> {
    fn is_rust(&self) -> bool {
        self.info.split(',').next() == Some("rust")
    }

    fn is_compiled(&self) -> bool {
        self.is_rust() && !self.info.contains("ignore")
    }

    fn names_dependencies(&self) -> bool {
        self.info == "toml" && self.code.contains("[dependencies]")
    }
}

/// Returns all blocks of a document.
fn blocks(text: &str) -> Vec<CodeBlock<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<CodeBlock<'_>> = None;
    for (line, content) in (1..).zip(text.lines()) {
        let fence = content.trim_start().strip_prefix("```");
        match (fence, open.take()) {
            (Some(info), None) => {
                open = Some(CodeBlock {
                    line,
                    info: info.trim(),
                    code: String::new(),
                });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.code.push_str(content);
                block.code.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    blocks
}

/// Returns why the blocks of a document cannot be compiled as they are displayed.
fn defects(document: &Source, blocks: &[CodeBlock<'_>]) -> Vec<String> {
    let mut defects = Vec::new();
    let mut defect = |line: usize, what: &str| {
        defects.push(format!("{}:{line}: {what}", document.path));
    };
    for block in blocks.iter().filter(|block| block.is_rust()) {
        if block.info.contains("ignore") {
            defect(block.line, "the block is not compiled");
        }
        let is_hidden = |line: &str| line.trim() == "#" || line.trim_start().starts_with("# ");
        if block.code.lines().any(is_hidden) {
            defect(block.line, "the block has a line that only rustdoc hides");
        }
    }
    let first = blocks.iter().find(|block| block.is_compiled());
    if let Some(block) = first.filter(|_| !blocks.iter().any(CodeBlock::names_dependencies)) {
        defect(
            block.line,
            "no toml block of this page names the dependencies",
        );
    }
    defects
}

/// Writes the package of a document; returns its folder's name.
fn package(
    folder: &Path,
    document: &Source,
    blocks: &[CodeBlock<'_>],
) -> Result<String, StepError> {
    let name = document
        .path
        .trim_end_matches(".md")
        .replace(['/', '.'], "-");
    let own = folder.join("packages").join(&name);
    let mut manifest = format!(
        "[package]\nname = \"{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n",
        name.to_lowercase()
    );
    let toml = blocks.iter().filter(|block| block.names_dependencies());
    toml.for_each(|block| manifest.push_str(&block.code));
    write(&own.join("Cargo.toml"), &manifest)?;
    write(&own.join("src/lib.rs"), "")?;
    for block in blocks.iter().filter(|block| block.is_compiled()) {
        let file = own.join(format!("examples/line_{}.rs", block.line));
        write(&file, &program(&block.code))?;
    }
    Ok(name)
}

/// Returns a whole program of what is displayed.
fn program(code: &str) -> String {
    if code.contains("fn main(") {
        return code.to_owned();
    }
    format!(
        "#![allow(unused)]\nfn main() -> Result<(), Box<dyn std::error::Error>> {{\n{code};\nOk(())\n}}\n"
    )
}

/// Returns the workspace of all packages, in which this repository's crates stand in for those of
/// the registry.
fn workspace(members: &[String]) -> Result<String, StepError> {
    let mut text = "[workspace]\nresolver = \"3\"\nmembers = [\n".to_owned();
    for member in members {
        let _ = writeln!(text, "    \"packages/{member}\",");
    }
    text.push_str("]\n\n[patch.crates-io]\n");
    let crates = sources::root().join("crates");
    let entries = fs::read_dir(&crates).map_err(|cause| failed(&crates, &cause))?;
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.retain(|folder| folder.join("Cargo.toml").is_file());
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let _ = writeln!(text, "{name} = {{ path = {folder:?} }}");
    }
    Ok(text)
}

fn folder() -> PathBuf {
    sources::target_folder().join("documents")
}

fn write(file: &Path, text: &str) -> Result<(), StepError> {
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder).map_err(|cause| failed(folder, &cause))?;
    fs::write(file, text).map_err(|cause| failed(file, &cause))
}

fn failed(file: &Path, cause: &std::io::Error) -> StepError {
    StepError::Failed(format!("{}: {cause}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::{blocks, defects, program};
    use crate::ci::sources::Source;

    fn found(text: &str) -> Vec<String> {
        let document = Source {
            path: "a.md".into(),
            text: text.into(),
        };
        defects(&document, &blocks(&document.text))
    }

    #[test]
    fn blocks_have_their_line_their_info_and_their_code() {
        let text = "a\n```rust,no_run\nlet b = 1;\n```\n\n```\nc\n```\n";
        let found = blocks(text);
        let found: Vec<_> = found
            .iter()
            .map(|block| (block.line, block.info, block.code.as_str()))
            .collect();
        assert_eq!(found, [(2, "rust,no_run", "let b = 1;\n"), (6, "", "c\n")]);
    }

    #[test]
    fn a_hidden_line_a_missing_dependency_and_an_ignored_block_are_defects() {
        let toml = "```toml\n[dependencies]\na = \"1\"\n```\n";
        let rust = "```rust\nlet b = 1;\n```\n";
        assert!(found(&format!("{toml}{rust}")).is_empty());
        assert_eq!(found(rust).len(), 1);
        let hidden = found(&format!("{toml}```rust\n# let b = 1;\nlet c = b;\n```\n"));
        assert_eq!(
            hidden,
            ["a.md:5: the block has a line that only rustdoc hides"]
        );
        assert_eq!(found("```rust,ignore\nb\n```\n").len(), 1);
    }

    #[test]
    fn statements_stand_in_a_main_and_programs_as_they_are() {
        assert!(program("let b = f()?;\n").contains("fn main()"));
        assert_eq!(program("fn main() {}\n"), "fn main() {}\n");
    }
}
