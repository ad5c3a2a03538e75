/* Checks of multi_heap.h: every function does what its header says.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "memory.h"
#include "multi_heap.h"
#include "multi_heap_internal.h"
#include "esp_heap_caps.h"


#define REGION 4096

static uint32_t region[REGION / 4];

/* A heap without any block. */
static multi_heap_handle_t fresh(void)
{
    multi_heap_handle_t heap;
    fill(region, 0xA5, sizeof region);
    heap = multi_heap_register(region, sizeof region);
    CHECK(heap != NULL);
    return heap;
}

static multi_heap_info_t info_of(multi_heap_handle_t heap)
{
    multi_heap_info_t info;
    multi_heap_get_info(heap, &info);
    return info;
}

static bool is_inside(const void *pointer)
{
    return (uintptr_t)pointer - (uintptr_t)region < sizeof region;
}

/* -- Registering ------------------------------------------------------------------------------- */

static void a_fresh_heap_is_one_free_block(void)
{
    multi_heap_handle_t heap = fresh();
    multi_heap_info_t info = info_of(heap);
    CHECK_EQUAL(info.allocated_blocks, 0);
    CHECK_EQUAL(info.total_allocated_bytes, 0);
    CHECK_EQUAL(info.free_blocks, 1);
    CHECK_EQUAL(info.total_blocks, 1);
    CHECK_EQUAL(info.largest_free_block, info.total_free_bytes);
    CHECK_EQUAL(info.minimum_free_bytes, info.total_free_bytes);
    CHECK_EQUAL(multi_heap_free_size(heap), info.total_free_bytes);
    CHECK_EQUAL(multi_heap_minimum_free_size(heap), info.total_free_bytes);
    CHECK(info.total_free_bytes > REGION - 400);
    CHECK(multi_heap_check(heap, true));
}

static void any_start_and_size_will_do(void)
{
    unsigned char *bytes = (unsigned char *)region;
    size_t start, size;
    for (start = 0; start < 9; start++) {
        for (size = 500; size < 509; size++) {
            multi_heap_handle_t heap = multi_heap_register(bytes + start, size);
            void *block = multi_heap_malloc(heap, 100);
            CHECK(heap != NULL);
            CHECK((unsigned char *)block > bytes + start);
            CHECK((unsigned char *)block + 100 <= bytes + start + size);
            CHECK_EQUAL((uintptr_t)block % 4, 0);
            CHECK(multi_heap_check(heap, true));
        }
    }
}

static void nothing_outside_of_the_region_is_written(void)
{
    unsigned char *bytes = (unsigned char *)region;
    multi_heap_handle_t heap;
    fill(region, 0x11, sizeof region);
    heap = multi_heap_register(bytes + 64, 1000);
    while (multi_heap_malloc(heap, 16) != NULL) {
    }
    CHECK(is_filled(bytes, 0x11, 64));
    CHECK(is_filled(bytes + 1064, 0x11, sizeof region - 1064));
}

static void a_region_that_is_too_small_is_no_heap(void)
{
    size_t size, smallest = 0;
    CHECK(multi_heap_register(NULL, REGION) == NULL);
    for (size = 0; size < 512; size++) {
        multi_heap_handle_t heap = multi_heap_register(region, size);
        if (heap != NULL && smallest == 0) {
            smallest = size;
        }
        CHECK((heap != NULL) == (smallest != 0));
        if (heap != NULL) {
            size_t largest = info_of(heap).largest_free_block;
            CHECK(multi_heap_check(heap, true));
            CHECK_EQUAL(multi_heap_malloc(heap, largest) != NULL, largest != 0);
        }
    }
    CHECK(smallest > 0 && smallest < 300);
}

static void no_heap_serves_nothing(void)
{
    multi_heap_info_t info;
    fill(&info, 0xFF, sizeof info);
    multi_heap_get_info(NULL, &info);
    CHECK(is_filled(&info, 0, sizeof info));
    CHECK(multi_heap_malloc(NULL, 4) == NULL);
    CHECK(multi_heap_aligned_alloc(NULL, 4, 8) == NULL);
    CHECK(multi_heap_realloc(NULL, NULL, 4) == NULL);
    CHECK_EQUAL(multi_heap_free_size(NULL), 0);
    CHECK_EQUAL(multi_heap_minimum_free_size(NULL), 0);
    multi_heap_free(NULL, NULL);
    multi_heap_set_lock(NULL, NULL);
}

