/* Regions of memory with tags (2016).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *      tag 0   | region | region |     tag 1   | region |     tag -1   not used
 *
 * FreeRTOS's heap of ESP-IDF v2.1. Blocks of different tags never join.
 */
#ifndef FREERTOS_HEAP_REGIONS_H
#define FREERTOS_HEAP_REGIONS_H

#include <stddef.h>
#include <stdint.h>

/* BaseType_t is FreeRTOS's, where there is FreeRTOS. */
#if defined(__has_include)
#if __has_include("freertos/FreeRTOS.h")
#include "freertos/FreeRTOS.h"
#define HEAP_REGIONS_HAS_FREERTOS_ 1
#endif
#endif
#ifndef HEAP_REGIONS_HAS_FREERTOS_
typedef int BaseType_t;
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Tags are 0 up to one less than this. */
#define HEAPREGIONS_MAX_TAGCOUNT 16

/* A region. */
typedef struct HeapRegionTagged {
    uint8_t *pucStartAddress; /* its first byte */
    size_t xSizeInBytes;      /* bytes, at most 128 MiB (16 MiB in 2016); 0 ends the array */
    BaseType_t xTag;          /* its tag; -1: not used */
    uint32_t xExecAddr;       /* where instructions see it; 0: nowhere else */
} HeapRegionTagged_t;

/* Hands all regions over for good, by ascending address, behind the last one an element with size
 * 0. Once only. */
void vPortDefineHeapRegionsTagged(const HeapRegionTagged_t *const pxHeapRegions);

/* Takes a block out of a region with this tag, the one with the lowest address first; NULL if none
 * has room. The caller owns it until vPortFreeTagged(). */
void *pvPortMallocTagged(size_t xWantedSize, BaseType_t tag);

/* Frees a block. NULL is no block. */
void vPortFreeTagged(void *pv);

/* Free bytes of a tag, and the lowest that they were. 0 for a tag without regions. */
size_t xPortGetFreeHeapSizeTagged(BaseType_t tag);
size_t xPortGetMinimumEverFreeHeapSizeTagged(BaseType_t tag);

/* The same by capabilities: memory with bytes. */
void *pvPortMalloc(size_t xWantedSize);
void vPortFree(void *pv);
size_t xPortGetFreeHeapSize(void);
size_t xPortGetMinimumEverFreeHeapSize(void);

#ifdef __cplusplus
}
#endif

#endif
