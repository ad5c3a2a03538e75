//! Steps of random programs.
#![allow(unreachable_pub, reason = "shared within this test")]

use proptest::prelude::*;
use soc_regions::Caps;

/// Capabilities that steps ask for.
pub const SETS: [Caps; 12] = [
    Caps::DEFAULT,
    Caps::BIT8,
    Caps::BIT32,
    Caps::DMA,
    Caps::INTERNAL,
    Caps::SPIRAM,
    Caps::EXEC,
    Caps::RTCRAM,
    Caps::EXEC.union(Caps::DEFAULT),
    Caps::DMA.union(Caps::INTERNAL),
    Caps::BIT8.union(Caps::BIT32),
    Caps::EXEC.union(Caps::RTCRAM),
];

/// One call, with everything it needs chosen at random.
#[derive(Clone, Debug)]
pub enum Step {
    Malloc {
        size: usize,
        caps: usize,
    },
    Calloc {
        count: usize,
        size: usize,
        caps: usize,
    },
    Aligned {
        bits: u32,
        size: usize,
        caps: usize,
    },
    Prefer {
        size: usize,
        caps: [usize; 2],
    },
    Default {
        size: usize,
    },
    Realloc {
        block: usize,
        size: usize,
        caps: Option<usize>,
    },
    ReallocDefault {
        block: usize,
        size: usize,
    },
    AlignedRealloc {
        block: usize,
        bits: u32,
        size: usize,
        caps: usize,
    },
    Free {
        block: usize,
    },
    FreeTwice {
        block: usize,
    },
    FreeInside {
        block: usize,
        bytes: u32,
    },
    FreeAnything {
        address: u32,
    },
    EnableStacks,
    Threshold {
        limit: Option<u32>,
    },
    Reserve {
        caps: usize,
        bytes: u32,
    },
}

/// Any step, the common ones more often.
pub fn step() -> impl Strategy<Value = Step> {
    let size = || {
        prop_oneof![
            8 => 1..200_usize,
            4 => 200..5000_usize,
            2 => 5000..60_000_usize,
            1 => Just(0_usize),
        ]
    };
    let caps = || 0..SETS.len();
    let block = || 0..64_usize;
    prop_oneof![
        8 => (size(), caps()).prop_map(|(size, caps)| Step::Malloc { size, caps }),
        3 => (0..20_usize, 0..300_usize, caps())
            .prop_map(|(count, size, caps)| Step::Calloc { count, size, caps }),
        3 => (0..13_u32, size(), caps())
            .prop_map(|(bits, size, caps)| Step::Aligned { bits, size, caps }),
        2 => (size(), [caps(), caps()]).prop_map(|(size, caps)| Step::Prefer { size, caps }),
        3 => size().prop_map(|size| Step::Default { size }),
        6 => (block(), size(), proptest::option::of(caps()))
            .prop_map(|(block, size, caps)| Step::Realloc { block, size, caps }),
        2 => (block(), size()).prop_map(|(block, size)| Step::ReallocDefault { block, size }),
        2 => (block(), 0..10_u32, size(), caps())
            .prop_map(|(block, bits, size, caps)| Step::AlignedRealloc { block, bits, size, caps }),
        9 => block().prop_map(|block| Step::Free { block }),
        1 => block().prop_map(|block| Step::FreeTwice { block }),
        1 => (block(), 1..64_u32).prop_map(|(block, bytes)| Step::FreeInside { block, bytes }),
        1 => any::<u32>().prop_map(|address| Step::FreeAnything { address }),
        1 => Just(Step::EnableStacks),
        1 => proptest::option::of(0..4000_u32).prop_map(|limit| Step::Threshold { limit }),
        1 => (caps(), 0..100_000_u32).prop_map(|(caps, bytes)| Step::Reserve { caps, bytes }),
    ]
}
