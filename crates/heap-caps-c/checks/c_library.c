/* Checks of malloc() and its like, with the names of C libraries old and new, and of the radio
 * libraries.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_caps.h"
#include "memory.h"


/* A host keeps its own: the library's have a prefix there. */
#ifdef __unix__
#define LIBC(name) heap_caps_libc_##name
#else
#define LIBC(name) name
#endif

struct _reent;

void *LIBC(malloc)(size_t size);
void *LIBC(calloc)(size_t n, size_t size);
void *LIBC(realloc)(void *ptr, size_t size);
void LIBC(free)(void *ptr);
void *LIBC(memalign)(size_t alignment, size_t size);
void *LIBC(aligned_alloc)(size_t alignment, size_t size);
int LIBC(posix_memalign)(void **memptr, size_t alignment, size_t size);
void *LIBC(valloc)(size_t size);
void *LIBC(pvalloc)(size_t size);
int LIBC(mallopt)(int parameter, int value);
int LIBC(malloc_trim)(size_t pad);
void heap_caps_set_errno_location(int *(*location)(void));
void *LIBC(reallocarray)(void *ptr, size_t n, size_t size);
size_t LIBC(malloc_usable_size)(void *ptr);
void *LIBC(_malloc_r)(struct _reent *reent, size_t size);
void *LIBC(_calloc_r)(struct _reent *reent, size_t n, size_t size);
void *LIBC(_realloc_r)(struct _reent *reent, void *ptr, size_t size);
void LIBC(_free_r)(struct _reent *reent, void *ptr);
void *LIBC(_memalign_r)(struct _reent *reent, size_t alignment, size_t size);
void *LIBC(malloc_internal)(size_t size);
void LIBC(free_internal)(void *ptr);
void *LIBC(calloc_internal)(size_t number, size_t size);
void *LIBC(realloc_internal)(void *ptr, size_t size);
size_t LIBC(get_free_internal_heap_size)(void);

/* What heap_caps_libc.h says of malloc(), calloc() and realloc(). */
static size_t alignment_of(size_t size)
{
    size_t alignment = 2 * sizeof(void *);
    while (alignment > 4 && size < alignment) {
        alignment /= 2;
    }
    return alignment;
}

static void blocks_are_default_memory_aligned_for_anything(void)
{
    size_t size;
    for (size = 1; size < 200; size++) {
        void *block = LIBC(malloc)(size);
        CHECK(is_in_dram(block));
        CHECK_EQUAL((uintptr_t)block % alignment_of(size), 0);
        block = LIBC(realloc)(block, size + 40);
        CHECK_EQUAL((uintptr_t)block % alignment_of(size + 40), 0);
        LIBC(free)(block);
        block = LIBC(calloc)(size, 1);
        CHECK_EQUAL((uintptr_t)block % alignment_of(size), 0);
        CHECK(LIBC(malloc_usable_size)(block) >= size);
        CHECK(LIBC(malloc_usable_size)(block) < size + 16);
        fill(block, 0xEE, LIBC(malloc_usable_size)(block));
        LIBC(free)(block);
    }
}

static void nothing_and_too_much_give_null(void)
{
    CHECK(LIBC(malloc)(0) == NULL);
    CHECK(LIBC(calloc)(0, 8) == NULL);
    CHECK(LIBC(malloc)(SIZE_MAX) == NULL);
    CHECK(LIBC(malloc)(SIZE_MAX - 7) == NULL);
    CHECK(LIBC(calloc)(SIZE_MAX / 2 + 1, 2) == NULL);
    CHECK(LIBC(reallocarray)(NULL, SIZE_MAX / 2 + 1, 2) == NULL);
    CHECK(LIBC(realloc)(NULL, 0) == NULL);
    CHECK_EQUAL(LIBC(malloc_usable_size)(NULL), 0);
    LIBC(free)(NULL);
}

