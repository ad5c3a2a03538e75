//! Goals for the path of an allocation, checked against the figures of one run on the ESP32.

use super::table::{COMPARED, Figures, PROGRAMS, geometric_mean};
use super::{ANY_CALL, LINKED};
use esp_heap::figures::Figure;
use esp_heap::table;

const UNIT: &str = "instructions";

/// A row: what is measured, what it must be at most, and what it aims at.
struct Goal {
    what: &'static str,
    /// `None` where a figure is missing.
    value: Option<f64>,
    must: f64,
    aim: Option<f64>,
}

/// The table of goals, and how many of them the figures miss.
pub(crate) struct Goals {
    pub(crate) text: String,
    pub(crate) missed: usize,
}

/// All goals whose figures are there; `None` if none is.
pub(crate) fn check(figures: &[Figure]) -> Option<Goals> {
    let goals = goals(&Measured(Figures(figures)));
    let goals: Vec<Goal> = goals
        .into_iter()
        .filter(|goal| goal.value.is_some())
        .collect();
    if goals.is_empty() {
        return None;
    }
    let mut table = table::of_numbers(["goals", "measured", "must", "aim", ""]);
    let mut missed = 0;
    for goal in &goals {
        let value = goal.value.unwrap_or_default();
        let verdict = match (value <= goal.must, goal.aim.is_some_and(|aim| value <= aim)) {
            (_, true) => "reaches its aim",
            (true, false) => "holds",
            (false, false) => "MISSED",
        };
        missed += usize::from(verdict == "MISSED");
        table.add_row([
            goal.what.to_owned(),
            number(value),
            number(goal.must),
            goal.aim.map_or_else(String::new, number),
            verdict.to_owned(),
        ]);
    }
    Some(Goals {
        text: format!("{table}\n"),
        missed,
    })
}

fn number(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.0}")
    }
}

const NO_AIM: Option<f64> = None;

const RUST: &str = "global allocator";
const CAPS: &str = "c heap_caps";
const MALLOC: &str = "c malloc";
const TLSF: &str = "esp-alloc tlsf";
const IDF: &str = "esp-idf none";

fn goal(what: &'static str, value: Option<f64>, must: f64, aim: impl Into<Option<f64>>) -> Goal {
    let aim = aim.into();
    Goal {
        what,
        value,
        must,
        aim,
    }
}

fn goals(measured: &Measured<'_>) -> Vec<Goal> {
    let mut goals = calls(measured);
    goals.extend(ratios(measured));
    goals.extend(masked_stretches(measured));
    goals.extend(whole_programs(measured));
    goals.extend(bare_heap(measured));
    goals
}

/// Calls that users make, alone.
fn calls(measured: &Measured<'_>) -> Vec<Goal> {
    let pair = |allocator, name| measured.pair(allocator, name);
    let grow = measured.single(CAPS, "grow");
    let in_place = measured.single(CAPS, "realloc in place");
    let refused = measured.single(CAPS, "refused");
    let tlsf = |name| measured.pair(TLSF, name);
    vec![
        goal("GlobalAlloc, 16 B", pair(RUST, "16 B"), 410.0, tlsf("16 B")),
        goal("GlobalAlloc, mix", pair(RUST, "mix"), 580.0, tlsf("mix")),
        goal("heap_caps_malloc, 16 B", pair(CAPS, "16 B"), 450.0, 360.0),
        goal("heap_caps_malloc, mix", pair(CAPS, "mix"), 600.0, 450.0),
        goal("malloc, 16 B", pair(MALLOC, "16 B"), 480.0, 380.0),
        goal("malloc, mix", pair(MALLOC, "mix"), 640.0, 470.0),
        goal("heap_caps_malloc, 32BIT", pair(CAPS, "32BIT"), 520.0, 420.0),
        goal("heap_caps_malloc, EXEC", pair(CAPS, "EXEC"), 520.0, 420.0),
        goal("heap_caps_realloc, grow", grow, 3400.0, 2500.0),
        goal("heap_caps_realloc, in place", in_place, 450.0, 300.0),
        goal("heap_caps_malloc, refused", refused, 720.0, 400.0),
    ]
}

/// What alignments, reserves and many sets of capabilities cost.
fn ratios(measured: &Measured<'_>) -> impl Iterator<Item = Goal> {
    let aligned = ("align 8", "16 B");
    let reserved = ("with reserve", "16 B");
    let by_turns = ("12 sets", "12 sets, each alone");
    let rows = [
        ("GlobalAlloc, alignment 8 : 4", RUST, aligned),
        ("heap_caps, alignment 8 : 4", CAPS, aligned),
        ("GlobalAlloc, with : without a reserve", RUST, reserved),
        ("heap_caps, with : without a reserve", CAPS, reserved),
        ("malloc, with : without a reserve", MALLOC, reserved),
        ("heap_caps, 12 sets by turns : each alone", CAPS, by_turns),
    ];
    rows.into_iter().map(|(what, allocator, (name, base))| {
        let [value, base] = [name, base].map(|name| measured.pair(allocator, name));
        goal(what, ratio(value, base), 1.15, 1.05)
    })
}

