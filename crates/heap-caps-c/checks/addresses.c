/* Checks of the functions about addresses, on memory of the program.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_caps.h"
#include "esp_memory_utils.h"
#include "memory.h"

static void memory_is_what_its_heap_says(void)
{
    CHECK(esp_ptr_internal(dram + 10) && esp_ptr_byte_accessible(dram + 10)
          && esp_ptr_dma_capable(dram + 10));
    CHECK(!esp_ptr_external_ram(dram + 10) && !esp_ptr_executable(dram + 10));
    CHECK(esp_ptr_internal(iram + 10) && esp_ptr_executable(iram + 10));
    CHECK(!esp_ptr_byte_accessible(iram + 10) && !esp_ptr_dma_capable(iram + 10));
    CHECK(esp_ptr_external_ram(psram + 10) && esp_ptr_byte_accessible(psram + 10));
    CHECK(!esp_ptr_internal(psram + 10) && !esp_ptr_dma_ext_capable(psram + 10));
}

static void what_lies_in_no_heap_is_no_memory(void)
{
    uint32_t outside = 0;
    CHECK(!esp_ptr_internal(&outside) && !esp_ptr_external_ram(&outside)
          && !esp_ptr_executable(&outside));
    CHECK(!esp_ptr_internal(NULL) && !esp_ptr_dma_capable(NULL));
}

static void words_lie_at_multiples_of_four(void)
{
    CHECK(esp_ptr_word_aligned(dram));
    CHECK(!esp_ptr_word_aligned((char *)dram + 2));
}

static void a_stack_is_sane_where_its_memory_is(void)
{
    uintptr_t inside = ((uintptr_t)dram + 255) & ~(uintptr_t)15;
    CHECK(esp_stack_ptr_in_dram(inside) && esp_stack_ptr_is_sane(inside));
    CHECK(!esp_stack_ptr_in_dram(inside + 4) && !esp_stack_ptr_in_extram(inside));
    CHECK(!esp_stack_ptr_in_dram(((uintptr_t)dram + 15) & ~(uintptr_t)15));
    CHECK(!esp_stack_ptr_in_dram(((uintptr_t)dram + sizeof dram) & ~(uintptr_t)15));
    inside = ((uintptr_t)psram + 255) & ~(uintptr_t)15;
    CHECK(esp_stack_ptr_in_extram(inside) && !esp_stack_ptr_in_dram(inside)
          && esp_stack_ptr_is_sane(inside));
    /* The stack of these checks lies in no heap. */
    CHECK(!esp_task_stack_is_sane_cache_disabled());
    CHECK(!esp_ptr_in_drom(dram) && !esp_ptr_in_rom(dram));
}

static void errors_have_names(void)
{
    char name[12];
    CHECK(same_text(esp_err_to_name(ESP_OK), "ESP_OK"));
    CHECK(same_text(esp_err_to_name(ESP_FAIL), "ESP_FAIL"));
    CHECK(same_text(esp_err_to_name(ESP_ERR_NO_MEM), "ESP_ERR_NO_MEM"));
    CHECK(same_text(esp_err_to_name(ESP_ERR_INVALID_SIZE), "ESP_ERR_INVALID_SIZE"));
    CHECK(same_text(esp_err_to_name(ESP_ERR_NOT_ALLOWED), "ESP_ERR_NOT_ALLOWED"));
    CHECK(same_text(esp_err_to_name(0x100), "UNKNOWN ERROR"));
    CHECK(same_text(esp_err_to_name(-2), "UNKNOWN ERROR"));
    CHECK(same_text(esp_err_to_name_r(ESP_ERR_NOT_FOUND, name, sizeof name), "ESP_ERR_NOT"));
    CHECK_EQUAL(ESP_ERROR_CHECK_WITHOUT_ABORT(ESP_OK), ESP_OK);
    ESP_ERROR_CHECK(ESP_OK);
}

const struct check addresses[] = {
    CASE(memory_is_what_its_heap_says),
    CASE(what_lies_in_no_heap_is_no_memory),
    CASE(words_lie_at_multiples_of_four),
    CASE(a_stack_is_sane_where_its_memory_is),
    CASE(errors_have_names),
    LAST_CASE,
};
