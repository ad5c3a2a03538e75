//! Every chip's RAM through a claim.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use heap_caps::SimulatedMemory;
use heap_caps_alloc::claim_macro::{behind_guard, configured, stack};
use heap_caps_alloc::{CapsHeap, Claim, Claimed, Parts, SpinLock};
use soc_regions::{
    Caps, Chip, ESP32, ESP32C2, ESP32C3, ESP32C5, ESP32C6, ESP32C61, ESP32H2, ESP32P4, ESP32S2,
    ESP32S3, Linked, Options, Reservation, Setting, SettingValue, Span, Symbols, chips, common,
    esp32, esp32s3, span,
};

type Heap = CapsHeap<SpinLock, multi_heap::Unpoisoned, (), 32>;
type All = Parts<'static, Heap, &'static SimulatedMemory>;

fn parts(chip: &'static Chip, options: Options, linked: impl Symbols + Sync + 'static) -> All {
    // SAFETY: simulated memory, which each claim gets afresh.
    let claim = unsafe { Claim::new(chip, options, Box::leak(Box::new(linked))) };
    let memory = Box::leak(Box::new(SimulatedMemory::dirty(0xA5)));
    let heap = Box::leak(Box::new(CapsHeap::new(())));
    Box::leak(Box::new(claim)).take_in(heap, &*memory).unwrap()
}

/// The spans of all heaps, ascending.
fn heaps(claimed: &Claimed<'_, Heap, &SimulatedMemory>) -> Vec<Span> {
    let mut spans: Vec<Span> = claimed
        .heap()
        .inspect()
        .locked(|heaps| heaps.heaps().map(|heap| heap.span).collect());
    spans.sort_unstable_by_key(|span| span.start());
    spans
}

/// The default options, but for those of `settings` that the chip has.
fn with(chip: &Chip, settings: &[Setting]) -> Options {
    let known = |options: Options, setting: &Setting| options.with(*setting).unwrap_or(options);
    settings.iter().fold(chip.default_options(), known)
}

/// As `Chip::available`, without what is too small for a heap.
fn available(chip: &'static Chip, options: &Options) -> Vec<Span> {
    let symbols = chip.sample_symbols(options);
    let available = chip.available(options, &symbols).unwrap();
    let mut spans: Vec<Span> = available.map(|memory| memory.span).collect();
    spans.retain(|span| span.size() >= 64);
    spans.sort_unstable_by_key(|span| span.start());
    spans
}

const NO_TRACE: Setting = Setting {
    option: "trace-memory",
    value: SettingValue::Number(0),
};

#[test]
fn every_chip_gives_all_that_its_table_leaves_when_every_token_is_added() {
    for chip in chips::all() {
        let all = [
            common::SINGLE_CORE.on(),
            esp32::BLUETOOTH.off(),
            NO_TRACE,
            common::PSRAM.of(1 << 20),
        ];
        let options = with(chip, &all);
        let parts = parts(chip, chip.default_options(), chip.sample_symbols(&options));
        // SAFETY: the simulated memory is there.
        let psram = unsafe { parts.psram.mapped(1 << 20) };
        let ram = parts.ram.with(parts.bluetooth).with(parts.second_core);
        let mut claimed = ram.with(parts.trace_memory).with(psram).boot().unwrap();
        assert_eq!(
            heaps(&claimed),
            available(chip, &options),
            "{}",
            chip.name()
        );
        // SAFETY: nobody stands on simulated stacks.
        unsafe { claimed.release(parts.startup_stacks) };
        let waiting = |heaps: heap_caps::Inspection<'_, _, _, 32>| {
            heaps.heaps().filter(|heap| !heap.active).count()
        };
        assert_eq!(
            claimed.heap().inspect().locked(waiting),
            0,
            "{}",
            chip.name()
        );
    }
}

#[test]
fn every_chip_keeps_what_its_tokens_stand_for() {
    for chip in chips::all() {
        let kept = [
            common::SINGLE_CORE.off(),
            esp32::BLUETOOTH.on(),
            common::PSRAM.of(0),
        ];
        let options = with(chip, &kept);
        let parts = parts(chip, chip.default_options(), chip.sample_symbols(&options));
        let mut claimed = parts.ram.boot().unwrap();
        assert_eq!(
            heaps(&claimed),
            available(chip, &options),
            "{}",
            chip.name()
        );
        let before: u32 = heaps(&claimed).iter().map(|span| span.size()).sum();
        let made = claimed.add(parts.second_core).unwrap();
        let after: u32 = heaps(&claimed).iter().map(|span| span.size()).sum();
        assert_eq!(after, before + made.bytes, "{}", chip.name());
    }
}

