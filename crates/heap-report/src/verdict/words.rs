//! Verdicts as sentences.

use super::{Facts, MOST};
use crate::caught::Caught;
use crate::export::missing;
use crate::history::{Gaps, History, Source};
use crate::replay::{
    AdjacentBlock, FailureNote, Growth, HeapSample, Holders, Leak, Pin, RefusalCause, Space,
};
use crate::summary::words::{bytes, counted, grouped, size, when};

pub(super) fn doubted(doubt: &str) -> String {
    format!("No verdict: {doubt}.")
}

pub(super) fn too_little(gaps: &Gaps, events: usize) -> String {
    let missing = missing(gaps).unwrap_or_default();
    let events = counted(events as u64, "event");
    format!(
        "No verdict: {missing}, beside {events} that were read. Nothing was found, and that means nothing."
    )
}

pub(super) fn silent() -> String {
    "No verdict: no allocation and no free was read.".to_owned()
}

/// Returns what is wrong with the heaps in an image.
pub(super) fn damaged(first: &str, more: usize) -> String {
    let more = match more {
        0 => String::new(),
        more => format!(" ({} more below)", counted(more as u64, "fault")),
    };
    format!("The heap is damaged{more}: {first}.")
}

/// Returns the writer that was caught.
pub(super) fn caught(history: &History, caught: &Caught) -> String {
    let origins = caught.origins(history);
    let origins = match origins.as_slice() {
        [] => String::new(),
        origins => format!(", {}", origins.join(", ")),
    };
    format!(
        "Somebody writes where nobody may: {} wrote {}{origins}.",
        caught.culprit(history),
        caught.place_in_words()
    )
}

/// Returns the words for sound heaps in an image: the owner with most.
pub(super) fn image(facts: &Facts<'_>) -> String {
    let free: u64 = facts.heaps.iter().map(|heap| u64::from(heap.free)).sum();
    let largest = facts.heaps.iter().map(|heap| heap.largest_free).max();
    let missing = facts
        .history
        .crash
        .as_ref()
        .map_or(0, |crash| crash.missing.len());
    let missing = match missing {
        0 => String::new(),
        missing => format!("; {} not in it", heaps_are(missing)),
    };
    if facts.heaps.is_empty() {
        return format!(
            "No verdict: no heap is wholly in the image, so none was checked, and what is free is \
             unknown. {} are allocated in {} that the ledger knows.",
            bytes(facts.total.bytes),
            counted(facts.total.blocks, "block")
        );
    }
    format!(
        "No verdict: an image is one moment, which does not show what grows. The heaps in it pass \
         their check: {} are allocated in {}, {} are free, the largest block has {}{missing}.",
        bytes(facts.total.bytes),
        counted(facts.total.blocks, "block"),
        bytes(free),
        grouped(largest.unwrap_or(0).into())
    )
}

fn heaps_are(count: usize) -> String {
    match count {
        1 => "1 heap is".to_owned(),
        count => format!("{count} heaps are"),
    }
}

/// What summaries of heaps show without their blocks.
pub(super) fn printed(facts: &Facts<'_>) -> String {
    let free = |heaps: &[HeapSample]| heaps.iter().map(|heap| u64::from(heap.free)).sum::<u64>();
    let first = facts.history.measured.first();
    let before = first.map_or(0, |first| free(&first.heaps));
    let largest = facts.heaps.iter().map(|heap| heap.largest_free).max();
    let from = match facts.events {
        1 => format!("{} are free", bytes(before)),
        count => format!(
            "from the first of {} to the last, free bytes went from {} to {}",
            counted(count as u64, "print"),
            grouped(before),
            grouped(free(facts.heaps))
        ),
    };
    format!(
        "No verdict: summaries of heaps have no blocks, so nobody can be named; {from}, the largest \
         free block has {}. An event stream or a trace dump tells who.",
        grouped(largest.unwrap_or(0).into())
    )
}

pub(super) fn heaps_unknown(facts: &Facts<'_>, failure: &FailureNote) -> String {
    let request = request(facts, failure);
    format!("No verdict: {request}, and the input does not name the heaps.")
}

/// Reason of the refusal: the owner responsible, since when.
pub(super) fn refused(facts: &Facts<'_>, failure: &FailureNote) -> String {
    let sentence = refused_in_its_run(facts, failure);
    if facts.restarted_since() {
        format!("Before the last restart: {sentence}")
    } else if facts.has_room_again(failure) {
        format!("{sentence} There is room for it again.")
    } else {
        sentence
    }
}

