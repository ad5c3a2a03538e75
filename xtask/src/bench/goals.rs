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

fn goals(measured: &Measured<'_>) -> Vec<Goal> {
    let cost = |allocator: &str, name: &str| measured.pair(allocator, name);
    let call = |allocator: &str, name: &str| measured.0.cost(allocator, name, UNIT);
    let goal = |what, value, must, aim| Goal {
        what,
        value,
        must,
        aim,
    };
    let (rust, caps, malloc) = ("global allocator", "c heap_caps", "c malloc");
    let (tlsf, idf) = ("esp-alloc tlsf", "esp-idf none");
    let ratio = |value: Option<f64>, base: Option<f64>| Some(value? / base?);
    let mut goals = vec![
        goal(
            "GlobalAlloc, 16 B",
            cost(rust, "16 B"),
            410.0,
            cost(tlsf, "16 B"),
        ),
        goal(
            "GlobalAlloc, mix",
            cost(rust, "mix"),
            580.0,
            cost(tlsf, "mix"),
        ),
        goal(
            "heap_caps_malloc, 16 B",
            cost(caps, "16 B"),
            450.0,
            Some(360.0),
        ),
        goal(
            "heap_caps_malloc, mix",
            cost(caps, "mix"),
            600.0,
            Some(450.0),
        ),
        goal("malloc, 16 B", cost(malloc, "16 B"), 480.0, Some(380.0)),
        goal("malloc, mix", cost(malloc, "mix"), 640.0, Some(470.0)),
        goal(
            "heap_caps_malloc, 32BIT",
            cost(caps, "32BIT"),
            520.0,
            Some(420.0),
        ),
        goal(
            "heap_caps_malloc, EXEC",
            cost(caps, "EXEC"),
            520.0,
            Some(420.0),
        ),
        goal(
            "heap_caps_realloc, grow",
            call(caps, "grow"),
            3400.0,
            Some(2500.0),
        ),
        goal(
            "heap_caps_realloc, in place",
            call(caps, "realloc in place"),
            450.0,
            Some(300.0),
        ),
        goal(
            "heap_caps_malloc, refused",
            call(caps, "refused"),
            720.0,
            Some(400.0),
        ),
    ];
    for (what, allocator, name, base) in [
        ("GlobalAlloc, alignment 8 : 4", rust, "align 8", "16 B"),
        ("heap_caps, alignment 8 : 4", caps, "align 8", "16 B"),
        (
            "GlobalAlloc, with : without a reserve",
            rust,
            "with reserve",
            "16 B",
        ),
        (
            "heap_caps, with : without a reserve",
            caps,
            "with reserve",
            "16 B",
        ),
        (
            "malloc, with : without a reserve",
            malloc,
            "with reserve",
            "16 B",
        ),
        (
            "heap_caps, 12 sets by turns : each alone",
            caps,
            "12 sets",
            "12 sets, each alone",
        ),
    ] {
        let value = ratio(cost(allocator, name), cost(allocator, base));
        goals.push(goal(what, value, 1.15, Some(1.05)));
    }
    for (what, allocator) in [
        ("longest masked stretch, GlobalAlloc", rust),
        ("longest masked stretch, heap_caps", caps),
        ("longest masked stretch, malloc", malloc),
    ] {
        let value = measured.number(allocator, ANY_CALL, "masked_max");
        goals.push(goal(what, value, 500.0, Some(350.0)));
    }
    let fw_iot = |allocator| call(allocator, "calls fw_iot");
    let s = cost("global allocator s", "16 B");
    let state = measured.number("heap-caps", "64 KiB", "control_bytes");
    goals.extend([
        goal(
            "programs, heap_caps : ESP-IDF",
            measured.programs(caps, idf),
            0.8,
            Some(0.65),
        ),
        goal(
            "programs, GlobalAlloc : esp-alloc",
            measured.programs(rust, tlsf),
            1.5,
            Some(1.1),
        ),
        goal(
            "linked bytes, GlobalAlloc",
            measured.linked(rust),
            9000.0,
            Some(6000.0),
        ),
        goal(
            "linked bytes, malloc",
            measured.linked(malloc),
            10_000.0,
            Some(8000.0),
        ),
        goal("bytes of a set of 16 heaps", state, 1400.0, None),
        goal(
            "GlobalAlloc, firmware's profile, 16 B",
            s,
            600.0,
            Some(450.0),
        ),
        goal(
            "bare heap : ESP-IDF",
            measured.bare("multi-heap"),
            0.58,
            None,
        ),
        goal(
            "bare heap : ESP-IDF, mix",
            ratio(cost("multi-heap", "mix"), cost("esp-idf", "mix")),
            0.62,
            ratio(cost("rlsf", "mix"), cost("esp-idf", "mix")),
        ),
        goal(
            "multi_heap_malloc : ESP-IDF, fw_iot",
            ratio(fw_iot("c multi_heap"), fw_iot("esp-idf")),
            0.8,
            None,
        ),
    ]);
    goals
}

/// Figures, looked at in the goals' terms.
struct Measured<'a>(Figures<'a>);

impl Measured<'_> {
    fn number(&self, allocator: &str, workload: &str, metric: &str) -> Option<f64> {
        self.0
            .value(allocator, workload, metric)
            .map(|value| value as f64)
    }

    fn linked(&self, allocator: &str) -> Option<f64> {
        self.number(allocator, LINKED, "linked_bytes")
    }

    /// Malloc and free together.
    fn pair(&self, allocator: &str, name: &str) -> Option<f64> {
        let malloc = self.0.cost(allocator, &format!("malloc {name}"), UNIT)?;
        Some(malloc + self.0.cost(allocator, &format!("free {name}"), UNIT)?)
    }

    /// The geometric mean over recorded programs.
    fn programs(&self, allocator: &str, base: &str) -> Option<f64> {
        let ratio = |name: &&'static str| {
            let workload = format!("calls {name}");
            let theirs = self.0.cost(base, &workload, UNIT)?;
            Some(self.0.cost(allocator, &workload, UNIT)? / theirs)
        };
        let ratios: Option<Vec<f64>> = PROGRAMS.iter().map(ratio).collect();
        ratios.map(|ratios| geometric_mean(&ratios))
    }

    /// The geometric mean over the workloads of bare heaps.
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
