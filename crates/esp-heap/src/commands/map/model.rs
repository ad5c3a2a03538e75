//! Model of a map: a chip's memory under options as ranges, heaps, costs and totals.
//!
//! Invariant: the bytes of heaps and costs and what is too small for a heap add up to the memory
//! that is there.

use soc_regions::{
    Available, Caps, Chip, Columns, Layout, LayoutError, Options, Region, Reserved, Span,
    TypeIndex, When,
};

use super::address_range::{AddressRange, address_ranges};
use super::overlay::{Finding, Overlay, Severity};
use crate::linker::Linked;
use esp_heap::firmware::Firmware;

/// A chip's memory under options, ready to be shown.
pub(crate) struct Map {
    pub(crate) chip: &'static Chip,
    pub(crate) options: Options,
    pub(crate) ranges: Vec<AddressRange>,
    pub(crate) heaps: Vec<Available>,
    pub(crate) costs: Vec<Cost>,
    /// The symbols that reservations start or end at.
    pub(crate) linked: Linked,
    /// The program whose symbols they are, laid over the ranges.
    pub(crate) overlay: Option<Overlay>,
    layout: Layout,
}

/// A range this many times shorter than the longest would not be readable at the same scale.
const SHORT: u32 = 12;

/// A reservation in effect.
pub(crate) struct Cost {
    pub(crate) name: &'static str,
    pub(crate) span: Span,
    pub(crate) when: When,
    /// Bytes of it that would otherwise be for heaps; none where addresses have no memory behind
    /// them.
    pub(crate) bytes: u32,
}

/// Bytes for heaps with one capability, by the priority at which they have it.
pub(crate) struct Total {
    pub(crate) name: &'static str,
    /// In heaps on the chip.
    pub(crate) internal: [u32; 3],
    /// In heaps outside of it.
    pub(crate) external: [u32; 3],
}

impl Total {
    pub(crate) fn by_priority(&self) -> [u32; 3] {
        let ([a, b, c], [x, y, z]) = (self.internal, self.external);
        [a + x, b + y, c + z]
    }

    pub(crate) fn bytes(&self) -> u32 {
        self.by_priority().iter().sum()
    }
}

impl Map {
    pub(crate) fn new(
        chip: &'static Chip,
        options: Options,
        linked: Linked,
        firmware: Option<&Firmware>,
    ) -> Result<Map, LayoutError> {
        let layout = chip.layout(&options, &linked)?;
        let heaps: Vec<_> = layout.available().collect();
        let ranges = address_ranges(chip, &layout, &heaps);
        let costs = layout
            .reserved()
            .map(|reserved| cost(chip, &options, &layout, reserved))
            .collect();
        let overlay = firmware.map(|firmware| Overlay::new(chip, &ranges, firmware, &linked));
        Ok(Map {
            chip,
            options,
            ranges,
            heaps,
            costs,
            linked,
            overlay,
            layout,
        })
    }

    /// With the symbols of a typical firmware, for tests.
    #[cfg(test)]
    pub(crate) fn of_sample(chip: &'static Chip, options: Options) -> Map {
        let linker = crate::linker::Linker {
            chip,
            options,
            given: &[],
            firmware: None,
        };
        Map::new(chip, options, linker.link(), None).expect("the sample fits its chip")
    }

    /// How many bytes fill the width of the picture in this range.
    pub(crate) fn scale(&self, range: &AddressRange) -> u32 {
        if self.has_own_scale(range) {
            range.span.size()
        } else {
            self.longest()
        }
    }

    /// Short ranges would not be readable at the scale of the others, those outside of the chip
    /// would make the others so.
    pub(crate) fn has_own_scale(&self, range: &AddressRange) -> bool {
        range.external || range.span.size() < self.longest() / SHORT
    }

    fn longest(&self) -> u32 {
        let internal = self.ranges.iter().filter(|range| !range.external);
        internal.map(|range| range.span.size()).max().unwrap_or(1)
    }

