/* Checks of task accounts: the owner of each block.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_caps.h"
#include "esp_heap_task_info.h"
#include "memory.h"

#define DMA MALLOC_CAP_DMA
#define SPIRAM MALLOC_CAP_SPIRAM

static TaskHandle_t mqtt, other, runs;

static TaskHandle_t running(void)
{
    return runs;
}

static const char *name_of(TaskHandle_t task)
{
    return task == mqtt ? "mqtt" : "a name that is much too long";
}

/* Two tasks, whose control structures are blocks of nobody. */
static void tasks_start(void)
{
    runs = NULL;
    mqtt = (TaskHandle_t)heap_caps_malloc(64, DMA);
    other = (TaskHandle_t)heap_caps_malloc(64, DMA);
    heap_caps_register_tasks(running, name_of);
}

static void tasks_end(void)
{
    runs = NULL;
    heap_caps_free(mqtt);
    heap_caps_free(other);
    heap_caps_register_tasks(NULL, NULL);
}

static void *as(TaskHandle_t task, size_t size, uint32_t caps)
{
    void *block;
    runs = task;
    block = heap_caps_malloc(size, caps);
    runs = NULL;
    return block;
}

static void a_task_has_what_it_allocated_and_nobody_freed(void)
{
    heap_single_task_stat_t one = {0};
    void *a, *b;
    tasks_start();
    a = as(mqtt, 100, DMA);
    b = as(mqtt, 200, SPIRAM);
    heap_caps_free(as(mqtt, 400, SPIRAM));
    CHECK_EQUAL(heap_caps_alloc_single_task_stat_arrays(&one, mqtt), ESP_OK);
    CHECK_EQUAL(one.heap_count, 2);
    CHECK_EQUAL(one.alloc_count, 2);
    CHECK_EQUAL(heap_caps_get_single_task_stat(&one, mqtt), ESP_OK);
    CHECK(same_text(one.stat.name, "mqtt"));
    CHECK(one.stat.handle == mqtt);
    CHECK(one.stat.is_alive);
    CHECK_EQUAL(one.stat.overall_current_usage, 300);
    CHECK_EQUAL(one.stat.overall_peak_usage, 700);
    CHECK_EQUAL(one.heap_count, 2);
    CHECK_EQUAL(one.alloc_count, 2);
    CHECK_EQUAL(one.stat.heap_stat[0].current_usage, 100);
    CHECK_EQUAL(one.stat.heap_stat[1].current_usage, 200);
    CHECK_EQUAL(one.stat.heap_stat[1].peak_usage, 600);
    CHECK(one.stat.heap_stat[0].alloc_stat[0].address == a);
    CHECK(one.stat.heap_stat[1].alloc_stat[0].address == b);
    heap_caps_free_single_task_stat_arrays(&one);
    CHECK(one.heap_stat_start == NULL);
    heap_caps_free(a);
    heap_caps_free(b);
    tasks_end();
}

