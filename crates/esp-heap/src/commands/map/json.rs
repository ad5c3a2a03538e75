//! A map as JSON.
//!
//! ```text
//!   {"schema": "memory-map/1", "chip", "generation", "options", "program", "symbols", "types", "regions",
//!    "reservations", "heaps", "capabilities", "total"}
//!   {"schema": "memory-map-diff/1", "left": {a map}, "right": {a map}, "regions", "types", "capabilities",
//!    "reservations": [{"name", "left", "right", "difference"}]}
//! ```
//! Addresses and sizes are numbers, in bytes; ends are the address behind the last one.

use serde_json::{Map as Object, Value, json};
use soc_regions::{Caps, Columns, Span};

use super::compare::{ComparedBytes, Comparison};
use super::model::{Map, Total};
use super::overlay::{Overlay, Placed};
use crate::configuration::value_of;

pub(crate) fn of_map(map: &Map) -> Value {
    let mut object = json!({
        "schema": "memory-map/1",
        "chip": map.chip.name(),
        "generation": map.chip.generation(),
        "options": options(map),
        "program": map.overlay.as_ref().map(program),
        "symbols": symbols(map),
        "types": types(map),
        "regions": regions(map),
        "reservations": reservations(map),
        "heaps": heaps(map),
        "capabilities": map.totals().iter().map(capability).collect::<Vec<_>>(),
    });
    object["findings"] = json!(map.findings());
    object["total"] = json!({
        "region_bytes": map.region_bytes(None),
        "memory_bytes": map.memory_bytes(),
        "heap_bytes": map.heap_bytes(None),
    });
    object
}

pub(crate) fn of_comparison(comparison: &Comparison<'_>) -> Value {
    let mut object = json!({
        "schema": "memory-map-diff/1",
        "left": of_map(comparison.left),
        "right": of_map(comparison.right),
    });
    for section in comparison.sections() {
        object[section.key] = section.rows.iter().map(row).collect();
    }
    object
}

fn row(row: &ComparedBytes) -> Value {
    json!({
        "name": row.name,
        "left": row.left,
        "right": row.right,
        "difference": row.difference(),
    })
}

/// Returns every option of the chip, as the command line takes it.
fn options(map: &Map) -> Value {
    let options = map.options.iter();
    let named = options
        .map(|(declared, value)| (declared.name.to_owned(), value_of(declared, value).into()));
    Value::Object(named.collect())
}

/// `start`, `end` and `bytes`, and what else is known of the span.
fn spanned(span: Span, rest: Value) -> Value {
    let mut object = Object::new();
    object.insert("start".into(), span.start().into());
    object.insert("end".into(), span.end().into());
    object.insert("bytes".into(), span.size().into());
    if let Value::Object(rest) = rest {
        object.extend(rest);
    }
    Value::Object(object)
}

fn names(caps: Caps) -> Vec<&'static str> {
    caps.named().map(|(name, _)| name).collect()
}

fn by_priority(columns: Columns) -> Vec<Vec<&'static str>> {
    columns.into_iter().map(names).collect()
}

fn program(overlay: &Overlay) -> Value {
    let section = |placed: &Placed| {
        let piece = &placed.piece;
        spanned(
            piece.span,
            json!({ "name": piece.name, "content": piece.content, "lies_in": placed.lies_in }),
        )
    };
    json!({
        "file": overlay.file,
        "sections": overlay.placed.iter().map(section).collect::<Vec<_>>(),
        "findings": overlay.findings,
    })
}

fn symbols(map: &Map) -> Vec<Value> {
    let symbols = map.linked.symbols.iter();
    symbols
        .map(|symbol| {
            json!({
                "name": symbol.name,
                "address": symbol.address,
                "reservation": symbol.reservation,
                "source": symbol.source,
            })
        })
        .collect()
}

fn types(map: &Map) -> Vec<Value> {
    let kinds = map.types().into_iter();
    kinds
        .map(|kind| {
            json!({
                "name": map.type_name(kind),
                "caps": by_priority(map.caps(kind)),
                "region_bytes": map.region_bytes(Some(kind)),
                "heap_bytes": map.heap_bytes(Some(kind)),
            })
        })
        .collect()
}

fn regions(map: &Map) -> Vec<Value> {
    let regions = map.regions();
    regions
        .map(|region| {
            let rest = json!({
                "type": map.type_name(region.kind),
                "startup_stack": region.startup_stack,
            });
            spanned(region.span, rest)
        })
        .collect()
}

fn reservations(map: &Map) -> Vec<Value> {
    let costs = map.costs.iter();
    costs
        .map(|cost| {
            let rest = json!({
                "name": cost.name,
                "condition": cost.when.to_string(),
                "cost_bytes": cost.bytes,
            });
            spanned(cost.span, rest)
        })
        .collect()
}

fn heaps(map: &Map) -> Vec<Value> {
    let heaps = map.heaps.iter();
    heaps
        .map(|heap| {
            let rest = json!({
                "type": heap.memory_type.name,
                "caps": by_priority(heap.caps),
                "instruction_bus": heap.iram_alias,
                "startup_stack": heap.startup_stack,
                "external": heap.external,
            });
            spanned(heap.span, rest)
        })
        .collect()
}

fn capability(total: &Total) -> Value {
    json!({
        "name": total.name,
        "internal": total.internal,
        "external": total.external,
        "bytes": total.bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use soc_regions::{ESP32, common};

    #[test]
    fn a_map_has_all_that_the_tables_have() {
        let map = of_map(&Map::of_sample(&ESP32, ESP32.default_options()));
        assert_eq!(map["schema"], "memory-map/1");
        assert_eq!(map["program"], Value::Null);
        assert_eq!(map["options"]["psram"], "0");
        let found = |list: &str, key: &str, value: &str| {
            let mut objects = map[list].as_array().unwrap().iter();
            objects.find(|object| object[key] == value).unwrap().clone()
        };
        assert_eq!(found("types", "name", "DRAM")["region_bytes"], 204_800);
        assert_eq!(found("capabilities", "name", "DMA")["bytes"], 319_976);
        assert_eq!(
            found("reservations", "name", "rom_data")["cost_bytes"],
            1_760
        );
        assert_eq!(found("heaps", "type", "IRAM")["start"], 0x4008_944C);
        assert_eq!(found("symbols", "name", "_heap_start")["source"], "sample");
        assert_eq!(
            map["total"],
            json!({ "region_bytes": 532_480, "memory_bytes": 532_480, "heap_bytes": 413_084 })
        );
    }

    #[test]
    fn a_comparison_has_both_maps_and_their_differences() {
        let left = Map::of_sample(&ESP32, ESP32.default_options());
        let right = Map::of_sample(&ESP32, ESP32.options(&[common::SINGLE_CORE.on()]).unwrap());
        let both = of_comparison(&Comparison {
            left: &left,
            right: &right,
        });
        assert_eq!(both["schema"], "memory-map-diff/1");
        assert_eq!(both["left"]["options"]["single-core"], "off");
        assert_eq!(both["right"]["options"]["single-core"], "on");
        let cache =
            json!({ "name": "cpu1_cache", "left": 32_768, "right": null, "difference": -32_768 });
        assert!(both["reservations"].as_array().unwrap().contains(&cache));
    }
}
