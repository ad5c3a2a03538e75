//! `report` on what a chip leaves behind when its program crashes: an ELF core, raw memory.
//!
//! The device's memory is drawn here by hand, with pointers of 32 bits; its heap is a real one.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::process::{Command, Output};
use std::ptr::NonNull;

use heap_report::symbols::Identities;
use heap_trace::{BuildId, Callers, Event, Owner, SiteNumber, Stream};
use multi_heap::{Heap, Light, Request};
use soc_regions::Caps;
use tempfile::TempDir;

/// The program's data, its heap, its constants in flash.
const DATA: u32 = 0x3FFB_0000;
const HEAPS: u32 = DATA + 0x40;
const HEAP: u32 = 0x3FFB_2000;
const HEAP_WORDS: u32 = 512;
const FLASH: u32 = 0x3F40_0020;

/// Places in a set of heaps: slots, details, failures, observer.
const SLOT_BYTES: u32 = 20;
const DETAILS: u32 = 2 * SLOT_BYTES;
const DETAIL_BYTES: u32 = 20;
const FAILURES: u32 = DETAILS + 2 * DETAIL_BYTES;
const LEDGER: u32 = FAILURES + 4;
/// In a ledger: blocks, sites, names.
const BLOCKS: u32 = 4;
const SITES_AT: u32 = BLOCKS * 8;
const SITE_BYTES: u32 = 20;
const NAMES_AT: u32 = SITES_AT + 2 * SITE_BYTES;

fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Constants, each with its address.
struct Flash(Vec<u8>);

impl Flash {
    fn add(&mut self, bytes: &[u8]) -> u32 {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        let address = FLASH + u32::try_from(self.0.len()).unwrap();
        self.0.extend(bytes);
        address
    }

    /// Pointer and length.
    fn text(&mut self, text: &str) -> [u32; 2] {
        [
            self.add(text.as_bytes()),
            u32::try_from(text.len()).unwrap(),
        ]
    }
}

/// What a device had in memory.
struct Device {
    data: Vec<u8>,
    heap: Vec<u8>,
    flash: Vec<u8>,
    /// Offsets of the blocks of 40 and of 96 bytes.
    blocks: [u32; 2],
}

impl Device {
    fn crashed() -> Device {
        let (heap, blocks, guarding) = heap();
        let mut flash = Flash(Vec::new());
        let description = flash.add(&bytes_of(&description()));
        let name = flash.text("DRAM");
        let sites = [("src/mqtt.rs", 60), ("src/camera.rs", 78)].map(|(file, line)| {
            let [pointer, length] = flash.text(file);
            flash.add(&bytes_of(&[pointer, length, line, 9]))
        });
        let names: Vec<u32> = ["mqtt", "camera"]
            .iter()
            .flat_map(|name| flash.text(name))
            .collect();
        let names = flash.add(&bytes_of(&names));
        let names = flash.add(&bytes_of(&[names, 2]));

        let mut data = b"ESPHEAP1".to_vec();
        data.extend(bytes_of(&[HEAPS, description]));
        data.resize((HEAPS - DATA) as usize, 0);
        data.extend(bytes_of(&[HEAP, HEAP, HEAP_WORDS])); // the first slot
        data.extend(bytes_of(&guarding));
        data.extend(bytes_of(&[0; 5])); // no heap
        data.extend(bytes_of(&[0x4, 0x8, 0])); // capabilities
        data.extend(bytes_of(&name));
        data.extend(bytes_of(&[0; 5]));
        data.extend(bytes_of(&[3])); // requests that failed
        for (number, offset) in [(1, blocks[0]), (2, blocks[1])] {
            data.extend(bytes_of(&[HEAP + offset, number << 16 | number])); // site, owner
        }
        data.extend(bytes_of(&[0; 4]));
        for caller in sites {
            data.extend(bytes_of(&[caller, 0, 0x4, 0, 1]));
        }
        data.extend(bytes_of(&[names]));
        Device {
            data,
            heap,
            flash: flash.0,
            blocks,
        }
    }

    fn ram(&self) -> [(u32, &[u8]); 2] {
        [(DATA, &self.data), (HEAP, &self.heap)]
    }

