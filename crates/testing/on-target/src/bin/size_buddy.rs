//! Shows by its size how large the code is: buddy_system_allocator.

#![no_std]
#![no_main]

on_target::sized!(heap_bench::allocators::Buddy);
