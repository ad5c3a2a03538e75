/* Allocation by capability.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *      heap_caps_malloc(1500, MALLOC_CAP_DMA)
 *           |
 *           |   heaps that have all capabilities asked for, those first that are made for them
 *           v
 *      DRAM  | used | free ....... |      IRAM  | ... |      PSRAM  | ... |
 *
 * Rules for all functions:
 *   - Sizes and alignments are bytes; capabilities are a bitwise OR of MALLOC_CAP_*, and a heap
 *     must have all of them.
 *   - Capabilities 0, MALLOC_CAP_INVALID, and MALLOC_CAP_EXEC together with MALLOC_CAP_8BIT or
 *     MALLOC_CAP_DMA have no memory.
 *   - Any pointer that one of the allocating functions returned may be given to any function that
 *     takes one, and to free().
 *   - NULL where a block is expected is no block: freeing it does nothing, its size is 0.
 *   - A pointer that was not handed out, or was freed already, or whose block is damaged, is
 *     refused and reported, see docs/c.md. The heap stays as it is.
 *   - All functions may be called from any task, core and interrupt handler. Blocks are filled,
 *     cleared and copied without the lock.
 */
#ifndef ESP_HEAP_CAPS_H
#define ESP_HEAP_CAPS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if __STDC_HOSTED__
#include <stdlib.h>
#endif

#include "esp_err.h"
#include "multi_heap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* -- What memory can do ------------------------------------------------------------------------ */

#define MALLOC_CAP_EXEC (1 << 0)           /* run code */
#define MALLOC_CAP_32BIT (1 << 1)          /* be read and written in aligned words at least */
#define MALLOC_CAP_8BIT (1 << 2)           /* be read and written in bytes */
#define MALLOC_CAP_DMA (1 << 3)            /* be reached by DMA */
#define MALLOC_CAP_PID2 (1 << 4)           /* be seen by process 2 (generation of 2016) ... */
#define MALLOC_CAP_PID3 (1 << 5)
#define MALLOC_CAP_PID4 (1 << 6)
#define MALLOC_CAP_PID5 (1 << 7)
#define MALLOC_CAP_PID6 (1 << 8)
#define MALLOC_CAP_PID7 (1 << 9)           /* ... to process 7 */
#define MALLOC_CAP_SPIRAM (1 << 10)        /* external RAM */
#define MALLOC_CAP_INTERNAL (1 << 11)      /* internal RAM: stays when the cache is off */
#define MALLOC_CAP_DEFAULT (1 << 12)       /* be handed out by malloc() */
#define MALLOC_CAP_IRAM_8BIT (1 << 13)     /* IRAM whose byte access is emulated */
#define MALLOC_CAP_RETENTION (1 << 14)     /* be reached by what saves memory before sleep */
#define MALLOC_CAP_RTCRAM (1 << 15)        /* RTC fast memory */
#define MALLOC_CAP_SPM (1 << 16)           /* scratch-pad memory */
#define MALLOC_CAP_TCM MALLOC_CAP_SPM      /* its older name */
#define MALLOC_CAP_DMA_DESC_AHB (1 << 17)  /* hold descriptors of AHB DMA */
#define MALLOC_CAP_DMA_DESC_AXI (1 << 18)  /* hold descriptors of AXI DMA */
#define MALLOC_CAP_CACHE_ALIGNED (1 << 19) /* own whole cache lines, beside all else */
#define MALLOC_CAP_SIMD (1 << 20)          /* be loaded by SIMD instructions */
#define MALLOC_CAP_SPIRAM_NO_ENC (1 << 21) /* external RAM that is not encrypted */
/* bit 31: no memory; to the checks, dumps and walks: every heap */
#define MALLOC_CAP_INVALID (-2147483647 - 1)

/* -- Allocating and freeing -------------------------------------------------------------------- */

/* Takes a block; NULL if no heap with `caps` has room, or for size 0. The caller owns it until
 * heap_caps_free(). O(heaps). */
void *heap_caps_malloc(size_t size, uint32_t caps);

/* The same for `n` elements of `size` bytes, all bytes 0. A product that does not fit into size_t:
 * NULL. */
void *heap_caps_calloc(size_t n, size_t size, uint32_t caps);

/* The same at a multiple of `alignment`, a power of two; for any other alignment NULL. */
void *heap_caps_aligned_alloc(size_t alignment, size_t size, uint32_t caps);

/* Both: aligned, and all bytes 0. */
void *heap_caps_aligned_calloc(size_t alignment, size_t n, size_t size, uint32_t caps);