    /// A core as ESP-IDF writes it: notes, and RAM.
    fn core(&self, sha256: Option<&str>) -> Vec<u8> {
        let mut note = bytes_of(&[20, 4 + 65, 8266]);
        note.extend(b"ESP_CORE_DUMP_INFO\0\0");
        note.extend(bytes_of(&[0x0001_0102]));
        note.extend(sha256.unwrap_or_default().as_bytes());
        note.resize(12 + 20 + 72, 0);
        elf(4, &[(4, 0, &note[..])], &self.ram(), &[])
    }

    /// The program that ran, as far as its constants go.
    fn program(&self) -> Vec<u8> {
        elf(2, &[], &[(FLASH, &self.flash[..])], &self.flash)
    }

    /// The byte behind the block of 40 bytes is another one.
    fn write_past_the_end(&mut self) {
        self.heap[self.blocks[0] as usize + 40] ^= 0xFF;
    }
}

impl Device {
    /// A core as ESP-IDF's core-dump component writes it with `CONFIG_ESP_COREDUMP_CAPTURE_DRAM`:
    /// registers of the tasks; control block and stack of another task; the program's data; used
    /// blocks without what lies between them; the build, what the chip said, and why it stopped.
    fn core_of_esp_idf(&self, sha256: &str) -> Vec<u8> {
        let note = |name: &str, kind: u32, content: &[u8]| {
            let word = |size: usize| u32::try_from(size).unwrap();
            let mut name = name.as_bytes().to_vec();
            name.resize((name.len() + 1).next_multiple_of(4), 0);
            let mut note = bytes_of(&[word(name.len()), word(content.len()), kind]);
            note.extend(name);
            note.extend(content);
            note.resize(note.len().next_multiple_of(4), 0);
            note
        };
        let registers = [note("CORE", 1, &[7; 148]), note("CORE", 1, &[8; 148])].concat();
        let mut build = bytes_of(&[0x0001_0102]);
        build.extend(sha256.as_bytes());
        build.resize(72, 0);
        let about = [
            note("ESP_CORE_DUMP_INFO", 8266, &build),
            note("ESP_EXTRA_INFO", 677, &[9; 108]),
            note("ESP_PANIC_DETAILS", 679, b"abort() was called"),
        ]
        .concat();
        // Light poisoning: eight bytes in front of the user's, four behind.
        let block = |offset: u32, size: usize| {
            let start = (offset - 8) as usize;
            (HEAP + offset - 8, &self.heap[start..start + 8 + size + 4])
        };
        let (control_block, stack) = ([1; 352], [2; 640]);
        let memory = [
            (0x3FFC_0000, &control_block[..]),
            (0x3FFC_1000, &stack[..]),
            (DATA, &self.data),
            block(self.blocks[0], 40),
            block(self.blocks[1], 96),
        ];
        elf(4, &[(4, 0, &registers), (4, 0, &about)], &memory, &[])
    }
}

/// A heap's memory, where two of its blocks begin, the slack of all and the key of their canaries.
fn heap() -> (Vec<u8>, [u32; 2], [u32; 2]) {
    let mut memory = vec![0_u32; HEAP_WORDS as usize];
    let bytes = NonNull::slice_from_raw_parts(
        NonNull::from(&mut memory[..]).cast(),
        size_of_val(&memory[..]),
    );
    // SAFETY: the memory outlives the heap, and nobody else uses it meanwhile.
    let mut heap = unsafe { Heap::<Light>::new(bytes) }.unwrap();
    let blocks = [40, 96].map(|size| heap.allocate(Request::new(size).unwrap()).unwrap().get());
    let guarding = std::ptr::from_ref(&heap)
        .cast::<u8>()
        .wrapping_add(Heap::<Light>::LAYOUT.slack);
    // SAFETY: two `u32` of the heap.
    let guarding = unsafe { guarding.cast::<[u32; 2]>().read_unaligned() };
    (bytes_of(&memory), blocks, guarding)
}

fn description() -> Vec<u32> {
    let mut words = vec![0x4453_4548, 1, 4, 1, 2]; // "HESD", version, pointers, light, heaps
    words.extend([0, SLOT_BYTES, 0, 4, 8, 12]);
    words.extend([DETAILS, DETAIL_BYTES, 0, 3, 12, FAILURES]);
    words.extend([1, LEDGER, BLOCKS, 0, 8, 0, 6, 4]);
    words.extend([2, SITES_AT, SITE_BYTES, 0, 4, 1, 8, 12, 16, NAMES_AT, 3]);
    words.resize(39, 0);
    words
}

