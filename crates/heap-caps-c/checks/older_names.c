/* Checks of the names of 2016 that serve by capability, from the heaps of today.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_alloc_caps.h"
#include "freertos/heap_regions.h"
#include "memory.h"

static void capabilities_have_an_older_name(void)
{
    void *block = pvPortMallocCaps(100, MALLOC_CAP_DMA);
    CHECK(is_in_dram(block));
    vPortFree(block);
    block = pvPortMallocCaps(100, MALLOC_CAP_SPISRAM);
    CHECK(is_in_psram(block));
    heap_caps_free(block);
    block = pvPortMalloc(100);
    CHECK(is_in_dram(block) || is_in_psram(block));
    vPortFree(block);
    CHECK(pvPortMallocCaps(100, 0) == NULL);
    CHECK(pvPortMallocCaps(0, MALLOC_CAP_DMA) == NULL);
    CHECK(pvPortMallocCaps(SIZE_MAX, MALLOC_CAP_DMA) == NULL);
    CHECK(pvPortMallocCaps(100, MALLOC_CAP_EXEC | MALLOC_CAP_8BIT) == NULL);
    CHECK(pvPortMallocCaps(100, MALLOC_CAP_EXEC | MALLOC_CAP_DMA) == NULL);
    vPortFree(NULL);
}

const struct check older_names[] = {
    CASE(capabilities_have_an_older_name),
    LAST_CASE,
};