static void questions_about_nobody_are_refused(void)
{
    heap_single_task_stat_t one = {0};
    tasks_start();
    heap_caps_free(as(mqtt, 8, DMA));
    CHECK_EQUAL(heap_caps_get_single_task_stat(&one, (TaskHandle_t)(void *)dram), ESP_FAIL);
    CHECK_EQUAL(heap_caps_get_single_task_stat(NULL, mqtt), ESP_ERR_INVALID_ARG);
    one.heap_count = 3;
    CHECK_EQUAL(heap_caps_get_single_task_stat(&one, mqtt), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(heap_caps_get_all_task_stat(NULL), ESP_ERR_INVALID_ARG);
    tasks_end();
}

static void a_heap_of_which_a_task_has_no_block_has_no_list_of_blocks(void)
{
    heap_single_task_stat_t one = {0};
    void *block;
    tasks_start();
    heap_caps_free(as(mqtt, 64, SPIRAM));
    block = as(mqtt, 64, DMA);
    CHECK_EQUAL(heap_caps_alloc_single_task_stat_arrays(&one, mqtt), ESP_OK);
    CHECK_EQUAL(one.heap_count, 2);
    CHECK_EQUAL(one.alloc_count, 1);
    CHECK_EQUAL(heap_caps_get_single_task_stat(&one, mqtt), ESP_OK);
    CHECK_EQUAL(one.stat.heap_stat[0].alloc_count, 1);
    CHECK(one.stat.heap_stat[0].alloc_stat != NULL);
    CHECK_EQUAL(one.stat.heap_stat[1].alloc_count, 0);
    CHECK(one.stat.heap_stat[1].alloc_stat == NULL);
    CHECK_EQUAL(one.stat.heap_stat[1].peak_usage, 64);
    heap_caps_free_single_task_stat_arrays(&one);
    heap_caps_free(block);
    tasks_end();
}

/* Bytes of a task, and of all of them. */
struct sums {
    size_t own, others, all;
};

static struct sums sums_of(TaskHandle_t task)
{
    static heap_task_totals_t totals[24];
    struct sums sums = {0, 0, 0};
    size_t known = 0, index;
    heap_task_info_params_t params = {
        .caps = {MALLOC_CAP_8BIT, 0, 0, 0},
        .mask = {MALLOC_CAP_8BIT, 0, 0, 0},
        .totals = totals,
        .num_totals = &known,
        .max_totals = 24,
    };
    heap_caps_get_per_task_info(&params);
    for (index = 0; index < known; index++) {
        sums.all += totals[index].size[0];
        sums.own += totals[index].task == task ? totals[index].size[0] : 0;
        sums.others += totals[index].task == HEAP_CAPS_OTHER_TASKS ? totals[index].size[0] : 0;
    }
    return sums;
}

/* One after another, each with a control structure of the heap, mostly at the same address. */
static void a_hundred_tasks_one_after_another_have_their_bytes(void)
{
    unsigned number;
    tasks_start();
    for (number = 0; number < 100; number++) {
        TaskHandle_t task = (TaskHandle_t)heap_caps_malloc(340, DMA);
        void *block = as(task, 100, DMA);
        struct sums sums = sums_of(task);
        CHECK_EQUAL(sums.own, heap_caps_get_allocated_size(block));
        CHECK_EQUAL(sums.others, 0);
        CHECK_EQUAL(sums.all,
                    heap_caps_get_allocated_size(block) + heap_caps_get_allocated_size(task)
                        + heap_caps_get_allocated_size(mqtt) + heap_caps_get_allocated_size(other));
        heap_caps_free(block);
        heap_caps_free(task);
    }
    tasks_end();
}

static void tasks_without_an_account_are_one_entry_and_the_sums_are_the_heaps(void)
{
    enum { MANY = 30 };
    static void *tasks_of[MANY], *blocks[MANY];
    heap_all_tasks_stat_t all = {0};
    multi_heap_info_t heaps;
    const task_stat_t *others = NULL;
    size_t used = 0, index, sum = 0;
    tasks_start();
    used = heap_caps_get_allocated_size(mqtt) + heap_caps_get_allocated_size(other);
    for (index = 0; index < MANY; index++) {
        tasks_of[index] = heap_caps_malloc(16, DMA);
        blocks[index] = as((TaskHandle_t)tasks_of[index], 20 + 4 * index, SPIRAM);
        used += heap_caps_get_allocated_size(tasks_of[index])
                + heap_caps_get_allocated_size(blocks[index]);
    }
    CHECK(sums_of(NULL).others >= (MANY - 15) * 20);
    CHECK_EQUAL(sums_of(NULL).all, used);
    heap_caps_get_info(&heaps, MALLOC_CAP_8BIT);
    CHECK_EQUAL(sums_of(NULL).all, heaps.total_allocated_bytes);
    CHECK_EQUAL(heap_caps_alloc_all_task_stat_arrays(&all), ESP_OK);
    CHECK_EQUAL(heap_caps_get_all_task_stat(&all), ESP_OK);
    used += heap_caps_get_allocated_size(all.stat_arr)
            + heap_caps_get_allocated_size(all.heap_stat_start)
            + heap_caps_get_allocated_size(all.alloc_stat_start);
    for (index = 0; index < all.task_count; index++) {
        sum += all.stat_arr[index].overall_current_usage;
        if (all.stat_arr[index].handle == HEAP_CAPS_OTHER_TASKS) {
            others = &all.stat_arr[index];
        }
    }
    CHECK_EQUAL(sum, used);
    if (CHECK(others != NULL)) {
        CHECK(same_text(others->name, "others"));
        CHECK(others->is_alive && others->heap_stat != NULL
              && others->heap_stat[0].alloc_stat != NULL);
        CHECK_EQUAL(others->overall_current_usage, sums_of(NULL).others);
        CHECK(others->overall_peak_usage >= others->overall_current_usage);
    }
    heap_caps_free_all_task_stat_arrays(&all);
    for (index = 0; index < MANY; index++) {
        heap_caps_free(blocks[index]);
        heap_caps_free(tasks_of[index]);
    }
    CHECK_EQUAL(sums_of(NULL).others, 0);
    tasks_end();
}

static TaskHandle_t successor;
static void *of_successor;

/* Is called when a task's structure was freed: the next task has its structure there. */
static void begin_at_the_same_place(void *freed)
{
    if (successor == NULL && freed == (void *)mqtt) {
        successor = (TaskHandle_t)heap_caps_malloc(64, DMA);
        of_successor = as(successor, 100, SPIRAM);
    }
}

static void a_task_at_the_place_of_a_deleted_one_is_another(void)
{
    heap_all_tasks_stat_t all = {0};
    unsigned dead = 0, alive = 0;
    size_t index;
    void *leak;
    tasks_start();
    successor = NULL;
    leak = as(mqtt, 52, SPIRAM);
    heap_caps_register_alloc_hooks(NULL, begin_at_the_same_place);
    heap_caps_free(mqtt);
    heap_caps_register_alloc_hooks(NULL, NULL);
    CHECK(successor == mqtt);
    CHECK_EQUAL(heap_caps_alloc_all_task_stat_arrays(&all), ESP_OK);
    CHECK_EQUAL(heap_caps_get_all_task_stat(&all), ESP_OK);
    for (index = 0; index < all.task_count; index++) {
        const task_stat_t *task = &all.stat_arr[index];
        if (task->handle == successor && task->is_alive) {
            alive++;
            CHECK_EQUAL(task->overall_current_usage, 100);
        } else if (task->handle == successor && task->overall_current_usage != 0) {
            dead++;
            CHECK_EQUAL(task->overall_current_usage, 52);
        }
    }
    CHECK_EQUAL(alive, 1);
    CHECK_EQUAL(dead, 1);
    heap_caps_free_all_task_stat_arrays(&all);
    heap_caps_free(leak);
    heap_caps_free(of_successor);
    tasks_end(); /* frees the successor's structure */
}

static const task_stat_t *find(const heap_all_tasks_stat_t *all, TaskHandle_t task)
{
    size_t index;
    for (index = 0; index < all->task_count; index++) {
        if (all->stat_arr[index].handle == task) {
            return &all->stat_arr[index];
        }
    }
    return NULL;
}

static void all_tasks_are_told_with_short_names(void)
{
    heap_all_tasks_stat_t all = {0};
    const task_stat_t *long_named, *known;
    void *a, *b;
    tasks_start();
    a = as(mqtt, 100, DMA);
    b = as(other, 24, SPIRAM);
    CHECK_EQUAL(heap_caps_alloc_all_task_stat_arrays(&all), ESP_OK);
    CHECK_EQUAL(heap_caps_get_all_task_stat(&all), ESP_OK);
    known = find(&all, mqtt);
    long_named = find(&all, other);
    if (CHECK(known != NULL && long_named != NULL)) {
        CHECK_EQUAL(known->overall_current_usage, 100);
        CHECK_EQUAL(long_named->overall_current_usage, 24);
        CHECK(same_text(long_named->name, "a name that is "));
    }
    CHECK(find(&all, NULL) != NULL);
    heap_caps_free_all_task_stat_arrays(&all);
    CHECK_EQUAL(all.task_count, 0);
    heap_caps_free(a);
    heap_caps_free(b);
    tasks_end();
}

static void totals_and_blocks_are_told_by_kind_of_memory(void)
{
    heap_task_totals_t totals[8];
    heap_task_block_t blocks[8];
    size_t known = 0, index, found = 0;
    heap_task_info_params_t params = {
        .caps = {DMA, SPIRAM, 0, 0},
        .mask = {DMA, SPIRAM, 0, 0},
        .tasks = &mqtt,
        .num_tasks = 1,
        .totals = totals,
        .num_totals = &known,
        .max_totals = 8,
        .blocks = blocks,
        .max_blocks = 8,
    };
    void *a, *b;
    tasks_start();
    a = as(mqtt, 100, DMA);
    b = as(mqtt, 200, SPIRAM);
    CHECK_EQUAL(heap_caps_get_per_task_info(&params), 2);
    CHECK(blocks[0].address == a && blocks[0].task == mqtt);
    CHECK_EQUAL(blocks[0].size, 100);
    CHECK(blocks[1].address == b);
    for (index = 0; index < known; index++) {
        if (totals[index].task == mqtt) {
            found++;
            CHECK_EQUAL(totals[index].size[0], 100);
            CHECK_EQUAL(totals[index].size[1], 200);
            CHECK_EQUAL(totals[index].count[0], 1);
            CHECK_EQUAL(totals[index].count[1], 1);
        }
    }
    CHECK_EQUAL(found, 1);
    heap_caps_free(a);
    heap_caps_free(b);
    tasks_end();
}

static void accounts_are_printed_with_blocks_or_as_a_table(void)
{
    void *block;
    const char *text;
    tasks_start();
    block = as(mqtt, 100, DMA);
    capture_start();
    heap_caps_print_single_task_stat(NULL, mqtt);
    text = capture_stop();
    CHECK_CONTAINS(
        text, "ALIVE: mqtt, CURRENT MEMORY USAGE 100, PEAK MEMORY USAGE 100, TOTAL HEAP USED 1:");
    CHECK_CONTAINS(text, "USAGE: CURRENT 100");
    CHECK_CONTAINS(text, ", SIZE 100");
    capture_start();
    heap_caps_print_all_task_stat(NULL);
    CHECK_CONTAINS(capture_stop(), "ALIVE: mqtt, CURRENT MEMORY USAGE 100");
    capture_start();
    heap_caps_print_single_task_stat_overview(NULL, mqtt);
    CHECK_CONTAINS(capture_stop(), "mqtt");
    capture_start();
    heap_caps_print_all_task_stat_overview(NULL);
    CHECK_CONTAINS(capture_stop(), "mqtt");
    heap_caps_free(block);
    tasks_end();
}

static void a_fault_names_the_task_that_runs(void)
{
    void *block;
    tasks_start();
    block = as(mqtt, 100, DMA);
    heap_caps_free(block);
    capture_start();
    heap_caps_free(block);
    CHECK_CONTAINS(capture_stop(), "heap fault: free of 0x");
    runs = mqtt;
    capture_start();
    heap_caps_free(block);
    CHECK_CONTAINS(capture_stop(), ", in heap_caps_free()");
    capture_start();
    heap_caps_free(block);
    CHECK_CONTAINS(capture_stop(), ", task mqtt\n");
    expected_faults = 3;
    tasks_end();
}

const struct check tasks[] = {
    CASE(a_task_has_what_it_allocated_and_nobody_freed),
    CASE(questions_about_nobody_are_refused),
    CASE(a_heap_of_which_a_task_has_no_block_has_no_list_of_blocks),
    CASE(a_hundred_tasks_one_after_another_have_their_bytes),
    CASE(tasks_without_an_account_are_one_entry_and_the_sums_are_the_heaps),
    CASE(a_task_at_the_place_of_a_deleted_one_is_another),
    CASE(all_tasks_are_told_with_short_names),
    CASE(totals_and_blocks_are_told_by_kind_of_memory),
    CASE(accounts_are_printed_with_blocks_or_as_a_table),
    CASE(a_fault_names_the_task_that_runs),
    LAST_CASE,
};
