//! Numbers of owners, sites and frames on the page, and their figures.
//!
//! Owners and sites come with the highest peak first, so the first few are those that have a color.

use std::collections::HashMap;

use serde::Serialize;

use super::report::each;
use crate::history::{Frame, History, Site};
use crate::replay::{Account, Replayed, Sample};

/// How many sites have their bytes at every sample.
const FOLLOWED_SITES: usize = 200;

/// An owner.
#[derive(Serialize)]
pub(super) struct Member {
    name: String,
    /// Bytes live at each sample.
    bytes: Vec<u64>,
}

/// A site.
#[derive(Serialize)]
pub(super) struct SiteFigures {
    name: String,
    /// Bytes live at each sample; nothing for those that never had much.
    bytes: Vec<u64>,
    /// Its call stack as numbers of frames, the innermost first.
    frames: Vec<usize>,
}

#[derive(Serialize, PartialEq, Eq, Hash, Clone)]
pub(super) struct FrameText {
    function: String,
    /// `file:line`, or nothing.
    place: String,
}

/// Owners and sites, the one with the highest peak first, and the place of each.
pub(super) struct Numbers {
    owners: Vec<u8>,
    sites: Vec<usize>,
    owner_places: HashMap<u8, usize>,
    site_places: HashMap<usize, usize>,
}

impl Numbers {
    pub(super) fn of(replayed: &Replayed) -> Numbers {
        let by_peak = |account: &Account| std::cmp::Reverse(account.peak_bytes);
        let mut owners: Vec<u8> = replayed.owners.keys().copied().collect();
        owners.sort_by_key(|owner| replayed.owners.get(owner).map(by_peak));
        let asked = |(_, site): &(usize, &Account)| site.allocations > 0;
        let mut sites: Vec<_> = replayed.sites.iter().enumerate().filter(asked).collect();
        sites.sort_by_key(|(_, site)| by_peak(site));
        let sites: Vec<usize> = sites.into_iter().map(|(number, _)| number).collect();
        Numbers {
            owner_places: places(&owners),
            site_places: places(&sites),
            owners,
            sites,
        }
    }

    pub(super) fn members(&self, history: &History, replayed: &Replayed) -> Vec<Member> {
        let column = |owner: u8| replayed.owners.keys().position(|other| *other == owner);
        let bytes = |sample: &Sample, owner: u8| {
            column(owner).and_then(|at| sample.by_owner.get(at).copied())
        };
        let member = |owner: &u8| Member {
            name: history.owner_name(*owner),
            bytes: each(replayed, |sample| bytes(sample, *owner).unwrap_or(0)),
        };
        self.owners.iter().map(member).collect()
    }

    /// Returns the sites, and the frames of their call stacks.
    pub(super) fn places(
        &self,
        history: &History,
        replayed: &Replayed,
    ) -> (Vec<SiteFigures>, Vec<FrameText>) {
        let mut frames = Frames::default();
        let labels = history.labels();
        let sites = self.sites.iter().enumerate();
        let places = sites
            .map(|(place, site)| SiteFigures {
                bytes: if place < FOLLOWED_SITES {
                    bytes_of(replayed, *site)
                } else {
                    Vec::new()
                },
                name: labels.get(*site).cloned().unwrap_or_default(),
                frames: frames.of(history.site(*site)),
            })
            .collect();
        (places, frames.list)
    }

    /// Returns the number of a site of the history.
    pub(super) fn site(&self, site: usize) -> usize {
        self.site_places.get(&site).copied().unwrap_or(0)
    }

    /// Returns the number of an owner of the history.
    pub(super) fn owner(&self, owner: u8) -> usize {
        self.owner_places.get(&owner).copied().unwrap_or(0)
    }
}

/// Returns what a site has at each sample.
fn bytes_of(replayed: &Replayed, site: usize) -> Vec<u64> {
    each(replayed, |sample| {
        sample.by_site.get(site).copied().unwrap_or(0)
    })
}

fn places<T: Copy + Eq + std::hash::Hash>(list: &[T]) -> HashMap<T, usize> {
    let turned = list.iter().enumerate().map(|(place, item)| (*item, place));
    turned.collect()
}

/// Frames, each of them once.
#[derive(Default)]
struct Frames {
    list: Vec<FrameText>,
    places: HashMap<FrameText, usize>,
}

impl Frames {
    /// Returns the frames of a site; without names the addresses of its callers, the innermost one
    /// with what the program sent of the place.
    fn of(&mut self, site: Option<&Site>) -> Vec<usize> {
        let Some(site) = site else {
            return Vec::new();
        };
        let caller = |(at, caller): (usize, &u32)| FrameText {
            function: format!("{caller:#010x}"),
            place: if at == 0 && !site.file.is_empty() {
                site.label()
            } else {
                String::new()
            },
        };
        let texts: Vec<FrameText> = if site.frames.is_empty() {
            site.callers.iter().enumerate().map(caller).collect()
        } else {
            site.frames.iter().map(FrameText::of).collect()
        };
        texts.into_iter().map(|text| self.number(text)).collect()
    }

    fn number(&mut self, text: FrameText) -> usize {
        let next = self.list.len();
        let number = *self.places.entry(text.clone()).or_insert(next);
        if number == next {
            self.list.push(text);
        }
        number
    }
}

impl SiteFigures {
    /// Returns whether the callers are known.
    pub(super) fn has_stack(&self) -> bool {
        self.frames.len() > 1
    }
}

impl FrameText {
    fn of(frame: &Frame) -> FrameText {
        FrameText {
            function: frame.function.clone(),
            place: match (frame.file.as_str(), frame.line) {
                ("", _) => String::new(),
                (file, 0) => file.to_owned(),
                (file, line) => format!("{file}:{line}"),
            },
        }
    }
}
