//! `esp-heap watch` on a pipe, on a file that grows, on a port, on a terminal.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where something is not as it should be, also in its helpers"
)]
#![cfg(unix)]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use heap_trace::{Event, Owner, SiteNumber, Stream};
use soc_regions::Caps;

/// What a program sends that says this.
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

/// `mqtt` has a block of 96 bytes, another came and went, a third was refused.
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

fn piped(input: &[u8]) -> Output {
    let mut child = watch(&["-"]).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// A program for Xtensa: `main`, of one word.
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

/// The beginning of its SHA-256, as `sha256sum` prints it.
const ELF_SHA256: [u8; 8] = [0x75, 0xcd, 0x47, 0x55, 0x51, 0xf2, 0x25, 0x1f];

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_pipe_is_watched_to_its_end_and_summed_up() {
    let output = piped(&[b"I (1) boot: hello\n".to_vec(), program()].concat());
    assert_eq!(output.status.code(), Some(0));
    let text = said(&output);
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
    let text = said(&output);
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
            said(&output).starts_with("I (1) boot: hello\n")
        ),
        (Some(1), true)
    );
    let missing = watch(&["no-such-file.log"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(5));
    let port = watch(&["/dev/no-such-port"]).output().unwrap();
    assert_eq!(port.status.code(), Some(8));
}

/// Lines from standard output until one has these words.
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
        said(&output)
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

/// A pseudo-terminal: our side, and the other one with its name. Children get none of them but what
/// they are given.
fn terminal() -> (File, File, String) {
    // SAFETY: no pointer is passed.
    let ours = unsafe { libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC) };
    assert!(ours >= 0);
    // SAFETY: it was opened above, and belongs to nobody else.
    let ours = File::from(unsafe { OwnedFd::from_raw_fd(ours) });
    let descriptor = ours.as_raw_fd();
    let mut name = [0_u8; 128];
    // SAFETY: the terminal is open.
    assert_eq!(unsafe { libc::grantpt(descriptor) }, 0);
    // SAFETY: the terminal is open.
    assert_eq!(unsafe { libc::unlockpt(descriptor) }, 0);
    // SAFETY: the terminal is open, and the length of the name's buffer is passed.
    let named = unsafe { libc::ptsname_r(descriptor, name.as_mut_ptr().cast(), name.len()) };
    assert_eq!(named, 0);
    let end = name.iter().position(|&byte| byte == 0).unwrap();
    let name = String::from_utf8(name[..end].to_vec()).unwrap();
    let theirs = File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY)
        .open(&name);
    let size = libc::winsize {
        ws_row: 30,
        ws_col: 100,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the terminal is open, and a size is what this request takes.
    let sized = unsafe { libc::ioctl(descriptor, libc::TIOCSWINSZ, &raw const size) };
    assert_eq!(sized, 0);
    (ours, theirs.unwrap(), name)
}

#[test]
fn a_port_is_watched_until_it_is_lost() {
    let (mut board, other_side, port) = terminal();
    let mut child = watch(&[&port, "--every", "0", "--idle", "20"])
        .spawn()
        .unwrap();
    let mut lines = lines_of(&mut child);
    // The port is in raw mode once it is open: what is sent before would be echoed.
    while !is_raw(&other_side) {
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

fn is_raw(terminal: &File) -> bool {
    let mut settings = std::mem::MaybeUninit::<libc::termios>::uninit();
    // SAFETY: the terminal is open, and the settings are written before they are read.
    let got = unsafe { libc::tcgetattr(terminal.as_raw_fd(), settings.as_mut_ptr()) };
    assert_eq!(got, 0);
    // SAFETY: written above.
    let settings = unsafe { settings.assume_init() };
    settings.c_lflag & libc::ICANON == 0
}

#[test]
fn a_board_that_says_nothing_is_silent() {
    let (_board, _other_side, port) = terminal();
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
    let (mut person, screen, _) = terminal();
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
