//! `esp_heap_task_info.h`: which task has how much memory.
//!
//! ```text
//!   event ─► Accounts, an observer ─► task_ids: handle → number    0..TASKS     0: before there are tasks
//!                                   ─► Ledger: block → number, usage of a number  (heap-trace)
//!                                   ─► usage of a number in a heap
//! ```
//!
//! A task is what `heap_caps_register_tasks` says; before it is called everything belongs to the
//! task null, "Pre-scheduler". Nothing is stored in the blocks and nothing is allocated: at most
//! [`TASKS`] tasks and [`BLOCKS`] blocks are known, what is beyond is one entry "others". Sizes are
//! those that the user can use. Without the feature `heap-task-tracking` nobody has any memory, and
//! the functions say `ESP_ERR_NOT_SUPPORTED`.

#[cfg(feature = "heap-task-tracking")]
pub(super) mod accounts;
#[cfg(feature = "heap-task-tracking")]
mod arrays;
#[cfg(feature = "heap-task-tracking")]
mod fill;
#[cfg(feature = "heap-task-tracking")]
mod info;
#[cfg(feature = "heap-task-tracking")]
mod print;
mod records;
#[cfg(not(feature = "heap-task-tracking"))]
mod stub;
#[cfg(feature = "heap-task-tracking")]
pub(super) mod task_ids;

pub use records::*;
#[cfg(not(feature = "heap-task-tracking"))]
pub use stub::*;
#[cfg(feature = "heap-task-tracking")]
pub use task_ids::heap_caps_register_tasks;
#[cfg(feature = "heap-task-tracking")]
pub use {arrays::*, fill::*, info::*, print::*};

/// Tasks that can be known, the one before there are tasks included.
pub const TASKS: usize = 16;
/// Blocks that can be known.
pub const BLOCKS: usize = 1024;
