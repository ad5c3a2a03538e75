//! `esp-heap watch` on a pipe, on a file that grows, on a port, on a terminal.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where something is not as it should be, also in its helpers"
)]
#![cfg(unix)]

mod terminal;

use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use heap_trace::{Event, Owner, SiteNumber, Stream};
use soc_regions::Caps;

/// Returns the event stream that a program sends for `events`, a tick apart.
fn sent(events: &[Event<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut stream = Stream::new(|frame: &[u8]| {
        bytes.extend(frame);
        true
    });
    (1..)
        .zip(events)
        .for_each(|(ticks, event)| assert!(stream.emit(ticks, event)));
    bytes
}

/// Returns the stream of a program in which `mqtt` has a block of 96 bytes; another one was freed,
/// a third request was refused.
fn program() -> Vec<u8> {
    let allocated = |address| Event::Allocated {
        address,
        size: 96,
        site: SiteNumber(0),
        owner: Owner(1),
    };
    let events = [
        Event::Program {
            ticks_per_second: 1000,
            name: "tiny",
        },
        Event::OwnerName {
            owner: Owner(1),
            name: "mqtt",
        },
        Event::Heap {
            index: 0,
            start: 0x3FFB_0000,
            size: 4096,
            caps: Caps::DMA,
            name: "DRAM",
        },
        allocated(0x3FFB_0010),
        allocated(0x3FFB_0100),
        Event::Freed {
            address: 0x3FFB_0010,
        },
        Event::Failed {
            size: 9000,
            caps: Caps::DMA,
            owner: Owner(1),
        },
    ];
    sent(&events)
}

/// Returns the command `esp-heap watch` with pipes on its three streams.
fn watch(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_esp-heap"));
    command
        .arg("watch")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs `esp-heap watch -` on `input` to its end.
fn piped(input: &[u8]) -> Output {
    let mut child = watch(&["-"]).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// Returns an ELF file for Xtensa: `main`, of one word, with a symbol table.
fn elf() -> Vec<u8> {
    const TEXT: u32 = 0x400D_0000;
    let section = |name, kind, address, offset, size, link, entry| {
        [name, kind, 0, address, offset, size, link, 1, 4, entry]
    };
    let sections = [
        [0; 10],
        section(1, 1, TEXT, 52, 4, 0, 0),
        section(7, 2, 0, 64, 32, 3, 16),
        section(15, 3, 0, 56, 8, 0, 0),
        section(15, 3, 0, 96, 24, 0, 0),
    ];
    let mut elf = b"\x7FELF\x01\x01\x01".to_vec();
    elf.resize(16, 0);
    let header = [2 | 94 << 16, 1, TEXT, 0, 120, 0, 52, 40 << 16, 5 | 4 << 16];
    let main = [1, TEXT, 4, 0x12 | 1 << 16];
    let words = header.into_iter().chain([0]);
    elf.extend(words.flat_map(u32::to_le_bytes));
    elf.extend(b"\0main\0\0\0");
    elf.extend([0; 4].into_iter().chain(main).flat_map(u32::to_le_bytes));
    elf.extend(b"\0.text\0.symtab\0.strtab\0\0");
    elf.extend(sections.into_iter().flatten().flat_map(u32::to_le_bytes));
    elf
}

/// First 8 bytes of the SHA-256 of [`elf`], as `sha256sum` prints it.
const ELF_SHA256: [u8; 8] = [0x75, 0xcd, 0x47, 0x55, 0x51, 0xf2, 0x25, 0x1f];

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_pipe_is_watched_to_its_end_and_summed_up() {
    let output = piped(&[b"I (1) boot: hello\n".to_vec(), program()].concat());
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    assert!(text.starts_with("I (1) boot: hello\n"), "{text}");
    assert!(
        text.contains("4 events: 96 bytes in 1 block (peak 192)"),
        "{text}"
    );
    assert!(
        text.contains("        96 bytes in      1 block, peak         192  mqtt"),
        "{text}"
    );
    assert!(
        text.contains("refused: 9,000 bytes, DMA, for mqtt: no heap is that large"),
        "{text}"
    );
    assert!(!text.contains("incomplete"), "{text}");
}

#[test]
fn broken_frames_are_reported_and_the_rest_is_watched() {
    let mut bytes = program();
    let last_frame = bytes.len() - 5;
    bytes[last_frame] ^= 0x40;
    let output = piped(&bytes);
    assert_eq!(output.status.code(), Some(5), "one event in four");
    let text = stdout(&output);
    assert!(text.contains("No verdict: broken frames: 1"), "{text}");
    assert!(
        text.contains("incomplete: broken frames: 1") && text.contains("96 bytes in 1 block"),
        "{text}"
    );
}

#[test]
fn an_input_without_events_is_reported_by_the_exit_code() {
    let output = piped(b"I (1) boot: hello\n");
    assert_eq!(
        (
            output.status.code(),
            stdout(&output).starts_with("I (1) boot: hello\n")
        ),
        (Some(1), true)
    );
    let missing = watch(&["no-such-file.log"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(5));
    let port = watch(&["/dev/no-such-port"]).output().unwrap();
    assert_eq!(port.status.code(), Some(8));
}

/// Reads standard output up to the line that contains `words`, and returns that line.
fn until(words: &str, lines: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        assert!(
            lines.read_line(&mut line).unwrap() > 0,
            "the end came before {words:?}"
        );
    }
    line
}

fn lines_of(child: &mut Child) -> BufReader<ChildStdout> {
    BufReader::new(child.stdout.take().unwrap())
}

#[test]
fn an_elf_file_of_another_build_is_warned_of_and_the_right_one_is_not() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), elf()).unwrap();
    let watched = |id: &[u8]| {
        let build = Event::Build {
            id: heap_trace::BuildId::new(id),
        };
        let stream = [sent(&[build]), program()].concat();
        let mut child = watch(&["-", "--elf", file.path().to_str().unwrap()])
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&stream).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        stdout(&output)
    };
    let warning = "--elf: this is not the program that ran";
    assert_eq!(watched(&ELF_SHA256).matches(warning).count(), 0);
    let text = watched(&[0xAB; 8]);
    assert!(
        text.contains("the device tells build abababababababab"),
        "{text}"
    );
    assert_eq!(text.matches(warning).count(), 2, "at once and at the end");
}

