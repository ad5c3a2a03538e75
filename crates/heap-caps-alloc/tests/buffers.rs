//! Buffers for DMA, for words, for code.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block,
    clippy::result_large_err,
    clippy::cast_possible_truncation,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

mod support;

use heap_caps::{FailureKind, Hardware};
use heap_caps_alloc::{CapsHeap, CodeBuffer, DmaBuffer, SpinLock, WordBuffer};
use soc_regions::{Caps, ESP32};
use support::{assert_pristine, esp32};

type Heap = &'static CapsHeap<SpinLock>;

/// Caches in front of internal memory, as the ESP32-P4 has them.
const WITH_CACHES: Hardware = Hardware {
    internal_line: 64,
    external_line: 128,
    ..Hardware::NONE
};

#[test]
fn a_dma_buffer_owns_whole_cache_lines() {
    let heap: Heap = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    heap.set_hardware(WITH_CACHES);
    let buffers: Vec<_> = (1..200)
        .map(|length| DmaBuffer::new(heap, length).unwrap())
        .collect();
    for (length, buffer) in (1..200_usize).zip(&buffers) {
        assert_eq!(
            (buffer.len(), buffer.whole()),
            (length, length.next_multiple_of(64))
        );
        assert!(buffer.address().is_multiple_of(64) && buffer.as_ptr().addr().is_multiple_of(64));
        assert!(ESP32.is_dma_capable(buffer.address()));
        assert!(buffer.iter().all(|&byte| byte == 0));
    }
    let mut lines: Vec<_> = buffers
        .iter()
        .map(|buffer| (buffer.address(), buffer.whole() as u32))
        .collect();
    lines.sort_unstable();
    assert!(
        lines.windows(2).all(|two| two[0].0 + two[0].1 <= two[1].0),
        "no line is shared"
    );
    drop(buffers);
    assert_pristine(heap, free);
}

#[test]
fn without_caches_a_dma_buffer_is_rounded_to_words_unless_more_is_asked_for() {
    let heap: Heap = esp32(());
    assert_eq!(DmaBuffer::new(heap, 5).unwrap().whole(), 8);
    let aligned = DmaBuffer::with_alignment(heap, 100, 256).unwrap();
    assert_eq!((aligned.whole(), aligned.address() % 256), (256, 0));
}

#[test]
fn what_is_written_to_a_dma_buffer_is_there_for_the_engine() {
    let heap: Heap = esp32(());
    let mut buffer = DmaBuffer::new(heap, 1500).unwrap();
    buffer.copy_from_slice(&[0x5A; 1500]);
    assert_eq!(buffer.as_ref(), [0x5A; 1500]);
    // SAFETY: the test's own block.
    let first = heap
        .inspect()
        .locked(|heaps| unsafe { heaps.word(buffer.address()) });
    assert_eq!(first, Some(0x5A5A_5A5A));
    assert_eq!(
        format!("{buffer:?}"),
        format!("DmaBuffer(1500 bytes at 0x{:08X})", buffer.address())
    );
}

#[test]
fn an_impossible_dma_buffer_is_explained() {
    let heap: Heap = esp32(());
    let cause = |result: Result<DmaBuffer<Heap>, heap_caps::Failure>| result.unwrap_err().cause;
    assert_eq!(cause(DmaBuffer::new(heap, 0)), FailureKind::ZeroSize);
    assert_eq!(cause(DmaBuffer::new(heap, 1 << 20)), FailureKind::NoMemory);
    assert_eq!(
        cause(DmaBuffer::new(heap, usize::MAX)),
        FailureKind::TooLarge
    );
    assert_eq!(
        cause(DmaBuffer::with_alignment(heap, 10, 24)),
        FailureKind::BadAlignment
    );
    assert_eq!(
        cause(DmaBuffer::external(heap, 10)),
        FailureKind::NoMemory,
        "no engine of the ESP32 reaches PSRAM"
    );
}

