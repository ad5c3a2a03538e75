//! Must be stopped from outside: never ends.

#![no_std]
#![no_main]

on_target::program!(main);

fn main() -> u8 {
    on_target::println!("waiting for the time limit");
    loop {
        core::hint::spin_loop();
    }
}
