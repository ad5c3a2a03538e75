//! Comparison of two maps: bytes per domain, region, type, capability and reservation.
//!
//! ```text
//!                        left     right   difference
//!   SRAM2              191064    191064            0
//!   PSRAM                   –   4194304     +4194304      `–`: one side has no such memory
//! ```

use super::address_range::AddressRange;
use super::model::Map;

/// Two maps, and their figures row by row.
pub(crate) struct Comparison<'a> {
    pub(crate) left: &'a Map,
    pub(crate) right: &'a Map,
}

/// Rows of one kind.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// What one row is, for machines.
    pub(crate) key: &'static str,
    /// Whether more of it is what people want.
    pub(crate) more_is_better: bool,
    pub(crate) rows: Vec<ComparedBytes>,
}

/// Bytes of one thing on both sides; `None` where it does not exist.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct ComparedBytes {
    pub(crate) name: String,
    pub(crate) left: Option<u32>,
    pub(crate) right: Option<u32>,
}

impl ComparedBytes {
    /// Right minus left; what does not exist has no bytes.
    pub(crate) fn difference(&self) -> i64 {
        i64::from(self.right.unwrap_or(0)) - i64::from(self.left.unwrap_or(0))
    }
}

impl Comparison<'_> {
    /// Returns every table of the comparison, in the order in which they are shown.
    pub(crate) fn sections(&self) -> [Section; 5] {
        [
            Section {
                title: "For heaps, in all",
                key: "domains",
                more_is_better: true,
                rows: self.with_total(self.rows(by_domain)),
            },
            Section {
                title: "For heaps, by region",
                key: "regions",
                more_is_better: true,
                rows: self.rows(by_range),
            },
            Section {
                title: "For heaps, by memory type",
                key: "types",
                more_is_better: true,
                rows: self.rows(by_type),
            },
            Section {
                title: "For heaps, by capability",
                key: "capabilities",
                more_is_better: true,
                rows: self.rows(by_capability),
            },
            Section {
                title: "What reservations cost",
                key: "reservations",
                more_is_better: false,
                rows: self.rows(by_reservation),
            },
        ]
    }

    /// Returns the names of both sides, each in its own order; those that only the right has come
    /// behind their predecessor.
    fn rows(&self, figures: impl Fn(&Map) -> Vec<(String, u32)>) -> Vec<ComparedBytes> {
        let mut rows: Vec<ComparedBytes> = Vec::new();
        for (name, bytes) in figures(self.left) {
            rows.push(ComparedBytes {
                name,
                left: Some(bytes),
                right: None,
            });
        }
        let mut next = 0;
        for (name, bytes) in figures(self.right) {
            match rows.iter().position(|row| row.name == name) {
                Some(place) => {
                    rows[place].right = Some(bytes);
                    next = place + 1;
                }
                None => {
                    rows.insert(
                        next,
                        ComparedBytes {
                            name,
                            left: None,
                            right: Some(bytes),
                        },
                    );
                    next += 1;
                }
            }
        }
        rows
    }

    fn with_total(&self, mut rows: Vec<ComparedBytes>) -> Vec<ComparedBytes> {
        rows.push(ComparedBytes {
            name: "all".into(),
            left: Some(self.left.heap_bytes(None)),
            right: Some(self.right.heap_bytes(None)),
        });
        rows
    }
}

/// Returns what chips call differently and use alike.
fn by_domain(map: &Map) -> Vec<(String, u32)> {
    let domain =
        |range: &AddressRange| match (range.external, map.chip.is_in_rtc(range.span.start())) {
            (true, _) => "outside of the chip",
            (_, true) => "low-power memory",
            _ => "RAM on the chip",
        };
    let mut sums = summed(
        map.ranges
            .iter()
            .map(|range| (domain(range), range.heap_bytes())),
    );
    sums.sort(); // "RAM" comes before lower case
    sums
}

fn by_range(map: &Map) -> Vec<(String, u32)> {
    summed(
        map.ranges
            .iter()
            .map(|range| (range.name, range.heap_bytes())),
    )
}

fn by_type(map: &Map) -> Vec<(String, u32)> {
    let types = map.types().into_iter();
    types
        .map(|kind| (map.type_name(kind).to_owned(), map.heap_bytes(Some(kind))))
        .collect()
}

fn by_capability(map: &Map) -> Vec<(String, u32)> {
    map.totals()
        .iter()
        .map(|total| (total.name.to_owned(), total.bytes()))
        .collect()
}

fn by_reservation(map: &Map) -> Vec<(String, u32)> {
    summed(map.costs.iter().map(|cost| (cost.name, cost.bytes)))
}

/// Returns the figures of one name as one: a window may have several ranges.
fn summed(figures: impl Iterator<Item = (&'static str, u32)>) -> Vec<(String, u32)> {
    let mut sums: Vec<(String, u32)> = Vec::new();
    for (name, bytes) in figures {
        match sums.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += bytes, // parts of one chip: below the address space
            None => sums.push((name.to_owned(), bytes)),
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use soc_regions::{ESP32, Setting, common};

    fn map(settings: &[Setting]) -> Map {
        Map::of_sample(&ESP32, ESP32.options(settings).unwrap())
    }

    fn row(comparison: &Comparison<'_>, key: &str, name: &str) -> (Option<u32>, Option<u32>, i64) {
        let section = comparison
            .sections()
            .into_iter()
            .find(|section| section.key == key)
            .unwrap();
        let row = section.rows.iter().find(|row| row.name == name).unwrap();
        (row.left, row.right, row.difference())
    }

    #[test]
    fn the_second_core_costs_its_cache_and_its_rom_data() {
        let (left, right) = (map(&[]), map(&[common::SINGLE_CORE.on()]));
        let comparison = Comparison {
            left: &left,
            right: &right,
        };
        assert_eq!(
            row(&comparison, "regions", "SRAM0"),
            (Some(93_108), Some(125_876), 32_768)
        );
        assert_eq!(row(&comparison, "domains", "all").2, 32_768 + 1_072);
        assert_eq!(row(&comparison, "capabilities", "DMA").2, 1_072);
        assert_eq!(
            row(&comparison, "reservations", "cpu1_cache"),
            (Some(32_768), None, -32_768)
        );
    }

    #[test]
    fn what_only_one_side_has_stands_where_that_side_has_it() {
        let (left, right) = (map(&[]), map(&[common::PSRAM.of(1 << 20)]));
        let names = |left, right| {
            let [_, regions, ..] = Comparison { left, right }.sections();
            regions
                .rows
                .into_iter()
                .map(|row| row.name)
                .collect::<Vec<_>>()
        };
        let expected = ["PSRAM", "SRAM2", "SRAM1, data bus", "SRAM0"];
        assert_eq!(names(&left, &right), expected);
        assert_eq!(names(&right, &left), expected);
    }

    #[test]
    fn a_map_does_not_differ_from_itself() {
        let map = map(&[]);
        let sections = Comparison {
            left: &map,
            right: &map,
        }
        .sections();
        assert!(
            sections
                .iter()
                .flat_map(|section| &section.rows)
                .all(|row| row.difference() == 0)
        );
    }
}
