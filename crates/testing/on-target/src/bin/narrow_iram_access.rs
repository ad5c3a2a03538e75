//! Must end with a trap on chips with memory for words only: writes a byte there.

#![no_std]
#![no_main]

on_target::program!(main);

fn main() -> u8 {
    write_byte();
    on_target::exit_code::SUCCESS
}

#[cfg(target_arch = "xtensa")]
fn write_byte() {
    let place: *mut u8 = core::ptr::without_provenance_mut(0x4009_0001);
    // SAFETY: nothing else uses IRAM in this program.
    on_target::words_only(|| unsafe { place.write_volatile(1) });
}

#[cfg(not(target_arch = "xtensa"))]
fn write_byte() {}
