#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod addresses;
mod allocate;
mod arena;
#[doc(hidden)]
pub mod blocks;
mod buffer;
#[doc(hidden)]
pub mod c_functions;
mod claim;
#[cfg(feature = "defmt")]
mod defmt;
mod diagnosis;
mod figures;
mod global;
mod heap;
mod lock;
mod memory_kind;
mod pressure;
mod reallocate;
mod record;
mod register;
mod report;
mod shared;
mod tagged;
#[cfg(any(
    feature = "allocator-api2-02",
    feature = "allocator-api2-03",
    feature = "allocator-api2-04"
))]
mod typed;

pub use arena::{Arena, LeftInArena, Scratch};
pub use buffer::{CodeBuffer, DmaBuffer, WordBuffer};
pub use claim::{
    Bluetooth, Claim, Claimed, MappedPsram, Parts, Psram, Ram, SecondCore, StartupStacks,
    TakeError, Token, TraceMemory,
};
pub use diagnosis::Watermark;
pub use figures::SharedInspection;
pub use heap::CapsHeap;
#[cfg(feature = "critical-section")]
pub use lock::CriticalSectionLock;
#[cfg(all(feature = "spin", target_has_atomic = "32"))]
pub use lock::SpinLock;
pub use lock::{InterruptMask, Masked, RawLock, Unlocked};
pub use memory_kind::{
    CHOICES, CapsAllocator, Choices, Default8Bit, Dma, HeapRef, Internal, InternalOrSpiram,
    MemoryKind, OwnedBy, Prefer, Retention, Rtc, Spiram, SpiramOrInternal,
};
pub use pressure::{
    AccountsAreOpen, Allocating, EMERGENCIES, EmergencyError, EmergencyHandler, EmergencyIndex,
    EmergencyRelease, EmergencyReserve, GAUGES, GaugeIndex, GaugeTableFull, InterruptProbe, Level,
    LevelChange, LevelHandler, LimitError, OwnerAccounts, OwnerHandler, OwnerLimits, OwnerPressure,
    OwnerProbe, OwnerUsage, PATIENCE, Park, PressureControl, PressureGauge, SHRINKERS, Shortage,
    Shrink, Shrinker, ShrinkerFigures, ShrinkerIndex, ShrinkerTableFull, WaitError,
};
pub use report::{Action, Call, FailureHandler, Fault, Faults, Report, ReportHandler, go_on};
pub use tagged::TaggedBuffer;

pub use heap_caps::{
    AllocRequest, CurrentOwner, Failure, ImageHeader, Misuse, Owner, Placement, Policy,
    ReallocateError, Reserve, Snapshot,
};
pub use multi_heap::{Comprehensive, Light, Poison, Unpoisoned, set_canary_key};
pub use soc_regions;
pub use soc_regions::{
    Budget, Caps, Chip, ESP32, ESP32C2, ESP32C3, ESP32C5, ESP32C6, ESP32C61, ESP32H2, ESP32H4,
    ESP32H21, ESP32P4, ESP32S2, ESP32S3, ESP32S31, Hardware, Options, Requirement, Reservation,
    budget, options,
};

/// What `heap-caps-c` and `heap-guard` need to serve C and Rust: no interface for others.
#[doc(hidden)]
pub mod ffi {
    pub use crate::global::{request, without_unwinding};
    pub use crate::lock::Locked;
}

/// What [`claim!`] expands to.
#[doc(hidden)]
pub mod claim_macro {
    pub use crate::claim::esp_hal::{behind_guard, configured, mapped, second_core, stack};
    pub use crate::claim::macros::address_of;
    pub use crate::claim::start::Mark;
    pub use soc_regions::{Linked, Options, Reservation, common, options};
}
