/* Allocation by capability, as before there was esp_heap_caps.h (2016).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The names of ESP-IDF v2.1, where they were all there was, and of v3.0, where they were older
 * names of heap_caps_malloc() and its like. A library with today's names has the last three as v3.0
 * had them: a heap must have all capabilities that are asked for. A library of the generation of
 * 2016 has all five as v2.1 had them, see the remarks.
 */
#ifndef ESP_HEAP_ALLOC_CAPS_H
#define ESP_HEAP_ALLOC_CAPS_H

#include "esp_heap_caps.h"

#ifdef __cplusplus
extern "C" {
#endif

/* v2.1's name of external RAM. */
#define MALLOC_CAP_SPISRAM MALLOC_CAP_SPIRAM

/* Makes regions of all memory of the chip that nothing else uses, the start-up stacks excepted. */
void heap_alloc_caps_init(void);

/* Makes the memory of the start-up stacks available. */
void heap_alloc_enable_nonos_stack_tag(void);

/* Allocates a block; NULL if no block fits. The caller owns it until vPortFree() or
 * heap_caps_free(). */
void *pvPortMallocCaps(size_t xWantedSize, uint32_t caps);

/* Free bytes. In 2016: of memory with any of `caps`, once for each priority that has one of
 * them. */
size_t xPortGetFreeHeapSizeCaps(uint32_t caps);

/* The lowest that they were. In 2016: summed up in the same way. */
size_t xPortGetMinimumEverFreeHeapSizeCaps(uint32_t caps);

#ifdef __cplusplus
}
#endif

#endif
