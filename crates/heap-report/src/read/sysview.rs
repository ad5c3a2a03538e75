//! Recordings of SEGGER SystemView with ESP-IDF's heap events, `.svdat`.
//!
//! ```text
//!   ; Version  SEGGER SystemViewer …      lines, the last two of them a `;`
//!   ;
//!   ten zeros
//!   id | length, from id 24 on | payload | ticks since the packet before        and so on
//!   │    │                       numbers in groups of seven bits, the lowest first; texts behind their length
//!   └────┴ one byte or two: seven bits and seven bits. With `; ESP_Extension` bit 6 of the last one is the core
//!
//!   module  0x200  "…Heap Tracing Module"       its events begin at this id
//!     + 0   address, size, callers …            allocated
//!     + 1   address, callers …                  freed
//! ```
//! Sources: SEGGER's SystemView User Guide (UM08027) and `SEGGER_SYSVIEW.h` (numbers of packets);
//! ESP-IDF's `app_trace` component, its tool `sysviewtrace_proc.py` (fields of each packet), and
//! what that lists of the recordings it is tested with; `esp32_sysview.c` of Espressif's OpenOCD,
//! which writes the lines. Tasks are owners.
//!
//! Not proved on a recording: packet 23 (a data sample, since SystemView 3.50), and SEGGER's own
//! heap packets (31, `SEGGER_SYSVIEW_HeapAlloc`), which ESP-IDF does not send and which are passed
//! over.

use std::collections::HashMap;

use crate::history::{Event, History, Site, Source, TimedEvent};
use crate::terminal::printable;

/// Packets up to here have no length: their fields are known.
const FIRST_WITH_LENGTH: u32 = 24;
/// Modules' packets begin here.
const FIRST_OF_MODULES: u32 = 512;
/// Header lines are short; what has none in this many bytes is something else.
const LONGEST_HEADER: usize = 4096;

/// Numbers of packets.
mod id {
    pub(super) const OVERFLOW: u32 = 1;
    pub(super) const ISR_ENTER: u32 = 2;
    pub(super) const ISR_EXIT: u32 = 3;
    pub(super) const TASK_START: u32 = 4;
    pub(super) const TASK_STOP: u32 = 5;
    pub(super) const TASK_INFO: u32 = 9;
    pub(super) const TRACE_START: u32 = 10;
    pub(super) const IDLE: u32 = 17;
    pub(super) const ISR_TO_SCHEDULER: u32 = 18;
    pub(super) const MODULE: u32 = 22;
    pub(super) const INIT: u32 = 24;
}

/// Returns what a recording contains; `None` for other files.
pub(super) fn read(bytes: &[u8]) -> Option<History> {
    let (is_of_both_cores, packets) = header(bytes)?;
    let mut reader = Reader {
        is_of_both_cores,
        ..Reader::default()
    };
    let mut left = Bytes(packets);
    while !left.0.is_empty() {
        let at = bytes.len() - left.0.len();
        if reader.packet(&mut left).is_none() {
            reader.history.gaps.broken_bytes += left.0.len() as u64;
            reader.history.doubts.push(format!(
                "the recording cannot be read from byte {at} on ({} of {} bytes)",
                left.0.len(),
                bytes.len()
            ));
            break;
        }
    }
    Some(reader.finished())
}

/// Returns whether it is of both cores, and the packets.
fn header(bytes: &[u8]) -> Option<(bool, &[u8])> {
    const SYNC: [u8; 10] = [0; 10];
    let beginning = bytes.get(..bytes.len().min(LONGEST_HEADER))?;
    let end = beginning.iter().position(|byte| *byte == 0)?;
    let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
    // SEGGER's own recorder ends the lines with an empty one.
    let is_header = text
        .lines()
        .all(|line| line.is_empty() || line.starts_with(';'));
    if !is_header || !text.contains("SystemView") {
        return None;
    }
    let packets = bytes.get(end..)?.strip_prefix(&SYNC)?;
    Some((text.contains("; ESP_Extension"), packets))
}

