/* Checks of allocation: blocks come from memory that can do what was asked for; impossible requests
 * fail.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_caps.h"
#include "memory.h"


static void memory_has_the_capabilities_that_were_asked_for(void)
{
    static const struct {
        uint32_t caps;
        bool (*is_there)(const void *);
    } cases[] = {
        {MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT, is_in_dram},
        {MALLOC_CAP_INTERNAL | MALLOC_CAP_DEFAULT, is_in_dram},
        {MALLOC_CAP_8BIT, is_in_dram},
        {MALLOC_CAP_DMA, is_in_dram},
        {MALLOC_CAP_DMA | MALLOC_CAP_32BIT, is_in_dram},
        {MALLOC_CAP_32BIT, is_in_iram},
        {MALLOC_CAP_INTERNAL, is_in_iram},
        {MALLOC_CAP_EXEC, is_in_iram},
        {MALLOC_CAP_EXEC | MALLOC_CAP_32BIT, is_in_iram},
        {MALLOC_CAP_SPIRAM, is_in_psram},
        {MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT, is_in_psram},
    };
    size_t index;
    for (index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        void *block = heap_caps_malloc(100, cases[index].caps);
        CHECK_EQUAL(cases[index].is_there(block) ? index : 1000, index);
        heap_caps_free(block);
    }
}

static void capabilities_that_nothing_has_get_nothing(void)
{
    static const uint32_t impossible[] = {
        0,
        (uint32_t)MALLOC_CAP_INVALID,
        (uint32_t)MALLOC_CAP_INVALID | MALLOC_CAP_8BIT,
        MALLOC_CAP_EXEC | MALLOC_CAP_8BIT,
        MALLOC_CAP_EXEC | MALLOC_CAP_DMA,
        MALLOC_CAP_EXEC | MALLOC_CAP_SPIRAM,
        MALLOC_CAP_INTERNAL | MALLOC_CAP_SPIRAM,
        MALLOC_CAP_RETENTION,
        MALLOC_CAP_SPM,
        MALLOC_CAP_CACHE_ALIGNED,
        MALLOC_CAP_PID2,
        1u << 29,
        1u << 30 | MALLOC_CAP_8BIT,
    };
    size_t index;
    for (index = 0; index < sizeof impossible / sizeof impossible[0]; index++) {
        CHECK(heap_caps_malloc(4, impossible[index]) == NULL);
        CHECK(heap_caps_calloc(1, 4, impossible[index]) == NULL);
        CHECK(heap_caps_aligned_alloc(8, 4, impossible[index]) == NULL);
        CHECK(heap_caps_realloc(NULL, 4, impossible[index]) == NULL);
    }
}

static void a_size_of_nothing_is_no_request(void)
{
    CHECK(heap_caps_malloc(0, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_calloc(0, 4, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_calloc(4, 0, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_calloc(0, 0, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_aligned_alloc(8, 0, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_aligned_calloc(8, 0, 4, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_realloc(NULL, 0, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_malloc_default(0) == NULL);
}

static void sizes_and_products_do_not_wrap(void)
{
    size_t size, half = SIZE_MAX / 2 + 1;
    for (size = SIZE_MAX; size > SIZE_MAX - 64; size--) {
        CHECK(heap_caps_malloc(size, MALLOC_CAP_8BIT) == NULL);
        CHECK(heap_caps_malloc(size, MALLOC_CAP_32BIT) == NULL);
        CHECK(heap_caps_malloc(size, MALLOC_CAP_EXEC) == NULL);
        CHECK(heap_caps_malloc_default(size) == NULL);
        CHECK(heap_caps_aligned_alloc(64, size, MALLOC_CAP_8BIT) == NULL);
    }
    CHECK(heap_caps_calloc(half, 2, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_calloc(2, half, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_calloc(half + 1, 2, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_calloc(SIZE_MAX, SIZE_MAX, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_aligned_calloc(16, half, 2, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_malloc(sizeof psram + 1, MALLOC_CAP_8BIT) == NULL);
}

static void cleared_memory_is_clear(void)
{
    unsigned char *block = (unsigned char *)heap_caps_malloc(400, MALLOC_CAP_8BIT);
    fill(block, 0x77, 400);
    heap_caps_free(block);
    block = (unsigned char *)heap_caps_calloc(100, 4, MALLOC_CAP_8BIT);
    CHECK(is_filled(block, 0, 400));
    fill(block, 0x77, 400);
    heap_caps_free(block);
    block = (unsigned char *)heap_caps_aligned_calloc(64, 100, 3, MALLOC_CAP_8BIT);
    CHECK(is_filled(block, 0, 300));
    CHECK_EQUAL((uintptr_t)block % 64, 0);
    heap_caps_free(block);
}

static void alignments_are_kept_and_must_be_powers_of_two(void)
{
    size_t alignment;
    for (alignment = 0; alignment <= 1024; alignment++) {
        void *block = heap_caps_aligned_alloc(alignment, 52, MALLOC_CAP_DMA);
        bool possible = alignment != 0 && (alignment & (alignment - 1)) == 0;
        CHECK_EQUAL(block != NULL, possible);
        if (possible) {
            CHECK_EQUAL((uintptr_t)block % alignment, 0);
            CHECK(is_in_dram(block));
            CHECK(heap_caps_get_allocated_size(block) >= 52);
            fill(block, 0x3C, 52);
        }
        heap_caps_aligned_free(block);
    }
    CHECK(heap_caps_aligned_calloc(3, 1, 4, MALLOC_CAP_8BIT) == NULL);
    CHECK(heap_caps_aligned_alloc(SIZE_MAX / 2 + 1, 4, MALLOC_CAP_8BIT) == NULL);
}

static void word_only_memory_has_whole_words(void)
{
    uint32_t *words = (uint32_t *)heap_caps_malloc(5, MALLOC_CAP_32BIT);
    CHECK(is_in_iram(words));
    CHECK_EQUAL((uintptr_t)words % 4, 0);
    CHECK(heap_caps_get_allocated_size(words) >= 8);
    words[0] = words[1] = 1;
    heap_caps_free(words);
}

static void when_the_first_choice_is_full_the_next_one_serves(void)
{
    /* 32BIT: IRAM lists it first, DRAM second, PSRAM last. */
    enum { EACH = 1000 };
    void *blocks[64];
    size_t taken = 0, order = 0, index;
    while (taken < 64 && (blocks[taken] = heap_caps_malloc(EACH, MALLOC_CAP_32BIT)) != NULL) {
        size_t place = is_in_iram(blocks[taken]) ? 0 : is_in_dram(blocks[taken]) ? 1 : 2;
        CHECK(place >= order);
        order = place;
        taken++;
    }
    CHECK_EQUAL(order, 2);
    CHECK(taken > 50);
    CHECK(heap_caps_malloc(EACH, MALLOC_CAP_32BIT) == NULL);
    for (index = 0; index < taken; index++) {
        heap_caps_free(blocks[index]);
    }
}

