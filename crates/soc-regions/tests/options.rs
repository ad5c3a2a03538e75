//! Options as people write them, what they do, and what is said of wrong ones.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use soc_regions::{
    Amount, Chip, Choice, Declared, Flag, Hardware, HardwareTable, Line, OptionKind, Options,
    Table, Value, When,
};

const FLAG: Flag = Flag::new("flag", "CONFIG_FLAG", "on or off");
const SET: Flag = Flag::new("set", "CONFIG_SET", "on by default").on_by_default();
const ANY: Amount = Amount::new("any", "CONFIG_ANY", "any number");
const SOME: Amount = Amount::new("some", "CONFIG_SOME", "some numbers").within(0x10, 0x20, 0);
const SIDE: Choice = Choice::new(
    "side",
    "a choice",
    &[
        Value::new("left", &[]),
        Value::new("middle", &[]),
        Value::new("right", &[]),
    ],
)
.by_default("middle");

const OPTIONS: [Declared; 5] = [
    FLAG.declared(),
    SET.declared(),
    ANY.declared(),
    SOME.declared(),
    SIDE.declared(),
];

const TABLE: Table = Table {
    name: "invented",
    options: &OPTIONS,
    ..Table::EMPTY
};

fn defaults() -> Options {
    let chip: Chip = Chip::new(Box::leak(Box::new(TABLE))).unwrap();
    chip.default_options()
}

#[test]
fn a_setting_is_read_as_people_write_it() {
    let of = |text: &str, option: &str| {
        let options = defaults().parse(text).unwrap();
        let others = options
            .iter()
            .filter(|(declared, _)| declared.name != option);
        assert!(
            others.eq(defaults()
                .iter()
                .filter(|(declared, _)| declared.name != option))
        );
        options.value(option).unwrap()
    };
    for on in [
        "flag",
        " flag ",
        "flag=on",
        "flag = yes",
        "flag=y",
        "flag=true",
        "flag=1",
    ] {
        assert_eq!(of(on, "flag"), 1, "{on}");
    }
    for off in ["set=off", "set= no", "set=n", "set=false", "set=0"] {
        assert_eq!(of(off, "set"), 0, "{off}");
    }
    for (text, number) in [
        ("any=0", 0),
        ("any=off", 0),
        ("any=none", 0),
        ("any=4194304", 4 << 20),
        ("any=0x400000", 4 << 20),
        ("any=0X10", 16),
        ("any=7b", 7),
        ("any=4096K", 4 << 20),
        ("any=3kib", 3072),
        ("any=4M", 4 << 20),
        ("any=2MiB", 2 << 20),
        ("any=4294967295", u32::MAX),
        ("some=0x10", 16),
        ("some=32", 32),
        ("some=off", 0),
    ] {
        let option = text.split('=').next().unwrap();
        assert_eq!(of(text, option), number, "{text}");
    }
    assert_eq!(
        ["left", "MIDDLE", "right"].map(|side| of(&format!("side={side}"), "side")),
        [0, 1, 2]
    );
    assert_eq!(defaults().value("side"), Some(1));
    assert_eq!(defaults().value("none of them"), None);
}

#[test]
fn a_setting_that_is_none_is_refused_with_what_is_possible() {
    for (text, said) in [
        (
            "flg",
            "invented has no option `flg`; it has flag, set, any, some, side",
        ),
        (
            "flag=maybe",
            "option `flag` can't be `maybe`, but on or off",
        ),
        (
            "any",
            "option `any` needs a value, `any=…`: a number such as 4194304, 4096K or 4M",
        ),
        (
            "any=5G",
            "option `any` can't be `5G`, but a number such as 4194304, 4096K or 4M",
        ),
        (
            "any=4096M",
            "option `any` can't be `4096M`, but a number such as 4194304, 4096K or 4M",
        ),
        (
            "any=K",
            "option `any` can't be `K`, but a number such as 4194304, 4096K or 4M",
        ),
        (
            "any=0xG",
            "option `any` can't be `0xG`, but a number such as 4194304, 4096K or 4M",
        ),
        (
            "some=15",
            "option `some` can't be 15, but a number from 16 to 32",
        ),
        (
            "some=33",
            "option `some` can't be 33, but a number from 16 to 32",
        ),
        (
            "side=up",
            "option `side` can't be `up`, but left, middle, right",
        ),
        (
            "side",
            "option `side` needs a value, `side=…`: left, middle, right",
        ),
    ] {
        let refused = defaults().parse(text).unwrap_err();
        assert_eq!(refused.to_string(), said);
    }
    let refused = defaults().with(SIDE.value("up")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "option `side` can't be `up`, but left, middle, right"
    );
    let settings = [FLAG.on(), SOME.of(3), SET.off()];
    assert!(defaults().with_all(&settings).is_err() && defaults().with_all(&settings[..1]).is_ok());
}

