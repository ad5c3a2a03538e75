/* The C library's names that the feature `c-abi-libc` brings, beyond those of <stdlib.h>.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * malloc(), calloc(), realloc(), free() and aligned_alloc() are declared by <stdlib.h> and come
 * along. All of them follow the policy of heap_caps_malloc_default(), see esp_heap_caps.h, return
 * NULL for size 0, and are checked for overflow.
 *
 * Alignment of malloc(), calloc() and realloc(): twice a pointer's size (8 bytes, 16 on a 64-bit
 * host) for blocks of that size and more; smaller blocks to the largest power of two that is not
 * above their size, at least 4: enough for anything that fits into them. realloc() keeps a larger
 * alignment that the block was given.
 *
 * Not for programs whose C library declares these itself in a different way.
 */
#ifndef HEAP_CAPS_LIBC_H
#define HEAP_CAPS_LIBC_H

#include <stddef.h>
#include <stdlib.h>

/* A C library with these extensions declares them with attributes of its own: the same
 * functions. */
#if defined(__GLIBC__) || defined(__NEWLIB__)
#include <malloc.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct _reent;

#if !defined(__GLIBC__)
/* A block at a multiple of `alignment`; NULL and EINVAL if that is no power of two. */
void *memalign(size_t alignment, size_t size);

/* The same; `*memptr` is written on success only. 0, EINVAL (the alignment is no power of two of at
 * least a pointer's size), or ENOMEM. Size 0 sets NULL and returns success. */
int posix_memalign(void **memptr, size_t alignment, size_t size);

/* realloc() for `n` elements of `size` bytes. */
void *reallocarray(void *ptr, size_t n, size_t size);

/* How many bytes of the block its user may use. 0 for NULL. */
size_t malloc_usable_size(void *ptr);

/* memalign() to a page, 4096 bytes; whole pages. */
void *valloc(size_t size);
void *pvalloc(size_t size);

/* 1 for the options of which this heap has none (fast bins, arenas, mappings, a reserve at its
 * top), 0 for all others. */
int mallopt(int parameter, int value);

/* What the heaps that malloc() may use have: `arena` bytes in all, `ordblks` free blocks, `usmblks`
 * bytes in use at most, `uordblks` bytes in use, `fordblks` free bytes, the largest free block
 * `keepcost`; the other figures are 0. */
#if !defined(__NEWLIB__)
struct mallinfo {
    size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
struct mallinfo mallinfo(void);
#endif

/* 0: no memory can be returned to a system. */
int malloc_trim(size_t pad);
#endif

/* Where the caller's errno is: the function of the C library that returns it. NULL (initially): a
 * failure returns NULL and sets nothing. */
void heap_caps_set_errno_location(int *(*location)(void));

/* newlib's names; `reent` is not looked at. */
void *_malloc_r(struct _reent *reent, size_t size);
void *_calloc_r(struct _reent *reent, size_t n, size_t size);
void *_realloc_r(struct _reent *reent, void *ptr, size_t size);
void _free_r(struct _reent *reent, void *ptr);
void *_memalign_r(struct _reent *reent, size_t alignment, size_t size);
size_t _malloc_usable_size_r(struct _reent *reent, void *ptr);
struct mallinfo _mallinfo_r(struct _reent *reent);

#ifdef __cplusplus
}
#endif

#endif
