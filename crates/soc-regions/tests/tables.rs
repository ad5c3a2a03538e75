//! Errors of wrong tables, and features that an invented chip has and the ESP32 lacks.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use soc_regions::{
    Access, Bound, Caps, Chip, ConditionSite, Declared, DualBus, ExtraCaps, Flag, HardwareTable,
    Line, MAX_OPTIONS, MAX_RESERVATIONS, MemoryType, Order, Region, Reservation, SampleSymbol,
    Setting, SettingValue, Span, Table, TableError, Term, Total, TypeIndex, When, Window,
    WordOrder, chip, common, span,
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

#[test]
fn options_of_one_name_and_with_a_default_that_they_cannot_have_are_refused() {
    const PSRAM: Declared =
        Flag::new("psram", "CONFIG_SPIRAM", "whether there is PSRAM").declared();
    const USB: Declared = Declared {
        name: "usb",
        ..PSRAM
    };
    let with = |options: &[Declared]| Table {
        options: options.to_vec().leak(),
        ..RIGHT
    };
    assert!(new(with(&[PSRAM, USB])).is_ok());
    assert_eq!(
        error(with(&[PSRAM, USB, PSRAM])),
        TableError::SameOption { option: 2 }
    );
    let default_of_two = Declared { default: 2, ..USB };
    assert_eq!(
        error(with(&[PSRAM, default_of_two])),
        TableError::WrongDefault { option: 1 }
    );
    let names: Vec<&str> = (0..=MAX_OPTIONS)
        .map(|n| &*format!("option-{n}").leak())
        .collect();
    let many: Vec<_> = names
        .into_iter()
        .map(|name| Declared { name, ..PSRAM })
        .collect();
    assert!(new(with(&many[1..])).is_ok());
    assert_eq!(error(with(&many)), TableError::TooManyOptions);
}

/// A condition that asks for an option that no table here declares.
const UNKNOWN: When = When::Given("no-such-option");
const NO_SUCH_SETTING: Setting = Setting {
    option: "no-such-option",
    value: SettingValue::Number(1),
};

#[test]
fn options_that_are_asked_for_and_not_declared_are_refused_wherever_it_is() {
    const WORD: Span = span!(0x1000, 0x1004);
    let unknown_share = Bound {
        shares: &[Term {
            amount: "no-such-option",
            times: 1,
            over: 1,
        }],
        ..Bound::at(0x1000)
    };
    let reserved = |reservation: Reservation| Table {
        reservations: vec![Reservation::fixed("right", WORD), reservation].leak(),
        ..RIGHT
    };
    let fixed = Reservation::fixed("wrong", WORD);
    let extra_caps = ExtraCaps {
        when: UNKNOWN,
        caps: [Caps::empty(); 3],
    };
    let wrong_type = MemoryType {
        extra: Some(extra_caps),
        ..TYPES[1]
    };
    let unknown_line = Line {
        bytes: 0,
        cases: &[(When::Always, 16), (UNKNOWN, 32)],
    };
    let hardware = |hardware| Table { hardware, ..RIGHT };
    let symbol = SampleSymbol::new("_end", 0x1000);
    let tables = [
        (
            Table {
                types: vec![TYPES[0], wrong_type].leak(),
                ..RIGHT
            },
            ConditionSite::Type(1),
        ),
        (
            rows(&[
                TWO_ROWS[0],
                Region {
                    when: UNKNOWN,
                    ..TWO_ROWS[1]
                },
            ]),
            ConditionSite::Region(1),
        ),
        (
            reserved(Reservation {
                when: UNKNOWN,
                ..fixed
            }),
            ConditionSite::Reservation(1),
        ),
        (
            reserved(Reservation {
                start: unknown_share,
                ..fixed
            }),
            ConditionSite::Reservation(1),
        ),
        (
            reserved(Reservation {
                end: unknown_share,
                ..fixed
            }),
            ConditionSite::Reservation(1),
        ),
        (
            Table {
                sample_symbols: vec![
                    symbol,
                    SampleSymbol {
                        when: UNKNOWN,
                        ..symbol
                    },
                ]
                .leak(),
                ..RIGHT
            },
            ConditionSite::SampleSymbol(1),
        ),
        (
            Table {
                totals: vec![RIGHT.totals[0], Total::with(&[NO_SUCH_SETTING], RAM, 0)].leak(),
                ..RIGHT
            },
            ConditionSite::Total(1),
        ),
        (
            hardware(HardwareTable {
                internal_line: unknown_line,
                ..RIGHT.hardware
            }),
            ConditionSite::Hardware,
        ),
        (
            hardware(HardwareTable {
                external_line: unknown_line,
                ..RIGHT.hardware
            }),
            ConditionSite::Hardware,
        ),
        (
            hardware(HardwareTable {
                encrypted: UNKNOWN,
                ..RIGHT.hardware
            }),
            ConditionSite::Hardware,
        ),
    ];
    for (table, of) in tables {
        assert_eq!(error(table), TableError::UnknownOption { of });
    }
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
