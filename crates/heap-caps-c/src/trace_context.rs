//! C callbacks for the trace context: clock, core, call stack.
//!
//! Each is a function that the program registers; all are called under the heap's lock, so they
//! must be short, and must neither use the heap nor wait.

use heap_trace::{BuildId, TraceContext};

use crate::callers;
use crate::ffi::{self, FunctionSlot};
use crate::signatures::{Callers, Core, Ticks};
use crate::trace::DEPTH;

/// The SHA-256 of the program's ELF file, as ESP-IDF's description of an application has it.
type ElfSha256 = &'static [u8; BuildId::MOST_BYTES];

static BUILD: FunctionSlot<ElfSha256> = FunctionSlot::empty();
static TICKS: FunctionSlot<Ticks> = FunctionSlot::empty();
static CORE: FunctionSlot<Core> = FunctionSlot::empty();
static CALLERS: FunctionSlot<Callers> = FunctionSlot::empty();

/// Tells who knows the moment of an event. Null for what nobody knows: it reads as 0; callers are
/// then those that the library finds itself, on Linux.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_register_trace_context(
    ticks: Option<Ticks>,
    core: Option<Core>,
    callers: Option<Callers>,
) {
    TICKS.set(ticks);
    CORE.set(core);
    CALLERS.set(callers);
}

/// Tells which build of the program this is: dumps then say it, and tools refuse the ELF file of
/// another one. Null: nobody knows.
///
/// # Safety
/// - `elf_sha256` is null, or points to 32 bytes that stay as they are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_register_build(elf_sha256: Option<ElfSha256>) {
    BUILD.set(elf_sha256);
}

/// Returns the callers of the heap's C functions, on a host that knows them: addresses that the
/// program's file has, because those of memory may have 64 bits. Those of other files that lie too
/// far away are left out.
fn in_file(stack: &mut [u32]) -> usize {
    let mut callers = [0; DEPTH];
    let found = callers::of_entry(&mut callers);
    let known = callers.iter().take(found);
    let addresses = known.filter_map(|&caller| callers::address_in_file(caller));
    stack
        .iter_mut()
        .zip(addresses)
        .map(|(place, address)| *place = address)
        .count()
}

/// Returns what the program has for an address of a record: a pointer into its code.
pub(super) fn pointer_of(address: u32) -> usize {
    match CALLERS.get() {
        Some(_) => address as usize, // widening
        None => callers::pointer_of(address),
    }
}

/// The program's knowledge, for observers.
#[derive(Clone, Copy, Debug)]
pub struct CTraceContext;

impl TraceContext for CTraceContext {
    fn ticks(&self) -> u32 {
        TICKS.get().map_or(0, ffi::answer)
    }

    fn core(&self) -> u8 {
        let core = CORE.get().map_or(0, ffi::answer);
        u8::try_from(core).unwrap_or(u8::MAX)
    }

    fn build(&self) -> Option<BuildId<'static>> {
        BUILD.get().map(|elf_sha256| BuildId::new(elf_sha256))
    }

    fn callers(&self, stack: &mut [u32]) -> usize {
        match CALLERS.get() {
            Some(callers) => ffi::callers(callers, stack),
            None => in_file(stack),
        }
    }
}
