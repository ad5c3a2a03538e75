//! Instruction-side addresses of blocks, and the back word that leads to a block's start.
//!
//! Some memory is wired to two buses: the data bus sees it at one address, the instruction bus at
//! another. Code is fetched through the instruction side, so an EXEC request is answered with an
//! instruction-side address. The free of that address has to find the block on the data side: one
//! hidden word in front of it, the *back word*, holds the block's data-side address. The block is
//! therefore one word longer than asked for.
//!
//! ```text
//!  Linear (RTC fast memory of the ESP32; D/IRAM of S2, S3, C2, C3)
//!    data side   d          d+4                        d+len
//!                | back = d | bytes asked for, in order  |
//!    code side   c          c+4 = address handed out   c+len
//!
//!  Inverted (D/IRAM of the ESP32): the word order is reversed, the bytes within a word are not
//!    data side   d                               d+len-4    d+len
//!                | words asked for, last one first | back = d |
//!    code side   c+len                    ...    c+4        c        the same cells, read from right to left
//! ```
//!
//! So the IRAM word before the handed-out address is the *last* word of the block in DRAM: with
//! `code(w)` the instruction-side address of data word `w`, the address handed out is `code(back
//! word) + 4` in both mappings, and the back word of an address `a` is `data(a - 4)`.

use multi_heap::Request;
use soc_regions::{DualBus, Span, WordOrder};

/// Bytes of the hidden word.
pub(crate) const BACK_WORD: u32 = 4;
/// How many words before its end an inverted block keeps its back word at most: the last one, or
/// the one before a word that was left over.
const MOST_FROM_END: u32 = 2;

/// Memory with two sides, as the heap's bookkeeping of EXEC blocks sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alias(pub(crate) DualBus);

impl Alias {
    /// Returns the instruction side of a part of the memory, whole words of it.
    pub(crate) fn code_side(&self, data: Span) -> Option<Span> {
        let size = data.size() & !3;
        let first = match self.0.order() {
            WordOrder::Linear => data.start(),
            // Inside of the span
            WordOrder::Inverted => (data.start() + size).checked_sub(BACK_WORD)?,
        };
        Span::from_size(self.0.to_instruction(first)?, size)
    }

