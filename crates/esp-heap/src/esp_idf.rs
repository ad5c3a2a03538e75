//! Heap sizes that ESP-IDF needs for the known traces, for comparison.
//!
//! Source: `multi_heap.c` of ESP-IDF 6.2-dev with the TLSF of its v5.4, without poisoning, built
//! as a 32-bit program; smallest region, control structure included, found by bisection.

use heap_report::recorded::Trace;

/// One trace as it was measured.
struct Measured {
    name: &'static str,
    /// Tells the trace from another of the same name.
    peak_live_bytes: u64,
    smallest_heap: u32,
}

const fn measured(name: &'static str, peak_live_bytes: u64, smallest_heap: u32) -> Measured {
    Measured {
        name,
        peak_live_bytes,
        smallest_heap,
    }
}

const MEASURED: [Measured; 22] = [
    measured("busybox_ash", 29_309, 38_856),
    measured("cjson_shadow", 32_629, 43_696),
    measured("curl_http", 528_290, 568_352),
    measured("expat_dom", 32_189, 46_460),
    measured("fw_iot", 132_273, 149_324),
    measured("lua_json_text", 226_393, 246_984),
    measured("lvgl_ui", 55_575, 65_632),
    measured("lwip_httpd", 35_006, 40_032),
    measured("mbedtls_client", 86_883, 103_704),
    measured("micropython_app", 108_555, 142_584),
    measured("mqtt_client", 19_421, 23_076),
    measured("mruby_store", 412_805, 449_144),
    measured("mujs_text", 1_251_759, 1_308_188),
    measured("nghttp2_client", 46_306, 60_524),
    measured("png_cache", 218_933, 271_744),
    measured("protobufc_rpc", 31_584, 43_032),
    measured("quickjs_app", 134_857, 158_640),
    measured("sqlite_logger", 92_552, 103_036),
    measured("syn_classes_96k", 94_784, 192_696),
    measured("syn_fw_internal_a", 157_676, 180_764),
    measured("syn_fw_psram_a", 2_242_574, 2_841_940),
    measured("syn_robson_64k", 65_216, 325_844),
];

/// Returns the smallest heap, in bytes, in which ESP-IDF completes `trace`; `None` if never
/// measured.
pub fn smallest_heap(trace: &Trace) -> Option<u32> {
    let same = |known: &&Measured| {
        known.name == trace.name && known.peak_live_bytes == trace.peak_live_bytes
    };
    MEASURED.iter().find(same).map(|known| known.smallest_heap)
}

#[cfg(test)]
mod tests {
    use super::smallest_heap;
    use heap_report::recorded::Trace;
    use heap_report::recorded::shipped::FW_IOT;

    #[test]
    fn a_known_trace_is_found_by_name_and_peak() {
        assert_eq!(smallest_heap(&FW_IOT.read().unwrap()), Some(149_324));
    }

    #[test]
    fn another_trace_of_a_known_name_has_no_figure() {
        let other = Trace::from_bytes("fw_iot", b"a 0 1\n").unwrap();
        assert_eq!(smallest_heap(&other), None);
    }
}