/* -- Allocating and freeing -------------------------------------------------------------------- */

static void a_block_holds_what_is_written_to_it(void)
{
    multi_heap_handle_t heap = fresh();
    size_t half = (multi_heap_free_size(heap) + 4) / 2;
    void *block = multi_heap_malloc(heap, half);
    CHECK(is_inside(block));
    CHECK(multi_heap_get_allocated_size(heap, block) >= half);
    fill(block, 0xEE, half);
    CHECK(multi_heap_malloc(heap, half) == NULL);
    CHECK(multi_heap_check(heap, true));
    multi_heap_free(heap, block);
    block = multi_heap_malloc(heap, half);
    CHECK(block != NULL);
    multi_heap_free(heap, block);
    CHECK(multi_heap_free_size(heap) > multi_heap_minimum_free_size(heap));
}

static void a_block_costs_four_bytes_and_its_canaries(void)
{
    multi_heap_handle_t heap = fresh();
    size_t before = multi_heap_free_size(heap);
    void *block = multi_heap_malloc(heap, 256);
    CHECK_EQUAL(before - multi_heap_free_size(heap), 256 + HEADER + CANARIES);
    CHECK_EQUAL(multi_heap_get_allocated_size(heap, block), 256);
    CHECK_EQUAL(multi_heap_get_full_block_size(heap, block), 256 + CANARIES);
    CHECK_EQUAL(info_of(heap).total_allocated_bytes, 256);
    multi_heap_free(heap, block);
    CHECK_EQUAL(multi_heap_free_size(heap), before);
}

static void sizes_of_nothing_and_of_everything_have_no_block(void)
{
    multi_heap_handle_t heap = fresh();
    size_t before = multi_heap_free_size(heap), size;
    CHECK(multi_heap_malloc(heap, 0) == NULL);
    for (size = SIZE_MAX; size > SIZE_MAX - 64; size--) {
        CHECK(multi_heap_malloc(heap, size) == NULL);
        CHECK(multi_heap_aligned_alloc(heap, size, 64) == NULL);
    }
    CHECK(multi_heap_malloc(heap, SIZE_MAX / 2) == NULL);
    CHECK(multi_heap_malloc(heap, REGION) == NULL);
    CHECK_EQUAL(multi_heap_free_size(heap), before);
}

static void the_largest_block_can_be_had_and_one_byte_more_can_not(void)
{
    multi_heap_handle_t heap = fresh();
    size_t largest = info_of(heap).largest_free_block;
    void *block;
    CHECK(multi_heap_malloc(heap, largest + 1) == NULL);
    block = multi_heap_malloc(heap, largest);
    CHECK(block != NULL);
    CHECK_EQUAL(multi_heap_free_size(heap), 0);
    CHECK_EQUAL(info_of(heap).free_blocks, 0);
    multi_heap_free(heap, block);
}

static void smallest_blocks_fill_the_heap_and_come_back_in_any_order(void)
{
    static void *blocks[REGION / 4];
    multi_heap_handle_t heap = fresh();
    size_t before = multi_heap_free_size(heap), taken = 0, left;
    while (taken < REGION / 4 && (blocks[taken] = multi_heap_malloc(heap, 1)) != NULL) {
        taken++;
    }
    CHECK(taken > 150 && taken < REGION / 4);
    CHECK(multi_heap_check(heap, true));
    for (left = taken; left > 0; left--) {
        size_t chosen = random_below((uint32_t)left);
        multi_heap_free(heap, blocks[chosen]);
        blocks[chosen] = blocks[left - 1];
        CHECK(multi_heap_check(heap, true));
    }
    CHECK_EQUAL(multi_heap_free_size(heap), before);
    CHECK_EQUAL(info_of(heap).free_blocks, 1);
}

