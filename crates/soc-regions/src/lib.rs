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
#[cfg(feature = "defmt")]
mod defmt;
mod dual_bus;
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

pub use budget::{Budget, BudgetError, Requirement};
pub use caps::{Caps, ParseCapsError};
pub use check::{ConditionSite, TableError};
pub use chip::Chip;
pub use chips::esp32::{self, ESP32};
pub use chips::esp32_v2_1::{self, ESP32_V2_1};
pub use chips::esp32_v3_0::{self, ESP32_V3_0};
pub use chips::esp32c2::{self, ESP32C2};
pub use chips::esp32c3::{self, ESP32C3};
pub use chips::esp32c5::{self, ESP32C5};
pub use chips::esp32c6::{self, ESP32C6};
pub use chips::esp32c61::{self, ESP32C61};
pub use chips::esp32h2::{self, ESP32H2};
pub use chips::esp32h4::{self, ESP32H4};
pub use chips::esp32h21::{self, ESP32H21};
pub use chips::esp32p4::{self, ESP32P4};
pub use chips::esp32s2::{self, ESP32S2};
pub use chips::esp32s3::{self, ESP32S3};
pub use chips::esp32s31::{self, ESP32S31};

pub use declared::{Amount, Choice, Declared, Flag, MAX_OPTIONS, OptionKind, Value};
pub use dual_bus::{DualBus, WordOrder};
pub use hardware::{Hardware, HardwareTable, Isa, Line};
pub use layout::{Layout, Reserved};
pub use layout_error::LayoutError;
pub use memory_type::{Columns, ExtraCaps, MemoryType, PRIORITIES, TypeIndex, union};
pub use options::{OptionError, Options, Setting, SettingValue};
pub use region::{Region, bank, rows};
pub use remaining::{Available, DROPPED_BYTES, Remaining};
pub use reservation::{Bound, Origin, Reservation, Term};
pub use span::Span;
pub use symbols::{Linked, Symbols};
pub use table::{MAX_RESERVATIONS, Order, SampleSymbol, Table, Total, access, caps};
pub use when::When;
pub use window::{Access, Window};

#[cfg(test)]
extern crate std;
