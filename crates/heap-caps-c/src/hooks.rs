//! Callbacks of C: for failures, for blocks, for faults.
//!
//! | event | called | ESP-IDF |
//! |---|---|---|
//! | no memory for a request of some size | failed-allocation callback: size, capabilities, name of the function | the same; also for a count of 0, and with the product that wrapped |
//! | a block was handed out, resized or moved | allocation hook: block, size and capabilities as asked for | the size after rounding, rewritten capabilities |
//! | a block was freed, or left by a move or resize | free hook: the block as it was handed out | no free where a block moves within its heap |
//! | a pointer or block is not what it should be | console, fault callback: one line; then the end of the program, unless it chose to go on | assertion |
//!
//! All are called outside of the lock, so they may use the heap. Each has one place; the last
//! registered wins.

use core::ffi::CStr;
use core::fmt::{self, Write};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use heap_caps::{Corrupt, MisuseKind};
use soc_regions::Caps;

use super::console::{Console, Line};
use crate::c_library;
use crate::callers;
use crate::ffi::{self, FunctionSlot};
use crate::heap::{CLock, HEAP};
use crate::signatures::{AllocHook, FailedHook, FaultHook, FreeHook};
use heap_caps_alloc::ffi::Locked;
use heap_caps_alloc::{Call, Fault, Report};

pub(super) static ON_FAILED: FunctionSlot<FailedHook> = FunctionSlot::empty();
pub(super) static ON_ALLOC: FunctionSlot<AllocHook> = FunctionSlot::empty();
pub(super) static ON_FREE: FunctionSlot<FreeHook> = FunctionSlot::empty();
pub(super) static ON_FAULT: FunctionSlot<FaultHook> = FunctionSlot::empty();

/// How many faults there were: of the heaps in memory of callers too.
/// Behind a lock, because some chips have no atomic addition, and two cores may count at once.
pub(super) static FAULTS: Locked<CLock, usize> = Locked::new(0);

/// Whether a fault ends the program. On a host only the C library's own choice: Rust's tests go on.
pub(super) static STOPS: AtomicBool = AtomicBool::new(
    cfg!(any(feature = "faults-abort", target_os = "none")) && !cfg!(feature = "faults-go-on"),
);

/// Returns the capabilities that the hooks see of requests that name none.
pub(super) const fn by_default() -> u32 {
    Caps::DEFAULT.bits()
}

/// A request found no memory.
#[cold]
#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
pub(super) fn failed(size: usize, caps: u32, function: &'static CStr) {
    if let Some(hook) = ON_FAILED.get() {
        ffi::notify_failed(hook, size, caps, function);
    }
}

/// A block was handed out.
#[inline]
pub(super) fn allocated(block: NonNull<u8>, size: usize, caps: u32) {
    if let Some(hook) = ON_ALLOC.get() {
        ffi::notify_allocated(hook, block, size, caps);
    }
}

/// A block was freed.
#[inline]
pub(super) fn freed(block: Option<NonNull<u8>>) {
    if let (Some(hook), Some(block)) = (ON_FREE.get(), block) {
        ffi::notify_freed(hook, block);
    }
}

/// The report handler of the heap that C uses.
pub(super) fn on_report(report: &Report) {
    let call = report.call.map_or(FoundIn::Nameless, FoundIn::Call);
    fault(format_args!("{}{call}", OfProgram(report)));
}

/// A report with the program's own pointers: a 64-bit host's are no addresses of the heap.
struct OfProgram<'a>(&'a Report);

impl fmt::Display for OfProgram<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report {
            action,
            fault,
            pointer,
            ..
        } = *self.0;
        match fault {
            Fault::Corrupt(corrupt) => write!(out, "{action} at {}", damage(&corrupt)),
            Fault::Misuse(misuse) => {
                let pointer = match pointer {
                    0 => of_program(misuse.address),
                    address => Pointer(address),
                };
                write!(out, "{action} of {pointer}: ")?;
                match misuse.kind {
                    MisuseKind::Corrupt(corrupt) => damage(&corrupt).fmt(out)?,
                    kind => kind.fmt(out)?,
                }
                let start = misuse.heap_start.map(of_program);
                start.map_or(Ok(()), |start| write!(out, " (heap at {start})"))
            }
        }
    }
}

/// A pointer as messages show it.
pub(super) struct Pointer(pub(super) usize);

impl fmt::Display for Pointer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u32::try_from(self.0) {
            Ok(address) => write!(out, "0x{address:08X}"),
            Err(_) => write!(out, "0x{:012x}", self.0),
        }
    }
}

/// Returns what the program has for an address of the heap.
fn of_program(address: u32) -> Pointer {
    let pointer = HEAP.inspect().locked(|heaps| {
        heaps.pointer(address).or_else(|| {
            // No block begins at the first byte of a heap.
            let heap = heaps.heap_at(address)?;
            let memory = heaps.memory_of(heap.index)?;
            (heap.span.start() == address).then_some(memory.cast())
        })
    });
    Pointer(pointer.map_or(address as usize, |pointer| pointer.addr().get())) // widening
}

/// `0x3FFB3010: CORRUPT HEAP: …`
fn damage(corrupt: &Corrupt) -> impl fmt::Display {
    let (place, what) = (of_program(corrupt.address), corrupt.corruption);
    from_fn(move |out| write!(out, "{place}: {what}"))
}

fn from_fn(write: impl Fn(&mut fmt::Formatter<'_>) -> fmt::Result) -> impl fmt::Display {
    struct Writer<F>(F);
    impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Writer<F> {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            (self.0)(out)
        }
    }
    Writer(write)
}

/// Where a fault was found, for the end of its line: `, in heap_caps_free(), called from
/// 0x400D1234, task mqtt`.
pub(super) enum FoundIn {
    /// In a call of a known function.
    Call(Call),
    /// In a function that left no name.
    Nameless,
}

impl fmt::Display for FoundIn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caller = match self {
            Self::Call(call) => {
                write!(out, ", in {}()", call.function)?;
                call.caller
            }
            Self::Nameless => callers::caller(),
        };
        if caller != 0 {
            write!(out, ", called from {}", Pointer(caller))?;
        }
        #[cfg(feature = "heap-task-tracking")]
        crate::tasks::task_ids::write_current(out)?;
        Ok(())
    }
}

/// Prefix of each line about a fault, to be searched for in a log.
const PREFIX: &str = "heap fault: ";

/// Something is not what it should be.
#[cold]
pub(super) fn fault(what: core::fmt::Arguments<'_>) {
    {
        let mut faults = FAULTS.acquire();
        *faults = faults.saturating_add(1);
    }
    let mut line = Line::new();
    // A line that is too long is cut off.
    let _ = line.write_str(PREFIX).and_then(|()| line.write_fmt(what));
    Console.line(&line);
    if let Some(hook) = ON_FAULT.get() {
        ffi::notify_fault(hook, line.as_c_str());
    }
    if STOPS.load(Ordering::Relaxed) {
        c_library::stop(line.as_str());
    }
}