fn masked_stretches(measured: &Measured<'_>) -> impl Iterator<Item = Goal> {
    let rows = [
        ("longest masked stretch, GlobalAlloc", RUST),
        ("longest masked stretch, heap_caps", CAPS),
        ("longest masked stretch, malloc", MALLOC),
    ];
    rows.into_iter().map(|(what, allocator)| {
        let value = measured.number(allocator, ANY_CALL, "masked_max");
        goal(what, value, 500.0, 350.0)
    })
}

/// Recorded programs, linked code, memory of the heaps' own.
fn whole_programs(measured: &Measured<'_>) -> [Goal; 6] {
    let to_idf = measured.programs(CAPS, IDF);
    let to_tlsf = measured.programs(RUST, TLSF);
    let linked = |allocator| measured.number(allocator, LINKED, "linked_bytes");
    let state = measured.number("heap-caps", "64 KiB", "control_bytes");
    let small = measured.pair("global allocator s", "16 B");
    [
        goal("programs, heap_caps : ESP-IDF", to_idf, 0.8, 0.65),
        goal("programs, GlobalAlloc : esp-alloc", to_tlsf, 1.5, 1.1),
        goal("linked bytes, GlobalAlloc", linked(RUST), 9000.0, 6000.0),
        goal("linked bytes, malloc", linked(MALLOC), 10_000.0, 8000.0),
        goal("bytes of a set of 16 heaps", state, 1400.0, NO_AIM),
        goal("GlobalAlloc, firmware's profile, 16 B", small, 600.0, 450.0),
    ]
}

fn bare_heap(measured: &Measured<'_>) -> [Goal; 3] {
    let bare = measured.bare("multi-heap");
    let idf = measured.pair("esp-idf", "mix");
    let mix = |allocator| ratio(measured.pair(allocator, "mix"), idf);
    let (ours, rlsf) = (mix("multi-heap"), mix("rlsf"));
    let fw_iot = |allocator| measured.single(allocator, "calls fw_iot");
    let program = ratio(fw_iot("c multi_heap"), fw_iot("esp-idf"));
    [
        goal("bare heap : ESP-IDF", bare, 0.58, NO_AIM),
        goal("bare heap : ESP-IDF, mix", ours, 0.62, rlsf),
        goal("multi_heap_malloc : ESP-IDF, fw_iot", program, 0.8, NO_AIM),
    ]
}

fn ratio(value: Option<f64>, base: Option<f64>) -> Option<f64> {
    Some(value? / base?)
}

/// Figures, looked at in the goals' terms.
struct Measured<'a>(Figures<'a>);

impl Measured<'_> {
    fn number(&self, allocator: &str, workload: &str, metric: &str) -> Option<f64> {
        self.0
            .value(allocator, workload, metric)
            .map(|value| value as f64)
    }

    /// One call.
    fn single(&self, allocator: &str, name: &str) -> Option<f64> {
        self.0.cost(allocator, name, UNIT)
    }

    /// Malloc and free together.
    fn pair(&self, allocator: &str, name: &str) -> Option<f64> {
        let [malloc, free] = self.0.pair(allocator, name, UNIT)?;
        Some(malloc + free)
    }

    /// Returns the geometric mean over recorded programs.
    fn programs(&self, allocator: &str, base: &str) -> Option<f64> {
        let ratio = |name: &&'static str| {
            let workload = format!("calls {name}");
            let theirs = self.0.cost(base, &workload, UNIT)?;
            Some(self.0.cost(allocator, &workload, UNIT)? / theirs)
        };
        let ratios: Option<Vec<f64>> = PROGRAMS.iter().map(ratio).collect();
        ratios.map(|ratios| geometric_mean(&ratios))
    }

    /// Returns the geometric mean over the workloads of bare heaps.
    fn bare(&self, allocator: &str) -> Option<f64> {
        let one = |allocator: &str, name: &str| {
            if name.starts_with("grow") {
                self.0.cost(allocator, name, UNIT)
            } else {
                self.pair(allocator, name)
            }
        };
        let ratio =
            |name: &&'static str| Some(one(allocator, name)? / one(super::esp_idf::BARE, name)?);
        let ratios: Option<Vec<f64>> = COMPARED.iter().map(ratio).collect();
        ratios.map(|ratios| geometric_mean(&ratios))
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use esp_heap::figures::Figure;

    fn caps(malloc: u32) -> [Figure; 2] {
        [("malloc 16 B", malloc), ("free 16 B", 100)]
            .map(|(workload, cost)| Figure::new("c heap_caps", workload, "instructions", cost))
    }

    #[test]
    fn a_goal_holds_or_is_missed_by_malloc_and_free_together() {
        let missed = |malloc| check(&caps(malloc)).map(|goals| goals.missed);
        assert_eq!(missed(350), Some(0));
        assert_eq!(missed(351), Some(1));
        assert!(check(&caps(260)).unwrap().text.contains("reaches its aim"));
        assert!(check(&[]).is_none());
    }
}
