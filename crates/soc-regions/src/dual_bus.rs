//! One memory, two addresses: where the instruction bus sees what the data bus sees elsewhere.
//!
//! ```text
//!   inverted (ESP32's SRAM1): the last word on the data bus is the first one on the instruction bus
//!
//!   data         0x3FFE_0000  ▏word 0│word 1│ … │word n▕ 0x4000_0000
//!                                  ╲    ╲   ╱
//!   instruction  0x400A_0000  ▏word n│ … │word 1│word 0▕ 0x400C_0000
//!
//!   linear (RTC fast memory): the same order, a constant apart
//! ```
//!
//! Invariant 1: both sides have the same size and start and end at multiples of 4. Invariant 2:
//! [`DualBus::to_instruction`] and [`DualBus::to_data`] are each other's inverse, on every address
//! of a side.

use crate::Span;

/// Memory that both buses reach, at different addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DualBus {
    data: Span,
    instruction: Span,
    order: WordOrder,
}

/// How the words of one side lie on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordOrder {
    /// In the same order.
    Linear,
    /// In the opposite order; the bytes within a word keep theirs.
    Inverted,
}

impl DualBus {
    /// Returns the two sides of one memory; `None` if they differ in size or an end is not a
    /// multiple of 4.
    pub const fn new(data: Span, instruction: Span, order: WordOrder) -> Option<DualBus> {
        if data.size() == instruction.size() && data.is_aligned(4) && instruction.is_aligned(4) {
            Some(DualBus {
                data,
                instruction,
                order,
            })
        } else {
            None
        }
    }

    /// Returns its addresses on the data bus.
    pub const fn data(&self) -> Span {
        self.data
    }

    /// Returns its addresses on the instruction bus.
    pub const fn instruction(&self) -> Span {
        self.instruction
    }

    /// Returns how the words of the two sides lie.
    pub const fn order(&self) -> WordOrder {
        self.order
    }

    /// Returns where the instruction bus sees `address`; `None` if that is not on the data side.
    pub const fn to_instruction(&self, address: u32) -> Option<u32> {
        translate(address, self.data, self.instruction, self.order)
    }

    /// Returns where the data bus sees `address`; `None` if that is not on the instruction side.
    pub const fn to_data(&self, address: u32) -> Option<u32> {
        translate(address, self.instruction, self.data, self.order)
    }

    /// Returns where the instruction bus sees the words of `span`, as one span again; `None` if
    /// `span` is not all on the data side or its ends are not multiples of 4.
    ///
    /// Inverted memory turns ends around: the *last* word of `span` becomes the *first* of the
    /// result. Whoever trims a span must ask again, which is why the alias is computed here and
    /// stands in no table.
    pub const fn instruction_view(&self, span: Span) -> Option<Span> {
        if !self.data.contains_span(span) || !span.is_aligned(4) {
            return None;
        }
        let lowest = match self.order {
            WordOrder::Linear => span.start(),
            WordOrder::Inverted => span.end() - 4, // a span of whole words is at least 4 long
        };
        match self.to_instruction(lowest) {
            Some(start) => Span::from_size(start, span.size()),
            None => None,
        }
    }
}

