//! Metrics: the same figures in three formats, in a buffer that may be too small.

use crate::support::{ByOwner, Sim, on_behalf_of};
use heap_caps::{Level, PressureEvent, PressureKind};
use heap_trace::{BufferTooSmall, Ledger, Metrics, MetricsFormat, Owner};
use serde_json::{Map, Value, json};
use soc_regions::Caps;

const MQTT: Owner = Owner(1);
const WIFI: Owner = Owner(2);

fn name(owner: Owner) -> Option<&'static str> {
    (owner == MQTT).then_some("mq\"t\\t\n\u{1b}")
}

fn sim() -> Sim<Ledger<ByOwner>> {
    let mut sim = Sim::new(Ledger::new(ByOwner, ()));
    let gone = sim.malloc(5000);
    on_behalf_of(MQTT, || [sim.malloc(100), sim.malloc(200)]);
    on_behalf_of(WIFI, || sim.malloc(400));
    sim.free(gone);
    for (name, kind) in [
        ("internal", PressureKind::Level(Level::Low)),
        ("dma", PressureKind::Level(Level::Low)),
        ("internal", PressureKind::Level(Level::Critical)),
        ("tiles", PressureKind::Shrunk(4096)),
        ("tiles", PressureKind::Shrunk(0)),
        ("last words", PressureKind::Released(2048)),
        ("mqtt", PressureKind::OverLimit(8192)),
        ("a request", PressureKind::WaitBegan(100)),
        ("a request", PressureKind::WaitBegan(200)),
        ("a request", PressureKind::WaitServed(100)),
    ] {
        let event = PressureEvent::new(name, kind);
        sim.heaps.phases().notify_pressure(&event);
    }
    sim
}

fn written(sim: &Sim<Ledger<ByOwner>>, format: MetricsFormat) -> Vec<u8> {
    let mut buffer = [0; 8192];
    let metrics = Metrics::of(sim.heaps.inspect());
    metrics.write(format, name, &mut buffer).unwrap().to_vec()
}

#[test]
fn json_has_the_heaps_own_figures_and_the_owners_accounts() {
    let sim = sim();
    let document: Value = serde_json::from_slice(&written(&sim, MetricsFormat::Json)).unwrap();
    let capabilities = document["capabilities"].as_array().unwrap();
    let dma = capabilities
        .iter()
        .find(|has| has["name"] == "DMA")
        .unwrap();
    assert_eq!(dma["size"], sim.heaps.inspect().total_size(Caps::DMA));
    assert_eq!(dma["free"], sim.heaps.inspect().free_size(Caps::DMA));
    assert_eq!(
        dma["minimum_free"],
        sim.heaps.inspect().minimum_free_size(Caps::DMA)
    );
    assert_eq!(
        dma["largest_free"],
        sim.heaps.inspect().largest_free_block(Caps::DMA)
    );
    let (free, largest) = (
        dma["free"].as_u64().unwrap(),
        dma["largest_free"].as_u64().unwrap(),
    );
    assert_eq!(dma["fragmentation_permille"], 1000 - largest * 1000 / free);
    assert!(
        capabilities.iter().all(|has| has["name"] != "SPIRAM"),
        "{capabilities:?}"
    );
    let owners = document["owners"].as_array().unwrap();
    let mqtt = json!({ "name": "mq\"t\\t\n\u{1b}", "bytes": 300, "blocks": 2, "peak_bytes": 300 });
    assert!(owners.contains(&mqtt), "{owners:?}");
    assert!(
        owners
            .iter()
            .any(|owner| owner["name"] == "owner 2" && owner["bytes"] == 400)
    );
    assert_eq!(owners.len(), 3, "nobody, mqtt and wifi");
    assert_eq!(document["untracked_bytes"], 0);
    let levels = json!([{ "name": "internal", "level": 2 }, { "name": "dma", "level": 1 }]);
    let pressure = json!({
        "levels": levels, "shrinker_calls": 2, "shrunk_bytes": 4096, "released_reserves": 1,
        "limit_refusals": 1, "waits": 2, "waiting": 1,
    });
    assert_eq!(document["pressure"], pressure);
}