/* Gives the block another size and memory with `caps`, keeps its contents up to the smaller of the
 * two sizes. In place where possible, otherwise it moves, and `ptr` is freed. `ptr` NULL: as
 * heap_caps_malloc(). `size` 0: as heap_caps_free(), returns NULL. NULL otherwise means that there
 * is no memory, and `ptr` is as it was. `caps` 0: memory like that of `ptr`. Keeps the alignment
 * that a function of this header, or memalign() and its like, returned the block, also where it
 * moves. */
void *heap_caps_realloc(void *ptr, size_t size, uint32_t caps);

/* The same, and the block begins at a multiple of `alignment` from now on, as with
 * heap_caps_aligned_alloc(). NULL for an alignment that is no power of two, and `ptr` is as it was.
 * ESP-IDF has no such function. */
void *heap_caps_aligned_realloc(void *ptr, size_t alignment, size_t size, uint32_t caps);

/* Frees a block. */
void heap_caps_free(void *ptr);

/* The same, an older name. */
void heap_caps_aligned_free(void *ptr);

/* As the functions without `_base`, but no callback is called for a failure. */
void *heap_caps_malloc_base(size_t size, uint32_t caps);
void *heap_caps_calloc_base(size_t n, size_t size, uint32_t caps);
void *heap_caps_realloc_base(void *ptr, size_t size, uint32_t caps);
void *heap_caps_aligned_alloc_base(size_t alignment, size_t size, uint32_t caps);

/* -- Taking by preference ---------------------------------------------------------------------- */

/* As heap_caps_malloc(), heap_caps_calloc() and heap_caps_realloc() for the first of `num` sets of
 * capabilities that has room, strictly in the order of the array. If none has, one failure is
 * reported, with the last set. `num` 0: NULL. */
void *heap_caps_malloc_prefer_array(size_t size, size_t num, const uint32_t *caps);
void *heap_caps_calloc_prefer_array(size_t n, size_t size, size_t num, const uint32_t *caps);
void *heap_caps_realloc_prefer_array(void *ptr, size_t size, size_t num, const uint32_t *caps);

/* The same with the sets as `num` further arguments. They are functions of this header: a file that
 * takes the address of one has its own. Clang miscompiles functions of this kind for Xtensa (LLVM
 * 22), so that they are macros there, and templates in C++: without an address. */
#if defined(__clang__) && defined(__XTENSA__)
#ifdef __cplusplus
extern "C++" {
template <typename... Sets>
inline void *heap_caps_malloc_prefer(size_t size, size_t num, Sets... sets)
{
    const uint32_t caps[] = {static_cast<uint32_t>(sets)..., 0};
    return heap_caps_malloc_prefer_array(size, num, caps);
}

template <typename... Sets>
inline void *heap_caps_calloc_prefer(size_t n, size_t size, size_t num, Sets... sets)
{
    const uint32_t caps[] = {static_cast<uint32_t>(sets)..., 0};
    return heap_caps_calloc_prefer_array(n, size, num, caps);
}

template <typename... Sets>
inline void *heap_caps_realloc_prefer(void *ptr, size_t size, size_t num, Sets... sets)
{
    const uint32_t caps[] = {static_cast<uint32_t>(sets)..., 0};
    return heap_caps_realloc_prefer_array(ptr, size, num, caps);
}
}
#else
__attribute__((unused)) static inline void *
heap_caps_malloc_prefer_listed_(size_t size, const uint32_t *num_and_caps)
{
    return heap_caps_malloc_prefer_array(size, num_and_caps[0], num_and_caps + 1);
}
#define heap_caps_malloc_prefer(size, ...) \
    heap_caps_malloc_prefer_listed_(size, (const uint32_t[]){__VA_ARGS__})

__attribute__((unused)) static inline void *
heap_caps_calloc_prefer_listed_(size_t n, size_t size, const uint32_t *num_and_caps)
{
    return heap_caps_calloc_prefer_array(n, size, num_and_caps[0], num_and_caps + 1);
}
#define heap_caps_calloc_prefer(n, size, ...) \
    heap_caps_calloc_prefer_listed_(n, size, (const uint32_t[]){__VA_ARGS__})

__attribute__((unused)) static inline void *
heap_caps_realloc_prefer_listed_(void *ptr, size_t size, const uint32_t *num_and_caps)
{
    return heap_caps_realloc_prefer_array(ptr, size, num_and_caps[0], num_and_caps + 1);
}
#define heap_caps_realloc_prefer(ptr, size, ...) \
    heap_caps_realloc_prefer_listed_(ptr, size, (const uint32_t[]){__VA_ARGS__})
