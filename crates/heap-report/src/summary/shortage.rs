//! Shortages of memory, in sentences and for programs.

use std::collections::BTreeMap;

use heap_caps::{Level, PressureKind};
use serde_json::{Value, json};

use super::words::{bytes, counted, grouped};
use crate::history::History;
use crate::replay::{LevelBand, Replayed};

/// How long a gauge stood at a level.
#[derive(Default)]
struct Stay {
    times: u64,
    ticks: u64,
    is_now: bool,
}

/// What all notes of one name come to.
#[derive(Default)]
struct Sums {
    calls: u64,
    given: u64,
    released: u64,
    warnings: u64,
    refusals: u64,
    limit: u32,
}

fn stays(history: &History, bands: &[LevelBand]) -> BTreeMap<(String, Level), Stay> {
    let mut stays = BTreeMap::<_, Stay>::new();
    for band in bands {
        let stay = stays.entry((band.gauge.clone(), band.level)).or_default();
        stay.times += 1;
        stay.ticks += band.to_ticks.saturating_sub(band.from_ticks);
        stay.is_now |= band.to == history.events.len();
    }
    stays
}

fn sums(replayed: &Replayed) -> BTreeMap<&str, Sums> {
    let mut sums = BTreeMap::<_, Sums>::new();
    for note in &replayed.shortage.notes {
        let has = sums.entry(note.name.as_str()).or_default();
        match note.kind {
            PressureKind::Shrunk(given) => {
                has.calls += 1;
                has.given += u64::from(given);
            }
            PressureKind::Released(_) => has.released += 1,
            PressureKind::AboveSoftLimit(_) => has.warnings += 1,
            PressureKind::OverLimit(limit) => {
                has.refusals += 1;
                has.limit = limit;
            }
            _ => {}
        }
    }
    sums
}

/// Sentences, one for each gauge and level, shrinker, reserve and limit, and for requests that
/// waited.
pub(super) fn lines(history: &History, replayed: &Replayed) -> Vec<String> {
    let mut lines = Vec::new();
    for ((gauge, level), stay) in stays(history, &replayed.shortage.bands) {
        let lasted = lasted(history, stay.ticks);
        let now = if stay.is_now {
            ", and still is at the end"
        } else {
            ""
        };
        lines.push(format!(
            "{gauge} memory was {level} {}{lasted}{now}",
            counted(stay.times, "time")
        ));
    }
    for (name, has) in sums(replayed) {
        lines.extend(has.did().map(|did| format!("{name} {did}")));
    }
    let waits = replayed.shortage.waits;
    if waits.begun > 0 {
        lines.push(format!(
            "{} waited: {} served, {} gave up{}",
            counted(waits.begun, "request"),
            grouped(waits.served),
            grouped(waits.ended),
            longest(history, waits.longest_ticks)
        ));
    }
    lines
}

/// `, 0.120 s altogether`, nothing where no clock is known.
fn lasted(history: &History, ticks: u64) -> String {
    match history.seconds(ticks) {
        Some(seconds) => format!(", {seconds:.3} s altogether"),
        None => String::new(),
    }
}

fn longest(history: &History, ticks: u64) -> String {
    match history.seconds(ticks) {
        Some(seconds) => format!("; the longest wait took {seconds:.3} s"),
        None => String::new(),
    }
}

/// The same for programs: `levels`, `actions`, `waits`.
pub(super) fn json(history: &History, replayed: &Replayed) -> Value {
    let levels = stays(history, &replayed.shortage.bands).into_iter();
    let levels = levels.map(|((gauge, level), stay)| {
        json!({
            "gauge": gauge, "level": level.to_string(), "times": stay.times, "ticks": stay.ticks,
            "at_the_end": stay.is_now,
        })
    });
    let actions = sums(replayed).into_iter().filter(|(_, has)| has.is_any());
    let actions = actions.map(|(name, has)| {
        json!({
            "name": name, "shrinker_calls": has.calls, "shrunk_bytes": has.given,
            "released": has.released, "soft_limit": has.warnings, "refused": has.refusals,
        })
    });
    json!({
        "levels": levels.collect::<Vec<_>>(),
        "actions": actions.collect::<Vec<_>>(),
        "waits": replayed.shortage.waits,
    })
}

impl Sums {
    /// `gave 12.0 KiB in 3 calls`
    fn did(&self) -> impl Iterator<Item = String> {
        let times = |count| counted(count, "time");
        let (given, calls) = (bytes(self.given), counted(self.calls, "call"));
        let (released, above) = (times(self.released), times(self.warnings));
        let (refused, limit) = (times(self.refusals), bytes(self.limit.into()));
        let refused = format!("was refused {refused} at its limit of {limit}");
        let did = [
            (self.calls, format!("gave {given} in {calls}")),
            (self.released, format!("was released {released}")),
            (self.warnings, format!("was above its soft limit {above}")),
            (self.refusals, refused),
        ];
        let did = did.into_iter().filter(|(count, _)| *count > 0);
        did.map(|(_, sentence)| sentence)
    }

    fn is_any(&self) -> bool {
        self.calls + self.released + self.warnings + self.refusals > 0
    }
}
