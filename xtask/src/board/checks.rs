//! Checks that a program would start on the chip, made before anything is sent.
//!
//! ```text
//!   segments   inside the chip's RAM or flash windows                entry    in code, on the instruction bus
//!   vectors    where the processor jumps on an exception             stack    in RAM, aligned, with room
//!   descriptor first in flash's data window, with its magic number   heaps    none lies over the program
//! ```

use std::collections::BTreeSet;

use soc_regions::{Chip, Span};

use super::chip::FlashWindows;
use super::program::Program;
use super::{Board, sizes};

/// The first word of an application descriptor. Source: ESP-IDF v5.5, `esp_app_desc.h`.
const DESCRIPTOR_MAGIC: [u8; 4] = 0xABCD_5432_u32.to_le_bytes();
const DESCRIPTOR_BYTES: usize = 256;
/// What a program needs at least, formatting included.
const LEAST_STACK: u32 = 4096;

/// Everything that is wrong with `program`, a sentence each.
pub(crate) fn faults(program: &Program, board: Board) -> Vec<String> {
    let memory = AddressMap {
        ram: board.table(),
        flash: board.flash(),
    };
    let mut faults = segment_faults(program, &memory);
    faults.extend(entry_fault(program, &memory));
    faults.extend(if board.is_xtensa() {
        xtensa_vector_fault(program, &memory)
    } else {
        riscv_vector_fault(program, &memory)
    });
    faults.extend(descriptor_fault(program, &memory));
    faults.extend(stack_fault(program, &memory));
    faults.extend(second_heap_fault(program));
    faults
}

/// All addresses of the chip that a program can have.
struct AddressMap {
    ram: &'static Chip,
    flash: FlashWindows,
}

impl AddressMap {
    fn holds(&self, span: Span) -> bool {
        let flash = [self.flash.data, self.flash.code];
        // Windows that touch are one memory: a segment may go from one to the next.
        let mut at = span.start();
        while at < span.end() {
            let ram = self.ram.window_at(at).map(|window| window.span);
            let Some(window) = ram.or_else(|| flash.into_iter().find(|flash| flash.contains(at)))
            else {
                return false;
            };
            at = window.end();
        }
        true
    }

    fn executes(&self, address: u32) -> bool {
        self.ram.is_executable(address) || self.flash.code.contains(address)
    }
}

fn segment_faults(program: &Program, memory: &AddressMap) -> Vec<String> {
    let outside = |span: &Span| !memory.holds(*span);
    let spans = program.segments.iter().map(|segment| segment.span);
    let mut faults: Vec<String> = spans
        .filter(outside)
        .map(|span| {
            format!("the segment at {span} is in no memory of the chip: check memory.x of the linker script")
        })
        .collect();
    if program.segments.is_empty() {
        faults.push("no segment is loaded: the linker script was not used".to_owned());
    }
    faults
}

fn entry_fault(program: &Program, memory: &AddressMap) -> Option<String> {
    let entry = program.entry;
    if !memory.executes(entry) {
        return Some(format!(
            "the entry {entry:#010x} is in no memory that runs code: is the start-up crate linked, with ENTRY(…)?"
        ));
    }
    let is_code = |segment: &&super::program::Segment| segment.executable;
    let is_there = program
        .segments
        .iter()
        .filter(is_code)
        .any(|segment| segment.span.contains(entry));
    (!is_there).then(|| format!("the entry {entry:#010x} is in no code of the program"))
}

/// `.vectors` is 0x400 bytes in RAM that runs code, aligned as VECBASE wants it.
fn xtensa_vector_fault(program: &Program, memory: &AddressMap) -> Option<String> {
    const BYTES: usize = 0x400;
    let Some(vectors) = program.content(".vectors") else {
        return Some("there is no `.vectors`: is xtensa-lx-rt's link.x used?".to_owned());
    };
    let (start, bytes) = (vectors.start, vectors.bytes.len());
    let is_right = bytes == BYTES && start.is_multiple_of(0x400) && memory.ram.is_executable(start);
    (!is_right).then(|| {
        format!("`.vectors` has {bytes} bytes at {start:#010x}; it must have {BYTES} at a multiple of 0x400 in IRAM (built without optimisation?)")
    })
}

