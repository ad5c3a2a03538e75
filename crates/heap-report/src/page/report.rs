//! Data of `report.html`, as its script finds it.
//!
//! Field names are those that `report/*.js` read.

use serde::Serialize;

use super::clock::Clock;
use super::live_blocks::LiveBlocks;
use super::numbers::{FrameText, Member, Numbers, SiteFigures};
use super::unknowns;
use crate::export;
use crate::history::{Event, Gaps, History, Source};
use crate::replay::{HeapSample, Leak, LevelBand, PressureNote, Replayed, Sample};
use crate::verdict::{Verdict, VerdictKind};

/// Number of failures, and of marks, that are listed one by one.
const SHOWN: usize = 100;

#[derive(Serialize)]
pub(super) struct Report {
    program: String,
    /// What is wrong, in a sentence.
    verdict: String,
    /// Whether that is bad news.
    alarming: bool,
    source: Source,
    /// Whether the heaps were measured.
    exact: bool,
    ticks_per_second: u32,
    /// How many there are.
    events: usize,
    peak: Peak,
    gaps: Gaps,
    /// What is missing, if anything is.
    missing: Option<String>,
    /// Sentences.
    unknowns: Vec<String>,
    samples: Samples,
    owners: Vec<Member>,
    sites: Vec<SiteFigures>,
    /// Whether any site has a call stack.
    stacks: bool,
    frames: Vec<FrameText>,
    heaps: Vec<Heap>,
    marks: Excerpt<Mark>,
    bands: Excerpt<Band>,
    pressure: Excerpt<Mark>,
    failures: Excerpt<Failure>,
    leaks: Vec<Suspect>,
    blocks: LiveBlocks,
}

/// The first few of something.
#[derive(Serialize)]
struct Excerpt<T> {
    shown: Vec<T>,
    all: usize,
}

#[derive(Serialize)]
struct Peak {
    /// The page's sample that is the peak.
    sample: usize,
    bytes: u64,
    blocks: u64,
}

/// An entry a sample.
#[derive(Serialize)]
struct Samples {
    /// How many events had happened.
    event: Vec<usize>,
    /// In ticks, since the first event.
    time: Vec<u64>,
    bytes: Vec<u64>,
    blocks: Vec<u64>,
    /// Requests that failed since the sample before.
    failed: Vec<u64>,
    /// Events that were dropped since the sample before.
    dropped: Vec<u64>,
}

/// A heap; lists have an entry a sample.
#[derive(Serialize)]
struct Heap {
    name: String,
    start: u32,
    size: u32,
    caps: String,
    used: Vec<u32>,
    free: Vec<u32>,
    largest: Vec<u32>,
    blocks: Vec<u32>,
}

#[derive(Serialize)]
struct Mark {
    event: usize,
    time: u64,
    name: String,
}

/// A stretch of time in which a gauge reported that memory was short.
#[derive(Serialize)]
struct Band {
    gauge: String,
    /// `low` or `critical`.
    level: String,
    from: Instant,
    to: Instant,
}

/// A place on the time axis.
#[derive(Serialize)]
struct Instant {
    event: usize,
    time: u64,
}

#[derive(Serialize)]
struct Failure {
    event: usize,
    time: u64,
    size: u32,
    caps: String,
    owner: String,
    /// Why.
    sentence: String,
}

/// What a site never freed.
#[derive(Serialize)]
struct Suspect {
    site: usize,
    /// Bytes at the end.
    now: u64,
    blocks: u64,
    /// Number of the event that allocated the oldest block.
    oldest: usize,
    oldest_time: u64,
    growth: u8,
    suspect: bool,
}

