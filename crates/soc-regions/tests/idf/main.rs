//! Our tables against ESP-IDF's, in every combination of options and for several programs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod constants;
mod deviations;
mod expression;
mod facts;

use std::collections::{BTreeMap, BTreeSet};

use deviations::with_deviations;
use facts::{Facts, Heap, Row, Symbols};
use soc_regions::{
    Chip, Declared, LayoutError, OptionKind, Options, Setting, SettingValue, Span, chips,
};

fn each_chip() -> impl Iterator<Item = (Facts, &'static Chip)> {
    let chip = |facts: &Facts| chips::by_name(&facts.chip);
    facts::all()
        .into_iter()
        .filter_map(move |facts| chip(&facts).map(|chip| (facts, chip)))
}

/// Every combination of what the facts ask for: flags off and on, each value of a choice; of an
/// amount the default, the bounds and two in between.
fn each_configuration(chip: &Chip, facts: &Facts) -> Vec<Options> {
    let asked = facts.configs();
    let mut all = vec![chip.default_options()];
    for (option, default) in chip.default_options().iter() {
        if configs(option).is_disjoint(&asked) {
            continue;
        }
        let values: BTreeSet<u32> = match option.kind {
            OptionKind::Flag { .. } => [0, 1].into(),
            OptionKind::Choice { values } => (0..u32::try_from(values.len()).unwrap()).collect(),
            OptionKind::Amount {
                least,
                most: most @ ..9,
                ..
            } => (least..=most).collect(),
            OptionKind::Amount { most: u32::MAX, .. } => [default, 2 << 20, 96 << 20].into(),
            OptionKind::Amount { least, most, .. } => {
                [default, least, least.midpoint(most) & !7, most].into()
            }
        };
        let settings = values.into_iter().map(|value| Setting {
            option: option.name,
            value: match option.value_name(value) {
                Some(name) => SettingValue::Named(name),
                None => SettingValue::Number(value),
            },
        });
        let settings: Vec<_> = settings.collect();
        let with = |options: &Options| {
            settings
                .iter()
                .map(|s| options.with(*s).unwrap())
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    all
}

/// The Kconfig symbols that an option sets.
fn configs(option: &Declared) -> BTreeSet<String> {
    match option.kind {
        OptionKind::Flag { config } | OptionKind::Amount { config, .. } => {
            [config.to_owned()].into()
        }
        OptionKind::Choice { values } => {
            let configs = values.iter().flat_map(|value| value.configs);
            configs.map(|(name, _)| (*name).to_owned()).collect()
        }
    }
}

/// The Kconfig symbols of a configuration, as its chip's options state them.
fn kconfig(options: &Options) -> Symbols {
    let mut symbols = Symbols::new();
    for (option, value) in options.iter() {
        match option.kind {
            OptionKind::Flag { config } | OptionKind::Amount { config, .. } => {
                symbols.insert(config.to_owned(), value.into());
            }
            OptionKind::Choice { values } => {
                let set = values[value as usize].configs.iter();
                symbols.extend(set.map(|&(name, value)| (name.to_owned(), i64::from(value))));
            }
        }
    }
    symbols
}

/// The sample program, and ones whose sections end elsewhere, at odd addresses too, or are empty.
fn each_program(
    chip: &Chip,
    options: &Options,
    names: &BTreeSet<String>,
) -> Vec<BTreeMap<String, u32>> {
    use soc_regions::Symbols as _;
    let sample = chip.sample_symbols(options);
    let known = |name: &String| sample.address(name).map(|address| (name.clone(), address));
    let sample: BTreeMap<_, _> = names.iter().filter_map(known).collect();
    let moved = |end: u32, start: u32| {
        let mut program = sample.clone();
        for (name, address) in &mut program {
            let is_end = name.ends_with("_end") || name.contains("heap_start");
            let is_rtc = name.contains("rtc") && !name.contains("reserved");
            *address += match (is_rtc, is_end) {
                (true, true) => end & 0xFF,
                (false, true) if !name.contains("reserved") => end,
                (false, false) if name.contains("data_start") => start,
                _ => 0,
            };
        }
        program
    };
    let mut empty = sample.clone();
    for (start, end) in [("_data_start", "_heap_start"), ("_iram_start", "_iram_end")] {
        if let Some(start) = sample.get(start) {
            empty.insert(end.to_owned(), *start);
        }
    }
    vec![
        sample.clone(),
        moved(0x123, 0x125),
        moved(0x8FFE, 0x9001),
        empty,
    ]
}

/// What the ROM states about itself, as documented.
fn rom(facts: &Facts, options: &Options) -> Option<(String, i64)> {
    let name = "rom_dram0_rtos_reserved_start_doc";
    let is_old = kconfig(options).get("CONFIG_ESP32P4_SELECTS_REV_LESS_V3") == Some(&1);
    let name = if is_old {
        format!("{name}_rev_lt_v3")
    } else {
        name.to_owned()
    };
    let documented = facts.constant(&name)?;
    Some((
        "ROM:dram0_rtos_reserved_start".to_owned(),
        documented.into(),
    ))
}

/// The linker symbols that reservations ask for.
fn linker_symbols(facts: &Facts) -> BTreeSet<String> {
    let ends = facts.reserved.iter().flat_map(|row| [&row.0, &row.1]);
    let names = ends.flat_map(|end| expression::names(end));
    names
        .filter(|name| name.starts_with('_'))
        .map(str::to_owned)
        .collect()
}

fn heaps(
    chip: &Chip,
    options: &Options,
    program: &BTreeMap<String, u32>,
) -> Result<Vec<Heap>, LayoutError> {
    let lookup = |name: &str| program.get(name).copied();
    let heaps = chip.available(options, &lookup)?;
    let heaps = heaps.map(|m| (m.span.start(), m.span.end(), m.kind.0, m.startup_stack));
    Ok(heaps.collect())
}

fn sorted(mut heaps: Vec<Heap>) -> Vec<Heap> {
    heaps.sort_unstable();
    heaps
}

#[test]
fn every_table_of_the_facts_is_a_chip_and_the_other_way_around() {
    let theirs: BTreeSet<_> = facts::all().into_iter().map(|facts| facts.chip).collect();
    let ours: BTreeSet<_> = chips::all().map(|chip| chip.name().to_owned()).collect();
    assert_eq!(ours, theirs);
    assert!(
        facts::all()
            .iter()
            .all(|facts| facts.source.starts_with("ESP-IDF v"))
    );
}

#[test]
fn every_option_that_the_facts_mention_is_an_option_of_the_chip() {
    for (facts, chip) in each_chip() {
        let options = chip.default_options();
        let known: BTreeSet<_> = options
            .iter()
            .flat_map(|(option, _)| configs(option))
            .collect();
        let unknown: Vec<_> = facts.configs().difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", facts.chip);
    }
}

#[test]
fn the_default_options_are_esp_idfs() {
    for (facts, chip) in each_chip() {
        let ours = kconfig(&chip.default_options());
        for (name, value) in &facts.defaults {
            assert_eq!(ours.get(name).unwrap_or(&0), value, "{} {name}", facts.chip);
        }
    }
}

#[test]
fn every_type_has_esp_idfs_name_and_columns_in_every_configuration() {
    for (facts, chip) in each_chip() {
        let facts = with_deviations(facts);
        for options in each_configuration(chip, &facts) {
            let theirs = facts.types(&kconfig(&options));
            let ours = chip.types().iter().map(|kind| {
                let columns = kind.caps_under(&options).map(|caps| {
                    caps.named()
                        .map(|(name, _)| name.to_owned())
                        .collect::<BTreeSet<_>>()
                });
                (kind.name.to_owned(), columns)
            });
            assert_eq!(ours.collect::<Vec<_>>(), theirs, "{} {options}", facts.chip);
        }
    }
}

#[test]
fn every_row_has_esp_idfs_place_size_type_alias_and_flag_in_every_configuration() {
    for (facts, chip) in each_chip() {
        let facts = with_deviations(facts);
        for options in each_configuration(chip, &facts) {
            let ours = chip.regions().iter().filter(|row| row.when.holds(&options));
            let mut ours: Vec<_> = ours
                .map(|row| Row {
                    start: row.span.start(),
                    end: row.span.end(),
                    kind: row.kind.0,
                    alias: chip.instruction_view(row.span).map(Span::start),
                    stack: row.startup_stack,
                })
                .collect();
            let mut theirs = facts.rows(&kconfig(&options));
            ours.sort_unstable();
            theirs.sort_unstable();
            assert_eq!(ours, theirs, "{} {options}", facts.chip);
        }
    }
}

#[test]
fn every_configuration_and_program_gives_esp_idfs_heaps() {
    for (facts, chip) in each_chip() {
        let (mut compared, mut conflicts) = (0, 0);
        let facts = with_deviations(facts);
        let names = linker_symbols(&facts);
        for options in each_configuration(chip, &facts) {
            for program in each_program(chip, &options, &names) {
                let mut symbols = kconfig(&options);
                symbols.extend(rom(&facts, &options));
                symbols.extend(
                    program
                        .iter()
                        .map(|(name, at)| (name.clone(), i64::from(*at))),
                );
                let ours = heaps(chip, &options, &program);
                match facts.reserved(&symbols) {
                    None => {
                        conflicts += 1;
                        assert!(ours.is_err(), "{} {options}", facts.chip);
                    }
                    Some(areas) => {
                        compared += 1;
                        let theirs = facts.heaps(&symbols, &areas);
                        assert_eq!(
                            sorted(ours.unwrap()),
                            sorted(theirs),
                            "{} {options} {program:x?}",
                            facts.chip
                        );
                    }
                }
            }
        }
        println!("{}: {compared} layouts, {conflicts} conflicts", facts.chip);
        assert!(compared > conflicts, "most programs fit their options");
    }
}
