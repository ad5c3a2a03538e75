//! `defmt::Format` of capabilities, addresses and errors: the same text as `Display`.

use defmt::{Format, Formatter, write};

use crate::{BudgetError, Caps, LayoutError, Span, TypeIndex};

/// `8BIT|DMA|INTERNAL`, as `Display`.
impl Format for Caps {
    fn format(&self, out: Formatter<'_>) {
        let mut separator = "";
        let mut rest = self.bits();
        for (name, cap) in self.named() {
            write!(out, "{=str}{=str}", separator, name);
            separator = "|";
            rest &= !cap.bits();
        }
        if rest != 0 || self.is_empty() {
            write!(out, "{=str}{=u32:#x}", separator, rest);
        }
    }
}

/// `0x3FFE0440..0x3FFE3F20`, as `Display`.
impl Format for Span {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "{=u32:#010X}..{=u32:#010X}", self.start(), self.end());
    }
}

impl Format for TypeIndex {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "type {=u8}", self.0);
    }
}

/// As `Display`.
impl Format for BudgetError {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "{=str}", self.text().as_str());
    }
}

/// As `Display`.
impl Format for LayoutError {
    fn format(&self, out: Formatter<'_>) {
        write!(out, "{=str}", self.text().as_str());
    }
}