impl Report {
    pub(super) fn of(history: &History, replayed: &Replayed) -> Report {
        let clock = Clock::of(history);
        let numbers = Numbers::of(replayed);
        let (sites, frames) = numbers.places(history, replayed);
        let peak = peak(replayed);
        let verdict = Verdict::of(history, replayed);
        Report {
            alarming: verdict.kind != VerdictKind::Healthy,
            verdict: verdict.sentence,
            program: history.program.clone(),
            source: history.source,
            exact: history.source.is_exact(),
            ticks_per_second: history.ticks_per_second,
            events: history.events.len(),
            gaps: replayed.gaps,
            missing: export::missing(&replayed.gaps),
            unknowns: unknowns::unknowns(history),
            samples: samples(history, replayed, &clock),
            owners: numbers.members(history, replayed),
            stacks: sites.iter().any(SiteFigures::has_stack),
            sites,
            frames,
            heaps: heaps(history, replayed),
            marks: marks(history, replayed, &clock),
            bands: bands(replayed, &clock),
            pressure: pressure(replayed, &clock),
            failures: failures(history, replayed, &clock),
            leaks: leaks(replayed, &clock, &numbers),
            blocks: live(history, replayed, peak.sample, &numbers),
            peak,
        }
    }
}

/// Returns what `of` finds at each sample.
pub(super) fn each<T>(replayed: &Replayed, of: impl Fn(&Sample) -> T) -> Vec<T> {
    replayed.samples.iter().map(of).collect()
}

fn peak(replayed: &Replayed) -> Peak {
    let at = |sample: &Sample| sample.event == replayed.peak.event;
    Peak {
        sample: replayed.samples.iter().position(at).unwrap_or(0),
        bytes: replayed.peak.bytes,
        blocks: replayed.peak.blocks,
    }
}

fn samples(history: &History, replayed: &Replayed, clock: &Clock) -> Samples {
    let event = each(replayed, |sample| sample.event);
    let failed = replayed.failures.iter().map(|failure| (failure.event, 1));
    Samples {
        time: each(replayed, |sample| clock.time(sample.event, sample.ticks)),
        bytes: each(replayed, |sample| sample.bytes),
        blocks: each(replayed, |sample| sample.blocks),
        failed: summed(&event, failed),
        dropped: summed(&event, drops(history)),
        event,
    }
}

fn drops(history: &History) -> impl Iterator<Item = (usize, u64)> {
    let events = history.events.iter().enumerate();
    events.filter_map(|(number, timed)| match timed.event {
        Event::Dropped { events } => Some((number, u64::from(events))),
        _ => None,
    })
}

/// Returns the sums of what happened up to each sample, since the one before.
fn summed(samples: &[usize], happened: impl Iterator<Item = (usize, u64)>) -> Vec<u64> {
    let mut sums = vec![0; samples.len()];
    for (event, number) in happened {
        let at = samples.partition_point(|sample| *sample <= event);
        if let Some(sum) = sums.get_mut(at) {
            *sum += number;
        }
    }
    sums
}

fn heaps(history: &History, replayed: &Replayed) -> Vec<Heap> {
    let heap = |(index, heap): (usize, &crate::HeapDescription)| {
        let series = |of: fn(&HeapSample) -> u32| {
            each(replayed, |sample| sample.heaps.get(index).map_or(0, of))
        };
        Heap {
            name: heap.name.clone(),
            start: heap.start,
            size: heap.size,
            caps: heap.caps.to_string(),
            used: series(|sample| sample.used),
            free: series(|sample| sample.free),
            largest: series(|sample| sample.largest_free),
            blocks: series(|sample| sample.blocks),
        }
    };
    history.heaps.iter().enumerate().map(heap).collect()
}

/// Returns what the program named, and where it restarted.
fn marks(history: &History, replayed: &Replayed, clock: &Clock) -> Excerpt<Mark> {
    let named = history.events.iter().enumerate();
    let marks = named.filter_map(|(event, timed)| {
        let name = match &timed.event {
            Event::Mark { name } => name.as_str(),
            Event::Restarted => "restart",
            _ => return None,
        };
        Some(Mark {
            event,
            time: clock.time(event + 1, timed.ticks),
            name: name.to_owned(),
        })
    });
    Excerpt {
        shown: marks.take(SHOWN).collect(),
        all: replayed.marks.len() + replayed.restarts.len(),
    }
}

