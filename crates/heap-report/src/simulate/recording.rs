//! Recording of a simulation: heap states at some steps, and the page's data.
//!
//! Field names are those that `page/heap/*.js` reads.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use super::cells::{Cells, Division, HeapBlock};

/// How many samples are kept: what a screen can show side by side.
const SAMPLES: usize = 240;
/// Number of refusals that are listed one by one.
pub const SHOWN_REFUSALS: usize = 8;

/// Subject, trace and result of a replay.
#[derive(Debug, Default, Serialize)]
pub struct Recording {
    /// The chip's model.
    pub chip: String,
    /// Which table of the chip.
    pub memory_map: String,
    /// The recorded program.
    pub trace: String,
    /// `malloc` or the capabilities asked for.
    pub requests: String,
    /// The heaps that can serve them have these.
    pub caps: String,
    /// How heaps were chosen.
    pub policy: String,
    /// The heaps' poisoning.
    pub poison: String,
    /// Requests of the recorded program.
    pub operations: usize,
    /// Those that were refused.
    pub refused: usize,
    /// Sentences, the first few.
    pub refusals: Vec<String>,
    /// Of the sizes asked for.
    pub peak_bytes: u64,
    /// Operations done when it was first reached.
    pub peak_operation: usize,
    /// The moment with most bytes live.
    pub peak_frame: usize,
    /// Operations done when the first request was refused.
    #[serde(skip)]
    pub first_refused: Option<usize>,
    /// The first moment at which that had happened.
    pub first_refusal: Option<usize>,
    /// Least sum of free bytes, over the heaps that the replay used.
    pub least_free: u64,
    /// Blocks live at the end.
    pub end_blocks: usize,
    /// Bytes of them.
    pub end_bytes: u64,
    /// Operations done at each sample.
    pub frames: Vec<usize>,
    /// Live bytes asked for at each sample.
    pub asked: Vec<u64>,
    /// The heaps.
    pub regions: Vec<Region>,
}

/// One heap over time; lists have an entry a sample. All in bytes, but for `blocks`.
#[derive(Debug, Serialize)]
pub struct Region {
    /// The name of its memory.
    pub name: String,
    /// Its first address.
    pub start: u32,
    /// Its size.
    pub size: u32,
    /// Bytes of a cell of the map.
    pub cell_bytes: u32,
    /// Cells of the map.
    pub cells: usize,
    /// Asked for and live.
    pub used: Vec<u64>,
    /// Canaries.
    pub poison: Vec<u64>,
    /// Headers and the heap's own.
    pub headers: Vec<u64>,
    /// Free, but not in the largest free block.
    pub holes: Vec<u64>,
    /// Free, holes included.
    pub free: Vec<u64>,
    /// The largest free block.
    pub largest: Vec<u32>,
    /// How many, free ones included.
    pub blocks: Vec<u32>,
    #[serde(serialize_with = "in_base64")]
    map: Vec<u8>,
}

fn in_base64<S: Serializer>(map: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(map))
}

impl Region {
    /// Returns a heap of which nothing is kept yet.
    pub fn new(name: &str, start: u32, size: u32) -> Region {
        let division = Division::of(size);
        Region {
            name: name.to_owned(),
            start,
            size,
            cell_bytes: division.cell_bytes,
            cells: division.cells(),
            used: Vec::new(),
            poison: Vec::new(),
            headers: Vec::new(),
            holes: Vec::new(),
            free: Vec::new(),
            largest: Vec::new(),
            blocks: Vec::new(),
            map: Vec::new(),
        }
    }

    /// Keeps a sample: the heap's blocks, canaries of `poison` bytes a block, its largest free
    /// block.
    pub fn keep(&mut self, blocks: &[HeapBlock], poison: u32, largest: u32) {
        let cells = Cells::of(Division::of(self.size), blocks, poison);
        self.used.push(cells.used_bytes());
        self.poison.push(cells.poison_bytes());
        self.headers.push(cells.header_bytes());
        self.holes.push(cells.hole_bytes());
        self.free.push(cells.free_bytes());
        self.largest.push(largest);
        self.blocks
            .push(u32::try_from(blocks.len()).unwrap_or(u32::MAX));
        self.map.extend(cells.levels());
    }
}

