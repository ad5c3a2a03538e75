//! Memory budgets: bytes per capability that the compiler has checked, checked again at start-up.
//!
//! ```text
//!   budget!(ESP32, OPTIONS, LINKED, [Requirement::of(60 KiB, DMA).after(&[("Wi-Fi", 72 KiB)])])
//!      │ compiler: layout of the chip under OPTIONS, for a program that reaches as far as LINKED says
//!      ▼
//!   Budget ── check(layout of the program that was linked) ─► Ok, or a BudgetError that says how much is missing
//! ```

use core::fmt;

use crate::text::Text;
use crate::{Caps, Layout};

/// Requirements on the memory that a chip and a program leave for heaps.
/// [`budget!`](crate::budget!) makes one; having one proves that they hold for a program that is no
/// larger than was said there.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    requirements: &'static [Requirement],
}

/// At least a number of bytes for heaps with certain capabilities.
///
/// Heaps need some of it for themselves: up to 500 bytes each, and 4 bytes a block. The memory of
/// the start-up stacks counts, though it is a heap only after start-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    bytes: u32,
    caps: Caps,
    others: &'static [(&'static str, u32)],
    in_one_piece: bool,
}

/// A requirement that is not met, and what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetError {
    /// The chip.
    pub chip: &'static str,
    /// What was required.
    pub requirement: Requirement,
    /// Bytes that there are; others need some of them.
    pub available: u32,
    /// The largest heap.
    pub largest: u32,
}

impl Requirement {
    /// At least `bytes` in heaps that have all of `caps`.
    pub const fn of(bytes: u32, caps: Caps) -> Requirement {
        Requirement {
            bytes,
            caps,
            others: &[],
            in_one_piece: false,
        }
    }

    /// The same, after others have taken theirs out of the same memory: a name and its bytes each.
    pub const fn after(self, others: &'static [(&'static str, u32)]) -> Requirement {
        Requirement { others, ..self }
    }

    /// The same, and one heap is at least that large.
    pub const fn in_one_piece(self) -> Requirement {
        Requirement {
            in_one_piece: true,
            ..self
        }
    }

    /// Checks that a layout meets the requirement.
    ///
    /// # Errors
    /// It does not.
    pub const fn check(&self, layout: &Layout) -> Result<(), BudgetError> {
        let available = layout.available_bytes(self.caps);
        let largest = layout.largest_bytes(self.caps);
        let has_room = available >= self.bytes.saturating_add(self.others_bytes());
        if has_room && (largest >= self.bytes || !self.in_one_piece) {
            return Ok(());
        }
        Err(BudgetError {
            chip: layout.chip().name(),
            requirement: *self,
            available,
            largest,
        })
    }

    const fn others_bytes(&self) -> u32 {
        let (mut bytes, mut other) = (0_u32, 0);
        while other < self.others.len() {
            bytes = bytes.saturating_add(self.others[other].1);
            other += 1;
        }
        bytes
    }
}

impl Budget {
    /// Requirements that a layout meets. [`budget!`](crate::budget!) makes an error the compiler's.
    ///
    /// # Errors
    /// The first requirement that it does not meet.
    pub const fn of(
        layout: &Layout,
        requirements: &'static [Requirement],
    ) -> Result<Budget, BudgetError> {
        let budget = Budget { requirements };
        match budget.check(layout) {
            Ok(()) => Ok(budget),
            Err(error) => Err(error),
        }
    }

    /// Checks that the program that was linked meets all requirements: to be called at start-up,
    /// with its own layout.
    ///
    /// # Errors
    /// The first requirement that it does not meet.
    pub const fn check(&self, layout: &Layout) -> Result<(), BudgetError> {
        let mut requirement = 0;
        while requirement < self.requirements.len() {
            if let Err(error) = self.requirements[requirement].check(layout) {
                return Err(error);
            }
            requirement += 1;
        }
        Ok(())
    }

    /// Returns the requirements.
    pub const fn requirements(&self) -> &'static [Requirement] {
        self.requirements
    }
}

impl BudgetError {
    /// Returns the sentence, also for the compiler.
    pub(crate) const fn text(&self) -> Text {
        let Requirement {
            bytes,
            caps,
            others,
            in_one_piece,
        } = self.requirement;
        let text = Text::new().word("budget of ").word(self.chip).word(": ");
        let mut text = text.number(bytes).word(" bytes with ").caps(caps);
        text = if in_one_piece {
            text.word(" in one piece")
        } else {
            text
        };
        text = text.word(" are required");
        let mut other = 0;
        while other < others.len() {
            let (name, bytes) = others[other];
            text = text.word(if other == 0 { " after " } else { " and " });
            text = text.number(bytes).word(" for ").word(name);
            other += 1;
        }
        text = text.word(", but there are ").number(self.available);
        if in_one_piece {
            text = text.word(" with at most ").number(self.largest);
            text = text.word(" in one piece");
        }
        text
    }