static void malloc_prefers_external_memory_above_its_limit(void)
{
    static const struct {
        size_t limit, size;
        bool is_external;
    } cases[] = {
        {SIZE_MAX, 2000, false}, {1000, 1000, false}, {1000, 1001, true}, {0, 1, true},
        {SIZE_MAX, 1, false},
    };
    size_t index;
    void *block;
    for (index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        heap_caps_malloc_extmem_enable(cases[index].limit);
        block = heap_caps_malloc_default(cases[index].size);
        CHECK_EQUAL(is_in_psram(block) + 10 * index, cases[index].is_external + 10 * index);
        heap_caps_free(block);
        block = heap_caps_aligned_alloc_default(32, cases[index].size);
        CHECK_EQUAL(is_in_psram(block) + 10 * index, cases[index].is_external + 10 * index);
        heap_caps_free(block);
        block = heap_caps_realloc_default(NULL, cases[index].size);
        CHECK_EQUAL(is_in_psram(block) + 10 * index, cases[index].is_external + 10 * index);
        heap_caps_free(block);
    }
    CHECK(heap_caps_malloc_default(sizeof dram) == NULL);
    heap_caps_malloc_extmem_enable(sizeof dram);
    block = heap_caps_malloc_default(sizeof dram);
    CHECK(is_in_psram(block));
    heap_caps_free(block);
    heap_caps_malloc_extmem_enable(SIZE_MAX);
}

static void what_was_not_handed_out_is_not_taken_back(void)
{
    size_t before = heap_caps_get_fault_count();
    char *block = (char *)heap_caps_malloc(40, MALLOC_CAP_8BIT),
         *other = (char *)heap_caps_malloc(40, MALLOC_CAP_8BIT);
    uint32_t outside = 0;
    const char *text;
    heap_caps_free(NULL);
    heap_caps_aligned_free(NULL);
    CHECK_EQUAL(heap_caps_get_fault_count(), before);
    heap_caps_free(other);
    capture_start();
    heap_caps_free(other);
    heap_caps_free(block + 4);
    heap_caps_free(block + 1);
    heap_caps_free(&outside);
    heap_caps_free((void *)(uintptr_t)4);
    text = capture_stop();
    CHECK_CONTAINS(text, "already free");
    CHECK_CONTAINS(text, "free of ");
    CHECK_EQUAL(heap_caps_get_fault_count(), before + 5);
    expected_faults = 5;
    fill(block, 1, 40);
    heap_caps_free(block);
}

const struct check allocating[] = {
    CASE(memory_has_the_capabilities_that_were_asked_for),
    CASE(capabilities_that_nothing_has_get_nothing),
    CASE(a_size_of_nothing_is_no_request),
    CASE(sizes_and_products_do_not_wrap),
    CASE(cleared_memory_is_clear),
    CASE(alignments_are_kept_and_must_be_powers_of_two),
    CASE(word_only_memory_has_whole_words),
    CASE(when_the_first_choice_is_full_the_next_one_serves),
    CASE(malloc_prefers_external_memory_above_its_limit),
    CASE(what_was_not_handed_out_is_not_taken_back),
    LAST_CASE,
};
