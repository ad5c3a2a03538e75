//! `report` seen from outside: output, the page, exit codes.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const DUMP: &str = "\
I (312) main: dump follows
====== Heap Trace: 2 records (100 capacity) ======
    96 bytes (@ 0x3ffb3f00, Internal) allocated CPU 0 ccount 0x00001234 caller 0x400d1234:0x400d2345 at src/mqtt.rs:78:9
     8 bytes (@ 0x3ffb4000, Internal) allocated CPU 0 ccount 0x00001335 caller 0x400d4321: at src/main.rs:7:5
================================
";

struct WorkingDirectory(TempDir);

impl WorkingDirectory {
    fn new() -> WorkingDirectory {
        WorkingDirectory(TempDir::new().unwrap())
    }

    fn page(&self) -> String {
        self.0
            .path()
            .join("pages/report.html")
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let file = self.0.path().join(name);
        fs::write(&file, content).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// `report` with the page on the directory, and this on its standard input.
    fn report(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_esp-heap"))
            .args(["report", "--out", &self.page()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let fed = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        match fed {
            // It ended before it had read all: arguments that it refuses.
            Err(cause) if cause.kind() == ErrorKind::BrokenPipe => {}
            fed => fed.unwrap(),
        }
        output
    }
}

fn ended(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn without_a_file_the_shipped_firmware_is_reported() {
    let directory = WorkingDirectory::new();
    let (code, text, error) = ended(&directory.report(&[], b""));
    assert_eq!((code, error.as_str()), (0, ""));
    for line in [
        "fw_iot: 172,110 events, from a recording, replayed on a simulated chip",
        "peak  132,273 bytes",
        "By size, in bytes",
        "No request was refused.",
        "Heaps at the end, in bytes, measured",
        "nothing is missing",
    ] {
        assert!(text.contains(line), "{line}\n\n{text}");
    }
    assert!(
        fs::read_to_string(directory.page())
            .unwrap()
            .contains("<title>Heap report: fw_iot")
    );
}

#[test]
fn a_recording_is_replayed_on_the_chip_that_was_asked_for() {
    let directory = WorkingDirectory::new();
    let trace = directory.file("greedy.trace", b"a 0 3000000\na 1 100\nf 1\n");
    let (code, text, _) = ended(&directory.report(&[&trace, "--chip", "esp32c3"], b""));
    assert_eq!(code, 0);
    assert!(text.contains("on a simulated esp32c3"), "{text}");
    assert!(text.contains("Refused: 1 request"), "{text}");
    let (code, _, error) = ended(&directory.report(&[&trace, "--chip", "esp33"], b""));
    assert_eq!(code, 2);
    assert!(error.contains("did you mean esp32"), "{error}");
}

#[test]
fn a_dump_from_standard_input_names_its_lines() {
    let (code, text, _) = ended(&WorkingDirectory::new().report(&["-"], DUMP.as_bytes()));
    assert_eq!(code, 0);
    for line in [
        "from the dump of its heap trace",
        "96 bytes in 1 block, the oldest since event 0: src/mqtt.rs:78",
        "--elf PROGRAM",
    ] {
        assert!(text.contains(line), "{line}\n\n{text}");
    }
}

#[test]
fn the_first_line_is_the_verdict() {
    let (_, text, _) = ended(&WorkingDirectory::new().report(&["-"], DUMP.as_bytes()));
    assert!(
        text.starts_with("104 bytes in 2 blocks were not freed while the trace ran, most of them (96) from src/mqtt.rs:78."),
        "{text}"
    );
}

#[test]
fn what_contradicts_itself_has_no_verdict_and_exit_code_5() {
    let contradicted = DUMP.replace("==\n", "==\n200 bytes 'leaked' in trace (3 allocations)\n");
    for log in [contradicted, DUMP.replace("ccount", "clock")] {
        let (code, text, _) = ended(&WorkingDirectory::new().report(&["-"], log.as_bytes()));
        assert_eq!(code, 5, "{text}");
        assert!(
            text.starts_with("No verdict: ") && !text.contains("No leak suspects"),
            "{text}"
        );
    }
}

#[test]
fn a_log_of_which_half_is_read_has_no_verdict_and_exit_code_5() {
    let half = DUMP.replace("ccount 0x00001335", "clock 0x00001335");
    let directory = WorkingDirectory::new();
    let (code, text, _) = ended(&directory.report(&["-"], half.as_bytes()));
    assert!(
        text.starts_with("No verdict: unreadable records: 1"),
        "{text}"
    );
    assert_eq!(code, 5, "{text}");
    let before = directory.file("half.log", half.as_bytes());
    let after = directory.file("whole.log", DUMP.as_bytes());
    let (code, _, _) = ended(&directory.report(&[&before, &after], b""));
    assert_eq!(code, 5, "one side is read by half");
    let described = heap_trace_line().replace("events\t", "events\tffff00");
    let (code, text, _) = ended(&directory.report(&["-"], described.as_bytes()));
    assert!(text.starts_with("No verdict: "), "{text}");
    assert_eq!(code, 5, "{text}");
}

#[test]
fn summaries_of_heaps_never_have_a_verdict_and_that_is_no_error() {
    let log = "Heap summary for capabilities 0x00000004:\n  \
               At 0x3ffae6e0 len 6432 free 4100 allocated 1600 min_free 3900\n    \
               largest_free_block 3968 alloc_blocks 30 free_blocks 1 total_blocks 31\n";
    let (code, text, _) = ended(&WorkingDirectory::new().report(&["-"], log.as_bytes()));
    assert!(
        text.starts_with("No verdict: summaries of heaps have no blocks"),
        "{text}"
    );
    assert_eq!(code, 0, "{text}");
    // A line that cannot be read is one.
    for cut in [
        log.find("free 4100"),
        log.find("    largest"),
        log.find("alloc_blocks"),
    ] {
        let cut = &log[..cut.unwrap()];
        let (code, text, _) = ended(&WorkingDirectory::new().report(&["-"], cut.as_bytes()));
        assert!(
            text.starts_with(
                "No verdict: no summary of heap_caps_print_heap_info can be read whole"
            ),
            "{text}"
        );
        assert!(text.contains("unreadable records: 1"), "{text}");
        assert_eq!(code, 5, "{text}");
    }
}

#[test]
fn two_logs_are_compared_by_site() {
    let directory = WorkingDirectory::new();
    let before = directory.file("old.log", DUMP.as_bytes());
    let grown = DUMP
        .replace("96 bytes", "196 bytes")
        .replace("mqtt.rs:78", "mqtt.rs:80");
    let after = directory.file("new.log", grown.as_bytes());
    let (code, text, error) = ended(&directory.report(&[&before, &after], b""));
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(
        text.starts_with("204 bytes are live at the end, 100 more than before; the largest change is +100 bytes at src/mqtt.rs:80"),
        "{text}"
    );
    let limit = ["--fail-if", "live>200", "--json"];
    let (code, text, _) =
        ended(&directory.report(&[&[&*before, &*after], &limit[..]].concat(), b""));
    let object: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 9, "the limits are those of the second");
    assert_eq!(object["comparison"]["total"]["before"]["bytes"], 104);
    assert_eq!(object["comparison"]["total"]["after"]["bytes"], 204);
    let doubted = DUMP.replace("==\n", "==\n200 bytes 'leaked' in trace (3 allocations)\n");
    let doubted = directory.file("doubted.log", doubted.as_bytes());
    let (code, _, _) = ended(&directory.report(&[&doubted, &after], b""));
    assert_eq!(code, 5, "one side contradicts itself");
    let three = ["--elf", "a", "--elf", "b", "--elf", "c"];
    let (code, _, error) =
        ended(&directory.report(&[&[&*before, &*after], &three[..]].concat(), b""));
    assert_eq!(code, 2, "{error}");
}

#[test]
fn a_log_with_a_stream_and_a_dump_reports_both() {
    let stream = heap_trace_line();
    let (code, text, _) = ended(
        &WorkingDirectory::new().report(&["-"], [stream, DUMP.to_owned()].concat().as_bytes()),
    );
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("from its event stream")
            && text.contains("The same log has a trace dump, too"),
        "{text}"
    );
    assert!(text.contains("src/mqtt.rs:78"), "{text}");
}

/// An event line: 96 bytes were allocated.
fn heap_trace_line() -> String {
    let mut digits = String::new();
    let mut stream = heap_trace::Stream::new(|frame: &[u8]| {
        digits.extend(frame.iter().map(|byte| format!("{byte:02x}")));
        true
    });
    stream.emit(
        7,
        &heap_trace::Event::Allocated {
            address: 0x3FFB_0000,
            size: 96,
            site: heap_trace::SiteNumber(0),
            owner: heap_trace::Owner(0),
        },
    );
    format!("events\t{digits}\n")
}

#[test]
fn a_limit_that_is_broken_has_an_exit_code_of_its_own() {
    let directory = WorkingDirectory::new();
    let xml = directory.file("heap.xml", b"");
    let conditions = ["-", "--fail-if", "live>60K,blocks>1", "--junit", &xml];
    let (code, text, _) = ended(&directory.report(&conditions, DUMP.as_bytes()));
    assert_eq!(code, 9);
    assert!(
        text.contains("ok      live>61440: it is 104\nFAILED  blocks>1: it is 2\n"),
        "{text}"
    );
    assert!(fs::read_to_string(&xml).unwrap().contains("failures=\"1\""));
    let (code, _, _) = ended(&directory.report(&["-", "--fail-if", "live>60K"], DUMP.as_bytes()));
    assert_eq!(code, 0);
    let (code, _, error) =
        ended(&directory.report(&["-", "--fail-if", "pike>60K"], DUMP.as_bytes()));
    assert_eq!(code, 2);
    assert!(error.contains("`pike` is no figure"), "{error}");
}

#[test]
fn json_is_an_object_and_nothing_else() {
    let (code, text, _) = ended(&WorkingDirectory::new().report(&["-", "--json"], DUMP.as_bytes()));
    assert_eq!(code, 0);
    let text: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(text["total"]["bytes"], 104);
    assert_eq!(text["leaks"][0]["site"]["line"], 78);
}

#[test]
fn input_without_heap_data_is_refused_with_what_was_looked_for() {
    let directory = WorkingDirectory::new();
    let log = directory.file("boot.log", b"I (10) boot: hello\n");
    let (code, _, error) = ended(&directory.report(&[&log], b""));
    assert_eq!(code, 5);
    assert!(error.contains("boot.log: no heap data found"), "{error}");
    let (code, _, error) = ended(&directory.report(&["/nowhere.log"], b""));
    assert_eq!((code, error.contains("/nowhere.log")), (5, true), "{error}");
}

#[test]
fn an_elf_file_that_is_none_is_refused() {
    let directory = WorkingDirectory::new();
    let (log, elf) = (
        directory.file("dump.log", DUMP.as_bytes()),
        directory.file("app.bin", b"\xE9\x06"),
    );
    let (code, _, error) = ended(&directory.report(&[&log, "--elf", &elf], b""));
    assert_eq!(code, 5);
    assert!(error.contains("this is no ELF file"), "{error}");
    let mut of_arm = std::fs::read(env!("CARGO_BIN_EXE_esp-heap")).unwrap();
    of_arm[18] = 40; // e_machine, the low byte
    let elf = directory.file("app.elf", &of_arm);
    let (code, _, error) = ended(&directory.report(&[&log, "--elf", &elf], b""));
    assert_eq!(
        (code, error.contains("this program is for ELF machine 40")),
        (5, true),
        "{error}"
    );
}
