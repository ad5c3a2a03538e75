/* Is a phase's memory one block of the heap, and all of it there again afterwards?
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "heap_caps_pressure.h"
#include "memory.h"

#define INTERNAL (MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT)

static void a_phase_leaves_nothing_behind(void)
{
    const size_t before = heap_caps_get_free_size(INTERNAL);
    heap_caps_arena_t arena = heap_caps_arena_create(4096, INTERNAL);
    CHECK(arena != NULL);
    const size_t inside = heap_caps_get_free_size(INTERNAL);
    for (int request = 0; request < 3; request++) {
        uint8_t *lasting = heap_caps_arena_alloc(arena, 1000);
        uint8_t *scratch = heap_caps_arena_alloc_scratch(arena, 1000);
        CHECK(is_in_dram(lasting) && is_in_dram(scratch));
        CHECK_EQUAL((uintptr_t)lasting % 8, 0);
        CHECK(scratch >= lasting + 1000);
        fill(lasting, 0x11, 1000);
        fill(scratch, 0x22, 1000);
        CHECK(is_filled(lasting, 0x11, 1000));
        CHECK(heap_caps_arena_alloc(arena, 3000) == NULL);
        CHECK_EQUAL(heap_caps_get_free_size(INTERNAL), inside);
        heap_caps_arena_reset(arena);
        CHECK_EQUAL(heap_caps_arena_get_free_size(arena), 4096);
    }
    CHECK(heap_caps_arena_get_peak(arena) >= 2000);
    heap_caps_arena_destroy(arena);
    CHECK_EQUAL(heap_caps_get_free_size(INTERNAL), before);
}

static void an_arena_keeps_alignments(void)
{
    heap_caps_arena_t arena = heap_caps_arena_create(1024, INTERNAL);
    CHECK(heap_caps_arena_alloc(arena, 1) != NULL);
    CHECK_EQUAL((uintptr_t)heap_caps_arena_aligned_alloc(arena, 64, 10) % 64, 0);
    CHECK(heap_caps_arena_aligned_alloc(arena, 48, 10) == NULL);
    CHECK(heap_caps_arena_alloc(arena, 0) == NULL);
    heap_caps_arena_destroy(arena);
}

static void what_is_no_arena_is_refused(void)
{
    CHECK(heap_caps_arena_create(0, INTERNAL) == NULL);
    CHECK(heap_caps_arena_create(8 << 20, INTERNAL) == NULL);
    CHECK(heap_caps_arena_alloc(NULL, 16) == NULL);
    CHECK_EQUAL(heap_caps_arena_get_free_size(NULL), 0);
    heap_caps_arena_reset(NULL);
    heap_caps_arena_destroy(NULL);
}

const struct check arenas[] = {
    CASE(a_phase_leaves_nothing_behind),
    CASE(an_arena_keeps_alignments),
    CASE(what_is_no_arena_is_refused),
    LAST_CASE,
};