#[test]
fn a_file_is_followed_until_it_is_silent() {
    let bytes = program();
    let (first, second) = bytes.split_at(bytes.len() - 20);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(first).unwrap();
    let name = file.path().to_str().unwrap().to_owned();
    let mut child = watch(&[&name, "--every", "0", "--idle", "3"])
        .spawn()
        .unwrap();
    let mut lines = lines_of(&mut child);
    until("heap: ", &mut lines);
    file.write_all(second).unwrap();
    let line = until("1 refused", &mut lines);
    assert!(line.contains("96 bytes in 1 block"), "{line}");
    until("refused: 9,000 bytes", &mut lines);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_port_is_watched_until_it_is_lost() {
    let (mut board, other_side, port) = terminal::open();
    let mut child = watch(&[&port, "--every", "0", "--idle", "20"])
        .spawn()
        .unwrap();
    let mut lines = lines_of(&mut child);
    // The port is in raw mode once it is open: what is sent before would be echoed.
    while !terminal::is_raw(&other_side) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    board.write_all(b"rst:0x1 (POWERON)\r\n").unwrap();
    until("rst:0x1", &mut lines);
    board.write_all(&program()).unwrap();
    until("1 refused", &mut lines);
    drop((board, other_side));
    until("refused: 9,000 bytes", &mut lines);
    assert_eq!(child.wait().unwrap().code(), Some(8), "the board is gone");
}

#[test]
fn a_board_that_says_nothing_is_silent() {
    let (_board, _other_side, port) = terminal::open();
    let output = watch(&[&port, "--idle", "0.5"]).output().unwrap();
    assert_eq!(output.status.code(), Some(8));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("the board is silent")
    );
}

#[test]
fn a_terminal_gets_a_picture_and_is_left_as_it_was() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&program()).unwrap();
    let (mut person, screen, _) = terminal::open();
    let mut command = Command::new(env!("CARGO_BIN_EXE_esp-heap"));
    command
        .arg("watch")
        .arg(file.path())
        .env("TERM", "xterm-256color");
    command
        .stdin(screen.try_clone().unwrap())
        .stdout(screen.try_clone().unwrap())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop((command, screen));
    let mut seen = String::new();
    let mut bytes = [0; 4096];
    let mut pressed = false;
    // The end of a terminal is an error, not nothing.
    while let Ok(count @ 1..) = person.read(&mut bytes) {
        seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        if !pressed && seen.contains("refused: 1") {
            person.write_all(b"q").unwrap();
            pressed = true;
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(0), "{seen}");
    let (enter, leave) = ("\x1B[?1049h", "\x1B[?1049l");
    assert!(
        seen.contains(enter) && seen.contains("mqtt") && seen.contains("sites"),
        "{seen:?}"
    );
    let after = seen.rsplit(leave).next().unwrap();
    assert!(after.contains("4 events: 96 bytes in 1 block"), "{after:?}");
}

#[test]
fn prometheus_is_served_what_the_device_would_write() {
    use std::net::TcpStream;
    let mut child = watch(&["-", "--prometheus", "0", "--every", "60"])
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&program()).unwrap();
    input.flush().unwrap();
    let mut line = String::new();
    let mut complaints = BufReader::new(child.stderr.take().unwrap());
    complaints.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("metrics: http://").unwrap();
    let address = address.strip_suffix("/metrics").unwrap();
    let scrape = || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let mut answer = scrape();
    for _ in 0..100 {
        if answer.contains("heap_owner_bytes{owner=\"mqtt\"} 96\n") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        answer = scrape();
    }
    for line in [
        "heap_size_bytes{capability=\"DMA\"} 4096\n",
        "heap_free_bytes{capability=\"DMA\"} ",
        "heap_largest_free_block_bytes{capability=\"DMA\"} ",
        "heap_owner_bytes{owner=\"mqtt\"} 96\n",
        "heap_owner_peak_bytes{owner=\"mqtt\"} 192\n",
    ] {
        assert!(answer.contains(line), "{line}\n\n{answer}");
    }
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
