/* Checks of walks, checks and printed texts: they show what is there.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_caps.h"
#include "memory.h"

#define DMA MALLOC_CAP_DMA
#define INVALID ((uint32_t)MALLOC_CAP_INVALID)

/* What a walk has shown. */
struct walk {
    unsigned heaps, blocks, used, wanted;
    size_t used_bytes;
    intptr_t heap, last;
    bool damaged;
};

static bool visit(walker_heap_into_t heap, walker_block_info_t block, void *user)
{
    struct walk *walk = (struct walk *)user;
    if (heap.start != walk->heap) {
        walk->heap = heap.start;
        walk->heaps++;
        walk->last = 0;
    }
    walk->blocks++;
    walk->used += block.used;
    walk->used_bytes += block.used ? block.size : 0;
    CHECK((intptr_t)block.ptr > heap.start);
    CHECK(walk->damaged || (intptr_t)block.ptr + (intptr_t)block.size <= heap.end);
    CHECK((intptr_t)block.ptr > walk->last);
    walk->last = (intptr_t)block.ptr;
    return walk->blocks < walk->wanted;
}

#if defined(__clang__) && defined(__XTENSA__)
/* Clang (LLVM 22) passes these structures in memory, where the processor's ABI passes their words
 * in registers. So the words are arguments here. */
static bool visit_words(intptr_t start, intptr_t end, void *first, size_t size, uint32_t used,
                        void *user)
{
    walker_heap_into_t heap = {start, end};
    walker_block_info_t block = {first, size, (used & 0xFF) != 0};
    return visit(heap, block, user);
}
#define VISIT ((heap_caps_walker_cb_t)(void (*)(void))visit_words)
#else
#define VISIT visit
#endif

static struct walk walked(uint32_t caps, unsigned wanted)
{
    struct walk walk = {0, 0, 0, 0, 0, 0, 0, false};
    walk.wanted = wanted;
    walk.damaged = !heap_caps_check_integrity(caps, false);
    heap_caps_walk(caps, VISIT, &walk);
    return walk;
}

static void a_walk_shows_every_block_of_the_heaps_asked_for(void)
{
    void *one = heap_caps_malloc(100, DMA), *two = heap_caps_malloc(200, DMA),
         *three = heap_caps_malloc(300, MALLOC_CAP_SPIRAM);
    struct walk all = {0, 0, 0, 1000, 0, 0, 0, false};
    heap_caps_free(one);
    CHECK_EQUAL(walked(DMA, 1000).heaps, 1);
    CHECK_EQUAL(walked(DMA, 1000).blocks, 3);
    CHECK_EQUAL(walked(DMA, 1000).used, 1);
    CHECK_EQUAL(walked(DMA, 1000).used_bytes, 200 + CANARIES);
    CHECK_EQUAL(walked(MALLOC_CAP_8BIT, 1000).heaps, 2);
    CHECK_EQUAL(walked(MALLOC_CAP_RETENTION, 1000).heaps, 0);
    CHECK_EQUAL(walked(INVALID, 1000).heaps, 3);
    heap_caps_walk_all(VISIT, &all);
    CHECK_EQUAL(all.heaps, 3);
    CHECK_EQUAL(all.blocks, 6);
    CHECK_EQUAL(all.used_bytes, 500 + 2 * CANARIES);
    heap_caps_free(two);
    heap_caps_free(three);
}

static void a_walk_that_is_stopped_goes_on_with_the_next_heap(void)
{
    void *one = heap_caps_malloc(100, DMA), *two = heap_caps_malloc(100, MALLOC_CAP_EXEC);
    struct walk stopped = walked(INVALID, 1);
    CHECK_EQUAL(stopped.heaps, 3);
    CHECK_EQUAL(stopped.blocks, 3);
    heap_caps_walk(DMA, NULL, NULL);
    heap_caps_walk_all(NULL, NULL);
    heap_caps_free(one);
    heap_caps_free(two);
}