/// `mtvec` takes a table at a multiple of 256.
fn riscv_vector_fault(program: &Program, memory: &AddressMap) -> Option<String> {
    match program.symbol("_vector_table") {
        None => Some("there is no `_vector_table`: is esp-hal's linkall.x used?".to_owned()),
        Some(at) if at.is_multiple_of(256) && memory.ram.is_executable(at) => None,
        Some(at) => Some(format!(
            "`_vector_table` is at {at:#010x}; it must be at a multiple of 256 in RAM that runs code"
        )),
    }
}

/// Returns what is wrong with the descriptor, which the boot loader reads from the first bytes of
/// the segment that is mapped for data.
fn descriptor_fault(program: &Program, memory: &AddressMap) -> Option<String> {
    let in_window = |start: u32| memory.flash.data.contains(start);
    let first = program
        .contents
        .iter()
        .find(|content| in_window(content.start));
    let Some(first) = first else {
        return Some(
            "nothing is in flash's data window, so there is no application descriptor".to_owned(),
        );
    };
    let is_descriptor =
        first.bytes.len() >= DESCRIPTOR_BYTES && first.bytes.starts_with(&DESCRIPTOR_MAGIC);
    (!is_descriptor).then(|| {
        format!(
            "`{}` comes first in flash's data window, at {:#010x}; an application descriptor must (esp_app_desc!, `.flash.appdesc`)",
            first.name, first.start
        )
    })
}

fn stack_fault(program: &Program, memory: &AddressMap) -> Option<String> {
    let Some(top) = program.symbol("_stack_start_cpu0") else {
        return Some("there is no `_stack_start_cpu0`: the first core has no stack".to_owned());
    };
    let is_ram = top
        .checked_sub(4)
        .is_some_and(|last| memory.ram.is_byte_accessible(last));
    if !is_ram || !top.is_multiple_of(16) {
        return Some(format!(
            "the stack starts at {top:#010x}, which is not the end of 16 bytes of RAM"
        ));
    }
    let room = top.saturating_sub(program.symbol("_stack_end_cpu0")?);
    (room < LEAST_STACK).then(|| {
        format!("the stack has {room} bytes, down from {top:#010x}; a program needs {LEAST_STACK} at least")
    })
}

/// The crate that a program of the capability heap has.
const OUR_ALLOCATOR: &str = "multi_heap";
/// Crates that keep a heap of their own: the two that esp-alloc stands on.
const OTHER_ALLOCATORS: [&str; 2] = ["linked_list_allocator", "rlsf"];

