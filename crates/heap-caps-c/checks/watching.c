/* Is the program told when memory is short, for as long as it wants to be?
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "heap_caps_pressure.h"
#include "memory.h"

#define INTERNAL (MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT)

static unsigned changes;
static unsigned releases;
static heap_caps_level_t last_level;

static void on_level(const char *name, heap_caps_level_t from, heap_caps_level_t to,
                     size_t free_bytes)
{
    CHECK(same_text(name, "internal"));
    CHECK(from != to);
    CHECK_EQUAL(free_bytes, heap_caps_get_free_size(INTERNAL));
    last_level = to;
    changes++;
}

static void on_emergency(const char *name, size_t size)
{
    CHECK(same_text(name, "last words"));
    CHECK_EQUAL(size, 4000);
    releases++;
}

static void a_gauge_reports_until_it_is_removed(void)
{
    const size_t all = heap_caps_get_free_size(INTERNAL);
    changes = 0;
    heap_caps_register_level_callback(on_level);
    const int gauge = heap_caps_add_gauge("internal", INTERNAL, all - 1000, 100, 0);
    CHECK(gauge >= 0);
    void *block = heap_caps_malloc(2000, INTERNAL);
    CHECK_EQUAL(changes, 1);
    CHECK_EQUAL(last_level, HEAP_CAPS_LEVEL_LOW);
    CHECK_EQUAL(heap_caps_get_level(gauge), HEAP_CAPS_LEVEL_LOW);
    heap_caps_free(block);
    CHECK_EQUAL(changes, 2);
    CHECK_EQUAL(last_level, HEAP_CAPS_LEVEL_NORMAL);
    CHECK(heap_caps_remove_gauge(gauge));
    CHECK(!heap_caps_remove_gauge(gauge));
    CHECK(!heap_caps_remove_gauge(-1));
    heap_caps_free(heap_caps_malloc(2000, INTERNAL));
    CHECK_EQUAL(changes, 2);
    CHECK_EQUAL(heap_caps_get_level(gauge), HEAP_CAPS_LEVEL_NORMAL);
    heap_caps_register_level_callback(NULL);
}

static void a_reserve_is_there_until_it_is_disarmed(void)
{
    const size_t all = heap_caps_get_free_size(INTERNAL);
    releases = 0;
    heap_caps_register_emergency_callback(on_emergency);
    const int reserve = heap_caps_arm_emergency("last words", INTERNAL, 4000);
    CHECK(reserve >= 0);
    CHECK(heap_caps_get_free_size(INTERNAL) < all - 4000);
    CHECK(heap_caps_release_emergency(reserve));
    CHECK_EQUAL(releases, 1);
    CHECK(heap_caps_disarm_emergency(reserve));
    CHECK_EQUAL(heap_caps_get_free_size(INTERNAL), all);
    CHECK(!heap_caps_disarm_emergency(reserve));
    CHECK(!heap_caps_release_emergency(reserve));
    CHECK(!heap_caps_disarm_emergency(-1));
    CHECK_EQUAL(releases, 1);
    heap_caps_register_emergency_callback(NULL);
}

const struct check watching[] = {
    CASE(a_gauge_reports_until_it_is_removed),
    CASE(a_reserve_is_there_until_it_is_disarmed),
    LAST_CASE,
};
