//! Conditions of a table's rows on the chip's options.
//!
//! ```text
//!   When::any(&[When::off(MEMORY_PROTECTION), When::is(DATA_CACHE.value("0K"))])
//!      │ holds(options)                                   │ is_known(declared), is_compatible(declared, other)
//!      ▼                                                  ▼
//!   yes or no                                         the compiler's check of the table
//! ```

use core::fmt;

use crate::declared::same;
use crate::{Amount, Declared, Flag, MAX_OPTIONS, OptionKind, Options, Setting, SettingValue};

/// A condition on options. Constants all the way down, so that the compiler can check it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// In every configuration.
    Always,
    /// When an option has this value.
    Is(Setting),
    /// When the amount of this name is not 0.
    Given(&'static str),
    /// When another condition does not hold.
    Not(&'static When),
    /// When all of these hold.
    All(&'static [When]),
    /// When any of these holds.
    Any(&'static [When]),
}

impl When {
    /// In every configuration.
    pub const ALWAYS: When = When::Always;

    /// When the flag is on.
    pub const fn on(flag: Flag) -> When {
        When::Is(flag.on())
    }

    /// When the flag is off.
    pub const fn off(flag: Flag) -> When {
        When::Is(flag.off())
    }

    /// When an option has this value.
    pub const fn is(setting: Setting) -> When {
        When::Is(setting)
    }

    /// When the amount is not 0.
    pub const fn given(amount: Amount) -> When {
        When::Given(amount.name())
    }

    /// When `other` does not hold.
    pub const fn not(other: &'static When) -> When {
        When::Not(other)
    }

    /// When all of these hold.
    pub const fn all(conditions: &'static [When]) -> When {
        When::All(conditions)
    }

    /// When any of these holds.
    pub const fn any(conditions: &'static [When]) -> When {
        When::Any(conditions)
    }

    /// Returns whether a configuration meets the condition. An option that its chip has not is not
    /// set.
    pub const fn holds(&self, options: &Options) -> bool {
        match self {
            When::Always => true,
            When::Is(setting) => options.is(*setting),
            When::Given(amount) => matches!(options.value(amount), Some(1..)),
            When::Not(other) => !other.holds(options),
            When::All(conditions) => !some(conditions, options, false),
            When::Any(conditions) => some(conditions, options, true),
        }
    }

    /// Returns whether some configuration of these options meets both conditions. Tries every case
    /// of the options they ask for.
    pub(crate) const fn is_compatible(&self, declared: &'static [Declared], other: &When) -> bool {
        let (mut cases, mut at) = ([0; MAX_OPTIONS], 0);
        while at < declared.len() && at < MAX_OPTIONS {
            if self.asks_for(declared[at].name) || other.asks_for(declared[at].name) {
                cases[at] = declared[at].cases();
            }
            at += 1;
        }
        let mut now = Some([0; MAX_OPTIONS]);
        while let Some(case) = now {
            let options = in_cases(Options::defaults("", declared), cases, case);
            if self.holds(&options) && other.holds(&options) {
                return true;
            }
            now = next_case(cases, case);
        }
        false
    }

    const fn asks_for(&self, option: &str) -> bool {
        match self {
            When::Always => false,
            When::Is(setting) => same(setting.option, option),
            When::Given(amount) => same(amount, option),
            When::Not(other) => other.asks_for(option),
            When::All(conditions) | When::Any(conditions) => {
                let mut at = 0;
                while at < conditions.len() {
                    if conditions[at].asks_for(option) {
                        return true;
                    }
                    at += 1;
                }
                false
            }
        }
    }

    /// Returns whether it asks only for options and values that are declared.
    pub(crate) const fn is_known(&self, declared: &[Declared]) -> bool {
        match self {
            When::Always => true,
            When::Is(setting) => match find(declared, setting.option) {
                Some(option) => match setting.value {
                    SettingValue::Number(value) => option.takes(value),
                    SettingValue::Named(name) => option.number(name).is_some(),
                },
                None => false,
            },
            When::Given(amount) => match find(declared, amount) {
                Some(option) => matches!(option.kind, OptionKind::Amount { .. }),
                None => false,
            },
            When::Not(other) => other.is_known(declared),
            When::All(conditions) | When::Any(conditions) => {
                let mut at = 0;
                while at < conditions.len() {
                    if !conditions[at].is_known(declared) {
                        return false;
                    }
                    at += 1;
                }
                true
            }
        }
    }
}

/// Returns whether one of the conditions has the result `answer`.
const fn some(conditions: &[When], options: &Options, answer: bool) -> bool {
    let mut at = 0;
    while at < conditions.len() {
        if conditions[at].holds(options) == answer {
            return true;
        }
        at += 1;
    }
    false
}

/// Returns the option of a name.
pub(crate) const fn find<'a>(declared: &'a [Declared], option: &str) -> Option<&'a Declared> {
    let mut at = 0;
    while at < declared.len() {
        if same(declared[at].name, option) {
            return Some(&declared[at]);
        }
        at += 1;
    }
    None
}

/// `options` with each option of which there are `cases` in its `case`.
const fn in_cases(
    mut options: Options,
    cases: [usize; MAX_OPTIONS],
    case: [usize; MAX_OPTIONS],
) -> Options {
    let mut at = 0;
    while at < MAX_OPTIONS {
        if cases[at] > 0 {
            options = options.in_case(at, case[at]);
        }
        at += 1;
    }
    options
}

/// Counts on: the first digit that can grow grows, those before it restart.
const fn next_case(
    cases: [usize; MAX_OPTIONS],
    mut case: [usize; MAX_OPTIONS],
) -> Option<[usize; MAX_OPTIONS]> {
    let mut at = 0;
    while at < MAX_OPTIONS {
        if case[at] + 1 < cases[at] {
            case[at] += 1;
            return Some(case);
        }
        case[at] = 0;
        at += 1;
    }
    None
}

/// `always`, `psram`, `bluetooth, not single-core`, `(data-cache=0K or data-cache=8K)`
impl fmt::Display for When {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            When::Always => out.write_str("always"),
            When::Given(amount) => out.write_str(amount),
            When::Not(other @ When::All(_)) => write!(out, "not ({other})"),
            When::Not(other) => write!(out, "not {other}"),
            When::Is(Setting { option, value }) => match value {
                SettingValue::Number(0) => write!(out, "not {option}"),
                SettingValue::Number(1) => out.write_str(option),
                SettingValue::Number(number) => write!(out, "{option}={number}"),
                SettingValue::Named(name) => write!(out, "{option}={name}"),
            },
            When::All(conditions) => join(out, conditions, ", "),
            When::Any(conditions) => {
                out.write_str("(")?;
                join(out, conditions, " or ")?;
                out.write_str(")")
            }
        }
    }
}

