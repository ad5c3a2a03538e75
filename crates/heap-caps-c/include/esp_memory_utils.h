/* What kind of memory does a pointer point to?
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The answers are about addresses of the chip, whether or not there is a heap. All O(1).
 */
#ifndef ESP_MEMORY_UTILS_H
#define ESP_MEMORY_UTILS_H

#include <stdbool.h>
#include <stdint.h>

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

/* Whether it is a multiple of 4. */
bool esp_ptr_word_aligned(const void *p);

/* The instruction address of a word with this data address, and the other way round. The pointer must be a multiple of 4 and in the
 * memory that the name says. */
void *esp_ptr_diram_dram_to_iram(const void *p);
void *esp_ptr_diram_iram_to_dram(const void *p);
void *esp_ptr_rtc_dram_to_iram(const void *p);

#ifdef __cplusplus
}
#endif

#endif
