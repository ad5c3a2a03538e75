/* One heap in one region of memory.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *      region   | control | block | block | block | ...      any contiguous memory of the program
 *               ^
 *               multi_heap_handle_t
 *
 * A heap lies completely inside of its region: nothing else is allocated for it, and nothing has to
 * be released. A block costs 4 bytes beyond its payload, 12 more under light and comprehensive
 * poisoning. Blocks are aligned to 4 bytes unless more is asked for.
 *
 * Rules for all functions:
 *   - Sizes and alignments are bytes. A size of 0, or one that does not fit into the heap, returns
 *     NULL: nothing wraps.
 *   - A NULL heap serves nothing: NULL, 0, false, or no effect.
 *   - A pointer that is not a used block of the heap (foreign, already freed, damaged) is refused
 *     and reported, see docs/c.md. It is never freed and never followed out of the heap.
 *   - Calls for the same heap must not overlap in time unless it has a lock, see
 *     multi_heap_set_lock().
 */
#ifndef MULTI_HEAP_H
#define MULTI_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if __STDC_HOSTED__
#include <stdlib.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A heap. What is behind it is private. */
typedef struct multi_heap_info *multi_heap_handle_t;

/* What a heap looks like at one moment. All figures are kept up to date by every operation and
 * equal what a walk finds. */
typedef struct {
    /* bytes in free blocks, as a user could have them in one or more blocks */
    size_t total_free_bytes;
    size_t total_allocated_bytes; /* bytes in used blocks, as their users see them */
    size_t largest_free_block;    /* the largest request that succeeds now; one byte more fails */
    /* the lowest total_free_bytes since registration or the last reset */
    size_t minimum_free_bytes;
    size_t allocated_blocks;
    size_t free_blocks;
    size_t total_blocks;          /* the sum of the two */
} multi_heap_info_t;

/* Is shown one block by multi_heap_walk(): its first byte, its size as the user sees it, whether it
 * is used, and what the caller of the walk handed in. Returns whether to go on. Must not use the
 * heap. */
typedef bool (*multi_heap_walker_cb_t)(void *block_ptr, size_t block_size, int block_used,
                                       void *user_data);

/* Makes a heap of `size` bytes at `start`. The memory is the heap's until no block of it is used
 * any more; then it may be taken for something else without further ado. Any start and size will
 * do: the first and last bytes up to a word boundary stay unused. Returns NULL for a NULL start,
 * for a region that cannot hold one block, and for one above 128 MiB, the most that one heap can
 * be. O(1); O(size) under comprehensive poisoning. */
multi_heap_handle_t multi_heap_register(void *start, size_t size);

/* The heap's lock from now on; NULL (the state at first): none. `lock` is what the platform's lock
 * functions take (see docs/c.md). */
void multi_heap_set_lock(multi_heap_handle_t heap, void *lock);

/* Allocates `size` bytes; NULL if no block fits. The caller owns it until it is freed. O(1). */
void *multi_heap_malloc(multi_heap_handle_t heap, size_t size);

/* The same, at a multiple of `alignment`, which must be a power of two: otherwise NULL. Free with
 * multi_heap_free(). */
void *multi_heap_aligned_alloc(multi_heap_handle_t heap, size_t size, size_t alignment);

/* The same, with the byte at `offset` of the block (rounded up to a multiple of 4) at a multiple of
 * `alignment`; `size` includes the offset. */
void *multi_heap_aligned_alloc_offs(multi_heap_handle_t heap, size_t size, size_t alignment,
                                    size_t offset);

/* Frees a block; it joins its free neighbours at once. NULL is no block, and nothing happens.
 * O(1). */
void multi_heap_free(multi_heap_handle_t heap, void *p);

/* The same, an older name. */
void multi_heap_aligned_free(multi_heap_handle_t heap, void *p);

/* Gives the block another size and keeps its contents up to the smaller of the two. In place where
 * that is possible (never under comprehensive poisoning), otherwise the block moves, and `p` is
 * freed. `p` NULL: as multi_heap_malloc(). `size` 0: as multi_heap_free(), returns NULL. NULL
 * otherwise means that there is no memory, and `p` is as it was. Keeps the alignment that
 * multi_heap_aligned_alloc() gave the block. O(size) when it moves. */
void *multi_heap_realloc(multi_heap_handle_t heap, void *p, size_t size);

/* How many bytes of the block its user may use: at least what was asked for. 0 if `p` is not a used
 * block of the heap. */
size_t multi_heap_get_allocated_size(multi_heap_handle_t heap, void *p);

/* The same, together with canaries, without the 4-byte header. */
size_t multi_heap_get_full_block_size(multi_heap_handle_t heap, void *p);

/* The used block that `ptr` points into (to its first or any other byte); NULL if there is none.
 * O(blocks). */
void *multi_heap_find_containing_block(multi_heap_handle_t heap, void *ptr);

/* Free bytes: `total_free_bytes` of multi_heap_get_info(). O(1). */
size_t multi_heap_free_size(multi_heap_handle_t heap);

/* The lowest number of free bytes since registration or the last reset. O(1). */
size_t multi_heap_minimum_free_size(multi_heap_handle_t heap);

/* Restarts the minimum from what is free now; returns what it was. */
size_t multi_heap_reset_minimum_free_bytes(multi_heap_handle_t heap);

/* Makes the minimum the smaller of what it is and `new_minimum_free_bytes_value`, which a reset
 * returned. */
void multi_heap_restore_minimum_free_bytes(multi_heap_handle_t heap,
                                           const size_t new_minimum_free_bytes_value);

/* All seven figures. A NULL heap has zeros. O(1). */
void multi_heap_get_info(multi_heap_handle_t heap, multi_heap_info_t *info);

/* Whether the heap is sound: every block, list, counter and canary, and under comprehensive
 * poisoning every byte of free blocks. With `print_errors` says on standard output what is wrong
 * ("CORRUPT HEAP: ..."). Changes nothing, never leaves the heap, however damaged it is. O(blocks);
 * O(size) under comprehensive poisoning. */
bool multi_heap_check(multi_heap_handle_t heap, bool print_errors);

/* Ours: makes the canaries of every heap that is made from now on depend on `key`, on the block's
 * place and on its size, so that code that can write behind a block, but not read there, cannot
 * forge them: call it before heap_caps_init() with a number that changes from boot to boot
 * (esp_random()). 0: the constants of ESP-IDF, as before the first call. Without poisoning nothing
 * changes. */
void multi_heap_set_canary_key(uint32_t key);

/* Shows every block to `walker_func`, in order of addresses, until it returns false: its first byte
 * behind the header and its size from there on, canaries included
 * (multi_heap_get_full_block_size()). A block whose header does not fit together with what lies
 * around it is the last one shown, with the size and use that its header has, which may be
 * nonsense; then it is a fault. */
void multi_heap_walk(multi_heap_handle_t heap, multi_heap_walker_cb_t walker_func, void *user_data);

/* Prints every block to standard output, one line each. */
void multi_heap_dump(multi_heap_handle_t heap);

#ifdef __cplusplus
}
#endif

#endif
