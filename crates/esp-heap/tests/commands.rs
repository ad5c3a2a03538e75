//! The commands seen from outside: output, files and exit codes as their help says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where something is not as it should be, also in its helpers"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Two blocks that live at once, one that grows, one aligned.
const SMALL_TRACE: &str = "\
# heap-trace 1
# name: small
# ops: 7
a 0 1000
a 1 300
r 0 2000
m 2 64 128
f 1
r 2 40
f 2
";

/// More than the internal memory of an ESP32 can hold.
const GREEDY_TRACE: &str = "# name: greedy\na 0 3000000\na 1 100\nr 0 20\nf 0\nf 1\n";

fn esp_heap(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_esp-heap"))
        .args(arguments)
        .output()
        .unwrap()
}

/// A folder with a trace in it.
fn folder_with(trace: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("given.trace");
    fs::write(&file, trace).unwrap();
    (folder, file)
}

/// Runs `sim` on a trace, with its page in the folder of the trace.
fn sim(folder: &Path, file: &Path, more: &[&str]) -> Output {
    let (file, folder) = (file.to_str().unwrap(), folder.to_str().unwrap());
    esp_heap(&[&["sim", "--trace", file, "--out", folder][..], more].concat())
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn complained(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Vec<serde_json::Value> {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn sim_prints_the_heap_table_and_writes_the_page() {
    let (folder, file) = folder_with(SMALL_TRACE);
    let output = sim(folder.path(), &file, &[]);
    assert_eq!(code(&output), 0, "{}", complained(&output));
    let text = stdout(&output);
    assert!(
        text.contains("Initializing. RAM available for dynamic allocation:"),
        "{text}"
    );
    assert!(
        text.contains("At 3FFE4350 len 0001BCB0 (111 KiB): D/IRAM"),
        "{text}"
    );
    assert!(
        text.contains("every request was served, every byte of every block was intact"),
        "{text}"
    );
    let page = fs::read_to_string(folder.path().join("heap.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("\"trace\":\"small\""));
}

#[test]
fn sim_serves_the_same_trace_with_every_policy_poisoning_and_chip() {
    let (folder, file) = folder_with(SMALL_TRACE);
    for chip in ["esp32", "esp32-v3.0"] {
        for policy in ["idf-exact", "guaranteed"] {
            for poison in ["none", "light", "comprehensive"] {
                let more = ["--chip", chip, "--policy", policy, "--poison", poison];
                let output = sim(folder.path(), &file, &more);
                assert_eq!(code(&output), 0, "{more:?}: {}", complained(&output));
            }
        }
    }
}

#[test]
fn sim_explains_a_refused_request_in_one_sentence_and_goes_on() {
    let (folder, file) = folder_with(GREEDY_TRACE);
    let output = sim(folder.path(), &file, &[]);
    assert_eq!(code(&output), 4, "{}", complained(&output));
    let text = stdout(&output);
    assert!(text.contains("refused at operation 1: "), "{text}");
    assert!(
        text.contains("5 operations") && text.contains("1 request was refused"),
        "{text}"
    );
}

#[test]
fn sim_finds_room_for_the_same_request_in_psram() {
    let (folder, file) = folder_with(GREEDY_TRACE);
    let output = sim(folder.path(), &file, &["--psram", "4194304"]);
    assert_eq!(code(&output), 0, "{}", complained(&output));
    assert!(stdout(&output).contains("At 3F800000 len 00400000 (4096 KiB): SPIRAM"));
}

#[test]
fn sim_serves_requests_for_capabilities_and_code_memory_too() {
    let (folder, file) = folder_with(SMALL_TRACE.replace("m 2 64 128", "a 2 128").as_str());
    for caps in [
        "DMA|8BIT",
        "32bit,internal",
        "EXEC",
        "IRAM_8BIT,INTERNAL,32BIT",
    ] {
        let output = sim(folder.path(), &file, &["--caps", caps]);
        let expected = if caps.starts_with("IRAM_8BIT") { 4 } else { 0 };
        assert_eq!(
            code(&output),
            expected,
            "{caps}: {}{}",
            stdout(&output),
            complained(&output)
        );
    }
}

#[test]
fn a_reserve_keeps_memory_from_requests_that_do_not_name_it() {
    let (folder, file) = folder_with("a 0 100000\nf 0\n");
    let served = sim(folder.path(), &file, &["--reserve", "DMA=24576"]);
    assert_eq!(code(&served), 0, "{}", stdout(&served));
    let refused = sim(folder.path(), &file, &["--reserve", "DMA=250000"]);
    assert_eq!(code(&refused), 4, "{}", stdout(&refused));
    let ignored = sim(
        folder.path(),
        &file,
        &["--reserve", "DMA=250000", "--policy", "idf-exact"],
    );
    assert_eq!(code(&ignored), 0, "{}", stdout(&ignored));
}

#[test]
fn sim_gives_its_figures_as_json_and_nothing_else() {
    let (folder, file) = folder_with(SMALL_TRACE);
    let figures = json(&sim(folder.path(), &file, &["--json"]));
    let peak = figures
        .iter()
        .find(|figure| figure["metric"] == "peak_live_bytes")
        .unwrap();
    assert_eq!(
        (&peak["subject"], &peak["workload"]),
        (&"heap-caps".into(), &"small".into())
    );
    assert_eq!(peak["value"], 2428);
}

#[test]
fn minheap_finds_a_heap_between_the_peak_and_twice_of_it() {
    let (_folder, file) = folder_with(SMALL_TRACE);
    let output = esp_heap(&["minheap", file.to_str().unwrap(), "--json"]);
    assert_eq!(code(&output), 0, "{}", complained(&output));
    let figures = json(&output);
    let [figure] = figures.as_slice() else {
        panic!("{figures:?}")
    };
    assert_eq!(figure["subject"], "multi-heap");
    assert_eq!(figure["workload"], "small");
    assert_eq!(figure["metric"], "min_heap_bytes");
    let bytes = figure["value"].as_u64().unwrap();
    assert!(
        (2428..2 * 2428).contains(&bytes) && bytes % 4 == 0,
        "{bytes}"
    );
}

#[test]
fn minheap_reads_whole_folders_and_prints_a_table() {
    let (folder, _file) = folder_with(SMALL_TRACE);
    fs::write(folder.path().join("other.trace"), "a 0 5000\nf 0\n").unwrap();
    let output = esp_heap(&["minheap", folder.path().to_str().unwrap()]);
    assert_eq!(code(&output), 0, "{}", complained(&output));
    let text = stdout(&output);
    assert!(text.contains("small") && text.contains("other"), "{text}");
    assert!(text.contains("ratio to peak, geometric mean"), "{text}");
}

#[test]
fn a_file_that_is_not_there_or_not_a_trace_is_exit_code_5_with_its_name() {
    let (folder, file) = folder_with("a 0 16\nf 1\n");
    let bad = sim(folder.path(), &file, &[]);
    assert_eq!(code(&bad), 5);
    assert!(complained(&bad).contains("given.trace: line 2: block 1 is not live"));
    let missing = esp_heap(&["minheap", "no/such/file.trace.gz"]);
    assert_eq!(code(&missing), 5);
    assert!(complained(&missing).contains("no/such/file.trace.gz"));
}

#[test]
fn a_folder_that_cannot_be_made_is_exit_code_5() {
    let (_folder, file) = folder_with(SMALL_TRACE);
    let output = sim(&file, &file, &[]);
    assert_eq!(code(&output), 5, "{}", complained(&output));
}

#[test]
fn what_does_not_exist_on_the_command_line_is_exit_code_2() {
    let wrong = [
        &["sim", "--chip", "esp99"][..],
        &["sim", "--caps", "FAST"],
        &["sim", "--reserve", "DMA"],
        &["sim", "--policy", "best"],
        &["sim", "--psram", "lots"],
        &["sim", "--option", "psarm=4M"],
        &["minheap", "--poison", "heavy"],
        &["dance"],
    ];
    for arguments in wrong {
        let output = esp_heap(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", complained(&output));
        assert!(stdout(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn every_command_has_help() {
    for command in ["sim", "map", "report", "watch", "what-if", "minheap"] {
        let output = esp_heap(&[command, "--help"]);
        assert_eq!(code(&output), 0);
        assert!(stdout(&output).contains("Usage: esp-heap"), "{command}");
    }
}

/// Whatever a command has to say, nobody listens any more after the first line.
fn with_a_closed_pipe(arguments: &[&str]) -> (Option<i32>, String) {
    use std::io::{BufRead as _, BufReader, Read as _};
    let folder = tempfile::TempDir::new().unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_esp-heap"))
        .args(arguments)
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    let mut error = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut error)
        .unwrap();
    (child.wait().unwrap().code(), error)
}

#[test]
fn a_reader_that_has_seen_enough_is_no_panic() {
    for arguments in [&["sim"][..], &["what-if"], &["map", "esp32"]] {
        let (code, error) = with_a_closed_pipe(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {error}");
        assert!(!error.contains("panicked"), "{error}");
    }
}

#[test]
fn sim_looks_at_its_input_before_it_prints() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_esp-heap"))
        .args(["sim", "--trace", "/nowhere.trace"])
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(5), 0));
}

#[test]
fn a_full_disk_is_reported_and_no_panic() {
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else {
        return;
    };
    let folder = tempfile::TempDir::new().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_esp-heap"))
        .arg("sim")
        .current_dir(folder.path())
        .stdout(full)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{error}");
    assert!(error.contains("standard output"), "{error}");
}

/// Large blocks that stay for long, small ones that come and go.
fn short_night() -> String {
    let mut trace = "# name: short\n".to_owned();
    for slot in 0..8 {
        let small = slot + 1;
        trace.push_str(&format!("a {slot} 1000\na {small} 100\nf {small}\n"));
    }
    trace.push_str("f 0\nf 1\nf 2\n");
    trace
}

#[test]
fn night_shows_what_each_mechanism_saves_and_draws_it() {
    let (folder, file) = folder_with(&short_night());
    let picture = folder.path().join("night.svg");
    let (file, drawn) = (file.to_str().unwrap(), picture.to_str().unwrap());
    let output = esp_heap(&["night", file, "--memory", "100,85", "--svg", drawn]);
    assert_eq!(code(&output), 0, "{}", complained(&output));
    let text = stdout(&output);
    assert!(
        text.starts_with("short: ") && text.contains("serve everything"),
        "{text}"
    );
    for name in [
        "nothing",
        "shrinkers",
        "waiting",
        "emergency reserve",
        "minimum for small ones",
    ] {
        assert_eq!(
            text.matches(&format!("  {name} ")).count(),
            2,
            "{name}: {text}"
        );
    }
    let drawing = fs::read_to_string(&picture).unwrap();
    assert!(drawing.starts_with("<svg ") && drawing.contains("short: requests refused"));

    let output = esp_heap(&["night", file, "--memory", "85", "--json"]);
    let figures = json(&output);
    let refused = |mechanism: &str| {
        let of = |figure: &&serde_json::Value| {
            figure["subject"] == format!("{mechanism} at 85 %")
                && figure["metric"] == "refused_requests"
        };
        figures.iter().find(of).unwrap()["value"].as_u64().unwrap()
    };
    assert!(refused("shrinkers") < refused("nothing"));
    assert_eq!(refused("waiting"), 0);
}

/// A block that stays between two that go, and a large one behind.
#[test]
fn night_finds_the_smallest_heap_with_two_ends() {
    let (_folder, file) = folder_with("a 0 400\na 1 40\na 2 400\nf 0\nf 2\na 0 1000\nf 0\n");
    let file = file.to_str().unwrap();
    let output = esp_heap(&["night", file, "--two-ends"]);
    assert_eq!(code(&output), 0, "{}", complained(&output));
    let text = stdout(&output);
    assert!(
        text.contains("smallest heap") && text.contains("free in one piece"),
        "{text}"
    );
    let figures = json(&esp_heap(&["night", file, "--two-ends", "--json"]));
    let bytes = |way: &str| {
        let figure = figures.iter().find(|figure| figure["subject"] == way);
        figure.unwrap()["value"].as_u64().unwrap()
    };
    assert!(bytes("long > 50 %") + 300 < bytes("one end"), "{text}");
}

#[test]
fn night_wants_percents_of_what_is_enough() {
    let (_folder, file) = folder_with(SMALL_TRACE);
    let output = esp_heap(&["night", file.to_str().unwrap(), "--memory", "101"]);
    assert_eq!(code(&output), 2);
    assert!(complained(&output).contains("101"));
}
