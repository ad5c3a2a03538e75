//! Which linker script makes this a program for the chip: esp-hal's.

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlinkall.x");
    println!("cargo:rustc-link-arg-examples=-Tlinkall.x");
}
