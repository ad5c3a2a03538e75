/* Free memory of the system.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Only what the heap answers. A program that has ESP-IDF's own esp_system.h puts that one first on
 * the include path; the two agree.
 */
#ifndef ESP_SYSTEM_H
#define ESP_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Free bytes that malloc() may hand out; the sum of what its heaps had left when they were at their
 * lowest. */
uint32_t esp_get_free_heap_size(void);
uint32_t esp_get_minimum_free_heap_size(void);

/* Free bytes of internal memory that takes bytes and DMA. */
uint32_t esp_get_free_internal_heap_size(void);

#ifdef __cplusplus
}
#endif

#endif
