/* Walks over the blocks of a heap.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Names that ESP-IDF has in a private header, for tests and tools that use them nevertheless. The
 * rules of multi_heap.h hold.
 */
#ifndef MULTI_HEAP_INTERNAL_H
#define MULTI_HEAP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "multi_heap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A block, used or free. */
typedef void *multi_heap_block_handle_t;

/* The first block of a heap, and the one behind a block; NULL behind the last. O(blocks). */
multi_heap_block_handle_t multi_heap_get_first_block(multi_heap_handle_t heap);
multi_heap_block_handle_t multi_heap_get_next_block(multi_heap_handle_t heap,
                                                    multi_heap_block_handle_t block);

/* Whether a block is free; its first byte, as its user sees it. */
bool multi_heap_is_free(const multi_heap_block_handle_t block);
void *multi_heap_get_block_address(multi_heap_block_handle_t block);

/* Whether `size` bytes from `start` (of a used block: from its canary) are as poisoning left them.
 * True without poisoning. */
bool multi_heap_internal_check_block_poisoning(void *start, size_t size, bool is_free,
                                               bool print_errors);

/* Fills bytes as free memory is filled, or fresh memory; nothing below comprehensive poisoning. */
void multi_heap_internal_poison_fill_region(void *start, size_t size, bool is_free);

#ifdef __cplusplus
}
#endif

#endif
