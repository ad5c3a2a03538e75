/* Heap tracing: records of allocations and frees, leaks.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * In a library without tracing every function that returns a number returns ESP_ERR_NOT_SUPPORTED,
 * and there are no records.
 */
#ifndef ESP_HEAP_TRACE_H
#define ESP_HEAP_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How many callers a record keeps of each allocation and of each free. */
#ifndef CONFIG_HEAP_TRACING_STACK_DEPTH
#define CONFIG_HEAP_TRACING_STACK_DEPTH 2
#endif

/* What is recorded. */
typedef enum {
    HEAP_TRACE_ALL,   /* every allocation and its free */
    HEAP_TRACE_LEAKS  /* what was allocated and is not freed */
} heap_trace_mode_t;

/* One allocation. */
typedef struct heap_trace_record_t {
    uint32_t ccount; /* the clock at the allocation; its lowest bit is the core */
    void *address;   /* the block; NULL in an empty record */
    size_t size;     /* bytes that were asked for */
    bool freed;
#if CONFIG_HEAP_TRACING_STACK_DEPTH > 0
    /* callers of the allocation, innermost first; NULL behind the last */
    void *alloced_by[CONFIG_HEAP_TRACING_STACK_DEPTH];
    void *freed_by[CONFIG_HEAP_TRACING_STACK_DEPTH];   /* callers of the free; all NULL before it */
#endif
    struct {
        struct heap_trace_record_t *next;
        struct heap_trace_record_t **previous;
    } tailq_list; /* private */
} heap_trace_record_t;

/* What a trace came to. */
typedef struct {
    heap_trace_mode_t mode;
    size_t total_allocations; /* allocations since the start */
    size_t total_frees;       /* frees since the start */
    size_t count;             /* records in the buffer */
    size_t capacity;          /* records that the buffer has room for */
    size_t high_water_mark;   /* the most records that were in it */
    size_t has_overflowed;    /* whether records were lost for lack of room */
} heap_trace_summary_t;

/* Hands over the buffer of the records; it is the trace's until another one is handed over.
 * ESP_ERR_INVALID_STATE while a trace runs, ESP_ERR_INVALID_ARG for NULL or no records. */
esp_err_t heap_trace_init_standalone(heap_trace_record_t *record_buffer, size_t num_records);

/* Sends events to a host instead of keeping records. */
esp_err_t heap_trace_init_tohost(void);

/* Starts with an empty buffer. ESP_ERR_INVALID_STATE without a buffer. */
esp_err_t heap_trace_start(heap_trace_mode_t mode);

/* Records nothing any more. ESP_ERR_INVALID_STATE if it was stopped. */
esp_err_t heap_trace_stop(void);

/* Records frees, but no allocations any more. ESP_ERR_INVALID_STATE if it was paused. */
esp_err_t heap_trace_alloc_pause(void);

/* Goes on after a stop or a pause, with the records that are there. ESP_ERR_INVALID_STATE if it
 * runs. */
esp_err_t heap_trace_resume(void);

/* How many records there are. */
size_t heap_trace_get_count(void);

/* Copies a record, the oldest is 0. ESP_ERR_INVALID_ARG if there is none at the index,
 * ESP_ERR_INVALID_STATE for NULL. */
esp_err_t heap_trace_get(size_t index, heap_trace_record_t *record);

/* Prints all records and a summary to standard output. */
void heap_trace_dump(void);

/* The same for blocks in internal memory (MALLOC_CAP_INTERNAL), in external memory
 * (MALLOC_CAP_SPIRAM), or in both. */
void heap_trace_dump_caps(const uint32_t caps);

/* What it came to so far. ESP_ERR_INVALID_ARG for NULL. */
esp_err_t heap_trace_summary(heap_trace_summary_t *summary);

/* Ours: sets the functions that return the context of an event: the clock, the core that runs, and
 * the call stack, of which `callers` writes at most `room` return addresses, innermost first, and
 * returns how many. All are called while the heap is locked: they must be short, and must neither
 * use the heap nor wait. NULL for what nobody knows: it reads as 0; on Linux the library then finds
 * the callers itself. Only a library with `heap-tracing` has it. */
void heap_caps_register_trace_context(uint32_t (*ticks)(void), uint32_t (*core)(void),
                                      size_t (*callers)(uint32_t *stack, size_t room));

/* Ours: which build of the program this is, as the 32 bytes of its ELF file's SHA-256, which must
 * stay as they are; in ESP-IDF esp_app_get_description()->app_elf_sha256. Dumps then say it, and
 * tools refuse the ELF file of another build. NULL: nobody knows. Only a library with
 * `heap-tracing` has it. */
void heap_caps_register_build(const uint8_t *elf_sha256);

#ifdef __cplusplus
}
#endif

#endif