static void cleared_and_resized_blocks_are_as_c_wants_them(void)
{
    unsigned char *block = (unsigned char *)LIBC(calloc)(10, 7);
    CHECK(is_filled(block, 0, 70));
    fill(block, 0x21, 70);
    block = (unsigned char *)LIBC(realloc)(block, 700);
    CHECK(is_filled(block, 0x21, 70));
    CHECK_EQUAL((uintptr_t)block % 8, 0);
    CHECK(LIBC(realloc)(block, SIZE_MAX) == NULL);
    CHECK(LIBC(reallocarray)(block, SIZE_MAX, 3) == NULL);
    block = (unsigned char *)LIBC(reallocarray)(block, 20, 4);
    CHECK(is_filled(block, 0x21, 70));
    CHECK(LIBC(realloc)(block, 0) == NULL);
    block = (unsigned char *)LIBC(realloc)(NULL, 40);
    CHECK(block != NULL);
    LIBC(free)(block);
}

static void alignments_are_kept(void)
{
    size_t alignment;
    void *block;
    for (alignment = 1; alignment <= 512; alignment *= 2) {
        block = LIBC(memalign)(alignment, 30);
        CHECK(block != NULL && (uintptr_t)block % alignment == 0);
        LIBC(free)(block);
        block = LIBC(aligned_alloc)(alignment, 30);
        CHECK(block != NULL && (uintptr_t)block % alignment == 0);
        LIBC(free)(block);
        block = LIBC(_memalign_r)(NULL, alignment, 30);
        CHECK(block != NULL && (uintptr_t)block % alignment == 0);
        LIBC(_free_r)(NULL, block);
    }
    CHECK(LIBC(memalign)(24, 30) == NULL);
    CHECK(LIBC(aligned_alloc)(0, 30) == NULL);
}

static void realloc_keeps_the_alignment_that_a_block_was_given(void)
{
    size_t alignment, index, way;
    for (alignment = 32; alignment <= 1024; alignment *= 2) {
        for (way = 0; way < 3; way++) {
            void *blocks[4] = {LIBC(memalign)(alignment, 40), LIBC(aligned_alloc)(alignment, 40),
                               NULL, LIBC(_memalign_r)(NULL, alignment, 40)};
            CHECK_EQUAL(LIBC(posix_memalign)(&blocks[2], alignment, 40), 0);
            for (index = 0; index < 4; index++) {
                void *wall = LIBC(malloc)(8);
                fill(blocks[index], 0x62, 40);
                blocks[index] = way == 0   ? LIBC(realloc)(blocks[index], 300)
                                : way == 1 ? LIBC(_realloc_r)(NULL, blocks[index], 300)
                                           : LIBC(reallocarray)(blocks[index], 3, 100);
                CHECK_EQUAL((uintptr_t)blocks[index] % alignment, 0);
                CHECK(is_filled(blocks[index], 0x62, 40));
                LIBC(free)(wall);
            }
            for (index = 0; index < 4; index++) {
                LIBC(free)(blocks[index]);
            }
        }
    }
}

static void posix_memalign_returns_a_number(void)
{
    enum { OUT_OF_MEMORY = 12, INVALID = 22 };
    void *block = &block;
    CHECK_EQUAL(LIBC(posix_memalign)(&block, 64, 100), 0);
    CHECK_EQUAL((uintptr_t)block % 64, 0);
    LIBC(free)(block);
    block = &block;
    CHECK_EQUAL(LIBC(posix_memalign)(&block, 64, 10000000), OUT_OF_MEMORY);
    CHECK(block == &block);
    CHECK_EQUAL(LIBC(posix_memalign)(&block, 24, 100), INVALID);
    CHECK(block == &block);
    CHECK_EQUAL(LIBC(posix_memalign)(&block, 64, 0), 0);
    CHECK(block == NULL);
}

static int error_number;

static int *where_the_error_number_is(void)
{
    return &error_number;
}

/* The number that a failed call left; the next one finds none. */
static int error_left(const void *block)
{
    int left = error_number;
    CHECK(block == NULL);
    error_number = 0;
    return left;
}

