//! What the capabilities asked for demand of memory: bits, alignment, whole units.
//!
//! Some flags describe how memory is used, not what it is. They are rewritten before a heap is looked for:
//!
//! | asked for | looked for | besides |
//! |---|---|---|
//! | `DMA_DESC_AHB`, `DMA_DESC_AXI` | `DMA` | AXI descriptors: at least [`Hardware::axi_descriptor`] aligned |
//! | `CACHE_ALIGNED` | nothing | start and size in cache lines |
//! | `DMA\|SPIRAM` | `SPIRAM`, if DMA engines reach external RAM | start and size in external cache lines |
//! | `DMA`, `SIMD` | the same | start and size in [`Hardware`]'s units |
//! | `EXEC` | `EXEC\|32BIT` | excludes `8BIT` and `DMA` |
//!
//! Source: ESP-IDF HEAD `esp_heap_adjust_alignment_to_hw`, `heap_caps_aligned_alloc_base`. Differences: a descriptor can't
//! be had in PSRAM (ESP-IDF's comment says so, its code gives plain PSRAM), and under [`Policy::Guaranteed`] DMA memory
//! is not answered with PSRAM that no DMA engine reaches.

use soc_regions::{Caps, Hardware};

use crate::failure::Cause;
use crate::policy::Policy;

const DESCRIPTORS: Caps = Caps::DMA_DESC_AHB.union(Caps::DMA_DESC_AXI);
const USES: Caps = DESCRIPTORS
    .union(Caps::DMA)
    .union(Caps::CACHE_ALIGNED)
    .union(Caps::SIMD);

/// What memory must be to satisfy the capabilities asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The bits to look for.
    pub(crate) caps: Caps,
    /// Least alignment in bytes, a power of two; 4 where the hardware has no wish.
    pub(crate) alignment: u32,
    /// The size is rounded up to a multiple of this.
    pub(crate) unit: u32,
}

/// Facts that turn capabilities into terms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) hardware: Hardware,
    /// Whether a DMA engine reaches external RAM.
    pub(crate) external_dma: bool,
}

impl Rules {
    /// The terms behind `asked`, or why no memory can meet them.
    pub(crate) fn terms(&self, asked: Caps) -> Result<Terms, Cause> {
        refuse(asked)?;
        if self.policy == Policy::Tagged2016 {
            return Ok(Terms {
                caps: asked,
                alignment: 4,
                unit: 1,
            });
        }
        let unit = self.unit(asked);
        let caps = self.memory_bits(asked);
        if caps.is_empty() {
            return Err(Cause::NoCaps);
        }
        Ok(Terms {
            caps,
            alignment: unit.max(4),
            unit,
        })
    }

    fn memory_bits(&self, asked: Caps) -> Caps {
        let mut caps = asked.difference(DESCRIPTORS | Caps::CACHE_ALIGNED);
        if asked.intersects(DESCRIPTORS) {
            caps |= Caps::DMA;
        }
        if asked.contains(Caps::SPIRAM) && (self.external_dma || self.policy == Policy::IdfExact) {
            caps -= Caps::DMA;
        }
        if asked.contains(Caps::EXEC) {
            caps |= Caps::BIT32;
        }
        caps
    }

    /// In what units the hardware wants such memory; at least 1.
    fn unit(&self, asked: Caps) -> u32 {
        let wish = |flag: Caps, bytes: u32| if asked.intersects(flag) { bytes } else { 1 };
        let line = match asked.contains(Caps::SPIRAM) {
            true => self.hardware.external_line,
            false => self.hardware.internal_line,
        };
        wish(USES, line)
            .max(wish(Caps::DMA_DESC_AXI, self.hardware.axi_descriptor))
            .max(wish(Caps::SIMD, self.hardware.simd))
            .max(wish(Caps::DMA | DESCRIPTORS, self.hardware.encrypted_dma))
            .max(1)
    }
}

