//! Tables and options as constants that the compiler has checked.

/// A [`Chip`](crate::Chip) of a constant [`Table`](crate::Table); a table that is wrong does not
/// compile.
///
/// The tests in `tests/tables.rs` take every [`TableError`](crate::TableError) at run time. Here is
/// what the compiler does with some of them. This table is right:
/// ```
/// # use soc_regions::*;
/// # use soc_regions::{chip, span};
/// const TYPES: [MemoryType; 1] = [MemoryType::new("RAM", [Caps::BIT8, Caps::empty(), Caps::empty()])];
/// const RAM: Window = Window { name: "RAM", span: span!(0x1000, 0x3000), access: Access::BYTES };
/// const RIGHT: Table = Table {
///     name: "invented",
///     types: &TYPES,
///     regions: &[Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x2000, 0x3000), TypeIndex(0))],
///     totals: &[Total::new(TypeIndex(0), 0x2000)],
///     windows: &[RAM],
///     ..Table::EMPTY
/// };
/// static CHIP: Chip = chip!(RIGHT);
/// ```
/// Two rows overlap:
/// ```compile_fail,E0080
/// # use soc_regions::*;
/// # use soc_regions::{chip, span};
/// # const TYPES: [MemoryType; 1] = [MemoryType::new("RAM", [Caps::BIT8, Caps::empty(), Caps::empty()])];
/// # const RAM: Window = Window { name: "RAM", span: span!(0x1000, 0x3000), access: Access::BYTES };
/// # const RIGHT: Table = Table {
/// #     name: "invented",
/// #     types: &TYPES,
/// #     regions: &[Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x2000, 0x3000), TypeIndex(0))],
/// #     totals: &[Total::new(TypeIndex(0), 0x2000)],
/// #     windows: &[RAM],
/// #     ..Table::EMPTY
/// # };
/// const ROWS: [Region; 2] = [Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x1FFC, 0x3000), TypeIndex(0))];
/// static CHIP: Chip = chip!(Table { regions: &ROWS, ..RIGHT });
/// ```
/// A row is not aligned:
/// ```compile_fail,E0080
/// # use soc_regions::*;
/// # use soc_regions::{chip, span};
/// # const TYPES: [MemoryType; 1] = [MemoryType::new("RAM", [Caps::BIT8, Caps::empty(), Caps::empty()])];
/// # const RAM: Window = Window { name: "RAM", span: span!(0x1000, 0x3000), access: Access::BYTES };
/// # const RIGHT: Table = Table {
/// #     name: "invented",
/// #     types: &TYPES,
/// #     regions: &[Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x2000, 0x3000), TypeIndex(0))],
/// #     totals: &[Total::new(TypeIndex(0), 0x2000)],
/// #     windows: &[RAM],
/// #     ..Table::EMPTY
/// # };
/// const ROWS: [Region; 1] = [Region::new(span!(0x1002, 0x3000), TypeIndex(0))];
/// static CHIP: Chip = chip!(Table { regions: &ROWS, ..RIGHT });
/// ```
/// A row has a type that the chip has not:
/// ```compile_fail,E0080
/// # use soc_regions::*;
/// # use soc_regions::{chip, span};
/// # const TYPES: [MemoryType; 1] = [MemoryType::new("RAM", [Caps::BIT8, Caps::empty(), Caps::empty()])];
/// # const RAM: Window = Window { name: "RAM", span: span!(0x1000, 0x3000), access: Access::BYTES };
/// # const RIGHT: Table = Table {
/// #     name: "invented",
/// #     types: &TYPES,
/// #     regions: &[Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x2000, 0x3000), TypeIndex(0))],
/// #     totals: &[Total::new(TypeIndex(0), 0x2000)],
/// #     windows: &[RAM],
/// #     ..Table::EMPTY
/// # };
/// const ROWS: [Region; 1] = [Region::new(span!(0x1000, 0x3000), TypeIndex(1))];
/// static CHIP: Chip = chip!(Table { regions: &ROWS, ..RIGHT });
/// ```
/// A total is wrong:
/// ```compile_fail,E0080
/// # use soc_regions::*;
/// # use soc_regions::{chip, span};
/// # const TYPES: [MemoryType; 1] = [MemoryType::new("RAM", [Caps::BIT8, Caps::empty(), Caps::empty()])];
/// # const RAM: Window = Window { name: "RAM", span: span!(0x1000, 0x3000), access: Access::BYTES };
/// # const RIGHT: Table = Table {
/// #     name: "invented",
/// #     types: &TYPES,
/// #     regions: &[Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x2000, 0x3000), TypeIndex(0))],
/// #     totals: &[Total::new(TypeIndex(0), 0x2000)],
/// #     windows: &[RAM],
/// #     ..Table::EMPTY
/// # };
/// const TOTALS: [Total; 1] = [Total::new(TypeIndex(0), 0x2004)];
/// static CHIP: Chip = chip!(Table { totals: &TOTALS, ..RIGHT });
/// ```
/// A row lies below the one before it:
/// ```compile_fail,E0080
/// # use soc_regions::*;
/// # use soc_regions::{chip, span};
/// # const TYPES: [MemoryType; 1] = [MemoryType::new("RAM", [Caps::BIT8, Caps::empty(), Caps::empty()])];
/// # const RAM: Window = Window { name: "RAM", span: span!(0x1000, 0x3000), access: Access::BYTES };
/// # const RIGHT: Table = Table {
/// #     name: "invented",
/// #     types: &TYPES,
/// #     regions: &[Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x2000, 0x3000), TypeIndex(0))],
/// #     totals: &[Total::new(TypeIndex(0), 0x2000)],
/// #     windows: &[RAM],
/// #     ..Table::EMPTY
/// # };
/// const ROWS: [Region; 2] = [Region::new(span!(0x2000, 0x3000), TypeIndex(0)), Region::new(span!(0x1000, 0x2000), TypeIndex(0))];
/// static CHIP: Chip = chip!(Table { regions: &ROWS, ..RIGHT });
/// ```
/// A condition asks for an option that the chip has not declared:
/// ```compile_fail,E0080
/// # use soc_regions::*;
/// # use soc_regions::{chip, span};
/// # const TYPES: [MemoryType; 1] = [MemoryType::new("RAM", [Caps::BIT8, Caps::empty(), Caps::empty()])];
/// # const RAM: Window = Window { name: "RAM", span: span!(0x1000, 0x3000), access: Access::BYTES };
/// # const RIGHT: Table = Table {
/// #     name: "invented",
/// #     types: &TYPES,
/// #     regions: &[Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x2000, 0x3000), TypeIndex(0))],
/// #     totals: &[Total::new(TypeIndex(0), 0x2000)],
/// #     windows: &[RAM],
/// #     ..Table::EMPTY
/// # };
/// const CACHE: Reservation = Reservation::fixed("cache", span!(0x1000, 0x1800)).only(When::on(common::SINGLE_CORE));
/// static CHIP: Chip = chip!(Table { reservations: &[CACHE], ..RIGHT });
/// ```
#[macro_export]
macro_rules! chip {
    ($table:expr) => {
        const {
            const TABLE: &$crate::Table = &$table;
            match $crate::Chip::new(TABLE) {
                Ok(chip) => chip,
                Err(error) => error.refuse(),
            }
        }
    };
}

/// Constant [`Options`](crate::Options): a chip's defaults but for some settings. A setting that
/// the chip has not does not compile.
///
/// ```
/// use soc_regions::{ESP32, Options, common, esp32, options};
///
/// const OPTIONS: Options = options!(ESP32, esp32::BLUETOOTH.on(), common::PSRAM.of(4 << 20));
/// assert!(OPTIONS.is(esp32::BLUETOOTH.on()));
/// ```
/// ```compile_fail,E0080
/// use soc_regions::{ESP32, Options, common, options};
///
/// const OPTIONS: Options = options!(ESP32, common::MEMORY_PROTECTION.on());
/// ```
#[macro_export]
macro_rules! options {
    ($chip:expr $(, $setting:expr)* $(,)?) => {
        const {
            match $chip.options(&[$($setting),*]) {
                Ok(options) => options,
                Err(_) => panic!("the chip has no such option, or the option no such value"),
            }
        }
    };
}
