/* Checks of a trace: it has what was allocated, and not what was freed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_caps.h"
#include "esp_heap_trace.h"
#include "memory.h"

#define DMA MALLOC_CAP_DMA
#define SPIRAM MALLOC_CAP_SPIRAM
#define CAPACITY 4

static heap_trace_record_t records[CAPACITY];

static void start(heap_trace_mode_t mode)
{
    CHECK_EQUAL(heap_trace_init_standalone(records, CAPACITY), ESP_OK);
    CHECK_EQUAL(heap_trace_start(mode), ESP_OK);
    CHECK_EQUAL(heap_trace_get_count(), 0);
}

static void stop(void)
{
    CHECK_EQUAL(heap_trace_stop(), ESP_OK);
}

static heap_trace_record_t record(size_t index)
{
    heap_trace_record_t copy = {0};
    CHECK_EQUAL(heap_trace_get(index, &copy), ESP_OK);
    return copy;
}

static heap_trace_summary_t summary(void)
{
    heap_trace_summary_t figures = {HEAP_TRACE_ALL, 0, 0, 0, 0, 0, 0};
    CHECK_EQUAL(heap_trace_summary(&figures), ESP_OK);
    return figures;
}

static void a_trace_of_leaks_keeps_what_is_not_freed(void)
{
    void *kept, *aligned;
    start(HEAP_TRACE_LEAKS);
    kept = heap_caps_malloc(96, DMA);
    heap_caps_free(heap_caps_calloc(3, 5, SPIRAM));
    aligned = heap_caps_aligned_alloc(64, 10, SPIRAM);
    CHECK_EQUAL(heap_trace_get_count(), 2);
    CHECK(record(0).address == kept);
    CHECK_EQUAL(record(0).size, 96);
    CHECK(!record(0).freed);
    CHECK(record(1).address == aligned);
    CHECK_EQUAL(record(1).size, 10);
    heap_caps_free(kept);
    CHECK_EQUAL(heap_trace_get_count(), 1);
    CHECK(record(0).address == aligned);
    heap_caps_free(aligned);
    CHECK_EQUAL(heap_trace_get_count(), 0);
    stop();
}

static void a_trace_of_all_keeps_what_is_freed_too(void)
{
    void *first, *second;
    start(HEAP_TRACE_ALL);
    first = heap_caps_malloc(8, DMA);
    second = heap_caps_malloc(12, SPIRAM);
    heap_caps_free(first);
    CHECK_EQUAL(heap_trace_get_count(), 2);
    CHECK(record(0).freed && record(0).address == first);
    CHECK(!record(1).freed && record(1).address == second);
    CHECK(record(1).freed_by[0] == NULL);
    heap_caps_free(second);
    CHECK(record(1).freed);
    CHECK_EQUAL(summary().mode, HEAP_TRACE_ALL);
    stop();
}

static void a_summary_counts_what_came_and_went_also_beyond_the_buffer(void)
{
    void *blocks[CAPACITY + 2];
    heap_trace_summary_t figures;
    unsigned index;
    start(HEAP_TRACE_LEAKS);
    heap_caps_free(heap_caps_malloc(8, DMA));
    figures = summary();
    CHECK_EQUAL(figures.mode, HEAP_TRACE_LEAKS);
    CHECK_EQUAL(figures.total_allocations, 1);
    CHECK_EQUAL(figures.total_frees, 1);
    CHECK_EQUAL(figures.count, 0);
    CHECK_EQUAL(figures.capacity, CAPACITY);
    CHECK_EQUAL(figures.high_water_mark, 1);
    CHECK_EQUAL(figures.has_overflowed, 0);
    for (index = 0; index < CAPACITY + 2; index++) {
        blocks[index] = heap_caps_malloc(8, DMA);
    }
    figures = summary();
    CHECK_EQUAL(figures.total_allocations, CAPACITY + 3);
    CHECK_EQUAL(figures.count, CAPACITY);
    CHECK_EQUAL(figures.high_water_mark, CAPACITY);
    CHECK_EQUAL(figures.has_overflowed, 1);
    for (index = 0; index < CAPACITY + 2; index++) {
        heap_caps_free(blocks[index]);
    }
    stop();
}

static void a_resized_block_is_one_record_and_a_failure_changes_none(void)
{
    void *block;
    start(HEAP_TRACE_LEAKS);
    block = heap_caps_malloc(100, DMA);
    CHECK(heap_caps_realloc(block, 1000000, DMA) == NULL);
    CHECK_EQUAL(heap_trace_get_count(), 1);
    CHECK_EQUAL(record(0).size, 100);
    block = heap_caps_realloc(block, 200, SPIRAM);
    CHECK(is_in_psram(block));
    CHECK_EQUAL(heap_trace_get_count(), 1);
    CHECK(record(0).address == block);
    CHECK_EQUAL(record(0).size, 200);
    heap_caps_free(block);
    stop();
}

static void a_trace_is_started_paused_resumed_and_stopped_once(void)
{
    void *seen, *unseen;
    heap_trace_record_t other;
    CHECK_EQUAL(heap_trace_stop(), ESP_ERR_INVALID_STATE);
    CHECK_EQUAL(heap_trace_init_standalone(NULL, CAPACITY), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(heap_trace_init_standalone(records, 0), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(heap_trace_init_tohost(), ESP_ERR_NOT_SUPPORTED);
    start(HEAP_TRACE_LEAKS);
    CHECK_EQUAL(heap_trace_init_standalone(&other, 1), ESP_ERR_INVALID_STATE);
    seen = heap_caps_malloc(8, DMA);
    CHECK_EQUAL(heap_trace_alloc_pause(), ESP_OK);
    CHECK_EQUAL(heap_trace_alloc_pause(), ESP_ERR_INVALID_STATE);
    unseen = heap_caps_malloc(8, DMA);
    CHECK_EQUAL(heap_trace_get_count(), 1);
    heap_caps_free(seen);
    CHECK_EQUAL(heap_trace_get_count(), 0);
    CHECK_EQUAL(heap_trace_resume(), ESP_OK);
    CHECK_EQUAL(heap_trace_resume(), ESP_ERR_INVALID_STATE);
    seen = heap_caps_malloc(8, DMA);
    CHECK_EQUAL(heap_trace_get_count(), 1);
    stop();
    heap_caps_free(heap_caps_malloc(8, DMA));
    CHECK_EQUAL(heap_trace_get_count(), 1);
    heap_caps_free(seen);
    heap_caps_free(unseen);
}

static void what_is_not_there_cannot_be_had(void)
{
    heap_trace_record_t copy;
    start(HEAP_TRACE_LEAKS);
    CHECK_EQUAL(heap_trace_get(0, &copy), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(heap_trace_get(0, NULL), ESP_ERR_INVALID_STATE);
    CHECK_EQUAL(heap_trace_summary(NULL), ESP_ERR_INVALID_ARG);
    stop();
}

static void a_dump_shows_all_records_or_those_of_one_kind_of_memory(void)
{
    void *inside, *outside;
    const char *text;
    start(HEAP_TRACE_LEAKS);
    inside = heap_caps_malloc(24, DMA);
    outside = heap_caps_malloc(32, SPIRAM);
    capture_start();
    heap_trace_dump();
    text = capture_stop();
    CHECK_CONTAINS(text, "====== Heap Trace: 2 records (4 capacity) ======\n");
    CHECK_CONTAINS(text, ", Internal) allocated CPU 0");
    CHECK_CONTAINS(text, ",    PSRAM) allocated");
    CHECK_CONTAINS(text, "56 bytes 'leaked' in trace (2 allocations)\n");
    capture_start();
    heap_trace_dump_caps(MALLOC_CAP_INTERNAL);
    CHECK_CONTAINS(capture_stop(), "24 bytes 'leaked' in trace (1 allocations)\n");
    capture_start();
    heap_trace_dump_caps(SPIRAM);
    CHECK_CONTAINS(capture_stop(), "32 bytes 'leaked' in trace (1 allocations)\n");
    heap_caps_free(inside);
    heap_caps_free(outside);
    stop();
}

#ifdef __linux__
/* Functions whose calls are to be found in the records. */
__attribute__((noinline)) static void *allocates(size_t size)
{
    void *block = heap_caps_malloc(size, DMA);
    CHECK(block != NULL);
    return block;
}