#[test]
fn cbor_is_the_same_object() {
    let sim = sim();
    let json: Value = serde_json::from_slice(&written(&sim, MetricsFormat::Json)).unwrap();
    let cbor = written(&sim, MetricsFormat::Cbor);
    let (value, rest) = decoded(&cbor);
    assert_eq!((value, rest), (json, &[][..]));
}

/// The value at the start of CBOR, and what follows: the types that metrics have.
fn decoded(bytes: &[u8]) -> (Value, &[u8]) {
    let (first, rest) = bytes.split_first().unwrap();
    let (argument, mut rest) = match first & 31 {
        short @ 0..=23 => (u64::from(short), rest),
        long => {
            let (number, rest) = rest.split_at(1 << (long - 24));
            let number = number
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            (number, rest)
        }
    };
    let count = usize::try_from(argument).unwrap();
    let value = match first >> 5 {
        0 => Value::from(argument),
        3 => {
            let (text, after) = rest.split_at(count);
            rest = after;
            Value::from(std::str::from_utf8(text).unwrap())
        }
        4 => {
            let mut items = Vec::new();
            for _ in 0..count {
                let (item, after) = decoded(rest);
                items.push(item);
                rest = after;
            }
            Value::from(items)
        }
        5 => {
            let mut members = Map::new();
            for _ in 0..count {
                let (key, after) = decoded(rest);
                let (item, after) = decoded(after);
                members.insert(key.as_str().unwrap().to_owned(), item);
                rest = after;
            }
            Value::from(members)
        }
        other => panic!("major type {other}"),
    };
    (value, rest)
}

#[test]
fn prometheus_has_a_sample_for_each_capability_and_owner() {
    let sim = sim();
    let text = String::from_utf8(written(&sim, MetricsFormat::Prometheus)).unwrap();
    let free = sim.heaps.inspect().free_size(Caps::DMA);
    for line in [
        "# TYPE heap_free_bytes gauge",
        &format!("heap_free_bytes{{capability=\"DMA\"}} {free}"),
        "heap_owner_bytes{owner=\"mq\\\"t\\\\t\\n \"} 300",
        "heap_owner_blocks{owner=\"owner 2\"} 1",
        "heap_untracked_bytes 0",
        "heap_pressure_level{gauge=\"internal\"} 2",
        "# TYPE heap_shrunk_bytes_total counter",
        "heap_shrunk_bytes_total 4096",
        "heap_waiting_requests 1",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\n\n{text}");
    }
    assert!(
        text.contains("heap_fragmentation_ratio{capability=\"DMA\"} 0."),
        "{text}"
    );
    let is_sample = |line: &str| {
        let (metric, value) = line.rsplit_once(' ').unwrap();
        metric.starts_with("heap_") && value.parse::<f64>().is_ok()
    };
    assert!(
        text.lines()
            .all(|line| line.starts_with("# ") || is_sample(line)),
        "{text}"
    );
}

#[test]
fn a_buffer_that_is_too_small_says_how_large_it_must_be() {
    let sim = sim();
    let metrics = Metrics::of(sim.heaps.inspect());
    for format in [
        MetricsFormat::Prometheus,
        MetricsFormat::Json,
        MetricsFormat::Cbor,
    ] {
        let whole = written(&sim, format);
        let mut exact = vec![0; whole.len()];
        assert_eq!(metrics.write(format, name, &mut exact), Ok(&whole[..]));
        for length in [0, 1, whole.len() - 1] {
            let mut small = vec![0; length];
            let needed = whole.len();
            assert_eq!(
                metrics.write(format, name, &mut small),
                Err(BufferTooSmall { needed })
            );
        }
    }
}

#[test]
fn fragmentation_is_reported_of_small_and_of_large_memory() {
    let permille = |free, largest_free| {
        let has = heap_trace::CapabilityMetrics {
            free,
            largest_free,
            ..heap_trace::CapabilityMetrics::default()
        };
        has.fragmentation_permille()
    };
    assert_eq!(
        [permille(0, 0), permille(100, 100), permille(100, 25)],
        [0, 0, 750]
    );
    assert_eq!(
        [
            permille(u32::MAX, u32::MAX / 2),
            permille(32 << 20, 8 << 20)
        ],
        [501, 750]
    );
}
