//! Heaps of a program that crashed, from an image of its memory.
//!
//! ```text
//!   core.elf, raw pieces ─► MemoryImage ─► ImageHeader (magic) ─► Description ─► slots ─► HeapImage: walk, check
//!        program (--elf) ──►                                      └► ledger: whose, from where
//!                                                     FailureLog (magic) ─► what failed before
//!                                                     Recent (magic) ─► what happened around damage
//! ```
//!
//! The walk over blocks and the check are those of `multi_heap`; where values lie, the program's
//! description of itself says.

mod failures;
mod heaps;
mod ledger;
mod memory;
mod recent;

pub use memory::MemoryImage;

use heap_caps::{Description, ImageHeader, OBSERVER_WORDS, ObserverDescription};
use multi_heap::{Comprehensive, Heap, Light, Unpoisoned};

use crate::crash::Crash;
use crate::history::{Event, History, Measured, Source, TimedEvent};
use heaps::HeapState;
use ledger::Ledger;

/// Returns the heaps in an image of memory: an event for each live block, and the heaps as
/// measured.
///
/// # Errors
/// No heap describes itself there, its description cannot be read, or no heap is in the image, in a
/// sentence.
pub fn history(memory: &MemoryImage) -> Result<History, String> {
    heaps_in(memory).map_err(|cause| match memory.doubts.first() {
        Some(doubt) => format!("{cause}; {doubt}"),
        None => cause,
    })
}

fn heaps_in(memory: &MemoryImage) -> Result<History, String> {
    let found = found(memory)?;
    let set = &found.set;
    let states = (0..set.heaps).filter_map(|number| match set.level() {
        0 => heaps::state::<Unpoisoned>(memory, &found, number),
        1 => heaps::state::<Light>(memory, &found, number),
        _ => heaps::state::<Comprehensive>(memory, &found, number),
    });
    let mut states: Vec<HeapState> = states.collect();
    let ledger = Ledger::of(memory, &found);
    for state in &mut states {
        state.list_used(memory, &found, &ledger);
    }
    let history = of_states(memory, &found, &states, &ledger);
    if !history.heaps.is_empty() || !history.events.is_empty() {
        return Ok(history);
    }
    let missing: Vec<String> = states
        .into_iter()
        .filter_map(|state| state.missing)
        .collect();
    Err(if missing.is_empty() {
        "there is no heap yet: the image was taken before any was booted".to_owned()
    } else {
        format!(
            "no heap is in the image ({}): {}",
            memory.extent(),
            missing.join("; ")
        )
    })
}

/// A set of heaps in an image.
struct Found {
    /// Where it lies.
    at: u64,
    set: Description,
    /// Its places cannot be trusted otherwise.
    pointer_bytes: u32,
}

fn found(memory: &MemoryImage) -> Result<Found, String> {
    let mut because = None;
    for header in memory.find(&ImageHeader::MAGIC) {
        match of_header(memory, header) {
            Ok(found) => return Ok(found),
            // What was claimed says more than what was not: a program's own start-up data, say.
            Err(cause) if because.is_none() || cause.1 => because = Some(cause),
            Err(_) => {}
        }
    }
    Err(because.map_or_else(
        || {
            format!(
                "no heap describes itself in this memory ({}): its header begins with ESPHEAP1, in \
                 the program's data. Is RAM in the dump (ESP-IDF: \
                 CONFIG_ESP_COREDUMP_CAPTURE_DRAM), and does the program use `claim!` or a \
                 heap_caps::ImageHeader?",
                memory.extent()
            )
        },
        |(cause, _)| cause,
    ))
}

/// Why a header leads nowhere, and whether it was in use.
type InvalidHeader = (String, bool);