static void freed_neighbours_become_one_block(void)
{
    multi_heap_handle_t heap = fresh();
    void *blocks[4];
    int index;
    for (index = 0; index < 4; index++) {
        blocks[index] = multi_heap_malloc(heap, 500);
        CHECK(blocks[index] != NULL);
    }
    CHECK(multi_heap_malloc(heap, 2500) == NULL);
    multi_heap_free(heap, blocks[0]);
    multi_heap_free(heap, blocks[1]);
    CHECK_EQUAL(info_of(heap).free_blocks, 2);
    multi_heap_free(heap, blocks[3]);
    CHECK_EQUAL(info_of(heap).free_blocks, 2);
    blocks[0] = multi_heap_malloc(heap, 1000);
    CHECK(blocks[0] != NULL && blocks[0] < blocks[2]);
    multi_heap_free(heap, blocks[0]);
    multi_heap_free(heap, blocks[2]);
    CHECK_EQUAL(info_of(heap).free_blocks, 1);
    blocks[0] = multi_heap_malloc(heap, 2500);
    CHECK(blocks[0] != NULL);
    multi_heap_free(heap, blocks[0]);
}

static void what_was_freed_is_taken_again(void)
{
    multi_heap_handle_t heap = fresh();
    multi_heap_info_t before = info_of(heap), between;
    void *first = multi_heap_malloc(heap, 128), *second = multi_heap_malloc(heap, 32), *third;
    multi_heap_free(heap, first);
    third = multi_heap_malloc(heap, 64);
    CHECK(third == first);
    multi_heap_free(heap, third);
    third = multi_heap_malloc(heap, 32);
    CHECK(third == first);
    between = info_of(heap);
    CHECK_EQUAL(between.allocated_blocks, 2);
    CHECK_EQUAL(between.free_blocks, 2);
    multi_heap_free(heap, third);
    multi_heap_free(heap, second);
    CHECK_EQUAL(info_of(heap).total_free_bytes, before.total_free_bytes);
    CHECK_EQUAL(info_of(heap).free_blocks, 1);
}

static void null_is_no_block(void)
{
    multi_heap_handle_t heap = fresh();
    multi_heap_free(heap, NULL);
    multi_heap_aligned_free(heap, NULL);
    CHECK_EQUAL(multi_heap_get_allocated_size(heap, NULL), 0);
    CHECK_EQUAL(multi_heap_get_full_block_size(heap, NULL), 0);
    CHECK(multi_heap_find_containing_block(heap, NULL) == NULL);
    CHECK_EQUAL(info_of(heap).free_blocks, 1);
}

/* -- Alignment --------------------------------------------------------------------------------- */

static void an_aligned_block_is_aligned_and_large_enough(void)
{
    multi_heap_handle_t heap = fresh();
    size_t before = multi_heap_free_size(heap), alignment;
    for (alignment = 0; alignment <= 512; alignment++) {
        size_t size = alignment + 137;
        void *block = multi_heap_aligned_alloc(heap, size, alignment);
        if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
            CHECK(block == NULL);
            continue;
        }
        CHECK(is_inside(block));
        CHECK_EQUAL((uintptr_t)block % alignment, 0);
        fill(block, 0xA5, size);
        CHECK(multi_heap_check(heap, true));
        multi_heap_aligned_free(heap, block);
        CHECK_EQUAL(multi_heap_free_size(heap), before);
    }
    CHECK(multi_heap_aligned_alloc(heap, 0, 64) == NULL);
    CHECK(multi_heap_aligned_alloc(heap, 4, ((size_t)1) << (sizeof(size_t) * 8 - 1)) == NULL);
}

static void aligned_blocks_fit_between_others(void)
{
    multi_heap_handle_t heap = fresh();
    size_t before = multi_heap_free_size(heap);
    void *first = multi_heap_aligned_alloc(heap, 50, 4),
         *second = multi_heap_aligned_alloc(heap, 50, 4);
    size_t gap = (size_t)((char *)second - (char *)first);
    multi_heap_free(heap, first);
    first = multi_heap_aligned_alloc(heap, gap, 4);
    multi_heap_free(heap, second);
    CHECK(multi_heap_check(heap, true));
    multi_heap_free(heap, first);
    CHECK_EQUAL(multi_heap_free_size(heap), before);
}

