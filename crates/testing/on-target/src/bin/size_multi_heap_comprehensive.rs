//! Shows by its size how large the code is: our heap with comprehensive poisoning.

#![no_std]
#![no_main]

on_target::sized!(heap_bench::allocators::MultiHeap<multi_heap::Comprehensive>);
