//! Sorting, trees, queues.

use alloc::collections::{BTreeMap, BinaryHeap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::hash::Hash;
use crate::random::Random;

pub(super) fn sorting(random: &mut Random, hash: &mut Hash) {
    let mut numbers: Vec<u32> = (0..3000).map(|_| random.below(u32::MAX)).collect();
    numbers.sort_unstable();
    numbers
        .iter()
        .for_each(|&number| hash.number(number.into()));
    let mut words: Vec<String> = (0..500).map(|_| format!("{:x}", random.next())).collect();
    words.sort();
    words.sort_by_key(String::len);
    words.iter().for_each(|word| hash.bytes(word.as_bytes()));
    words.dedup_by_key(|word| word.len());
    hash.number(words.len() as u128);
}

pub(super) fn maps(random: &mut Random, hash: &mut Hash) {
    let mut map: BTreeMap<u32, u64> = BTreeMap::new();
    let (mut queue, mut heap) = (VecDeque::new(), BinaryHeap::new());
    for _ in 0..4000 {
        let key = random.below(700);
        match random.below(4) {
            0 => drop(map.remove(&key)),
            1 => {
                queue.push_back(key);
                heap.push(key);
            }
            2 => hash.truth(queue.pop_front() == heap.pop()),
            _ => {
                let entry = map.entry(key).or_default();
                *entry = entry.wrapping_add(random.next());
            }
        }
    }
    for (&key, &value) in &map {
        hash.number(u128::from(key) << 64 | u128::from(value));
    }
    let inner = map.range(100..400).rev().map(|(&key, _)| key);
    for number in inner.chain(queue).chain(heap.into_sorted_vec()) {
        hash.number(number.into());
    }
}
