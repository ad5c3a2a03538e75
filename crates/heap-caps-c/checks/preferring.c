/* Checks of preferences: tried strictly in the order in which they are given.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_caps.h"
#include "memory.h"

#define INTERNAL (MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT)
#define NOTHING (MALLOC_CAP_EXEC | MALLOC_CAP_8BIT)

static void the_first_set_that_has_room_serves(void)
{
    void *block = heap_caps_malloc_prefer(100, 2, MALLOC_CAP_SPIRAM, INTERNAL);
    CHECK(is_in_psram(block));
    heap_caps_free(block);
    block = heap_caps_malloc_prefer(100, 2, INTERNAL, MALLOC_CAP_SPIRAM);
    CHECK(is_in_dram(block));
    heap_caps_free(block);
    block = heap_caps_malloc_prefer(sizeof dram, 2, INTERNAL, MALLOC_CAP_SPIRAM);
    CHECK(is_in_psram(block));
    heap_caps_free(block);
    block = heap_caps_malloc_prefer(100, 4, NOTHING, 0, MALLOC_CAP_RETENTION, MALLOC_CAP_EXEC);
    CHECK(is_in_iram(block));
    heap_caps_free(block);
    block = heap_caps_malloc_prefer(100, 1, INTERNAL);
    CHECK(is_in_dram(block));
    heap_caps_free(block);
}

static void cleared_blocks_follow_the_same_order(void)
{
    unsigned char *block =
        (unsigned char *)heap_caps_calloc_prefer(25, 4, 2, NOTHING, MALLOC_CAP_SPIRAM);
    CHECK(is_in_psram(block));
    CHECK(is_filled(block, 0, 100));
    heap_caps_free(block);
    CHECK(heap_caps_calloc_prefer(SIZE_MAX / 2, 4, 2, INTERNAL, MALLOC_CAP_SPIRAM) == NULL);
    CHECK(heap_caps_calloc_prefer(0, 4, 1, INTERNAL) == NULL);
    CHECK(heap_caps_calloc_prefer(4, 0, 1, INTERNAL) == NULL);
}

static void resized_blocks_follow_the_same_order(void)
{
    unsigned char *block =
        (unsigned char *)heap_caps_realloc_prefer(NULL, 100, 2, INTERNAL, MALLOC_CAP_SPIRAM);
    CHECK(is_in_dram(block));
    fill(block, 0x12, 100);
    block = (unsigned char *)heap_caps_realloc_prefer(block, 200, 2, MALLOC_CAP_SPIRAM, INTERNAL);
    CHECK(is_in_psram(block));
    CHECK(is_filled(block, 0x12, 100));
    block = (unsigned char *)heap_caps_realloc_prefer(block, 300, 2, NOTHING, INTERNAL);
    CHECK(is_in_dram(block));
    CHECK(heap_caps_realloc_prefer(block, sizeof psram, 2, MALLOC_CAP_SPIRAM, INTERNAL) == NULL);
    CHECK(is_filled(block, 0x12, 100));
    CHECK(heap_caps_realloc_prefer(block, 0, 2, MALLOC_CAP_SPIRAM, INTERNAL) == NULL);
}

#if !(defined(__clang__) && defined(__XTENSA__))
/* There are no more arguments than are needed: reading a million would end the check. */
static void sets_behind_the_one_that_serves_are_not_read(void)
{
    void *block = heap_caps_malloc_prefer(100, 1000000, NOTHING, INTERNAL);
    CHECK(is_in_dram(block));
    block = heap_caps_realloc_prefer(block, 200, 1000000, MALLOC_CAP_SPIRAM);
    CHECK(is_in_psram(block));
    heap_caps_free(block);
    block = heap_caps_calloc_prefer(10, 10, 1000000, INTERNAL);
    CHECK(is_in_dram(block));
    CHECK(heap_caps_realloc_prefer(block, 0, 1000000) == NULL);
    CHECK(heap_caps_malloc_prefer(0, 1000000) == NULL);
}
#endif

static void no_set_no_size_and_no_room_get_nothing(void)
{
    CHECK(heap_caps_malloc_prefer(100, 0) == NULL);
    CHECK(heap_caps_calloc_prefer(1, 100, 0) == NULL);
    CHECK(heap_caps_realloc_prefer(NULL, 100, 0) == NULL);
    CHECK(heap_caps_malloc_prefer(0, 1, INTERNAL) == NULL);
    CHECK(heap_caps_malloc_prefer(SIZE_MAX, 2, INTERNAL, MALLOC_CAP_SPIRAM) == NULL);
    CHECK(heap_caps_malloc_prefer(100, 3, NOTHING, 0, MALLOC_CAP_RETENTION) == NULL);
}

static void an_array_says_the_same(void)
{
    static const uint32_t sets[] = {NOTHING, MALLOC_CAP_SPIRAM, INTERNAL};
    void *block = heap_caps_malloc_prefer_array(100, 3, sets);
    CHECK(is_in_psram(block));
    block = heap_caps_realloc_prefer_array(block, 200, 2, sets);
    CHECK(is_in_psram(block));
    heap_caps_free(block);
    block = heap_caps_calloc_prefer_array(10, 10, 1, sets + 2);
    CHECK(is_in_dram(block));
    heap_caps_free(block);
    CHECK(heap_caps_malloc_prefer_array(100, 3, NULL) == NULL);
}

static void the_functions_can_be_passed_on(void)
{
#ifdef heap_caps_malloc_prefer
    print("left out: this compiler has no heap_caps_malloc_prefer() to be passed on, see "
          "esp_heap_caps.h\n");
#else
    void *(*function)(size_t, size_t, ...) = heap_caps_malloc_prefer;
    void *block = function(100, 5, NOTHING, NOTHING, NOTHING, NOTHING, MALLOC_CAP_SPIRAM);
    CHECK(is_in_psram(block));
    heap_caps_free(block);
#endif
}

const struct check preferring[] = {
    CASE(the_first_set_that_has_room_serves),
    CASE(cleared_blocks_follow_the_same_order),
    CASE(resized_blocks_follow_the_same_order),
#if !(defined(__clang__) && defined(__XTENSA__))
    CASE(sets_behind_the_one_that_serves_are_not_read),
#endif
    CASE(no_set_no_size_and_no_room_get_nothing),
    CASE(an_array_says_the_same),
    CASE(the_functions_can_be_passed_on),
    LAST_CASE,
};