/// Returns a heap beside the claimed one starves, or takes memory that the claim has. A program
/// with another heap alone is nobody's business.
fn second_heap_fault(program: &Program) -> Option<String> {
    let names = program.items.iter().map(|(name, _)| name);
    let crates: BTreeSet<String> = names.map(|name| sizes::crate_of(name)).collect();
    let other = OTHER_ALLOCATORS
        .iter()
        .find(|name| crates.contains(**name))?;
    crates.contains(OUR_ALLOCATOR).then(|| format!(
        "a second heap is linked, by {other}: esp-radio and esp-rtos bring esp-alloc unless they have `default-features = false` and no feature `esp-alloc`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::program::{Content, Segment};
    use crate::sample;
    use esp_heap::firmware::Firmware;
    use object::elf;
    use soc_regions::span;
    use std::path::PathBuf;

    /// A program that is right in everything.
    fn sound() -> Program {
        let symbols = [
            ("_stack_start_cpu0", 0x3FFC_0000),
            ("_stack_end_cpu0", 0x3FFB_8000),
        ];
        let sections = [sample::text(".text", 0x400D_0020, 16)];
        let elf = sample::bytes(elf::EM_XTENSA, &sections, &symbols);
        let mut descriptor = vec![0; DESCRIPTOR_BYTES];
        descriptor[..4].copy_from_slice(&DESCRIPTOR_MAGIC);
        Program {
            file: PathBuf::from("sound"),
            firmware: Firmware::parse("sound", &elf).unwrap(),
            entry: 0x400D_0024,
            segments: vec![
                Segment {
                    span: span!(0x3F40_0020, 0x3F40_0120),
                    executable: false,
                },
                Segment {
                    span: span!(0x400D_0020, 0x400D_0030),
                    executable: true,
                },
            ],
            contents: vec![
                content(".flash.appdesc", 0x3F40_0020, descriptor),
                content(".vectors", 0x4008_0000, vec![0; 0x400]),
            ],
            items: Vec::new(),
        }
    }

    fn content(name: &str, start: u32, bytes: Vec<u8>) -> Content {
        Content {
            name: name.to_owned(),
            start,
            bytes,
        }
    }

    fn faults_after(change: impl FnOnce(&mut Program)) -> String {
        let mut program = sound();
        change(&mut program);
        faults(&program, Board::Esp32).join("\n")
    }

    #[test]
    fn a_sound_program_has_no_faults() {
        assert_eq!(faults_after(|_| {}), "");
    }

    #[test]
    fn a_segment_outside_of_the_chips_memory_is_a_fault() {
        let faults =
            faults_after(|program| program.segments[0].span = span!(0x3F7F_FFF0, 0x3F80_0010));
        assert_eq!(faults, "", "PSRAM comes right behind flash");
        let faults =
            faults_after(|program| program.segments[0].span = span!(0x2000_0000, 0x2000_0010));
        assert!(
            faults.starts_with("the segment at 0x20000000..0x20000010 is in no memory"),
            "{faults}"
        );
        let faults = faults_after(|program| program.segments.clear());
        assert!(faults.contains("no segment is loaded"), "{faults}");
    }

    #[test]
    fn an_entry_that_is_no_code_is_a_fault() {
        let faults = faults_after(|program| program.entry = 0x3FFB_0000);
        assert!(faults.contains("in no memory that runs code"), "{faults}");
        let faults = faults_after(|program| program.entry = 0x400D_0040);
        assert!(faults.contains("in no code of the program"), "{faults}");
    }

    #[test]
    fn vectors_that_overflowed_are_a_fault() {
        let faults = faults_after(|program| program.contents[1].bytes.push(0));
        assert!(faults.starts_with("`.vectors` has 1025 bytes"), "{faults}");
        let faults = faults_after(|program| program.contents[1].start = 0x4008_0100);
        assert!(faults.contains("at 0x40080100"), "{faults}");
        let faults = faults_after(|program| drop(program.contents.pop()));
        assert!(faults.contains("there is no `.vectors`"), "{faults}");
    }

    #[test]
    fn another_beginning_than_the_descriptor_is_a_fault() {
        let faults = faults_after(|program| program.contents[0].bytes[0] = 0);
        assert!(faults.contains("`.flash.appdesc` comes first"), "{faults}");
        let faults = faults_after(|program| drop(program.contents.remove(0)));
        assert!(faults.contains("no application descriptor"), "{faults}");
    }

    #[test]
    fn a_second_heap_is_a_fault() {
        const OURS: &str = "_ZN10multi_heap4heap5alloc17h0123456789abcdefE";
        const OTHER: &str = "_ZN21linked_list_allocator4Heap5alloc17h0123456789abcdefE";
        let with = |names: &[&str]| {
            let items = names.iter().map(|name| ((*name).to_owned(), 64));
            faults_after(|program| program.items.extend(items))
        };
        let faults = with(&[OURS, OTHER]);
        assert!(
            faults.starts_with("a second heap is linked, by linked_list_allocator"),
            "{faults}"
        );
        assert_eq!(with(&[OURS]), "");
        assert_eq!(with(&[OTHER]), "", "the only one is no second one");
    }

    #[test]
    fn a_stack_without_room_is_a_fault() {
        let stack = |top: u32, bottom: u32| {
            let symbols = [("_stack_start_cpu0", top), ("_stack_end_cpu0", bottom)];
            let sections = [sample::text(".text", 0x400D_0020, 16)];
            let elf = sample::bytes(elf::EM_XTENSA, &sections, &symbols);
            faults_after(|program| program.firmware = Firmware::parse("x", &elf).unwrap())
        };
        assert_eq!(stack(0x3FFC_0000, 0x3FFB_F000), "");
        assert!(stack(0x3FFC_0000, 0x3FFB_F010).contains("has 4080 bytes"));
        assert!(stack(0x3FFC_0004, 0x3FFB_0000).contains("0x3ffc0004"));
        assert!(stack(0x2000_0000, 0x1000_0000).contains("0x20000000"));
    }
}