/// How many bands there are at most: what is behind them is not drawn.
const BANDS: usize = 1000;

fn bands(replayed: &Replayed, clock: &Clock) -> Excerpt<Band> {
    let bands = &replayed.shortage.bands;
    let band = |band: &LevelBand| Band {
        gauge: band.gauge.clone(),
        level: band.level.to_string(),
        from: Instant {
            event: band.from,
            time: clock.time(band.from + 1, band.from_ticks),
        },
        to: Instant {
            event: band.to,
            time: clock.time(band.to, band.to_ticks),
        },
    };
    Excerpt {
        shown: bands.iter().take(BANDS).map(band).collect(),
        all: bands.len(),
    }
}

/// Returns what was done when memory was short.
fn pressure(replayed: &Replayed, clock: &Clock) -> Excerpt<Mark> {
    let notes = &replayed.shortage.notes;
    let mark = |note: &PressureNote| Mark {
        event: note.event,
        time: clock.time(note.event + 1, note.ticks),
        name: note.kind.about(&note.name).to_string(),
    };
    Excerpt {
        shown: notes.iter().take(SHOWN).map(mark).collect(),
        all: notes.len(),
    }
}

fn failures(history: &History, replayed: &Replayed, clock: &Clock) -> Excerpt<Failure> {
    let failure = |failure: &crate::FailureNote| Failure {
        event: failure.event,
        time: clock.time(failure.event + 1, failure.ticks),
        size: failure.size,
        caps: failure.caps.to_string(),
        owner: history.owner_name(failure.owner),
        sentence: failure.sentence.clone(),
    };
    Excerpt {
        shown: replayed.failures.iter().take(SHOWN).map(failure).collect(),
        all: replayed.failures.len(),
    }
}

fn leaks(replayed: &Replayed, clock: &Clock, numbers: &Numbers) -> Vec<Suspect> {
    let suspect = |leak: &Leak| Suspect {
        site: numbers.site(leak.site),
        now: leak.account.bytes,
        blocks: leak.account.blocks,
        oldest: leak.oldest,
        oldest_time: clock.time(leak.oldest + 1, leak.oldest_ticks),
        growth: leak.sure as u8,
        suspect: leak.is_suspect(),
    };
    replayed.leaks().iter().map(suspect).collect()
}

