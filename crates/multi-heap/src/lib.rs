#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

#[cfg(all(feature = "in-ram", target_vendor = "apple"))]
compile_error!("`in-ram` names a section of the chips' linker scripts: leave it out on this host");

mod allocate;
mod arena;
mod bins;
mod check;
mod checkpoints;
mod contents;
mod damage;
#[cfg(feature = "defmt")]
mod defmt;
mod examine;
mod free;
mod header;
mod heap;
mod image;
mod link_check;
mod lists;
mod offset;
mod poison;
mod pool;
mod request;
mod resize;
mod scrub;
mod texts;
mod walk;

pub use contents::{Contents, copy_block, zero_block};
pub use damage::{Corruption, CorruptionKind, Misuse, NewHeapError, Refused};
pub use examine::Inquiry;
pub use heap::Heap;
pub use image::{HeapImage, HeapLayout};
pub use offset::Offset;
pub use poison::{
    Comprehensive, FILL_ALLOCATED, FILL_FREED, HEAD_CANARY, Light, Poison, TAIL_CANARY, Unpoisoned,
    set_canary_key,
};
pub use request::Request;
pub use resize::Moved;
pub use scrub::{ScrubStep, Scrubber};
pub use walk::{Block, BlockState, Blocks, DamagedBlock, Info};
