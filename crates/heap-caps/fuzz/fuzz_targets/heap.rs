//! One heap at each poisoning level, compared with a list of its blocks after every call: wrong
//! frees among the right ones.
#![no_main]

#[path = "../region.rs"]
mod region;

use libfuzzer_sys::fuzz_target;
use multi_heap::{Comprehensive, Heap, Light, Offset, Poison, Request, Unpoisoned, set_canary_key};
use region::{Input, Region};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    set_canary_key(if input.byte() & 1 == 0 {
        0
    } else {
        0x5EED_1234
    });
    match input.byte() % 3 {
        0 => live::<Unpoisoned>(input),
        1 => live::<Light>(input),
        _ => live::<Comprehensive>(input),
    }
});

/// A block as its owner knows it.
#[derive(Clone, Copy)]
struct Block {
    offset: Offset,
    size: u32,
    seed: u8,
}

struct Model<P: Poison> {
    heap: Heap<P>,
    blocks: Vec<Block>,
    next_seed: u8,
}

fn live<P: Poison>(mut input: Input<'_>) {
    let words = 40 + u32::from(input.short()) % 1500;
    let mut region = Region::new(words);
    let heap = region.heap::<P>();
    let fresh = heap.info();
    let mut model = Model {
        heap,
        blocks: Vec::new(),
        next_seed: 0,
    };
    while !input.is_empty() {
        model.step(&mut input);
        assert_eq!(model.heap.check(), Ok(()));
    }
    while let Some(block) = model.blocks.pop() {
        model.free(block);
    }
    let end = model.heap.info();
    assert_eq!(
        (
            end.total_free_bytes,
            end.total_blocks,
            end.total_allocated_bytes
        ),
        (fresh.total_free_bytes, fresh.total_blocks, 0)
    );
    assert_eq!(model.heap.damage(), None);
    assert!(region.is_inside());
}

impl<P: Poison> Model<P> {
    fn step(&mut self, input: &mut Input<'_>) {
        let (call, number) = (input.byte(), input.short());
        let size = 1 + u32::from(number) % [24, 200, 3000][usize::from(call >> 6) % 3];
        match call % 8 {
            0..=2 => self.allocate(size, 1 << (input.byte() % 8), input.byte()),
            3 => {
                if let Some(block) = self.chosen(number) {
                    self.free(block);
                }
            }
            4 => {
                if let Some(block) = self.chosen(input.short()) {
                    self.reallocate(block, size);
                }
            }
            5 => {
                if let Some(block) = self.chosen(input.short()) {
                    self.resize(block, size);
                }
            }
            6 => self.free_wrong(u32::from(number)),
            _ => {
                let largest = self.heap.largest_free_block();
                let fits = |size: u32| {
                    let request = Request::new(size as usize);
                    request.is_some_and(|request| self.heap.can_allocate(request))
                };
                assert!(largest == 0 || fits(largest));
                assert!(!fits(largest + 1));
            }
        }
    }

    /// A block, which its owner is about to give up.
    fn chosen(&mut self, number: u16) -> Option<Block> {
        let count = self.blocks.len();
        (count > 0).then(|| self.blocks.swap_remove(usize::from(number) % count))
    }

    fn allocate(&mut self, size: u32, alignment: usize, offset: u8) {
        let request = Request::aligned_at(
            size as usize,
            alignment,
            usize::from(offset) % (size as usize),
        );
        let Some(request) = request else { return };
        if let Some(offset) = self.heap.allocate(request) {
            assert_eq!(self.heap.allocated(offset, size), Ok(()));
            let address = self.heap.pointer(offset).addr().get() + request.offset() as usize;
            assert!(address.is_multiple_of(request.alignment() as usize));
            self.own(offset, size);
        }
    }

    fn own(&mut self, offset: Offset, size: u32) {
        assert!(
            self.heap
                .usable_size(offset)
                .is_ok_and(|usable| usable >= size)
        );
        let (start, end) = (offset.get(), offset.get() + size);
        let apart =
            |block: &Block| end <= block.offset.get() || block.offset.get() + block.size <= start;
        assert!(self.blocks.iter().all(apart), "handed out twice");
        self.next_seed = self.next_seed.wrapping_add(1);
        let block = Block {
            offset,
            size,
            seed: self.next_seed,
        };
        for index in 0..size {
            // SAFETY: the byte is the block's, which is ours.
            unsafe {
                self.heap
                    .pointer(offset)
                    .add(index as usize)
                    .write(block.byte(index))
            };
        }
        self.blocks.push(block);
    }

    fn has_contents(&self, block: Block, offset: Offset, bytes: u32) {
        for index in 0..bytes {
            // SAFETY: the byte is the block's, which is ours, and was written.
            let byte = unsafe { self.heap.pointer(offset).add(index as usize).read() };
            assert_eq!(byte, block.byte(index), "contents changed");
        }
    }

    fn free(&mut self, block: Block) {
        self.has_contents(block, block.offset, block.size);
        assert_eq!(self.heap.freeing(block.offset), Ok(()));
        assert!(self.heap.free(block.offset).is_ok());
        assert!(self.heap.free(block.offset).is_err(), "freed twice");
    }

    fn reallocate(&mut self, block: Block, size: u32) {
        let Some(request) = Request::new(size as usize) else {
            return;
        };
        match self.heap.reallocate(block.offset, request) {
            Ok(Some(offset)) => {
                self.has_contents(block, offset, block.size.min(size));
                self.own(offset, size);
            }
            Ok(None) => self.blocks.push(block),
            Err(misuse) => panic!("{misuse}"),
        }
    }

    fn resize(&mut self, block: Block, size: u32) {
        let contents = self.heap.contents();
        let Ok(usable) = self.heap.resizable_size(block.offset, size) else {
            panic!("not resizable");
        };
        // SAFETY: the block is ours, and is resized right away.
        unsafe { contents.shrinking(block.offset, usable, size) };
        let resized = self.heap.resize(block.offset, size);
        assert!(resized.is_ok());
        if resized == Ok(true) {
            // SAFETY: as above.
            unsafe { contents.grown(block.offset, usable, size) };
            self.has_contents(block, block.offset, block.size.min(size));
            self.own(block.offset, size);
        } else {
            self.blocks.push(block);
        }
    }

    /// A place at which no block begins is refused, with nothing changed.
    fn free_wrong(&mut self, place: u32) {
        let Some(place) = Offset::new(place) else {
            return;
        };
        if self.blocks.iter().all(|block| block.offset != place) {
            assert!(self.heap.freeing(place).is_err() || P::NAME != Comprehensive::NAME);
            assert!(self.heap.free(place).is_err());
            assert!(self.heap.usable_size(place).is_err() || P::OVERHEAD == 0);
            assert_eq!(self.heap.damage(), None);
        }
    }
}

impl Block {
    /// Text, as far as the sign of a word goes: it imitates no header.
    fn byte(self, index: u32) -> u8 {
        (self.seed.wrapping_mul(31).wrapping_add(index as u8)) & 0x7F
    }
}
