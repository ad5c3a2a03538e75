/* Checks of the figures: those of the heaps that have the capabilities.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_caps.h"
#include "esp_system.h"
#include "memory.h"


#define DMA MALLOC_CAP_DMA
#define SPIRAM MALLOC_CAP_SPIRAM
#define INVALID ((uint32_t)MALLOC_CAP_INVALID)

static void sums_are_over_the_heaps_that_have_all_capabilities(void)
{
    multi_heap_info_t all, internal, external, none;
    CHECK_EQUAL(heap_caps_get_total_size(0), sizeof dram + sizeof iram + sizeof psram);
    CHECK_EQUAL(heap_caps_get_total_size(DMA), sizeof dram);
    CHECK_EQUAL(heap_caps_get_total_size(MALLOC_CAP_8BIT), sizeof dram + sizeof psram);
    CHECK_EQUAL(heap_caps_get_total_size(MALLOC_CAP_INTERNAL), sizeof dram + sizeof iram);
    CHECK_EQUAL(heap_caps_get_total_size(DMA | SPIRAM), 0);
    CHECK_EQUAL(heap_caps_get_total_size(INVALID), 0);
    CHECK_EQUAL(heap_caps_get_free_size(INVALID), 0);
    CHECK_EQUAL(heap_caps_get_minimum_free_size(INVALID), 0);
    CHECK_EQUAL(heap_caps_get_largest_free_block(INVALID), 0);
    heap_caps_get_info(&all, 0);
    heap_caps_get_info(&internal, MALLOC_CAP_INTERNAL);
    heap_caps_get_info(&external, SPIRAM);
    heap_caps_get_info(&none, DMA | MALLOC_CAP_EXEC);
    CHECK_EQUAL(all.total_free_bytes, internal.total_free_bytes + external.total_free_bytes);
    CHECK_EQUAL(all.total_free_bytes, heap_caps_get_free_size(0));
    CHECK_EQUAL(all.largest_free_block, external.largest_free_block);
    CHECK_EQUAL(internal.free_blocks, 2);
    CHECK(is_filled(&none, 0, sizeof none));
}

static void a_block_shows_in_every_figure(void)
{
    multi_heap_info_t before, after;
    void *block;
    heap_caps_get_info(&before, DMA);
    block = heap_caps_malloc(1000, DMA);
    heap_caps_get_info(&after, DMA);
    CHECK_EQUAL(after.total_allocated_bytes, 1000);
    CHECK_EQUAL(after.allocated_blocks, 1);
    CHECK_EQUAL(after.total_blocks, 2);
    CHECK_EQUAL(before.total_free_bytes - after.total_free_bytes, 1000 + HEADER + CANARIES);
    CHECK_EQUAL(heap_caps_get_free_size(DMA), after.total_free_bytes);
    CHECK(after.minimum_free_bytes <= after.total_free_bytes);
    heap_caps_free(block);
    CHECK_EQUAL(heap_caps_get_free_size(DMA), before.total_free_bytes);
}

static void the_largest_block_can_be_had_and_one_byte_more_can_not(void)
{
    static const uint32_t sets[] = {DMA, SPIRAM, MALLOC_CAP_32BIT, MALLOC_CAP_8BIT,
                                    MALLOC_CAP_EXEC};
    size_t index;
    for (index = 0; index < sizeof sets / sizeof sets[0]; index++) {
        void *one = heap_caps_malloc(300, sets[index]), *two = heap_caps_malloc(300, sets[index]);
        size_t largest;
        heap_caps_free(one);
        largest = heap_caps_get_largest_free_block(sets[index]);
        CHECK(heap_caps_malloc(largest + 1, sets[index]) == NULL);
        one = heap_caps_malloc(largest, sets[index]);
        CHECK(one != NULL);
        heap_caps_free(one);
        heap_caps_free(two);
    }
}

static void monitoring_is_a_parenthesis_in_the_minimum(void)
{
    size_t all = heap_caps_get_free_size(DMA), lifetime;
    heap_caps_free(heap_caps_malloc(8000, DMA));
    lifetime = heap_caps_get_minimum_free_size(DMA);
    CHECK(lifetime <= all - 8000);
    CHECK_EQUAL(heap_caps_monitor_local_minimum_free_size_stop(), ESP_FAIL);
    CHECK_EQUAL(heap_caps_monitor_local_minimum_free_size_start(), ESP_OK);
    CHECK_EQUAL(heap_caps_get_minimum_free_size(DMA), all);
    heap_caps_free(heap_caps_malloc(500, DMA));
    CHECK_EQUAL(heap_caps_get_minimum_free_size(DMA), all - 500 - HEADER - CANARIES);
    CHECK_EQUAL(heap_caps_monitor_local_minimum_free_size_start(), ESP_OK);
    CHECK_EQUAL(heap_caps_get_minimum_free_size(DMA), all);
    CHECK_EQUAL(heap_caps_monitor_local_minimum_free_size_stop(), ESP_OK);
    CHECK_EQUAL(heap_caps_get_minimum_free_size(DMA), lifetime);
    CHECK_EQUAL(heap_caps_monitor_local_minimum_free_size_stop(), ESP_FAIL);
}

static void a_block_knows_its_size_from_any_place_in_it(void)
{
    size_t before = heap_caps_get_fault_count();
    char *block = (char *)heap_caps_malloc(100, DMA), *next = (char *)heap_caps_malloc(100, DMA);
    CHECK_EQUAL(heap_caps_get_allocated_size(block), 100);
    CHECK_EQUAL(heap_caps_get_containing_block_size(block), 100);
    CHECK_EQUAL(heap_caps_get_containing_block_size(block + 99), 100);
    CHECK_EQUAL(heap_caps_get_allocated_size(NULL), 0);
    CHECK_EQUAL(heap_caps_get_containing_block_size(NULL), 0);
    CHECK_EQUAL(heap_caps_get_fault_count(), before);
    heap_caps_free(next);
    capture_start();
    CHECK_EQUAL(heap_caps_get_allocated_size(next), 0);
    CHECK_EQUAL(heap_caps_get_allocated_size(block + 4), 0);
    CHECK_EQUAL(heap_caps_get_containing_block_size(next + 50), 0);
    CHECK_EQUAL(heap_caps_get_containing_block_size(&before), 0);
    capture_stop();
    CHECK_EQUAL(heap_caps_get_fault_count(), before + 4);
    expected_faults = 4;
    heap_caps_free(block);
}

static void sizes_that_a_block_has_may_be_used(void)
{
    size_t size;
    for (size = 1; size < 200; size++) {
        void *block = heap_caps_malloc(size, MALLOC_CAP_8BIT);
        CHECK(heap_caps_get_allocated_size(block) >= size);
        CHECK(heap_caps_get_allocated_size(block) < size + 8);
        fill(block, 0xFF, heap_caps_get_allocated_size(block));
        CHECK(heap_caps_check_integrity_all(true));
        heap_caps_free(block);
    }
}

static void the_sizes_of_all_blocks_add_up_to_what_the_heap_says(void)
{
    void *blocks[20];
    multi_heap_info_t info;
    size_t size, sum = 0;
    for (size = 0; size < 20; size++) {
        blocks[size] = heap_caps_malloc(size + 1, MALLOC_CAP_8BIT | MALLOC_CAP_DMA);
        sum += heap_caps_get_allocated_size(blocks[size]);
    }
    heap_caps_get_info(&info, DMA);
    CHECK_EQUAL(info.total_allocated_bytes, sum);
    blocks[7] = heap_caps_realloc(blocks[7], 41, DMA);
    blocks[8] = heap_caps_realloc(blocks[8], 3, DMA);
    for (sum = 0, size = 0; size < 20; size++) {
        sum += heap_caps_get_allocated_size(blocks[size]);
    }
    heap_caps_get_info(&info, DMA);
    CHECK_EQUAL(info.total_allocated_bytes, sum);
    for (size = 0; size < 20; size++) {
        heap_caps_free(blocks[size]);
    }
    heap_caps_get_info(&info, DMA);
    CHECK_EQUAL(info.total_allocated_bytes, 0);
}

static void sets_that_no_memory_can_have_have_no_largest_block(void)
{
    static const uint32_t sets[] = {MALLOC_CAP_EXEC | MALLOC_CAP_8BIT, MALLOC_CAP_EXEC | DMA,
                                    SPIRAM | MALLOC_CAP_DMA_DESC_AXI};
    size_t index;
    for (index = 0; index < sizeof sets / sizeof sets[0]; index++) {
        CHECK_EQUAL(heap_caps_get_largest_free_block(sets[index]), 0);
        CHECK(heap_caps_malloc(1, sets[index]) == NULL);
    }
    CHECK_EQUAL(heap_caps_get_largest_free_block(MALLOC_CAP_DMA_DESC_AHB),
                heap_caps_get_largest_free_block(DMA));
}

static void the_systems_figures_are_those_of_its_kinds_of_memory(void)
{
    CHECK_EQUAL(esp_get_free_heap_size(), heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
    CHECK_EQUAL(esp_get_free_internal_heap_size(),
                heap_caps_get_free_size(MALLOC_CAP_8BIT | MALLOC_CAP_DMA | MALLOC_CAP_INTERNAL));
    CHECK_EQUAL(esp_get_minimum_free_heap_size(),
                heap_caps_get_minimum_free_size(MALLOC_CAP_DEFAULT));
}

const struct check figures[] = {
    CASE(sums_are_over_the_heaps_that_have_all_capabilities),
    CASE(a_block_shows_in_every_figure),
    CASE(the_largest_block_can_be_had_and_one_byte_more_can_not),
    CASE(monitoring_is_a_parenthesis_in_the_minimum),
    CASE(a_block_knows_its_size_from_any_place_in_it),
    CASE(sizes_that_a_block_has_may_be_used),
    CASE(the_sizes_of_all_blocks_add_up_to_what_the_heap_says),
    CASE(sets_that_no_memory_can_have_have_no_largest_block),
    CASE(the_systems_figures_are_those_of_its_kinds_of_memory),
    LAST_CASE,
};