fn live(history: &History, replayed: &Replayed, peak: usize, numbers: &Numbers) -> LiveBlocks {
    let events = each(replayed, |sample| sample.event);
    let end = events.len().saturating_sub(1);
    LiveBlocks::of(history, &events, &[peak, end], |block| {
        (numbers.site(block.site), numbers.owner(block.owner))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use heap_caps::{Level, PressureKind};

    use super::Report;
    use crate::history::{Event, Frame, History, Site, TimedEvent};
    use crate::replay::Replayed;

    fn site(function: &str, line: u32) -> Site {
        let frame = |function: &str, line| Frame {
            function: function.to_owned(),
            file: "src/main.rs".to_owned(),
            line,
        };
        Site {
            frames: vec![frame(function, line), frame("main", 9)],
            ..Site::default()
        }
    }

    fn allocated(address: u32, size: u32, site: usize, owner: u8) -> Event {
        Event::Allocated {
            address,
            size,
            site,
            owner,
        }
    }

    /// Owner 3 has most at the peak, owner 0 and site 2 are left at the end.
    fn report(events: Vec<Event>) -> Value {
        let times = (0..).map(|number| 100 + 10 * number);
        let samples = times
            .zip(events)
            .map(|(ticks, event)| TimedEvent { ticks, event });
        let history = History {
            sites: vec![Site::default(), site("small", 7), site("big", 8)],
            owners: [(3, "mqtt".to_owned())].into(),
            events: samples.collect(),
            ..History::default()
        };
        let replayed = Replayed::of(&history);
        serde_json::to_value(Report::of(&history, &replayed)).unwrap()
    }

    #[test]
    fn owners_and_sites_come_with_the_highest_peak_first() {
        let report = report(vec![
            allocated(0x100, 8, 1, 0),
            allocated(0x200, 64, 2, 3),
            Event::Freed { address: 0x100 },
        ]);
        assert_eq!(
            report["owners"],
            json!([{ "name": "mqtt", "bytes": [0, 0, 64, 64] }, { "name": "nobody", "bytes": [0, 8, 8, 0] }])
        );
        assert_eq!(report["sites"][0]["name"], "src/main.rs:8 big");
        assert_eq!(report["sites"].as_array().unwrap().len(), 2);
        assert_eq!(report["blocks"]["site"], json!([1, 0]));
        assert_eq!(report["blocks"]["owner"], json!([1, 0]));
        assert_eq!(report["leaks"][0]["site"], 0);
    }

    #[test]
    fn a_frame_that_several_sites_share_is_written_once() {
        let report = report(vec![allocated(0x100, 8, 1, 0), allocated(0x200, 64, 2, 0)]);
        assert_eq!(report["frames"].as_array().unwrap().len(), 3);
        assert_eq!(report["sites"][0]["frames"], json!([0, 1]));
        assert_eq!(report["sites"][1]["frames"], json!([2, 1]));
    }

    #[test]
    fn marks_and_restarts_are_on_the_axis() {
        let mark = Event::Mark {
            name: "connected".to_owned(),
        };
        let report = report(vec![mark, Event::Restarted]);
        let shown = json!([{ "event": 0, "time": 0, "name": "connected" }, { "event": 1, "time": 0, "name": "restart" }]);
        assert_eq!(report["marks"], json!({ "shown": shown, "all": 2 }));
    }

    #[test]
    fn shortages_are_bands_and_what_was_done_has_its_place() {
        let pressure = |name: &str, kind| Event::Pressure {
            name: name.to_owned(),
            kind,
        };
        let level = |level| pressure("internal", PressureKind::Level(level));
        let report = report(vec![
            allocated(0x100, 8, 1, 0),
            level(Level::Critical),
            pressure("tiles", PressureKind::Shrunk(4096)),
            level(Level::Low),
        ]);
        let at = |event: u32, time: u32| json!({ "event": event, "time": time });
        let shown = json!([
            { "gauge": "internal", "level": "critical", "from": at(1, 10), "to": at(3, 30) },
            { "gauge": "internal", "level": "low", "from": at(3, 30), "to": at(4, 30) },
        ]);
        assert_eq!(report["bands"], json!({ "shown": shown, "all": 2 }));
        let shown = json!([{ "event": 2, "time": 20, "name": "tiles gave 4.0 KiB" }]);
        assert_eq!(report["pressure"], json!({ "shown": shown, "all": 1 }));
        assert_eq!(report["marks"]["all"], 0);
    }

    #[test]
    fn what_failed_and_what_was_dropped_is_counted_at_the_sample_after() {
        let failed = Event::Failed {
            size: 4096,
            caps: soc_regions::Caps::DMA,
            owner: 3,
            sentence: None,
        };
        let report = report(vec![
            allocated(0x100, 8, 1, 0),
            failed,
            Event::Dropped { events: 5 },
        ]);
        assert_eq!(report["samples"]["time"], json!([0, 0, 10, 20]));
        assert_eq!(report["samples"]["failed"], json!([0, 0, 1, 0]));
        assert_eq!(report["samples"]["dropped"], json!([0, 0, 0, 5]));
        let failure = &report["failures"]["shown"][0];
        assert_eq!(
            (&failure["owner"], &failure["time"]),
            (&json!("mqtt"), &json!(10))
        );
    }
}
