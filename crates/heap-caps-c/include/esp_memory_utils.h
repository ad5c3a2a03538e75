/* The kind of memory that a pointer points to.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The answers are about addresses of the chip, whether or not there is a heap. All O(1).
 */
#ifndef ESP_MEMORY_UTILS_H
#define ESP_MEMORY_UTILS_H

#include <stdbool.h>
#include <stdint.h>
#if __STDC_HOSTED__
#include <stdlib.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Whether data and instructions have the same addresses: in SRAM; in RTC fast memory. */
bool esp_dram_match_iram(void);
bool esp_rtc_dram_match_rtc_iram(void);

/* Whether it is an address of: the instruction bus's SRAM; the data bus's SRAM. */
bool esp_ptr_in_iram(const void *p);
bool esp_ptr_in_dram(const void *p);

/* ... the part of SRAM that both buses see, by its data address; by its instruction address. */
bool esp_ptr_in_diram_dram(const void *p);
bool esp_ptr_in_diram_iram(const void *p);

/* ... RTC fast memory, by its instruction address; by its data address; RTC slow memory. */
bool esp_ptr_in_rtc_iram_fast(const void *p);
bool esp_ptr_in_rtc_dram_fast(const void *p);
bool esp_ptr_in_rtc_slow(const void *p);

/* ... scratch-pad memory; its older name. */
bool esp_ptr_in_spm(const void *p);
bool esp_ptr_in_tcm(const void *p);

/* Whether DMA reaches it: in internal memory; in external memory. */
bool esp_ptr_dma_capable(const void *p);
bool esp_ptr_dma_ext_capable(const void *p);

/* Whether code may run there; bytes may be accessed; the memory is internal; external. */
bool esp_ptr_executable(const void *p);
bool esp_ptr_byte_accessible(const void *p);
bool esp_ptr_internal(const void *p);
bool esp_ptr_external_ram(const void *p);

/* Whether it is an address of flash that the cache shows as data; of the chip's mask ROM. Without a
 * booted chip (on a host): false. */
bool esp_ptr_in_drom(const void *p);
bool esp_ptr_in_rom(const void *p);

/* Whether it is a multiple of 4. */
bool esp_ptr_word_aligned(const void *p);

/* The instruction address of a word with this data address, and the other way round. The pointer
 * must be a multiple of 4 and in the memory that the name says. */
void *esp_ptr_diram_dram_to_iram(const void *p);
void *esp_ptr_diram_iram_to_dram(const void *p);
void *esp_ptr_rtc_dram_to_iram(const void *p);

/* -- Stacks: functions of this header over those above ----------------------------------------- */

/* Whether a stack pointer is a multiple of 16 and at least 16 bytes away from either end of the
 * memory that `holds` knows. */
__attribute__((unused)) static inline bool heap_caps_stack_ptr_is_in_(bool (*holds)(const void *),
                                                                      uintptr_t sp)
{
    return sp % 16 == 0 && holds((const void *)(sp - 16)) && holds((const void *)(sp + 15));
}

/* ... in the data bus's SRAM; in external RAM. */
__attribute__((unused)) static inline bool esp_stack_ptr_in_dram(uintptr_t sp)
{
    return heap_caps_stack_ptr_is_in_(esp_ptr_in_dram, sp);
}

__attribute__((unused)) static inline bool esp_stack_ptr_in_extram(uintptr_t sp)
{
    return heap_caps_stack_ptr_is_in_(esp_ptr_external_ram, sp);
}

/* Whether a task may have such a stack pointer. With ESP-IDF's configuration: external RAM only
 * where stacks are allowed there. */
__attribute__((unused)) static inline bool esp_stack_ptr_is_sane(uintptr_t sp)
{
#if !defined(CONFIG_IDF_TARGET) || defined(CONFIG_FREERTOS_TASK_CREATE_ALLOW_EXT_MEM) \
    || defined(CONFIG_SPIRAM_ALLOW_STACK_EXTERNAL_MEMORY)
    if (esp_stack_ptr_in_extram(sp)) {
        return true;
    }
#endif
    return esp_stack_ptr_in_dram(sp) || esp_ptr_in_rtc_dram_fast((const void *)sp);
}

/* Whether the caller's stack stays when the cache is off: it lies in SRAM or RTC fast memory. */
__attribute__((unused)) static inline bool esp_task_stack_is_sane_cache_disabled(void)
{
    const void *sp = __builtin_frame_address(0);
    return esp_ptr_in_dram(sp) || esp_ptr_in_rtc_dram_fast(sp);
}

#ifdef __cplusplus
}
#endif

#endif
