//! Costs of ESP-IDF's heap on Xtensa, for comparison.
//!
//! Source: the heap component of ESP-IDF 6.2-dev in C, its TLSF of v5.4, without poisoning, asserts
//! off (`-DNDEBUG`), built with `-O2` by the same LLVM for the same instruction set, run in the
//! same emulator on the same workloads, counted in the same way, on 2026-11-28. Figures of calls
//! are called directly; earlier ones of the bare heap had a call level too many.
//!
//! | allocator | what was called | lock |
//! |---|---|---|
//! | `esp-idf` | `multi_heap_malloc` … | none |
//! | `esp-idf none`, `esp-idf none malloc` | `heap_caps_malloc` …, `malloc` …, 7 heaps | none |
//! | `esp-idf single`, `esp-idf single malloc` | the same | interrupts masked |
//! | `esp-idf dual`, `esp-idf dual malloc` | the same | interrupts masked, FreeRTOS's spinlock |
//!
//! Control bytes from its formula 20 + 36 + 4·FL + 4·FL·SL, with 11 first-level and 16 second-level
//! lists for 64 KiB.

use esp_heap::figures::Figure;

pub(crate) const BARE: &str = "esp-idf";

/// Of the bare heap. Costs are instructions, means of many calls where they have fractions. The
/// recorded program's comes from a ratio: `multi_heap_malloc` and its family of commit b8efdb9,
/// 212.1, cost 1.21 of it.
const BARE_COSTS: [(&str, f64); 15] = [
    ("calls fw_iot", 175.3),
    ("malloc 16 B", 251.0),
    ("free 16 B", 220.0),
    ("malloc 64 B", 274.0),
    ("free 64 B", 220.0),
    ("malloc 1024 B", 274.0),
    ("free 1024 B", 220.0),
    ("malloc mix", 217.1),
    ("free mix", 183.6),
    ("malloc aligned 64", 408.8),
    ("free aligned 64", 249.4),
    ("malloc many holes", 274.0),
    ("free many holes", 229.0),
    ("grow", 2378.0),
    ("grow blocked", 4334.0),
];

/// Of the bare heap: everything else.
const BARE_FIGURES: [(&str, &str, u64); 7] = [
    ("malloc mix", "instructions_max", 275),
    ("free mix", "instructions_max", 289),
    ("64 KiB", "control_bytes", 804),
    ("blocks of 16", "blocks_in_64k", 3236),
    ("blocks of 32", "blocks_in_64k", 1798),
    ("blocks of 100", "blocks_in_64k", 622),
    ("malloc, aligned, free, grow", "code_bytes", 4447),
];

/// Without a lock, on one core, on two cores.
const LOCKS: [&str; 3] = ["none", "single", "dual"];

/// `heap_caps_malloc` and its family: instructions with each lock.
const CAPS: [(&str, [f64; 3]); 18] = [
    ("malloc 16 B", [406.0, 542.0, 579.0]),
    ("free 16 B", [263.0, 378.0, 415.0]),
    ("malloc 1024 B", [429.0, 565.0, 602.0]),
    ("free 1024 B", [263.0, 378.0, 415.0]),
    ("malloc mix", [525.4, 809.8, 886.8]),
    ("free mix", [249.8, 364.8, 401.8]),
    ("malloc aligned 64", [771.6, 1166.7, 1253.4]),
    ("free aligned 64", [314.8, 429.8, 466.8]),
    ("malloc many holes", [561.0, 834.0, 908.0]),
    ("free many holes", [294.0, 409.0, 446.0]),
    ("grow", [3410.0, 4298.0, 4594.0]),
    ("grow blocked", [5389.0, 6277.0, 6573.0]),
    ("malloc 32BIT", [455.0, 591.0, 628.0]),
    ("free 32BIT", [303.0, 418.0, 455.0]),
    ("malloc SPIRAM", [460.0, 596.0, 633.0]),
    ("free SPIRAM", [299.0, 414.0, 451.0]),
    ("refused", [717.0, 1813.0, 2109.0]),
    ("calls fw_iot", [364.0, 552.0, 606.0]),
];

/// The other recorded programs, with each lock.
const PROGRAMS: [(&str, [f64; 3]); 3] = [
    ("calls mqtt_client", [309.0, 449.0, 490.0]),
    ("calls quickjs_app", [370.0, 557.0, 611.0]),
    ("calls lvgl_ui", [397.0, 579.0, 632.0]),
];

