/* When memory is short: shrinkers, emergency reserves, pressure levels, waiting, limits of tasks,
 * arenas. ESP-IDF has none of these.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *      heap_caps_malloc() -> no room -> shrinkers, one by one -> emergency reserves -> NULL
 *                               ^            |
 *                               +- try again +
 *
 * Whom these functions register is called without the lock, in the context of the one whose request
 * or free is the reason, and may use the heap. In interrupt handlers nobody is called, if the heap
 * can recognise them: heap_caps_set_interrupt_probe(). docs/pressure.md says which of them helps
 * with what. Names must last as long as the program.
 */
#ifndef HEAP_CAPS_PRESSURE_H
#define HEAP_CAPS_PRESSURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_heap_caps.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Frees memory for a request of `size` bytes; returns how many bytes, 0 for none. Is called again
 * for the same request as long as it gives something and there is no room. It must not wait for a
 * lock: it tries, and returns 0 if it cannot have it. */
typedef size_t (*heap_caps_shrink_t)(size_t size, void *arg);

/* Registers a function that can free memory with all of `caps` (0: any). Lower orders are called
 * first. Returns its number, or -1: there are 8 already, or `shrink` or `name` is NULL. */
int heap_caps_register_shrinker(const char *name, uint32_t caps, uint8_t order,
                                heap_caps_shrink_t shrink, void *arg);

/* Removes a shrinker; returns whether there was one of that number. */
bool heap_caps_unregister_shrinker(int number);

/* Keeps a block of `size` bytes back until nothing else is left. It is freed once, for the request
 * that would fail; it is there again when there is a free block of twice its size. Returns its
 * number, or -1: no memory, there are 2 already, or `name` is NULL. */
int heap_caps_arm_emergency(const char *name, uint32_t caps, size_t size);

/* Frees the block by hand; returns whether it was there. */
bool heap_caps_release_emergency(int number);

/* Ends a reserve and frees its block, if it is there; no callback is called. False: there is none
 * of that number, or it is being armed or released at this moment and stays. */
bool heap_caps_disarm_emergency(int number);

/* Called after a reserve was released. */
typedef void (*heap_caps_emergency_hook_t)(const char *name, size_t size);

/* Sets the callback; NULL for none. */
void heap_caps_register_emergency_callback(heap_caps_emergency_hook_t callback);

/* How short memory is. */
typedef enum {
    HEAP_CAPS_LEVEL_NORMAL = 0,
    HEAP_CAPS_LEVEL_LOW = 1,
    HEAP_CAPS_LEVEL_CRITICAL = 2
} heap_caps_level_t;

/* Watches the free bytes of the heaps that have `caps`: low below `low`, critical below `critical`;
 * a level ends `hysteresis` bytes above where it begins. Returns its number, or -1: there are 4
 * already, `critical` is above `low`, or `name` is NULL. Every call reads the gauges from then on:
 * O(heaps) more. */
int heap_caps_add_gauge(const char *name, uint32_t caps, size_t low, size_t critical,
                        size_t hysteresis);

/* Ends a gauge; returns whether there was one of that number. With the last one, calls cost what
 * they did without. A callback that runs at this moment still returns. */
bool heap_caps_remove_gauge(int number);

/* The level of a gauge; HEAP_CAPS_LEVEL_NORMAL if there is none of that number. */
heap_caps_level_t heap_caps_get_level(int number);

/* Called at each change of a level. */
typedef void (*heap_caps_level_hook_t)(const char *name, heap_caps_level_t from,
                                       heap_caps_level_t to, size_t free_bytes);

/* Sets the callback; NULL for none. */
void heap_caps_register_level_callback(heap_caps_level_hook_t callback);

/* Sets how the heap recognises interrupt handlers: xPortInIsrContext(). NULL: there are none. */
void heap_caps_set_interrupt_probe(bool (*in_interrupt)(void));

/* How a task waits. With FreeRTOS:
 *   current   xTaskGetCurrentTaskHandle
 *   park      ulTaskNotifyTake(pdTRUE, ticks)
 *   unpark    xTaskNotifyGive(task), or vTaskNotifyGiveFromISR() in an interrupt handler
 *   now       xTaskGetTickCount
 * `park` stops the calling task until unpark() is called for it, at most for `ticks`; not at
 * all if that has happened since it returned last. It may return earlier. */
typedef struct {
    void *(*current)(void);
    void (*park)(uint32_t ticks);
    void (*unpark)(void *task);
    uint32_t (*now)(void);
} heap_caps_wait_functions_t;

/* Sets them; false if one is NULL. `functions` itself may end. */
bool heap_caps_set_wait_functions(const heap_caps_wait_functions_t *functions);