#[test]
fn a_word_buffer_takes_memory_that_takes_words_only() {
    let heap: Heap = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    let mut words = WordBuffer::new(heap, 5000).unwrap();
    assert!(
        ESP32.is_in_iram(words.address().unwrap()),
        "IRAM first: nothing else can use it"
    );
    assert!(words.iter().all(|word| word == 0));
    for index in 0..5000 {
        assert!(words.set(index, index as u32 * 3));
    }
    assert!(words.iter().eq((0..5000).map(|index| index * 3)));
    assert_eq!(
        (words.len(), words.get(4999), words.get(5000)),
        (5000, Some(14_997), None)
    );
    assert!(!words.set(5000, 1));
    words.fill(u32::MAX);
    assert!(words.iter().all(|word| word == u32::MAX));
    drop(words);
    assert_pristine(heap, free);
}

#[test]
fn word_buffers_of_impossible_sizes_are_refused() {
    let heap: Heap = esp32(());
    assert_eq!(
        WordBuffer::new(heap, 0).unwrap_err().cause,
        FailureKind::ZeroSize
    );
    assert_eq!(
        WordBuffer::new(heap, usize::MAX / 2).unwrap_err().cause,
        FailureKind::TooLarge
    );
    assert_eq!(
        CodeBuffer::new(heap, usize::MAX / 4 + 1).unwrap_err().cause,
        FailureKind::TooLarge
    );
}

#[test]
fn code_is_loaded_in_the_order_in_which_it_is_fetched_on_both_kinds_of_memory() {
    let heap: Heap = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    let program: Vec<u32> = (0..2048).map(|word| 0xC0DE_0000 | word).collect();
    let mut loaded = Vec::new();
    while let Ok(mut code) = CodeBuffer::new(heap, program.len()) {
        assert!(code.load(&program));
        assert!(
            !code.load(&vec![0; program.len() + 1]),
            "too long, so nothing is written"
        );
        loaded.push(code);
    }
    let (mut in_iram, mut in_diram) = (0, 0);
    for code in &loaded {
        let address = code.address().unwrap();
        assert!(ESP32.is_executable(address));
        assert_eq!(
            code.entry().addr() as u32 == address,
            ESP32.is_in_diram_iram(address),
            "a host can't follow the instruction bus"
        );
        *if ESP32.is_in_diram_iram(address) {
            &mut in_diram
        } else {
            &mut in_iram
        } += 1;
        assert!((0..program.len()).all(|index| code.get(index) == Some(program[index])));
        assert_eq!(code.get(program.len()), None);
    }
    assert!(in_iram > 5 && in_diram > 5, "{in_iram} {in_diram}");
    drop(loaded);
    assert_pristine(heap, free);
}

#[test]
fn buffers_may_be_sent_to_other_threads() {
    let heap: Heap = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    let mut buffer = DmaBuffer::new(heap, 100).unwrap();
    let words = WordBuffer::new(heap, 100).unwrap();
    std::thread::spawn(move || {
        buffer[0] = 1;
        assert_eq!(words.get(0), Some(0));
    })
    .join()
    .unwrap();
    assert_pristine(heap, free);
}

#[test]
fn buffers_of_code_and_words_end_where_they_say() {
    let heap: Heap = esp32(());
    let mut code = CodeBuffer::new(heap, 5).unwrap();
    assert_eq!((code.len(), code.is_empty()), (5, false));
    assert!(code.set(4, 0x1234) && !code.set(5, 1));
    assert_eq!(
        [3, 4, 5].map(|index| code.get(index)),
        [Some(0), Some(0x1234), None]
    );
    assert!(code.load(&[1, 2, 3, 4, 5]) && !code.load(&[9; 6]));
    assert_eq!([0, 4].map(|index| code.get(index)), [Some(1), Some(5)]);
    assert!(code.load(&[7]));
    assert_eq!([0, 1].map(|index| code.get(index)), [Some(7), Some(2)]);
    assert!(!code.entry().is_null());
    let mut words = WordBuffer::new(heap, 3).unwrap();
    assert_eq!((words.len(), words.is_empty()), (3, false));
    words.fill(6);
    assert!(words.set(2, 8) && !words.set(3, 8));
    assert!(words.iter().eq([6, 6, 8]));
    assert_eq!([2, 3].map(|index| words.get(index)), [Some(8), None]);
}
