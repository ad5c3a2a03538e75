//! Which linker scripts make this a program for the chip: esp-hal's, and defmt's for its frames.

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlinkall.x");
    println!("cargo:rustc-link-arg-examples=-Tlinkall.x");
    if std::env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        println!("cargo:rustc-link-arg-bins=-Tdefmt.x");
        println!("cargo:rustc-link-arg-examples=-Tdefmt.x");
    }
}
