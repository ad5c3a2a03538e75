/* Checks of the poisoning levels: what they find, and what they leave alone.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_caps.h"
#include "memory.h"
#include "multi_heap.h"


#define REGION 4096

static uint32_t region[REGION / 4];

#if CANARIES
#define FINDS_OVERRUNS true
#else
#define FINDS_OVERRUNS false
#endif
#ifdef CONFIG_HEAP_POISONING_COMPREHENSIVE
#define FINDS_WRITES_AFTER_FREE true
#else
#define FINDS_WRITES_AFTER_FREE false
#endif

static multi_heap_handle_t fresh(void)
{
    fill(region, 0, sizeof region);
    return multi_heap_register(region, sizeof region);
}

/* Whether a check finds that this byte was changed. It is as before afterwards. */
static bool is_found(multi_heap_handle_t heap, volatile unsigned char *byte)
{
    unsigned char before = *byte;
    bool found;
    *byte = (unsigned char)(before ^ (1 + random_below(255)));
    found = !multi_heap_check(heap, false);
    *byte = before;
    return found;
}

static void a_free_byte_may_be_written_except_under_comprehensive_poisoning(void)
{
    multi_heap_handle_t heap = fresh();
    /* A block shows where the free one begins; its first bytes and its last word are the list's. */
    unsigned char *first = (unsigned char *)multi_heap_malloc(heap, 4);
    unsigned char *byte = first + 4 + CANARIES + HEADER + 8;
    unsigned char *end = byte + multi_heap_free_size(heap) - 12;
    for (; byte < end; byte++) {
        if (!CHECK_EQUAL(is_found(heap, byte), FINDS_WRITES_AFTER_FREE)) {
            break;
        }
        CHECK(multi_heap_check(heap, true));
    }
    multi_heap_free(heap, first);
}

static void an_overrun_by_one_byte_is_found_where_there_are_canaries(void)
{
    multi_heap_handle_t heap = fresh();
    size_t size;
    for (size = 1; size < 64; size++) {
        unsigned char *block = (unsigned char *)multi_heap_malloc(heap, size), *next;
        next = (unsigned char *)multi_heap_malloc(heap, 4);
        CHECK(multi_heap_get_allocated_size(heap, block) >= size);
        if (FINDS_OVERRUNS) {
            CHECK(is_found(heap, block + multi_heap_get_allocated_size(heap, block)));
            CHECK(is_found(heap, block - 1));
            CHECK(is_found(heap, block - 8));
        }
        fill(block, 0x77, size);
        CHECK(multi_heap_check(heap, true));
        multi_heap_free(heap, next);
        multi_heap_free(heap, block);
    }
}

static void every_byte_of_a_header_is_watched(void)
{
    multi_heap_handle_t heap = fresh();
    unsigned char *block = (unsigned char *)multi_heap_malloc(heap, 40),
                  *other = (unsigned char *)multi_heap_malloc(heap, 40);
    unsigned char *header = other - HEADER - (CANARIES ? 8 : 0);
    int byte;
    for (byte = 0; byte < HEADER; byte++) {
        CHECK(is_found(heap, header + byte));
    }
    multi_heap_free(heap, block);
    multi_heap_free(heap, other);
}

static void a_check_that_prints_says_what_is_wrong(void)
{
    multi_heap_handle_t heap = fresh();
    unsigned char *block = (unsigned char *)multi_heap_malloc(heap, 40);
    uint32_t *header = (uint32_t *)(void *)(block - HEADER - (CANARIES ? 8 : 0));
    uint32_t before = *header;
    capture_start();
    *header = 0x12345678;
    CHECK(!multi_heap_check(heap, false));
    CHECK(same_text(capture_stop(), ""));
    capture_start();
    CHECK(!multi_heap_check(heap, true));
    CHECK_EQUAL(lines_that_begin(capture_stop(), "CORRUPT HEAP: "), 1);
    *header = before;
    multi_heap_free(heap, block);
}