/* heap_caps_malloc() that waits for memory, at most for `ticks`; UINT32_MAX: for ever. Who waits is
 * served in the order of arrival; a large request lets at most 8 smaller ones pass by. NULL: time
 * was up, no heap could ever serve it, or size 0. Without the functions above it does not wait. Not
 * for interrupt handlers. */
void *heap_caps_malloc_wait(size_t size, uint32_t caps, uint32_t ticks);

/* Limits of tasks: what a task may have of some memory at most, and what it is sure to get. A block
 * is charged to the task that asks for it, with its header and canaries; it stays that task's when
 * somebody resizes it, and is released when somebody frees it. At most 16 tasks can have limits, 16
 * in all, and 512 live blocks; a request beyond is refused. From the first limit on every call
 * looks at its task's account (docs/pressure.md says what that costs). */

/* Sets the function that returns the task that runs: xTaskGetCurrentTaskHandle. NULL, and NULL as
 * its answer: no task. */
void heap_caps_set_running_task(void *(*running)(void));

typedef struct {
    const char *name;    /* for messages; must last as long as the program */
    uint32_t caps;       /* of memory that has all of these; 0: any */
    /* the hard limit in bytes: a request that would be above it is refused; 0: none */
    size_t at_most;
    /* the soft limit in bytes: the callback is called above it, and when the task has an eighth
     * less; 0: none */
    size_t warned_above;
    size_t guaranteed;   /* the minimum in bytes that nobody else gets; 0: none */
} heap_caps_task_limits_t;

/* Limits a task, or changes its limits for the same capabilities. Its blocks from before do not
 * count. False: the table is full, the minimums together are more than there is, a limit is above
 * the hard one, or a pointer is NULL. */
bool heap_caps_limit_task(void *task, const heap_caps_task_limits_t *limits);

/* Ends all limits of a task, before it is deleted; returns whether it had some. */
bool heap_caps_unlimit_task(void *task);

typedef struct {
    size_t used;     /* bytes that the task has */
    size_t peak;     /* the most that it ever had */
    size_t blocks;   /* its blocks */
    size_t refusals; /* requests that were refused because of the hard limit */
} heap_caps_task_usage_t;

/* What a task has of memory for which it has limits; false if it has none for these
 * capabilities. */
bool heap_caps_get_task_usage(void *task, uint32_t caps, heap_caps_task_usage_t *usage);

/* Called when a task rises above its soft limit, and when it is below again. */
typedef void (*heap_caps_task_pressure_hook_t)(void *task, const char *name, size_t used,
                                               bool is_above);

/* Sets the callback; NULL for none. */
void heap_caps_register_task_pressure_callback(heap_caps_task_pressure_hook_t callback);

/* heap_caps_malloc() on behalf of a task, in any context: for drivers and libraries that allocate
 * for others. */
void *heap_caps_malloc_for_task(void *task, size_t size, uint32_t caps);

/* Arenas: one block of the heap, from which a phase (start-up, a request, a frame) allocates by
 * moving a pointer. All of it is freed at once, and no hole of it is left in the heap. An arena is
 * used by one task at a time. Hooks see no block in it. */
typedef struct heap_caps_arena *heap_caps_arena_t;

/* Makes an arena of `size` bytes in memory that has all of `caps`. NULL: no memory, or size 0. */
heap_caps_arena_t heap_caps_arena_create(size_t size, uint32_t caps);

/* Allocates from an arena, aligned for every type of C. NULL: no room in it, size 0, or the arena
 * is NULL. O(1). */
void *heap_caps_arena_alloc(heap_caps_arena_t arena, size_t size);

/* The same at a multiple of `alignment`; NULL too if that is not a power of two. */
void *heap_caps_arena_aligned_alloc(heap_caps_arena_t arena, size_t alignment, size_t size);

/* heap_caps_arena_alloc() from the other end: for what does not live as long as the phase. */
void *heap_caps_arena_alloc_scratch(heap_caps_arena_t arena, size_t size);

/* Frees everything in an arena at once. O(1). */
void heap_caps_arena_reset(heap_caps_arena_t arena);

/* Gives an arena's memory back to its heap, and ends the handle. */
void heap_caps_arena_destroy(heap_caps_arena_t arena);

/* Bytes that can still be allocated. */
size_t heap_caps_arena_get_free_size(heap_caps_arena_t arena);

/* The most bytes that were ever in use at one time: how large the arena must be. */
size_t heap_caps_arena_get_peak(heap_caps_arena_t arena);

#ifdef __cplusplus
}
#endif

#endif
