//! A history as DHAT's output: what `dh_view.html` of valgrind shows.
//!
//! Version 2 of the format, as that viewer reads it: blocks with lifetimes (`bklt`), without
//! accesses (`bkacc`). A program point is a call stack:
//!
//! ```text
//!   tb  tbk   bytes and blocks of all allocations      gb  gbk   live at t-gmax, the moment with most bytes
//!   mb  mbk   most bytes live, and their blocks       eb  ebk   live at the end
//!   tl        lives of all blocks together             fs        frames, the innermost first, as indices of `ftbl`
//! ```

use std::collections::HashMap;
use std::io::{self, Write};

use serde::Serialize;

use super::clock::{Unit, timed_events};
use super::stacks::{Stacks, text};
use super::title;
use crate::history::{Gaps, History};
use crate::replay::{Live, LiveBlock};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    dhat_file_version: u32,
    mode: &'static str,
    verb: &'static str,
    bklt: bool,
    bkacc: bool,
    tu: &'static str,
    #[serde(rename = "Mtu")]
    mtu: &'static str,
    tuth: u64,
    cmd: String,
    pid: u32,
    te: u64,
    tg: u64,
    pps: Vec<Point>,
    ftbl: Vec<String>,
    /// Not DHAT's: what is missing, in figures. Viewers skip it; `cmd` says it in words.
    gaps: &'a Gaps,
}

#[derive(Clone, Default, Serialize)]
struct Point {
    tb: u64,
    tbk: u64,
    tl: u64,
    mb: u64,
    mbk: u64,
    gb: u64,
    gbk: u64,
    eb: u64,
    ebk: u64,
    fs: Vec<usize>,
}

/// Writes `history` as DHAT's JSON. O(events).
///
/// # Errors
/// `out` does not take it.
pub fn dhat(history: &History, out: &mut impl Write) -> io::Result<()> {
    let unit = Unit::of(history);
    let stacks = Stacks::of(history);
    let mut points = Points::new(stacks.stacks.len());
    let mut live = Live::new();
    let mut end = 0;
    for (number, ticks, timed) in timed_events(history) {
        end = unit.whole(ticks);
        let Some(change) = live.apply(number, timed) else {
            continue;
        };
        change
            .went()
            .for_each(|block| points.leave(stacks.of_site(block.site), block, end));
        change
            .came()
            .into_iter()
            .for_each(|block| points.enter(stacks.of_site(block.site), block, end));
        points.record_peak(live.bytes(), end);
    }
    live.blocks()
        .for_each(|block| points.live_on(stacks.of_site(block.site), block, end));
    let (pps, ftbl) = with_frames(points.finished(), &stacks);
    let file = File {
        dhat_file_version: 2,
        mode: "heap",
        verb: "Allocated",
        bklt: true,
        bkacc: false,
        tu: unit.name,
        mtu: unit.million,
        tuth: unit.short,
        cmd: title(history),
        pid: 0,
        te: end,
        tg: points.peak_at,
        pps,
        ftbl,
        gaps: &history.gaps,
    };
    serde_json::to_writer(&mut *out, &file)?;
    writeln!(out)
}

/// The points by stack, and what is needed to follow them. `eb` and `ebk` are what is live now.
struct Points {
    points: Vec<Point>,
    /// Since when a block is as it is, by address.
    since: HashMap<u32, u64>,
    peak: u64,
    peak_at: u64,
    /// What is live now is the peak: it is kept before anything goes.
    at_peak: bool,
}

impl Points {
    fn new(stacks: usize) -> Points {
        Points {
            points: vec![Point::default(); stacks],
            since: HashMap::new(),
            peak: 0,
            peak_at: 0,
            at_peak: false,
        }
    }

    fn enter(&mut self, stack: usize, block: &LiveBlock, now: u64) {
        self.since.insert(block.address, now);
        let Some(point) = self.points.get_mut(stack) else {
            return;
        };
        let size = u64::from(block.size);
        (point.tb, point.tbk) = (point.tb + size, point.tbk + 1);
        (point.eb, point.ebk) = (point.eb + size, point.ebk + 1);
        if point.eb > point.mb {
            (point.mb, point.mbk) = (point.eb, point.ebk);
        }
    }

    fn leave(&mut self, stack: usize, block: &LiveBlock, now: u64) {
        self.keep_peak();
        self.live_on(stack, block, now);
        self.since.remove(&block.address);
        if let Some(point) = self.points.get_mut(stack) {
            (point.eb, point.ebk) = (point.eb - u64::from(block.size), point.ebk - 1);
        }
    }

    /// Adds the life of a block up to now.
    fn live_on(&mut self, stack: usize, block: &LiveBlock, now: u64) {
        let since = self.since.get(&block.address).copied().unwrap_or(now);
        if let Some(point) = self.points.get_mut(stack) {
            point.tl += now.saturating_sub(since);
        }
    }

    fn record_peak(&mut self, bytes: u64, now: u64) {
        if bytes > self.peak {
            (self.peak, self.peak_at, self.at_peak) = (bytes, now, true);
        }
    }

    fn keep_peak(&mut self) {
        if std::mem::take(&mut self.at_peak) {
            self.points
                .iter_mut()
                .for_each(|point| (point.gb, point.gbk) = (point.eb, point.ebk));
        }
    }

    fn finished(&mut self) -> Vec<Point> {
        self.keep_peak();
        std::mem::take(&mut self.points)
    }
}

/// Gives the points that ever had a block their frames, and makes the table of these.
fn with_frames(points: Vec<Point>, stacks: &Stacks) -> (Vec<Point>, Vec<String>) {
    let mut table = vec!["[root]".to_owned()];
    let mut known = HashMap::new();
    let mut number_of = |frame: String| {
        *known.entry(frame.clone()).or_insert_with(|| {
            table.push(frame);
            table.len() - 1
        })
    };
    let points = points
        .into_iter()
        .zip(&stacks.stacks)
        .filter(|(point, _)| point.tbk > 0);
    let points = points
        .map(|(point, stack)| Point {
            fs: stack.iter().map(|frame| number_of(text(frame))).collect(),
            ..point
        })
        .collect();
    (points, table)
}