#[derive(Default)]
struct Reader {
    is_of_both_cores: bool,
    history: History,
    ticks: u64,
    /// The first number of the heap's packets, once its module is described.
    heap_module: Option<u32>,
    /// Packets of modules that came before the heap's was described, by number.
    undescribed: HashMap<u32, u64>,
    /// What runs on each core: a task, or none.
    running: [Running; 2],
    /// Owners by the numbers of tasks.
    owners: HashMap<u32, u8>,
    sites: HashMap<Vec<u32>, usize>,
}

/// What a core does.
#[derive(Default, Clone, Copy)]
struct Running {
    task: Option<u32>,
    /// Interrupt handlers on top of each other.
    interrupts: u32,
}

impl Reader {
    /// Reads a packet; `None` where none can be read.
    fn packet(&mut self, left: &mut Bytes<'_>) -> Option<()> {
        let (id, core) = self.id(left)?;
        let mut event = None;
        if id < FIRST_WITH_LENGTH {
            self.known(id, core, left)?;
        } else {
            let length = left.length()?;
            let mut payload = Bytes(left.take(length)?);
            match id {
                id::INIT => self.history.ticks_per_second = payload.number()?,
                _ => event = self.of_module(id, core, &mut payload),
            }
        }
        let elapsed = left.number()?;
        self.ticks = match id {
            id::TRACE_START => 0,
            _ => self.ticks + u64::from(elapsed),
        };
        if let Some(event) = event {
            let ticks = self.ticks;
            self.history.events.push(TimedEvent { ticks, event });
        }
        Some(())
    }

    fn id(&self, left: &mut Bytes<'_>) -> Option<(u32, usize)> {
        const OTHER_CORE: u32 = 1 << 6;
        let first = u32::from(left.byte()?);
        let last = match first & 0x80 {
            0 => first,
            _ => u32::from(left.byte()?),
        };
        let (last, core) = if self.is_of_both_cores && last & OTHER_CORE != 0 {
            (last & !OTHER_CORE, 1)
        } else {
            (last, 0)
        };
        Some(match first & 0x80 {
            0 => (last, core),
            _ => (last << 7 | first & 0x7F, core),
        })
    }

    /// Returns a packet without a length.
    fn known(&mut self, id: u32, core: usize, left: &mut Bytes<'_>) -> Option<()> {
        match id {
            id::OVERFLOW => {
                let events = left.number()?;
                self.history.gaps.dropped += u64::from(events);
                let ticks = self.ticks;
                let event = Event::Dropped { events };
                self.history.events.push(TimedEvent { ticks, event });
            }
            id::ISR_ENTER => {
                left.number()?;
                self.running.get_mut(core)?.interrupts += 1;
            }
            id::ISR_EXIT | id::ISR_TO_SCHEDULER => {
                let running = self.running.get_mut(core)?;
                running.interrupts = running.interrupts.saturating_sub(1);
            }
            id::TASK_START => self.running.get_mut(core)?.task = Some(left.number()?),
            id::TASK_STOP | id::IDLE => self.running.get_mut(core)?.task = None,
            id::TASK_INFO => {
                let (task, _, name) = (left.number()?, left.number()?, left.text()?);
                if let Some(owner) = self.owner_of(task) {
                    self.history.owners.insert(owner, name);
                }
            }
            id::TRACE_START => {}
            id::MODULE => {
                let (_, offset, about) = (left.number()?, left.number()?, left.text()?);
                if about.contains("Heap Tracing") && offset >= FIRST_OF_MODULES {
                    self.describe_heap(offset);
                }
            }
            _ => return skip(id, left),
        }
        Some(())
    }