    pub(crate) fn has_program_in(&self, range: &AddressRange) -> bool {
        let placed = self.overlay.iter().flat_map(|overlay| &overlay.placed);
        placed
            .flat_map(|placed| &placed.views)
            .any(|view| view.overlaps(range.span))
    }

    /// The rows of the table that exist, equal neighbours as one: first row, how many.
    pub(crate) fn rows(&self) -> Vec<(Region, u32)> {
        let mut rows: Vec<(Region, u32)> = Vec::new();
        for row in self.layout.regions() {
            match rows.last_mut() {
                Some((first, count)) if continues(first, *count, row) => *count += 1,
                _ => rows.push((*row, 1)),
            }
        }
        rows
    }

    /// Types that exist in this configuration.
    pub(crate) fn types(&self) -> Vec<TypeIndex> {
        let mut types: Vec<_> = self.layout.regions().map(|row| row.kind).collect();
        types.sort_unstable();
        types.dedup();
        types
    }

    /// The rows of the table that exist, in its order.
    pub(crate) fn regions(&self) -> impl Iterator<Item = &'static Region> {
        self.layout.regions()
    }

    /// Which of the types that exist it is, counted from 0: what is shown of it depends on that.
    pub(crate) fn place_of(&self, kind: TypeIndex) -> usize {
        let types = self.types();
        types.iter().position(|known| *known == kind).unwrap_or(0)
    }

    /// What a type can do in this configuration.
    pub(crate) fn caps(&self, kind: TypeIndex) -> Columns {
        let memory_type = self.chip.memory_type(kind);
        memory_type
            .map(|memory_type| memory_type.caps_under(&self.options))
            .unwrap_or_default()
    }

    pub(crate) fn type_name(&self, kind: TypeIndex) -> &'static str {
        self.chip.memory_type(kind).map_or("?", |kind| kind.name)
    }

    /// Bytes of all rows, or those of one type.
    pub(crate) fn region_bytes(&self, kind: Option<TypeIndex>) -> u32 {
        let rows = self
            .layout
            .regions()
            .filter(|row| kind.is_none_or(|kind| kind == row.kind));
        rows.map(|row| row.span.size()).sum()
    }

    /// Bytes that are there: on the chip all rows, outside of it what is not beyond the PSRAM.
    pub(crate) fn memory_bytes(&self) -> u32 {
        let external = self.heaps.iter().filter(|heap| heap.external);
        let external: u32 = external.map(|heap| heap.span.size()).sum();
        self.internal_bytes() + external // both in one address space
    }

    /// Bytes of all rows on the chip.
    pub(crate) fn internal_bytes(&self) -> u32 {
        let internal = self.ranges.iter().filter(|range| !range.external);
        internal.map(|range| range.span.size()).sum()
    }

    /// What a person should know before flashing, errors first.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let remarks = self.linked.remarks.iter().map(Finding::from);
        let overlay = self.overlay.iter().flat_map(|overlay| &overlay.findings);
        let mut findings: Vec<Finding> = remarks.chain(overlay.cloned()).collect();
        findings.sort_by_key(|finding| finding.severity);
        findings
    }

    /// Whether the program lies in its own reservations and nowhere else.
    pub(crate) fn has_its_place(&self) -> bool {
        let overlay = self.overlay.as_ref();
        !self.has_errors() && overlay.is_none_or(|overlay| overlay.shared == 0)
    }

    pub(crate) fn has_errors(&self) -> bool {
        let findings = self.findings();
        findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }

    /// Bytes of all heaps, or those of one type.
    pub(crate) fn heap_bytes(&self, kind: Option<TypeIndex>) -> u32 {
        let heaps = self
            .heaps
            .iter()
            .filter(|heap| kind.is_none_or(|kind| kind == heap.kind));
        heaps.map(|heap| heap.span.size()).sum()
    }

    /// Bytes per capability that any heap has.
    pub(crate) fn totals(&self) -> Vec<Total> {
        let all = Caps::all_named().map(|(name, cap)| Total {
            name,
            internal: self.bytes_by_priority(cap, false),
            external: self.bytes_by_priority(cap, true),
        });
        all.filter(|total| total.bytes() > 0).collect()
    }

    fn bytes_by_priority(&self, cap: Caps, external: bool) -> [u32; 3] {
        let mut bytes = [0; 3];
        for heap in self.heaps.iter().filter(|heap| heap.external == external) {
            let slot = heap
                .caps
                .iter()
                .zip(&mut bytes)
                .find(|(column, _)| column.contains(cap));
            if let Some((_, slot)) = slot {
                *slot += heap.span.size();
            }
        }
        bytes
    }

    /// Reservations of the table that this configuration does not have.
    pub(crate) fn not_in_effect(&self) -> impl Iterator<Item = (&'static str, When)> {
        let options = self.options;
        let others = self
            .chip
            .reservations()
            .iter()
            .filter(move |r| !r.when.holds(&options));
        others.map(|r| (r.name, r.when))
    }
}

