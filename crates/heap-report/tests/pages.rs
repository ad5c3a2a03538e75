//! The pages in a real browser, on a phone and on a desk.
#![cfg(unix)] // the browser is spoken to over pipes
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod browser;
mod support;

use std::sync::LazyLock;

use browser::{Browser, DESKTOP, PHONE, Page, Screen};
use heap_caps::{Level, PressureKind};
use heap_report::page::{heap_page, report_page};
use heap_report::{Event, History, Replayed, Source, TimedEvent};
use serde_json::json;
use support::{program, replayed_firmware};

/// A program with owners, call stacks, marks, failures, gaps, and one leak.
static STREAM: LazyLock<String> = LazyLock::new(|| page_of(&program(20_000)));

/// Moves the cursor to the sample with most bytes live.
const PEAK: &str = "data.peak.sample";

/// Moves the cursor to a sample, which is an expression over the page's data.
fn move_to(page: &mut Page<'_>, sample: &str) {
    page.value(&format!(
        "(() => {{ const data = {DATA}, slider = document.getElementById('slider'); \
         slider.value = {sample}; slider.dispatchEvent(new Event('input')); }})()"
    ));
}

/// What the page's scripts find in `data`.
const DATA: &str = "JSON.parse(document.getElementById('data').textContent)";

fn page_of(history: &History) -> String {
    report_page(history, &Replayed::of(history)).unwrap()
}

/// Shows `html` on a phone and on a desk, and lets `look` look at it.
fn on_both_screens(name: &str, html: &str, look: impl Fn(&mut Page<'_>, Screen)) {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    for screen in [PHONE, DESKTOP] {
        let mut page = browser.open(name, html, screen);
        look(&mut page, screen);
        assert_eq!(page.complaints(), [""; 0], "on a {}", screen.name);
        assert!(page.overflow() <= 0.0, "wider than a {}", screen.name);
        let none = [""; 0];
        assert_eq!(
            page.collisions(),
            none,
            "{name}: texts on a {}",
            screen.name
        );
        assert_eq!(page.sideways(), none, "{name}: on a {}", screen.name);
        assert_eq!(page.covered(), none, "{name}: on a {}", screen.name);
    }
}

/// Whether at least `least` of what is drawn in `selector` has the color of `variable`.
#[track_caller]
fn assert_color(page: &mut Page<'_>, selector: &str, variable: &str, least: f64) {
    let (area, color) = (page.area_on_page(selector), page.color(variable));
    let share = page.screenshot("").share(area, color);
    assert!(share >= least, "{variable} is {share:.3} of {selector}");
}

#[test]
fn headline_figures_gaps_and_failures_are_reported() {
    on_both_screens("report-stream", &STREAM, |page, _| {
        assert_eq!(page.text("h1"), "weather-station");
        let figures = page.texts("#tiles dd").join("; ");
        for figure in [
            "9.78 s",
            "126.8 KiB",
            "136 blocks, 1 leak suspect",
            "36",
            "17",
        ] {
            assert!(figures.contains(figure), "{figure} in {figures}");
        }
        assert!(page.text("#missing").contains("dropped by the program: 17"));
        assert!(page.text("#failures li").contains("asked for 9.3 KiB with"));
        assert!(page.text("#failures li").contains("Fragmented"));
        assert!(page.text("#unknowns").contains("rebuilt"));
    });
}

#[test]
fn memory_is_stacked_by_owner_or_by_call_site() {
    on_both_screens("report-memory", &STREAM, |page, _| {
        move_to(page, PEAK);
        assert_eq!(page.count("#memory-chart polygon"), 6);
        assert!(
            page.texts("#memory-legend li")
                .contains(&"ui\n95.2 KiB".to_owned())
        );
        assert_color(page, "#memory-chart svg", "--r0", 0.1);
        assert_color(page, "#memory-chart svg", "--r1", 0.015);
        page.click("#memory input[value=sites]");
        assert_eq!(page.count("#memory-chart polygon"), 8, "seven and the rest");
        assert!(page.text("#memory-legend").contains("src/ui/canvas.rs:26"));
        assert!(page.text("#memory-legend").contains("5 others"));
        assert!(page.text("#map-legend").contains("src/ui/canvas.rs:26"));
    });
}