    /// What came before cannot be told from other modules' packets.
    fn describe_heap(&mut self, first: u32) {
        for id in [first, first + 1] {
            self.history.gaps.missed += self.undescribed.remove(&id).unwrap_or(0);
        }
        self.undescribed.clear();
        self.heap_module = Some(first);
    }

    /// Returns what a packet of a module says, if it is the heap's.
    fn of_module(&mut self, id: u32, core: usize, payload: &mut Bytes<'_>) -> Option<Event> {
        let Some(first) = self.heap_module else {
            if id >= FIRST_OF_MODULES {
                *self.undescribed.entry(id).or_default() += 1;
            }
            return None;
        };
        let number = id.checked_sub(first).filter(|number| *number <= 1)?;
        let event = self.of_heap(number, core, payload);
        self.history.gaps.unreadable_records += u64::from(event.is_none());
        event
    }

    /// Returns what a packet of the heap's module says; `None` if it cannot be read.
    fn of_heap(&mut self, number: u32, core: usize, payload: &mut Bytes<'_>) -> Option<Event> {
        let address = payload.number()?;
        if number == 1 {
            return Some(Event::Freed { address });
        }
        let size = payload.number()?;
        let mut callers = Vec::new();
        while let Some(caller) = payload.number() {
            callers.push(caller);
        }
        callers.truncate(
            callers
                .iter()
                .rposition(|caller| *caller != 0)
                .map_or(0, |last| last + 1),
        );
        let running = self.running.get(core).copied().unwrap_or_default();
        let task = running.task.filter(|_| running.interrupts == 0);
        Some(Event::Allocated {
            address,
            size,
            site: self.site_of(callers),
            owner: task.and_then(|task| self.owner_of(task)).unwrap_or(0),
        })
    }

    /// There are numbers for 255 owners; further tasks are nobody.
    fn owner_of(&mut self, task: u32) -> Option<u8> {
        if let Some(owner) = self.owners.get(&task) {
            return Some(*owner);
        }
        let owner = u8::try_from(self.owners.len() + 1).ok()?;
        self.owners.insert(task, owner);
        self.history.owners.insert(owner, format!("task {task:#x}"));
        Some(owner)
    }

    fn site_of(&mut self, callers: Vec<u32>) -> usize {
        if callers.is_empty() {
            return 0;
        }
        let sites = &mut self.history.sites;
        *self.sites.entry(callers).or_insert_with_key(|callers| {
            sites.push(Site {
                callers: callers.clone(),
                ..Site::default()
            });
            sites.len() - 1
        })
    }

    fn finished(self) -> History {
        let mut history = self.history;
        history.source = Source::Stream;
        if self.heap_module.is_none() {
            history.doubts.push(
                "no packet describes ESP-IDF's heap module: record with heap_trace_start behind \
                 the start of SystemView, and let the host ask for the modules"
                    .to_owned(),
            );
        }
        history
            .notes
            .push("read from a recording of SystemView; tasks are owners".to_owned());
        if !self.is_of_both_cores {
            history.notes.push(
                "a recording without ESP_Extension is of one core: what the other one freed looks \
                 live"
                    .to_owned(),
            );
        }
        history
    }
}

/// Passes over a packet without a length whose fields are of no interest here.
fn skip(id: u32, left: &mut Bytes<'_>) -> Option<()> {
    const TEXT: u32 = 14;
    let numbers = match id {
        0 | 11 | 20 => 0,
        6 | 8 | 12 | 15 | 16 | 19 => 1,
        7 | 13 | 23 => 2,
        21 => 4,
        TEXT => return left.text().map(|_| ()),
        _ => return None,
    };
    (0..numbers).try_for_each(|_| left.number().map(|_| ()))
}

