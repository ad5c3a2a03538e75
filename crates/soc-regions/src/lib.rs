#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod budget;
mod caps;
mod check;
mod chip;
mod chip_macro;
pub mod chips;
pub mod common;
mod declared;
mod dual_bus;
#[cfg(feature = "defmt")]
mod frames;
mod hardware;
mod layout;
mod layout_error;
mod memory_type;
mod options;
mod region;
mod remaining;
mod reservation;
mod span;
mod symbols;
mod table;
mod text;
mod when;
mod window;

pub use budget::{Budget, Promise, Shortfall};
pub use caps::{Caps, ParseCapsError};
pub use check::{Asker, TableError};
pub use chip::Chip;
pub use chips::{ESP32, ESP32_V2_1, ESP32_V3_0, esp32};
pub use declared::{Amount, Choice, Declared, Flag, Kind, MAX_OPTIONS, Value};
pub use dual_bus::{DualBus, WordOrder};
pub use hardware::{Hardware, HardwareTable, Line};
pub use layout::{Layout, Reserved};
pub use layout_error::LayoutError;
pub use memory_type::{Columns, ExtraCaps, MemoryType, PRIORITIES, TypeIndex, union};
pub use options::{OptionError, Options, Setting, SettingValue};
pub use region::{Region, bank, rows};
pub use remaining::{Available, DROPPED_BYTES, Remaining};
pub use reservation::{Bound, Origin, Reservation, Share};
pub use span::Span;
pub use symbols::{Linked, Symbols};
pub use table::{MAX_RESERVATIONS, Order, SampleSymbol, Table, Total, access, caps};
pub use when::When;
pub use window::{Access, Window};

#[cfg(test)]
extern crate std;