__attribute__((noinline)) static void *grows(void *block)
{
    block = heap_caps_realloc(block, 900, DMA);
    CHECK(block != NULL);
    return block;
}

__attribute__((noinline)) static void frees(void *block)
{
    heap_caps_free(block);
    CHECK(block != NULL);
}

static bool is_call_in(const void *caller, uintptr_t function)
{
    return (uintptr_t)caller > function && (uintptr_t)caller < function + 64;
}

static void a_record_has_who_allocated_and_who_freed(void)
{
    void *block;
    start(HEAP_TRACE_ALL);
    block = allocates(24);
    CHECK(is_call_in(record(0).alloced_by[0], (uintptr_t)allocates));
    CHECK(is_call_in(record(0).alloced_by[1],
                     (uintptr_t)a_record_has_who_allocated_and_who_freed + 1));
    frees(block);
    CHECK(is_call_in(record(0).freed_by[0], (uintptr_t)frees));
    stop();
    start(HEAP_TRACE_LEAKS);
    block = grows(allocates(24));
    CHECK(is_call_in(record(0).alloced_by[0], (uintptr_t)grows));
    frees(block);
    stop();
}

extern const char __ehdr_start[];

static void a_dump_has_the_blocks_pointer_and_the_addresses_of_the_programs_file(void)
{
    void *block;
    uintptr_t caller;
    const char *text;
    start(HEAP_TRACE_LEAKS);
    block = allocates(24);
    capture_start();
    heap_trace_dump();
    text = capture_stop();
    CHECK_EQUAL(number_behind(text, " bytes (@ 0x"), (uintptr_t)block);
    caller = number_behind(text, " caller 0x");
    /* gcc links programs that can lie anywhere: their files begin at address 0. */
    CHECK_EQUAL((uintptr_t)__ehdr_start + caller, (uintptr_t)record(0).alloced_by[0]);
    frees(block);
    stop();
}
#endif

const struct check trace[] = {
    CASE(a_trace_of_leaks_keeps_what_is_not_freed),
    CASE(a_trace_of_all_keeps_what_is_freed_too),
    CASE(a_summary_counts_what_came_and_went_also_beyond_the_buffer),
    CASE(a_resized_block_is_one_record_and_a_failure_changes_none),
    CASE(a_trace_is_started_paused_resumed_and_stopped_once),
    CASE(what_is_not_there_cannot_be_had),
    CASE(a_dump_shows_all_records_or_those_of_one_kind_of_memory),
#ifdef __linux__
    CASE(a_record_has_who_allocated_and_who_freed),
    CASE(a_dump_has_the_blocks_pointer_and_the_addresses_of_the_programs_file),
#endif
    LAST_CASE,
};