static void failures_leave_the_number_that_says_why(void)
{
    enum { OUT_OF_MEMORY = 12, INVALID = 22 };
    struct {
        int number;
        char more[60];
    } reentrancy = {0, {0}};
    heap_caps_set_errno_location(where_the_error_number_is);
    error_number = 0;
    CHECK_EQUAL(error_left(LIBC(malloc)(SIZE_MAX)), OUT_OF_MEMORY);
    CHECK_EQUAL(error_left(LIBC(malloc)(0)), 0);
    CHECK_EQUAL(error_left(LIBC(memalign)(24, 30)), INVALID);
    CHECK_EQUAL(error_left(LIBC(memalign)(0, 30)), INVALID);
    CHECK_EQUAL(error_left(LIBC(memalign)(16, 10000000)), OUT_OF_MEMORY);
    CHECK_EQUAL(error_left(LIBC(aligned_alloc)(3, 30)), INVALID);
    CHECK_EQUAL(error_left(LIBC(aligned_alloc)(64, SIZE_MAX)), OUT_OF_MEMORY);
    CHECK_EQUAL(error_left(LIBC(valloc)(SIZE_MAX)), OUT_OF_MEMORY);
    CHECK_EQUAL(error_left(LIBC(pvalloc)(SIZE_MAX - 10)), OUT_OF_MEMORY);
    CHECK_EQUAL(error_left(LIBC(_memalign_r)((struct _reent *)(void *)&reentrancy, 24, 30)), 0);
    CHECK_EQUAL(reentrancy.number, INVALID);
    CHECK_EQUAL(error_left(LIBC(_memalign_r)((struct _reent *)(void *)&reentrancy, 32, 10000000)),
                0);
    CHECK_EQUAL(reentrancy.number, OUT_OF_MEMORY);
    heap_caps_set_errno_location(NULL);
}

static void pages_are_pages(void)
{
    void *block = LIBC(valloc)(100);
    CHECK(block != NULL && (uintptr_t)block % 4096 == 0);
    CHECK(LIBC(malloc_usable_size)(block) >= 100);
    LIBC(free)(block);
    block = LIBC(pvalloc)(1);
    CHECK(block != NULL && (uintptr_t)block % 4096 == 0);
    CHECK(LIBC(malloc_usable_size)(block) >= 4096);
    LIBC(free)(block);
    CHECK(LIBC(valloc)(0) == NULL && LIBC(pvalloc)(0) == NULL);
}