static void a_walk_finds_a_known_block(void)
{
    char *block = (char *)heap_caps_malloc(77, MALLOC_CAP_SPIRAM);
    struct walk one = walked(MALLOC_CAP_SPIRAM, 1);
    CHECK_EQUAL(one.last, (intptr_t)block - (CANARIES ? 8 : 0));
    CHECK(one.used_bytes >= heap_caps_get_allocated_size(block) + CANARIES);
    CHECK(one.used_bytes < heap_caps_get_allocated_size(block) + CANARIES + 4);
    heap_caps_free(block);
}

static void a_damaged_block_is_the_last_one_shown_and_a_fault(void)
{
    char *one = (char *)heap_caps_malloc(100, DMA), *two = (char *)heap_caps_malloc(200, DMA),
         *three = (char *)heap_caps_malloc(300, DMA);
    uint32_t *header = (uint32_t *)(void *)(two - HEADER - (CANARIES ? 8 : 0)), before = *header;
    struct walk damaged;
    *header = 0x00FFFFFF ^ before;
    capture_start();
    damaged = walked(DMA, 1000);
    CHECK_CONTAINS(capture_stop(), "heap fault: walk of the heap at 0x");
    CHECK_EQUAL(damaged.blocks, 2);
    CHECK_EQUAL(damaged.last, (intptr_t)(header + 1));
    CHECK(damaged.used_bytes != 300 + 2 * CANARIES);
    capture_start();
    CHECK_EQUAL(walked(DMA, 1).blocks, 1);
    CHECK(same_text(capture_stop(), ""));
    capture_start();
    CHECK_EQUAL(walked(INVALID, 1000).heaps, 3);
    heap_caps_dump(DMA);
    CHECK_CONTAINS(capture_stop(), "CORRUPT HEAP: ");
    expected_faults = 2;
    *header = before;
    CHECK_EQUAL(walked(DMA, 1000).blocks, 4);
    heap_caps_free(one);
    heap_caps_free(two);
    heap_caps_free(three);
}

/* Small payloads of zeros look like free blocks to a walk that has lost its way. */
static void a_walk_shows_nothing_of_what_programs_keep_in_blocks(void)
{
    char *one = (char *)heap_caps_calloc(1, 400, DMA), *two = (char *)heap_caps_calloc(1, 400, DMA);
    uint32_t *header = (uint32_t *)(void *)(one - HEADER - (CANARIES ? 8 : 0)), before = *header;
    *header += 8 * 40; /* 40 words less */
    capture_start();
    CHECK_EQUAL(walked(DMA, 1000).blocks, 2);
    CHECK_CONTAINS(capture_stop(), "heap fault: walk of the heap at 0x");
    expected_faults = 1;
    *header = before;
    heap_caps_free(one);
    heap_caps_free(two);
}

static void sound_heaps_pass_every_check(void)
{
    void *block = heap_caps_malloc(100, DMA);
    capture_start();
    CHECK(heap_caps_check_integrity(DMA, true));
    CHECK(heap_caps_check_integrity(INVALID, true));
    CHECK(heap_caps_check_integrity(MALLOC_CAP_RETENTION, true));
    CHECK(heap_caps_check_integrity_all(true));
    CHECK(heap_caps_check_integrity_addr((intptr_t)block, true));
    CHECK(heap_caps_check_integrity_addr((intptr_t)&dram[100], true));
    CHECK(!heap_caps_check_integrity_addr((intptr_t)&block, true));
    CHECK(!heap_caps_check_integrity_addr(0, true));
    CHECK(same_text(capture_stop(), ""));
    heap_caps_free(block);
}

