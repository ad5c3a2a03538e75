//! EXEC memory that the instruction bus sees at another address.

use crate::support::*;
use heap_caps::{MisuseKind, Policy, Stay};
use multi_heap::{Comprehensive, Light, Poison, Request};
use soc_regions::{Caps, ESP32, common};

const CODE_IN_DIRAM: Caps = Caps::EXEC.union(Caps::DEFAULT);

/// The data-side word in which an EXEC block keeps its way back: the one before the address handed
/// out.
fn back_word(sim: &Sim<impl Poison>, address: u32) -> Option<u32> {
    sim.word(address - 4)
}

#[test]
fn a_block_in_diram_is_handed_out_by_the_address_that_esp_idf_computes() {
    let mut sim = Sim::esp32();
    let address = sim.heaps.malloc(8192, CODE_IN_DIRAM).unwrap();
    let block = back_word(&sim, address).unwrap();
    // ESP-IDF: base = 0x400A_0000 + (0x4000_0000 - (block + size)), the word at base holds the
    // block, base + 4 is handed out.
    assert_eq!(
        address,
        0x400A_0000 + (0x4000_0000 - (block + 8192 + 4)) + 4
    );
    assert_eq!(
        sim.heaps.inspect().heap_at(block).unwrap().span.start(),
        DIRAM_LOW
    );
    assert_eq!(
        sim.heaps.inspect().block_containing(block).unwrap().address,
        block
    );
    assert!(ESP32.is_executable(address) && ESP32.is_executable(address + 8191));
    assert_eq!(sim.heaps.inspect().usable_size(address), Ok(8192));
    assert_eq!(sim.heaps.free(address), Ok(()));
}

#[test]
fn iram_proper_is_handed_out_as_it_is() {
    let mut sim = Sim::esp32();
    let address = sim.heaps.malloc(100, Caps::EXEC).unwrap();
    assert_eq!(
        sim.heaps.inspect().heap_at(address).unwrap().span.start(),
        IRAM
    );
}

#[test]
fn rtc_memory_has_its_own_formula() {
    // ESP-IDF applies D/IRAM's inverted formula here and hands out an address where nothing is.
    let mut sim = Sim::esp32_with_rtc_heap();
    let address = sim.heaps.malloc(100, Caps::EXEC | Caps::RTCRAM).unwrap();
    assert!(
        span(0x400C_0000, 0x400C_2000).contains(address),
        "{address:08X}"
    );
    let block = back_word(&sim, address).unwrap();
    assert_eq!(address, block - 0x3FF8_0000 + 0x400C_0000 + 4);
    assert_eq!(sim.heaps.inspect().usable_size(address), Ok(100));
    assert_eq!(sim.heaps.free(address), Ok(()));
    assert_eq!(
        sim.heaps.free(address).unwrap_err().kind,
        MisuseKind::AlreadyFree
    );
}

/// Defects: head_05.
#[test]
fn an_alignment_holds_on_the_instruction_side() {
    // ESP-IDF loses it: the address is the aligned one plus 4.
    for caps in [CODE_IN_DIRAM, Caps::EXEC | Caps::RTCRAM] {
        for alignment in [1, 2, 4, 8, 16, 64, 256, 1024, 4096] {
            for size in [4, 5, 32, 100, 1000] {
                let mut sim = Sim::esp32_with_rtc_heap();
                let address = sim.heaps.aligned_alloc(alignment, size, caps).unwrap();
                assert_eq!(
                    address as usize % alignment,
                    0,
                    "{size} bytes at {alignment} with {caps}"
                );
                assert!(sim.heaps.inspect().usable_size(address).unwrap() as usize >= size);
                assert_eq!(sim.heaps.free(address), Ok(()));
            }
        }
    }
}

#[test]
fn an_alignment_beyond_the_window_is_refused_and_nothing_is_lost() {
    let mut sim = Sim::esp32();
    let before = sim.heaps.inspect().info(Caps::empty());
    assert!(sim.heaps.aligned_alloc(1 << 18, 64, CODE_IN_DIRAM).is_err());
    let after = sim.heaps.inspect().info(Caps::empty());
    assert_eq!(
        (before.total_free_bytes, before.free_blocks),
        (after.total_free_bytes, after.free_blocks)
    );
}

#[test]
fn words_of_a_block_lie_where_the_instruction_bus_reads_them() {
    let mut sim = Sim::esp32();
    let address = sim.heaps.malloc(12, CODE_IN_DIRAM).unwrap();
    for (place, word) in [(0, 0x1111_1111), (4, 0x2222_2222), (8, 0x3333_3333)] {
        assert!(sim.set_word(address + place, word));
    }
    let block = back_word(&sim, address).unwrap();
    let seen_as_data: Vec<_> = (0..16)
        .step_by(4)
        .map(|place| sim.word(block + place).unwrap())
        .collect();
    assert_eq!(
        seen_as_data,
        [0x3333_3333, 0x2222_2222, 0x1111_1111, block],
        "reversed, the way back last"
    );
}

