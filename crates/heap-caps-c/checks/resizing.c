/* Checks of resizing: a block keeps its contents, and goes where it was sent.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_caps.h"
#include "memory.h"


static void no_block_and_no_size_mean_malloc_and_free(void)
{
    size_t before = heap_caps_get_free_size(0);
    void *block = heap_caps_realloc(NULL, 64, MALLOC_CAP_DMA);
    CHECK(is_in_dram(block));
    CHECK(heap_caps_realloc(block, 0, MALLOC_CAP_DMA) == NULL);
    CHECK(heap_caps_realloc(NULL, 0, MALLOC_CAP_DMA) == NULL);
    block = heap_caps_realloc_default(NULL, 64);
    CHECK(is_in_dram(block));
    CHECK(heap_caps_realloc_default(block, 0) == NULL);
    CHECK_EQUAL(heap_caps_get_free_size(0), before);
}

static void contents_stay_up_to_the_smaller_size(void)
{
    size_t size, last = 100;
    unsigned char *block = (unsigned char *)heap_caps_malloc(last, MALLOC_CAP_8BIT);
    unsigned char *behind = (unsigned char *)heap_caps_malloc(50, MALLOC_CAP_8BIT);
    fill(behind, 0x22, 50);
    for (size = 1; size < 2000; size = size * 3 + 1) {
        fill(block, 0x11, last);
        block = (unsigned char *)heap_caps_realloc(block, size, MALLOC_CAP_8BIT);
        CHECK(is_filled(block, 0x11, size < last ? size : last));
        CHECK(is_filled(behind, 0x22, 50));
        last = size;
    }
    heap_caps_free(behind);
    heap_caps_free(block);
}

static void a_failed_resize_leaves_the_block_as_it_was(void)
{
    unsigned char *block = (unsigned char *)heap_caps_malloc(100, MALLOC_CAP_8BIT);
    size_t free_bytes = heap_caps_get_free_size(0);
    fill(block, 0x33, 100);
    CHECK(heap_caps_realloc(block, sizeof psram, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_realloc(block, SIZE_MAX, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_realloc(block, SIZE_MAX - 15, MALLOC_CAP_32BIT) == NULL);
    CHECK(heap_caps_realloc(block, 200, (uint32_t)MALLOC_CAP_INVALID) == NULL);
    CHECK(heap_caps_realloc(block, 200, MALLOC_CAP_EXEC | MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_realloc(block, 200, MALLOC_CAP_RETENTION) == NULL);
    CHECK(heap_caps_realloc_default(block, SIZE_MAX) == NULL);
    CHECK(is_filled(block, 0x33, 100));
    CHECK_EQUAL(heap_caps_get_free_size(0), free_bytes);
    heap_caps_free(block);
}

static void other_capabilities_move_the_block(void)
{
    unsigned char *block = (unsigned char *)heap_caps_malloc(100, MALLOC_CAP_DMA);
    fill(block, 0x44, 100);
    block = (unsigned char *)heap_caps_realloc(block, 60, MALLOC_CAP_SPIRAM);
    CHECK(is_in_psram(block));
    CHECK(is_filled(block, 0x44, 60));
    block = (unsigned char *)heap_caps_realloc(block, 200, MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
    CHECK(is_in_dram(block));
    CHECK(is_filled(block, 0x44, 60));
    heap_caps_free(block);
}

static void no_capabilities_mean_memory_like_before(void)
{
    unsigned char *block = (unsigned char *)heap_caps_malloc(100, MALLOC_CAP_SPIRAM);
    unsigned char *behind = (unsigned char *)heap_caps_malloc(100, MALLOC_CAP_SPIRAM);
    fill(block, 0x55, 100);
    block = (unsigned char *)heap_caps_realloc(block, 500, 0);
    CHECK(is_in_psram(block));
    CHECK(is_filled(block, 0x55, 100));
    heap_caps_free(block);
    heap_caps_free(behind);
}

static void a_block_grows_into_another_kind_of_memory_when_its_own_is_full(void)
{
    unsigned char *block = (unsigned char *)heap_caps_malloc(1000, MALLOC_CAP_DMA);
    unsigned char *larger;
    fill(block, 0x66, 1000);
    CHECK(heap_caps_realloc(block, sizeof dram, MALLOC_CAP_DMA) == NULL);
    larger = (unsigned char *)heap_caps_realloc(block, sizeof dram, MALLOC_CAP_8BIT);
    CHECK(is_in_psram(larger));
    CHECK(is_filled(larger, 0x66, 1000));
    heap_caps_free(larger);
}

#ifndef CONFIG_HEAP_POISONING_COMPREHENSIVE
static void resizing_in_place_moves_nothing(void)
{
    void *block = heap_caps_malloc(100, MALLOC_CAP_DMA);
    CHECK(heap_caps_realloc(block, 40, MALLOC_CAP_DMA) == block);
    CHECK(heap_caps_realloc(block, 1000, MALLOC_CAP_DMA) == block);
    CHECK(heap_caps_get_allocated_size(block) >= 1000);
    heap_caps_free(block);
}
#endif

static void what_was_not_handed_out_is_not_resized(void)
{
    size_t before = heap_caps_get_fault_count();
    char *block = (char *)heap_caps_malloc(40, MALLOC_CAP_8BIT);
    uint32_t outside = 0;
    capture_start();
    CHECK(heap_caps_realloc(block + 8, 80, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_realloc(&outside, 80, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_realloc(&outside, 0, MALLOC_CAP_8BIT) == NULL);
    heap_caps_free(block);
    CHECK(heap_caps_realloc(block, 80, MALLOC_CAP_8BIT) == NULL);
    CHECK_CONTAINS(capture_stop(), "reallocation of ");
    CHECK_EQUAL(heap_caps_get_fault_count(), before + 4);
    expected_faults = 4;
}

static void a_resized_block_keeps_the_alignment_that_is_named(void)
{
    size_t alignment;
    for (alignment = 8; alignment <= 1024; alignment *= 4) {
        unsigned char *block =
            (unsigned char *)heap_caps_aligned_realloc(NULL, alignment, 50, MALLOC_CAP_DMA);
        void *wall = heap_caps_malloc(8, MALLOC_CAP_DMA);
        CHECK(block != NULL && (uintptr_t)block % alignment == 0);
        fill(block, 0x5A, 50);
        block = (unsigned char *)heap_caps_aligned_realloc(block, alignment, 900, MALLOC_CAP_DMA);
        CHECK(block != NULL && (uintptr_t)block % alignment == 0);
        CHECK(is_filled(block, 0x5A, 50));
        CHECK(heap_caps_aligned_realloc(block, 24, 1000, MALLOC_CAP_DMA) == NULL);
        CHECK(heap_caps_aligned_realloc(block, alignment, 1000000, MALLOC_CAP_DMA) == NULL);
        CHECK(is_filled(block, 0x5A, 50));
        block =
            (unsigned char *)heap_caps_aligned_realloc(block, alignment, 700, MALLOC_CAP_SPIRAM);
        CHECK(is_in_psram(block) && (uintptr_t)block % alignment == 0
              && is_filled(block, 0x5A, 50));
        CHECK(heap_caps_aligned_realloc(block, alignment, 0, MALLOC_CAP_SPIRAM) == NULL);
        heap_caps_free(wall);
    }
}

/* Grows a block behind which there is no room: it moves, and keeps its contents. */
static void *grown(void *block, size_t size, void *(*resize)(void *block, size_t size))
{
    void *wall = heap_caps_malloc(8, MALLOC_CAP_8BIT);
    void *larger;
    fill(block, 0x5B, 40);
    larger = resize(block, size);
    CHECK(larger != NULL && is_filled(larger, 0x5B, 40));
    heap_caps_free(wall);
    return larger;
}

