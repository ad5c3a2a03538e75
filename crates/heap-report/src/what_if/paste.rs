//! A variant as lines of Rust: what a program writes to be configured so.
//!
//! What is printed is compiled: `pasted/*.rs` are the lines of some variants, which a test compares
//! and rustdoc compiles.

use std::fmt::Write as _;

use heap_caps::{Policy, Reserve};
use soc_regions::{Caps, Reservation};

use super::{Poisoning, Variant, psram_bytes};

/// Returns the lines that configure a heap of `heap-caps-alloc` so. What is as it is without saying
/// is left out.
#[must_use]
pub fn lines(variant: &Variant) -> String {
    let mut text = imports(variant);
    text.push('\n');
    text.push_str(&heap(variant));
    text.push_str(&claim(variant));
    if !settings(variant).is_empty() {
        let _ = write!(
            text,
            "\n/// Before the first allocation.\nfn configure() -> Result<(), ReserveError> {{\n{}    Ok(())\n}}\n",
            settings(variant)
        );
    }
    text.push_str(&psram(variant));
    text.push_str(&features(variant));
    text
}

fn imports(variant: &Variant) -> String {
    let mut of_caps = Vec::new();
    if variant.setup.policy != Policy::default() {
        of_caps.push("Policy");
    }
    if variant.setup.reserve.is_some() {
        of_caps.push("Reserve");
    }
    if !settings(variant).is_empty() {
        of_caps.push("ReserveError");
    }
    let mut text = String::new();
    match of_caps.as_slice() {
        [] => {}
        [one] => text.push_str(&format!("use heap_caps::{one};\n")),
        several => text.push_str(&format!("use heap_caps::{{{}}};\n", several.join(", "))),
    }
    text.push_str("use heap_caps_alloc::{CapsHeap, CriticalSectionLock};\n");
    if let Some(level) = poison_type(variant.poisoning) {
        text.push_str(&format!("use multi_heap::{level};\n"));
    }
    let caps = variant.setup.reserve.map(|_| "Caps".to_owned());
    let chip = symbols(variant).map(|_| chip_path(variant));
    match caps.into_iter().chain(chip).collect::<Vec<_>>().as_slice() {
        [] => {}
        [one] => text.push_str(&format!("use soc_regions::{one};\n")),
        several => text.push_str(&format!("use soc_regions::{{{}}};\n", several.join(", "))),
    }
    text
}

/// `ESP32S3`, `ESP32_V3_0`.
fn chip_path(variant: &Variant) -> String {
    let name = variant.setup.chip.name().to_uppercase();
    name.replace(['-', '.'], "_")
}

/// Returns all of the RAM, by the names of ESP-IDF's linker script.
fn claim(variant: &Variant) -> String {
    match symbols(variant) {
        Some(names) => format!(
            "\nheap_caps_alloc::claim! {{\n    static RAM: {};\n    unsafe symbols: {{ {} }}\n}}\n",
            chip_path(variant),
            names.join(", ")
        ),
        None => "\n// The claim of this chip's RAM needs more than linker symbols, see `claim!`.\n"
            .to_owned(),
    }
}

/// Returns the linker symbols that this chip needs with these options; `None` if more must be
/// given.
fn symbols(variant: &Variant) -> Option<Vec<&'static str>> {
    let mut names = Vec::new();
    let in_effect = |row: &&Reservation| row.when.holds(&variant.setup.options);
    for row in variant.setup.chip.reservations().iter().filter(in_effect) {
        for name in [row.start, row.end]
            .into_iter()
            .filter_map(|end| end.symbol_name())
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let is_identifier = |name: &&str| {
        name.chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    names.iter().all(is_identifier).then_some(names)
}

fn heap(variant: &Variant) -> String {
    let poison = poison_type(variant.poisoning).map_or(String::new(), |level| format!(", {level}"));
    let new = match policy_path(variant.setup.policy) {
        None => "new(())".to_owned(),
        Some(policy) => format!("with_policy((), {policy})"),
    };
    format!(
        "#[global_allocator]\nstatic HEAP: CapsHeap<CriticalSectionLock{poison}> =\n    CapsHeap::{new};\n"
    )
}

fn settings(variant: &Variant) -> String {
    let mut text = String::new();
    if let Some(Reserve { caps, bytes }) = variant.setup.reserve {
        text.push_str(&format!(
            "    HEAP.set_reserve(Reserve {{ caps: {}, bytes: {bytes} }})?;\n",
            caps_path(caps)
        ));
    }
    if variant.has_psram() {
        let limit = variant
            .external_above
            .unwrap_or(crate::simulate::machine::EXTERNAL_ABOVE);
        text.push_str(&format!(
            "    HEAP.set_external_threshold({});\n",
            limit_path(limit)
        ));
    }
    text
}

/// Never, if nothing is larger than the limit.
fn limit_path(limit: u32) -> String {
    match limit {
        u32::MAX => "None".to_owned(),
        limit => format!("Some({limit})"),
    }
}

/// Returns the token of the claim, as comments: the claim itself is the program's.
fn psram(variant: &Variant) -> String {
    if variant.has_psram() {
        format!(
            "\n// The {} bytes of external memory, where the claim is taken (see `claim!`):\n//     let psram = unsafe {{ parts.psram.mapped({}) }};\n//     let ram = parts.ram.with(psram);\n",
            psram_bytes(variant),
            psram_bytes(variant)
        )
    } else {
        String::new()
    }
}

/// The same for the heap behind the C names.
fn features(variant: &Variant) -> String {
    let poison = match variant.poisoning {
        Poisoning::None => None,
        Poisoning::Light => Some("poison-light"),
        Poisoning::Comprehensive => Some("poison-comprehensive"),
    };
    let policy = (variant.setup.policy == Policy::IdfExact).then_some("policy-idf-exact");
    let features: Vec<String> = ["c-abi-idf"]
        .into_iter()
        .chain(policy)
        .chain(poison)
        .map(|feature| format!("{feature:?}"))
        .collect();
    match features.len() {
        1 => String::new(),
        _ => format!(
            "\n// With the C names instead, in Cargo.toml:\n\
             // [dependencies.heap-caps-c]\n\
             // version = \"0.2\"\n\
             // features = [{}]\n",
            features.join(", ")
        ),
    }
}

const fn poison_type(poisoning: Poisoning) -> Option<&'static str> {
    match poisoning {
        Poisoning::None => None,
        Poisoning::Light => Some("Light"),
        Poisoning::Comprehensive => Some("Comprehensive"),
    }
}

/// `None` for the default.
const fn policy_path(policy: Policy) -> Option<&'static str> {
    match policy {
        Policy::Guaranteed => None,
        Policy::IdfExact => Some("Policy::IdfExact"),
        Policy::Tagged2016 => Some("Policy::Tagged2016"),
    }
}

/// `Caps::DMA.union(Caps::BIT8)`.
fn caps_path(caps: Caps) -> String {
    let mut names = caps.iter_names().map(|(name, _)| format!("Caps::{name}"));
    let first = names.next().unwrap_or_else(|| "Caps::empty()".to_owned());
    names.fold(first, |path, name| format!("{path}.union({name})"))
}

/// What is printed compiles.
///
/// ```no_run
#[doc = include_str!("pasted/everything.rs")]
/// # fn main() { let _ = configure(); }
/// ```
/// ```no_run
#[doc = include_str!("pasted/nothing.rs")]
/// # fn main() {}
/// ```
/// ```no_run
#[doc = include_str!("pasted/policy.rs")]
/// # fn main() {}
/// ```
#[cfg(doctest)]
pub struct Pasted;
