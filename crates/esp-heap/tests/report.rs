//! Does `report` do what its help says, seen from outside: output, the page, exit codes?

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const DUMP: &str = "\
I (312) main: dump follows
====== Heap Trace: 2 records (100 capacity) ======
    96 bytes (@ 0x3ffb3f00, Internal) allocated CPU 0 ccount 0x00001234 caller 0x400d1234:0x400d2345 at src/mqtt.rs:78:9
     8 bytes (@ 0x3ffb4000, Internal) allocated CPU 0 ccount 0x00001335 caller 0x400d4321: at src/main.rs:7:5
================================
";

struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        Desk(TempDir::new().unwrap())
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

    /// `report` with the page on the desk, and this on its standard input.
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
        fed.unwrap();
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
fn without_a_file_the_shipped_firmware_is_told() {
    let desk = Desk::new();
    let (code, text, error) = ended(&desk.report(&[], b""));
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
        fs::read_to_string(desk.page())
            .unwrap()
            .contains("<title>Heap report: fw_iot")
    );
}

#[test]
fn a_recording_is_replayed_on_the_chip_that_was_asked_for() {
    let desk = Desk::new();
    let trace = desk.file("greedy.trace", b"a 0 3000000\na 1 100\nf 1\n");
    let (code, text, _) = ended(&desk.report(&[&trace, "--chip", "esp32c3"], b""));
    assert_eq!(code, 0);
    assert!(text.contains("on a simulated esp32c3"), "{text}");
    assert!(text.contains("Refused: 1 request"), "{text}");
    let (code, _, error) = ended(&desk.report(&[&trace, "--chip", "esp33"], b""));
    assert_eq!(code, 2);
    assert!(error.contains("did you mean esp32"), "{error}");
}

#[test]
fn a_dump_from_standard_input_names_its_lines() {
    let (code, text, _) = ended(&Desk::new().report(&["-"], DUMP.as_bytes()));
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
fn json_is_an_object_and_nothing_else() {
    let (code, text, _) = ended(&Desk::new().report(&["-", "--json"], DUMP.as_bytes()));
    assert_eq!(code, 0);
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["total"]["bytes"], 104);
    assert_eq!(told["leaks"][0]["site"]["line"], 78);
}

#[test]
fn what_tells_nothing_of_a_heap_is_refused_with_what_was_looked_for() {
    let desk = Desk::new();
    let log = desk.file("boot.log", b"I (10) boot: hello\n");
    let (code, _, error) = ended(&desk.report(&[&log], b""));
    assert_eq!(code, 5);
    assert!(
        error.contains("boot.log: this tells nothing of a heap"),
        "{error}"
    );
    let (code, _, error) = ended(&desk.report(&["/nowhere.log"], b""));
    assert_eq!((code, error.contains("/nowhere.log")), (5, true), "{error}");
}

#[test]
fn an_elf_file_that_is_none_is_refused() {
    let desk = Desk::new();
    let (log, elf) = (
        desk.file("dump.log", DUMP.as_bytes()),
        desk.file("app.bin", b"\xE9\x06"),
    );
    let (code, _, error) = ended(&desk.report(&[&log, "--elf", &elf], b""));
    assert_eq!(code, 5);
    assert!(error.contains("this is no ELF file"), "{error}");
    let this = env!("CARGO_BIN_EXE_esp-heap");
    let (code, _, error) = ended(&desk.report(&[&log, "--elf", this], b""));
    assert_eq!(
        (code, error.contains("the chips are 32-bit machines")),
        (5, true),
        "{error}"
    );
}
