//! Must end with a trap: writes to address 4.

#![no_std]
#![no_main]

on_target::program!(main);

fn main() -> u8 {
    let place: *mut u32 = core::ptr::without_provenance_mut(4);
    // SAFETY: there is no memory, so nobody's; the trap is the point.
    unsafe { place.write_volatile(1) };
    on_target::exit_code::SUCCESS
}