#[test]
fn the_slider_moves_every_part_to_another_time() {
    on_both_screens("report-slider", &STREAM, |page, _| {
        let at = |page: &mut Page<'_>, what: &str| {
            let of_data = format!("(() => {{ const data = {DATA}; return {what}; }})()");
            page.value(&of_data).as_u64().unwrap()
        };
        let cursor = at(page, "Number(document.getElementById('slider').value)");
        assert_eq!(
            cursor,
            at(
                page,
                "data.samples.event.findIndex((event) => event > data.failures.shown[0].event)"
            ),
            "the first failure comes first"
        );
        assert_ne!(cursor, at(page, "data.peak.sample"));
        move_to(page, PEAK);
        assert!(page.text("#now").starts_with("event 12,000"));
        page.press("#slider", "ArrowRight");
        assert!(
            page.text("#now").starts_with("event 12,0"),
            "the next sample"
        );
        assert!(!page.text("#now").starts_with("event 12,000"));
        page.press("#slider", "End");
        assert!(page.text("#now").starts_with("event 19,128 of 19,128"));
        assert!(
            page.text("#memory-legend")
                .contains("15.3 KiB in 136 blocks")
        );
        assert!(page.text("#heaps").contains("DRAM"));
        let figures = page.texts("#heaps tbody td");
        assert_eq!(figures[6], "136", "blocks of the first heap");
        page.click_at("#memory-chart svg", 0.99, 0.5);
        page.press("#slider", "Home");
        assert!(page.text("#memory-legend").contains("0 B in 0 blocks"));
    });
}

#[test]
fn largest_free_block_and_fragmentation_have_a_line_for_each_heap() {
    on_both_screens("report-room", &STREAM, |page, _| {
        move_to(page, PEAK);
        assert_eq!(page.count("#largest-chart polyline"), 2);
        assert_eq!(page.count("#fragmentation-chart polyline"), 2);
        assert_color(page, "#fragmentation-chart svg", "--r0", 0.003);
        assert!(
            page.texts("#fragmentation-chart text")
                .contains(&"75 %".to_owned())
        );
        assert!(
            page.texts("#largest-chart text")
                .contains(&"64 KiB".to_owned())
        );
        assert!(page.text("#room-note").contains("Rebuilt"));
    });
}

/// The same program, short of memory in the middle, critically so for a while.
fn short_of_memory() -> History {
    let mut history = program(20_000);
    let mut insert = |at: usize, name: &str, kind| {
        let ticks = history.events[at].ticks;
        let event = Event::Pressure {
            name: name.to_owned(),
            kind,
        };
        history.events.insert(at, TimedEvent { ticks, event });
    };
    insert(8_000, "internal", PressureKind::Level(Level::Low));
    insert(10_000, "internal", PressureKind::Level(Level::Critical));
    insert(10_500, "tiles", PressureKind::Shrunk(4096));
    insert(10_600, "a request", PressureKind::WaitBegan(2048));
    insert(12_000, "internal", PressureKind::Level(Level::Normal));
    history
}

#[test]
fn shortages_are_bands_in_the_charts_and_a_list() {
    on_both_screens(
        "report-shortage",
        &page_of(&short_of_memory()),
        |page, _| {
            for chart in ["#memory-chart", "#largest-chart"] {
                assert_eq!(page.count(&format!("{chart} rect.level")), 2);
            }
            assert_color(page, "#memory-chart svg", "--hole", 0.001);
            assert_color(page, "#memory-chart svg", "--accent", 0.001);
            let legend = page.text("#flag-legend");
            for what in [
                "internal memory low",
                "internal memory critical",
                "2 steps against shortage",
            ] {
                assert!(legend.contains(what), "{what} in {legend}");
            }
            let items = page.texts("#pressure li");
            assert!(
                items[0].starts_with("Tiles gave 4.0 KiB. event 10,5"),
                "{items:?}"
            );
            assert!(
                items[1].starts_with("A request of 2.0 KiB waits. "),
                "{items:?}"
            );
            page.click("#pressure li button");
            assert!(page.text("#now").starts_with("event 10,"));
            let width = |page: &mut Page<'_>, place: usize| {
                let asked = format!(
                    "Number(document.querySelectorAll('#memory-chart rect.level')[{place}]\
                 .getAttribute('width'))"
                );
                page.value(&asked).as_f64().unwrap()
            };
            let ratio = width(page, 0) / width(page, 1);
            assert!(
                (0.5..2.0).contains(&ratio),
                "both last 2,000 events: {ratio}"
            );
        },
    );
    let quiet = page_of(&program(2000));
    on_both_screens("report-no-shortage", &quiet, |page, _| {
        assert_eq!(page.count("rect.level"), 0);
        assert_eq!(
            page.value("document.getElementById('pressure').hidden"),
            true
        );
    });
}