#[test]
fn zeroed_code_memory_is_zero_and_still_knows_its_way_back() {
    let mut sim = Sim::esp32();
    let address = sim.heaps.calloc(5, 12, CODE_IN_DIRAM).unwrap();
    assert!(
        (0..60)
            .step_by(4)
            .all(|place| sim.word(address + place) == Some(0))
    );
    assert_eq!(sim.heaps.free(address), Ok(()));
}

fn write(sim: &mut Sim<impl Poison>, address: u32, words: u32) {
    (0..words).for_each(|index| assert!(sim.set_word(address + 4 * index, 0xC0DE_0000 + index)));
}

fn holds(sim: &Sim<impl Poison>, address: u32, words: u32) -> bool {
    (0..words).all(|index| sim.word(address + 4 * index) == Some(0xC0DE_0000 + index))
}

#[test]
fn reallocation_moves_code_between_all_kinds_of_memory() {
    fn moves<P: Poison>() {
        let mut sim: Sim<P> = Sim::with(Policy::Guaranteed, &ESP32.default_options(), ());
        let before = sim.heaps.inspect().free_size(Caps::empty());
        let mut address = sim.heaps.malloc(40, CODE_IN_DIRAM).unwrap();
        write(&mut sim, address, 10);
        for (size, caps) in [
            (400, CODE_IN_DIRAM),              // inverted to inverted
            (404, Caps::EXEC),                 // to IRAM, where EXEC is at home
            (800, CODE_IN_DIRAM),              // back to D/IRAM
            (840, Caps::DMA | Caps::INTERNAL), // to the data side
            (844, CODE_IN_DIRAM),
            (44, CODE_IN_DIRAM),
            (48, Caps::empty()), // more of the same memory
        ] {
            address = sim.heaps.realloc(address, size, caps).unwrap();
            assert!(holds(&sim, address, 10), "{} {size} with {caps}", P::NAME);
            assert!(sim.heaps.inspect().usable_size(address).unwrap() as usize >= size);
            assert_eq!(
                ESP32.is_executable(address),
                caps.contains(Caps::EXEC) || caps.is_empty()
            );
            assert_eq!(sim.heaps.inspect().check_integrity(Caps::INVALID), Ok(()));
        }
        assert_eq!(sim.heaps.free(address), Ok(()));
        assert_eq!(sim.heaps.inspect().free_size(Caps::empty()), before);
    }
    moves::<multi_heap::Unpoisoned>();
    moves::<Light>();
    moves::<Comprehensive>();
}

#[test]
fn a_data_block_does_not_become_code_where_it_lies() {
    // D/IRAM has EXEC, but a data-side address is not executable.
    let mut sim = Sim::esp32();
    let data = sim.heaps.malloc(40, Caps::DMA | Caps::DEFAULT).unwrap();
    let code = sim.heaps.realloc(data, 40, CODE_IN_DIRAM).unwrap();
    assert!(ESP32.is_executable(code) && !ESP32.is_executable(data));
    let data = sim.heaps.realloc(code, 40, Caps::BIT8).unwrap();
    assert!(ESP32.is_byte_accessible(data));
}

#[test]
fn code_shrinks_where_it_lies() {
    fn shrinks<P: Poison>() {
        let options = ESP32
            .options(&[common::RTC_HEAP.on(), common::SINGLE_CORE.on()])
            .unwrap();
        let mut sim: Sim<P> = Sim::with(Policy::Guaranteed, &options, ());
        for caps in [CODE_IN_DIRAM, Caps::EXEC | Caps::RTCRAM] {
            let address = sim.heaps.malloc(400, caps).unwrap();
            write(&mut sim, address, 100);
            assert_eq!(sim.heaps.realloc(address, 40, caps), Ok(address));
            assert!(holds(&sim, address, 10), "{}", P::NAME);
            assert_eq!(sim.heaps.inspect().check_integrity(Caps::INVALID), Ok(()));
            sim.heaps.free(address).unwrap();
        }
    }
    shrinks::<multi_heap::Unpoisoned>();
    shrinks::<Light>();
    shrinks::<Comprehensive>();
}

