//! Memory types: capabilities by priority.
//!
//! ```text
//!              first choice      second choice             last resort
//!   DRAM     │ 8BIT|DEFAULT    │ 32BIT|DMA|INTERNAL      │
//!   D/IRAM   │                 │ 8BIT|DMA|INTERNAL|DEF.  │ EXEC|32BIT
//!   IRAM     │ EXEC|32BIT|INT. │                         │
//! ```
//!
//! A request looks for its bits in the first column of every heap, then in the second, then in the
//! third. So code goes to IRAM, and to D/IRAM only when IRAM is full.

use crate::{Caps, Options, When};

/// How many columns a memory type has.
pub const PRIORITIES: usize = 3;

/// A memory type's capabilities by priority: first choice, second choice, last resort.
pub type Columns = [Caps; PRIORITIES];

/// A kind of memory, called a tag in ESP-IDF v2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryType {
    /// ESP-IDF's name, for people.
    pub name: &'static str,
    /// Capabilities by priority in every configuration.
    pub caps: Columns,
    /// Capabilities that only some configurations add.
    pub extra: Option<ExtraCaps>,
}

/// Capabilities that a memory type has besides under a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtraCaps {
    /// The condition.
    pub when: When,
    /// What is added to each column.
    pub caps: Columns,
}

impl MemoryType {
    /// Returns a type whose capabilities no option changes.
    pub const fn new(name: &'static str, caps: Columns) -> MemoryType {
        MemoryType {
            name,
            caps,
            extra: None,
        }
    }

    /// The same type with `caps` added when `when` holds.
    pub const fn with_extra(self, when: When, caps: Columns) -> MemoryType {
        MemoryType {
            extra: Some(ExtraCaps { when, caps }),
            ..self
        }
    }

    /// Returns the capabilities by priority in a configuration.
    pub const fn caps_under(&self, options: &Options) -> Columns {
        let [first, second, last] = self.caps;
        match self.extra {
            Some(ExtraCaps {
                when,
                caps: [a, b, c],
            }) if when.holds(options) => [first.union(a), second.union(b), last.union(c)],
            _ => self.caps,
        }
    }

    /// Returns every capability it has in every configuration, at any priority.
    pub const fn union(&self) -> Caps {
        union(self.caps)
    }

    /// Returns whether it lies outside of the chip, behind a cache.
    pub const fn is_external(&self) -> bool {
        self.union()
            .intersects(Caps::SPIRAM.union(Caps::SPIRAM_NO_ENC))
    }
}

/// Returns the capabilities of all columns as one set.
pub const fn union(columns: Columns) -> Caps {
    let [first, second, last] = columns;
    first.union(second).union(last)
}

/// Which row of a chip's list of memory types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeIndex(pub u8);

impl TypeIndex {
    /// Returns the number as an index into [`Chip::types`](crate::Chip::types).
    pub const fn index(self) -> usize {
        self.0 as usize // widening
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Declared, Flag};

    const EMULATED: Flag = Flag::new("iram-8bit", "CONFIG_EMULATED", "a flag");
    static DECLARED: [Declared; 1] = [EMULATED.declared()];

    const IRAM: MemoryType = MemoryType::new("IRAM", [Caps::EXEC, Caps::empty(), Caps::BIT32])
        .with_extra(
            When::on(EMULATED),
            [Caps::IRAM_8BIT, Caps::empty(), Caps::empty()],
        );

    #[test]
    fn extra_capabilities_count_only_under_their_condition() {
        let options = Options::defaults("invented", &DECLARED);
        assert_eq!(IRAM.caps_under(&options), IRAM.caps);
        let [first, second, last] = IRAM.caps_under(&options.with(EMULATED.on()).unwrap());
        assert_eq!(first, Caps::EXEC | Caps::IRAM_8BIT);
        assert_eq!((second, last), (Caps::empty(), Caps::BIT32));
    }
}