static void damage_is_found_where_it_is_and_nowhere_else(void)
{
    char *block = (char *)heap_caps_malloc(100, DMA);
    uint32_t *header = (uint32_t *)(void *)(block - HEADER - (CANARIES ? 8 : 0)), before = *header;
    *header ^= 0x40;
    capture_start();
    CHECK(!heap_caps_check_integrity(DMA, false));
    CHECK(!heap_caps_check_integrity_all(false));
    CHECK(!heap_caps_check_integrity_addr((intptr_t)block, false));
    CHECK(heap_caps_check_integrity(MALLOC_CAP_SPIRAM, false));
    CHECK(heap_caps_check_integrity_addr((intptr_t)psram + 1000, false));
    CHECK(same_text(capture_stop(), ""));
    capture_start();
    CHECK(!heap_caps_check_integrity_all(true));
    CHECK_CONTAINS(capture_stop(), "CORRUPT HEAP: ");
    *header = before;
    CHECK(heap_caps_check_integrity_all(true));
    heap_caps_free(block);
}

static void the_summary_reads_as_esp_idfs(void)
{
    void *block = heap_caps_malloc(1000, DMA);
    const char *text;
    capture_start();
    heap_caps_print_heap_info(DMA);
    text = capture_stop();
    CHECK_EQUAL(lines_that_begin(text, "Heap summary for capabilities 0x00000008:\n"), 1);
    CHECK_EQUAL(lines_that_begin(text, "  At 0x"), 1);
    CHECK_CONTAINS(text, " len 16384 free ");
    CHECK_CONTAINS(text, " allocated 1000 min_free ");
    CHECK_EQUAL(lines_that_begin(text, "    largest_free_block "), 1);
    CHECK_CONTAINS(text, " alloc_blocks 1 free_blocks 1 total_blocks 2\n");
    CHECK_CONTAINS(text, "  Totals:\n    free ");
    CHECK_CONTAINS(text, " largest_free_block ");
    capture_start();
    heap_caps_print_heap_info(MALLOC_CAP_8BIT);
    CHECK_EQUAL(lines_that_begin(capture_stop(), "  At 0x"), 2);
    capture_start();
    heap_caps_print_heap_info(MALLOC_CAP_RETENTION);
    CHECK_CONTAINS(capture_stop(),
                   ":\n  Totals:\n    free 0 allocated 0 min_free 0 largest_free_block 0\n");
    heap_caps_free(block);
}

static void a_dump_has_every_block_of_the_heaps_asked_for(void)
{
    void *block = heap_caps_malloc(44, DMA);
    const char *text;
    capture_start();
    heap_caps_dump(DMA);
    text = capture_stop();
    CHECK_EQUAL(lines_that_begin(text, "Showing data for heap: 0x"), 1);
    CHECK_EQUAL(lines_that_begin(text, "Block 0x"), 2);
    CHECK_CONTAINS(text, CANARIES ? " data, size: 56 bytes, Free: No \n"
                                  : " data, size: 44 bytes, Free: No \n");
    capture_start();
    heap_caps_dump_all();
    text = capture_stop();
    CHECK_EQUAL(lines_that_begin(text, "Showing data for heap: 0x"), 3);
    CHECK_EQUAL(lines_that_begin(text, "Block 0x"), 4);
    capture_start();
    heap_caps_dump(MALLOC_CAP_RETENTION);
    CHECK(same_text(capture_stop(), ""));
    heap_caps_free(block);
}

const struct check looking[] = {
    CASE(a_walk_shows_every_block_of_the_heaps_asked_for),
    CASE(a_walk_that_is_stopped_goes_on_with_the_next_heap),
    CASE(a_walk_finds_a_known_block),
    CASE(a_damaged_block_is_the_last_one_shown_and_a_fault),
    CASE(a_walk_shows_nothing_of_what_programs_keep_in_blocks),
    CASE(sound_heaps_pass_every_check),
    CASE(damage_is_found_where_it_is_and_nowhere_else),
    CASE(the_summary_reads_as_esp_idfs),
    CASE(a_dump_has_every_block_of_the_heaps_asked_for),
    LAST_CASE,
};
