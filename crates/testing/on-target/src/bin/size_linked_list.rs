//! Shows by its size how large the code is: linked_list_allocator.

#![no_std]
#![no_main]

on_target::sized!(heap_bench::allocators::LinkedList);