    /// Returns the block to ask the heap for so that `wanted` fits behind a back word, aligned on
    /// the *instruction* side.
    ///
    /// Both bases are multiples of the alignments that exist on the chip (128 KiB on the ESP32), so
    /// the address handed out is aligned exactly when the data address opposite to it is: the
    /// second word of a linear block, the back word of an inverted one (whose instruction address
    /// is one word lower than the one handed out). Larger alignments come out wrong and are sorted
    /// out by the caller, who looks at the final address.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn request(&self, wanted: Request) -> Option<Request> {
        let block = wanted.rounded_up_to(4)?.grown_by(BACK_WORD)?;
        let aligned_byte = match self.0.order() {
            WordOrder::Linear => BACK_WORD,
            WordOrder::Inverted => block.size() - BACK_WORD,
        };
        Request::aligned_at(
            block.size() as usize,
            wanted.alignment() as usize,
            aligned_byte as usize,
        )
    }

    /// Data-side address of the back word in a block that was requested as `block` and came out at
    /// `address`.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn back_word(&self, address: u32, block: Request) -> Option<u32> {
        match self.0.order() {
            WordOrder::Linear => Some(address),
            WordOrder::Inverted => address.checked_add(block.size() - BACK_WORD),
        }
    }

    /// Returns the address to hand out for a block whose back word lies at `back`.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn handed_out(&self, back: u32) -> Option<u32> {
        self.0.to_instruction(back)?.checked_add(BACK_WORD)
    }

    /// Returns where the back word of the handed-out `address` lies on the data side.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn back_word_of(&self, address: u32) -> Option<u32> {
        self.0.to_data(address.checked_sub(BACK_WORD)?)
    }

    /// Returns where the block begins whose back word lies at `back` and reads `word`. In linear
    /// memory that is known without reading.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) const fn block_start(&self, back: u32, word: u32) -> u32 {
        match self.0.order() {
            WordOrder::Linear => back,
            WordOrder::Inverted => word,
        }
    }

    /// Returns the address by which the block at `block` with `usable` bytes was handed out, if its
    /// back word says that it was on this side. `word` reads the data side. Contents can imitate a
    /// back word.
    pub(crate) fn address_of(
        &self,
        block: u32,
        usable: u32,
        word: impl Fn(u32) -> Option<u32>,
    ) -> Option<u32> {
        let is_back = |back: &u32| word(*back) == Some(block);
        let from_end = |words: u32| {
            block
                .checked_add(usable & !3)?
                .checked_sub(words * BACK_WORD)
        };
        let back = match self.0.order() {
            WordOrder::Linear => Some(block).filter(is_back),
            WordOrder::Inverted => (1..=MOST_FROM_END)
                .filter_map(from_end)
                .filter(|&back| back > block)
                .find(is_back),
        };
        self.handed_out(back?)
    }

    /// Returns the bytes that can be used at the address handed out for the block at `block` with
    /// `usable` bytes, whose back word is `back`.
    ///
    /// `None` where the back word does not lie where such a block keeps it. Of an inverted block,
    /// what lies behind the back word is out of reach.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn usable_bytes(&self, block: u32, usable: u32, back: u32) -> Option<u32> {
        let before = back.checked_sub(block)?;
        let behind = usable.checked_sub(before.checked_add(BACK_WORD)?)?;
        match self.0.order() {
            WordOrder::Linear => (before == 0).then_some(behind),
            WordOrder::Inverted => (before > 0).then_some(before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(data: (u32, u32), code: (u32, u32), order: WordOrder) -> Alias {
        let [data, code] = [data, code].map(|(start, end)| Span::new(start, end).unwrap());
        Alias(DualBus::new(data, code, order).unwrap())
    }

    /// D/IRAM of the ESP32: ESP-IDF HEAD, table of constants.
    fn inverted() -> Alias {
        alias(
            (0x3FFE_0000, 0x4000_0000),
            (0x400A_0000, 0x400C_0000),
            WordOrder::Inverted,
        )
    }

    /// RTC fast memory of the ESP32.
    fn linear() -> Alias {
        alias(
            (0x3FF8_0000, 0x3FF8_2000),
            (0x400C_0000, 0x400C_2000),
            WordOrder::Linear,
        )
    }

    /// The example measured on ESP-IDF HEAD: block 0x3FFE_05E4 of 8192 + 4 bytes is handed out as
    /// 0x400B_DA1C.
    #[test]
    fn an_inverted_block_is_handed_out_at_the_address_esp_idf_computes() {
        let block = inverted().request(Request::new(8192).unwrap()).unwrap();
        assert_eq!(block.size(), 8196);
        let back = inverted().back_word(0x3FFE_05E4, block).unwrap();
        assert_eq!(back, 0x3FFE_05E4 + 8192);
        assert_eq!(inverted().handed_out(back), Some(0x400B_DA1C));
        assert_eq!(inverted().back_word_of(0x400B_DA1C), Some(back));
        assert_eq!(inverted().usable_bytes(0x3FFE_05E4, 8200, back), Some(8192));
    }

    #[test]
    fn a_linear_block_keeps_its_back_word_first() {
        let block = linear().request(Request::new(10).unwrap()).unwrap();
        assert_eq!(block.size(), 16);
        let back = linear().back_word(0x3FF8_0100, block).unwrap();
        assert_eq!(back, 0x3FF8_0100);
        assert_eq!(linear().handed_out(back), Some(0x400C_0104));
        assert_eq!(linear().back_word_of(0x400C_0104), Some(back));
        assert_eq!(linear().usable_bytes(0x3FF8_0100, 16, back), Some(12));
    }

    #[test]
    fn a_back_word_at_the_wrong_place_is_not_believed() {
        let (block, usable) = (0x3FFE_1000, 64);
        assert_eq!(inverted().usable_bytes(block, usable, block + 60), Some(60));
        assert_eq!(
            inverted().usable_bytes(block, usable, block + 64),
            None,
            "behind the block"
        );
        assert_eq!(
            inverted().usable_bytes(block, usable, block),
            None,
            "no room for one word"
        );
        assert_eq!(
            inverted().usable_bytes(block, usable, block - 4),
            None,
            "before the block"
        );
        assert_eq!(
            linear().usable_bytes(block, usable, block + 4),
            None,
            "not the first word"
        );
    }

    #[test]
    fn the_back_word_of_a_block_leads_to_its_address() {
        const BLOCK: u32 = 0x3FFE_0100;
        // The address reported of a block with `usable` bytes whose only back word lies at `back`.
        let handed_out = |usable, back: u32| {
            let word = |at| Some(if at == back { BLOCK } else { 0 });
            inverted().address_of(BLOCK, usable, word)
        };
        let of = |back| inverted().handed_out(back);
        assert_eq!(handed_out(24, BLOCK + 20), of(BLOCK + 20));
        assert_eq!(
            handed_out(24, BLOCK + 16),
            of(BLOCK + 16),
            "a word was left over"
        );
        assert_eq!(handed_out(27, BLOCK + 20), of(BLOCK + 20));
        assert_eq!(handed_out(24, BLOCK + 12), None);
        assert_eq!(handed_out(24, BLOCK + 24), None);
        assert_eq!(handed_out(8, BLOCK + 4), of(BLOCK + 4));
        // Code has a word at least, in front of its back word.
        assert_eq!((handed_out(4, BLOCK), handed_out(8, BLOCK)), (None, None));

        const LINEAR: u32 = 0x3FF8_0100;
        let word = |at| Some(if at == LINEAR { LINEAR } else { 0 });
        let handed_out = linear().address_of(LINEAR, 24, word);
        assert_eq!(handed_out, linear().handed_out(LINEAR));
        assert_eq!(linear().address_of(LINEAR, 24, |_| Some(0)), None);
        assert_eq!(linear().address_of(LINEAR, 24, |_| None), None);
    }
}
