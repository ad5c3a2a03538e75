/* See memory.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "memory.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "esp_heap_caps.h"
#include "esp_heap_caps_init.h"

/* Functions that a program can have its memory from. */
struct source {
    void *(*allocate)(size_t size);
    void *(*resize)(void *block, size_t size);
    void (*release)(void *block);
    size_t (*size_of)(void *block);
};

static struct source chosen;
static int is_heap;
static size_t used, peak;
static clock_t start;

/* -- The C library, counting ------------------------------------------------------------------- */

static void *counted(void *block)
{
    used += malloc_usable_size(block);
    peak = used > peak ? used : peak;
    return block;
}

static void *allocate_counted(size_t size)
{
    return counted(malloc(size));
}

static void *resize_counted(void *block, size_t size)
{
    size_t before = malloc_usable_size(block);
    void *moved = realloc(block, size);
    if (moved != NULL) {
        used -= before;
        counted(moved);
    }
    return moved;
}

static void release_counted(void *block)
{
    used -= malloc_usable_size(block);
    free(block);
}

/* -- The capability heap ----------------------------------------------------------------------- */

static void *allocate_of_heap(size_t size)
{
    return heap_caps_malloc(size, MALLOC_CAP_SPIRAM);
}

static void *resize_of_heap(void *block, size_t size)
{
    return heap_caps_realloc(block, size, MALLOC_CAP_SPIRAM);
}

/* -- The choice -------------------------------------------------------------------------------- */

#ifdef PEERS
int peer_start(const char *name, void *start, size_t bytes);
void *peer_malloc(size_t size);
void *peer_realloc(void *block, size_t size);
void peer_free(void *block);
size_t peer_size(void *block);
#else
static int peer_start(const char *name, void *start, size_t bytes)
{
    (void)name, (void)start, (void)bytes;
    return 0;
}
#define peer_malloc malloc
#define peer_realloc realloc
#define peer_free free
#define peer_size malloc_usable_size
#endif

static const struct source of_library = {malloc, realloc, free, malloc_usable_size};
static const struct source of_library_counted = {allocate_counted, resize_counted, release_counted,
                                                 malloc_usable_size};
static const struct source of_heap = {allocate_of_heap, resize_of_heap, heap_caps_free,
                                      heap_caps_get_allocated_size};
static const struct source of_peer = {peer_malloc, peer_realloc, peer_free, peer_size};

void memory_choose(int count, char **words, size_t bytes)
{
    const uint32_t caps[3] = {MALLOC_CAP_SPIRAM | MALLOC_CAP_DEFAULT,
                              MALLOC_CAP_8BIT | MALLOC_CAP_32BIT, 0};
    const char *name = count > 1 ? words[1] : "heap";
    void *region;
    bytes = count > 2 ? strtoul(words[2], NULL, 10) : bytes;
    region = malloc(bytes);
    is_heap = strcmp(name, "heap") == 0;
    if (is_heap) {
        ESP_ERROR_CHECK(heap_caps_add_region_with_caps(caps, (intptr_t)region,
                                                       (intptr_t)region + (intptr_t)bytes));
        chosen = of_heap;
    } else if (strcmp(name, "system") == 0) {
        chosen = of_library;
    } else if (strcmp(name, "counted") == 0) {
        chosen = of_library_counted;
    } else if (peer_start(name, region, bytes)) {
        chosen = of_peer;
    } else {
        fprintf(stderr, "no memory is called %s\n", name);
        exit(2);
    }
    start = clock();
}

void *memory_malloc(size_t size)
{
    return chosen.allocate(size);
}

void *memory_realloc(void *block, size_t size)
{
    return chosen.resize(block, size);
}

void memory_free(void *block)
{
    chosen.release(block);
}

size_t memory_size(void *block)
{
    return chosen.size_of(block);
}

int memory_end(void)
{
    long microseconds = (long)((double)(clock() - start) * 1000000 / CLOCKS_PER_SEC);
    multi_heap_info_t info = {0};
    if (is_heap) {
        heap_caps_get_info(&info, MALLOC_CAP_SPIRAM);
        peak = info.total_free_bytes + info.total_allocated_bytes - info.minimum_free_bytes;
    }
    fprintf(stderr, "%ld us, %zu bytes\n", microseconds, peak);
    if (is_heap && (!heap_caps_check_integrity_all(true) || info.allocated_blocks != 0)) {
        fprintf(stderr, "the heap is damaged, or %zu blocks are left\n", info.allocated_blocks);
        return 1;
    }
    return 0;
}
