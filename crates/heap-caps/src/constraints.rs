//! Constraints that capabilities put on memory: bits to look for, alignment, whole cache lines.
//!
//! Some flags describe how memory is used, not what it is. They are rewritten before a heap is
//! looked for:
//!
//! | asked for | looked for | besides, in the memory that serves |
//! |---|---|---|
//! | `DMA_DESC_AHB`, `DMA_DESC_AXI` | `DMA` | AXI descriptors: start and size in units of [`Hardware::axi_descriptor`] |
//! | `CACHE_ALIGNED` | nothing | start and size in its cache lines |
//! | `DMA\|SPIRAM` | `SPIRAM`, if DMA engines reach external RAM | start and size in external cache lines |
//! | `DMA`, `SIMD` | the same | start and size in its cache lines and [`Hardware`]'s units |
//! | `EXEC` | `EXEC\|32BIT` | excludes `8BIT` and `DMA` |
//!
//! Source: ESP-IDF HEAD `esp_heap_adjust_alignment_to_hw`, `heap_caps_aligned_alloc_base`.
//! Differences: a descriptor can't be had in PSRAM (ESP-IDF's comment says so, its code returns
//! plain PSRAM); and under [`Policy::Guaranteed`] DMA memory is not answered with PSRAM that no DMA
//! engine reaches, and cache lines are those of the memory that serves. ESP-IDF takes the external
//! ones only where `SPIRAM` is asked for, so what it returns of PSRAM without being asked to may
//! share a line.

use soc_regions::{Caps, Hardware};

use crate::failure::FailureKind;
use crate::policy::Policy;

const DESCRIPTORS: Caps = Caps::DMA_DESC_AHB.union(Caps::DMA_DESC_AXI);
const USES: Caps = DESCRIPTORS
    .union(Caps::DMA)
    .union(Caps::CACHE_ALIGNED)
    .union(Caps::SIMD);

/// Facts that turn capabilities into constraints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) hardware: Hardware,
    /// Whether a DMA engine reaches external RAM.
    pub(crate) external_dma: bool,
}

impl Rules {
    /// Returns the bits to look for behind `asked`, or why no memory can have them.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn caps(&self, asked: Caps) -> Result<Caps, FailureKind> {
        refuse(asked)?;
        if self.policy == Policy::Tagged2016 {
            return Ok(asked);
        }
        match self.memory_bits(asked) {
            none if none.is_empty() => Err(FailureKind::NoCaps),
            caps => Ok(caps),
        }
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

    /// Granularity in bytes of start and size that the hardware wants of memory that serves
    /// `asked`, given what that memory can do: a power of two, at least 1.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) fn granularity(&self, asked: Caps, memory: Caps) -> u32 {
        if self.policy == Policy::Tagged2016 || !asked.intersects(USES) {
            return 1;
        }
        let external = match self.policy {
            Policy::IdfExact => asked.contains(Caps::SPIRAM),
            _ => memory.intersects(Caps::SPIRAM | Caps::SPIRAM_NO_ENC),
        };
        let wanted = |flag: Caps, bytes: u32| if asked.intersects(flag) { bytes } else { 1 };
        let line = if external {
            self.hardware.external_line
        } else {
            self.hardware.internal_line
        };
        line.max(wanted(Caps::DMA_DESC_AXI, self.hardware.axi_descriptor))
            .max(wanted(Caps::SIMD, self.hardware.simd))
            .max(wanted(Caps::DMA | DESCRIPTORS, self.hardware.encrypted_dma))
            .max(1)
    }
}

impl Rules {
    /// Returns whether a granularity is that of cache lines.
    #[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
    pub(crate) const fn is_cache_line(&self, granularity: u32) -> bool {
        let Hardware {
            internal_line,
            external_line,
            ..
        } = self.hardware;
        granularity > 1 && (granularity == internal_line || granularity == external_line)
    }
}

