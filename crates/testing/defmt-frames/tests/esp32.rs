//! The frames of the ESP32's program: started in an emulator, found and decoded as
//! `espflash monitor --log-format defmt` does.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use defmt_decoder::{DecodeError, Table};

/// Frames stand between these and a zero, among lines of text.
const START: [u8; 2] = [0xFF, 0x00];

/// `cargo xtask`, in the folder of the workspace.
fn xtask(arguments: &[&str]) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["--quiet", "xtask"]);
    let output = command.args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The bytes of each frame, its last zero included. More zeros may stand in front of it: an encoder
/// ends with one what another left open.
fn frames(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Some(at) = bytes.windows(2).position(|two| two == START) {
        let rest = &bytes[at + START.len()..];
        let Some(first) = rest.iter().position(|&byte| byte != 0) else {
            break;
        };
        let rest = &rest[first..];
        let Some(end) = rest.iter().position(|&byte| byte == 0) else {
            break;
        };
        frames.push(rest[..=end].to_vec());
        bytes = &rest[end + 1..];
    }
    frames
}

#[test]
fn every_report_of_the_esp32s_program_is_a_frame_with_its_figures() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("output");
    let build = ["--chip", "esp32", "--release", "--features", "defmt"];
    let built = xtask(&[&["build"], build.as_slice()].concat());
    let elf = PathBuf::from(built.lines().last().unwrap());
    let file = kept.to_str().unwrap();
    let one = [
        "--cores",
        "2",
        "--reports",
        "3",
        "--bytes",
        file,
        "--elf",
        elf.to_str().unwrap(),
    ];
    xtask(&[&["boot", "--chip", "esp32"], one.as_slice()].concat());

    let table = Table::parse(&fs::read(&elf).unwrap()).unwrap();
    let table = table.expect("the program has a `.defmt` section");
    let mut text = Vec::new();
    for frame in frames(&fs::read(&kept).unwrap()) {
        let mut decoder = table.new_stream_decoder();
        decoder.received(&frame);
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map_or("?", |level| level.as_str());
                text.push(format!("{level} {}", frame.display_message()));
            }
            Err(DecodeError::UnexpectedEof | DecodeError::Malformed) => {
                panic!("a frame that cannot be decoded: {frame:02x?}")
            }
        }
    }
    // The third report ends the run before its frame.
    let reports: Vec<_> = text
        .iter()
        .filter(|line| line.starts_with("info free "))
        .collect();
    assert_eq!(reports.len(), 2, "{text:?}");
    for report in reports {
        let figures: Vec<u32> = report
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|word| word.parse().ok())
            .collect();
        let [free, least, largest] = figures[..] else {
            panic!("{report}");
        };
        assert!(least <= free && largest <= free && least > 0, "{report}");
    }
}
