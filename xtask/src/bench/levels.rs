//! Cost of each poisoning level of our heap: a column for each.

use heap_bench::allocators::Level;
use multi_heap::{Comprehensive, Heap, Light, Poison, Unpoisoned};

use super::table::{Figures, short};
use esp_heap::figures::Figure;
use esp_heap::table;

/// What figures call the levels, and what a block costs beyond its payload.
const LEVELS: [(&str, u32); 3] = [
    (Unpoisoned::ALLOCATOR, beyond_payload::<Unpoisoned>()),
    (Light::ALLOCATOR, beyond_payload::<Light>()),
    (Comprehensive::ALLOCATOR, beyond_payload::<Comprehensive>()),
];

/// Pairs of calls by their workload.
const PAIRED: [&str; 5] = ["16 B", "64 B", "1024 B", "mix", "aligned 64"];
/// Calls of a scrub.
const SCRUBS: [&str; 2] = ["scrub, 1 step", "scrub, 8 steps"];

/// Returns the header and tail canary; what lies between header and payload; without rounding.
const fn beyond_payload<P: Poison>() -> u32 {
    let header = Heap::<P>::LEAD_BYTES;
    match P::OVERHEAD {
        0 => header,
        _ => header + 4,
    }
}

/// Returns the table, with costs in `unit`.
pub(crate) fn table(figures: &[Figure], unit: &str) -> String {
    let figures = Figures(figures);
    let mut table = table::of_numbers(["", "none", "light", "comprehensive"]);
    let mut add = |name: String, cell: &dyn Fn(&str) -> Option<String>| {
        let cells = LEVELS.map(|(allocator, _)| cell(allocator).unwrap_or_default());
        table.add_row(std::iter::once(name).chain(cells));
    };
    add(
        "bytes of a block beyond the payload".to_owned(),
        &|allocator| {
            let (_, bytes) = LEVELS.into_iter().find(|(level, _)| *level == allocator)?;
            Some(bytes.to_string())
        },
    );
    add(
        "code bytes of malloc, free, realloc, aligned".to_owned(),
        &|allocator| {
            let bytes = figures.value(allocator, "malloc, aligned, free, grow", "code_bytes");
            bytes.map(|bytes| bytes.to_string())
        },
    );
    for name in PAIRED {
        add(format!("malloc + free {name}"), &|allocator| {
            let [malloc, free] = figures.pair(allocator, name, unit)?;
            Some(format!("{} + {}", short(malloc), short(free)))
        });
    }
    let worst = format!("{unit}_max");
    add(
        "worst malloc + worst free of the mix".to_owned(),
        &|allocator| {
            let malloc = figures.value(allocator, "malloc mix", &worst)?;
            let free = figures.value(allocator, "free mix", &worst)?;
            Some(format!("{malloc} + {free}"))
        },
    );
    for name in SCRUBS {
        add(format!("{name}: mean call"), &|allocator| {
            figures.cost(allocator, name, unit).map(short)
        });
        add(format!("{name}: worst call"), &|allocator| {
            Some(figures.value(allocator, name, &worst)?.to_string())
        });
        add(format!("{name}: calls of a pass"), &|allocator| {
            Some(figures.value(allocator, name, "calls")?.to_string())
        });
    }
    add("check of the whole heap at once".to_owned(), &|allocator| {
        figures.cost(allocator, "check", unit).map(short)
    });
    format!("{unit}, but for the first two rows\n{table}\n")
}

#[cfg(test)]
mod tests {
    use super::{Figure, LEVELS, table};

    #[test]
    fn every_level_has_its_column() {
        assert_eq!(LEVELS.map(|(_, bytes)| bytes), [4, 16, 16]);
        let figures = [
            Figure::new("multi-heap", "malloc 16 B", "instructions", 130_u32),
            Figure::new("multi-heap", "free 16 B", "instructions", 118_u32),
            Figure::new(
                "multi-heap light",
                "scrub, 8 steps",
                "instructions_max",
                1000_u32,
            ),
        ];
        let text = table(&figures, "instructions");
        let row = |name: &str| {
            text.lines()
                .find(|line| line.contains(name))
                .map(str::to_owned)
        };
        assert!(row("malloc + free 16 B").is_some_and(|row| row.contains("130 + 118")));
        assert!(row("8 steps: worst call").is_some_and(|row| row.contains("1000")));
    }
}
