//! Must end with a trap: executes an invalid instruction.

#![no_std]
#![no_main]

on_target::program!(main);

fn main() -> u8 {
    on_target::illegal_instruction();
    on_target::exit_code::SUCCESS
}