static void the_byte_at_the_offset_is_the_aligned_one(void)
{
    static const size_t offsets[] = {0, 4, 5, 8, 12, 60};
    multi_heap_handle_t heap = fresh();
    size_t index, alignment;
    for (index = 0; index < sizeof offsets / sizeof offsets[0]; index++) {
        for (alignment = 8; alignment <= 256; alignment *= 2) {
            size_t offset = offsets[index];
            void *block = multi_heap_aligned_alloc_offs(heap, 100 + offset, alignment, offset);
            CHECK(block != NULL);
            CHECK_EQUAL(((uintptr_t)block + (offset + 3) / 4 * 4) % alignment, 0);
            multi_heap_free(heap, block);
        }
    }
    CHECK(multi_heap_aligned_alloc_offs(heap, 100, 3, 0) == NULL);
    CHECK(multi_heap_aligned_alloc_offs(heap, SIZE_MAX, 8, SIZE_MAX) == NULL);
}

/* -- Resizing ---------------------------------------------------------------------------------- */

static void a_resized_block_keeps_its_contents(void)
{
    multi_heap_handle_t heap = fresh();
    uint32_t *first = (uint32_t *)multi_heap_malloc(heap, 64),
             *second = (uint32_t *)multi_heap_malloc(heap, 32);
    uint32_t *moved, *kept;
    CHECK(second > first);
    fill(first, 0x5A, 64);
    moved = (uint32_t *)multi_heap_realloc(heap, first, 72);
    CHECK(moved > second);
    CHECK(is_filled(moved, 0x5A, 64));
    kept = (uint32_t *)multi_heap_realloc(heap, moved, 36);
    CHECK(kept != NULL && is_filled(kept, 0x5A, 36));
    CHECK(multi_heap_check(heap, true));
    CHECK(multi_heap_realloc(heap, kept, REGION + 1) == NULL);
    CHECK(multi_heap_realloc(heap, kept, SIZE_MAX) == NULL);
    CHECK(is_filled(kept, 0x5A, 36));
    CHECK_EQUAL(multi_heap_get_allocated_size(heap, kept), 36);
    multi_heap_free(heap, kept);
    multi_heap_free(heap, second);
    CHECK_EQUAL(info_of(heap).free_blocks, 1);
}

static void a_resized_block_keeps_the_alignment_that_it_was_given(void)
{
    size_t alignment;
    for (alignment = 8; alignment <= 256; alignment *= 2) {
        multi_heap_handle_t heap = fresh();
        unsigned char *below = (unsigned char *)multi_heap_malloc(heap, 300), *above, *block;
        block = (unsigned char *)multi_heap_aligned_alloc(heap, 40, alignment);
        above = (unsigned char *)multi_heap_malloc(heap, 260);
        CHECK(above > block && (uintptr_t)block % alignment == 0);
        fill(block, 0x3C, 40);
        /* Away from its place: another block follows. */
        block = (unsigned char *)multi_heap_realloc(heap, block, 200);
        CHECK(block > above && (uintptr_t)block % alignment == 0 && is_filled(block, 0x3C, 40));
        multi_heap_free(heap, block);
        block = (unsigned char *)multi_heap_aligned_alloc(heap, 40, alignment);
        fill(block, 0x3C, 40);
        /* Downwards, over what is free below. */
        multi_heap_free(heap, below);
        block = (unsigned char *)multi_heap_realloc(heap, block, 120);
        CHECK(block != NULL && (uintptr_t)block % alignment == 0 && is_filled(block, 0x3C, 40));
        multi_heap_free(heap, block);
        multi_heap_free(heap, above);
        CHECK_EQUAL(info_of(heap).free_blocks, 1);
    }
}

static void resizing_knows_no_block_and_no_size(void)
{
    multi_heap_handle_t heap = fresh();
    size_t before = multi_heap_free_size(heap);
    void *block = multi_heap_realloc(heap, NULL, 40);
    CHECK(block != NULL);
    CHECK_EQUAL(before - multi_heap_free_size(heap), 40 + HEADER + CANARIES);
    CHECK(multi_heap_realloc(heap, block, 0) == NULL);
    CHECK_EQUAL(multi_heap_free_size(heap), before);
    CHECK(multi_heap_realloc(heap, NULL, 0) == NULL);
}

