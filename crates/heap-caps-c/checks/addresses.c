/* What do the questions about addresses answer of memory that the program gave?
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_caps.h"
#include "esp_memory_utils.h"
#include "memory.h"

static void memory_is_what_its_heap_says(void)
{
    CHECK(esp_ptr_internal(dram + 10) && esp_ptr_byte_accessible(dram + 10) && esp_ptr_dma_capable(dram + 10));
    CHECK(!esp_ptr_external_ram(dram + 10) && !esp_ptr_executable(dram + 10));
    CHECK(esp_ptr_internal(iram + 10) && esp_ptr_executable(iram + 10));
    CHECK(!esp_ptr_byte_accessible(iram + 10) && !esp_ptr_dma_capable(iram + 10));
    CHECK(esp_ptr_external_ram(psram + 10) && esp_ptr_byte_accessible(psram + 10));
    CHECK(!esp_ptr_internal(psram + 10) && !esp_ptr_dma_ext_capable(psram + 10));
}

static void what_lies_in_no_heap_is_no_memory(void)
{
    uint32_t outside = 0;
    CHECK(!esp_ptr_internal(&outside) && !esp_ptr_external_ram(&outside) && !esp_ptr_executable(&outside));
    CHECK(!esp_ptr_internal(NULL) && !esp_ptr_dma_capable(NULL));
}

static void words_lie_at_multiples_of_four(void)
{
    CHECK(esp_ptr_word_aligned(dram));
    CHECK(!esp_ptr_word_aligned((char *)dram + 2));
}

const struct check addresses[] = {
    CASE(memory_is_what_its_heap_says),
    CASE(what_lies_in_no_heap_is_no_memory),
    CASE(words_lie_at_multiples_of_four),
    LAST_CASE,
};