/// An ELF file of a little-endian Xtensa with notes and memory, and `.flash.rodata` if any.
fn elf(kind: u16, notes: &[(u32, u32, &[u8])], memory: &[(u32, &[u8])], rodata: &[u8]) -> Vec<u8> {
    const NAMES: &[u8] = b"\0.flash.rodata\0.shstrtab\0";
    let loads = memory.iter().map(|(address, bytes)| (1, *address, *bytes));
    let segments: Vec<_> = notes.iter().copied().chain(loads).collect();
    let lead = 52 + 32 * segments.len();
    let size: usize = segments.iter().map(|segment| segment.2.len()).sum();
    let word = |size: usize| u32::try_from(size).unwrap();
    let half = |size: usize| u16::try_from(size).unwrap().to_le_bytes();
    let sections = if rodata.is_empty() { 0 } else { 3 };
    let sections_at = (lead + size + NAMES.len()).next_multiple_of(4);

    let mut file = b"\x7fELF\x01\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend(kind.to_le_bytes());
    file.extend(94_u16.to_le_bytes()); // Xtensa
    file.extend(bytes_of(&[
        1,
        0,
        52,
        if sections == 0 { 0 } else { word(sections_at) },
        0,
    ]));
    file.extend([half(52), half(32), half(segments.len())].concat());
    file.extend([half(40), half(sections), half(sections.saturating_sub(1))].concat());
    let mut at = lead;
    for (kind, address, bytes) in &segments {
        let (place, size) = (word(at), word(bytes.len()));
        file.extend(bytes_of(&[
            *kind, place, *address, *address, size, size, 6, 4,
        ]));
        at += bytes.len();
    }
    for (_, _, bytes) in &segments {
        file.extend(*bytes);
    }
    if sections > 0 {
        file.extend(NAMES);
        file.resize(sections_at, 0);
        let (start, names) = (word(lead + size - rodata.len()), word(lead + size));
        file.extend(bytes_of(&[0; 10]));
        // As ESP-IDF's linker scripts leave it: allocated, and writable.
        file.extend(bytes_of(&[
            1,
            1,
            3,
            FLASH,
            start,
            word(rodata.len()),
            0,
            0,
            4,
            0,
        ]));
        file.extend(bytes_of(&[
            15,
            3,
            0,
            0,
            names,
            word(NAMES.len()),
            0,
            0,
            1,
            0,
        ]));
    }
    file
}

struct WorkingDirectory(TempDir);

