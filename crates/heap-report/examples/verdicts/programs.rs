//! Programs, and what is wrong with each: a firmware's ordinary work, and one story in between.
//!
//! ```text
//!   ordinary work   a table at start-up; samples, requests and sessions that come and go; a queue with its ups and downs
//!   story           nothing, a cache, a leak of some kind, pins, bursts, rare long lives, too much of everything, a request that no heap can serve
//! ```

use std::collections::VecDeque;

use heap_report::History;
use heap_report::verdict::VerdictKind;

use super::device::Device;

const SENSOR: u8 = 1;
const WEB: u8 = 2;
const MQTT: u8 = 3;
const UI: u8 = 4;
const LOG: u8 = 5;
/// The line of the story.
pub(crate) const STORY: usize = 30;
/// Rounds of a program that does not end by itself.
const LONGEST: u32 = 20_000;
/// A line of ordinary work that is busy.
const REQUESTS: usize = 12;

/// A kind of program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Story {
    Steady,
    WarmingCache,
    ReplacingCache,
    Bursts,
    RareLongLives,
    SlowLeak,
    LargeLeak,
    LeakBehindCache,
    LeakAmongOthers,
    Pins,
    UsedUpByOne,
    UsedUpByMany,
    NeverFits,
}

pub(crate) const STORIES: [Story; 13] = [
    Story::Steady,
    Story::WarmingCache,
    Story::ReplacingCache,
    Story::Bursts,
    Story::RareLongLives,
    Story::SlowLeak,
    Story::LargeLeak,
    Story::LeakBehindCache,
    Story::LeakAmongOthers,
    Story::Pins,
    Story::UsedUpByOne,
    Story::UsedUpByMany,
    Story::NeverFits,
];

impl Story {
    /// What is wrong with such a program.
    pub(crate) fn kind(self) -> VerdictKind {
        match self {
            Story::Steady
            | Story::WarmingCache
            | Story::ReplacingCache
            | Story::Bursts
            | Story::RareLongLives => VerdictKind::Healthy,
            Story::SlowLeak
            | Story::LargeLeak
            | Story::LeakBehindCache
            | Story::LeakAmongOthers => VerdictKind::Leaking,
            Story::Pins => VerdictKind::Fragmented,
            Story::UsedUpByOne | Story::UsedUpByMany => VerdictKind::UsedUp,
            Story::NeverFits => VerdictKind::NeverFitted,
        }
    }

    /// The line that is to blame, where one is.
    pub(crate) fn site(self) -> Option<usize> {
        match self {
            Story::SlowLeak
            | Story::LargeLeak
            | Story::LeakBehindCache
            | Story::Pins
            | Story::UsedUpByOne => Some(STORY),
            Story::LeakAmongOthers => Some(REQUESTS),
            _ => None,
        }
    }
}

/// What such a program's heap did.
pub(crate) fn run(story: Story, seed: u64) -> History {
    let mut device = Device::new(seed);
    let mut program = Program::boot(&mut device, story);
    let rounds = match story.kind() {
        VerdictKind::UsedUp | VerdictKind::Fragmented => LONGEST, // until it ends
        _ => program.rounds,
    };
    for round in 0..rounds {
        program.work(&mut device, round);
        if program.emit(&mut device, round).is_none() {
            break;
        }
    }
    device.history
}

struct Program {
    story: Story,
    rounds: u32,
    /// How often the story goes on, in rounds.
    every: u32,
    /// A size of the story's.
    size: u32,
    /// When a cache is full, when a request comes that never fits.
    turn: u32,
    live: Vec<(u32, u32)>,
    queue: VecDeque<u32>,
    kept: VecDeque<u32>,
}

impl Program {
    fn boot(device: &mut Device, story: Story) -> Program {
        let rounds = match story {
            Story::RareLongLives => device.between(800, 3000),
            _ => device.between(1500, 4000),
        };
        for _ in 0..device.between(5, 40) {
            let size = device.between(20, 600);
            device.allocate(0, 1, size);
        }
        let slots = device.between(2000, 12_000);
        device.allocate(UI, 2, slots);
        let (every, size) = match story {
            Story::SlowLeak => (rounds / device.between(6, 40), device.between(16, 200)),
            Story::LargeLeak => (rounds / device.between(6, 14), device.between(2000, 7000)),
            Story::LeakBehindCache | Story::LeakAmongOthers => {
                (rounds / device.between(10, 80), device.between(16, 400))
            }
            Story::Pins => (device.between(8, 16), device.between(7000, 12_000)),
            Story::UsedUpByOne => (device.between(2, 6), device.between(300, 1200)),
            _ => (device.between(3, 12), device.between(20, 300)),
        };
        Program {
            story,
            rounds,
            every: every.max(1),
            size,
            turn: rounds * device.between(20, 70) / 100,
            live: Vec::new(),
            queue: VecDeque::new(),
            kept: VecDeque::new(),
        }
    }