fn refused_in_its_run(facts: &Facts<'_>, failure: &FailureNote) -> String {
    let request = request(facts, failure);
    if let (Some(beside), RefusalCause::UsedUp { space, .. }) =
        (facts.lasting(&failure.cause, failure.size), &failure.cause)
    {
        return in_pieces(facts, beside, space, &request);
    }
    match &failure.cause {
        RefusalCause::UsedUp { space, holders, .. }
        | RefusalCause::Fragmented { space, holders, .. }
            if facts.is_used_up(&failure.cause) =>
        {
            let holders = held(facts, holders, space);
            let grew = facts
                .leading_leak()
                .map_or_else(String::new, |leak| format!(" {}", grew(facts, leak)));
            format!(
                "Memory is used up: {holders}.{grew} {request} with {} free, {} of them in one block.",
                bytes(space.free),
                grouped(space.largest.into())
            )
        }
        RefusalCause::Fragmented { space, pin, .. } => {
            let free = bytes(space.free);
            let pin = pinned(facts, pin);
            format!(
                "Memory is fragmented: {free} are free, the largest block has {}. {request}. {pin}",
                grouped(space.largest.into())
            )
        }
        RefusalCause::NeverFitted {
            largest_heap: Some(largest),
        } => format!(
            "It never fitted: {request}; the largest heap with {} has {}.",
            failure.caps,
            bytes((*largest).into())
        ),
        RefusalCause::NeverFitted { largest_heap: None } => {
            format!("It never fitted: {request}; no heap has {}.", failure.caps)
        }
        RefusalCause::Withheld { space } => format!(
            "Memory is withheld: {request}, and a free block has {}: a reserve, alignment or the heap's bookkeeping is in the way.",
            bytes(space.largest.into())
        ),
        RefusalCause::UsedUp { .. } | RefusalCause::Unknown => heaps_unknown(facts, failure),
    }
}

/// `16,709 bytes with 8BIT for mqtt were refused at 261360.049 s`.
fn request(facts: &Facts<'_>, failure: &FailureNote) -> String {
    let whose = match failure.owner {
        0 => String::new(),
        owner => format!(" for {}", facts.history.owner_name(owner)),
    };
    let when = when(facts.history, failure.event, failure.ticks);
    let others = match facts.failures {
        0 | 1 => String::new(),
        all => format!(" (of {} refused requests)", grouped(all as u64)),
    };
    format!(
        "{} with {}{whose} were refused at {when}{others}",
        size(failure.size),
        failure.caps
    )
}

/// `mqtt holds 300,140 of 413,084 bytes (94 % of what is in use), all of it from a.rs:60`.
fn held(facts: &Facts<'_>, holders: &Holders, space: &Space) -> String {
    let (used, of) = (holders.used, grouped(space.size));
    let share = |bytes: u64| format!("{:.0} %", percent(bytes, used));
    let is_most = |bytes: u64| bytes * MOST.1 >= used * MOST.0;
    let site = |sites: &[(usize, u64)]| {
        let (site, bytes) = sites.first()?;
        Some(format!(
            "{} of them from {}",
            grouped(*bytes),
            facts.label(*site)
        ))
    };
    let names_owners = holders.owners.iter().any(|(owner, _)| *owner != 0);
    match holders.owners.first() {
        Some(&(owner, most)) if names_owners && is_most(most) => format!(
            "{} holds {} ({} of what is in use, in heaps of {of}), {}",
            facts.history.owner_name(owner),
            bytes(most),
            share(most),
            site(&holders.sites).unwrap_or_default()
        ),
        Some(_) if names_owners => {
            let first = holders.owners.iter().take(3);
            let names: Vec<String> = first
                .map(|(owner, bytes)| {
                    format!("{} {}", facts.history.owner_name(*owner), grouped(*bytes))
                })
                .collect();
            format!(
                "{} of {of} bytes are in use, by many: {}",
                grouped(used),
                names.join(", ")
            )
        }
        _ => match site(&holders.all_sites) {
            Some(site) => format!("{} of {of} bytes are in use, {site}", grouped(used)),
            None => format!("what uses {of} bytes was there before the stream began"),
        },
    }
}

/// `a.rs:60 kept 349 blocks since 0.046 s, to the end (very likely a leak).`
fn grew(facts: &Facts<'_>, leak: &Leak) -> String {
    format!(
        "{} kept {} in {} since {}, and goes on to the end ({} a leak).",
        facts.label(leak.site),
        bytes(leak.kept.bytes),
        blocks_of(&leak.kept),
        when(facts.history, leak.kept.since, leak.kept.since_ticks),
        leak.sure.word()
    )
}

