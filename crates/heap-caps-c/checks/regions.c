/* Checks of regions: which memory becomes a heap, and which is refused with which number.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_caps.h"
#include "esp_heap_caps_init.h"
#include "memory.h"

static const uint32_t caps[3] = {MALLOC_CAP_RTCRAM, 0, 0};
static const uint32_t odd_caps[3] = {MALLOC_CAP_RETENTION, 0, 0};
static const uint32_t no_caps[3] = {0, 0, 0};
static const uint32_t nested_caps[3] = {MALLOC_CAP_TCM, 0, 0};
static uint32_t spare[1024];

static esp_err_t added(const void *start, size_t size)
{
    return heap_caps_add_region_with_caps(caps, (intptr_t)start, (intptr_t)start + (intptr_t)size);
}

static void arguments_that_make_no_sense_are_invalid(void)
{
    intptr_t start = (intptr_t)spare;
    CHECK_EQUAL(heap_caps_add_region_with_caps(NULL, start, start + 4096), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(heap_caps_add_region_with_caps(no_caps, start, start + 4096), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(heap_caps_add_region_with_caps(caps, 0, start), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(heap_caps_add_region_with_caps(caps, start, 0), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(heap_caps_add_region_with_caps(caps, start, start), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(heap_caps_add_region_with_caps(caps, start + 4, start), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(heap_caps_add_region(0, start), ESP_ERR_INVALID_ARG);
}

static uint32_t odd[1024];

static void memory_off_the_word_grid_is_a_heap_of_its_whole_words(void)
{
    intptr_t start = (intptr_t)odd;
    multi_heap_handle_t heap = multi_heap_register((char *)odd + 2049, 1021);
    CHECK_EQUAL(heap_caps_add_region_with_caps(odd_caps, start + 1, start + 1023), ESP_OK);
    CHECK_EQUAL(heap_caps_get_total_size(MALLOC_CAP_RETENTION), 1016);
    CHECK_EQUAL(heap_caps_add_region_with_caps(odd_caps, start + 1, start + 1023), ESP_FAIL);
    CHECK_EQUAL(heap_caps_add_region_with_caps(odd_caps, start + 1022, start + 2045), ESP_OK);
    CHECK_EQUAL(heap_caps_get_total_size(MALLOC_CAP_RETENTION), 1016 + 1020);
    CHECK_EQUAL(added((char *)odd + 3073, 6), ESP_ERR_INVALID_SIZE);
    CHECK_EQUAL(added((char *)odd + 3073, 3), ESP_ERR_INVALID_SIZE);
    CHECK(heap != NULL && multi_heap_check(heap, true));
    further_heaps += 2;
}

static void more_than_128_mib_is_no_heap(void)
{
    const intptr_t most = 128 * 1024 * 1024;
    const intptr_t start = 0x10000000; /* no memory of this program; nothing there is touched */
    CHECK_EQUAL(heap_caps_add_region_with_caps(caps, start, start + most + 4096),
                ESP_ERR_INVALID_SIZE);
    CHECK(multi_heap_register((void *)start, (size_t)most + 4096) == NULL);
}

static void memory_of_no_chip_is_not_found(void)
{
    CHECK_EQUAL(heap_caps_add_region((intptr_t)spare, (intptr_t)spare + 4096), ESP_ERR_NOT_FOUND);
}

static void too_little_memory_has_an_invalid_size(void)
{
    CHECK_EQUAL(added(spare, 4), ESP_ERR_INVALID_SIZE);
    CHECK_EQUAL(added(spare, 16), ESP_ERR_INVALID_SIZE);
}

static void memory_of_a_heap_is_no_second_heap(void)
{
    CHECK_EQUAL(added(dram, sizeof dram), ESP_FAIL);
    CHECK_EQUAL(added(dram + 256, 4096), ESP_FAIL);
    CHECK_EQUAL(added(dram, 4096), ESP_FAIL);
    CHECK_EQUAL(added(dram + 3072, 4096), ESP_FAIL);
}

static void a_block_may_become_a_heap_of_its_own(void)
{
    char *block = (char *)heap_caps_malloc(2048, MALLOC_CAP_SPIRAM), *inner;
    size_t outer = heap_caps_get_free_size(MALLOC_CAP_SPIRAM);
    CHECK_EQUAL(added(block - 4, 1024), ESP_FAIL);
    CHECK_EQUAL(added(block + 1024, 4096), ESP_FAIL);
    CHECK_EQUAL(
        heap_caps_add_region_with_caps(nested_caps, (intptr_t)block, (intptr_t)block + 1024),
        ESP_OK);
    CHECK_EQUAL(
        heap_caps_add_region_with_caps(nested_caps, (intptr_t)block, (intptr_t)block + 1024),
        ESP_FAIL);
    CHECK_EQUAL(added(block + 512, 1024), ESP_FAIL);
    CHECK_EQUAL(heap_caps_get_total_size(nested_caps[0]), 1024);
    further_heaps++;
    lasting_blocks++;
    capture_start();
    heap_caps_free(block);
    CHECK_CONTAINS(capture_stop(), "heap fault: free of 0x");
    expected_faults = 1;
    inner = (char *)heap_caps_malloc(100, nested_caps[0]);
    CHECK(inner > block && inner < block + 1024);
    CHECK_EQUAL(heap_caps_get_allocated_size(inner) >= 100, true);
    inner = (char *)heap_caps_realloc(inner, 200, nested_caps[0]);
    CHECK(inner > block && inner < block + 1024);
    CHECK_EQUAL(heap_caps_get_free_size(MALLOC_CAP_SPIRAM), outer);
    heap_caps_free(inner);
    CHECK(heap_caps_check_integrity_all(true));
}

static void a_region_becomes_a_heap_with_its_capabilities(void)
{
    void *block;
    CHECK(heap_caps_malloc(100, MALLOC_CAP_RTCRAM) == NULL);
    CHECK_EQUAL(added(spare, sizeof spare), ESP_OK);
    further_heaps++;
    CHECK_EQUAL(heap_caps_get_total_size(MALLOC_CAP_RTCRAM), sizeof spare);
    block = heap_caps_malloc(100, MALLOC_CAP_RTCRAM);
    CHECK((uintptr_t)block - (uintptr_t)spare < sizeof spare);
    CHECK(heap_caps_malloc(100, MALLOC_CAP_RTCRAM | MALLOC_CAP_8BIT) == NULL);
    heap_caps_free(block);
    CHECK_EQUAL(added(spare, sizeof spare), ESP_FAIL);
    heap_caps_enable_nonos_stack_heaps();
}

const struct check regions[] = {
    CASE(arguments_that_make_no_sense_are_invalid),
    CASE(memory_of_no_chip_is_not_found),
    CASE(too_little_memory_has_an_invalid_size),
    CASE(memory_of_a_heap_is_no_second_heap),
    CASE(a_region_becomes_a_heap_with_its_capabilities),
    CASE(memory_off_the_word_grid_is_a_heap_of_its_whole_words),
    CASE(more_than_128_mib_is_no_heap),
    CASE(a_block_may_become_a_heap_of_its_own),
    LAST_CASE,
};
