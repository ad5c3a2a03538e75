#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(any(test, feature = "std"))]
extern crate std;

mod alias;
mod allocate;
mod attempt;
mod boot;
mod boot_error;
#[cfg(feature = "defmt")]
mod defmt;
mod description;

mod failure;
mod finding;
mod heap_caps;
mod inspect;
mod largest;
mod memory;
mod misuse;
mod observer;
mod owner;
mod phases;
mod policy;
mod pressure;
mod scrub;

mod failure_record;
mod free;
mod reallocate;
mod region;
mod registry;
mod relief;
mod report;
mod request;
mod reserve;
mod route;
mod search;
mod sentence;
#[cfg(feature = "std")]
mod simulated;
mod snapshot;
mod statistics;
mod tagged;
mod tagged_regions;

mod constraints;
mod pending;
mod watch;

pub use allocate::AllocatedBlock;
pub use attempt::{ClosedHeaps, HeapMask, ResizeWithin};
pub use boot::Booted;
pub use boot_error::{AddRegionError, BootError};
pub use description::{Description, ImageHeader, OBSERVER_WORDS, ObserverDescription};
pub use failure::{Candidate, DESCRIBED, Failure, FailureKind, ReallocateError, SkipReason};
pub use finding::Finding;
pub use free::Inquiry;
pub use heap_caps::HeapCaps;
pub use inspect::{BlockView, DamagedBlockView, HeapView, Inspection};
pub use memory::{Identity, Memory};
pub use misuse::{Corrupt, Misuse, MisuseKind};
pub use observer::{Allocated, Freed, Observer, Reallocated};
pub use owner::{CurrentOwner, Instrumented, Owner};
pub use pending::{
    CopiedMove, FilledFree, PendingAllocation, PendingFree, PendingMove, Reallocation,
};
pub use phases::Phases;
pub use policy::Policy;
pub use pressure::{Level, PressureEvent, PressureKind};
pub use reallocate::{OrdinaryMove, Stay};
pub use registry::HeapIndex;
pub use relief::{RELIEF_STEPS, Relief, ReliefStep};
pub use report::print_summary;
pub use request::{AllocRequest, Placement};
pub use reserve::{RESERVES, Reserve, ReserveError};
pub use scrub::Scrubber;
pub use search::{NotServed, Progress, Search};
#[cfg(feature = "std")]
pub use simulated::SimulatedMemory;
pub use snapshot::{ALL_HEAPS, Change, Snapshot};
pub use soc_regions::Hardware;
pub use statistics::NotMonitoring;
pub use tagged_regions::TaggedRegion;
pub use watch::{WATCHES, WatchIndex};
