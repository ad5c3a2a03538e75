//! Options that several chips share.

use crate::{Amount, Choice, Flag, Value};

/// PSRAM that is mapped; more than the chip's window counts as the window.
pub const PSRAM: Amount = Amount::new("psram", "CONFIG_SPIRAM", "bytes of PSRAM");

/// RTC (low-power) memory as a heap.
pub const RTC_HEAP: Flag = Flag::new(
    "rtc-heap",
    "CONFIG_ESP_SYSTEM_ALLOW_RTC_FAST_MEM_AS_HEAP",
    "RTC fast memory is a heap, too",
)
.on_by_default();

/// Memory protection: no data memory is executable.
pub const MEMORY_PROTECTION: Flag = Flag::new(
    "memory-protection",
    "CONFIG_ESP_SYSTEM_MEMPROT",
    "no heap is executable",
)
.on_by_default();

/// One core of two.
pub const SINGLE_CORE: Flag = Flag::new(
    "single-core",
    "CONFIG_ESP_SYSTEM_SINGLE_CORE_MODE",
    "only core 0 runs",
);

/// The trusted execution environment, which takes the start of the RAM.
pub const TEE: Flag = Flag::new(
    "tee",
    "CONFIG_SECURE_ENABLE_TEE",
    "a trusted execution environment takes the start of the RAM",
);

/// What the TEE takes for code.
pub const TEE_IRAM: Amount = Amount::new(
    "tee-iram",
    "CONFIG_SECURE_TEE_IRAM_SIZE",
    "bytes of the TEE's code",
)
.within(0x5000, 0xF000, 0x8000);

/// What the TEE takes for data.
pub const TEE_DRAM: Amount = Amount::new(
    "tee-dram",
    "CONFIG_SECURE_TEE_DRAM_SIZE",
    "bytes of the TEE's data",
)
.within(0x3000, 0x7000, 0x5000);

/// A program of the low-power core in the main RAM.
pub const ULP_IN_RAM: Flag = Flag::new(
    "ulp-in-ram",
    "CONFIG_ULP_COPROC_RUN_FROM_HP_MEM",
    "the low-power core runs a program from the main RAM",
);

/// Secure boot keeps the key's digest at the top of RTC memory.
pub const SECURE_BOOT: Choice = Choice::new(
    "secure-boot",
    "secure boot keeps a digest at the top of RTC memory",
    &[
        Value::new("off", &[]),
        Value::new("on", &[("CONFIG_SECURE_BOOT", 1)]),
        Value::new(
            "ecdsa-384",
            &[
                ("CONFIG_SECURE_BOOT", 1),
                ("CONFIG_SECURE_BOOT_ECDSA_KEY_LEN_384_BITS", 1),
            ],
        ),
    ],
);

/// Flash (and with it PSRAM) is encrypted: DMA engines that reach it move whole cipher blocks.
pub const FLASH_ENCRYPTION: Flag = Flag::new(
    "flash-encryption",
    "CONFIG_SECURE_FLASH_ENC_ENABLED",
    "flash and PSRAM are encrypted",
);