fn join(out: &mut fmt::Formatter<'_>, conditions: &[When], between: &str) -> fmt::Result {
    let mut separator = "";
    for condition in conditions {
        write!(out, "{separator}{condition}")?;
        separator = between;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Choice, Value};
    use std::string::ToString;
    use std::vec::Vec;

    const FAST: Flag = Flag::new("fast", "CONFIG_FAST", "a flag");
    const RAM: Amount = Amount::new("ram", "CONFIG_RAM", "an amount");
    const CACHE: Choice = Choice::new(
        "cache",
        "a choice",
        &[
            Value::new("8K", &[]),
            Value::new("16K", &[]),
            Value::new("32K", &[]),
        ],
    );
    static DECLARED: [Declared; 3] = [FAST.declared(), RAM.declared(), CACHE.declared()];

    /// FAST and cache 16K, or RAM.
    const MIXED: When = When::any(&[
        When::all(&[When::on(FAST), When::is(CACHE.value("16K"))]),
        When::given(RAM),
    ]);

    fn options(settings: &[Setting]) -> Options {
        Options::defaults("invented", &DECLARED)
            .with_all(settings)
            .unwrap()
    }

    #[test]
    fn a_condition_is_evaluated_as_it_is_read() {
        let cases = [
            (&[][..], false),
            (&[FAST.on()], false),
            (&[FAST.on(), CACHE.value("16K")], true),
            (&[FAST.on(), CACHE.value("32K")], false),
            (&[RAM.of(7)], true),
        ];
        for (settings, holds) in cases {
            assert_eq!(MIXED.holds(&options(settings)), holds, "{settings:?}");
            assert_eq!(When::not(&MIXED).holds(&options(settings)), !holds);
        }
    }

    #[test]
    fn conditions_are_compatible_if_one_of_all_configurations_meets_both() {
        let conditions = [
            When::ALWAYS,
            MIXED,
            When::not(&MIXED),
            When::on(FAST),
            When::off(FAST),
            When::given(RAM),
            When::is(CACHE.value("8K")),
            When::is(CACHE.value("32K")),
            When::not(&When::Given("ram")),
        ];
        let mut every = Vec::new();
        for fast in [FAST.on(), FAST.off()] {
            for ram in [0, 1] {
                for cache in ["8K", "16K", "32K"] {
                    every.push(options(&[fast, RAM.of(ram), CACHE.value(cache)]));
                }
            }
        }
        for a in conditions {
            for b in conditions {
                let both = every.iter().any(|o| a.holds(o) && b.holds(o));
                assert_eq!(a.is_compatible(&DECLARED, &b), both, "{a} / {b}");
            }
        }
    }

    #[test]
    fn a_condition_knows_whether_its_options_and_values_are_declared() {
        assert!(MIXED.is_known(&DECLARED) && When::ALWAYS.is_known(&[]));
        let other = Flag::new("slow", "", "");
        for unknown in [
            When::on(other),
            When::is(CACHE.value("64K")),
            When::Is(Setting {
                option: "fast",
                value: SettingValue::Number(2),
            }),
            When::Given("fast"),
        ] {
            assert!(!unknown.is_known(&DECLARED), "{unknown}");
        }
    }

    #[test]
    fn a_condition_is_written_in_words() {
        assert_eq!(MIXED.to_string(), "(fast, cache=16K or ram)");
        assert_eq!(
            When::not(&MIXED).to_string(),
            "not (fast, cache=16K or ram)"
        );
        assert_eq!(When::off(FAST).to_string(), "not fast");
        assert_eq!(When::ALWAYS.to_string(), "always");
    }
}
