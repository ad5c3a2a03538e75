//! Shows by its size how large the code is: rlsf.

#![no_std]
#![no_main]

on_target::sized!(heap_bench::allocators::Rlsf);