/// Sets of capabilities that no memory can meet, whatever the chip.
fn refuse(asked: Caps) -> Result<(), Cause> {
    if asked.is_empty() {
        return Err(Cause::NoCaps);
    }
    if asked.contains(Caps::INVALID) {
        return Err(Cause::InvalidCaps);
    }
    let with_exec = asked & (Caps::BIT8 | Caps::DMA | DESCRIPTORS);
    if asked.contains(Caps::EXEC) && !with_exec.is_empty() {
        return Err(Cause::Contradictory(Caps::EXEC | with_exec));
    }
    if asked.contains(Caps::SPIRAM) && asked.intersects(DESCRIPTORS) {
        return Err(Cause::Contradictory(asked & (Caps::SPIRAM | DESCRIPTORS)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ESP32: Rules = Rules {
        policy: Policy::Guaranteed,
        hardware: Hardware::NONE,
        external_dma: false,
    };

    /// Values of the ESP32-P4: ESP-IDF HEAD.
    const P4: Rules = Rules {
        policy: Policy::Guaranteed,
        hardware: Hardware {
            internal_line: 64,
            external_line: 64,
            axi_descriptor: 8,
            simd: 16,
            encrypted_dma: 0,
        },
        external_dma: true,
    };

    fn plain(caps: Caps) -> Result<Terms, Cause> {
        Ok(Terms {
            caps,
            alignment: 4,
            unit: 1,
        })
    }

    #[test]
    fn on_the_esp32_flags_are_rewritten_and_no_alignment_follows() {
        assert_eq!(ESP32.terms(Caps::DMA), plain(Caps::DMA));
        assert_eq!(ESP32.terms(Caps::DMA_DESC_AHB), plain(Caps::DMA));
        assert_eq!(
            ESP32.terms(Caps::DMA_DESC_AXI | Caps::INTERNAL),
            plain(Caps::DMA | Caps::INTERNAL)
        );
        assert_eq!(ESP32.terms(Caps::EXEC), plain(Caps::EXEC | Caps::BIT32));
        assert_eq!(
            ESP32.terms(Caps::CACHE_ALIGNED | Caps::BIT8),
            plain(Caps::BIT8)
        );
    }

    #[test]
    fn where_there_are_cache_lines_buffers_own_whole_ones() {
        let lines = |caps| {
            Ok(Terms {
                caps,
                alignment: 64,
                unit: 64,
            })
        };
        assert_eq!(P4.terms(Caps::DMA), lines(Caps::DMA));
        assert_eq!(P4.terms(Caps::DMA | Caps::SPIRAM), lines(Caps::SPIRAM));
        assert_eq!(P4.terms(Caps::BIT8), plain(Caps::BIT8));
    }

    #[test]
    fn contradictory_requests_are_named() {
        let exec_dma = Caps::EXEC | Caps::DMA;
        assert_eq!(ESP32.terms(exec_dma), Err(Cause::Contradictory(exec_dma)));
        let exec_bytes = Caps::EXEC | Caps::BIT8;
        assert_eq!(
            ESP32.terms(exec_bytes | Caps::INTERNAL),
            Err(Cause::Contradictory(exec_bytes))
        );
        let descriptor = Caps::DMA_DESC_AHB | Caps::SPIRAM;
        assert_eq!(
            ESP32.terms(descriptor),
            Err(Cause::Contradictory(descriptor))
        );
        assert_eq!(ESP32.terms(Caps::empty()), Err(Cause::NoCaps));
        assert_eq!(ESP32.terms(Caps::CACHE_ALIGNED), Err(Cause::NoCaps));
        assert_eq!(
            ESP32.terms(Caps::INVALID | Caps::BIT8),
            Err(Cause::InvalidCaps)
        );
    }

    #[test]
    fn dma_memory_is_not_answered_with_psram_out_of_its_reach_unless_esp_idf_is_copied() {
        let caps = Caps::DMA | Caps::SPIRAM;
        assert_eq!(ESP32.terms(caps), plain(caps));
        let exact = Rules {
            policy: Policy::IdfExact,
            ..ESP32
        };
        assert_eq!(exact.terms(caps), plain(Caps::SPIRAM));
    }
}
