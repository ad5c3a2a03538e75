//! The C names: `heap_caps_*` of the shared heap and `multi_heap_*` of one's own, compared with a
//! list of their blocks; wrong frees, sizes and alignments among the right ones.
#![no_main]

use std::ffi::{c_char, c_void};
use std::ptr::null_mut;
use std::sync::Once;

use heap_caps_c::caps::*;
use heap_caps_c::multi::*;
use libfuzzer_sys::fuzz_target;
use soc_regions::Caps;
use target_suite::campaign::Input;

const ANY: u32 = Caps::BIT8.bits();
const SETS: [u32; 5] = [
    Caps::DEFAULT.bits(),
    ANY,
    Caps::BIT8.union(Caps::DMA).bits(),
    Caps::BIT8.union(Caps::SPIRAM).bits(),
    Caps::BIT8.union(Caps::EXEC).bits(), // there is none
];

fuzz_target!(|bytes: &[u8]| {
    static SHARED: Once = Once::new();
    SHARED.call_once(|| {
        let (dma, spiram) = (
            Caps::INTERNAL.union(Caps::DMA),
            Caps::SPIRAM.union(Caps::DEFAULT),
        );
        for (caps, kib) in [(dma.union(Caps::DEFAULT), 24), (spiram, 40)] {
            let memory = vec![0_u64; kib * 128].leak().as_mut_ptr_range();
            let bounds = [memory.start, memory.end].map(|end| end.expose_provenance() as isize);
            let columns = [ANY | caps.bits(), 0, 0];
            // SAFETY: the memory is the heap's for good.
            let added =
                unsafe { heap_caps_add_region_with_caps(columns.as_ptr(), bounds[0], bounds[1]) };
            assert_eq!(added, 0);
        }
        heap_caps_set_console(Some(no_console));
        heap_caps_register_fault_callback(Some(no_fault));
    });
    let mut input = Input::new(bytes);
    let mut memory = vec![0_u64; 40 + usize::from(input.byte()) * 4];
    // SAFETY: the memory is the heap's as long as the program below runs.
    let own = unsafe { multi_heap_register(memory.as_mut_ptr().cast(), memory.len() * 8) };
    if own.is_null() {
        return;
    }
    let free = heap_caps_get_free_size(ANY);
    let mut program = Program {
        own,
        blocks: Vec::new(),
        next_seed: 0,
    };
    while !input.is_empty() {
        program.step(&mut input);
    }
    while let Some(block) = program.blocks.pop() {
        program.free(block);
    }
    assert!(program.is_sound());
    assert_eq!(heap_caps_get_free_size(ANY), free);
});

unsafe extern "C" fn no_console(_: *const c_char, _: usize) {}
unsafe extern "C" fn no_fault(_: *const c_char) {}

#[derive(Clone, Copy)]
struct Block {
    pointer: *mut u8,
    size: usize,
    seed: u8,
    is_own: bool,
}

struct Program {
    own: CHandle,
    blocks: Vec<Block>,
    next_seed: u8,
}

// SAFETY of all calls below: one thread; blocks are the program's until it frees them; whatever is
// no block must be refused.
impl Program {
    fn step(&mut self, input: &mut Input<'_>) {
        let (call, number) = (input.byte(), usize::from(input.short()));
        let size = number % [40, 300, 5000][usize::from(call >> 6) % 3];
        let (is_own, caps) = (call & 0x20 != 0, SETS[number % SETS.len()]);
        match call % 10 {
            0..=2 => {
                let pointer = if is_own {
                    unsafe { multi_heap_malloc(self.own, size) }
                } else {
                    heap_caps_malloc(size, caps)
                };
                self.has(pointer, size, is_own);
            }
            3 => {
                let pointer = heap_caps_calloc(number % 9, size, caps);
                let size = number % 9 * size;
                // SAFETY: a block of that many bytes.
                let zeros = |at: usize| unsafe { pointer.cast::<u8>().add(at).read() } == 0;
                assert!(pointer.is_null() || (0..size).all(zeros));
                self.has(pointer, size, false);
            }
            4 => {
                let alignment = usize::from(input.byte()) >> (number % 4);
                let pointer = if is_own {
                    unsafe { multi_heap_aligned_alloc(self.own, size, alignment) }
                } else {
                    heap_caps_aligned_alloc(alignment, size, caps)
                };
                assert!(pointer.is_null() || pointer.addr().is_multiple_of(alignment));
                self.has(pointer, size, is_own);
            }
            5..=6 => {
                if let Some(block) = self.chosen(number) {
                    self.free(block);
                }
            }
            7 => self.reallocate(input.short().into(), size, caps),
            8 => self.free_wrong(number),
            _ => assert!(self.is_sound()),
        }
    }

