//! A heap read back from an image of its memory.

use std::ptr::NonNull;

use multi_heap::{Comprehensive, Heap, HeapImage, Light, Poison, Request, Unpoisoned};

fn request(size: u32) -> Request {
    Request::new(size as usize).unwrap()
}

/// A value's word, by its layout.
fn word_of<P: Poison>(heap: &Heap<P>, at: usize) -> u32 {
    let place = std::ptr::from_ref(heap).cast::<u8>().wrapping_add(at);
    // SAFETY: the place of a `u32` in the value.
    unsafe { place.cast::<u32>().read_unaligned() }
}

fn an_image_has_what_the_heap_has<P: Poison>() {
    let mut memory = vec![0x5A5A_5A5A_u32; 1000];
    let bytes = NonNull::slice_from_raw_parts(NonNull::from(&mut memory[..]).cast(), 4000);
    // SAFETY: the memory outlives the heap, and is read by nobody else while the heap changes it.
    let mut heap = unsafe { Heap::<P>::new(bytes) }.unwrap();
    let blocks: Vec<_> = (1..20_u32)
        .filter_map(|n| heap.allocate(request(n * 7)))
        .collect();
    for block in blocks.iter().step_by(3) {
        heap.freeing(*block).unwrap();
        heap.free(*block).unwrap();
    }
    let canaries = if P::OVERHEAD == 0 {
        [0; 2]
    } else {
        [0, 4].map(|behind| word_of(&heap, Heap::<P>::LAYOUT.slack + behind))
    };
    assert_eq!(word_of(&heap, Heap::<P>::LAYOUT.words), 1000);
    // SAFETY: the heap is alive and changes nothing now.
    let mut copy =
        unsafe { std::slice::from_raw_parts(heap.start().as_ptr().cast::<u32>(), 1000) }.to_vec();
    {
        let image = HeapImage::<P>::new(&mut copy, canaries).unwrap();
        assert!(image.blocks().eq(heap.blocks()), "{}", P::NAME);
        assert_eq!((image.info(), image.check()), (heap.info(), Ok(())));
    }
    let place = heap.blocks().nth(3).unwrap().start as usize / 4;
    copy[place] ^= 0x40;
    let image = HeapImage::<P>::new(&mut copy, canaries).unwrap();
    assert!(image.check().is_err());
    assert_eq!(image.sound_blocks().filter(Result::is_err).count(), 1);
}

#[test]
fn an_image_has_the_blocks_the_figures_and_the_damage_of_the_heap() {
    an_image_has_what_the_heap_has::<Unpoisoned>();
    an_image_has_what_the_heap_has::<Light>();
    an_image_has_what_the_heap_has::<Comprehensive>();
}

#[test]
fn any_words_are_walked_to_an_end() {
    for seed in 0..2000_u32 {
        let mix = |n: u32| (n ^ seed).wrapping_mul(0x9E37_79B1).rotate_left(seed % 32);
        let mut words: Vec<u32> = (0..200).map(mix).collect();
        words[5] = 20 + seed % 200; // where blocks begin
        let image = HeapImage::<Light>::new(&mut words, [0; 2]).unwrap();
        assert!(image.check().is_err());
        assert!(image.sound_blocks().count() <= 200 && image.blocks().count() <= 200);
        let _ = image.info();
    }
    assert!(HeapImage::<Unpoisoned>::new(&mut [0; 8], [0; 2]).is_err());
}

#[test]
fn the_image_of_the_smallest_heap_is_one_and_a_smaller_one_is_none() {
    fn smallest<P: Poison>() {
        let words = Heap::<P>::smallest_region_bytes() as usize / 4;
        let mut memory = vec![0_u32; words];
        let region =
            NonNull::slice_from_raw_parts(NonNull::from(&mut memory[..]).cast(), words * 4);
        // SAFETY: the memory outlives the heap, which is not used any more when it is looked at.
        let heap = unsafe { Heap::<P>::new(region) }.unwrap();
        let info = heap.info();
        let image = HeapImage::<P>::new(&mut memory, [0; 2]).unwrap();
        assert_eq!((image.info(), image.check()), (info, Ok(())));
        assert!(HeapImage::<P>::new(&mut memory[1..], [0; 2]).is_err());
    }
    smallest::<Unpoisoned>();
    smallest::<Light>();
    smallest::<Comprehensive>();
}
