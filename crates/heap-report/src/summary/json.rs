//! The summary for programs: one JSON object.

use serde_json::{Value, json};

use crate::caught::Caught;
use crate::history::{History, Site};
use crate::replay::{FailureNote, Leak, Replayed};
use crate::verdict::Verdict;

/// Everything that the text has, and all sites: `verdict`, `doubts`, `program`, `source`,
/// `events`, `total`, `peak`, `owners`, `sites`, `leaks`, `failures`, `shortage`, `heaps`, `gaps`,
/// `restarts`, `notes`, `build`, `caught`; of an image of memory `crash` and `blocks`. Sizes are in
/// bytes, times in ticks, of which there are `ticks_per_second` (0: unknown).
#[must_use]
pub fn json(history: &History, replayed: &Replayed) -> Value {
    let peak = &replayed.peak;
    let leaks = replayed.leaks();
    let owners = replayed.owners.iter();
    let sites = replayed
        .sites
        .iter()
        .enumerate()
        .filter(|(_, account)| account.allocations > 0);
    json!({
        "verdict": Verdict::of(history, replayed),
        "doubts": history.doubts,
        "program": history.program,
        "source": history.source,
        "ticks_per_second": history.ticks_per_second,
        "events": history.events.len(),
        "total": replayed.total,
        "peak": { "bytes": peak.bytes, "blocks": peak.blocks, "event": peak.event, "ticks": peak.ticks },
        "owners": owners.map(|(owner, account)| json!({ "owner": owner, "name": history.owner_name(*owner), "account": account })).collect::<Vec<_>>(),
        "sites": sites.map(|(site, account)| json!({ "site": site_object(history, site), "account": account })).collect::<Vec<_>>(),
        "leaks": leaks.iter().map(|leak| leak_object(history, leak)).collect::<Vec<_>>(),
        "failures": replayed.failures.iter().map(|failure| failure_object(history, failure)).collect::<Vec<_>>(),
        "shortage": super::shortage::json(history, replayed),
        "heaps": heaps(history, replayed),
        "heaps_are_measured": history.source.is_exact(),
        "gaps": replayed.gaps,
        "restarts": replayed.restarts,
        "notes": history.notes,
        "build": history.build.as_ref().map(ToString::to_string),
        "caught": history.caught.iter().map(|caught| caught_in_json(history, caught)).collect::<Vec<_>>(),
        "crash": history.crash_in_words(),
        "blocks": history.crash.as_ref().map(|_| blocks(history, replayed)),
    })
}

fn caught_in_json(history: &History, caught: &Caught) -> Value {
    json!({
        "address": caught.address,
        "culprit": caught.culprit(history),
        "frames": caught.writer.as_ref().map(|writer| &writer.site.frames),
        "owner": caught.writer.as_ref().map(|writer| history.owner_name(writer.owner)),
        "place": caught.place,
        "size": caught.size,
        "origins": caught.origins(history),
    })
}

/// Of an image: every block.
fn blocks(history: &History, replayed: &Replayed) -> Vec<Value> {
    let block = |block: &crate::LiveBlock| {
        json!({
            "address": block.address,
            "size": block.size,
            "site": block.site,
            "owner": history.owner_name(block.owner),
        })
    };
    replayed.live.iter().map(block).collect()
}

fn site_object(history: &History, site: usize) -> Value {
    let unknown = Site::default();
    let known = history.site(site).unwrap_or(&unknown);
    json!({
        "number": site,
        "label": known.label(),
        "file": known.file,
        "line": known.line,
        "caps": known.caps.to_string(),
        "callers": known.callers.iter().map(|caller| format!("{caller:#010x}")).collect::<Vec<_>>(),
        "frames": known.frames,
    })
}

fn leak_object(history: &History, leak: &Leak) -> Value {
    json!({
        "suspect": leak.is_suspect(),
        "sure": leak.sure,
        "kept": leak.kept,
        "bytes": leak.account.bytes,
        "blocks": leak.account.blocks,
        "oldest_event": leak.oldest,
        "oldest_ticks": leak.oldest_ticks,
        "site": site_object(history, leak.site),
    })
}

fn failure_object(history: &History, failure: &FailureNote) -> Value {
    json!({
        "event": failure.event,
        "ticks": failure.ticks,
        "size": failure.size,
        "caps": failure.caps.to_string(),
        "owner": history.owner_name(failure.owner),
        "sentence": failure.sentence,
        "cause": failure.cause,
    })
}

fn heaps(history: &History, replayed: &Replayed) -> Vec<Value> {
    let last = replayed.samples.last();
    let now = last.into_iter().flat_map(|sample| &sample.heaps);
    let heap = |(heap, now): (&crate::HeapDescription, &crate::HeapSample)| {
        json!({
            "name": heap.name,
            "start": heap.start,
            "size": heap.size,
            "caps": heap.caps.to_string(),
            "used": now.used,
            "free": now.free,
            "largest_free": now.largest_free,
            "fragmentation": now.fragmentation(),
        })
    };
    history.heaps.iter().zip(now).map(heap).collect()
}
