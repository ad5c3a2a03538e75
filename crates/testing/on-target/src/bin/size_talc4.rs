//! Shows by its size how large the code is: talc 4.

#![no_std]
#![no_main]

on_target::sized!(heap_bench::allocators::Talc4);
