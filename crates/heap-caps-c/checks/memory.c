/* The memory of the checks: where it is, and what it can do.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "memory.h"

#include "esp_heap_caps.h"
#include "esp_heap_caps_init.h"

uint32_t dram[4096];
uint32_t iram[2048];
uint32_t psram[8192];

static const uint32_t dram_caps[3] = {MALLOC_CAP_8BIT | MALLOC_CAP_DEFAULT,
                                      MALLOC_CAP_INTERNAL | MALLOC_CAP_DMA | MALLOC_CAP_32BIT, 0};
static const uint32_t iram_caps[3] = {MALLOC_CAP_INTERNAL | MALLOC_CAP_EXEC | MALLOC_CAP_32BIT, 0,
                                      0};
static const uint32_t psram_caps[3] = {MALLOC_CAP_SPIRAM | MALLOC_CAP_DEFAULT, 0,
                                       MALLOC_CAP_8BIT | MALLOC_CAP_32BIT};

const unsigned heaps_at_start = 3;

static bool add(const uint32_t *caps, void *start, size_t size)
{
    return heap_caps_add_region_with_caps(caps, (intptr_t)start, (intptr_t)start + (intptr_t)size)
           == ESP_OK;
}

bool memory_start(void)
{
    return add(dram_caps, dram, sizeof dram) && add(iram_caps, iram, sizeof iram)
           && add(psram_caps, psram, sizeof psram);
}

static bool is_in(const void *pointer, const void *start, size_t size)
{
    return (uintptr_t)pointer - (uintptr_t)start < size;
}

bool is_in_dram(const void *pointer)
{
    return is_in(pointer, dram, sizeof dram);
}

bool is_in_iram(const void *pointer)
{
    return is_in(pointer, iram, sizeof iram);
}

bool is_in_psram(const void *pointer)
{
    return is_in(pointer, psram, sizeof psram);
}
