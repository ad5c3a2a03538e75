//! Statistics of tasks as text, in ESP-IDF's form.
//!
//! ```text
//! ├ ALIVE: mqtt, CURRENT MEMORY USAGE 1536, PEAK MEMORY USAGE 4096, TOTAL HEAP USED 1:
//! │    ├ HEAP: DRAM, CAPS: 0x0010580e, SIZE: 180000, USAGE: CURRENT 1536 (0%), PEAK 4096 (2%), ALLOC COUNT: 1
//! │    │    ├ ALLOC 0x3ffb4f00, SIZE 1536
//! ```
//!
//! On a chip there are no streams: the text goes to the console whatever the stream is.

use core::ffi::c_void;
use core::fmt::{self, Write};

use heap_trace::Owner;

use super::fill::{accounts, each_owned_block, heaps_of, in_order, live};
use super::task_ids::Task;
use crate::console::{Console, Stream};

/// Prints every task with its heaps and blocks to a `FILE`; null is the console.
///
/// # Safety
/// - `stream` is null or an open stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_print_all_task_stat(stream: *mut c_void) {
    print(stream, |out| {
        let last = in_order().count().saturating_sub(1);
        let mut tasks = in_order().enumerate();
        tasks.try_for_each(|(index, (number, task))| whole(out, number, task, index == last))
    });
}

/// Prints one task (null: the one that runs).
///
/// # Safety
/// - `stream` is null or an open stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_print_single_task_stat(stream: *mut c_void, task: *mut c_void) {
    print(stream, |out| match live(task) {
        Some((number, task)) => whole(out, number, task, true),
        None => Ok(()),
    });
}

/// Prints a table of all tasks.
///
/// # Safety
/// - `stream` is null or an open stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_print_all_task_stat_overview(stream: *mut c_void) {
    print(stream, |out| {
        top(out)?;
        in_order().try_for_each(|(number, task)| row(out, number, task))?;
        bottom(out)
    });
}

/// Prints a table of one task (null: the one that runs).
///
/// # Safety
/// - `stream` is null or an open stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_print_single_task_stat_overview(
    stream: *mut c_void,
    task: *mut c_void,
) {
    print(stream, |out| {
        let Some((number, task)) = live(task) else {
            return Ok(());
        };
        top(out)?;
        row(out, number, task)?;
        bottom(out)
    });
}

fn print(stream: *mut c_void, text: impl FnOnce(&mut dyn Write) -> fmt::Result) {
    // Neither refuses.
    let _ = if stream.is_null() {
        text(&mut Console)
    } else {
        text(&mut Stream(stream))
    };
}

/// A task's name.
struct Name<'a>(Owner, &'a Task);

impl fmt::Display for Name<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Owner::NOBODY {
            return out.pad("Pre-scheduler");
        }
        let bytes = self.1.name();
        let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
        out.pad(core::str::from_utf8(text).unwrap_or("?"))
    }
}

fn whole(out: &mut dyn Write, number: Owner, task: &Task, is_last: bool) -> fmt::Result {
    let usage = accounts(|accounts| accounts.of(number));
    writeln!(
        out,
        "{} {}: {}, CURRENT MEMORY USAGE {}, PEAK MEMORY USAGE {}, TOTAL HEAP USED {}:",
        if is_last { '└' } else { '├' },
        if task.is_alive() { "ALIVE" } else { "DELETED" },
        Name(number, task),
        usage.bytes,
        usage.peak_bytes,
        heaps_of(number).count()
    )?;
    let side = if is_last { ' ' } else { '│' };
    let last = heaps_of(number).count().saturating_sub(1);
    for (index, (heap, usage)) in heaps_of(number).enumerate() {
        let (size, current, peak) = (heap.span.size(), usage.current, usage.peak);
        let mut blocks = 0;
        each_owned_block(|of, _, _, owner| {
            blocks += u32::from(of.index == heap.index && owner == number);
        });
        writeln!(
            out,
            "{side}    {} HEAP: {}, CAPS: 0x{:08x}, SIZE: {size}, USAGE: CURRENT {current} ({}%), PEAK {peak} ({}%), ALLOC COUNT: {blocks}",
            if index == last { '└' } else { '├' },
            heap.name,
            heap.caps.bits(),
            percent(current, size),
            percent(peak, size)
        )?;
        let inner = if index == last { ' ' } else { '│' };
        let (mut shown, mut written) = (0, Ok(()));
        each_owned_block(|of, pointer, size, owner| {
            if of.index == heap.index && owner == number && written.is_ok() {
                shown += 1; // as many as there are blocks
                let branch = if shown == blocks { '└' } else { '├' };
                written = writeln!(
                    out,
                    "{side}    {inner}    {branch} ALLOC {pointer:p}, SIZE {size}"
                );
            }
        });
        written?;
    }
    Ok(())
}

/// Returns a percentage. Both are at most 128 MiB: the division comes first.
fn percent(part: u32, whole: u32) -> u32 {
    part.checked_div(whole.div_ceil(100)).unwrap_or(0)
}

fn top(out: &mut dyn Write) -> fmt::Result {
    writeln!(
        out,
        "┌{:─<20}┬{:─<9}┬{:─<22}┬{:─<19}┬{:─<17}┐",
        "", "", "", "", ""
    )?;
    writeln!(
        out,
        "│ {:>18} │ {:<7} │ {:>20} │ {:>17} │ {:>15} │",
        "TASK", "STATUS", "CURRENT MEMORY USAGE", "PEAK MEMORY USAGE", "TOTAL HEAP USED"
    )?;
    writeln!(
        out,
        "├{:─<20}┼{:─<9}┼{:─<22}┼{:─<19}┼{:─<17}┤",
        "", "", "", "", ""
    )
}

fn row(out: &mut dyn Write, number: Owner, task: &Task) -> fmt::Result {
    let usage = accounts(|accounts| accounts.of(number));
    writeln!(
        out,
        "│ {:>18} │ {:<7} │ {:>20} │ {:>17} │ {:>15} │",
        Name(number, task),
        if task.is_alive() { "ALIVE" } else { "DELETED" },
        usage.bytes,
        usage.peak_bytes,
        heaps_of(number).count()
    )
}

fn bottom(out: &mut dyn Write) -> fmt::Result {
    writeln!(
        out,
        "└{:─<20}┴{:─<9}┴{:─<22}┴{:─<19}┴{:─<17}┘",
        "", "", "", "", ""
    )
}
