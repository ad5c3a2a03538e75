//! Checks that run on a host, on emulated chips and on boards alike: plain functions that panic
//! where something is wrong.
//!
//! ```text
//!   checks!(…)   the list of all checks              memory_types.rs, routing.rs, poisoning.rs, … hold them
//!   Machine      what a check stands on: memory, linker symbols
//!   faults       what a program does wrong, at random, and what the heap finds
//!   campaign     heaps under arbitrary calls, damage and forged headers, in the millions, on a host
//!   torture      hashes that a compiler must get right: computed on the host and on the chip, then compared
//! ```
//!
//! On a host `cargo test` runs them on simulated memory (`tests/host.rs`); on a chip each is one
//! run of the emulator (`cargo xtask qemu`).

#![no_std]
#![expect(
    clippy::unwrap_used,
    reason = "a check that finds something wrong ends there"
)]

extern crate alloc;

#[cfg(not(target_os = "none"))]
pub mod campaign;
pub mod faults;
mod machine;
pub mod memory_types;
mod pattern;
pub mod poisoning;
mod random;
pub mod routing;
mod text;
pub mod torture;
pub mod variants;

pub use machine::{Booted, Machine, boot, boot_as, boot_whole, options};

/// Hands the list of all checks to the macro `$each`: `module::function, …`; each is generic over
/// the [`Machine`].
#[macro_export]
macro_rules! checks {
    ($each:ident) => {
        $each! {
            memory_types::every_memory_type_keeps_what_is_written,
            memory_types::the_largest_free_block_can_be_had_and_not_a_byte_more,
            memory_types::blocks_that_come_and_go_keep_their_content,
            memory_types::aligned_blocks_are_aligned_in_every_memory_type,
            memory_types::growing_blocks_keep_their_content,
            routing::what_dma_gets_is_dma_capable,
            routing::what_code_gets_is_executable,
            routing::plain_requests_stay_inside_the_chip_while_it_has_room,
            routing::words_go_where_bytes_can_not,
            routing::external_memory_comes_when_asked_for,
            routing::a_reserve_is_kept_for_its_own,
            routing::a_refusal_says_why,
            routing::startup_stacks_become_heaps,
            variants::the_default_variant_keeps_both_cores_memory,
            variants::one_core_has_the_other_ones_memory,
            variants::one_bank_of_trace_memory_is_left_alone,
            variants::two_banks_of_trace_memory_are_left_alone,
            variants::psram_serves_in_the_size_that_is_there,
            poisoning::a_write_behind_a_block_is_found,
            poisoning::a_write_before_a_block_is_found,
            poisoning::a_write_after_free_is_found,
            poisoning::a_second_free_is_refused,
            poisoning::a_foreign_address_is_refused,
        }
    };
}

/// Those of them that hold for every chip, not for an ESP32 alone.
#[macro_export]
macro_rules! checks_of_any_chip {
    ($each:ident) => {
        $each! {
            memory_types::every_memory_type_keeps_what_is_written,
            memory_types::the_largest_free_block_can_be_had_and_not_a_byte_more,
            memory_types::blocks_that_come_and_go_keep_their_content,
            memory_types::aligned_blocks_are_aligned_in_every_memory_type,
            memory_types::growing_blocks_keep_their_content,
            routing::what_dma_gets_is_dma_capable,
            routing::plain_requests_stay_inside_the_chip_while_it_has_room,
            routing::a_reserve_is_kept_for_its_own,
            routing::a_refusal_says_why,
            routing::startup_stacks_become_heaps,
            poisoning::a_write_behind_a_block_is_found,
            poisoning::a_write_before_a_block_is_found,
            poisoning::a_write_after_free_is_found,
            poisoning::a_second_free_is_refused,
            poisoning::a_foreign_address_is_refused,
        }
    };
}
