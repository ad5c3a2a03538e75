/* The functions that esp-hal's radio stack calls. (esp-radio 0.18 and 1.0, esp-rtos, without their
 * feature `esp-alloc`)
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Programs in C do not need this file: it is here because the library's feature `c-abi-esp-radio`
 * exports these names. Each gives NULL when there is no memory, and takes any block of any of them;
 * blocks are aligned to 4 bytes at least. malloc(), free(), calloc() and realloc(), which belong to
 * them, are declared by <stdlib.h>.
 */
#ifndef HEAP_CAPS_ESP_RADIO_H
#define HEAP_CAPS_ESP_RADIO_H

#include <stddef.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As malloc() and its like, in internal memory that DMA reaches. */
void *malloc_internal(size_t size);
void free_internal(void *ptr);
void *calloc_internal(size_t number, size_t size);
void *realloc_internal(void *ptr, size_t size);

/* Free bytes of such memory. */
size_t get_free_internal_heap_size(void);

#ifdef __cplusplus
}
#endif

#endif
