/* Checks of callbacks: each is called once, with what was asked for.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_caps.h"
#include "memory.h"


#define DMA MALLOC_CAP_DMA
#define SPIRAM MALLOC_CAP_SPIRAM
#define NOTHING (MALLOC_CAP_EXEC | MALLOC_CAP_8BIT)
#define IMPOSSIBLE 1000000

/* -- Failures ---------------------------------------------------------------------------------- */

static struct {
    unsigned times;
    size_t size;
    uint32_t caps;
    const char *function;
} failure;

static void note_failure(size_t size, uint32_t caps, const char *function)
{
    failure.times++;
    failure.size = size;
    failure.caps = caps;
    failure.function = function;
    /* Nobody holds the lock. */
    heap_caps_free(heap_caps_malloc(16, MALLOC_CAP_8BIT));
}

static void expect_failure(void *block, size_t size, uint32_t caps, const char *function)
{
    CHECK(block == NULL);
    if (CHECK_EQUAL(failure.times, 1)) {
        CHECK_EQUAL(failure.size, size);
        CHECK_EQUAL(failure.caps, caps);
        CHECK_CONTAINS(function, failure.function);
        CHECK_CONTAINS(failure.function, function);
    }
    failure.times = 0;
}

static void every_function_tells_its_failure_once(void)
{
    void *block = heap_caps_malloc(40, DMA);
    CHECK_EQUAL(heap_caps_register_failed_alloc_callback(NULL), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(heap_caps_register_failed_alloc_callback(note_failure), ESP_OK);
    expect_failure(heap_caps_malloc(IMPOSSIBLE, DMA), IMPOSSIBLE, DMA, "heap_caps_malloc");
    expect_failure(heap_caps_malloc(4, 0), 4, 0, "heap_caps_malloc");
    expect_failure(heap_caps_malloc(4, NOTHING), 4, NOTHING, "heap_caps_malloc");
    expect_failure(heap_caps_calloc(IMPOSSIBLE, 2, DMA), 2 * IMPOSSIBLE, DMA, "heap_caps_calloc");
    expect_failure(heap_caps_calloc(SIZE_MAX, 2, DMA), SIZE_MAX, DMA, "heap_caps_calloc");
    expect_failure(heap_caps_realloc(block, IMPOSSIBLE, DMA), IMPOSSIBLE, DMA, "heap_caps_realloc");
    expect_failure(heap_caps_realloc(NULL, IMPOSSIBLE, DMA), IMPOSSIBLE, DMA, "heap_caps_realloc");
    expect_failure(heap_caps_aligned_alloc(16, IMPOSSIBLE, DMA), IMPOSSIBLE, DMA,
                   "heap_caps_aligned_alloc");
    expect_failure(heap_caps_malloc_prefer(IMPOSSIBLE, 2, DMA, SPIRAM), IMPOSSIBLE, SPIRAM,
                   "heap_caps_malloc_prefer");
    expect_failure(heap_caps_malloc_prefer(4, 0), 4, MALLOC_CAP_DEFAULT, "heap_caps_malloc_prefer");
    expect_failure(heap_caps_realloc_prefer(block, IMPOSSIBLE, 2, SPIRAM, DMA), IMPOSSIBLE, DMA,
                   "heap_caps_realloc_prefer");
    expect_failure(heap_caps_calloc_prefer(2, IMPOSSIBLE, 1, DMA), 2 * IMPOSSIBLE, DMA,
                   "heap_caps_calloc_prefer");
    heap_caps_free(block);
}

static void nothing_was_asked_for_so_nothing_failed(void)
{
    CHECK_EQUAL(heap_caps_register_failed_alloc_callback(note_failure), ESP_OK);
    failure.times = 0;
    CHECK(heap_caps_malloc(0, DMA) == NULL);
    CHECK(heap_caps_calloc(0, 8, DMA) == NULL);
    CHECK(heap_caps_calloc(8, 0, DMA) == NULL);
    CHECK(heap_caps_realloc(NULL, 0, DMA) == NULL);
    CHECK(heap_caps_aligned_alloc(3, 8, DMA) == NULL);
    CHECK(heap_caps_aligned_alloc(0, 8, DMA) == NULL);
    CHECK(heap_caps_malloc_prefer(0, 1, DMA) == NULL);
    CHECK(heap_caps_calloc_prefer(0, 8, 1, DMA) == NULL);
    CHECK_EQUAL(failure.times, 0);
}

static void functions_for_wrappers_tell_nobody(void)
{
    void *block = heap_caps_malloc_base(40, DMA);
    CHECK(is_in_dram(block));
    CHECK_EQUAL(heap_caps_register_failed_alloc_callback(note_failure), ESP_OK);
    failure.times = 0;
    CHECK(heap_caps_malloc_base(IMPOSSIBLE, DMA) == NULL);
    CHECK(heap_caps_calloc_base(IMPOSSIBLE, 4, DMA) == NULL);
    CHECK(heap_caps_realloc_base(block, IMPOSSIBLE, DMA) == NULL);
    CHECK(heap_caps_aligned_alloc_base(32, IMPOSSIBLE, DMA) == NULL);
    CHECK_EQUAL(failure.times, 0);
    block = heap_caps_realloc_base(block, 80, DMA);
    CHECK(is_in_dram(block));
    heap_caps_free(block);
    block = heap_caps_calloc_base(4, 10, DMA);
    CHECK(is_filled(block, 0, 40));
    heap_caps_free(block);
    block = heap_caps_aligned_alloc_base(128, 40, DMA);
    CHECK_EQUAL((uintptr_t)block % 128, 0);
    heap_caps_free(block);
}

/* -- Blocks ------------------------------------------------------------------------------------ */

static struct {
    unsigned allocations, frees;
    void *allocated, *freed;
    size_t size;
    uint32_t caps;
} events;

static void note_allocation(void *block, size_t size, uint32_t caps)
{
    events.allocations++;
    events.allocated = block;
    events.size = size;
    events.caps = caps;
}

static void note_free(void *block)
{
    events.frees++;
    events.freed = block;
}

static void *expect_allocation(void *block, size_t size, uint32_t caps)
{
    CHECK(block != NULL);
    CHECK_EQUAL(events.allocations, 1);
    CHECK(events.allocated == block);
    CHECK_EQUAL(events.size, size);
    CHECK_EQUAL(events.caps, caps);
    events.allocations = 0;
    return block;
}

static void expect_free(void *block)
{
    CHECK_EQUAL(events.frees, 1);
    CHECK(events.freed == block);
    events.frees = 0;
}

static void note_nothing(size_t size, uint32_t caps, const char *function)
{
    (void)size;
    (void)caps;
    (void)function;
}

static void hooks_hear_of_every_block_once_with_the_size_asked_for(void)
{
    void *block, *moved;
    heap_caps_register_failed_alloc_callback(note_nothing);
    heap_caps_register_alloc_hooks(note_allocation, note_free);
    events.allocations = events.frees = 0;
    block = expect_allocation(heap_caps_malloc(5, MALLOC_CAP_32BIT), 5, MALLOC_CAP_32BIT);
    heap_caps_free(block);
    expect_free(block);
    block = expect_allocation(heap_caps_calloc(3, 7, DMA), 21, DMA);
    moved = expect_allocation(heap_caps_realloc(block, 9, SPIRAM), 9, SPIRAM);
    CHECK(moved != block);
    expect_free(block);
    heap_caps_aligned_free(moved);
    expect_free(moved);
    block = expect_allocation(heap_caps_aligned_alloc(64, 33, DMA), 33, DMA);
    CHECK(heap_caps_realloc(block, 0, DMA) == NULL);
    expect_free(block);
    block = expect_allocation(heap_caps_malloc_prefer(10, 2, NOTHING, DMA), 10, DMA);
    heap_caps_free(block);
    expect_free(block);
    block = expect_allocation(heap_caps_aligned_calloc(16, 2, 9, SPIRAM), 18, SPIRAM);
    heap_caps_free(block);
    expect_free(block);
    heap_caps_free(NULL);
    CHECK(heap_caps_malloc(IMPOSSIBLE, DMA) == NULL);
    CHECK(heap_caps_malloc(0, DMA) == NULL);
    CHECK_EQUAL(events.allocations + events.frees, 0);
    heap_caps_register_alloc_hooks(NULL, NULL);
    heap_caps_free(heap_caps_malloc(10, DMA));
    CHECK_EQUAL(events.allocations + events.frees, 0);
}

/* -- Faults ------------------------------------------------------------------------------------ */

static unsigned faults_told;
static bool line_was_right;

static uintptr_t pointer_told, heap_told;

static void note_fault(const char *line)
{
    faults_told++;
    pointer_told = number_behind(line, " of 0x");
    heap_told = number_behind(line, " (heap at 0x");
    line_was_right = lines_that_begin(line, "heap fault: free of 0x") == 1;
    heap_caps_free(heap_caps_malloc(16, MALLOC_CAP_8BIT));
}

static void a_fault_is_told_once_and_changes_nothing(void)
{
    void *block = heap_caps_malloc(40, DMA);
    size_t before = heap_caps_get_fault_count(), free_bytes;
    heap_caps_free(block);
    free_bytes = heap_caps_get_free_size(0);
    heap_caps_register_fault_callback(note_fault);
    faults_told = 0;
    capture_start();
    heap_caps_free(block);
    CHECK(lines_that_begin(capture_stop(), "heap fault: free of 0x") == 1);
    CHECK_EQUAL(pointer_told, (uintptr_t)block);
    CHECK_EQUAL(heap_told, (uintptr_t)dram);
    heap_caps_register_fault_callback(NULL);
    CHECK_EQUAL(faults_told, 1);
    CHECK(line_was_right);
    CHECK_EQUAL(heap_caps_get_free_size(0), free_bytes);
    CHECK_EQUAL(heap_caps_get_fault_count(), before + 1);
    expected_faults = 1;
}

/* Frees a block, and again by the function that is to be named. */
#define EXPECT_FUNCTION(name, call)                        \
    do {                                                   \
        void *block = heap_caps_malloc(40, DMA);           \
        heap_caps_free(block);                             \
        capture_start();                                   \
        call;                                              \
        CHECK_CONTAINS(capture_stop(), ", in " name "()"); \
        expected_faults++;                                 \
    } while (0)

static void the_function_that_finds_a_fault_is_named(void)
{
    EXPECT_FUNCTION("heap_caps_free", heap_caps_free(block));
    EXPECT_FUNCTION("heap_caps_aligned_free", heap_caps_aligned_free(block));
    EXPECT_FUNCTION("heap_caps_realloc", CHECK(heap_caps_realloc(block, 8, DMA) == NULL));
    EXPECT_FUNCTION("heap_caps_realloc", CHECK(heap_caps_realloc(block, 0, DMA) == NULL));
    EXPECT_FUNCTION("heap_caps_realloc_base", CHECK(heap_caps_realloc_base(block, 8, DMA) == NULL));
    EXPECT_FUNCTION("heap_caps_realloc_default",
                    CHECK(heap_caps_realloc_default(block, 8) == NULL));
    EXPECT_FUNCTION("heap_caps_aligned_realloc",
                    CHECK(heap_caps_aligned_realloc(block, 64, 8, DMA) == NULL));
    EXPECT_FUNCTION("heap_caps_get_allocated_size",
                    CHECK_EQUAL(heap_caps_get_allocated_size(block), 0));
}

#ifdef __linux__
/* Two functions that make the same mistake: the fault has to name the one that was called. */
__attribute__((noinline)) static void frees(void *block)
{
    heap_caps_free(block);
    faults_told = 0;
}

__attribute__((noinline)) static void resizes(void *block)
{
    faults_told = heap_caps_realloc(block, 400, DMA) != NULL;
}

static void note_nested(size_t size, uint32_t caps, const char *function)
{
    note_nothing(size, caps, function);
    frees(dram + 3);
}

/* A call of one of them lies in its first bytes. */
static void expect_caller(void (*function)(void *), void *block)
{
    uintptr_t caller;
    capture_start();
    function(block);
    caller = number_behind(capture_stop(), "called from 0x");
    CHECK(caller > (uintptr_t)function && caller < (uintptr_t)function + 64);
    expected_faults++;
}

static void the_caller_is_told_by_its_address(void)
{
    void *block = heap_caps_malloc(40, DMA);
    uintptr_t caller;
    heap_caps_free(block);
    expect_caller(frees, block);
    expect_caller(resizes, block);
    expect_caller(frees, dram + 3);
    /* Behind the mistake stands a function of the program, which a function of the heap called. */
    heap_caps_register_failed_alloc_callback(note_nested);
    capture_start();
    CHECK(heap_caps_malloc(IMPOSSIBLE, DMA) == NULL);
    caller = number_behind(capture_stop(), "called from 0x");
    CHECK(caller > (uintptr_t)frees && caller < (uintptr_t)frees + 64);
    expected_faults++;
    heap_caps_register_failed_alloc_callback(note_nothing);
}
#endif

#if CANARIES
static void a_smashed_canary_is_told_and_the_block_kept(void)
{
    char *block = (char *)heap_caps_malloc(40, DMA);
    size_t before = heap_caps_get_fault_count();
    block[40] ^= 1;
    capture_start();
    heap_caps_free(block);
    capture_stop();
    CHECK_EQUAL(heap_caps_get_fault_count(), before + 1);
    expected_faults = 1;
    block[40] ^= 1;
    heap_caps_free(block);
}
#endif

const struct check callbacks[] = {
    CASE(every_function_tells_its_failure_once),
    CASE(nothing_was_asked_for_so_nothing_failed),
    CASE(functions_for_wrappers_tell_nobody),
    CASE(hooks_hear_of_every_block_once_with_the_size_asked_for),
    CASE(a_fault_is_told_once_and_changes_nothing),
    CASE(the_function_that_finds_a_fault_is_named),
#ifdef __linux__
    CASE(the_caller_is_told_by_its_address),
#endif
#if CANARIES
    CASE(a_smashed_canary_is_told_and_the_block_kept),
#endif
    LAST_CASE,
};
