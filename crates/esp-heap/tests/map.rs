//! `esp-heap map` seen from outside: every chip, with and without a program.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where something is not as it should be, also in its helpers"
)]

#[path = "../src/firmware/sample.rs"]
mod sample;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use object::elf;
use sample::{HELLO_SECTIONS, HELLO_SYMBOLS, bytes, data, esp_idf_hello, text, zeros};
use serde_json::Value;
use tempfile::TempDir;

fn esp_heap(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_esp-heap"))
        .args(arguments)
        .output()
        .unwrap()
}

fn map(arguments: &[&str]) -> Output {
    esp_heap(&[&["map"], arguments].concat())
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

fn json(arguments: &[&str]) -> Value {
    let output = map(&[arguments, &["--json"]].concat());
    assert_eq!(code(&output), 0, "{arguments:?}: {}", complained(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn chips() -> Vec<String> {
    let list = json(&[]);
    let names = list
        .as_array()
        .unwrap()
        .iter()
        .map(|chip| chip["chip"].as_str().unwrap().to_owned());
    names.collect()
}

/// A folder with a program in it.
fn program(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("program.elf");
    fs::write(&file, bytes).unwrap();
    (folder, file)
}

fn with_elf(chip: &str, file: &Path, more: &[&str]) -> Output {
    map(&[&[chip, "--elf", file.to_str().unwrap()], more].concat())
}

#[test]
fn without_a_chip_all_are_listed_with_what_to_type_next() {
    let output = map(&[]);
    assert_eq!(code(&output), 0);
    let text = stdout(&output);
    for wanted in [
        "esp32 ",
        "esp32-v3.0",
        "esp-heap map CHIP --options",
        "--diff",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
    assert_eq!(code(&map(&["--svg", "map.svg"])), 2, "a picture of no chip");
}

#[test]
fn every_chip_has_a_map_that_adds_up_and_a_picture() {
    let folder = TempDir::new().unwrap();
    let picture = folder.path().join("map.svg");
    for chip in chips() {
        let output = map(&[&chip, "--svg", picture.to_str().unwrap()]);
        assert_eq!(code(&output), 0, "{chip}: {}", complained(&output));
        let text = stdout(&output);
        let longest = text
            .lines()
            .max_by_key(|line| line.chars().count())
            .unwrap();
        assert!(longest.chars().count() <= 100, "{chip}: {longest}");
        assert!(
            !text.contains('\u{1b}'),
            "{chip}: colours without a terminal"
        );
        let drawing = fs::read_to_string(&picture).unwrap();
        assert!(
            drawing.starts_with("<svg ") && drawing.trim_end().ends_with("</svg>"),
            "{chip}"
        );

        let map = json(&[&chip]);
        let sum = |list: &str, key: &str| -> u64 {
            map[list]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one[key].as_u64().unwrap())
                .sum()
        };
        assert_eq!(
            sum("regions", "bytes"),
            map["total"]["region_bytes"],
            "{chip}"
        );
        assert_eq!(sum("heaps", "bytes"), map["total"]["heap_bytes"], "{chip}");
        let memory = map["total"]["memory_bytes"].as_u64().unwrap();
        let crumbs = memory - sum("heaps", "bytes") - sum("reservations", "cost_bytes");
        assert!(
            crumbs < 16 * 24,
            "{chip}: {crumbs} bytes are neither reserved nor for heaps"
        );
    }
}

#[test]
fn the_picture_in_the_documentation_is_the_one_that_is_drawn() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("map.svg");
    let drawn = map(&[
        "esp32s3",
        "--option",
        "psram=8M",
        "--svg",
        file.to_str().unwrap(),
    ]);
    assert_eq!(code(&drawn), 0, "{}", complained(&drawn));
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images/map.svg");
    assert!(
        fs::read_to_string(kept).unwrap() == fs::read_to_string(file).unwrap(),
        "redraw it: esp-heap map esp32s3 --option psram=8M --svg docs/images/map.svg"
    );
}

#[test]
fn every_chip_lists_its_options_and_takes_each_of_them() {
    for chip in chips() {
        let options = json(&[&chip, "--options"]);
        let output = map(&[&chip, "--options"]);
        assert_eq!(code(&output), 0);
        for option in options.as_array().unwrap() {
            let (name, default) = (
                option["name"].as_str().unwrap(),
                option["default"].as_str().unwrap(),
            );
            assert!(stdout(&output).contains(name), "{chip}: {name}");
            let setting = format!("{name}={default}");
            assert_eq!(
                json(&[&chip, "--option", &setting])["options"][name],
                default,
                "{chip}"
            );
        }
    }
}

#[test]
fn every_chip_compares_with_the_first() {
    let folder = TempDir::new().unwrap();
    let picture = folder.path().join("diff.svg");
    for chip in chips() {
        let output = map(&["esp32", "--diff", &chip, "--svg", picture.to_str().unwrap()]);
        assert_eq!(code(&output), 0, "{chip}: {}", complained(&output));
        assert!(
            stdout(&output).contains(&format!("right: {chip}")),
            "{chip}"
        );
        assert!(
            stdout(&output)
                .lines()
                .all(|line| line.chars().count() <= 100),
            "{chip}"
        );
        let both = json(&["esp32", "--diff", &chip]);
        for row in both["capabilities"].as_array().unwrap() {
            let bytes = |side: &str| row[side].as_i64().unwrap_or(0);
            assert_eq!(
                bytes("right") - bytes("left"),
                row["difference"],
                "{chip}: {row}"
            );
        }
    }
}

#[test]
fn every_chip_serves_a_trace_in_the_simulation() {
    let folder = TempDir::new().unwrap();
    let trace = folder.path().join("small.trace");
    fs::write(
        &trace,
        "a 0 1000\na 1 300\nr 0 2000\nm 2 64 128\nf 1\nr 2 40\nf 2\n",
    )
    .unwrap();
    let out = folder.path().to_str().unwrap();
    for chip in chips() {
        let trace = trace.to_str().unwrap();
        let output = esp_heap(&["sim", "--chip", &chip, "--trace", trace, "--out", out]);
        assert_eq!(code(&output), 0, "{chip}: {}", complained(&output));
        assert!(
            stdout(&output).contains("every request was served"),
            "{chip}"
        );
        assert!(
            fs::read_to_string(folder.path().join("heap.html"))
                .unwrap()
                .len()
                > 10_000
        );
    }
}

#[test]
fn what_the_chip_does_not_have_is_a_line_with_what_was_meant_and_exit_code_2() {
    let cases = [
        (
            &["esp33"][..],
            "no chip is called `esp33`; did you mean esp32?",
        ),
        (
            &["esp32", "--option", "singel-core"],
            "esp32 has no option `singel-core`; did you mean single-core?",
        ),
        (
            &["esp32", "--option", "trace-memory=two"],
            "option `trace-memory` can't be `two`",
        ),
        (
            &["esp32", "--diff", "esp3"],
            "no chip is called `esp3`; did you mean esp32?",
        ),
        (
            &["esp32", "--diff-option", "psram"],
            "option `psram` needs a value",
        ),
        (
            &["esp32", "--heap-start", "0x3FFA0000"],
            "`dram_data` ends at 0x3FFA0000",
        ),
    ];
    for (arguments, sentence) in cases {
        let output = map(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        let complaint = complained(&output);
        assert!(complaint.contains(sentence), "{arguments:?}: {complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        assert!(stdout(&output).is_empty());
    }
}

#[test]
fn a_program_is_laid_over_the_map() {
    let (_folder, file) = program(&esp_idf_hello());
    let output = with_elf("esp32", &file, &[]);
    assert_eq!(code(&output), 0, "{}", complained(&output));
    assert!(
        stdout(&output).contains(".dram0.bss"),
        "{}",
        stdout(&output)
    );
    let map = json(&["esp32", "--elf", file.to_str().unwrap()]);
    assert_eq!(map["program"]["findings"], Value::Array(vec![]));
    let bss = &map["program"]["sections"][2];
    assert_eq!(
        (&bss["name"], &bss["lies_in"]),
        (&".dram0.bss".into(), &"dram_data".into())
    );
    assert_eq!(map["symbols"][1]["source"], "elf");
}

#[test]
fn a_program_that_a_heap_would_overwrite_is_exit_code_1() {
    let sections = [&HELLO_SECTIONS[..], &[zeros(".noinit", 0x3FFB_2EC8, 0x100)]].concat();
    let (_folder, file) = program(&bytes(elf::EM_XTENSA, &sections, &HELLO_SYMBOLS));
    let output = with_elf("esp32", &file, &[]);
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains(
        "error: `.noinit` (0x3FFB2EC8..0x3FFB2FC8): 256 bytes of it lie in the heap DRAM"
    ));
}

#[test]
fn two_programs_are_compared() {
    let (_old, old) = program(&esp_idf_hello());
    let mut symbols = HELLO_SYMBOLS;
    symbols[2].1 += 0x1000; // _heap_start
    let (_new, new) = program(&bytes(elf::EM_XTENSA, &HELLO_SECTIONS, &symbols));
    let both = json(&[
        "esp32",
        "--elf",
        old.to_str().unwrap(),
        "--diff-elf",
        new.to_str().unwrap(),
    ]);
    let mut rows = both["reservations"].as_array().unwrap().iter();
    assert_eq!(
        rows.find(|row| row["name"] == "dram_data").unwrap()["difference"],
        0x1000
    );
}

#[test]
fn a_file_that_is_no_program_of_the_chip_is_exit_code_5_with_a_sentence() {
    let riscv = bytes(
        elf::EM_RISCV,
        &[text(".text", 0x4038_0000, 4), data(".data", 0x3FC8_0000, 4)],
        &[],
    );
    let arm = bytes(elf::EM_ARM, &[text(".text", 0x0800_0000, 4)], &[]);
    let cases = [
        (b"\xE9\x05\x02\x20".to_vec(), "this is no ELF file"),
        (riscv, "this program is for RISC-V, the chip runs Xtensa"),
        (arm, "this program is for ELF machine 40"),
        (esp_idf_hello()[..100].to_vec(), "the ELF file is damaged"),
    ];
    for (content, sentence) in cases {
        let (_folder, file) = program(&content);
        let output = with_elf("esp32", &file, &[]);
        assert_eq!(code(&output), 5, "{sentence}: {}", stdout(&output));
        assert!(
            complained(&output).contains(sentence),
            "{}",
            complained(&output)
        );
        assert!(complained(&output).contains("program.elf"));
    }
    assert_eq!(code(&map(&["esp32", "--elf", "no/such/file"])), 5);
}

/// A program of the ESP32-S3: constants up to 0x3C04_0020 in the window that flash and PSRAM share.
const S3_SECTIONS: [sample::Section<'static>; 6] = [
    text(".iram0.vectors", 0x4037_4000, 0x400),
    text(".iram0.text", 0x4037_4400, 0x7C00),
    data(".dram0.data", 0x3FC8_C000, 0x4000),
    zeros(".dram0.bss", 0x3FC9_0000, 0xA000),
    data(".flash.rodata", 0x3C03_0020, 0x1_0000),
    text(".flash.text", 0x4200_0020, 0x2_0000),
];
const S3_SYMBOLS: [(&str, u32); 8] = [
    ("_rtc_force_fast_end", 0x600F_E000),
    ("_rtc_reserved_start", 0x600F_FFE8),
    ("_rtc_reserved_end", 0x600F_FFE8),
    ("_data_start", 0x3FC8_C000),
    ("_heap_start", 0x3FC9_A000),
    ("_iram_start", 0x4037_4000),
    ("_iram_end", 0x4037_C000),
    ("_heap_low_start", 0x3FC9_A000),
];

/// The PSRAM heaps of a map in JSON: start and bytes.
fn external_heaps(map: &Value) -> Vec<(u64, u64)> {
    let heaps = map["heaps"].as_array().unwrap().iter();
    let figures = heaps.map(|heap| {
        (
            heap["start"].as_u64().unwrap(),
            heap["bytes"].as_u64().unwrap(),
        )
    });
    let outside = |start: &u64| (0x3C00_0000..0x3FB0_0000).contains(start);
    figures
        .filter(|(start, bytes)| outside(start) && *bytes >= 0x1_0000)
        .collect()
}

fn found(output: &Output) -> (i32, Value) {
    let map: Value = serde_json::from_slice(&output.stdout).unwrap();
    (code(output), map)
}

#[test]
fn the_psram_heap_of_the_esp32_begins_behind_the_programs_data_there() {
    let sections = [
        &HELLO_SECTIONS[..],
        &[zeros(".ext_ram.bss", 0x3F80_0000, 0x2_0000)],
    ]
    .concat();
    let symbols = [
        &HELLO_SYMBOLS[..],
        &[
            ("_ext_ram_bss_start", 0x3F80_0000),
            ("_ext_ram_bss_end", 0x3F82_0000),
        ],
    ]
    .concat();
    let (_folder, file) = program(&bytes(elf::EM_XTENSA, &sections, &symbols));
    let (code, map) = found(&with_elf(
        "esp32",
        &file,
        &["--option", "psram=4M", "--json"],
    ));
    assert_eq!(
        (code, &map["findings"]),
        (0, &serde_json::json!([])),
        "{map:#}"
    );
    assert_eq!(external_heaps(&map), [(0x3F82_0000, (4 << 20) - 0x2_0000)]);
    let (code, map) = found(&with_elf("esp32", &file, &["--json"]));
    let text = map["findings"][0]["text"].as_str().unwrap();
    assert_eq!(code, 1);
    assert!(text.contains("--option psram=SIZE"), "{text}");
    let (code, map) = found(&with_elf(
        "esp32",
        &file,
        &["--option", "psram=64K", "--json"],
    ));
    let text = map["findings"][0]["text"].as_str().unwrap();
    assert_eq!(code, 1);
    assert!(
        text.contains("ends at 0x3F820000, the PSRAM at 0x3F810000"),
        "{text}"
    );
}

#[test]
fn the_psram_of_the_s3_begins_behind_the_flash_that_shares_its_window() {
    let (_folder, file) = program(&bytes(elf::EM_XTENSA, &S3_SECTIONS, &S3_SYMBOLS));
    let psram = ["--option", "psram=2M", "--json"];
    let (code, map) = found(&with_elf("esp32s3", &file, &psram));
    assert_eq!(
        (code, &map["findings"]),
        (0, &serde_json::json!([])),
        "{map:#}"
    );
    assert_eq!(external_heaps(&map), [(0x3C05_0000, 2 << 20)]);
    let over_flash = [&psram[..], &["--symbol", "psram:start=0x3C030000"]].concat();
    let (code, map) = found(&with_elf("esp32s3", &file, &over_flash));
    let text = map["findings"][0]["text"].as_str().unwrap();
    assert_eq!(code, 1);
    assert!(
        text.contains("`.flash.rodata`") && text.contains("0x3C050000 or later"),
        "{text}"
    );
    let data = [
        &S3_SECTIONS[..],
        &[zeros(".ext_ram.bss", 0x3C05_0000, 0x1_0000)],
    ]
    .concat();
    let (_folder, file) = program(&bytes(elf::EM_XTENSA, &data, &S3_SYMBOLS));
    let (code, map) = found(&with_elf("esp32s3", &file, &psram));
    assert_eq!(
        (code, &map["findings"]),
        (0, &serde_json::json!([])),
        "{map:#}"
    );
    assert_eq!(external_heaps(&map), [(0x3C06_0000, (2 << 20) - 0x1_0000)]);
}

#[test]
fn sizes_that_are_cut_and_symbols_that_nobody_asks_for_are_reported() {
    let findings = |arguments: &[&str]| {
        let map = json(arguments);
        map["findings"].to_string()
    };
    let cut = findings(&["esp32", "--option", "psram=8M"]);
    assert!(cut.contains("psram=8M: only 4M of it are mapped"), "{cut}");
    let little = findings(&["esp32", "--option", "psram=3"]);
    assert!(
        little.contains("psram=3: no heap is left of it"),
        "{little}"
    );
    let unused = findings(&["esp32s3", "--symbol", "psram:start=0x3C100000"]);
    assert!(unused.contains("`psram:start` is not used"), "{unused}");
    for (arguments, sentence) in [
        (
            vec!["esp32", "--symbol", "psram:start=0x3F900000"],
            "no reservation of the esp32 begins or ends at `psram:start`;",
        ),
        (
            vec!["esp32", "--symbol", "_heap_strat=0x3FFC0000"],
            "did you mean _heap_start?",
        ),
        (
            vec![
                "esp32",
                "--heap-start=0x3FFC0000",
                "--symbol",
                "_heap_start=0x3FFD0000",
            ],
            "`_heap_start` is given twice, as 0x3FFC0000 and as 0x3FFD0000",
        ),
    ] {
        let output = map(&arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(
            complained(&output).contains(sentence),
            "{}",
            complained(&output)
        );
    }
}

#[test]
fn what_contradicts_the_program_is_reported_and_what_would_help() {
    let (_folder, file) = program(&esp_idf_hello());
    let (code, map) = found(&with_elf(
        "esp32",
        &file,
        &["--heap-start=0x3FFB4000", "--json"],
    ));
    let text = map["findings"][0]["text"].as_str().unwrap();
    assert_eq!(code, 0);
    assert!(
        text.contains("on the command line and 0x3FFB2EC8 in the ELF file"),
        "{text}"
    );
    // code that reaches into SRAM1, as CONFIG_ESP_SYSTEM_ESP32_SRAM1_REGION_AS_IRAM lets it
    let mut sections = HELLO_SECTIONS;
    sections[4] = text_in_sram1();
    let symbols = HELLO_SYMBOLS.map(|(name, at)| match name {
        "_iram_end" => (name, 0x400A_1400),
        _ => (name, at),
    });
    let (_folder, file) = program(&bytes(elf::EM_XTENSA, &sections, &symbols));
    let output = with_elf("esp32", &file, &[]);
    let text = format!("{}{}", stdout(&output), complained(&output));
    assert_ne!(self::code(&output), 0);
    assert!(
        text.contains("with --option sram1-as-iram it would be right"),
        "{text}"
    );
    let output = with_elf("esp32", &file, &["--option", "sram1-as-iram"]);
    assert_eq!(
        self::code(&output),
        0,
        "{}{}",
        stdout(&output),
        complained(&output)
    );
}

fn text_in_sram1() -> sample::Section<'static> {
    text(".iram0.text", 0x4008_0404, 0x2_0FFC)
}
