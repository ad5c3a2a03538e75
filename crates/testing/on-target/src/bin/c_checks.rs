//! The checks in C of today's names, one line each.

#![no_std]
#![no_main]

on_target::program!(on_target::c_checks);
