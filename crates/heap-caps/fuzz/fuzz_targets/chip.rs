//! Whole chips: options, policies, reserves, every way to ask for memory, and frees of anything;
//! compared with a list of the blocks.
#![no_main]

use heap_caps::{HeapCaps, Policy, ReallocateError, Reserve, SimulatedMemory};
use libfuzzer_sys::fuzz_target;
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use soc_regions::{Caps, chips, common};
use target_suite::campaign::Input;

const SETS: [Caps; 10] = [
    Caps::DEFAULT,
    Caps::BIT8,
    Caps::BIT32,
    Caps::DMA,
    Caps::INTERNAL,
    Caps::SPIRAM,
    Caps::EXEC,
    Caps::RTCRAM,
    Caps::DMA.union(Caps::INTERNAL),
    Caps::EXEC.union(Caps::BIT32),
];

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    match input.byte() % 4 {
        0 => live::<Light>(input),
        1 => live::<Comprehensive>(input),
        _ => live::<Unpoisoned>(input),
    }
});

struct Model<P: Poison> {
    heaps: HeapCaps<P, ()>,
    /// Address, size.
    blocks: Vec<(u32, u32)>,
    // Behind the heaps that lie in it
    memory: SimulatedMemory,
}

fn live<P: Poison>(mut input: Input<'_>) {
    let number = usize::from(input.byte());
    let chips = chips::all();
    let count = chips.clone().count();
    let Some(chip) = chips.cycle().nth(number % count) else {
        return;
    };
    let psram = common::PSRAM.of(u32::from(input.byte()) << 14);
    let options = chip.options(&[psram]).unwrap_or(chip.default_options());
    let policy = match input.byte() % 3 {
        0 => Policy::Guaranteed,
        1 => Policy::IdfExact,
        _ => Policy::Tagged2016,
    };
    let mut model = Model::<P> {
        heaps: HeapCaps::with_policy((), policy),
        blocks: Vec::new(),
        memory: SimulatedMemory::new(),
    };
    let symbols = chip.sample_symbols(&options);
    // SAFETY: nothing else uses the simulated memory, and it lives as long as the heaps.
    let booted = unsafe { model.heaps.boot(chip, &options, &symbols, &model.memory) };
    if booted.is_err() {
        return;
    }
    let free = |heaps: &HeapCaps<P, ()>| heaps.inspect().info(Caps::empty()).total_free_bytes;
    let mut fresh = free(&model.heaps);
    let mut stacks = false;
    let mut calls = 0_u32;
    while !input.is_empty() {
        if input.byte() == 0xFF && !stacks {
            let before = free(&model.heaps);
            // SAFETY: nobody stands on simulated stacks.
            unsafe { model.heaps.enable_startup_stack_heaps(&model.memory) };
            fresh += free(&model.heaps) - before;
            stacks = true;
        }
        model.step(&mut input);
        calls += 1;
        if calls.is_multiple_of(16) {
            assert_eq!(model.heaps.inspect().check_integrity(Caps::empty()), Ok(()));
        }
    }
    while let Some((address, _)) = model.blocks.pop() {
        assert_eq!(model.heaps.free(address), Ok(()));
    }
    assert_eq!(model.heaps.inspect().check_integrity(Caps::empty()), Ok(()));
    let end = model.heaps.inspect().info(Caps::empty());
    assert_eq!((end.allocated_blocks, end.total_free_bytes), (0, fresh));
}

impl<P: Poison> Model<P> {
    fn step(&mut self, input: &mut Input<'_>) {
        let (call, number) = (input.byte(), input.short());
        let size = 1 + usize::from(number) % [32, 600, 60_000][usize::from(call >> 6) % 3];
        let caps = SETS[usize::from(call >> 3) % SETS.len()];
        let taken = match call % 8 {
            0 | 1 => self.heaps.malloc(size, caps),
            2 => self.heaps.calloc(2, size / 2 + 1, caps),
            3 => self.heaps.aligned_alloc(1 << (number % 12), size, caps),
            4 => return self.free(number),
            5 => return self.resize(input.short(), size, caps),
            6 => return self.free_anything(u32::from(number) << 16 | u32::from(input.short())),
            _ => {
                let reserve = Reserve {
                    caps,
                    bytes: u32::from(number),
                };
                let _ = self.heaps.set_reserve(reserve);
                return;
            }
        };
        if let Ok(address) = taken {
            let size = match call % 8 {
                2 => 2 * (size / 2 + 1),
                _ => size,
            };
            self.own(address, size);
        }
    }

    fn own(&mut self, address: u32, size: usize) {
        let usable = self.heaps.inspect().usable_size(address);
        assert!(usable.is_ok_and(|usable| usable as usize >= size));
        let (start, end) = (address, address + size as u32);
        let apart = |&(other, bytes): &(u32, u32)| end <= other || other + bytes <= start;
        assert!(self.blocks.iter().all(apart), "handed out twice");
        self.blocks.push((address, size as u32));
    }

    fn chosen(&mut self, number: u16) -> Option<(u32, u32)> {
        let count = self.blocks.len();
        (count > 0).then(|| self.blocks.swap_remove(usize::from(number) % count))
    }

    fn free(&mut self, number: u16) {
        if let Some((address, _)) = self.chosen(number) {
            assert_eq!(self.heaps.free(address), Ok(()));
            assert!(self.heaps.free(address).is_err(), "freed twice");
        }
    }

    fn resize(&mut self, number: u16, size: usize, caps: Caps) {
        let Some((address, old)) = self.chosen(number) else {
            return;
        };
        let caps = if number.is_multiple_of(2) {
            Caps::empty()
        } else {
            caps
        };
        match self.heaps.realloc(address, size, caps) {
            Ok(moved) => self.own(moved, size),
            Err(ReallocateError::Failure(_)) => self.blocks.push((address, old)),
            Err(ReallocateError::Misuse(misuse)) => panic!("{misuse}"),
        }
    }

    /// Any number as an address: blocks' own, near them, or anywhere.
    fn free_anything(&mut self, number: u32) {
        let near = match self.blocks.len() {
            0 => number,
            count => {
                let (address, size) = self.blocks[number as usize % count];
                address
                    .wrapping_add(number >> 8 & 0x3F)
                    .wrapping_add(size * (number >> 16 & 1))
            }
        };
        let place = if number.is_multiple_of(3) {
            number
        } else {
            near
        };
        if self.blocks.iter().all(|&(address, _)| address != place) {
            assert!(self.heaps.free(place).is_err());
        }
    }
}
