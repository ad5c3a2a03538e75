//! One batch of a campaign, in a process of its own: `cargo xtask campaign` starts many.
//!
//! ```text
//!   campaign KIND LEVEL KEY SEED BATCH COUNT    ─► name value name value ..      a failure panics; a hang is aborted
//! ```

use std::env;
use std::process::{ExitCode, abort};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use multi_heap::{Comprehensive, Light, Poison, Unpoisoned, set_canary_key};
use target_suite::campaign::damage::{self, DamageCounts};
use target_suite::campaign::forge::{self, Forgery};
use target_suite::campaign::operations::{self, OperationCounts};
use target_suite::campaign::{Input, seed_of};

/// Bytes of an input: some 1500 calls.
const OPERATIONS_BYTES: usize = 8000;
/// Bytes of the shortest of four lengths: from a few calls after a single damaged word to 20 calls
/// between a dozen of them.
const DAMAGE_BYTES: usize = 16;
/// Calls after which a whole check follows.
const CHECK_INTERVAL: u64 = 16;
/// A single input takes milliseconds; what takes this long does not end.
const LONGEST: Duration = Duration::from_secs(60);

static INPUTS: AtomicU64 = AtomicU64::new(0);

fn main() -> ExitCode {
    thread::spawn(abort_a_hang);
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [kind, level, numbers @ ..] = words.as_slice() else {
        return usage();
    };
    let numbers: Vec<u64> = numbers.iter().flat_map(|word| word.parse()).collect();
    let &[key, seed, batch, count] = numbers.as_slice() else {
        return usage();
    };
    let Ok(key) = u32::try_from(key) else {
        return usage();
    };
    let batch = Batch {
        key,
        seed,
        batch,
        count,
    };
    let figures = match *level {
        Unpoisoned::NAME => batch.run::<Unpoisoned>(kind),
        Light::NAME => batch.run::<Light>(kind),
        Comprehensive::NAME => batch.run::<Comprehensive>(kind),
        _ => None,
    };
    let Some(figures) = figures else {
        return usage();
    };
    for (name, value) in figures {
        print!("{name} {value} ");
    }
    println!();
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("campaign KIND LEVEL KEY SEED BATCH COUNT: see cargo xtask campaign --help");
    ExitCode::from(2)
}

fn abort_a_hang() {
    let mut before = u64::MAX;
    loop {
        let now = INPUTS.load(Ordering::Relaxed);
        if now == before {
            eprintln!("input {now} of the batch takes more than {LONGEST:?}");
            abort();
        }
        before = now;
        thread::sleep(LONGEST);
    }
}

struct Batch {
    key: u32,
    seed: u64,
    batch: u64,
    count: u64,
}

type Figures = Vec<(&'static str, u64)>;

impl Batch {
    fn run<P: Poison>(&self, kind: &str) -> Option<Figures> {
        match kind {
            "operations" => Some(self.operations::<P>()),
            "damage" => Some(self.damage::<P>()),
            _ => {
                let named = |forgery: &Forgery| forgery.name() == kind;
                self.forge::<P>(Forgery::ALL.into_iter().find(named)?)
            }
        }
    }

    fn operations<P: Poison>(&self) -> Figures {
        let mut counts = OperationCounts::default();
        self.each_input(
            |_| OPERATIONS_BYTES,
            |input| {
                counts += operations::run::<P>(input, CHECK_INTERVAL);
                counts.calls < self.count
            },
        );
        vec![
            ("calls", counts.calls),
            ("served", counts.served),
            ("wrong_calls", counts.wrong_calls),
            ("imitations", counts.imitations),
        ]
    }

    fn damage<P: Poison>(&self) -> Figures {
        let mut counts = DamageCounts::default();
        self.each_input(
            |number| DAMAGE_BYTES << (number % 4),
            |input| {
                counts += damage::run::<P>(input);
                counts.heaps < self.count
            },
        );
        vec![
            ("heaps", counts.heaps),
            ("words", counts.words),
            ("calls", counts.calls),
            ("noticed", counts.noticed),
        ]
    }

    fn forge<P: Poison>(&self, forgery: Forgery) -> Option<Figures> {
        let first = seed_of(self.seed, self.batch, 0) >> 32;
        let (first, tries) = (u32::try_from(first).ok()?, u32::try_from(self.count).ok()?);
        let overlaps = forge::overlaps::<P>(forgery, self.key, first | 1, tries);
        Some(vec![("tries", self.count), ("overlaps", overlaps.into())])
    }

    /// Calls `each` with one input after the other until it says that it has enough.
    fn each_input(&self, bytes: fn(u64) -> usize, mut each: impl FnMut(Input<'_>) -> bool) {
        set_canary_key(self.key);
        let mut buffer = Vec::new();
        for number in 0.. {
            INPUTS.store(number, Ordering::Relaxed);
            let seed = seed_of(self.seed, self.batch, number);
            Input::fill(&mut buffer, seed, bytes(number));
            if !each(Input::new(&buffer)) {
                return;
            }
        }
    }
}
