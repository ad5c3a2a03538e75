#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod caps;
mod check;
mod chip;
pub mod chips;
mod dual_bus;
#[cfg(feature = "defmt")]
mod frames;
mod layout;
mod memory_type;
mod options;
mod region;
mod reservation;
mod span;
mod symbols;
mod when;
mod window;

pub use caps::{Caps, ParseCapsError};
pub use check::TableError;
pub use chip::{Chip, MAX_RESERVATIONS, Order, SampleSymbol, Table, Total};
pub use chips::{ESP32, ESP32_V2_1, ESP32_V3_0};
pub use dual_bus::{DualBus, WordOrder};
pub use layout::{Available, DROPPED_BYTES, Layout, LayoutError, Remaining, Reserved};
pub use memory_type::{Columns, ExtraCaps, MemoryType, PRIORITIES, TypeIndex, union};
pub use options::{Amount, Bluetooth, Options, SyncConnections, TraceMemory};
pub use region::Region;
pub use reservation::{Bound, Reservation};
pub use span::Span;
pub use symbols::Symbols;
pub use when::{Setting, When};
pub use window::{Access, Window};

#[cfg(test)]
extern crate std;