#[test]
fn what_differs_from_the_defaults_is_written_as_it_is_read() {
    assert_eq!(defaults().to_string(), "defaults");
    let settings = [FLAG.on(), SET.set(false), ANY.of(8), SIDE.value("right")];
    let options = defaults().with_all(&settings).unwrap();
    assert_eq!(options.to_string(), "flag set=off any=8 side=right");
    let read = options.to_string();
    let again = read
        .split(' ')
        .fold(defaults(), |options, text| options.parse(text).unwrap());
    assert_eq!(again, options);
    let changed: Vec<&str> = options
        .changed()
        .map(|(declared, _)| declared.name)
        .collect();
    assert_eq!(changed, ["flag", "set", "any", "side"]);
    assert!(settings.iter().all(|&setting| options.is(setting)));
    assert!(!options.is(FLAG.off()) && !options.is(SIDE.value("up")) && !options.is(SOME.of(1)));
    assert_eq!(SET.off_by_default().declared().default, 0);
    assert_eq!(SET.set(true), SET.on());
    assert!(matches!(SIDE.declared().kind, OptionKind::Choice { values } if values.len() == 3));
    assert_eq!(
        SIDE.by_default("up").declared().default,
        u32::MAX,
        "which no table has"
    );
}

#[test]
fn conditions_hold_where_their_options_are_so() {
    static FLAG_ON: When = When::is(FLAG.on());
    static BOTH: [When; 2] = [When::is(FLAG.on()), When::given(ANY)];
    let all: [(Options, [bool; 5]); 4] = [
        (defaults(), [false, true, false, false, false]),
        (
            defaults().with(FLAG.on()).unwrap(),
            [true, false, false, false, true],
        ),
        (
            defaults().with(ANY.of(1)).unwrap(),
            [false, true, true, false, true],
        ),
        (
            defaults().with_all(&[FLAG.on(), ANY.of(1)]).unwrap(),
            [true, false, true, true, true],
        ),
    ];
    let conditions = [
        When::is(FLAG.on()),
        When::not(&FLAG_ON),
        When::given(ANY),
        When::all(&BOTH),
        When::any(&BOTH),
    ];
    for (options, expected) in all {
        assert_eq!(
            conditions.map(|when| when.holds(&options)),
            expected,
            "{options}"
        );
    }
    assert_eq!(When::off(FLAG), When::is(FLAG.off()));
}

#[test]
fn the_first_case_that_holds_says_how_long_a_cache_line_is() {
    const CASES: [(When, u32); 2] = [(When::given(ANY), 64), (When::is(FLAG.on()), 32)];
    let table = HardwareTable {
        internal_line: Line::of(16),
        external_line: Line::of(16).but(&CASES),
        axi_descriptor: 8,
        simd: 4,
        cipher_block: 128,
        encrypted: When::is(FLAG.on()),
        ..HardwareTable::default()
    };
    let under = |settings: &[soc_regions::Setting]| {
        let Hardware {
            internal_line,
            external_line,
            axi_descriptor,
            simd,
            encrypted_dma,
            ..
        } = table.under(&defaults().with_all(settings).unwrap());
        assert_eq!((internal_line, axi_descriptor, simd), (16, 8, 4));
        (external_line, encrypted_dma)
    };
    assert_eq!(under(&[]), (16, 0));
    assert_eq!(under(&[FLAG.on()]), (32, 128));
    assert_eq!(under(&[ANY.of(1)]), (64, 0));
    assert_eq!(under(&[ANY.of(1), FLAG.on()]), (64, 128));
}

#[test]
fn a_dma_engine_reaches_external_memory_where_a_window_says_so() {
    use soc_regions::{Access, Window, span};
    let with = |access| {
        let windows = [
            Window {
                name: "RAM",
                span: span!(0x1000, 0x2000),
                access: Access::DMA,
            },
            Window {
                name: "PSRAM",
                span: span!(0x4000, 0x8000),
                access,
            },
        ];
        let table = Table {
            windows: Box::leak(Box::new(windows)),
            ..TABLE
        };
        Chip::new(Box::leak(Box::new(table)))
            .unwrap()
            .has_external_dma()
    };
    assert!(!with(Access::EXTERNAL) && !with(Access::DMA));
    assert!(with(Access::EXTERNAL.union(Access::DMA)));
    assert!(with(
        Access::EXTERNAL.union(Access::DMA).union(Access::BYTES)
    ));
}