    fn is_sound(&self) -> bool {
        heap_caps_check_integrity_all(true) && unsafe { multi_heap_check(self.own, true) }
    }

    fn chosen(&mut self, number: usize) -> Option<Block> {
        let count = self.blocks.len();
        (count > 0).then(|| self.blocks.swap_remove(number % count))
    }

    fn has(&mut self, pointer: *mut c_void, size: usize, is_own: bool) {
        let pointer = pointer.cast::<u8>();
        if pointer.is_null() {
            return;
        }
        let (start, end) = (pointer.addr(), pointer.addr() + size);
        let apart = |block: &Block| {
            end <= block.pointer.addr() || block.pointer.addr() + block.size <= start
        };
        assert!(self.blocks.iter().all(apart), "handed out twice");
        self.next_seed = self.next_seed.wrapping_add(1);
        let seed = self.next_seed;
        let block = Block {
            pointer,
            size,
            seed,
            is_own,
        };
        assert!(block.usable(self.own) >= size);
        // SAFETY: a block of that many bytes.
        (0..size).for_each(|at| unsafe { pointer.add(at).write(block.byte(at)) });
        self.blocks.push(block);
    }

    fn free(&mut self, block: Block) {
        block.holds(block.pointer, block.size);
        let pointer = block.pointer.cast();
        if block.is_own {
            unsafe { multi_heap_free(self.own, pointer) }
        } else {
            unsafe { heap_caps_free(pointer) }
        }
    }

    fn reallocate(&mut self, number: usize, size: usize, caps: u32) {
        let Some(block) = self.chosen(number) else {
            return;
        };
        let pointer = block.pointer.cast();
        let moved = if block.is_own {
            unsafe { multi_heap_realloc(self.own, pointer, size) }
        } else {
            unsafe { heap_caps_realloc(pointer, size, caps) }
        };
        if !moved.is_null() {
            block.holds(moved.cast(), block.size.min(size));
            self.has(moved, size, block.is_own);
        } else if size != 0 {
            self.blocks.push(block);
        }
    }

    /// Near a block, or anywhere: nothing changes.
    fn free_wrong(&mut self, number: usize) {
        let near = match self.blocks.len() {
            0 => null_mut(),
            count => self.blocks[number % count].pointer,
        };
        let place = near.wrapping_add(1 + number % 61);
        if self.blocks.iter().any(|block| block.pointer == place) {
            return;
        }
        let free = || {
            (heap_caps_get_free_size(ANY), unsafe {
                multi_heap_free_size(self.own)
            })
        };
        let before = free();
        unsafe { heap_caps_free(place.cast()) };
        unsafe { multi_heap_free(self.own, place.cast()) };
        assert_eq!(free(), before);
    }
}

impl Block {
    fn usable(&self, own: CHandle) -> usize {
        if self.is_own {
            unsafe { multi_heap_get_allocated_size(own, self.pointer.cast()) }
        } else {
            heap_caps_get_allocated_size(self.pointer.cast())
        }
    }

    fn holds(&self, pointer: *mut u8, bytes: usize) {
        // SAFETY: the block's bytes, which were written.
        let is_same = |at: usize| unsafe { pointer.add(at).read() } == self.byte(at);
        assert!((0..bytes).all(is_same), "contents changed");
    }

    /// Text: it imitates no header.
    fn byte(&self, at: usize) -> u8 {
        self.seed.wrapping_mul(31).wrapping_add(at as u8) & 0x7F
    }
}
