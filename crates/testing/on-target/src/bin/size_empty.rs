//! Shows by its size how large the code is: nothing, which is what the others are compared with.

#![no_std]
#![no_main]

on_target::sized!(heap_bench::allocators::Empty);
