/* Memory of each task.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * In a library without task accounting no task has any memory, and functions that return a number
 * return ESP_ERR_NOT_SUPPORTED.
 */
#ifndef ESP_HEAP_TASK_INFO_H
#define ESP_HEAP_TASK_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "esp_err.h"

/* A task is what FreeRTOS says it is, where there is FreeRTOS. */
#if defined(__has_include)
#if __has_include("freertos/FreeRTOS.h") && __has_include("freertos/task.h")
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#define HEAP_TASK_INFO_HAS_FREERTOS_ 1
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifndef HEAP_TASK_INFO_HAS_FREERTOS_
typedef struct tskTaskControlBlock *TaskHandle_t;
#endif

/* Bytes of a task's name, its end included. */
#ifndef configMAX_TASK_NAME_LEN
#define configMAX_TASK_NAME_LEN 16
#endif

/* Stands for all tasks that have no account of their own, named "others": 16 tasks have one at a
 * time, the one before there are tasks included; a deleted task without blocks makes room for
 * another. So the sums over all tasks are those of the heaps. */
#define HEAP_CAPS_OTHER_TASKS ((TaskHandle_t)(uintptr_t)-1)

/* How many kinds of memory heap_caps_get_per_task_info() distinguishes. */
#define NUM_HEAP_TASK_CAPS 4

/* What a task has, by kind of memory. */
typedef struct {
    TaskHandle_t task;
    size_t size[NUM_HEAP_TASK_CAPS];  /* bytes */
    size_t count[NUM_HEAP_TASK_CAPS]; /* blocks */
} heap_task_totals_t;

/* A block of a task. */
typedef struct {
    TaskHandle_t task; /* the task that allocated it; NULL: before there were tasks */
    void *address;     /* its first byte, as its user sees it */
    uint32_t size;     /* bytes */
} heap_task_block_t;

/* What heap_caps_get_per_task_info() is asked. All arrays are the caller's. */
typedef struct {
    /* a heap is of the first kind i with (its capabilities & mask[i]) == caps[i] */
    int32_t caps[NUM_HEAP_TASK_CAPS];
    int32_t mask[NUM_HEAP_TASK_CAPS];
    TaskHandle_t *tasks;        /* whose blocks are wanted; NULL: everybody's */
    size_t num_tasks;           /* length of `tasks` */
    /* is filled in; may come with tasks of an earlier call, which keep their places. NULL: not
     * wanted */
    heap_task_totals_t *totals;
    size_t *num_totals;         /* tasks in `totals`, before and after */
    size_t max_totals;          /* length of `totals`; further tasks are left out */
    heap_task_block_t *blocks;  /* is filled in; NULL: not wanted */
    size_t max_blocks;          /* length of `blocks`; further blocks are left out */
} heap_task_info_params_t;

/* What a task has of one heap. */
typedef struct {
    const char *name;              /* the heap's kind of memory */
    uint32_t caps;                 /* its capabilities */
    size_t size;                   /* its bytes */
    size_t current_usage;          /* the task's bytes of it */
    size_t peak_usage;             /* the most they were */
    size_t alloc_count;            /* the task's blocks of it */
    /* these blocks; NULL if there is none, or if they did not all fit */
    heap_task_block_t *alloc_stat;
} heap_stat_t;

/* What a task has. */
typedef struct {
    char name[configMAX_TASK_NAME_LEN];
    TaskHandle_t handle;
    bool is_alive; /* or deleted */
    size_t overall_peak_usage;
    size_t overall_current_usage;
    size_t heap_count;      /* heaps it has used */
    heap_stat_t *heap_stat; /* what it has of each; NULL if they did not all fit */
} task_stat_t;

/* One task, in arrays of the caller; the counts are their lengths before and what was used of them
 * after. */
typedef struct {
    task_stat_t stat;
    size_t heap_count;
    heap_stat_t *heap_stat_start;
    size_t alloc_count;
    heap_task_block_t *alloc_stat_start;
} heap_single_task_stat_t;

/* All tasks, in the same way. */
typedef struct {
    size_t task_count;
    task_stat_t *stat_arr;
    size_t heap_count;
    heap_stat_t *heap_stat_start;
    size_t alloc_count;
    heap_task_block_t *alloc_stat_start;
} heap_all_tasks_stat_t;

/* Ours: sets the functions that return the task that runs, and a task's name; with FreeRTOS,
 * xTaskGetCurrentTaskHandle and pcTaskGetName. Both are called while the heap is locked: they must
 * be short, and must neither use the heap nor wait. Call it before the first task allocates. NULL
 * for none. Only a library with `heap-task-tracking` has it. */
void heap_caps_register_tasks(TaskHandle_t (*current)(void),
                              const char *(*name)(TaskHandle_t task));

/* Fills in totals and blocks; returns how many blocks. */
size_t heap_caps_get_per_task_info(heap_task_info_params_t *params);

/* Fills in what fits. ESP_ERR_INVALID_ARG for NULL, and for a NULL array with a length. */
esp_err_t heap_caps_get_all_task_stat(heap_all_tasks_stat_t *tasks_stat);

/* The same for one task; NULL is the caller. ESP_FAIL for a task that never allocated, or is one of
 * HEAP_CAPS_OTHER_TASKS, which may be asked about themselves. */
esp_err_t heap_caps_get_single_task_stat(heap_single_task_stat_t *task_stat,
                                         TaskHandle_t task_handle);

/* Prints every task with its heaps and blocks; one task; the same without blocks as a table.
 * `stream` NULL is standard output. */
void heap_caps_print_all_task_stat(FILE *stream);
void heap_caps_print_single_task_stat(FILE *stream, TaskHandle_t task_handle);
void heap_caps_print_all_task_stat_overview(FILE *stream);
void heap_caps_print_single_task_stat_overview(FILE *stream, TaskHandle_t task_handle);

/* Allocates arrays that are long enough now, and sets their lengths to what is needed: NULL and 0
 * where that is nothing; ESP_FAIL without memory for them. Free them with the function of the same
 * kind. */
esp_err_t heap_caps_alloc_all_task_stat_arrays(heap_all_tasks_stat_t *tasks_stat);
esp_err_t heap_caps_alloc_single_task_stat_arrays(heap_single_task_stat_t *task_stat,
                                                  TaskHandle_t task_handle);

/* Frees these arrays and makes their lengths 0. */
void heap_caps_free_all_task_stat_arrays(heap_all_tasks_stat_t *tasks_stat);
void heap_caps_free_single_task_stat_arrays(heap_single_task_stat_t *task_stat);

#ifdef __cplusplus
}
#endif

#endif
