//! Capabilities of esp-alloc's programs, and ours for each.
//!
//! | asked for | searched for | a region with it has |
//! |---|---|---|
//! | nothing | `8BIT` | `8BIT\|32BIT` |
//! | `Internal` | `8BIT\|INTERNAL` | `DMA\|INTERNAL\|DEFAULT` besides |
//! | `External` | `8BIT\|SPIRAM` | `SPIRAM` besides |

use enumset::{EnumSet, EnumSetType};
use soc_regions::{Caps, MemoryType};

/// A property of memory.
#[derive(EnumSetType, Debug)]
pub enum MemoryCapability {
    /// On the chip: usable while the caches of flash and PSRAM are off.
    Internal,
    /// PSRAM.
    External,
}

/// Returns what is searched for when these are asked for.
pub(crate) fn wanted(capabilities: EnumSet<MemoryCapability>) -> Caps {
    let each = capabilities.iter().map(|capability| match capability {
        MemoryCapability::Internal => Caps::INTERNAL,
        MemoryCapability::External => Caps::SPIRAM,
    });
    each.fold(Caps::BIT8, |all, caps| all | caps)
}

/// Returns what a region that was declared with these can do.
pub(crate) fn memory_type(capabilities: EnumSet<MemoryCapability>) -> MemoryType {
    let mut caps = wanted(capabilities) | Caps::BIT32;
    if capabilities.contains(MemoryCapability::Internal) {
        caps |= Caps::DMA | Caps::DEFAULT;
    }
    MemoryType::new(name(capabilities), [caps, Caps::empty(), Caps::empty()])
}

/// Returns what such memory is called in figures.
pub(crate) fn name(capabilities: EnumSet<MemoryCapability>) -> &'static str {
    if capabilities.contains(MemoryCapability::Internal) {
        "Internal"
    } else if capabilities.contains(MemoryCapability::External) {
        "External"
    } else {
        "Unknown"
    }
}

/// Returns what a heap was declared with.
pub(crate) fn declared(caps: Caps) -> EnumSet<MemoryCapability> {
    let all = [
        (Caps::INTERNAL, MemoryCapability::Internal),
        (Caps::SPIRAM, MemoryCapability::External),
    ];
    let there = all.iter().filter(|(bit, _)| caps.contains(*bit));
    there.map(|(_, capability)| *capability).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_serves_whoever_asks_for_a_part_of_what_it_was_declared_with() {
        let sets: [EnumSet<MemoryCapability>; 4] = [
            EnumSet::empty(),
            MemoryCapability::Internal.into(),
            MemoryCapability::External.into(),
            EnumSet::all(),
        ];
        for declared_with in sets {
            let has = memory_type(declared_with).caps[0];
            assert_eq!(declared(has), declared_with);
            for asked in sets {
                let serves = has.contains(wanted(asked));
                assert_eq!(serves, declared_with.is_superset(asked));
            }
        }
    }
}