static void *by_capability(void *block, size_t size)
{
    return heap_caps_realloc(block, size, MALLOC_CAP_8BIT);
}

static void *to_external_memory(void *block, size_t size)
{
    return heap_caps_realloc(block, size, MALLOC_CAP_SPIRAM);
}

static void *in_its_own_memory(void *block, size_t size)
{
    return heap_caps_realloc(block, size, 0);
}

static void *by_preference(void *block, size_t size)
{
    return heap_caps_realloc_prefer(block, size, 2, (uint32_t)MALLOC_CAP_DMA,
                                    (uint32_t)MALLOC_CAP_SPIRAM);
}

static void every_realloc_keeps_the_alignment_that_a_block_was_given(void)
{
    static void *(*const resize[])(void *, size_t) = {by_capability, to_external_memory,
                                                      in_its_own_memory, by_preference,
                                                      heap_caps_realloc_default};
    const uint32_t caps = MALLOC_CAP_DMA;
    size_t alignment, way;
    for (alignment = 8; alignment <= 512; alignment *= 4) {
        for (way = 0; way < sizeof resize / sizeof resize[0]; way++) {
            void *blocks[3] = {
                heap_caps_aligned_alloc(alignment, 40, caps),
                heap_caps_aligned_calloc(alignment, 4, 10, caps),
                heap_caps_aligned_realloc(heap_caps_malloc(4, caps), alignment, 40, caps)};
            size_t index;
            for (index = 0; index < 3; index++) {
                blocks[index] = grown(blocks[index], 100, resize[way]);
                CHECK_EQUAL((uintptr_t)blocks[index] % alignment, 0);
                blocks[index] = grown(blocks[index], 900, resize[way]);
                CHECK_EQUAL((uintptr_t)blocks[index] % alignment, 0);
            }
            for (index = 0; index < 3; index++) {
                heap_caps_free(blocks[index]);
            }
        }
    }
}

const struct check resizing[] = {
    CASE(no_block_and_no_size_mean_malloc_and_free),
    CASE(contents_stay_up_to_the_smaller_size),
    CASE(a_failed_resize_leaves_the_block_as_it_was),
    CASE(other_capabilities_move_the_block),
    CASE(no_capabilities_mean_memory_like_before),
    CASE(a_block_grows_into_another_kind_of_memory_when_its_own_is_full),
#ifndef CONFIG_HEAP_POISONING_COMPREHENSIVE
    CASE(resizing_in_place_moves_nothing),
#endif
    CASE(what_was_not_handed_out_is_not_resized),
    CASE(a_resized_block_keeps_the_alignment_that_is_named),
    CASE(every_realloc_keeps_the_alignment_that_a_block_was_given),
    LAST_CASE,
};
