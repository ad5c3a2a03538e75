//! `claim!`: the linker's names of a firmware, and what it keeps for itself.

/// Returns the address of a linker symbol.
pub fn address_of(symbol: *const u8) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a chip's addresses have 32 bits"
    )]
    let address = symbol.addr() as u32;
    address
}

/// A program's claim to all of its RAM, as a `static` [`Claim`](crate::Claim).
///
/// ```no_run
/// use heap_caps_alloc::{CapsHeap, SpinLock};
/// use soc_regions::ESP32;
///
/// static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
///
/// heap_caps_alloc::claim! {
///     /// All RAM of this board: what ESP-IDF's linker script leaves over.
///     static RAM: ESP32;
///     unsafe symbols: { _data_start, _heap_start, _iram_start, _iram_end }
/// }
///
/// fn main() {
///     let parts = RAM.take(&HEAP).unwrap();
///     // No controller is linked, and the second core sleeps: their memory is heap.
///     let ram = parts.ram.with(parts.bluetooth).with(parts.second_core);
///     let mut claimed = ram.boot().unwrap();
///     // … when the program stands on its own stacks:
///     // SAFETY: it does.
///     unsafe { claimed.release(parts.startup_stacks) };
/// }
/// ```
///
/// In this order, each but the first and last may be missing:
/// - **the static**, with its visibility and the chip;
/// - **`options:`** a constant, see [`options!`](soc_regions::options!); the chip's defaults
///   otherwise. What tokens stand for is not an option: it is kept until its token is added;
/// - **`reserved:`** memory that the program keeps besides: a list of
///   [`Reservation`](soc_regions::Reservation)s;
/// - **`unsafe symbols:`** the linker symbols that the chip's table and the reservations need. A
///   name alone is a symbol of this program; `name = symbol` translates the table's name to the one
///   that the program's linker script has; `name = 0x…` or `name = (expression)` is an address.
///   Names that are no identifiers are written in quotes: `"rom:dram0_rtos_reserved_start" =
///   (what_the_rom_says())`.
///
/// Instead of the last, **`unsafe esp_hal: { stack: 32 * 1024 }`** for a program on esp-hal 1.2, on
/// any chip but the ESP32-P4: the names in its linker scripts are known, this many bytes of its
/// stack stay a stack, and the rest is heap. Without `options:` the chip is taken as esp-hal
/// configures it by default: RTC memory is left alone, and the caches of the ESP32-S3 have their
/// default sizes. A program that sets `ESP_HAL_CONFIG_INSTRUCTION_CACHE_SIZE` or
/// `…_DATA_CACHE_SIZE` says so in its `options:`. Nothing may have `#[ram(reclaimed)]`. A name that
/// is gone from the scripts is an undefined symbol in the linker's message. Memory that esp-hal's
/// drivers stand for is added by [`esp_hal_psram!`](crate::esp_hal_psram!) and
/// [`esp_hal_second_core!`](crate::esp_hal_second_core!).
///
/// # Safety
/// The word `unsafe` promises what [`Claim::new`](crate::Claim::new) asks for, above all: between
/// the symbols lies all that the program uses.
///
/// # Compile-time errors
/// - A second claim in one program: its guard symbol is defined twice. Within a crate the compiler
///   says so, else the linker.
/// - A symbol that the chip's table needs under these options is not in the list.
/// - A reservation at fixed addresses wants memory that the table reserves.
///
/// ```compile_fail
/// # use soc_regions::ESP32;
/// mod board {
/// #   use soc_regions::ESP32;
///     heap_caps_alloc::claim! {
///         pub static RAM: ESP32;
///         unsafe symbols: { _data_start = 0x3FFB0000, _heap_start = 0x3FFB2EC8, _iram_start = 0x40080000, _iram_end = 0x4008944C }
///     }
/// }
/// heap_caps_alloc::claim! {
///     static AGAIN: ESP32; // symbol `__heap_caps_alloc_claims_all_ram` is already defined
///     unsafe symbols: { _data_start = 0x3FFB0000, _heap_start = 0x3FFB2EC8, _iram_start = 0x40080000, _iram_end = 0x4008944C }
/// }
/// # fn main() { drop((&board::RAM, &AGAIN)); }
/// ```
/// ```compile_fail,E0080
/// # use soc_regions::ESP32;
/// heap_caps_alloc::claim! {
///     static RAM: ESP32; // reservation `iram_code` needs the linker symbol `_iram_end`, which is not known
///     unsafe symbols: { _data_start = 0x3FFB0000, _heap_start = 0x3FFB2EC8, _iram_start = 0x40080000 }
/// }
/// ```
/// ```compile_fail,E0080
/// # use soc_regions::{ESP32, Reservation, span};
/// heap_caps_alloc::claim! {
///     static RAM: ESP32; // reservations `rom_pro_data` and `stack` both take 0x3FFE0400..0x3FFE0440
///     reserved: [Reservation::fixed("stack", span!(0x3FFE_0400, 0x3FFE_2000))];
///     unsafe symbols: { _data_start = 0x3FFB0000, _heap_start = 0x3FFB2EC8, _iram_start = 0x40080000, _iram_end = 0x4008944C }
/// }
/// ```
/// A token that was added can't be used by its driver, nor added again:
/// ```compile_fail,E0382
/// # use heap_caps_alloc::{CapsHeap, SecondCore, SpinLock};
/// # use soc_regions::ESP32;
/// # static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
/// # heap_caps_alloc::claim! {
/// #     static RAM: ESP32;
/// #     unsafe symbols: { _data_start = 0x3FFB0000, _heap_start = 0x3FFB2EC8, _iram_start = 0x40080000, _iram_end = 0x4008944C }
/// # }
/// fn start_second_core(_: SecondCore) {}
///
/// let parts = RAM.take(&HEAP).unwrap();
/// let ram = parts.ram.with(parts.second_core);
/// start_second_core(parts.second_core); // its cache is heap
/// ```
#[macro_export]
macro_rules! claim {
    (
        $(#[$attribute:meta])*
        $visibility:vis static $name:ident: $chip:path;
        $(options: $options:expr;)?
        $(reserved: [$($own:expr),* $(,)?];)?
        unsafe symbols: { $($symbol:tt $(= $place:tt)?),* $(,)? } $(;)?
    ) => {
        $(#[$attribute])*
        #[used] // its header is for tools only
        $visibility static $name: $crate::Claim = {
            #[unsafe(no_mangle)]
            static __heap_caps_alloc_claims_all_ram: $crate::claim_macro::Mark =
                $crate::claim_macro::Mark::new();
            const OPTIONS: $crate::claim_macro::Options =
                $crate::claim!(@options $chip $(, $options)?);
            const OWN: &[$crate::claim_macro::Reservation] = &[$($($own),*)?];
            const NAMES: &[&str] = &[$($crate::claim!(@name $symbol)),*];
            const _: () = match $crate::Claim::check(&$chip, &OPTIONS, NAMES, OWN) {
                Ok(()) => (),
                Err(error) => error.refuse(),
            };
            #[allow(unused_parens, reason = "an expression among the symbols is in parentheses")]
            fn address(name: &str) -> Option<u32> {
                match name {
                    $($crate::claim!(@name $symbol) =>
                    Some($crate::claim!(@address $symbol $(= $place)?)),)*
                    _ => None,
                }
            }
            static LINKED: $crate::claim_macro::Linked<'static, fn(&str) -> Option<u32>> =
                $crate::claim_macro::Linked { symbols: address, reservations: OWN };
            // SAFETY: the program says so, by the word `unsafe` before its symbols.
            let claim = unsafe { $crate::Claim::new(&$chip, OPTIONS, &LINKED) };
            claim.marked_by(&__heap_caps_alloc_claims_all_ram)
        };
    };
    (
        $(#[$attribute:meta])*
        $visibility:vis static $name:ident: $chip:path;
        $(reserved: [$($own:expr),* $(,)?];)?
        unsafe esp_hal: { stack: $stack:expr $(,)? } $(;)?
    ) => {
        $crate::claim! {
            $(#[$attribute])*
            $visibility static $name: $chip;
            options: $crate::claim_macro::configured($chip.default_options());
            $(reserved: [$($own),*];)?
            unsafe esp_hal: { stack: $stack }
        }
    };
    (
        $(#[$attribute:meta])*
        $visibility:vis static $name:ident: $chip:path;
        options: $options:expr;
        $(reserved: [$($own:expr),* $(,)?];)?
        unsafe esp_hal: { stack: $stack:expr $(,)? } $(;)?
    ) => {
        $crate::claim! {
            $(#[$attribute])*
            $visibility static $name: $chip;
            options: $options;
            reserved: [$crate::claim_macro::stack($stack), $($($own),*)?];
            unsafe symbols: {
                _iram_start = ({
                    unsafe extern "C" {
                        #[cfg_attr(target_arch = "xtensa", link_name = "_init_start")]
                        static _trap_section_origin: u8;
                    }
                    $crate::claim_macro::address_of(&raw const _trap_section_origin)
                }),
                _iram_end = _rwtext_end,
                _data_start,
                _heap_start = ({
                    unsafe extern "C" {
                        static __stack_chk_guard: u8;
                    }
                    $crate::claim_macro::behind_guard(
            $crate::claim_macro::address_of(&raw const __stack_chk_guard)
        )
                }),
                _stack_start,
            }
        }
    };
    (@options $chip:path) => {
        $chip.default_options()
    };
    (@options $chip:path, $options:expr) => {
        $options
    };
    (@name $symbol:ident) => {
        stringify!($symbol)
    };
    (@name $symbol:literal) => {
        $symbol
    };
    (@address $symbol:ident) => {
        $crate::claim!(@address $symbol = $symbol)
    };
    (@address $symbol:tt = $place:ident) => {{
        unsafe extern "C" {
            static $place: u8;
        }
        $crate::claim_macro::address_of(&raw const $place)
    }};
    (@address $symbol:tt = $place:expr) => {
        $place
    };
}