#ifndef CONFIG_HEAP_POISONING_COMPREHENSIVE
static void blocks_shrink_and_grow_where_they_are(void)
{
    multi_heap_handle_t heap = fresh();
    multi_heap_info_t before = info_of(heap);
    void *first = multi_heap_malloc(heap, 128), *second = multi_heap_malloc(heap, 32);
    CHECK(multi_heap_realloc(heap, first, 64) == first);
    CHECK(multi_heap_realloc(heap, first, 32) == first);
    CHECK_EQUAL(info_of(heap).allocated_blocks, 2);
    CHECK_EQUAL(info_of(heap).free_blocks, 2);
    CHECK(multi_heap_realloc(heap, first, 128) == first);
    CHECK_EQUAL(info_of(heap).free_blocks, 1);
    CHECK(multi_heap_realloc(heap, second, 640) == second);
    CHECK(multi_heap_check(heap, true));
    multi_heap_free(heap, first);
    multi_heap_free(heap, second);
    CHECK_EQUAL(info_of(heap).total_free_bytes, before.total_free_bytes);
}
#endif

static void many_random_steps_lose_nothing(void)
{
    enum { POINTERS = 32, STEPS = 3000 };
    static unsigned char *blocks[POINTERS];
    static size_t sizes[POINTERS];
    multi_heap_handle_t heap = fresh();
    size_t before = multi_heap_free_size(heap);
    int step, index;
    for (index = 0; index < POINTERS; index++) {
        blocks[index] = NULL;
    }
    for (step = 0; step < STEPS; step++) {
        size_t size = random_below(256);
        unsigned char *block;
        index = (int)random_below(POINTERS);
        CHECK(blocks[index] == NULL || is_filled(blocks[index], index, sizes[index]));
        if (step % 4 == 0 && size > 0) {
            block = (unsigned char *)multi_heap_realloc(heap, blocks[index], size);
            if (block == NULL) {
                continue;
            }
            CHECK(blocks[index] == NULL
                  || is_filled(block, index, size < sizes[index] ? size : sizes[index]));
        } else {
            multi_heap_free(heap, blocks[index]);
            block = (unsigned char *)multi_heap_malloc(heap, size);
        }
        CHECK(block == NULL || is_inside(block));
        blocks[index] = block;
        sizes[index] = block == NULL ? 0 : size;
        fill(block, index, sizes[index]);
        if (!CHECK(multi_heap_check(heap, true))) {
            return;
        }
    }
    for (index = 0; index < POINTERS; index++) {
        multi_heap_free(heap, blocks[index]);
    }
    CHECK_EQUAL(multi_heap_free_size(heap), before);
    CHECK_EQUAL(info_of(heap).free_blocks, 1);
}

/* -- Figures and looking ----------------------------------------------------------------------- */

static void the_minimum_is_remembered_reset_and_restored(void)
{
    multi_heap_handle_t heap = fresh();
    size_t all = multi_heap_free_size(heap), low = all - 1000 - HEADER - CANARIES;
    multi_heap_free(heap, multi_heap_malloc(heap, 1000));
    CHECK_EQUAL(multi_heap_minimum_free_size(heap), low);
    CHECK_EQUAL(multi_heap_reset_minimum_free_bytes(heap), low);
    CHECK_EQUAL(multi_heap_minimum_free_size(heap), all);
    multi_heap_free(heap, multi_heap_malloc(heap, 100));
    CHECK_EQUAL(multi_heap_minimum_free_size(heap), all - 100 - HEADER - CANARIES);
    multi_heap_restore_minimum_free_bytes(heap, low);
    CHECK_EQUAL(info_of(heap).minimum_free_bytes, low);
    multi_heap_restore_minimum_free_bytes(heap, all);
    CHECK_EQUAL(multi_heap_minimum_free_size(heap), low);
}

static void figures_of_a_used_heap_add_up(void)
{
    multi_heap_handle_t heap = fresh();
    multi_heap_info_t before = info_of(heap), after, freed;
    void *block = multi_heap_malloc(heap, 32);
    after = info_of(heap);
    CHECK_EQUAL(after.allocated_blocks, 1);
    CHECK_EQUAL(after.total_allocated_bytes, 32);
    CHECK_EQUAL(after.total_blocks, 2);
    CHECK(after.minimum_free_bytes > 0 && after.minimum_free_bytes < before.minimum_free_bytes);
    multi_heap_free(heap, block);
    freed = info_of(heap);
    CHECK_EQUAL(freed.allocated_blocks, 0);
    CHECK_EQUAL(freed.total_allocated_bytes, 0);
    CHECK_EQUAL(freed.total_free_bytes, before.total_free_bytes);
    CHECK_EQUAL(freed.minimum_free_bytes, after.minimum_free_bytes);
}