impl WorkingDirectory {
    fn new() -> WorkingDirectory {
        WorkingDirectory(TempDir::new().unwrap())
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let file = self.0.path().join(name);
        fs::write(&file, content).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Exit code, output and complaint of `report`.
    fn report(&self, arguments: &[&str]) -> (i32, String, String) {
        let page = self.0.path().join("report.html");
        let output: Output = Command::new(env!("CARGO_BIN_EXE_esp-heap"))
            .args(["report", "--out", page.to_str().unwrap()])
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (code, text(output.stdout), text(output.stderr))
    }
}

#[test]
fn a_core_shows_blocks_owners_and_call_sites() {
    let (directory, device) = (WorkingDirectory::new(), Device::crashed());
    let core = directory.file("core.elf", &device.core(None));
    let elf = directory.file("app.elf", &device.program());
    let (code, text, error) = directory.report(&[&core, "--elf", &elf]);
    assert_eq!((code, error.as_str()), (0, ""), "{text}");
    for line in [
        "No verdict: an image is one moment, which does not show what grows. The heaps in it pass \
         their check: 136 bytes are allocated in 2 blocks,",
        "poisoning: light; refused since the start: 3 requests",
        "   96       1  camera\n   40       1  mqtt\n",
        "   96       1  src/camera.rs:78\n   40       1  src/mqtt.rs:60\n",
        &format!(
            "{:#010x}    96  camera  src/camera.rs:78",
            HEAP + device.blocks[1]
        ),
        "DRAM at 0x3ffb2000",
    ] {
        assert!(text.contains(line), "{line}\n\n{text}");
    }
    let (_, json, _) = directory.report(&[&core, "--elf", &elf, "--json"]);
    let text: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(text["verdict"]["kind"], "cannot-tell");
    assert_eq!(text["blocks"][0]["size"], 40);
    assert_eq!(text["crash"]["poisoning"], "light");
}

#[test]
fn raw_memory_with_addresses_is_read_as_a_core_is() {
    let (directory, device) = (WorkingDirectory::new(), Device::crashed());
    let core = directory.file("core.elf", &device.core(None));
    let elf = directory.file("app.elf", &device.program());
    let data = directory.file("data.bin", &device.data);
    let heap = directory.file("heap.bin", &device.heap);
    let (data, heap) = (format!("{data}@{DATA:#x}"), format!("{heap}@0x3FFB_2000"));
    let raw = directory.report(&["--memory", &data, "--memory", &heap, "--elf", &elf]);
    assert_eq!(raw.0, 0, "{}", raw.2);
    assert_eq!(raw, directory.report(&[&core, "--elf", &elf]));
    // A piece beside a core.
    let part = directory.file("part.elf", &elf_of(&[(DATA, &device.data)]));
    assert_eq!(
        raw,
        directory.report(&[&part, "--memory", &heap, "--elf", &elf])
    );
    let (code, _, error) = directory.report(&["--memory", &heap, "--elf", &elf]);
    assert_eq!(code, 5);
    assert!(
        error.contains("no heap describes itself in this memory"),
        "{error}"
    );
    let log = directory.file("boot.log", b"I (10) boot: hello\n");
    let (code, _, error) = directory.report(&[&log, "--memory", &heap]);
    assert_eq!(code, 2, "{error}");
    let (code, _, error) = directory.report(&["--memory", "heap.bin"]);
    assert_eq!(code, 2);
    assert!(error.contains("FILE@ADDRESS"), "{error}");
}

fn elf_of(memory: &[(u32, &[u8])]) -> Vec<u8> {
    elf(4, &[], memory, &[])
}

#[test]
fn a_damaged_heap_has_an_exit_code_and_names_the_blocks_owner() {
    let (directory, mut device) = (WorkingDirectory::new(), Device::crashed());
    device.write_past_the_end();
    let core = directory.file("core.elf", &device.core(None));
    let elf = directory.file("app.elf", &device.program());
    let (code, text, _) = directory.report(&[&core, "--elf", &elf]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.starts_with("The heap is damaged: at 0x3ffb2"),
        "{text}"
    );
    for words in [
        "bad tail canary",
        "40 bytes at 0x3ffb2",
        "of mqtt from src/mqtt.rs:60",
    ] {
        assert!(text.contains(words), "{words}\n\n{text}");
    }
}

#[test]
fn a_core_has_no_peak_that_a_limit_could_be_held_against() {
    let (directory, device) = (WorkingDirectory::new(), Device::crashed());
    let core = directory.file("core.elf", &device.core(None));
    let elf = directory.file("app.elf", &device.program());
    let gate = |conditions: &str| {
        directory
            .report(&[&core, "--elf", &elf, "--fail-if", conditions])
            .0
    };
    assert_eq!(gate("live>136,blocks>2,refused>3,largest<1000"), 0);
    assert_eq!((gate("live>135"), gate("refused>2")), (9, 9));
    assert_eq!((gate("peak>60K"), gate("leaked>0")), (9, 9), "unknown");
}

#[test]
fn of_a_core_of_esp_idf_the_blocks_are_listed_and_nothing_is_concluded() {
    let (directory, device) = (WorkingDirectory::new(), Device::crashed());
    let program = device.program();
    let elf = directory.file("app.elf", &program);
    let hash = Identities::of_program(&program).sha256.to_string();
    let digits = hash.trim_end_matches('…');
    let core = device.core_of_esp_idf(digits);
    let header = bytes_of(&[
        u32::try_from(core.len()).unwrap() + 56,
        0x0001_0102,
        0,
        0,
        0,
        300,
    ]);
    let partition = [&header, &core, &[0x5A; 32][..]].concat();
    for file in [
        directory.file("core.elf", &core),
        directory.file("coredump.bin", &partition),
    ] {
        let (code, text, error) = directory.report(&[&file, "--elf", &elf]);
        assert_eq!((code, error.as_str()), (0, ""), "{text}");
        for line in [
            "No verdict: no heap is wholly in the image, so none was checked, and what is free is \
             unknown. 136 bytes are allocated in 2 blocks that the ledger knows.",
            "at least 136 bytes in 2 blocks were live",
            "DRAM at 0x3ffb2000 (2048 bytes) is not wholly in the image; of 2 blocks in it that \
             the ledger knows 2 are",
            "   96       1  src/camera.rs:78\n   40       1  src/mqtt.rs:60\n",
        ] {
            assert!(text.contains(line), "{line}\n\n{text}");
        }
    }
    let other = directory.file("other.elf", &device.core_of_esp_idf("0123456789abcdef"));
    assert_eq!(directory.report(&[&other, "--elf", &elf]).0, 5);
}

#[test]
fn a_core_that_is_cut_off_has_no_verdict() {
    let (directory, device) = (WorkingDirectory::new(), Device::crashed());
    let elf = directory.file("app.elf", &device.program());
    let whole = device.core(None);
    for length in (0..whole.len()).step_by(61) {
        let core = directory.file("core.elf", &whole[..length]);
        let (code, text, error) = directory.report(&[&core, "--elf", &elf]);
        assert_eq!(code, 5, "{length} of {} bytes\n{text}{error}", whole.len());
        assert!(
            !text.contains("pass their check") && !error.contains("panicked"),
            "{text}"
        );
    }
}

#[test]
fn a_core_of_another_build_is_refused() {
    let (directory, device) = (WorkingDirectory::new(), Device::crashed());
    let program = device.program();
    let hash = Identities::of_program(&program).sha256.to_string();
    let digits = hash.trim_end_matches('…');
    let own = directory.file("own.elf", &device.core(Some(digits)));
    let other = directory.file("other.elf", &device.core(Some("0123456789abcdef")));
    let elf = directory.file("app.elf", &program);
    assert_eq!(directory.report(&[&own, "--elf", &elf]).0, 0);
    let (code, _, error) = directory.report(&[&other, "--elf", &elf]);
    assert_eq!(code, 5);
    assert!(
        error.contains("this is not the program that ran: the device tells build 0123456789abcdef"),
        "{error}"
    );
}

#[test]
fn a_log_of_another_build_is_refused_as_a_core_is() {
    let (directory, device) = (WorkingDirectory::new(), Device::crashed());
    let program = device.program();
    let elf = directory.file("app.elf", &program);
    let hash = Identities::of_program(&program).sha256.to_string();
    let digits = hash.trim_end_matches('…');
    let bytes: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect();
    let dump = |build: &str| {
        format!(
            "====== Heap Trace: 1 records (9 capacity) ======\nprogram build: {build}\n     8 bytes \
             (@ 0x3ffb3f00, Internal) allocated CPU 0 ccount 0x00000000 caller 0x400d1234\n"
        )
    };
    let stream = |id: &[u8]| {
        let mut sent = Vec::new();
        let mut stream = Stream::new(|frame: &[u8]| {
            sent.extend(frame);
            true
        });
        let (site, owner) = (SiteNumber(1), Owner(0));
        let callers = Callers::Words(&[0x400D_1234]);
        for event in [
            Event::Build {
                id: BuildId::new(id),
            },
            Event::Site {
                site,
                caps: Caps::DMA,
                alignment: 4,
                line: 0,
                callers,
                file: "",
            },
            Event::Allocated {
                address: 0x3FFB_0010,
                size: 8,
                site,
                owner,
            },
        ] {
            assert!(stream.emit(0, &event));
        }
        sent
    };
    let other = [0xFF; 20];
    for (name, own, other) in [
        (
            "dump",
            dump(digits).into_bytes(),
            dump(&"ff".repeat(20)).into_bytes(),
        ),
        ("stream", stream(&bytes), stream(&other)),
    ] {
        let other = directory.file(&format!("other.{name}"), &other);
        let (code, _, error) = directory.report(&[&other, "--elf", &elf]);
        assert_eq!(code, 5, "{name}: {error}");
        assert!(
            error.contains("this is not the program that ran"),
            "{name}: {error}"
        );
        // The right one: the drawn program has constants and no functions, which is the next thing.
        let own = directory.file(&format!("own.{name}"), &own);
        let (_, _, error) = directory.report(&[&own, "--elf", &elf]);
        assert!(
            error.contains("neither debug information nor names"),
            "{name}: {error}"
        );
    }
}

#[test]
fn what_is_missing_is_asked_for_by_its_option() {
    let (directory, device) = (WorkingDirectory::new(), Device::crashed());
    let core = directory.file("core.elf", &device.core(None));
    let (code, _, error) = directory.report(&[&core]);
    assert_eq!(code, 5);
    assert!(error.contains("--elf PROGRAM has them"), "{error}");
    let elf = directory.file("app.elf", &device.program());
    let (code, _, error) = directory.report(&[&elf]);
    assert_eq!(code, 5);
    assert!(
        error.contains("is a program, not the core of one"),
        "{error}"
    );
}