/// Where flash takes the start of the window.
#[test]
fn psram_of_an_esp32s3_is_where_it_is_mapped() {
    let symbols = ESP32S3.sample_symbols(&ESP32S3.default_options());
    let parts = parts(&ESP32S3, ESP32S3.default_options(), symbols);
    // SAFETY: the simulated memory is there.
    let psram = unsafe { parts.psram.mapped_at(0x3C05_0000, 0x80_0000) };
    let mut claimed = parts.ram.boot().unwrap();
    assert_eq!(claimed.add(psram).unwrap().bytes, 0x80_0000);
    assert!(heaps(&claimed).contains(&span!(0x3C05_0000, 0x3C85_0000)));
    assert!(claimed.heap().malloc(0x40_0000, Caps::SPIRAM).is_ok());
}

#[test]
fn the_trace_memory_of_an_esp32s3_comes_back_in_two_pieces() {
    let options = with(&ESP32S3, &[esp32s3::TRACE_BYTES.of(0x4000)]);
    let parts = parts(&ESP32S3, options, ESP32S3.sample_symbols(&options));
    let mut claimed = parts.ram.boot().unwrap();
    let pieces = [
        span!(0x3FCD_0000, 0x3FCD_2000),
        span!(0x3FCE_0000, 0x3FCE_2000),
    ];
    assert!(
        heaps(&claimed)
            .iter()
            .all(|heap| pieces.iter().all(|piece| !piece.overlaps(*heap)))
    );
    assert_eq!(claimed.add(parts.trace_memory).unwrap().bytes, 0x4000);
    assert!(pieces.iter().all(|piece| heaps(&claimed).contains(piece)));
}

/// esp-hal's linker script: code first, data behind it, and the stack takes all up to 0x3FCC_E400.
#[test]
fn an_esp32c3_gets_what_its_stack_does_not_need() {
    const STACK: Reservation = stack(0x8000);
    let symbols = [
        ("_iram_start", 0x4038_0000),
        ("_iram_end", 0x4038_B200),
        ("_data_start", 0x3FC8_B200),
        ("_heap_start", behind_guard(0x3FC8_E4BC)),
        ("_stack_start", 0x3FCC_E400),
    ];
    let program = Linked {
        symbols,
        reservations: &[STACK],
    };
    let options = with(&ESP32C3, &[common::RTC_HEAP.off()]);
    let claimed = parts(&ESP32C3, options, program).ram.boot().unwrap();
    let expected = [
        span!(0x3FC8_E4C0, 0x3FCC_0000),
        span!(0x3FCC_0000, 0x3FCC_6400), // kept over light sleep: a type of its own
        span!(0x3FCC_E400, 0x3FCD_C710),
        span!(0x3FCD_C710, 0x3FCD_F060), // start-up stacks, up to the ROM's data
    ];
    assert_eq!(heaps(&claimed), expected);
}

/// What the ROM says counts more than what is documented.
#[test]
fn the_rom_states_where_its_data_begins() {
    let options = ESP32P4.default_options();
    let stated = [("rom:dram0_rtos_reserved_start", 0x4FFB_F000)];
    let symbols = (stated, ESP32P4.sample_symbols(&options));
    let claimed = parts(&ESP32P4, options, symbols).ram.boot().unwrap();
    let ends = heaps(&claimed).into_iter().map(Span::end);
    assert!(
        ends.into_iter().any(|end| end == 0x4FFB_F000),
        "{:?}",
        heaps(&claimed)
    );
}

/// A program on esp-hal 1.2 with 16 KiB of code in RAM, 16 KiB of data and a stack of 32 KiB, as
/// the scripts in `ld/` place it.
struct Placed {
    chip: &'static Chip,
    code: u32,
    data: u32,
    /// Where esp-hal's stack begins.
    stack: u32,
    /// Bytes of `dram2_seg`.
    dram2: u32,
    /// RAM that esp-hal's default configuration makes cache.
    caches: &'static [Span],
}

const KIB_16: u32 = 16 * 1024;
const STACK: u32 = 32 * 1024;