    /// What every firmware does.
    fn work(&mut self, device: &mut Device, round: u32) {
        if let Some(sample) = device.allocate(SENSOR, 10, 96) {
            device.free(sample);
        }
        self.live.retain(|&(address, end)| {
            let stays = end > round;
            if !stays {
                device.free(address);
            }
            stays
        });
        for (owner, line, one_in, longest) in [
            (WEB, REQUESTS, 3, 12),
            (MQTT, 13, 9, 40),
            (WEB, 14, 40, 300),
            (LOG, 15, 5, 6),
        ] {
            if device.random(one_in) == 0 {
                let size = device.between(24, 900);
                let end = round + 1 + device.random(longest) * (1 + device.random(2));
                let taken = device.allocate(owner, line, size);
                self.live.extend(taken.map(|address| (address, end)));
            }
        }
        match device.random(5) {
            0 | 1 if self.queue.len() < 60 => {
                let size = device.between(30, 120);
                self.queue.extend(device.allocate(LOG, 16, size));
            }
            2 | 3 => self
                .queue
                .pop_front()
                .into_iter()
                .for_each(|line| device.free(line)),
            _ => {}
        }
    }

    /// The story goes on; `None` where the program ends.
    fn emit(&mut self, device: &mut Device, round: u32) -> Option<()> {
        let is_due = round % self.every == self.every / 2;
        match self.story {
            Story::Steady => {}
            Story::WarmingCache if round < self.turn && is_due => {
                device.allocate(WEB, STORY, self.size);
            }
            Story::ReplacingCache => self.replace(device, round),
            Story::Bursts => self.burst(device, round),
            Story::RareLongLives => self.come_and_stay(device, round),
            Story::SlowLeak | Story::LargeLeak if is_due => {
                device.allocate(MQTT, STORY, self.size);
            }
            Story::LeakBehindCache => {
                self.replace(device, round);
                if is_due {
                    device.allocate(MQTT, STORY, self.size);
                }
            }
            Story::LeakAmongOthers if is_due => {
                device.allocate(MQTT, REQUESTS, self.size);
            }
            Story::Pins if is_due => return self.pin(device),
            Story::UsedUpByOne => {
                if is_due {
                    device.allocate(MQTT, STORY, self.size)?;
                }
                let record = device.allocate(MQTT, 31, 9000)?;
                device.free(record);
            }
            Story::UsedUpByMany => return self.take_for_all(device),
            Story::NeverFits if round == self.turn => {
                let size = device.between(250_000, 900_000);
                device.allocate(UI, STORY, size);
            }
            _ => {}
        }
        Some(())
    }

    /// A cache with room for some fifty: the oldest, or any, goes when one comes.
    fn replace(&mut self, device: &mut Device, round: u32) {
        if !round.is_multiple_of(4) {
            return;
        }
        if self.kept.len() >= 50 {
            let any = device.random(50) as usize;
            let goes = if self.size.is_multiple_of(2) { 0 } else { any };
            self.kept
                .remove(goes)
                .into_iter()
                .for_each(|entry| device.free(entry));
        }
        let size = device.between(20, 400);
        self.kept.extend(device.allocate(WEB, 20, size));
    }

    /// Nearly all blocks go after five rounds; one of fifty stays for up to 1,500.
    fn come_and_stay(&mut self, device: &mut Device, round: u32) {
        let stay = match device.random(50) {
            0 => device.between(5, 1500),
            _ => 5,
        };
        let taken = device.allocate(MQTT, STORY, self.size);
        self.live
            .extend(taken.map(|address| (address, round + stay)));
    }

    /// Now and then very much for a short while.
    fn burst(&mut self, device: &mut Device, round: u32) {
        let phase = round % (self.turn / 3).max(20);
        if phase < 8 {
            for _ in 0..15 {
                let size = device.between(100, 1500);
                self.kept.extend(device.allocate(UI, STORY, size));
            }
        } else if phase > 12 {
            let gone: Vec<u32> = self.kept.drain(..).collect();
            gone.into_iter().for_each(|block| device.free(block));
        }
    }

    /// Pictures come and go, what lies between them stays; a large request comes each time.
    fn pin(&mut self, device: &mut Device) -> Option<()> {
        let room = 160_000 / self.size;
        if self.kept.len() >= room as usize {
            let picture = self.kept.pop_front()?;
            device.free(picture);
        }
        let size = self.size + device.random(self.size / 2);
        self.kept.extend(device.allocate(UI, 32, size));
        let pin = device.between(16, 80);
        device.allocate(WEB, STORY, pin);
        let record = device.allocate(MQTT, 33, self.size * 2)?;
        device.free(record);
        Some(())
    }

    /// Everybody keeps what they need, and together it is too much.
    fn take_for_all(&mut self, device: &mut Device) -> Option<()> {
        if device.free_bytes() > 9000 {
            let part = device.random(5);
            let size = device.between(300, 2000);
            let owner = u8::try_from(part + 1).unwrap();
            device.allocate(owner, 21 + part as usize, size);
        }
        let record = device.allocate(MQTT, 34, 9500)?;
        device.free(record);
        Some(())
    }
}
