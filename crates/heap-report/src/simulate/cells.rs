//! Cells of a heap's map: how much of each stretch is used, poison, header, hole or free.
//!
//! ```text
//!   heap    │▒▒│hdr│ payload ....... │hdr│ free │hdr│ payload │hdr│ free .................. │
//!   cells   │         0         │         1         │         2         │        3        │
//!                                          └ hole                          └ largest: free
//! ```
//! A cell is written as four levels of 0 to 15 (used, poison, header, hole), in two bytes; what is
//! missing to 15 is free. A cell of one kind alone has that level at 15.

/// Four levels of 0..=15: what fits into four bits.
const LEVELS: u64 = 15;
/// Canary and size word before the payload of a poisoned block, in bytes.
const POISON_BEFORE: u32 = 8;

/// A block of a heap; `start` and `payload` in bytes from the heap's first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeapBlock {
    /// Its first byte: the header.
    pub start: u32,
    /// From `start` on, header and canaries included.
    pub bytes: u32,
    /// Where the user's bytes begin.
    pub payload: u32,
    /// The user's bytes.
    pub size: u32,
    /// Whether the user has it.
    pub used: bool,
}

/// How a heap is divided: cells of a power of two bytes, few enough to be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Division {
    /// Bytes of the heap.
    pub bytes: u32,
    /// Bytes of a cell; the last one may be shorter.
    pub cell_bytes: u32,
}

impl Division {
    const SMALLEST_CELL: u32 = 64;
    const MOST_CELLS: u32 = 256;

    /// Returns the division of a heap into cells.
    #[must_use]
    pub fn of(bytes: u32) -> Division {
        let cell_bytes = bytes.div_ceil(Self::MOST_CELLS).next_power_of_two();
        Division {
            bytes,
            cell_bytes: cell_bytes.max(Self::SMALLEST_CELL),
        }
    }

    /// Returns how many cells there are.
    #[must_use]
    pub fn cells(self) -> usize {
        self.bytes.div_ceil(self.cell_bytes) as usize
    }

    fn bytes_of(self, cell: usize) -> u64 {
        let start = cell as u64 * u64::from(self.cell_bytes);
        u64::from(self.cell_bytes).min(u64::from(self.bytes) - start)
    }
}

/// What a byte of a heap can be, in the order of a cell's levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ByteKind {
    Used,
    Poison,
    Header,
    Hole,
    Free,
}

/// The bytes of a heap at one moment, by cell and kind.
#[derive(Debug, Clone)]
pub struct Cells {
    division: Division,
    /// Bytes of each kind, by cell.
    cells: Vec<[u64; 5]>,
}

impl Cells {
    /// Sorts the bytes of a heap with these `blocks`, each with `poison` bytes of canaries if used.
    #[must_use]
    pub fn of(division: Division, blocks: &[HeapBlock], poison: u32) -> Cells {
        let mut cells = Cells {
            division,
            cells: vec![[0; 5]; division.cells()],
        };
        let largest = largest_free(blocks);
        let mut position = 0;
        for block in blocks {
            cells.add(ByteKind::Header, position, block.start);
            position = block.start.saturating_add(block.bytes);
            if block.used {
                cells.add_used(block, poison);
            } else {
                let kind = if Some(block.start) == largest {
                    ByteKind::Free
                } else {
                    ByteKind::Hole
                };
                cells.add(kind, block.start, position);
            }
        }
        cells.add(ByteKind::Header, position, division.bytes);
        cells
    }

    /// Returns two bytes a cell, as the page reads them.
    pub fn levels(&self) -> impl Iterator<Item = u8> + '_ {
        self.cells.iter().enumerate().flat_map(|(cell, bytes)| {
            let [used, poison, header, hole] = levels(bytes, self.division.bytes_of(cell));
            [used << 4 | poison, header << 4 | hole]
        })
    }

    /// Returns the bytes of users.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.sum(ByteKind::Used)
    }

    /// Returns the bytes of canaries.
    #[must_use]
    pub fn poison_bytes(&self) -> u64 {
        self.sum(ByteKind::Poison)
    }

    /// Returns the bytes of headers and of what the heap keeps for itself.
    #[must_use]
    pub fn header_bytes(&self) -> u64 {
        self.sum(ByteKind::Header)
    }

    /// Returns the free bytes that are not in the largest free block.
    #[must_use]
    pub fn hole_bytes(&self) -> u64 {
        self.sum(ByteKind::Hole)
    }

    /// Returns the free bytes, holes included.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        self.sum(ByteKind::Free) + self.hole_bytes()
    }

    fn sum(&self, kind: ByteKind) -> u64 {
        self.cells.iter().map(|cell| cell[kind as usize]).sum()
    }

    fn add_used(&mut self, block: &HeapBlock, poison: u32) {
        let payload = block.payload;
        let before = if poison == 0 { 0 } else { POISON_BEFORE };
        let front = payload.saturating_sub(before);
        let behind = payload.saturating_add(block.size);
        let slack = behind.saturating_add(poison.saturating_sub(before));
        let end = block.start.saturating_add(block.bytes);
        self.add(ByteKind::Header, block.start, front);
        self.add(ByteKind::Poison, front, payload);
        self.add(ByteKind::Used, payload, behind);
        self.add(ByteKind::Poison, behind, slack);
        self.add(ByteKind::Header, slack, end);
    }

    /// Counts the bytes from `start` up to `end` into the cells they lie in.
    fn add(&mut self, kind: ByteKind, start: u32, end: u32) {
        let cell_bytes = self.division.cell_bytes;
        let end = end.min(self.division.bytes);
        let mut position = start;
        while position < end {
            let cell = position / cell_bytes;
            let cell_end = (cell + 1).saturating_mul(cell_bytes).min(end);
            self.cells[cell as usize][kind as usize] += u64::from(cell_end - position);
            position = cell_end;
        }
    }
}