#ifdef __unix__
typedef int figure_t;
#else
typedef size_t figure_t;
#endif
struct figures {
    figure_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
struct figures LIBC(mallinfo)(void);
struct figures LIBC(_mallinfo_r)(struct _reent *);

static void mallinfo_shows_what_malloc_has(void)
{
    struct figures before = LIBC(mallinfo)(), now;
    void *block = LIBC(malloc)(1000);
    now = LIBC(mallinfo)();
    CHECK_EQUAL(before.uordblks, 0);
    CHECK_EQUAL(before.arena, sizeof dram + sizeof psram);
    CHECK_EQUAL(now.arena, before.arena);
    CHECK_EQUAL(now.fordblks, heap_caps_get_free_size(MALLOC_CAP_DEFAULT));
    CHECK_EQUAL(now.keepcost, heap_caps_get_largest_free_block(MALLOC_CAP_DEFAULT));
    CHECK(now.uordblks >= 1000 && now.uordblks < 1100 && now.usmblks >= now.uordblks);
    CHECK(now.ordblks >= 2);
    CHECK_EQUAL(now.smblks + now.hblks + now.hblkhd + now.fsmblks, 0);
    CHECK_EQUAL(LIBC(_mallinfo_r)(NULL).uordblks, now.uordblks);
    LIBC(free)(block);
}

static void options_of_other_allocators_are_answered(void)
{
    enum { FAST_BINS = 1, TRIM_THRESHOLD = -1, MMAP_MAX = -4, PERTURB = -6, ARENAS = -8 };
    CHECK_EQUAL(LIBC(mallopt)(FAST_BINS, 64), 1);
    CHECK_EQUAL(LIBC(mallopt)(TRIM_THRESHOLD, 128 * 1024), 1);
    CHECK_EQUAL(LIBC(mallopt)(MMAP_MAX, 0), 1);
    CHECK_EQUAL(LIBC(mallopt)(ARENAS, 1), 1);
    CHECK_EQUAL(LIBC(mallopt)(PERTURB, 165), 0);
    CHECK_EQUAL(LIBC(mallopt)(4711, 1), 0);
    CHECK_EQUAL(LIBC(malloc_trim)(0), 0);
}

static void reentrant_functions_are_the_same(void)
{
    unsigned char *block = (unsigned char *)LIBC(_malloc_r)(NULL, 100);
    CHECK(is_in_dram(block));
    fill(block, 0x31, 100);
    block = (unsigned char *)LIBC(_realloc_r)(NULL, block, 200);
    CHECK(is_filled(block, 0x31, 100));
    LIBC(_free_r)(NULL, block);
    block = (unsigned char *)LIBC(_calloc_r)(NULL, 5, 5);
    CHECK(is_filled(block, 0, 25));
    LIBC(_free_r)(NULL, block);
    CHECK(LIBC(_malloc_r)(NULL, 0) == NULL);
    CHECK(LIBC(_calloc_r)(NULL, SIZE_MAX, 2) == NULL);
    LIBC(_free_r)(NULL, NULL);
}

static void blocks_of_all_families_are_freed_by_all(void)
{
    heap_caps_free(LIBC(malloc)(10));
    LIBC(free)(heap_caps_malloc(10, MALLOC_CAP_SPIRAM));
    LIBC(free)(LIBC(malloc_internal)(10));
    LIBC(free_internal)(LIBC(_malloc_r)(NULL, 10));
    LIBC(_free_r)(NULL, LIBC(calloc_internal)(2, 5));
    heap_caps_free(heap_caps_realloc(LIBC(memalign)(64, 10), 100, MALLOC_CAP_8BIT));
}

static void the_radio_has_internal_memory_that_dma_reaches(void)
{
    unsigned char *block;
    heap_caps_malloc_extmem_enable(0);
    CHECK_EQUAL(LIBC(get_free_internal_heap_size)(),
                heap_caps_get_free_size(MALLOC_CAP_DMA | MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT));
    block = (unsigned char *)LIBC(malloc_internal)(100);
    CHECK(is_in_dram(block));
    fill(block, 0x41, 100);
    block = (unsigned char *)LIBC(realloc_internal)(block, 2000);
    CHECK(is_in_dram(block));
    CHECK(is_filled(block, 0x41, 100));
    LIBC(free_internal)(block);
    block = (unsigned char *)LIBC(calloc_internal)(10, 10);
    CHECK(is_in_dram(block));
    CHECK(is_filled(block, 0, 100));
    CHECK(LIBC(realloc_internal)(block, 0) == NULL);
    CHECK(LIBC(malloc_internal)(0) == NULL);
    CHECK(LIBC(malloc_internal)(SIZE_MAX) == NULL);
    CHECK(LIBC(calloc_internal)(SIZE_MAX, 2) == NULL);
    CHECK(LIBC(malloc_internal)(sizeof dram) == NULL);
    LIBC(free_internal)(NULL);
    block = (unsigned char *)LIBC(malloc)(100);
    CHECK(is_in_psram(block));
    LIBC(free)(block);
    heap_caps_malloc_extmem_enable(SIZE_MAX);
}

static void a_block_is_not_freed_twice(void)
{
    size_t before = heap_caps_get_fault_count();
    void *block = LIBC(malloc)(40);
    LIBC(free)(block);
    capture_start();
    LIBC(free)(block);
    LIBC(_free_r)(NULL, block);
    LIBC(free_internal)(block);
    capture_stop();
    CHECK_EQUAL(heap_caps_get_fault_count(), before + 3);
    expected_faults = 3;
}

const struct check c_library[] = {
    CASE(blocks_are_default_memory_aligned_for_anything),
    CASE(nothing_and_too_much_give_null),
    CASE(cleared_and_resized_blocks_are_as_c_wants_them),
    CASE(alignments_are_kept),
    CASE(realloc_keeps_the_alignment_that_a_block_was_given),
    CASE(posix_memalign_returns_a_number),
    CASE(failures_leave_the_number_that_says_why),
    CASE(pages_are_pages),
    CASE(mallinfo_shows_what_malloc_has),
    CASE(options_of_other_allocators_are_answered),
    CASE(reentrant_functions_are_the_same),
    CASE(blocks_of_all_families_are_freed_by_all),
    CASE(the_radio_has_internal_memory_that_dma_reaches),
    CASE(a_block_is_not_freed_twice),
    LAST_CASE,
};
