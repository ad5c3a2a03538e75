//! The program at the beginning of `docs/c.md`: copied, compiled and run by the lines under it, and
//! made to fail.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be"
)]

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What stands between a line of backquotes with a language and the next one.
fn block<'page>(page: &'page str, language: &str) -> &'page str {
    let opened = page.split_once(&format!("```{language}\n")).unwrap().1;
    opened.split_once("```").unwrap().0
}

fn run(program: &Path, words: &[&str]) -> (Output, String) {
    let output = Command::new(program).args(words).output().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    (output, text)
}

#[test]
fn the_guides_program_compiles_runs_and_dies_loudly_of_a_double_free() {
    let page = fs::read_to_string(workspace().join("docs/c.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("main.c"), block(&page, "c")).unwrap();
    // The page's lines, as they are: in a folder that has the repository's `crates`.
    let crates = workspace().join("crates").canonicalize().unwrap();
    symlink(crates, folder.path().join("crates")).unwrap();
    let xtask = env!("CARGO_BIN_EXE_xtask");
    let script = format!(
        "cargo() {{ shift; '{xtask}' \"$@\"; }}\n{}",
        block(&page, "sh")
    );
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", &script]).current_dir(folder.path());
    let output = shell
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    // The last line ends by `abort`: 128 and the signal's number, or the signal itself.
    let status = output.status;
    assert!(
        status.code() == Some(134) || status.signal() == Some(6),
        "{output:?}"
    );
    assert!(
        !String::from_utf8_lossy(&output.stderr).contains("warning"),
        "{output:?}"
    );
    assert_eq!(
        text.matches("internal memory that DMA reaches; ").count(),
        2,
        "{text}"
    );

    let program = folder.path().join("main");
    let (output, text) = run(&program, &[]);
    assert!(output.status.success());
    assert!(
        text.starts_with("internal memory that DMA reaches; "),
        "{text}"
    );
    assert!(
        text.ends_with("heap_caps_malloc: no 40960 bytes with capabilities 0x8\n"),
        "{text}"
    );

    let (output, text) = run(&program, &["twice"]);
    assert_eq!(output.status.signal(), Some(6), "SIGABRT: {text}");
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("heap fault: free of 0x") && last.contains("double free"),
        "{text}"
    );
    assert!(
        last.contains(", in heap_caps_free(), called from 0x"),
        "{text}"
    );
}
