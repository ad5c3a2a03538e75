//! Declarations of a chip's options: name, kind, default, range.
//!
//! ```text
//!   const PSRAM: Amount = Amount::new("psram", "CONFIG_SPIRAM", "bytes of PSRAM")     a chip's file declares it
//!        │ PSRAM.of(4 << 20)      │ When::given(PSRAM)      │ PSRAM.declared()
//!        ▼                        ▼                         ▼
//!   Setting: people choose    When: rows ask for it     Table::options: the chip knows it
//! ```
//!
//! An option is its name: chips that declare one of the same name understand each other's handles.
//! What several chips have is declared in [`common`](crate::common), with what is particular to one
//! in its own file.

use crate::{Setting, SettingValue};

/// The most options a chip can have.
pub const MAX_OPTIONS: usize = 16;

/// An option of a chip: its name for people and command lines, and ESP-IDF's for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Declared {
    /// The name for people and command lines: lower case, no spaces.
    pub name: &'static str,
    /// What it means, in one line.
    pub help: &'static str,
    /// What can be chosen.
    pub kind: OptionKind,
    /// What is chosen when nobody says otherwise: 0 or 1, the number, or which of the values.
    pub default: u32,
}

/// What can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OptionKind {
    /// On (1) or off (0).
    Flag {
        /// ESP-IDF's symbol that is `y` when it is on.
        config: &'static str,
    },
    /// A number.
    Amount {
        /// ESP-IDF's symbol that has the number, or is `y` where it is not 0.
        config: &'static str,
        /// The least that makes sense; 0 is always possible where this is the default.
        least: u32,
        /// The most that makes sense.
        most: u32,
    },
    /// One of these.
    Choice {
        /// The values, counted from 0.
        values: &'static [Value],
    },
}

/// One value of a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Value {
    /// The name for people and command lines.
    pub name: &'static str,
    /// ESP-IDF's symbols that say the same, with their values; symbols that only other values name
    /// are not set.
    pub configs: &'static [(&'static str, u32)],
}

impl Value {
    /// Returns a value and the symbols that say the same.
    pub const fn new(name: &'static str, configs: &'static [(&'static str, u32)]) -> Value {
        Value { name, configs }
    }
}

/// An option that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flag(Declared);

impl Flag {
    /// Returns a flag that is off by default.
    pub const fn new(name: &'static str, config: &'static str, help: &'static str) -> Flag {
        Flag(Declared {
            name,
            help,
            kind: OptionKind::Flag { config },
            default: 0,
        })
    }

    /// The same, on by default.
    pub const fn on_by_default(self) -> Flag {
        Flag(Declared {
            default: 1,
            ..self.0
        })
    }

    /// The same, off by default.
    pub const fn off_by_default(self) -> Flag {
        Flag(Declared {
            default: 0,
            ..self.0
        })
    }

    /// On.
    pub const fn on(self) -> Setting {
        Setting {
            option: self.0.name,
            value: SettingValue::Number(1),
        }
    }

    /// Off.
    pub const fn off(self) -> Setting {
        Setting {
            option: self.0.name,
            value: SettingValue::Number(0),
        }
    }

    /// On if `is_on`.
    pub const fn set(self, is_on: bool) -> Setting {
        if is_on { self.on() } else { self.off() }
    }

    /// Returns its row in [`Table::options`](crate::Table::options).
    pub const fn declared(self) -> Declared {
        self.0
    }
}

/// An option that is a number, of bytes or other things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Amount(Declared);

impl Amount {
    /// Any number, 0 by default.
    pub const fn new(name: &'static str, config: &'static str, help: &'static str) -> Amount {
        let kind = OptionKind::Amount {
            config,
            least: 0,
            most: u32::MAX,
        };
        Amount(Declared {
            name,
            help,
            kind,
            default: 0,
        })
    }

    /// The same from `least` to `most`, `default` where nobody says otherwise.
    pub const fn within(self, least: u32, most: u32, default: u32) -> Amount {
        let kind = match self.0.kind {
            OptionKind::Amount { config, .. } => OptionKind::Amount {
                config,
                least,
                most,
            },
            other => other, // an amount's kind is an amount
        };
        Amount(Declared {
            kind,
            default,
            ..self.0
        })
    }

    /// This many.
    pub const fn of(self, number: u32) -> Setting {
        Setting {
            option: self.0.name,
            value: SettingValue::Number(number),
        }
    }

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// Returns its row in [`Table::options`](crate::Table::options).
    pub const fn declared(self) -> Declared {
        self.0
    }
}

/// An option that is one of some values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice(Declared);

impl Choice {
    /// Returns one of `values`, the first by default.
    pub const fn new(name: &'static str, help: &'static str, values: &'static [Value]) -> Choice {
        Choice(Declared {
            name,
            help,
            kind: OptionKind::Choice { values },
            default: 0,
        })
    }

    /// The same with the value called `name` by default. A name that it has not is refused with the
    /// table.
    pub const fn by_default(self, name: &'static str) -> Choice {
        let default = match self.0.number(name) {
            Some(number) => number,
            None => u32::MAX,
        };
        Choice(Declared { default, ..self.0 })
    }

    /// Returns the value called `name`.
    pub const fn value(self, name: &'static str) -> Setting {
        Setting {
            option: self.0.name,
            value: SettingValue::Named(name),
        }
    }

    /// Returns its row in [`Table::options`](crate::Table::options).
    pub const fn declared(self) -> Declared {
        self.0
    }
}

impl Declared {
    /// Returns which of the values of a choice is called `name`, in any case.
    pub(crate) const fn number(&self, name: &str) -> Option<u32> {
        let OptionKind::Choice { values } = self.kind else {
            return None;
        };
        let mut number = 0;
        while number < values.len() {
            if values[number].name.eq_ignore_ascii_case(name) {
                #[expect(clippy::cast_possible_truncation, reason = "a handful of values")]
                return Some(number as u32);
            }
            number += 1;
        }
        None
    }

    /// Returns whether it can have this value.
    pub const fn takes(&self, value: u32) -> bool {
        match self.kind {
            OptionKind::Flag { .. } => value <= 1,
            OptionKind::Amount { least, most, .. } => {
                (least <= value && value <= most) || value == self.default
            }
            OptionKind::Choice { values } => (value as usize) < values.len(), // widening
        }
    }

    /// Returns the name of a choice's value; `None` for other options.
    pub fn value_name(&self, value: u32) -> Option<&'static str> {
        match self.kind {
            // widening
            OptionKind::Choice { values } => values.get(value as usize).map(|value| value.name),
            OptionKind::Flag { .. } | OptionKind::Amount { .. } => None,
        }
    }

    /// Returns how many different answers conditions can get about it.
    pub(crate) const fn cases(&self) -> usize {
        match self.kind {
            OptionKind::Flag { .. } | OptionKind::Amount { .. } => 2,
            OptionKind::Choice { values } => values.len(),
        }
    }

    /// Returns the value that stands for the answer `case`: conditions ask of an amount only
    /// whether it is 0.
    pub(crate) const fn case(&self, case: usize) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "a handful of cases")]
        match self.kind {
            OptionKind::Amount { most, .. } => {
                if case == 0 {
                    0
                } else {
                    most
                }
            }
            OptionKind::Flag { .. } | OptionKind::Choice { .. } => case as u32,
        }
    }
}

/// Returns whether two texts are the same; `==` is not `const`.
pub(crate) const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}
