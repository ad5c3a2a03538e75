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

static int is_heap;
static size_t heap_bytes, system_used, system_peak;
static clock_t start;

void memory_choose(const char *name, size_t bytes)
{
    const uint32_t caps[3] = {MALLOC_CAP_SPIRAM | MALLOC_CAP_DEFAULT, MALLOC_CAP_8BIT | MALLOC_CAP_32BIT, 0};
    is_heap = strcmp(name, "heap") == 0;
    if (!is_heap && strcmp(name, "system") != 0) {
        fprintf(stderr, "no memory is called %s\n", name);
        exit(2);
    }
    heap_bytes = bytes;
    if (is_heap) {
        intptr_t first = (intptr_t)malloc(bytes);
        ESP_ERROR_CHECK(heap_caps_add_region_with_caps(caps, first, first + (intptr_t)bytes));
    }
    start = clock();
}

static void *counted(void *block)
{
    system_used += malloc_usable_size(block);
    system_peak = system_used > system_peak ? system_used : system_peak;
    return block;
}

void *memory_malloc(size_t size)
{
    return is_heap ? heap_caps_malloc(size, MALLOC_CAP_SPIRAM) : counted(malloc(size));
}

void *memory_realloc(void *block, size_t size)
{
    size_t before;
    void *moved;
    if (is_heap) {
        return heap_caps_realloc(block, size, MALLOC_CAP_SPIRAM);
    }
    before = malloc_usable_size(block);
    moved = realloc(block, size);
    if (moved != NULL) {
        system_used -= before;
        counted(moved);
    }
    return moved;
}

void memory_free(void *block)
{
    if (is_heap) {
        heap_caps_free(block);
    } else {
        system_used -= malloc_usable_size(block);
        free(block);
    }
}

size_t memory_size(void *block)
{
    return is_heap ? heap_caps_get_allocated_size(block) : malloc_usable_size(block);
}

int memory_end(void)
{
    long milliseconds = (long)((clock() - start) * 1000.0 / CLOCKS_PER_SEC);
    size_t peak = system_peak;
    multi_heap_info_t info;
    if (!is_heap) {
        fprintf(stderr, "%ld ms, %zu bytes\n", milliseconds, peak);
        return 0;
    }
    heap_caps_get_info(&info, MALLOC_CAP_SPIRAM);
    peak = info.total_free_bytes + info.total_allocated_bytes - info.minimum_free_bytes;
    fprintf(stderr, "%ld ms, %zu bytes\n", milliseconds, peak);
    if (!heap_caps_check_integrity_all(true) || info.allocated_blocks != 0) {
        fprintf(stderr, "the heap is damaged, or %zu blocks are left\n", info.allocated_blocks);
        return 1;
    }
    return 0;
}
