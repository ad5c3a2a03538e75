//! Errors of wrong tables, and features that an invented chip has and the ESP32 lacks.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use soc_regions::{
    Access, Bound, Caps, Chip, DualBus, MAX_RESERVATIONS, MemoryType, Order, Region, Reservation,
    Span, Table, TableError, Total, TypeIndex, When, Window, WordOrder, chip, common, span,
};

const RAM: TypeIndex = TypeIndex(0);
const CACHE: TypeIndex = TypeIndex(1);

const TYPES: [MemoryType; 2] = [
    MemoryType::new("RAM", [Caps::BIT8, Caps::empty(), Caps::empty()]),
    MemoryType::new("CACHE", [Caps::empty(), Caps::BIT8, Caps::empty()]),
];

const WINDOW: Window = Window {
    name: "RAM",
    span: span!(0x1000, 0x4000),
    access: Access::BYTES,
};

const TWO_ROWS: [Region; 2] = [
    Region::new(span!(0x1000, 0x2000), RAM),
    Region::new(span!(0x2000, 0x3000), RAM),
];

const RIGHT: Table = Table {
    name: "invented",
    generation: "for these tests",
    types: &TYPES,
    regions: &TWO_ROWS,
    totals: &[Total::new(RAM, 0x2000)],
    windows: &[WINDOW],
    max_contiguous_bytes: 0x3000,
    ..Table::EMPTY
};

fn new(table: Table) -> Result<Chip, TableError> {
    Chip::new(Box::leak(Box::new(table)))
}

fn error(table: Table) -> TableError {
    new(table).expect_err("the table is wrong")
}

fn rows(rows: &[Region]) -> Table {
    Table {
        regions: rows.to_vec().leak(),
        ..RIGHT
    }
}

#[test]
fn the_table_that_the_others_are_made_of_is_right() {
    assert!(new(RIGHT).is_ok());
}

#[test]
fn rows_that_share_a_byte_are_refused() {
    let table = rows(&[TWO_ROWS[0], Region::new(span!(0x1FFC, 0x3000), RAM)]);
    assert_eq!(
        error(table),
        TableError::Overlap {
            first: 0,
            second: 1
        }
    );
    let table = rows(&[TWO_ROWS[0], TWO_ROWS[0]]);
    assert_eq!(
        error(table),
        TableError::Overlap {
            first: 0,
            second: 1
        }
    );
}

#[test]
fn rows_of_configurations_that_exclude_each_other_may_overlap() {
    let one = Region::new(span!(0x1000, 0x3000), RAM).only(When::on(common::SINGLE_CORE));
    let two = Region::new(span!(0x1000, 0x2000), RAM).only(When::off(common::SINGLE_CORE));
    let totals = [
        Total::with(const { &[common::SINGLE_CORE.on()] }, RAM, 0x2000),
        Total::new(RAM, 0x1000),
    ];
    let chip = new(Table {
        options: const { &[common::SINGLE_CORE.declared()] },
        totals: totals.to_vec().leak(),
        ..rows(&[one, two])
    })
    .unwrap();
    let size = |options| {
        chip.available(&chip.options(options).unwrap(), &|_: &str| None)
            .unwrap()
            .map(|m| m.span.size())
            .sum::<u32>()
    };
    assert_eq!(size(&[]), 0x1000);
    assert_eq!(size(&[common::SINGLE_CORE.on()]), 0x2000);
}

#[test]
fn rows_must_be_whole_words() {
    assert_eq!(
        error(rows(&[Region::new(span!(0x1002, 0x3000), RAM)])),
        TableError::Unaligned { region: 0 }
    );
    assert_eq!(
        error(rows(&[Region::new(span!(0x1000, 0x2FFF), RAM)])),
        TableError::Unaligned { region: 0 }
    );
}

#[test]
fn rows_must_have_a_type_that_exists() {
    let table = rows(&[
        TWO_ROWS[0],
        Region::new(span!(0x2000, 0x3000), TypeIndex(2)),
    ]);
    assert_eq!(error(table), TableError::UnknownType { region: 1 });
}

#[test]
fn rows_must_ascend_as_far_as_the_table_says() {
    let swapped = [TWO_ROWS[1], TWO_ROWS[0]];
    assert_eq!(error(rows(&swapped)), TableError::Disorder { region: 1 });
    assert_eq!(
        error(Table {
            order: Order::AscendingByType,
            ..rows(&swapped)
        }),
        TableError::Disorder { region: 1 }
    );

    let cache_first = [
        Region::new(span!(0x3000, 0x4000), CACHE),
        TWO_ROWS[0],
        TWO_ROWS[1],
    ];
    let totals = [RIGHT.totals[0], Total::new(CACHE, 0x1000)];
    let table = Table {
        totals: totals.to_vec().leak(),
        ..rows(&cache_first)
    };
    assert_eq!(error(table), TableError::Disorder { region: 1 });
    assert!(
        new(Table {
            order: Order::AscendingByType,
            ..table
        })
        .is_ok()
    );
}

