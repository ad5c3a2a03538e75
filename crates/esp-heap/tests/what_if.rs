//! `esp-heap what-if`: comparisons as asked, and honest where nothing changes.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be, also in its helpers"
)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use heap_trace::{Callers, Event, Owner, SiteNumber, Stream};
use soc_regions::Caps;
use tempfile::TempDir;

fn what_if(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_esp-heap"));
    command.arg("what-if").args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn file(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, content).unwrap();
    (folder, file)
}

/// A program that was refused two megabytes.
fn stream() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut stream = Stream::new(|frame: &[u8]| {
        bytes.extend(frame);
        true
    });
    let site = Event::Site {
        site: SiteNumber(1),
        caps: Caps::DEFAULT,
        alignment: 4,
        line: 7,
        callers: Callers::Words(&[]),
        file: "a.rs",
    };
    let allocated = Event::Allocated {
        address: 0x3FFB_0010,
        size: 1000,
        site: SiteNumber(1),
        owner: Owner(0),
    };
    let failed = Event::Failed {
        size: 2 << 20,
        caps: Caps::DEFAULT,
        owner: Owner(0),
    };
    let program = Event::Program {
        ticks_per_second: 0,
        name: "esp32s3 camera",
    };
    for event in [program, site, allocated, failed] {
        assert!(stream.emit(0, &event));
    }
    bytes
}

#[test]
fn a_request_that_was_refused_is_granted_where_there_is_room() {
    let (_folder, file) = file("camera.events", &stream());
    let output = what_if(&[file.to_str().unwrap(), "--if", "psram=4M"]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    assert!(
        text.contains("1 request was refused when it was recorded. Now: esp32s3, guaranteed"),
        "{text}"
    );
    assert!(
        text.contains("1 (+1)") && text.contains("psram=4M serves the program better than now"),
        "{text}"
    );
    assert!(
        text.contains("HEAP.set_external_threshold(Some(16384));"),
        "{text}"
    );
}

#[test]
fn where_nothing_changes_it_says_so() {
    let (_folder, file) = file("small.trace", b"a 0 100\nf 0\n");
    let text = stdout(&what_if(&[
        file.to_str().unwrap(),
        "--if",
        "policy=idf-exact",
    ]));
    assert!(
        text.contains("No difference: all variants serve the same requests."),
        "{text}"
    );
    let text = stdout(&what_if(&[file.to_str().unwrap(), "--search"]));
    assert!(
        text.contains("Nothing that was tried is better than esp32, guaranteed"),
        "{text}"
    );
    assert!(
        text.contains("Every request is made in the same way"),
        "{text}"
    );
}

#[test]
fn figures_are_json_if_one_wants() {
    let (_folder, file) = file("small.trace", b"a 0 100\na 1 20\nf 0\n");
    let output = what_if(&[file.to_str().unwrap(), "--json", "--if", "poison=light"]);
    let figures: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let overhead = |subject: &str| {
        let mut of = figures.iter().filter(|figure| {
            figure["subject"] == subject && figure["metric"] == "peak_overhead_bytes"
        });
        of.next().unwrap()["value"].as_u64().unwrap()
    };
    assert_eq!((overhead("now"), overhead("poison=light")), (2 * 4, 2 * 16));
}

#[test]
fn a_variant_without_sense_is_refused() {
    let (_folder, file) = file("small.trace", b"a 0 100\n");
    let output = what_if(&[file.to_str().unwrap(), "--if", "policy=random"]);
    assert_eq!(output.status.code(), Some(2));
    let output = what_if(&["no-such.trace"]);
    assert_eq!(output.status.code(), Some(5));
}
