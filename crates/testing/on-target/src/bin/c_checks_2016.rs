//! The checks in C of the names of 2016, one line each.

#![no_std]
#![no_main]

on_target::program!(on_target::c_checks);
