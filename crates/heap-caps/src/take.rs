//! How one heap on a route gives a block: by its rules of rounding, reserves and sides.

use multi_heap::{Offset, Poison, Request};
use soc_regions::Caps;

use crate::alias::BACK_WORD;
use crate::registry::{Entry, HeapIndex, Registry};
use crate::reserve::Reserves;
use crate::route::Step;
use crate::work::Block;

/// Free bytes that a block of `size` user bytes uses up: rounded to words, with header and canaries.
pub(crate) const fn charge<P: Poison>(size: u32) -> u32 {
    const HEADER: u32 = 4;
    (size.saturating_add(3) & !3).saturating_add(HEADER + P::OVERHEAD)
}

/// Takes a block from one heap, if it may and can.
pub(crate) fn try_heap<P: Poison, const N: usize>(
    registry: &mut Registry<P, N>,
    reserves: &Reserves,
    caps: Caps,
    step: Step,
    request: Request,
) -> Option<Block<P>> {
    let request = match step.words {
        true => request.rounded_up_to(4)?,
        false => request,
    };
    if step.reserved {
        return beside_reserves(registry, reserves, caps, step, request);
    }
    block_of(registry.get_mut(step.heap)?, step, request)
}

/// Takes a block if that leaves every reserve whole. What a block uses up is known to a word or two before it is taken (the smallest
/// block, the gap before an aligned one), so it is looked at again afterwards.
fn beside_reserves<P: Poison, const N: usize>(
    registry: &mut Registry<P, N>,
    reserves: &Reserves,
    caps: Caps,
    step: Step,
    request: Request,
) -> Option<Block<P>> {
    let heap_caps = registry.get(step.heap)?.caps;
    let bytes = charge::<P>(request.size());
    if reserves
        .forbidding(caps, heap_caps, bytes, registry)
        .is_some()
    {
        return None;
    }
    let block = block_of(registry.get_mut(step.heap)?, step, request)?;
    if reserves.forbidding(caps, heap_caps, 0, registry).is_some() {
        give_back(registry.get_mut(step.heap)?, block.offset);
        return None;
    }
    Some(block)
}

fn block_of<P: Poison>(entry: &mut Entry<P>, step: Step, request: Request) -> Option<Block<P>> {
    match step.alias {
        false => plain_block(entry, step.heap, request),
        true => code_block(entry, step.heap, request),
    }
}

pub(crate) fn plain_block<P: Poison>(
    entry: &mut Entry<P>,
    heap: HeapIndex,
    request: Request,
) -> Option<Block<P>> {
    let offset = entry.heap.as_mut()?.allocate(request)?;
    let memory = entry.heap.as_ref()?;
    Some(Block::plain(entry, memory, heap, offset, request.size()))
}

/// A block whose address lies on the instruction side, see `alias.rs`. The back word is written when the block is settled.
fn code_block<P: Poison>(
    entry: &mut Entry<P>,
    heap: HeapIndex,
    wanted: Request,
) -> Option<Block<P>> {
    let alias = entry.alias?;
    let request = alias.request(wanted)?;
    let block = plain_block(entry, heap, request)?;
    let handed_out = || {
        let back = alias.back_word(block.address, request)?;
        let address = alias.handed_out(back)?;
        let place = Offset::new(back.wrapping_sub(block.base))?;
        let aligned = address.is_multiple_of(wanted.alignment());
        let usable = request.size() - BACK_WORD;
        aligned.then_some(Block {
            address,
            usable,
            code: Some((place, alias.0.order())),
            ..block
        })
    };
    let found = handed_out();
    if found.is_none() {
        give_back(entry, block.offset);
    }
    found
}

/// Undoes an allocation that can't be used after all: larger alignments than the alias keeps. Nobody has seen the block.
fn give_back<P: Poison>(entry: &mut Entry<P>, offset: Offset) {
    if let Some(heap) = entry.heap.as_mut() {
        let undone = heap.free(offset);
        debug_assert!(
            undone.is_ok(),
            "a block that was just taken can be freed: {undone:?}"
        );
    }
}