/// Sets of capabilities that no memory can meet, whatever the chip.
fn refuse(asked: Caps) -> Result<(), FailureKind> {
    if asked.is_empty() {
        return Err(FailureKind::NoCaps);
    }
    if asked.contains(Caps::INVALID) {
        return Err(FailureKind::InvalidCaps);
    }
    let with_exec = asked & (Caps::BIT8 | Caps::DMA | DESCRIPTORS);
    if asked.contains(Caps::EXEC) && !with_exec.is_empty() {
        return Err(FailureKind::Contradictory(Caps::EXEC | with_exec));
    }
    if asked.contains(Caps::SPIRAM) && asked.intersects(DESCRIPTORS) {
        return Err(FailureKind::Contradictory(
            asked & (Caps::SPIRAM | DESCRIPTORS),
        ));
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

    #[test]
    fn flags_that_say_how_memory_is_used_are_rewritten() {
        let internal = Caps::INTERNAL;
        assert_eq!(ESP32.caps(Caps::DMA), Ok(Caps::DMA));
        assert_eq!(ESP32.caps(Caps::DMA_DESC_AHB), Ok(Caps::DMA));
        assert_eq!(
            ESP32.caps(Caps::DMA_DESC_AXI | internal),
            Ok(Caps::DMA | internal)
        );
        assert_eq!(ESP32.caps(Caps::EXEC), Ok(Caps::EXEC | Caps::BIT32));
        assert_eq!(ESP32.caps(Caps::CACHE_ALIGNED | internal), Ok(internal));
    }

    #[test]
    fn what_is_not_used_in_a_particular_way_has_no_unit() {
        let lines = Rules {
            hardware: Hardware {
                internal_line: 64,
                external_line: 128,
                ..Hardware::NONE
            },
            ..ESP32
        };
        for plain in [Caps::BIT8, Caps::EXEC, Caps::SPIRAM, Caps::DEFAULT] {
            assert_eq!(lines.granularity(plain, Caps::DMA), 1);
        }
        assert_eq!(lines.granularity(Caps::CACHE_ALIGNED, Caps::DMA), 64);
        assert_eq!(lines.granularity(Caps::CACHE_ALIGNED, Caps::SPIRAM), 128);
        let exact = Rules {
            policy: Policy::IdfExact,
            ..lines
        };
        assert_eq!(exact.granularity(Caps::CACHE_ALIGNED, Caps::SPIRAM), 64);
    }

    #[test]
    fn contradictory_requests_are_named() {
        let exec_dma = Caps::EXEC | Caps::DMA;
        assert_eq!(
            ESP32.caps(exec_dma),
            Err(FailureKind::Contradictory(exec_dma))
        );
        let exec_bytes = Caps::EXEC | Caps::BIT8;
        assert_eq!(
            ESP32.caps(exec_bytes | Caps::INTERNAL),
            Err(FailureKind::Contradictory(exec_bytes))
        );
        let descriptor = Caps::DMA_DESC_AHB | Caps::SPIRAM;
        assert_eq!(
            ESP32.caps(descriptor),
            Err(FailureKind::Contradictory(descriptor))
        );
        assert_eq!(ESP32.caps(Caps::empty()), Err(FailureKind::NoCaps));
        assert_eq!(ESP32.caps(Caps::CACHE_ALIGNED), Err(FailureKind::NoCaps));
        assert_eq!(
            ESP32.caps(Caps::INVALID | Caps::BIT8),
            Err(FailureKind::InvalidCaps)
        );
    }

    #[test]
    fn dma_memory_is_not_answered_with_psram_out_of_its_reach_unless_esp_idf_is_copied() {
        let caps = Caps::DMA | Caps::SPIRAM;
        assert_eq!(ESP32.caps(caps), Ok(caps));
        let exact = Rules {
            policy: Policy::IdfExact,
            ..ESP32
        };
        assert_eq!(exact.caps(caps), Ok(Caps::SPIRAM));
    }
}
