/* Is a task refused what it may not have, and kept what it is sure to get?
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "heap_caps_pressure.h"
#include "memory.h"

#define INTERNAL (MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT)

static int mqtt, tls;
static void *running;
static unsigned warnings;

static void *running_task(void)
{
    return running;
}

static void on_pressure(void *task, const char *name, size_t used, bool is_above)
{
    CHECK(task == &mqtt && same_text(name, "mqtt"));
    CHECK(is_above == (used > 2000));
    warnings++;
}

static void *malloc_as(void *task, size_t size, uint32_t caps)
{
    running = task;
    void *block = heap_caps_malloc(size, caps);
    running = NULL;
    return block;
}

static void a_task_at_its_limit_is_refused_and_others_are_served(void)
{
    const heap_caps_task_limits_t limits = {"mqtt", INTERNAL, 3000, 2000, 0};
    heap_caps_task_usage_t usage;
    heap_caps_set_running_task(running_task);
    heap_caps_register_task_pressure_callback(on_pressure);
    warnings = 0;
    CHECK(heap_caps_limit_task(&mqtt, &limits));
    void *own = malloc_as(&mqtt, 2500, INTERNAL);
    CHECK(is_in_dram(own));
    CHECK_EQUAL(warnings, 1);
    CHECK(malloc_as(&mqtt, 1000, INTERNAL) == NULL);
    void *of_psram = malloc_as(&mqtt, 1000, MALLOC_CAP_SPIRAM);
    CHECK(is_in_psram(of_psram));
    void *others = malloc_as(&tls, 1000, INTERNAL);
    CHECK(is_in_dram(others));
    CHECK(heap_caps_get_task_usage(&mqtt, INTERNAL, &usage));
    CHECK_EQUAL(usage.used, 2500 + HEADER + CANARIES);
    CHECK_EQUAL(usage.blocks, 1);
    CHECK_EQUAL(usage.refusals, 1);
    own = heap_caps_realloc(own, 1000, INTERNAL); /* by no task */
    CHECK_EQUAL(warnings, 2);
    CHECK(heap_caps_get_task_usage(&mqtt, INTERNAL, &usage));
    CHECK_EQUAL(usage.blocks, 1);
    heap_caps_free(own);
    heap_caps_free(of_psram);
    heap_caps_free(others);
    CHECK(heap_caps_get_task_usage(&mqtt, INTERNAL, &usage));
    CHECK_EQUAL(usage.used, 0);
    CHECK(heap_caps_unlimit_task(&mqtt));
    CHECK(!heap_caps_get_task_usage(&mqtt, INTERNAL, &usage));
    heap_caps_register_task_pressure_callback(NULL);
    heap_caps_set_running_task(NULL);
}

static void a_minimum_is_kept_for_its_task(void)
{
    const heap_caps_task_limits_t limits = {"tls", INTERNAL, 0, 0, 6000};
    heap_caps_set_running_task(running_task);
    CHECK(heap_caps_limit_task(&tls, &limits));
    CHECK(malloc_as(&mqtt, 12000, INTERNAL) == NULL);
    void *block = heap_caps_malloc_for_task(&tls, 12000, INTERNAL);
    CHECK(is_in_dram(block));
    heap_caps_free(block);
    CHECK(heap_caps_unlimit_task(&tls));
    CHECK(!heap_caps_unlimit_task(&tls));
    heap_caps_set_running_task(NULL);
}

static void what_is_no_limit_is_refused(void)
{
    const heap_caps_task_limits_t nameless = {NULL, INTERNAL, 3000, 0, 0};
    const heap_caps_task_limits_t too_much = {"tls", INTERNAL, 0, 0, 100000};
    const heap_caps_task_limits_t upside_down = {"tls", INTERNAL, 100, 200, 0};
    CHECK(!heap_caps_limit_task(&tls, NULL));
    CHECK(!heap_caps_limit_task(NULL, &too_much));
    CHECK(!heap_caps_limit_task(&tls, &nameless));
    CHECK(!heap_caps_limit_task(&tls, &too_much));
    CHECK(!heap_caps_limit_task(&tls, &upside_down));
    CHECK(!heap_caps_unlimit_task(&tls));
}

const struct check limiting[] = {
    CASE(a_task_at_its_limit_is_refused_and_others_are_served),
    CASE(a_minimum_is_kept_for_its_task),
    CASE(what_is_no_limit_is_refused),
    LAST_CASE,
};