#endif
#else
/* An argument is read only when the sets before it had no room. `try_one` reports no failure; the
 * last set is asked by the function that does. */
#define HEAP_CAPS_PREFER_(num, try_one, ask_last)         \
    do {                                                  \
        va_list rest_;                                    \
        uint32_t caps = MALLOC_CAP_DEFAULT;               \
        void *block_ = NULL;                              \
        size_t left_ = (num);                             \
        va_start(rest_, num);                             \
        while (left_ > 1 && block_ == NULL) {             \
            caps = va_arg(rest_, uint32_t);               \
            left_--;                                      \
            block_ = (try_one);                           \
        }                                                 \
        if (left_ == 1 && block_ == NULL) {               \
            caps = va_arg(rest_, uint32_t);               \
        }                                                 \
        va_end(rest_);                                    \
        return block_ != NULL ? block_ : (ask_last);      \
    } while (0)

__attribute__((unused)) static inline void *heap_caps_malloc_prefer(size_t size, size_t num, ...)
{
    if (size == 0) {
        return NULL;
    }
    HEAP_CAPS_PREFER_(num, heap_caps_malloc_base(size, caps),
                      heap_caps_malloc_prefer_array(size, num != 0, &caps));
}

__attribute__((unused)) static inline void *heap_caps_calloc_prefer(size_t n, size_t size,
                                                                    size_t num, ...)
{
    if (n == 0 || size == 0) {
        return NULL;
    }
    HEAP_CAPS_PREFER_(num, heap_caps_calloc_base(n, size, caps),
                      heap_caps_calloc_prefer_array(n, size, num != 0, &caps));
}

__attribute__((unused)) static inline void *heap_caps_realloc_prefer(void *ptr, size_t size,
                                                                     size_t num, ...)
{
    if (size == 0) {
        heap_caps_free(ptr);
        return NULL;
    }
    HEAP_CAPS_PREFER_(num, heap_caps_realloc_base(ptr, size, caps),
                      heap_caps_realloc_prefer_array(ptr, size, num != 0, &caps));
}
#endif

/* -- What malloc() does ------------------------------------------------------------------------ */

/* malloc(), realloc() and aligned_alloc() by their policy: internal memory at first; once a limit
 * is set, sizes above it are taken from external memory and sizes up to it from internal memory,
 * each from the other when its own has no room. */
void *heap_caps_malloc_default(size_t size);
void *heap_caps_realloc_default(void *ptr, size_t size);
void *heap_caps_aligned_alloc_default(size_t alignment, size_t size);

/* Sets that limit, in bytes. SIZE_MAX: no external memory (the state at first). */
void heap_caps_malloc_extmem_enable(size_t limit);

/* -- Callbacks --------------------------------------------------------------------------------- */

/* Called for each allocation that failed: its size (n * size, SIZE_MAX if that does not fit),
 * capabilities, and the name of the function. Called without the lock, in the context of the one
 * who asked. Sizes of 0 and impossible alignments are no failures. */
typedef void (*esp_alloc_failed_hook_t)(size_t size, uint32_t caps, const char *function_name);

/* Sets the callback. ESP_ERR_INVALID_ARG for NULL; the last one set stays. */
esp_err_t heap_caps_register_failed_alloc_callback(esp_alloc_failed_hook_t callback);

/* Called for each block allocated, with the size and the capabilities asked for, and for each block
 * freed. Every function calls it once; a block that moves is freed and allocated. Called without
 * the lock, in the context of the caller. */
typedef void (*heap_caps_alloc_hook_t)(void *ptr, size_t size, uint32_t caps);
typedef void (*heap_caps_free_hook_t)(void *ptr);

/* Sets the callback; NULL for none. ESP-IDF calls two functions of the program,
 * esp_heap_trace_alloc_hook() and esp_heap_trace_free_hook(): a program that has them names them
 * here. */
void heap_caps_register_alloc_hooks(heap_caps_alloc_hook_t on_alloc, heap_caps_free_hook_t on_free);

/* What follows a fault: a double free, a pointer that was not handed out, a damaged block. The heap
 * has refused and is as it was. At first the program ends, as in ESP-IDF: one line "heap fault:
 * ...", then abort(). A library with the feature `faults-go-on` goes on after the line.
 * ESP_ERR_INVALID_ARG for any other number. The line has the pointer, what is wrong, the function
 * that was called; on Linux the address that called it; where tasks are registered
 * (esp_heap_task_info.h) the task. */
typedef enum {
    HEAP_CAPS_FAULT_ABORT = 0,
    HEAP_CAPS_FAULT_GO_ON = 1
} heap_caps_fault_action_t;