fn of_header(memory: &MemoryImage, header: u64) -> Result<Found, InvalidHeader> {
    let cut = || {
        let cause = format!("the heap's header at {header:#010x} is cut off");
        (cause, false)
    };
    // A chip's pointers have four bytes, a laptop's eight: only one of them leads to a description.
    let (mut missing, mut in_use) = (None, false);
    for pointer_bytes in [4, 8] {
        let at = memory.number(header + 8, pointer_bytes).ok_or_else(cut)?;
        if memory.pointer(header + 8, pointer_bytes).is_none() {
            continue;
        }
        let described = memory.pointer(header + 8 + u64::from(pointer_bytes), pointer_bytes);
        let described = match described {
            Some(described) if at != 0 && described != 0 => described,
            _ => continue,
        };
        in_use = true;
        let words = memory.words(described, Description::WORDS);
        let words = words.and_then(|words| <[u32; Description::WORDS]>::try_from(words).ok());
        let Some(words) = words else {
            missing.get_or_insert(described);
            continue;
        };
        let Some(set) = Description::from_words(&words) else {
            continue;
        };
        if let Some(cause) = unreadable(&set) {
            return Err((cause, true));
        }
        if set.pointer_bytes == pointer_bytes && set.heaps <= 63 && set.priorities <= 8 {
            return Ok(Found {
                at,
                set,
                pointer_bytes,
            });
        }
    }
    let sentence = match missing {
        _ if !in_use => format!(
            "the heap's header at {header:#010x} leads nowhere: the image was taken before the \
             program claimed its RAM"
        ),
        Some(described) => format!(
            "what the heap looks like stands at {described:#010x}, in the program's constants, \
             which are not in this memory ({}): --elf PROGRAM has them",
            memory.extent()
        ),
        None => format!(
            "the heap's header at {header:#010x} leads to no description of a heap: the memory is \
             damaged there, or --elf is not the program that ran"
        ),
    };
    Err((sentence, in_use))
}

/// Why this tool cannot read heaps that are described so.
fn unreadable(set: &Description) -> Option<String> {
    let (theirs, ours) = (set.version, Description::VERSION);
    if theirs != ours {
        return Some(format!(
            "the program's heap describes itself in version {theirs}; this tool knows version \
             {ours}: use the esp-heap of the program's release"
        ));
    }
    let encoded_links = Heap::<Unpoisoned>::LAYOUT.encoded_links;
    let (program, tool, remedy) = if encoded_links {
        ("does not encode", "encoded", "without the feature")
    } else {
        ("encodes", "plain", "with the feature")
    };
    (set.encodes_links() != encoded_links).then(|| {
        format!(
            "the program {program} the links of its heaps, and this tool reads {tool} ones: use \
             an esp-heap that was built {remedy} `encoded-links`"
        )
    })
}

fn of_states(
    memory: &MemoryImage,
    found: &Found,
    states: &[HeapState],
    ledger: &Ledger,
) -> History {
    let (read, missing): (Vec<&HeapState>, Vec<&HeapState>) =
        states.iter().partition(|state| state.missing.is_none());
    let mut history = History {
        source: Source::Image,
        heaps: read.iter().map(|state| state.described.clone()).collect(),
        owners: ledger.names.clone(),
        sites: ledger.sites.clone(),
        doubts: memory.doubts.clone(),
        build: memory.identity.clone(),
        ..History::default()
    };
    for state in states {
        let allocated = state.used.iter().map(|block| {
            let (site, owner) = ledger.of_block(block.address);
            TimedEvent {
                ticks: 0,
                event: Event::Allocated {
                    address: block.address,
                    size: block.size,
                    site,
                    owner,
                },
            }
        });
        history.events.extend(allocated);
    }
    history.measured.push(Measured {
        event: history.events.len(),
        heaps: read.iter().map(|state| state.sample.clone()).collect(),
    });
    let past = recent::events(memory, found.pointer_bytes, &mut history.sites);
    let poisoning = ["none", "light", "comprehensive"];
    let damage = read.iter().flat_map(|state| {
        let described = |damage: &heaps::Damage| damage.described(state, ledger, &past);
        state.damage.iter().map(described)
    });
    let crash = Crash {
        poisoning: poisoning[found.set.level().min(2) as usize],
        damage: damage.collect(),
        failures: failures::sentences(memory),
        refused: memory.word(found.at + u64::from(found.set.failures)),
        missing: missing
            .iter()
            .filter_map(|state| state.missing.clone())
            .collect(),
    };
    if !crash.damage.is_empty() {
        let note = "if a core was inside of the heap when the image was taken, a fault can be an \
                    operation that was not finished: look at the cores' call stacks";
        history.notes.push(note.to_owned());
    }
    history
        .notes
        .extend(memory.notes.iter().chain(&ledger.notes).cloned());
    history.crash = Some(Box::new(crash));
    history
}

/// An observer's words, as they stand in an image.
const _: () = assert!(size_of::<ObserverDescription>() == 8 + 4 * OBSERVER_WORDS);
