/* Checks of the names of 2016 that serve by tag, from regions of the program.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A program of its own: regions with tags are handed over before there are heaps.
 */
#include "check.h"
#include "esp_heap_alloc_caps.h"
#include "freertos/heap_regions.h"
#include "memory.h"

enum { FAST = 0, SLOW = 2, NOBODYS = 9 };

/* A spare piece, tag SLOW, tag FAST, and one that is not used. */
static uint32_t pieces[4][1024];

static HeapRegionTagged_t table[] = {
    {(uint8_t *)pieces[1], sizeof pieces[1], SLOW, 0},
    {(uint8_t *)pieces[2], sizeof pieces[2], FAST, 0},
    {(uint8_t *)pieces[3], sizeof pieces[3], -1, 0},
    {NULL, 0, 0, 0},
};

const unsigned heaps_at_start = 2;

bool memory_start(void)
{
    bool nothing_before =
        pvPortMallocTagged(100, FAST) == NULL && xPortGetFreeHeapSizeTagged(FAST) == 0;
    vPortDefineHeapRegionsTagged(table);
    return nothing_before;
}

static bool is_in_piece(const void *block, int piece)
{
    return (uintptr_t)block - (uintptr_t)pieces[piece] < sizeof pieces[piece];
}

static void tags_have_memory_of_their_own(void)
{
    size_t all = xPortGetFreeHeapSizeTagged(FAST), slow = xPortGetFreeHeapSizeTagged(SLOW);
    void *one = pvPortMallocTagged(1000, FAST), *two = pvPortMallocTagged(500, SLOW);
    CHECK(is_in_piece(one, 2));
    CHECK(is_in_piece(two, 1));
    CHECK_EQUAL(all - xPortGetFreeHeapSizeTagged(FAST), 1000 + HEADER + CANARIES);
    CHECK_EQUAL(slow - xPortGetFreeHeapSizeTagged(SLOW), 500 + HEADER + CANARIES);
    vPortFreeTagged(one);
    vPortFree(two);
    vPortFreeTagged(NULL);
    CHECK_EQUAL(xPortGetFreeHeapSizeTagged(FAST), all);
    CHECK_EQUAL(xPortGetMinimumEverFreeHeapSizeTagged(FAST), all - 1000 - HEADER - CANARIES);
}

static void what_a_tag_has_not_it_does_not_get_from_another(void)
{
    CHECK(pvPortMallocTagged(5000, FAST) == NULL);
    CHECK(pvPortMallocTagged(0, FAST) == NULL);
    CHECK(pvPortMallocTagged(SIZE_MAX, FAST) == NULL);
    CHECK(pvPortMallocTagged(4, NOBODYS) == NULL);
    CHECK(pvPortMallocTagged(4, HEAPREGIONS_MAX_TAGCOUNT) == NULL);
    CHECK(pvPortMallocTagged(4, -1) == NULL);
    CHECK_EQUAL(xPortGetFreeHeapSizeTagged(NOBODYS), 0);
    CHECK_EQUAL(xPortGetFreeHeapSizeTagged(-1), 0);
}

static void a_block_is_not_freed_twice(void)
{
    size_t before = heap_caps_get_fault_count();
    void *block = pvPortMallocTagged(40, FAST);
    vPortFreeTagged(block);
    capture_start();
    vPortFreeTagged(block);
    vPortFree(block);
    CHECK_CONTAINS(capture_stop(), "double free");
    CHECK_EQUAL(heap_caps_get_fault_count(), before + 2);
    expected_faults = 2;
}

static void regions_are_handed_over_once(void)
{
    size_t before = heap_caps_get_fault_count();
    capture_start();
    vPortDefineHeapRegionsTagged(table);
    capture_stop();
    CHECK_EQUAL(heap_caps_get_fault_count(), before + 1);
    expected_faults = 1;
}

static void capabilities_find_the_tags_that_have_them(void)
{
    void *block = pvPortMallocCaps(100, MALLOC_CAP_DMA);
    CHECK(is_in_piece(block, 2));
    vPortFree(block);
    block = pvPortMallocCaps(100, MALLOC_CAP_EXEC);
    CHECK(is_in_piece(block, 1));
    vPortFree(block);
    block = pvPortMalloc(100);
    CHECK(is_in_piece(block, 2));
    vPortFree(block);
    CHECK_EQUAL(xPortGetFreeHeapSize(), xPortGetFreeHeapSizeTagged(FAST));
    CHECK(xPortGetMinimumEverFreeHeapSize() < xPortGetFreeHeapSize());
    /* Any of the capabilities counts, once for each column that has one. */
    CHECK_EQUAL(xPortGetFreeHeapSizeCaps(MALLOC_CAP_8BIT | MALLOC_CAP_32BIT),
                2 * xPortGetFreeHeapSizeTagged(FAST) + xPortGetFreeHeapSizeTagged(SLOW));
}

const struct check of_2016[] = {
    CASE(tags_have_memory_of_their_own),
    CASE(what_a_tag_has_not_it_does_not_get_from_another),
    CASE(a_block_is_not_freed_twice),
    CASE(regions_are_handed_over_once),
    CASE(capabilities_find_the_tags_that_have_them),
    LAST_CASE,
};
