//! Linker scripts that make this a program for the chip: esp-hal's, and defmt's for its frames;
//! defmt's level; and what the chip has.
//!
//! defmt leaves out what is below its level when it compiles, and its level is `error` where nobody
//! says another one.

/// What some chips have, as a `cfg`, and on which of them esp-hal has a driver for it.
const FITTED: [(&str, &[&str]); 3] = [
    (
        "can_have_psram",
        &["ESP32", "ESP32S2", "ESP32S3", "ESP32C5", "ESP32C61"],
    ),
    ("two_cores", &["ESP32", "ESP32S3"]),
    // Its engine copies memory in the name of a peripheral that is not in use.
    ("copies_for_a_peripheral", &["ESP32C3", "ESP32S3"]),
];

fn main() {
    for (name, chips) in FITTED {
        println!("cargo:rustc-check-cfg=cfg({name})");
        let is_chosen = |chip: &&str| std::env::var_os(format!("CARGO_FEATURE_{chip}")).is_some();
        if chips.iter().any(is_chosen) {
            println!("cargo:rustc-cfg={name}");
        }
    }
    println!("cargo:rustc-link-arg-bins=-Tlinkall.x");
    println!("cargo:rustc-link-arg-examples=-Tlinkall.x");
    if std::env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        println!("cargo:rustc-link-arg-bins=-Tdefmt.x");
        println!("cargo:rustc-link-arg-examples=-Tdefmt.x");
        let level = std::env::var("DEFMT_LOG").unwrap_or_else(|_| "info".to_owned());
        println!("cargo:rustc-env=DEFMT_LOG={level}");
    }
    println!("cargo:rerun-if-env-changed=DEFMT_LOG");
    println!("cargo:rerun-if-changed=build.rs");
}