#[test]
fn rows_must_be_in_one_window_and_not_larger_than_the_largest_ram() {
    assert_eq!(
        error(rows(&[Region::new(span!(0x3000, 0x5000), RAM)])),
        TableError::OutsideWindows { region: 0 }
    );
    let table = Table {
        max_contiguous_bytes: 0x0FFC,
        ..RIGHT
    };
    assert_eq!(error(table), TableError::TooLarge { region: 0 });
}

#[test]
fn totals_must_be_the_sum_of_their_rows_and_miss_none() {
    const TOO_MUCH: [Total; 1] = [Total::new(RAM, 0x2004)];
    let table = Table {
        totals: &TOO_MUCH,
        ..RIGHT
    };
    assert_eq!(
        error(table),
        TableError::WrongTotal {
            total: 0,
            counted: 0x2000
        }
    );
    assert_eq!(
        error(Table {
            totals: &[],
            ..RIGHT
        }),
        TableError::NotInTotals { region: 0 }
    );
}

#[test]
fn windows_must_ascend_without_overlap() {
    let second = Window {
        span: span!(0x3FFC, 0x5000),
        ..WINDOW
    };
    let table = Table {
        windows: vec![WINDOW, second].leak(),
        ..RIGHT
    };
    assert_eq!(error(table), TableError::WindowDisorder { window: 1 });
}

#[test]
fn both_sides_of_a_dual_bus_must_be_in_a_window() {
    let bus = DualBus::new(
        span!(0x1000, 0x2000),
        span!(0x8000, 0x9000),
        WordOrder::Linear,
    )
    .unwrap();
    let table = Table {
        dual_buses: vec![bus].leak(),
        ..RIGHT
    };
    assert_eq!(
        error(table),
        TableError::DualBusOutsideWindows { dual_bus: 0 }
    );
}

#[test]
fn more_reservations_than_a_layout_can_hold_are_refused() {
    let many = vec![Reservation::fixed("one of many", span!(0x1000, 0x1004)); MAX_RESERVATIONS + 1];
    assert_eq!(
        error(Table {
            reservations: many.leak(),
            ..RIGHT
        }),
        TableError::TooManyReservations
    );
}

/// Code is linked for the instruction bus; the data bus sees it 0x7000 lower. The ROM states where
/// its data starts.
static WITH_ROM_LAYOUT: Chip = chip!(Table {
    windows: &[
        WINDOW,
        Window {
            name: "RAM, instruction bus",
            span: span!(0x8000, 0xB000),
            access: Access::EXECUTE
        }
    ],
    dual_buses: &[DualBus::new(
        span!(0x1000, 0x4000),
        span!(0x8000, 0xB000),
        WordOrder::Linear
    )
    .unwrap()],
    reservations: &[
        Reservation::new(
            "iram_code",
            Bound::symbol("_iram_start").plus(-0x7000),
            Bound::symbol("_iram_end").plus(-0x7000),
        ),
        Reservation::new(
            "rom_data",
            Bound::stated("rom:dram0_rtos_reserved_start", 0x2F80),
            Bound::at(0x3000)
        ),
    ],
    ..RIGHT
});

#[test]
fn bounds_can_be_symbols_seen_from_the_other_bus_and_values_that_the_rom_states() {
    let symbols = [
        ("_iram_start", 0x8000),
        ("_iram_end", 0x8801),
        ("rom:dram0_rtos_reserved_start", 0x2F00),
    ];
    let memory: Vec<_> = WITH_ROM_LAYOUT
        .available(&WITH_ROM_LAYOUT.default_options(), &symbols)
        .unwrap()
        .collect();
    assert_eq!(
        memory.iter().map(|m| m.span).collect::<Vec<_>>(),
        [span!(0x1804, 0x2F00)]
    );
    assert_eq!(memory[0].iram_alias, Some(0x8804));
}

#[test]
fn remainders_of_sixteen_bytes_are_dropped_and_of_twenty_kept() {
    let left = |end| {
        let reservations = vec![Reservation::fixed("data", Span::new(0x1000, end).unwrap())];
        let chip = new(Table {
            reservations: reservations.leak(),
            ..RIGHT
        })
        .unwrap();
        chip.available(&chip.default_options(), &|_: &str| None)
            .unwrap()
            .map(|m| m.span)
            .collect::<Vec<_>>()
    };
    assert_eq!(left(0x1FEC), [span!(0x1FEC, 0x3000)]); // 20 bytes, merged with the row behind
    // 16 bytes: gone, although the row behind would take them.
    assert_eq!(left(0x1FF0), [span!(0x2000, 0x3000)]);
    assert_eq!(left(0x3000), []);
}

#[test]
fn start_up_stacks_are_not_merged_with_other_memory() {
    let chip = new(rows(&[TWO_ROWS[0], TWO_ROWS[1].with_startup_stack()])).unwrap();
    let memory = chip
        .available(&chip.default_options(), &|_: &str| None)
        .unwrap();
    let rows: Vec<_> = memory.map(|m| (m.span, m.startup_stack)).collect();
    assert_eq!(
        rows,
        [
            (span!(0x1000, 0x2000), false),
            (span!(0x2000, 0x3000), true)
        ]
    );
}