static void a_place_inside_a_block_finds_the_block(void)
{
    multi_heap_handle_t heap = fresh();
    char *first = (char *)multi_heap_malloc(heap, 100),
         *second = (char *)multi_heap_malloc(heap, 100);
    CHECK(multi_heap_find_containing_block(heap, second) == second);
    CHECK(multi_heap_find_containing_block(heap, second + 99) == second);
    CHECK(multi_heap_find_containing_block(heap, first + 1) == first);
    multi_heap_free(heap, second);
    CHECK(multi_heap_find_containing_block(heap, second) == NULL);
    CHECK(multi_heap_find_containing_block(heap, &heap) == NULL);
    multi_heap_free(heap, first);
}

/* The links of a free neighbour are damaged, so a block cannot be joined with it. */
static void a_refused_free_or_resize_leaves_the_contents_alone(void)
{
    multi_heap_handle_t heap = fresh();
    char *block = (char *)multi_heap_malloc(heap, 100),
         *gone = (char *)multi_heap_malloc(heap, 200);
    uint32_t *links = (uint32_t *)(void *)(gone - (CANARIES ? 8 : 0)), before;
    size_t faults = heap_caps_get_fault_count();
    CHECK(multi_heap_malloc(heap, 60) != NULL);
    multi_heap_free(heap, gone);
    fill(block, 0x55, 100);
    before = links[1];
    links[1] = 0x0FFFFFF0;
    capture_start();
    multi_heap_free(heap, block);
    CHECK(is_filled(block, 0x55, 100));
    CHECK(multi_heap_realloc(heap, block, 20) == NULL);
    CHECK(is_filled(block, 0x55, 100));
    CHECK_CONTAINS(capture_stop(), "heap fault: free of 0x");
    expected_faults = (unsigned)(heap_caps_get_fault_count() - faults);
    CHECK_EQUAL(multi_heap_get_allocated_size(heap, block), 100);
    links[1] = before;
    multi_heap_free(heap, block);
}

struct seen {
    multi_heap_handle_t heap;
    unsigned used, unused, limit;
    uintptr_t last;
    size_t used_bytes;
};

static bool see(void *block, size_t size, int used, void *user)
{
    struct seen *seen = (struct seen *)user;
    CHECK(is_inside(block) && (uintptr_t)block > seen->last);
    seen->last = (uintptr_t)block;
    seen->used_bytes += used ? size : 0;
    *(used ? &seen->used : &seen->unused) += 1;
    return seen->used + seen->unused < seen->limit;
}

static void a_walk_shows_every_block_until_told_to_stop(void)
{
    multi_heap_handle_t heap = fresh();
    struct seen all = {NULL, 0, 0, 1000, 0, 0}, some = {NULL, 0, 0, 2, 0, 0};
    void *first = multi_heap_malloc(heap, 20), *second = multi_heap_malloc(heap, 40),
         *third = multi_heap_malloc(heap, 60);
    multi_heap_free(heap, second);
    multi_heap_walk(heap, see, &all);
    CHECK_EQUAL(all.used, 2);
    CHECK_EQUAL(all.unused, 2);
    CHECK_EQUAL(all.used_bytes, info_of(heap).total_allocated_bytes + 2 * CANARIES);
    CHECK_EQUAL(all.used_bytes, multi_heap_get_full_block_size(heap, first)
                                    + multi_heap_get_full_block_size(heap, third));
    multi_heap_walk(heap, see, &some);
    CHECK_EQUAL(some.used + some.unused, 2);
    multi_heap_walk(heap, NULL, NULL);
    multi_heap_free(heap, first);
    multi_heap_free(heap, third);
}

static void blocks_can_be_visited_one_by_one(void)
{
    multi_heap_handle_t heap = fresh();
    void *taken = multi_heap_malloc(heap, 20);
    multi_heap_block_handle_t first = multi_heap_get_first_block(heap), second;
    CHECK(multi_heap_get_block_address(first) == taken);
    CHECK(!multi_heap_is_free(first));
    second = multi_heap_get_next_block(heap, first);
    CHECK(second != NULL && multi_heap_is_free(second));
    CHECK(multi_heap_get_next_block(heap, second) == NULL);
    multi_heap_free(heap, taken);
    CHECK(multi_heap_is_free(multi_heap_get_first_block(heap)));
}