const PLACED: [Placed; 9] = [
    placed(&ESP32, 0x4008_0000, 0x3FFB_0000, 0x3FFE_0000, 98_768, &[]),
    placed(
        &ESP32S2,
        0x4002_4000,
        0x3FFB_8000,
        0x3FFD_E000,
        136 * 1024,
        &[span!(0x3FFB_0000, 0x3FFB_4000)],
    ),
    placed(
        &ESP32S3,
        0x4037_8000,
        0x3FC8_C000,
        0x3FCD_B700,
        0x1_2010,
        &[
            span!(0x4037_0000, 0x4037_8000),
            span!(0x3FCF_0000, 0x3FD0_0000),
        ],
    ),
    placed(
        &ESP32C2,
        0x4038_0000,
        0x3FCA_4000,
        0x3FCC_E800,
        0x1_0370,
        &[span!(0x4037_C000, 0x4038_0000)],
    ),
    placed(
        &ESP32C3,
        0x4038_0000,
        0x3FC8_4000,
        0x3FCC_E400,
        0x1_0310,
        &[span!(0x4037_C000, 0x4038_0000)],
    ),
    placed(
        &ESP32C5,
        0x4080_0000,
        0x4080_4000,
        0x4084_E5A0,
        0x1_0000,
        &[],
    ),
    placed(
        &ESP32C6,
        0x4080_0000,
        0x4080_4000,
        0x4086_E610,
        0x1_0000,
        &[],
    ),
    placed(
        &ESP32C61,
        0x4080_0000,
        0x4080_4000,
        0x4083_EA70,
        0x1_0000,
        &[],
    ),
    placed(
        &ESP32H2,
        0x4080_0000,
        0x4080_4000,
        0x4083_EFD0,
        0x1_0F10,
        &[],
    ),
];

const fn placed(
    chip: &'static Chip,
    code: u32,
    data: u32,
    stack: u32,
    dram2: u32,
    caches: &'static [Span],
) -> Placed {
    Placed {
        chip,
        code,
        data,
        stack,
        dram2,
        caches,
    }
}

#[test]
fn a_program_on_esp_hal_gets_what_its_script_leaves_on_every_chip() {
    let figures = PLACED.map(|placed| {
        let name = placed.chip.name();
        let linked = Linked {
            symbols: [
                ("_iram_start", placed.code),
                ("_iram_end", placed.code + KIB_16),
                ("_data_start", placed.data),
                ("_heap_start", behind_guard(placed.data + KIB_16)),
                ("_stack_start", placed.stack),
            ],
            reservations: Box::leak(Box::new([stack(STACK)])) as &[Reservation],
        };
        let options = configured(placed.chip.default_options());
        let parts = parts(placed.chip, options, linked);
        let mut claimed = parts.ram.with(parts.bluetooth).boot().unwrap();
        // SAFETY: nobody stands on simulated stacks.
        unsafe { claimed.release(parts.startup_stacks) };
        let heaps = heaps(&claimed);
        let own = [
            Span::from_size(placed.code, KIB_16).unwrap(),
            Span::from_size(placed.data, KIB_16).unwrap(),
            Span::from_size(placed.stack - STACK, STACK).unwrap(),
        ];
        for kept in own.iter().chain(placed.caches) {
            let taken = heaps.iter().find(|heap| heap.overlaps(*kept));
            assert_eq!(taken, None, "{name}: {kept}");
        }
        let bytes: u32 = heaps.iter().map(|heap| heap.size()).sum();
        // What a careful program can hand to esp-alloc: a static in place of the stack's rest, and
        // one in `dram2_seg`.
        let with_statics = placed.stack - STACK - (placed.data + KIB_16) + placed.dram2;
        (name, bytes, with_statics)
    });
    // The table in docs/memory.md.
    let documented = [
        ("esp32", 397_484, 246_224),
        ("esp32s2", 244_236, 245_760),
        ("esp32s3", 355_888, 349_968),
        ("esp32c2", 193_720, 191_344),
        ("esp32c3", 323_676, 321_296),
        ("esp32c5", 324_852, 320_928),
        ("esp32c6", 456_032, 452_112),
        ("esp32c61", 259_524, 256_624),
        ("esp32h2", 261_852, 261_856),
    ];
    assert_eq!(figures, documented);
}