/// What was measured without a lock only.
const CAPS_UNLOCKED: [(&str, f64); 14] = [
    ("realloc in place", 426.0),
    ("free size", 128.0),
    ("largest block", 32_324.0),
    ("malloc fw_iot", 480.0),
    ("realloc fw_iot", 810.0),
    ("free fw_iot", 241.0),
    ("malloc mqtt_client", 391.0),
    ("free mqtt_client", 227.0),
    ("malloc quickjs_app", 474.0),
    ("realloc quickjs_app", 476.0),
    ("free quickjs_app", 238.0),
    ("malloc lvgl_ui", 510.0),
    ("realloc lvgl_ui", 449.0),
    ("free lvgl_ui", 261.0),
];

/// `malloc` and its family: instructions with each lock.
const MALLOC: [(&str, [f64; 3]); 10] = [
    ("malloc 16 B", [437.0, 573.0, 610.0]),
    ("free 16 B", [291.0, 406.0, 443.0]),
    ("malloc mix", [557.0, 841.0, 918.0]),
    ("free mix", [278.0, 393.0, 430.0]),
    ("malloc aligned 64", [816.0, 1211.0, 1297.0]),
    ("free aligned 64", [343.0, 458.0, 495.0]),
    ("malloc many holes", [592.0, 865.0, 939.0]),
    ("free many holes", [322.0, 437.0, 474.0]),
    ("grow", [3672.0, 4560.0, 4856.0]),
    ("grow blocked", [5652.0, 6540.0, 6836.0]),
];

/// The worst calls of the mix with each lock.
const CAPS_WORST: [(&str, [u64; 3]); 2] = [
    ("malloc mix", [1172, 2130, 2389]),
    ("free mix", [364, 479, 516]),
];
const MALLOC_WORST: [(&str, [u64; 3]); 2] = [
    ("malloc mix", [1209, 2167, 2426]),
    ("free mix", [392, 507, 544]),
];

/// The least and the most that a program of malloc, free, realloc and calloc links.
const LINKED: [(&str, u64); 2] = [("esp-idf none", 7772), ("esp-idf dual", 8432)];

/// The longest stretch with interrupts masked of any call.
const MASKED: (&str, u64) = ("esp-idf dual", 517);

/// Returns all of them.
pub(crate) fn figures() -> Vec<Figure> {
    let mut figures = Vec::new();
    for (workload, cost) in BARE_COSTS {
        figures.extend(costs(BARE, workload, cost));
    }
    for (workload, metric, value) in BARE_FIGURES {
        figures.push(Figure::new(BARE, workload, metric, value));
    }
    for (index, lock) in LOCKS.into_iter().enumerate() {
        let (caps, malloc) = (format!("{BARE} {lock}"), format!("{BARE} {lock} malloc"));
        for (workload, of_locks) in CAPS.into_iter().chain(PROGRAMS) {
            figures.extend(costs(&caps, workload, of_locks[index]));
        }
        for (workload, of_locks) in MALLOC {
            figures.extend(costs(&malloc, workload, of_locks[index]));
        }
        for (allocator, worst) in [(&caps, CAPS_WORST), (&malloc, MALLOC_WORST)] {
            for (workload, of_locks) in worst {
                let value = of_locks[index];
                figures.push(Figure::new(allocator, workload, "instructions_max", value));
            }
        }
    }
    for (workload, cost) in CAPS_UNLOCKED {
        figures.extend(costs("esp-idf none", workload, cost));
    }
    for (allocator, bytes) in LINKED {
        figures.push(Figure::new(allocator, super::LINKED, "linked_bytes", bytes));
    }
    let (allocator, longest) = MASKED;
    figures.push(Figure::new(
        allocator,
        super::ANY_CALL,
        "masked_max",
        longest,
    ));
    figures
}

/// Returns the rounded cost, and the exact one in hundredths.
fn costs(allocator: &str, workload: &str, cost: f64) -> [Figure; 2] {
    [("instructions", 1.0), ("instructions_x100", 100.0)].map(|(metric, scale)| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the constants above are small and positive"
        )]
        let value = (cost * scale).round() as u64;
        Figure::new(allocator, workload, metric, value)
    })
}