#if CANARIES
static void a_block_with_a_smashed_canary_is_not_taken_back(void)
{
    multi_heap_handle_t heap = fresh();
    unsigned char *block = (unsigned char *)multi_heap_malloc(heap, 40);
    size_t faults = heap_caps_get_fault_count(), free_bytes = multi_heap_free_size(heap);
    capture_start();
    block[40] ^= 1;
    multi_heap_free(heap, block);
    CHECK(multi_heap_realloc(heap, block, 80) == NULL);
    CHECK_EQUAL(multi_heap_get_allocated_size(heap, block), 0);
    CHECK_EQUAL(heap_caps_get_fault_count(), faults + 3);
    expected_faults = 3;
    CHECK_CONTAINS(capture_stop(), "free of 0x");
    CHECK_EQUAL(multi_heap_free_size(heap), free_bytes);
    block[40] ^= 1;
    multi_heap_free(heap, block);
    CHECK_EQUAL(multi_heap_free_size(heap), free_bytes + 40 + HEADER + CANARIES);
}

static void canaries_have_the_values_of_esp_idf(void)
{
    multi_heap_handle_t heap = fresh();
    unsigned char *block = (unsigned char *)multi_heap_malloc(heap, 6);
    static const unsigned char head[] = {0x34, 0x12, 0xBA, 0xAB}, tail[] = {0x78, 0x56, 0xAD, 0xBA};
    int byte;
    for (byte = 0; byte < 4; byte++) {
        CHECK_EQUAL(block[byte - 8], head[byte]);
        CHECK_EQUAL(block[multi_heap_get_allocated_size(heap, block) + (size_t)byte], tail[byte]);
    }
    multi_heap_free(heap, block);
}
#endif

#if CANARIES
static void canaries_depend_on_a_key(void)
{
    multi_heap_handle_t heap;
    unsigned char *block, *other;
    uint32_t canary, second;
    multi_heap_set_canary_key(0x1234567);
    heap = fresh();
    multi_heap_set_canary_key(0);
    block = (unsigned char *)multi_heap_malloc(heap, 6);
    other = (unsigned char *)multi_heap_malloc(heap, 6);
    canary = *(uint32_t *)(void *)(block - 8);
    second = *(uint32_t *)(void *)(other - 8);
    CHECK(canary != 0xABBA1234u);
    CHECK(canary != second);
    CHECK(is_found(heap, block + multi_heap_get_allocated_size(heap, block)));
    *(uint32_t *)(void *)(block - 8) = 0xABBA1234u;
    CHECK(!multi_heap_check(heap, false));
    *(uint32_t *)(void *)(block - 8) = canary;
    CHECK(multi_heap_check(heap, true));
    multi_heap_free(heap, other);
    multi_heap_free(heap, block);
}
#endif

#ifdef CONFIG_HEAP_POISONING_COMPREHENSIVE
static void fresh_and_freed_memory_have_patterns(void)
{
    multi_heap_handle_t heap = fresh();
    unsigned char *block = (unsigned char *)multi_heap_malloc(heap, 100);
    CHECK(is_filled(block, 0xCE, 100));
    fill(block, 0x11, 100);
    multi_heap_free(heap, block);
    CHECK(is_filled(block + 4, 0xFE, 92));
    block = (unsigned char *)multi_heap_malloc(heap, 100);
    fill(block, 0x22, 100);
    block = (unsigned char *)multi_heap_realloc(heap, block, 200);
    CHECK(is_filled(block, 0x22, 100));
    multi_heap_free(heap, block);
}

static void memory_written_after_its_free_is_not_handed_out(void)
{
    multi_heap_handle_t heap = fresh();
    unsigned char *block = (unsigned char *)multi_heap_malloc(heap, 100);
    size_t faults = heap_caps_get_fault_count();
    multi_heap_free(heap, block);
    block[50] = 0;
    capture_start();
    CHECK(multi_heap_malloc(heap, 100) == NULL);
    CHECK_CONTAINS(capture_stop(), "allocation from 0x");
    CHECK_EQUAL(heap_caps_get_fault_count(), faults + 1);
    expected_faults = 1;
}
#endif

const struct check one_heap_poison[] = {
    CASE(a_free_byte_may_be_written_except_under_comprehensive_poisoning),
    CASE(an_overrun_by_one_byte_is_found_where_there_are_canaries),
    CASE(every_byte_of_a_header_is_watched),
    CASE(a_check_that_prints_says_what_is_wrong),
#if CANARIES
    CASE(a_block_with_a_smashed_canary_is_not_taken_back),
    CASE(canaries_have_the_values_of_esp_idf),
    CASE(canaries_depend_on_a_key),
#endif
#ifdef CONFIG_HEAP_POISONING_COMPREHENSIVE
    CASE(fresh_and_freed_memory_have_patterns),
    CASE(memory_written_after_its_free_is_not_handed_out),
#endif
    LAST_CASE,
};