#[test]
fn a_tap_on_the_map_shows_which_blocks_are_there() {
    on_both_screens("report-map", &STREAM, |page, _| {
        move_to(page, PEAK);
        assert_eq!(page.count("#maps canvas"), 2);
        assert_color(page, "#maps canvas", "--r0", 0.3);
        assert_color(page, "#maps canvas", "--r1", 0.03);
        page.click_at("#maps canvas", 0.3, 0.99);
        let blocks = page.text("#blocks");
        assert!(
            blocks.contains("of DRAM") && blocks.contains(", since event"),
            "{blocks}"
        );
        page.press("#maps canvas", "Home");
        let first = page.text("#blocks");
        assert!(first.contains("1 block in 0x3FFB_2ECC"), "{first}");
        page.press("#maps canvas", "ArrowRight");
        assert_ne!(page.text("#blocks"), first);
    });
}

#[test]
fn leaks_are_listed_down_to_the_line_sorted_and_filtered() {
    on_both_screens("report-leaks", &STREAM, |page, _| {
        let rows = "#leak-table tbody tr";
        assert_eq!(page.count(rows), 10);
        let first = page.text(rows);
        assert!(first.contains("src/mqtt/session.rs:52 mqtt::session::remember"));
        assert!(
            first.contains("likely a leak") && first.contains("5.0 KiB") && first.contains("107")
        );
        assert_eq!(page.count("#leak-table .sparkline"), 10);
        page.click("#leak-table thead th:nth-child(2) button");
        page.click("#leak-table thead th:nth-child(2) button");
        assert!(
            page.text(rows).contains("src/http/cookie.rs:8"),
            "the fewest bytes first"
        );
        page.click("#leaks-filter");
        page.write("#leaks-filter", "wifi");
        assert_eq!(page.text("#leaks-count"), "2 places, 3.7 KiB");
        assert_eq!(page.count(rows), 2);
        page.click("#leak-table summary");
        assert!(page.text("#leak-table .stack").contains("wifi::task"));
    });
}

#[test]
fn what_was_allocated_between_two_points_in_time_and_is_still_live_is_listed() {
    let history = program(20_000);
    let replayed = Replayed::of(&history);
    on_both_screens("report-between", &STREAM, |page, _| {
        let all = page.text("#between-sum");
        assert!(
            all.starts_with("15.3 KiB in 136 blocks from 10 places"),
            "{all}"
        );
        move_to(page, "Math.floor(data.samples.event.length / 2)");
        page.click("#between-set-from");
        let from = format!("{DATA}.samples.event[document.getElementById('between-from').value]");
        let from = page.value(&from).as_u64().unwrap();
        let since = |block: &&heap_report::LiveBlock| block.allocated_at as u64 >= from;
        let left = replayed.live.iter().filter(since).count();
        let text = page.text("#between-sum");
        assert!(
            left > 0 && text.contains(&format!(" in {left} blocks from ")),
            "{left}: {text}"
        );
        let places = page.texts("#between-table tbody .mono").join("; ");
        assert!(places.contains("src/mqtt/session.rs:52"), "{places}");
        page.press("#between-from", "End");
        assert!(page.text("#between-sum").starts_with("Nothing"));
        page.press("#between-to", "Home");
        let start = page.value("document.getElementById('between-from').value");
        assert_eq!(start, "0", "one end takes the other along");
    });
}

#[test]
fn what_lies_over_something_else_or_beyond_the_screen_is_seen() {
    const HTML: &str = "<meta name='viewport' content='width=device-width'>\
        <body style='margin: 0; height: 3000px'><main>\
        <p style='margin: 0'>under</p>\
        <p style='margin: 0; position: absolute; top: 0'>over</p>\
        <div style='overflow-x: auto; width: 100px'><p style='width: 500px'>wide</p></div>\
        <div style='width: 50px'><table style='width: 90px'><tr><td>1</td></tr></table></div>\
        <button style='position: absolute; top: 2960px'>deep down</button></main>\
        <div id='player' style='position: fixed; bottom: 0; height: 60px'></div></body>";
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let mut page = browser.open("layout", HTML, PHONE);
    assert_eq!(page.collisions(), ["under | over"]);
    assert_eq!(page.sideways().len(), 2);
    assert!(page.covered().iter().any(|node| node.contains("deep down")));
}