#[test]
fn code_in_rtc_memory_grows_where_it_lies_at_every_level() {
    fn grows<P: Poison>() {
        let options = ESP32
            .options(&[common::RTC_HEAP.on(), common::SINGLE_CORE.on()])
            .unwrap();
        let mut sim: Sim<P> = Sim::with(Policy::Guaranteed, &options, ());
        let caps = Caps::EXEC | Caps::RTCRAM;
        let address = sim.heaps.malloc(40, caps).unwrap();
        write(&mut sim, address, 10);
        assert_eq!(sim.heaps.realloc(address, 400, caps), Ok(address));
        assert!(holds(&sim, address, 10), "{}", P::NAME);
        if P::FILLS {
            let gained = (40..400).step_by(4).map(|at| sim.word(address + at));
            assert!(gained.eq([Some(0xCECE_CECE); 90]));
        }
        assert_eq!(sim.heaps.inspect().usable_size(address), Ok(400));
        assert_eq!(sim.heaps.inspect().check_integrity(Caps::INVALID), Ok(()));
        assert_eq!(sim.heaps.free(address), Ok(()));
    }
    grows::<multi_heap::Unpoisoned>();
    grows::<Light>();
    grows::<Comprehensive>();
}

#[test]
fn the_largest_code_block_is_what_can_be_had() {
    // ESP-IDF's figure is 4 bytes too large here, for the hidden word.
    let mut sim = Sim::esp32();
    let largest = sim.heaps.inspect().largest_free_block(CODE_IN_DIRAM);
    assert!(
        sim.heaps
            .malloc(largest as usize + 1, CODE_IN_DIRAM)
            .is_err()
    );
    assert!(sim.heaps.malloc(largest as usize, CODE_IN_DIRAM).is_ok());
}

#[test]
fn code_addresses_that_were_not_handed_out_are_refused() {
    let mut sim = Sim::esp32();
    let address = sim.heaps.malloc(64, CODE_IN_DIRAM).unwrap();
    (0..64)
        .step_by(4)
        .for_each(|place| assert!(sim.set_word(address + place, 0xFFFF_FFFF)));
    let kind = |sim: &mut Sim, address| sim.heaps.free(address).unwrap_err().kind;
    assert_eq!(kind(&mut sim, address + 1), MisuseKind::Unaligned);
    assert_eq!(kind(&mut sim, address + 8), MisuseKind::NotABlock);
    assert_eq!(kind(&mut sim, address - 4), MisuseKind::NotABlock);
    assert_eq!(kind(&mut sim, 0x400A_0000), MisuseKind::OutsideEveryHeap);
    assert_eq!(
        kind(&mut sim, 0x400B_FFFC),
        MisuseKind::OutsideEveryHeap,
        "ROM data on the data side"
    );
    assert_eq!(
        kind(&mut sim, 0x400C_0004),
        MisuseKind::OutsideEveryHeap,
        "no RTC heap"
    );
    assert_eq!(sim.heaps.free(address), Ok(()));
    assert_eq!(kind(&mut sim, address), MisuseKind::AlreadyFree);
}

#[test]
fn exec_excludes_bytes_and_dma() {
    let mut sim = Sim::esp32();
    for other in [Caps::BIT8, Caps::DMA, Caps::BIT8 | Caps::DMA] {
        let failure = sim.heaps.malloc(16, Caps::EXEC | other).unwrap_err();
        assert_eq!(
            failure.cause,
            heap_caps::FailureKind::Contradictory(Caps::EXEC | other)
        );
    }
}

#[test]
fn a_block_of_words_that_grew_downwards_has_whole_words() {
    let mut sim = Sim::<Light>::with(Policy::Guaranteed, &ESP32.default_options(), ());
    let [below, block, _above] = [(); 3].map(|()| sim.heaps.malloc(64, Caps::BIT32).unwrap());
    sim.heaps.free(below).unwrap();
    let layout = Request::new(101).unwrap();
    let Stay::Down(moved) = sim.heaps.phases().stay(block, layout, Caps::BIT32, None) else {
        panic!("the block has room below");
    };
    let grown = moved.to.address;
    sim.heaps
        .phases()
        .finish_ordinary(block, moved, layout, Caps::BIT32, None)
        .unwrap();
    assert_eq!(
        (grown, sim.heaps.inspect().usable_size(grown)),
        (below, Ok(104))
    );
}

#[test]
fn a_walk_shows_the_address_of_code_on_the_instruction_side() {
    let mut sim = Sim::esp32_with_rtc_heap();
    let shown = |sim: &Sim, data: u32| {
        let block = sim.heaps.inspect().block_containing(data).unwrap();
        (block.used, block.code)
    };
    let data = sim.heaps.malloc(40, Caps::DMA).unwrap();
    assert_eq!(shown(&sim, data), (true, None));
    let mut sides = 0;
    for address in sim.exhaust(3000, Caps::EXEC) {
        let side = ESP32.to_data_bus(address).filter(|&data| data != address);
        let Some(data) = side else {
            assert_eq!(shown(&sim, address), (true, None), "handed out as it lies");
            continue;
        };
        sides += 1;
        assert_eq!(shown(&sim, data), (true, Some(address)), "{address:#x}");
        sim.heaps.free(address).unwrap();
        let gone = sim.heaps.inspect().block_containing(data);
        assert!(gone.is_none_or(|block| block.code.is_none()));
    }
    assert!(sides > 10, "{sides} blocks");
}