fn largest_free(blocks: &[HeapBlock]) -> Option<u32> {
    let free = blocks.iter().filter(|block| !block.used);
    free.max_by_key(|block| block.bytes)
        .map(|block| block.start)
}

/// Rounds the running sum, so that the levels never exceed 15 together.
fn levels(bytes: &[u64; 5], cell_bytes: u64) -> [u8; 4] {
    let mut sum = 0;
    let mut before = 0;
    let mut level = |kind: ByteKind| {
        sum += bytes[kind as usize];
        let rounded = (sum * LEVELS + cell_bytes / 2) / cell_bytes.max(1);
        let level = rounded.min(LEVELS) - before;
        before += level;
        u8::try_from(level).unwrap_or(u8::MAX)
    };
    [
        level(ByteKind::Used),
        level(ByteKind::Poison),
        level(ByteKind::Header),
        level(ByteKind::Hole),
    ]
}

#[cfg(test)]
mod tests {
    use super::{Cells, Division, HeapBlock};

    fn used_block(start: u32, bytes: u32) -> HeapBlock {
        HeapBlock {
            start,
            bytes,
            payload: start + 4,
            size: bytes - 4,
            used: true,
        }
    }

    fn free_block(start: u32, bytes: u32) -> HeapBlock {
        HeapBlock {
            used: false,
            ..used_block(start, bytes)
        }
    }

    fn levels(cells: &Cells) -> Vec<u8> {
        cells.levels().collect()
    }

    #[test]
    fn a_small_heap_has_small_cells_and_a_big_one_few() {
        assert_eq!(
            Division::of(1000),
            Division {
                bytes: 1000,
                cell_bytes: 64
            }
        );
        assert_eq!(
            Division::of(4 << 20),
            Division {
                bytes: 4 << 20,
                cell_bytes: 16 << 10
            }
        );
        assert_eq!(Division::of(1000).cells(), 16);
        assert_eq!(Division::of(4 << 20).cells(), 256);
    }

    #[test]
    fn every_byte_is_counted_once() {
        let blocks = [
            used_block(64, 100),
            free_block(164, 36),
            used_block(200, 64),
            free_block(264, 700),
        ];
        let cells = Cells::of(Division::of(1000), &blocks, 0);
        assert_eq!(cells.used_bytes(), 96 + 60);
        assert_eq!(cells.hole_bytes(), 36);
        assert_eq!(cells.free_bytes(), 36 + 700);
        assert_eq!(cells.header_bytes(), 64 + 4 + 4 + 36);
    }

    #[test]
    fn a_poisoned_block_has_canaries_around_what_was_asked_for() {
        let block = HeapBlock {
            start: 0,
            bytes: 64,
            payload: 12,
            size: 45,
            used: true,
        };
        let cells = Cells::of(Division::of(64), &[block], 12);
        assert_eq!(cells.used_bytes(), 45);
        assert_eq!(cells.poison_bytes(), 12);
        assert_eq!(cells.header_bytes(), 7);
    }

    #[test]
    fn a_cell_of_one_kind_is_at_the_full_level() {
        let blocks = [free_block(64, 64), free_block(128, 128)];
        let cells = Cells::of(Division::of(256), &blocks, 0);
        assert_eq!(
            levels(&cells),
            [0x00, 0xF0, 0x00, 0x0F, 0x00, 0x00, 0x00, 0x00]
        );
    }

    #[test]
    fn levels_never_exceed_fifteen_together() {
        let blocks = [used_block(0, 34), used_block(34, 30)];
        let cells = Cells::of(Division::of(64), &blocks, 0);
        let sum: u8 = levels(&cells)
            .iter()
            .map(|byte| (byte >> 4) + (byte & 15))
            .sum();
        assert_eq!(sum, 15);
    }
}