static void a_dump_has_a_line_for_each_block(void)
{
    multi_heap_handle_t heap = fresh();
    void *block = multi_heap_malloc(heap, 32);
    const char *text;
    capture_start();
    multi_heap_dump(heap);
    text = capture_stop();
    CHECK_EQUAL(lines_that_begin(text, "Showing data for heap: 0x"), 1);
    CHECK_EQUAL(lines_that_begin(text, "Block 0x"), 2);
    CHECK_CONTAINS(text, CANARIES ? " data, size: 44 bytes, Free: No \n"
                                  : " data, size: 32 bytes, Free: No \n");
    CHECK_CONTAINS(text, " bytes, Free: Yes \n");
    multi_heap_free(heap, block);
}

/* -- What is no block -------------------------------------------------------------------------- */

/* Expects that the last call reported one fault. */
static void one_fault(size_t *faults)
{
    CHECK_EQUAL(heap_caps_get_fault_count(), *faults + 1);
    *faults = heap_caps_get_fault_count();
    expected_faults++;
}

static void what_is_no_block_is_refused_and_told(void)
{
    multi_heap_handle_t heap = fresh();
    size_t faults = heap_caps_get_fault_count(), free_bytes;
    char *block = (char *)multi_heap_malloc(heap, 100),
         *other = (char *)multi_heap_malloc(heap, 100);
    uint32_t outside = 0;
    const char *text;
    capture_start();
    multi_heap_free(heap, other);
    free_bytes = multi_heap_free_size(heap);
    multi_heap_free(heap, other);
    one_fault(&faults);
    multi_heap_free(heap, block + 4);
    one_fault(&faults);
    multi_heap_free(heap, block + 1);
    one_fault(&faults);
    multi_heap_free(heap, &outside);
    one_fault(&faults);
    CHECK(multi_heap_realloc(heap, other, 10) == NULL);
    one_fault(&faults);
    CHECK_EQUAL(multi_heap_get_allocated_size(heap, &outside), 0);
    one_fault(&faults);
    text = capture_stop();
    CHECK_CONTAINS(text, "free of 0x");
    CHECK_CONTAINS(text, "double free");
    CHECK_EQUAL(multi_heap_free_size(heap), free_bytes);
    CHECK(multi_heap_check(heap, true));
    multi_heap_free(heap, block);
}

const struct check one_heap[] = {
    CASE(a_fresh_heap_is_one_free_block),
    CASE(any_start_and_size_will_do),
    CASE(nothing_outside_of_the_region_is_written),
    CASE(a_region_that_is_too_small_is_no_heap),
    CASE(no_heap_serves_nothing),
    CASE(a_block_holds_what_is_written_to_it),
    CASE(a_block_costs_four_bytes_and_its_canaries),
    CASE(sizes_of_nothing_and_of_everything_have_no_block),
    CASE(the_largest_block_can_be_had_and_one_byte_more_can_not),
    CASE(smallest_blocks_fill_the_heap_and_come_back_in_any_order),
    CASE(freed_neighbours_become_one_block),
    CASE(what_was_freed_is_taken_again),
    CASE(null_is_no_block),
    CASE(an_aligned_block_is_aligned_and_large_enough),
    CASE(aligned_blocks_fit_between_others),
    CASE(the_byte_at_the_offset_is_the_aligned_one),
    CASE(a_resized_block_keeps_its_contents),
    CASE(a_resized_block_keeps_the_alignment_that_it_was_given),
    CASE(resizing_knows_no_block_and_no_size),
#ifndef CONFIG_HEAP_POISONING_COMPREHENSIVE
    CASE(blocks_shrink_and_grow_where_they_are),
#endif
    CASE(many_random_steps_lose_nothing),
    CASE(the_minimum_is_remembered_reset_and_restored),
    CASE(figures_of_a_used_heap_add_up),
    CASE(a_place_inside_a_block_finds_the_block),
    CASE(a_refused_free_or_resize_leaves_the_contents_alone),
    CASE(a_walk_shows_every_block_until_told_to_stop),
    CASE(blocks_can_be_visited_one_by_one),
    CASE(a_dump_has_a_line_for_each_block),
    CASE(what_is_no_block_is_refused_and_told),
    LAST_CASE,
};