/// `8 blocks`, `1 block that grew again and again`.
fn blocks_of(kept: &Growth) -> String {
    let blocks = counted(kept.blocks, "block");
    match kept.blocks {
        _ if kept.blocks == kept.steps => blocks,
        1 => format!("{blocks} that grew again and again"),
        _ => format!("{blocks}, some of which grew,"),
    }
}

/// What stays lies between what comes and goes.
fn in_pieces(facts: &Facts<'_>, beside: &AdjacentBlock, space: &Space, request: &str) -> String {
    let block = &beside.block;
    let grew = facts
        .leading_leak()
        .map_or_else(String::new, |leak| grew(facts, leak));
    let whose = match block.owner {
        0 => String::new(),
        owner => format!("{}'s ", facts.history.owner_name(owner)),
    };
    format!(
        "Memory is fragmented: {} are free, the largest block has {}. {request}. {whose}block of {} at {:#010x} (from {}, since {}) lies beside a hole of {}. {grew}",
        bytes(space.free),
        grouped(space.largest.into()),
        bytes(block.size.into()),
        block.address,
        facts.label(block.site),
        when(facts.history, block.allocated_at, block.allocated_ticks),
        bytes(beside.hole.into())
    )
}

fn pinned(facts: &Facts<'_>, pin: &Pin) -> String {
    let block = &pin.block;
    let others = match pin.blocks {
        0 | 1 => String::new(),
        more => format!(" and {}", counted(more as u64 - 1, "other block")),
    };
    let whose = match block.owner {
        0 => String::new(),
        owner => format!("{}'s ", facts.history.owner_name(owner)),
    };
    format!(
        "{whose}block of {} at {:#010x} (from {}, since {}){others} lies beside a hole of {}: without it there were {}.",
        bytes(block.size.into()),
        block.address,
        facts.label(block.site),
        when(facts.history, block.allocated_at, block.allocated_ticks),
        bytes(pin.hole.into()),
        bytes(pin.without.into())
    )
}

pub(super) fn leaking(facts: &Facts<'_>, leak: &Leak) -> String {
    let others = facts.leaks.iter().filter(|leak| leak.is_suspect()).count() - 1;
    let others = match others {
        0 => String::new(),
        others => format!(" {} below.", counted(others as u64, "more suspect")),
    };
    let word = leak.sure.word();
    let mut letters = word.chars();
    let word: String = letters
        .next()
        .map(|letter| letter.to_ascii_uppercase())
        .into_iter()
        .chain(letters)
        .collect();
    let refused = facts.failure.map_or_else(
        || "Nothing was refused yet.".to_owned(),
        |failure| refused_in_its_run(facts, failure),
    );
    format!(
        "{word} a leak: {} kept {} in {} since {}, beyond what it frees, and goes on to the end. {refused}{others}",
        facts.label(leak.site),
        bytes(leak.kept.bytes),
        blocks_of(&leak.kept),
        when(facts.history, leak.kept.since, leak.kept.since_ticks),
    )
}

pub(super) fn not_freed(facts: &Facts<'_>, largest: Option<&Leak>) -> String {
    let total = facts.total;
    let Some(largest) = largest else {
        return "Nothing that the trace recorded was still allocated when it was printed."
            .to_owned();
    };
    format!(
        "{} in {} were not freed while the trace ran, most of them ({}) from {}. Whether they would have been freed later a dump does not show.",
        bytes(total.bytes),
        counted(total.blocks, "block"),
        grouped(largest.account.bytes),
        facts.label(largest.site)
    )
}

pub(super) fn healthy(facts: &Facts<'_>) -> String {
    let peak = bytes(facts.total.peak_bytes);
    let largest = facts
        .heaps
        .iter()
        .map(|heap| u64::from(heap.largest_free))
        .max();
    let free = largest.map_or_else(String::new, |largest| {
        let free: u64 = facts.heaps.iter().map(|heap| u64::from(heap.free)).sum();
        format!(
            ", {} are free now, the largest block has {}",
            bytes(free),
            grouped(largest)
        )
    });
    let failures = match facts.history.source {
        Source::Dump | Source::Printed | Source::Image | Source::Guard => "",
        Source::Stream | Source::Recorded => "nothing was refused, and ",
    };
    let events = counted(facts.events as u64, "event");
    let when = if facts.is_peak_late() {
        " near the end, so it may still grow"
    } else {
        ""
    };
    format!(
        "Healthy: {failures}no place keeps growing, in {events}; the peak was {peak}{when}{free}."
    )
}

impl Facts<'_> {
    fn label(&self, site: usize) -> String {
        (self.label)(site)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
fn percent(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        whole => part as f64 * 100.0 / whole as f64,
    }
}