impl Recording {
    /// Notes that `operations` of the trace are done and `asked` bytes are live.
    pub fn keep_sample(&mut self, operations: usize, asked: u64) {
        self.frames.push(operations);
        self.asked.push(asked);
    }

    /// Computes what follows from the samples, once all are kept.
    pub fn finish(&mut self) {
        let most = self
            .asked
            .iter()
            .enumerate()
            .max_by_key(|(_, asked)| **asked);
        self.peak_frame = most.map_or(0, |(frame, _)| frame);
        self.first_refusal = self.first_refused.and_then(|refused| {
            let mut frames = self.frames.iter();
            frames.position(|operations| *operations >= refused)
        });
    }
}

/// Returns the points at which a replay of `operations` takes samples: evenly spread, the first is
/// 0, the last the end, and the one next to `peak` is moved there.
pub(crate) fn sample_points(operations: usize, peak: usize) -> Vec<usize> {
    let last = (SAMPLES - 1).min(operations);
    let spread = |number: usize| (number * operations).checked_div(last).unwrap_or(0);
    let mut points: Vec<usize> = (0..=last).map(spread).collect();
    let between = 1..points.len().saturating_sub(1).max(1);
    let inner = points.get_mut(between).unwrap_or_default();
    if let Some(nearest) = inner.iter_mut().min_by_key(|point| point.abs_diff(peak)) {
        *nearest = peak;
    }
    points
}

#[cfg(test)]
mod tests {
    use super::{HeapBlock, Recording, Region, sample_points};

    #[test]
    fn moments_go_from_the_boot_to_the_end() {
        let kept = sample_points(172_110, 151_994);
        assert_eq!(
            (kept.len(), kept.first(), kept.last()),
            (240, Some(&0), Some(&172_110))
        );
        assert!(kept.is_sorted());
    }

    #[test]
    fn one_moment_is_the_peak() {
        assert!(sample_points(172_110, 151_994).contains(&151_994));
    }

    #[test]
    fn a_short_trace_has_a_moment_for_every_operation() {
        assert_eq!(sample_points(3, 2), [0, 1, 2, 3]);
        assert_eq!(sample_points(1, 1), [0, 1]);
        assert_eq!(sample_points(0, 0), [0]);
    }

    #[test]
    fn the_first_refusal_belongs_to_the_moment_after_it() {
        let mut recording = Recording {
            frames: vec![0, 10, 20],
            asked: vec![0, 9, 5],
            first_refused: Some(11),
            ..Recording::default()
        };
        recording.finish();
        assert_eq!(
            (recording.first_refusal, recording.peak_frame),
            (Some(2), 1)
        );
        recording.first_refused = None;
        recording.finish();
        assert_eq!(recording.first_refusal, None);
    }

    #[test]
    fn a_moment_of_a_heap_is_kept_with_its_figures_and_its_map() {
        let mut region = Region::new("DRAM", 0x3FFB_0000, 128);
        let used = HeapBlock {
            start: 64,
            bytes: 64,
            payload: 68,
            size: 60,
            used: true,
        };
        region.keep(&[used], 0, 0);
        assert_eq!(
            (region.used[0], region.headers[0], region.blocks[0]),
            (60, 68, 1)
        );
        let json = serde_json::to_value(&region).unwrap();
        assert_eq!(json["map"], "APDgEA==");
    }

    #[test]
    fn the_page_opens_at_the_moment_with_most_live_bytes() {
        let mut recording = Recording::default();
        for (operations, asked) in [(0, 0), (10, 700), (20, 300)] {
            recording.keep_sample(operations, asked);
        }
        recording.finish();
        assert_eq!(recording.peak_frame, 1);
    }
}
