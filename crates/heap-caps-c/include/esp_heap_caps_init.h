/* Registration of memory as heaps.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef ESP_HEAP_CAPS_INIT_H
#define ESP_HEAP_CAPS_INIT_H

#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"
#include "esp_heap_caps.h"
#include "soc/soc_memory_layout.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes heaps of all memory of the chip that nothing else uses, the start-up stacks excepted.
 * Called once, before the first allocation. */
void heap_caps_init(void);

/* Makes heaps of the start-up stacks' memory. Called once, when no core runs on them any more. */
void heap_caps_enable_nonos_stack_heaps(void);

/* Makes a heap of the whole words from `start` up to `end` (exclusive), with the capabilities that
 * the chip's memory has there. They are the heap's for good. Up to 3 bytes at either end that are
 * no whole word stay unused.
 *
 * ESP_ERR_INVALID_ARG: no start, or the end is not above it. ESP_ERR_NOT_FOUND: the chip has no
 * memory there, or not of one kind. ESP_ERR_INVALID_SIZE: too small for a block, or larger than 128
 * MiB, the most that one heap can be. ESP_FAIL: some of it is in a heap already. ESP_ERR_NO_MEM:
 * too many heaps.
 *
 * A heap may lie in a block of another one, all of it: whoever has the block makes a heap of it,
 * and never frees the block. */
esp_err_t heap_caps_add_region(intptr_t start, intptr_t end);

/* The same for any memory, with capabilities of the caller's choice: `caps` has three sets, of
 * first choice, second choice and last resort. ESP_ERR_INVALID_ARG also for NULL or three empty
 * sets. */
esp_err_t heap_caps_add_region_with_caps(const uint32_t caps[], intptr_t start, intptr_t end);

#ifdef __cplusplus
}
#endif

#endif
