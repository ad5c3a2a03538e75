//! A history in the formats that people's tools read.
//!
//! ```text
//!                ┌─► dhat         who allocated how much, for how long, what was live at the peak     dh_view.html
//!                ├─► perfetto     bytes of each owner and heap over time, marks, failures, gaps        ui.perfetto.dev
//!   History ─────┼─► heaptrack    every allocation and free with its call stack                        heaptrack_gui, heaptrack_print
//!                ├─► csv          a row an event                                                       spreadsheets, pandas
//!                ├─► collapsed    `outer;inner bytes`                                                  flame graphs
//!                └─► Program      sizes, order and alignment, to be replayed                           esp-heap sim, minheap, what-if
//! ```
//!
//! What is missing of a history stands in each of them, in the words of [`missing`]. Bytes are
//! those asked for. A resize is a free and an allocation.

mod clock;
mod collapsed;
mod csv;
mod dhat;
mod heaptrack;
mod perfetto;
mod stacks;

pub use collapsed::{Bytes, collapsed};
pub use csv::csv;
pub use dhat::dhat;
pub use heaptrack::heaptrack;
pub use perfetto::perfetto;

use crate::history::{Gaps, History};

/// Returns what is missing, as a list in words; `None` if nothing is.
#[must_use]
pub fn missing(gaps: &Gaps) -> Option<String> {
    let parts = [
        (gaps.dropped, "events dropped by the program"),
        (gaps.missed, "events lost on the way"),
        (gaps.broken_frames, "broken frames"),
        (gaps.unreadable_records, "unreadable records"),
        (gaps.unknown_frees, "frees of blocks never seen"),
        (gaps.lost_frees, "frees not seen"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{what}: {count}"))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Returns the program and, if something is missing, what.
fn title(history: &History) -> String {
    let program = match history.program.as_str() {
        "" => "unnamed program",
        name => name,
    };
    match missing(&history.gaps) {
        Some(missing) => format!("{program} (incomplete: {missing})"),
        None => program.to_owned(),
    }
}

#[cfg(test)]
mod tests;
