//! `esp_heap_caps.h` and `esp_heap_caps_init.h`.

mod allocate;
mod arena;
mod callbacks;
mod figures;
mod flash;
mod inspect;
mod layout;
mod limits;
mod memory_utils;
mod names;
mod pressure;
mod regions;

pub use allocate::*;
pub use arena::*;
pub use callbacks::*;
pub use figures::*;
pub use flash::*;
#[cfg(feature = "heap-task-tracking")]
pub(super) use inspect::Shown;
pub use inspect::*;
pub(super) use inspect::{HEADER, print_block};
pub use layout::*;
pub use limits::*;
pub use memory_utils::*;
pub use names::*;
pub use pressure::*;
pub use regions::*;

/// `ESP_OK` and what ESP-IDF's functions say instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum EspError {
    Ok = 0,
    Fail = -1,
    NoMem = 0x101,
    InvalidArg = 0x102,
    #[cfg(feature = "heap-tracing")]
    InvalidState = 0x103,
    InvalidSize = 0x104,
    NotFound = 0x105,
    NotSupported = 0x106,
}

/// `esp_err_t`.
pub type EspErr = i32;

impl EspError {
    pub(super) const fn code(self) -> EspErr {
        self as EspErr // the representation
    }
}