    /// Ends the evaluation of a constant with the error's text.
    #[doc(hidden)]
    pub const fn refuse(&self) -> ! {
        #[expect(
            clippy::panic,
            reason = "evaluated by the compiler, through budget! only"
        )]
        {
            panic!("{}", self.text().as_str())
        }
    }
}

/// `budget of esp32: 61440 bytes with DMA are required after 73728 for Wi-Fi, but there are 98304`
impl fmt::Display for BudgetError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text().as_str())
    }
}

impl core::error::Error for BudgetError {}

/// A [`Budget`](crate::Budget) as a constant: a requirement that is not met does not compile.
///
/// What it needs: the chip; constant options; how far the program reaches at most, as addresses of
/// its linker symbols; the requirements. A reservation of the program's own follows the addresses,
/// after `keeping`.
///
/// ```
/// use soc_regions::{Budget, Caps, ESP32, Options, Requirement, budget, options};
///
/// const OPTIONS: Options = options!(ESP32);
/// /// 112 KiB of data and 64 KiB of code in RAM, at most.
/// const AT_MOST: [(&str, u32); 4] = [
///     ("_data_start", 0x3FFB_0000),
///     ("_heap_start", 0x3FFC_C000),
///     ("_iram_start", 0x4008_0000),
///     ("_iram_end", 0x4009_0000),
/// ];
/// const BUDGET: Budget = budget!(ESP32, OPTIONS, AT_MOST, [
///     Requirement::of(60 * 1024, Caps::DMA).after(&[("Wi-Fi", 72 * 1024)]),
///     Requirement::of(64 * 1024, Caps::BIT8).in_one_piece(),
/// ]);
///
/// // and at start-up, with the addresses of the program that was linked:
/// let linked = ESP32.layout(&OPTIONS, &ESP32.sample_symbols(&OPTIONS))?;
/// BUDGET.check(&linked)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
/// More than there is does not compile; the compiler says "budget of esp32: 204800 bytes with DMA
/// are required after 73728 for Wi-Fi, but there are 217264":
/// ```compile_fail,E0080
/// # use soc_regions::{Budget, Caps, ESP32, Options, Requirement, budget, options};
/// # const OPTIONS: Options = options!(ESP32);
/// # const AT_MOST: [(&str, u32); 4] = [
/// #     ("_data_start", 0x3FFB_0000), ("_heap_start", 0x3FFC_C000), ("_iram_start", 0x4008_0000), ("_iram_end", 0x4009_0000),
/// # ];
/// const BUDGET: Budget = budget!(ESP32, OPTIONS, AT_MOST, [
///     Requirement::of(200 * 1024, Caps::DMA).after(&[("Wi-Fi", 72 * 1024)]),
/// ]);
/// ```
/// Nor does memory for code where memory protection leaves none, as by default on an ESP32-C6
/// (defect 14837, `code_under_memory_protection_does_not_compile`); without it it would:
/// ```compile_fail,E0080
/// # use soc_regions::{Budget, Caps, ESP32C6, Options, Requirement, budget, options};
/// const OPTIONS: Options = options!(ESP32C6);
/// # const AT_MOST: [(&str, u32); 8] = [
/// #     ("_iram_start", 0x4080_0000), ("_iram_end", 0x4081_8400), ("_data_start", 0x4081_8400), ("_heap_start", 0x4081_B9C0),
/// #     ("_rtc_force_slow_end", 0x5000_0010), ("_rtc_reserved_start", 0x5000_3F00), ("_rtc_reserved_end", 0x5000_3F18),
/// #     ("_ulp_hp_mem_resv_start", 0x4087_B000),
/// # ];
/// const BUDGET: Budget = budget!(ESP32C6, OPTIONS, AT_MOST, [Requirement::of(4096, Caps::EXEC)]);
/// ```
/// ```
/// # use soc_regions::{Budget, Caps, ESP32C6, Options, Requirement, budget, common, options};
/// const OPTIONS: Options = options!(ESP32C6, common::MEMORY_PROTECTION.off());
/// # const AT_MOST: [(&str, u32); 8] = [
/// #     ("_iram_start", 0x4080_0000), ("_iram_end", 0x4081_8400), ("_data_start", 0x4081_8400), ("_heap_start", 0x4081_B9C0),
/// #     ("_rtc_force_slow_end", 0x5000_0010), ("_rtc_reserved_start", 0x5000_3F00), ("_rtc_reserved_end", 0x5000_3F18),
/// #     ("_ulp_hp_mem_resv_start", 0x4087_B000),
/// # ];
/// const BUDGET: Budget = budget!(ESP32C6, OPTIONS, AT_MOST, [Requirement::of(4096, Caps::EXEC)]);
/// ```
#[macro_export]
macro_rules! budget {
    (
        $chip:expr, $options:expr, $at_most:expr,
        $(keeping [$($own:expr),* $(,)?],)?
        [$($requirement:expr),+ $(,)?] $(,)?
    ) => {
        const {
            const REQUIREMENTS: &[$crate::Requirement] = &[$($requirement),+];
            let own: &[$crate::Reservation] = &[$($($own),*)?];
            let layout = match $chip.layout_of(&$options, &$at_most) {
                Ok(layout) => layout.keeping(own, &$at_most),
                Err(error) => Err(error),
            };
            match layout {
                Ok(layout) => match $crate::Budget::of(&layout, REQUIREMENTS) {
                    Ok(budget) => budget,
                    Err(error) => error.refuse(),
                },
                Err(error) => error.refuse(),
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ESP32, LayoutError, Options, Reservation, Span, options, span};
    use std::string::ToString;

    const OPTIONS: Options = options!(ESP32);

    /// An ESP32 whose program ends at `heap_start`, under default options.
    fn layout(heap_start: u32) -> Layout {
        let symbols = (
            [("_heap_start", heap_start)],
            ESP32.sample_symbols(&OPTIONS),
        );
        ESP32.layout(&OPTIONS, &symbols).unwrap()
    }

    #[test]
    fn a_requirement_is_checked_to_the_byte() {
        let layout = layout(0x3FFB_2EC8);
        let requirement = |bytes| Requirement::of(bytes, Caps::DMA).check(&layout);
        assert_eq!(requirement(319_976), Ok(()));
        let error = requirement(319_977).unwrap_err();
        assert_eq!((error.available, error.largest), (319_976, 184_632));
    }

    #[test]
    fn others_take_theirs_first() {
        let layout = layout(0x3FFB_2EC8);
        let requirement = |bytes| {
            let others = &[("Wi-Fi", 72 * 1024), ("TLS", 40_000)];
            Requirement::of(bytes, Caps::DMA)
                .after(others)
                .check(&layout)
        };
        assert_eq!(requirement(319_976 - 73_728 - 40_000), Ok(()));
        assert_eq!(
            requirement(300_000).unwrap_err().to_string(),
            "budget of esp32: 300000 bytes with DMA are required after 73728 for Wi-Fi and 40000 for TLS, but there are 319976"
        );
        assert!(requirement(u32::MAX).is_err(), "no sum wraps");
    }

    #[test]
    fn one_piece_is_one_heap() {
        let layout = layout(0x3FFB_2EC8);
        let requirement = |bytes| {
            Requirement::of(bytes, Caps::DMA)
                .in_one_piece()
                .check(&layout)
        };
        assert_eq!(requirement(184_632), Ok(()));
        assert_eq!(
            requirement(184_633).unwrap_err().to_string(),
            "budget of esp32: 184633 bytes with DMA in one piece are required, but there are 319976 with at most 184632 in one piece"
        );
    }

    #[test]
    fn a_budget_is_checked_again_with_the_program_that_was_linked() {
        const SMALL: [(&str, u32); 4] = [
            ("_data_start", 0x3FFB_0000),
            ("_heap_start", 0x3FFB_8000),
            ("_iram_start", 0x4008_0000),
            ("_iram_end", 0x4008_8000),
        ];
        const BUDGET: Budget = budget!(
            ESP32,
            OPTIONS,
            SMALL,
            keeping[Reservation::fixed("stack", span!(0x3FFD_0000, 0x3FFD_4000))],
            [Requirement::of(280_000, Caps::DMA)]
        );
        assert_eq!(BUDGET.requirements().len(), 1);
        assert_eq!(BUDGET.check(&layout(0x3FFB_8000)), Ok(()));
        let larger = BUDGET.check(&layout(0x3FFC_C000)).unwrap_err();
        assert_eq!(larger.available, 319_976 - (0x3FFC_C000 - 0x3FFB_2EC8));
    }

    #[test]
    fn what_a_program_keeps_does_not_count() {
        let plain = ESP32.layout_of(
            &OPTIONS,
            &[
                ("_data_start", 0x3FFB_0000),
                ("_heap_start", 0x3FFB_2EC8),
                ("_iram_start", 0x4008_0000),
                ("_iram_end", 0x4008_944C),
            ],
        );
        let own = |start, end| Reservation::fixed("own", Span::new(start, end).unwrap());
        let kept = plain
            .unwrap()
            .keeping(&[own(0x3FFD_0000, 0x3FFD_4000)], &[]);
        assert_eq!(kept.unwrap().available_bytes(Caps::DMA), 319_976 - 0x4000);
        let conflict = plain
            .unwrap()
            .keeping(&[own(0x3FFB_0000, 0x3FFB_0004)], &[]);
        assert!(matches!(conflict, Err(LayoutError::Conflict { .. })));
        let many = [own(0x3FFD_0000, 0x3FFD_4000); 40];
        let full = plain.unwrap().keeping(&many, &[]).unwrap_err();
        assert!(
            full.to_string()
                .starts_with("there is room for 32 reservations")
        );
    }
}