/// Bytes that are read from their beginning.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// At most 32 bits.
    fn number(&mut self) -> Option<u32> {
        let mut number = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return u32::try_from(number).ok();
            }
        }
        None
    }

    /// Of a payload: seven bits, or fourteen.
    fn length(&mut self) -> Option<usize> {
        let first = usize::from(self.byte()?);
        Some(match first & 0x80 {
            0 => first,
            _ => usize::from(self.byte()?) << 7 | first & 0x7F,
        })
    }

    fn text(&mut self) -> Option<String> {
        let length = match self.byte()? {
            0xFF => usize::from(self.byte()?) | usize::from(self.byte()?) << 8,
            short => usize::from(short),
        };
        let text = String::from_utf8_lossy(self.take(length)?);
        Some(printable(&text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(mut number: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number >= 0x80 {
            bytes.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        bytes.push(number.to_le_bytes()[0]);
        bytes
    }

    fn text(text: &str) -> Vec<u8> {
        [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
    }

    /// A packet ten ticks after the one before.
    fn packet(id: u32, fields: &[Vec<u8>]) -> Vec<u8> {
        let payload = fields.concat();
        let mut bytes = match id {
            0..0x80 => vec![id.to_le_bytes()[0]],
            _ => vec![id.to_le_bytes()[0] | 0x80, (id >> 7).to_le_bytes()[0]],
        };
        if id >= FIRST_WITH_LENGTH {
            bytes.push(u8::try_from(payload.len()).unwrap());
        }
        [bytes, payload, vec![10]].concat()
    }

    fn on_the_other_core(mut packet: Vec<u8>) -> Vec<u8> {
        let last = usize::from(packet[0] & 0x80 != 0);
        packet[last] |= 1 << 6;
        packet
    }

    fn recording(extension: &str, packets: &[Vec<u8>]) -> Vec<u8> {
        let header =
            format!(";\n; Version     SEGGER SystemViewer V2.42\n; Author      me\n{extension};\n");
        [header.as_bytes(), &[0; 10], &packets.concat()].concat()
    }

    const MQTT: u32 = 0x3F;

    fn beginning() -> Vec<Vec<u8>> {
        vec![
            packet(id::TRACE_START, &[]),
            packet(
                id::INIT,
                &[1_000_000, 160_000_000, 0x3F40_0000, 0].map(number),
            ),
            packet(id::TASK_INFO, &[number(MQTT), number(5), text("mqtt")]),
            packet(14, &[text("I#15=SysTick")]),
            packet(
                id::MODULE,
                &[
                    number(0),
                    number(512),
                    text("M=ESP32 SystemView Heap Tracing Module"),
                ],
            ),
        ]
    }

    fn allocated(address: u32, size: u32) -> Vec<u8> {
        packet(
            512,
            &[address, size, 0x400D_1234, 0x400D_2345, 0].map(number),
        )
    }

    fn freed(address: u32) -> Vec<u8> {
        packet(513, &[address, 0x400D_1234].map(number))
    }

    fn owners(history: &History) -> Vec<String> {
        let owner = |timed: &TimedEvent| match timed.event {
            Event::Allocated { owner, .. } => Some(history.owner_name(owner)),
            _ => None,
        };
        history.events.iter().filter_map(owner).collect()
    }

    #[test]
    fn blocks_have_tasks_call_stacks_and_times() {
        let packets = [
            beginning(),
            vec![
                packet(id::TASK_START, &[number(MQTT)]),
                allocated(0x3FFB_0010, 96),
                packet(id::ISR_ENTER, &[number(7)]),
                allocated(0x3FFB_0100, 8),
                packet(id::ISR_EXIT, &[]),
                allocated(0x3FFB_0200, 300),
                packet(id::TASK_STOP, &[]),
                freed(0x3FFB_0010),
                packet(520, &[number(1)]),
            ],
        ]
        .concat();
        let history = read(&recording("", &packets)).unwrap();
        assert_eq!(history.doubts, [""; 0]);
        assert_eq!(history.ticks_per_second, 1_000_000);
        assert_eq!(owners(&history), ["mqtt", "nobody", "mqtt"]);
        assert_eq!(history.sites[1].callers, [0x400D_1234, 0x400D_2345]);
        assert_eq!(history.sites.len(), 2);
        let expected = Event::Allocated {
            address: 0x3FFB_0010,
            size: 96,
            site: 1,
            owner: 1,
        };
        // The sixth packet behind the start.
        assert_eq!(
            history.events[0],
            TimedEvent {
                ticks: 60,
                event: expected
            }
        );
        assert_eq!(
            history.events[3].event,
            Event::Freed {
                address: 0x3FFB_0010
            }
        );
    }

    /// What OpenOCD writes in front of a recording of both cores.
    const OPENOCD: &[u8] = b";\n; Version     SEGGER SystemViewer V2.42\n\
                             ; Author      Espressif Inc\n; ESP_Extension\n;\n";

    /// The packets that ESP-IDF's tool lists of `test/sysview/heap_log_mcore.svdat`, up to the
    /// first block, then a line of a log and that block's free on the other core.
    const FROM_A_DEVICE: &[&[u8]] = &[
        // A second row of zeros is five packets of nothing.
        b"\0\0\0\0\0\0\0\0\0\0",
        b"\x0A\0",
        // 40 MHz, 160 MHz, RAM at 0x3F400000; 266 ticks.
        b"\x18\x0E\x80\xB4\x89\x13\x80\xD0\xA5\x4C\x80\x80\x80\xFA\x03\0\x8A\x02",
        b"\x0E\x32N=FreeRTOS Application,D=esp32,C=xtensa,O=FreeRTOS\xDE\x03",
        b"\x0C\x99\x9B\xA7\x01\xF2\xA8\x02",
        b"\x09\x94\x9A\xED\x05\x01\x04main\xA3\x83\x01",
        b"\x15\x94\x9A\xED\x05\x90\xFA\xEC\xFF\x03\xE0\x12\0\xD3\x01",
        b"\x1B\x01\0\xA1\x02",
        b"\x42\x05\x8E\x02",
        b"\x52\x8E\x07",
        b"\x51\xD2\x0B",
        b"\x04\x94\x9A\xED\x05\xB8\x11",
        b"\x16\0\x80\x04\x26M=ESP32 SystemView Heap Tracing Module\xC5\x09",
        b"\x02\x05\xA2\x07",
        b"\x03\xF4\x04",
        b"\x80\x04\x28\xA0\xD1\xED\xFF\x03\x08\xFF\xBD\xA0\x80\x04\xB4\xBE\xA0\x80\x04\x98\xB4\xA3\x80\x04\
          \xAF\xF9\xB4\x80\x04\x98\xF1\xB8\x80\x04\xDC\x81\xA2\x80\x04\0\0\0\0\xFE\x11",
        b"\x2F\x03\x0A\x04\0\x10",
        b"\x5A\x3F\x3CI (328) example: Task[0x3ffb7e9c]: free memory @ 0x3ffb68a0\n\0\0\x90\x4E",
        b"\x81\x44\x1B\xA0\xD1\xED\xFF\x03\xA4\xB4\xA3\x80\x04\xF2\xF8\xB4\x80\x04\xDC\x81\xA2\x80\x04\
          \0\0\0\0\0\0\0\xA0\x1F",
    ];

    #[test]
    fn a_recording_of_a_device_is_read_as_esp_idfs_own_tool_reads_it() {
        let bytes = [OPENOCD, &[0; 10], &FROM_A_DEVICE.concat()].concat();
        let history = read(&bytes).unwrap();
        assert_eq!(history.doubts, [""; 0]);
        assert_eq!(history.ticks_per_second, 40_000_000);
        assert_eq!(owners(&history), ["main"]);
        let allocated = Event::Allocated {
            address: 0x3FFB_68A0,
            size: 8,
            site: 1,
            owner: 1,
        };
        let freed = Event::Freed {
            address: 0x3FFB_68A0,
        };
        let events: Vec<_> = history.events.iter().map(|timed| &timed.event).collect();
        assert_eq!(events, [&allocated, &freed]);
        // Listed at 0.001650800 s.
        assert_eq!(history.events[0].ticks, 66_032);
        let callers = [
            1_074_274_047,
            1_074_274_100,
            1_074_321_944,
            1_074_609_327,
            1_074_673_816,
            1_074_299_100,
        ];
        assert_eq!(history.sites[1].callers, callers);
    }

    #[test]
    fn an_empty_line_may_stand_behind_the_header() {
        let header = b";\n; Version     SEGGER SystemViewer V3.52\r\n;\r\n\r\n";
        let bytes = [&header[..], &[0; 10], &FROM_A_DEVICE[1..3].concat()].concat();
        assert_eq!(read(&bytes).unwrap().ticks_per_second, 40_000_000);
    }

    #[test]
    fn with_the_extension_each_core_has_its_own_task() {
        let packets = [
            beginning(),
            vec![
                packet(id::TASK_START, &[number(MQTT)]),
                on_the_other_core(packet(id::TASK_START, &[number(9)])),
                on_the_other_core(allocated(0x3FFB_0100, 8)),
                allocated(0x3FFB_0010, 96),
            ],
        ]
        .concat();
        let history = read(&recording("; ESP_Extension\n", &packets)).unwrap();
        assert_eq!(history.doubts, [""; 0]);
        assert_eq!(owners(&history), ["task 0x9", "mqtt"]);
    }

    #[test]
    fn what_was_lost_or_cut_off_is_reported() {
        let mut packets = beginning();
        packets.push(allocated(0x3FFB_0010, 96));
        packets.push(packet(id::OVERFLOW, &[number(17)]));
        packets.push(allocated(0x3FFB_0100, 8));
        let whole = recording("", &packets);
        let history = read(&whole).unwrap();
        assert_eq!((history.gaps.dropped, history.events.len()), (17, 3));
        let cut = read(&whole[..whole.len() - 3]).unwrap();
        assert_eq!(cut.events.len(), 2);
        assert!(
            cut.doubts[0].contains("cannot be read from byte"),
            "{:?}",
            cut.doubts
        );
        let unknown = recording("", &[packet(23, &[])]);
        assert_eq!(
            read(&unknown).unwrap().doubts.len(),
            2,
            "nor is there a heap"
        );
    }

    #[test]
    fn blocks_that_came_before_the_heaps_module_was_described_are_missed() {
        let mut packets = beginning();
        let described = packets.pop().unwrap();
        packets.extend([
            allocated(0x3FFB_0010, 96),
            freed(0x3FFB_0010),
            packet(600, &[]),
        ]);
        packets.extend([described, allocated(0x3FFB_0100, 8)]);
        let history = read(&recording("", &packets)).unwrap();
        assert_eq!((history.gaps.missed, history.events.len()), (2, 1));
        assert_eq!(history.doubts, [""; 0]);
    }

    #[test]
    fn a_heaps_packet_that_cannot_be_read_is_counted() {
        let mut packets = beginning();
        packets.push(packet(512, &[number(0x3FFB_0010)])); // no size
        packets.push(packet(513, &[]));
        packets.push(packet(514, &[])); // none of the heap's
        packets.push(packet(23, &[number(1), number(0x3F80_0000)])); // a data sample
        packets.push(allocated(0x3FFB_0100, 8));
        let history = read(&recording("", &packets)).unwrap();
        assert_eq!(
            (history.gaps.unreadable_records, history.events.len()),
            (2, 1)
        );
        assert_eq!(history.doubts, [""; 0]);
    }

    #[test]
    fn other_files_are_no_recordings() {
        for other in [
            &b""[..],
            b"; a comment\n",
            b";\n; SystemView\n;\n",
            &[0; 32],
            b"SEGGER SystemView\0\0",
        ] {
            assert!(read(other).is_none(), "{other:x?}");
        }
    }
}