/// The numbers of a row of a table.
fn numbers(page: &mut Page<'_>, row: &str) -> Vec<u64> {
    let texts = page.texts(&format!("{row} td"));
    let plain = texts.iter().map(|text| text.replace(',', ""));
    plain.map(|text| text.parse().unwrap_or(0)).collect()
}

#[test]
fn free_is_the_largest_free_block_and_the_holes_to_the_byte() {
    let (recording, history) = replayed_firmware();
    on_both_screens("heap-sums", &heap_page(&recording).unwrap(), |page, _| {
        for row in 1..=6 {
            let row = format!("#figures tbody tr:nth-child({row})");
            let numbers = numbers(page, &row);
            let [size, used, headers, free, largest, holes, _] = numbers[..] else {
                panic!("{row}: {numbers:?}");
            };
            assert_eq!(
                (used + headers + free, largest + holes),
                (size, free),
                "{row}"
            );
        }
        let all = page.text("#figures tbody tr:last-child");
        assert!(all.contains("all"), "{all}");
        let best = page.text("#best");
        assert!(
            best.contains("The largest request") && best.contains("by D/IRAM"),
            "{best}"
        );
    });
    on_both_screens("report-sums", &page_of(&history), |page, _| {
        for row in 1..=5 {
            let row = format!("#heaps tbody tr:nth-child({row})");
            let numbers = numbers(page, &row);
            let [_, _, free, largest, holes, _, _] = numbers[..] else {
                panic!("{row}: {numbers:?}");
            };
            assert_eq!(largest + holes, free, "{row}");
        }
    });
}

#[test]
fn a_recording_begins_at_its_first_refusal() {
    let (mut recording, _) = replayed_firmware();
    recording.first_refusal = Some(7);
    on_both_screens(
        "heap-refusal",
        &heap_page(&recording).unwrap(),
        |page, _| {
            assert_eq!(page.value("document.getElementById('slider').value"), "7");
        },
    );
}

#[test]
fn where_scripts_are_switched_off_the_summary_is_what_one_sees() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let (recording, _) = replayed_firmware();
    for (name, html, expected) in [
        ("report-no-scripts", STREAM.clone(), "By owner, in bytes"),
        (
            "heap-no-scripts",
            heap_page(&recording).unwrap(),
            "Heaps, in bytes",
        ),
    ] {
        for screen in [PHONE, DESKTOP] {
            let mut page = browser.open_without_scripts(name, &html, screen);
            let text = page.text("noscript pre");
            assert!(text.contains(expected), "{text}");
            let seen = "[...document.querySelectorAll('main > :not(noscript), #player, #tip')].filter((node) => node.checkVisibility()).map((node) => node.id)";
            assert_eq!(page.value(seen), json!([]), "nothing that is empty");
            assert!(page.area("noscript pre").height > 20.0);
            assert!(page.overflow() <= 0.0, "wider than a {}", screen.name);
        }
    }
}

#[test]
fn without_scripts_the_page_is_the_summary() {
    let text = STREAM.split_once("<noscript>").unwrap().1;
    let text = text.split_once("</noscript>").unwrap().0;
    for line in [
        "weather-station: 19,128 events",
        "By owner, in bytes",
        "Refused: 36 requests",
    ] {
        assert!(text.contains(line), "{line}\n\n{text}");
    }
}