esp_err_t heap_caps_set_fault_action(heap_caps_fault_action_t action);

/* Called for each fault, with one line, before the program ends. The line is valid during the
 * call. */
typedef void (*heap_caps_fault_hook_t)(const char *line);

/* Sets the callback that is called after the line went to the console; NULL for none. */
void heap_caps_register_fault_callback(heap_caps_fault_hook_t callback);

/* How many faults there were. */
size_t heap_caps_get_fault_count(void);

/* Writes `length` bytes of text, which do not end with 0. */
typedef void (*heap_caps_console_t)(const char *text, size_t length);

/* Where dumps, summaries and faults go. NULL (the state at first): to putchar(); on a chip with
 * `faults-go-on` nowhere. */
void heap_caps_set_console(heap_caps_console_t write);

/* -- Figures ----------------------------------------------------------------------------------- */

/* Sums over the heaps that have `caps`; 0 is all of them, MALLOC_CAP_INVALID none. O(heaps). */

/* Bytes of the heaps, bookkeeping included. */
size_t heap_caps_get_total_size(uint32_t caps);

/* Free bytes. They may be in many blocks. */
size_t heap_caps_get_free_size(uint32_t caps);

/* The sum of what each heap had left when it was at its lowest. */
size_t heap_caps_get_minimum_free_size(uint32_t caps);

/* The largest size for which heap_caps_malloc(size, caps) succeeds now, whatever `caps` are; 0 for
 * those that no memory can have. For 0: the largest free block of all heaps. */
size_t heap_caps_get_largest_free_block(uint32_t caps);

/* All seven figures: sums, `largest_free_block` the largest of them. */
void heap_caps_get_info(multi_heap_info_t *info, uint32_t caps);

/* From now until the stop, minima are those since now; the stop brings back the lower of both. The
 * start always succeeds; the stop is ESP_FAIL without a start. */
esp_err_t heap_caps_monitor_local_minimum_free_size_start(void);
esp_err_t heap_caps_monitor_local_minimum_free_size_stop(void);

/* How many bytes of the block its user may use: at least what was asked for. */
size_t heap_caps_get_allocated_size(void *ptr);

/* The same for the block that `ptr` points into, to whichever byte; 0 if there is none.
 * O(blocks). */
size_t heap_caps_get_containing_block_size(void *ptr);

/* -- Looking ----------------------------------------------------------------------------------- */

/* With the lock held, O(blocks): for tests and the debugger. MALLOC_CAP_INVALID is every heap. */

/* Whether all heaps that have `caps` are sound; true if none has. Each is checked, also behind a
 * damaged one. With `print_errors` says what is wrong on standard output. */
bool heap_caps_check_integrity(uint32_t caps, bool print_errors);

/* The same for every heap. */
bool heap_caps_check_integrity_all(bool print_errors);

/* The same for the heap that `addr` lies in; false if it lies in none. */
bool heap_caps_check_integrity_addr(intptr_t addr, bool print_errors);

/* Prints two lines for each heap that has `caps`, and their sums. */
void heap_caps_print_heap_info(uint32_t caps);

/* Prints every block of the heaps that have `caps`. */
void heap_caps_dump(uint32_t caps);

/* Prints every block. */
void heap_caps_dump_all(void);

/* The heap of a walk. */
typedef struct walker_heap_info {
    intptr_t start; /* its first byte */
    intptr_t end;   /* behind its last byte */
} walker_heap_into_t;

/* One block of a walk. */
typedef struct walker_block_info {
    /* its first byte behind the header: its user's first byte, or 8 bytes before that where there
     * are canaries */
    void *ptr;
    /* bytes from there on, canaries included: heap_caps_get_allocated_size() is less */
    size_t size;
    bool used;   /* or free */
} walker_block_info_t;

/* Is shown one block. Returns whether to go on with this heap; the walk goes on with the next heap
 * in any case. May use the heap: what happens meanwhile may or may not be shown. */
typedef bool (*heap_caps_walker_cb_t)(walker_heap_into_t heap_info, walker_block_info_t block_info,
                                      void *user_data);

/* Shows every block of the heaps that have `caps`. `walker_func` must not be NULL: nothing is shown
 * then. A block whose header does not fit together with what lies around it is the last one shown
 * of its heap, with the size and use that its header has, which may be nonsense; then it is a
 * fault. */
void heap_caps_walk(uint32_t caps, heap_caps_walker_cb_t walker_func, void *user_data);

/* Shows every block of every heap. */
void heap_caps_walk_all(heap_caps_walker_cb_t walker_func, void *user_data);

#ifdef __cplusplus
}
#endif

#endif
