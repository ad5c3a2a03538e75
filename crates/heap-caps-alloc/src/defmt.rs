//! `defmt::Format` of reports, typed allocators and buffers: the text of `Display` or `Debug`.

use defmt::{Format, Formatter, write};
use soc_regions::Caps;

use crate::buffer::{CodeBuffer, DmaBuffer, WordBuffer};
use crate::memory_kind::{CapsAllocator, HeapRef, MemoryKind, OwnedBy, Prefer};
use crate::report::{Fault, Report};

impl Format for Fault {
    fn format(&self, out: Formatter<'_>) {
        match self {
            Self::Misuse(misuse) => write!(out, "{}", misuse),
            Self::Corrupt(corrupt) => write!(out, "{}", corrupt),
        }
    }
}

/// `free of 0x3FFC1230: already free (double free) (heap at 0x3FFB2EC8)`
impl Format for Report {
    fn format(&self, out: Formatter<'_>) {
        match self.fault {
            Fault::Misuse(misuse) => write!(out, "{} of {}", self.action, misuse),
            Fault::Corrupt(corrupt) => write!(out, "{} at {}", self.action, corrupt),
        }
        if let Some(call) = self.call {
            write!(out, ", in {=str}()", call.function);
        }
    }
}

impl<H, const CAPS: u32> Format for CapsAllocator<H, CAPS> {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "CapsAllocator({})", Caps::from_bits_retain(CAPS));
    }
}

impl<A: Format, B> Format for Prefer<A, B> {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "Prefer({}, …)", self.first());
    }
}

impl<A: Format + MemoryKind> Format for OwnedBy<A> {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "{} of {}", self.kind(), self.owner());
    }
}

impl<H: HeapRef> Format for DmaBuffer<H> {
    fn format(&self, out: Formatter<'_>) {
        write!(
            out,
            "DmaBuffer({=usize} bytes at 0x{=u32:08X})",
            self.len(),
            self.address()
        );
    }
}

impl<H: HeapRef> Format for WordBuffer<H> {
    fn format(&self, out: Formatter<'_>) {
        let address = self.address().unwrap_or_default();
        write!(
            out,
            "WordBuffer({=usize} words at 0x{=u32:08X})",
            self.len(),
            address
        );
    }
}

impl<H: HeapRef> Format for CodeBuffer<H> {
    fn format(&self, out: Formatter<'_>) {
        let address = self.address().unwrap_or_default();
        write!(
            out,
            "CodeBuffer({=usize} words at 0x{=u32:08X})",
            self.len(),
            address
        );
    }
}