fn continues(first: &Region, count: u32, row: &Region) -> bool {
    let alike = (first.kind, first.startup_stack, first.span.size())
        == (row.kind, row.startup_stack, row.span.size());
    alike && row.span.start() == first.span.start() + count * first.span.size()
}

fn cost(chip: &'static Chip, options: &Options, layout: &Layout, reserved: Reserved) -> Cost {
    let mut rows = chip.reservations().iter();
    let row = rows.find(|row| row.name == reserved.name && row.when.holds(options));
    let internal = layout
        .regions()
        .filter(|row| !chip.is_external(row.span.start()));
    let shared = internal.filter_map(|row| row.span.intersection(reserved.span));
    Cost {
        name: reserved.name,
        span: reserved.span,
        when: row.map_or(When::ALWAYS, |row| row.when),
        bytes: shared.map(Span::size).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linker::Linker;
    use soc_regions::ESP32;

    fn map(options: Options) -> Map {
        Map::of_sample(&ESP32, options)
    }

    #[test]
    fn heaps_costs_and_crumbs_add_up_to_the_regions() {
        let given = [("_heap_start".to_owned(), 0x3FFB_9FF4)];
        let (chip, options) = (&ESP32, ESP32.default_options());
        let linker = Linker {
            chip,
            options,
            given: &given,
            firmware: None,
        };
        let map = Map::new(chip, options, linker.link(), None).unwrap();
        let costs: u32 = map.costs.iter().map(|cost| cost.bytes).sum();
        assert_eq!(map.heap_bytes(None) + costs, map.region_bytes(None));
        assert_eq!(map.region_bytes(None), 520 * 1024);
    }

    #[test]
    fn equal_rows_are_shown_as_one() {
        let rows = map(ESP32.default_options()).rows();
        let rows: Vec<_> = rows
            .iter()
            .map(|(row, count)| (row.span.start(), *count))
            .collect();
        let expected = [
            (0x3FFA_E000, 1),
            (0x3FFB_0000, 2),
            (0x3FFC_0000, 16),
            (0x3FFE_0000, 2),
            (0x3FFE_8000, 2),
            (0x3FFF_8000, 2),
            (0x4007_0000, 2),
            (0x4008_0000, 16),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn totals_say_at_which_priority_memory_has_a_capability() {
        let totals = map(ESP32.default_options()).totals();
        let total = |name| {
            totals
                .iter()
                .find(|total| total.name == name)
                .map(Total::by_priority)
        };
        assert_eq!(total("EXEC"), Some([93_108, 0, 128_912]));
        assert_eq!(total("8BIT"), Some([191_064, 128_912, 0]));
        assert_eq!(total("SPIRAM"), None);
    }
}