const fn translate(address: u32, from: Span, to: Span, order: WordOrder) -> Option<u32> {
    if !from.contains(address) {
        return None;
    }
    let (word, byte) = (address & !3, address & 3);
    Some(match order {
        // invariant 1: the distance to either end of `from` fits between the ends of `to`
        WordOrder::Linear => to.start() + (word - from.start()) + byte,
        WordOrder::Inverted => to.start() + (from.end() - 4 - word) + byte,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span;

    const INVERTED: DualBus = DualBus::new(
        span!(0x3FFE_0000, 0x4000_0000),
        span!(0x400A_0000, 0x400C_0000),
        WordOrder::Inverted,
    )
    .unwrap();
    const LINEAR: DualBus = DualBus::new(
        span!(0x3FF8_0000, 0x3FF8_2000),
        span!(0x400C_0000, 0x400C_2000),
        WordOrder::Linear,
    )
    .unwrap();

    #[test]
    fn the_first_word_of_inverted_memory_is_the_last_on_the_instruction_bus() {
        assert_eq!(INVERTED.to_instruction(0x3FFE_0000), Some(0x400B_FFFC));
        assert_eq!(INVERTED.to_instruction(0x3FFF_FFFC), Some(0x400A_0000));
        assert_eq!(INVERTED.to_instruction(0x3FFE_0001), Some(0x400B_FFFD));
        assert_eq!(INVERTED.to_data(0x400B_FFFC), Some(0x3FFE_0000));
    }

    #[test]
    fn linear_memory_keeps_its_order() {
        assert_eq!(LINEAR.to_instruction(0x3FF8_0004), Some(0x400C_0004));
        assert_eq!(LINEAR.to_data(0x400C_1FFF), Some(0x3FF8_1FFF));
    }

    #[test]
    fn every_address_comes_back_from_the_other_side() {
        for bus in [INVERTED, LINEAR] {
            for address in bus.data().start()..bus.data().end() {
                let there = bus.to_instruction(address).unwrap();
                assert!(bus.instruction().contains(there));
                assert_eq!(bus.to_data(there), Some(address));
            }
        }
    }

    #[test]
    fn addresses_beside_a_side_have_no_other_address() {
        for bus in [INVERTED, LINEAR] {
            let (data, instruction) = (bus.data(), bus.instruction());
            assert_eq!(
                [data.start() - 1, data.end(), 0, u32::MAX].map(|a| bus.to_instruction(a)),
                [None; 4]
            );
            assert_eq!(
                [instruction.start() - 1, instruction.end(), 0, u32::MAX].map(|a| bus.to_data(a)),
                [None; 4]
            );
        }
    }

    #[test]
    fn the_view_of_a_block_starts_at_its_last_word_where_memory_is_inverted() {
        // ESP-IDF, measured: a block of 8192 + 4 bytes at 0x3FFE05E4 has its code at 0x400BDA1C, 4
        // bytes into its view
        let block = span!(0x3FFE_05E4, 0x3FFE_05E4 + 8196);
        assert_eq!(
            INVERTED.instruction_view(block),
            Span::from_size(0x400B_DA18, 8196)
        );
        assert_eq!(
            LINEAR.instruction_view(span!(0x3FF8_0010, 0x3FF8_0020)),
            Span::new(0x400C_0010, 0x400C_0020)
        );
    }

    #[test]
    fn the_view_of_a_block_is_the_set_of_views_of_its_words() {
        for words in 1..40 {
            let block = Span::from_size(0x3FFE_3F20 - 4 * words, 4 * words).unwrap();
            let view = INVERTED.instruction_view(block).unwrap();
            let lowest = (block.start()..block.end())
                .filter_map(|a| INVERTED.to_instruction(a))
                .min();
            let highest = (block.start()..block.end())
                .filter_map(|a| INVERTED.to_instruction(a))
                .max();
            assert_eq!(
                (Some(view.start()), Some(view.end() - 1)),
                (lowest, highest)
            );
        }
    }

    #[test]
    fn a_block_that_leaves_the_memory_has_no_view() {
        assert_eq!(
            INVERTED.instruction_view(span!(0x3FFD_FFFC, 0x3FFE_0004)),
            None
        );
        assert_eq!(
            INVERTED.instruction_view(span!(0x3FFE_0001, 0x3FFE_0004)),
            None
        );
    }

    #[test]
    fn sides_that_do_not_fit_each_other_are_no_dual_bus() {
        assert_eq!(
            DualBus::new(span!(0, 8), span!(16, 20), WordOrder::Linear),
            None
        );
        assert_eq!(
            DualBus::new(span!(1, 9), span!(16, 24), WordOrder::Linear),
            None
        );
    }
}