#[test]
fn the_flame_graph_can_be_zoomed_searched_and_rooted_at_owners() {
    on_both_screens("report-flame", &STREAM, |page, screen| {
        assert!(page.count("#flame button") > 10);
        let hot = page
            .screenshot("-flame")
            .variety(page.area_on_page("#flame"));
        assert!(hot > 8, "{hot} colours");
        page.write("#flame-search", "mqtt::client");
        assert!(
            page.text("#flame-found").contains("4.2 %"),
            "{}",
            page.text("#flame-found")
        );
        assert!(page.count("#flame .found") > 0);
        page.write("#flame-search", "");
        page.click("#flame-root-owners");
        page.click("#flame-at-end");
        page.click("#flame button[aria-label^='mqtt: ']");
        assert_eq!(
            page.text("#flame-detail"),
            "mqtt 6.2 KiB in 110 blocks, 40 % of what is live"
        );
        let width = page.area("#flame button[aria-label^='mqtt: ']").width;
        assert!(width > f64::from(screen.width) * 0.8, "zoomed to {width}");
        page.press("#flame button[aria-label^='mqtt: ']", "ArrowUp");
        page.click("#flame-reset");
        assert!(page.text("#flame-detail").starts_with("all 15.3 KiB"));
    });
}

#[test]
fn the_shipped_firmware_has_a_report_and_a_recording() {
    let (recording, history) = replayed_firmware();
    on_both_screens("heap", &heap_page(&recording).unwrap(), |page, _| {
        assert_eq!(page.text("h1"), "ESP32 serves fw_iot");
        assert_color(page, "#bands .band:nth-child(2) canvas", "--used", 0.2);
        assert_color(page, "#live-chart svg", "--r0", 0.01);
        page.press("#slider", "Home");
        assert!(page.text("#now").starts_with("operation 0 of"));
        page.press("#slider", "ArrowRight");
        assert!(!page.text("#now").starts_with("operation 0 of"));
    });
    on_both_screens("report-firmware", &page_of(&history), |page, _| {
        assert_eq!(page.text("h1"), "fw_iot");
        assert!(page.text("#lede").contains("sizes stand in for call sites"));
        assert!(page.text("#memory-legend").contains("bytes"));
        assert!(page.text("#room-note").contains("Measured"));
        assert_eq!(
            page.count("#memory input[name=stack]"),
            0,
            "nobody to choose"
        );
        assert_color(page, "#memory-chart svg", "--r0", 0.02);
        assert_color(page, "#maps .grid:nth-child(2) canvas", "--r0", 0.02);
        page.press("#slider", "End");
        assert!(page.text("#now").starts_with("event 172,110 of 172,110"));
    });
}

#[test]
fn a_history_of_two_hundred_thousand_events_makes_a_page_below_three_megabytes() {
    let html = page_of(&program(200_000));
    assert!(html.len() < 3_000_000, "{} bytes", html.len());
}

#[test]
fn what_a_dump_does_not_contain_is_not_shown() {
    let history = History {
        source: Source::Dump,
        heaps: Vec::new(),
        ticks_per_second: 0,
        ..program(500)
    };
    on_both_screens("report-dump", &page_of(&history), |page, _| {
        assert!(page.text("#tiles").contains("a dump does not show"));
        let hidden = "[...document.querySelectorAll('main > section')].filter((part) => part.hidden).map((part) => part.id)";
        assert_eq!(
            page.value(hidden),
            json!(["failures", "pressure", "room", "map"])
        );
        assert!(!page.text("#contents").contains("Heap map"));
        assert_eq!(page.count("input[name=axis]"), 0, "there is no time");
        assert!(
            page.text("#unknowns")
                .contains("The input does not name the heaps")
        );
        page.press("#slider", "Home");
        page.click("#flame button");
    });
}

#[test]
fn long_names_do_not_make_the_page_wider() {
    let mut history = program(2_000);
    let long = "alloc::collections::btree::map::BTreeMap<K,V,A>".repeat(4);
    history.program.clone_from(&long);
    history
        .owners
        .values_mut()
        .for_each(|name| name.clone_from(&long));
    for frame in history.sites.iter_mut().flat_map(|site| &mut site.frames) {
        frame.function.clone_from(&long);
    }
    on_both_screens("report-long", &page_of(&history), |page, _| {
        assert_eq!(page.text("h1"), long);
        page.click_at("#maps canvas", 0.01, 0.01);
        page.click("#leak-table summary");
        page.click("#flame-root-owners");
        page.click("#memory input[value=sites]");
    });
}

#[test]
fn a_history_of_nothing_has_a_page() {
    on_both_screens(
        "report-nothing",
        &page_of(&History::default()),
        |page, _| {
            assert_eq!(page.text("h1"), "A program's heap");
            assert!(page.text("#leaks-note").contains("Nothing"));
        },
    );
}
