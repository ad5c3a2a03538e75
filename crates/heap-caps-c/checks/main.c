/* Runs all checks, and names those that fail.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"
#include "esp_heap_caps.h"
#include "memory.h"
#include "platform.h"

extern unsigned failures;

#ifndef GROUPS
#define GROUPS "groups.h"
#endif

#define GROUP(group) extern const struct check group[];
#include GROUPS
#undef GROUP

#define GROUP(group) group,
static const struct check *const groups[] = {
#include GROUPS
    NULL};

unsigned expected_faults;
unsigned further_heaps;
unsigned lasting_blocks;

/* What a check must leave behind: all memory, no fault, sound heaps. */
static void nothing_is_left(size_t faults)
{
    multi_heap_info_t info;
    heap_caps_get_info(&info, 0);
    CHECK_EQUAL(info.allocated_blocks, lasting_blocks);
    CHECK_EQUAL(info.free_blocks, heaps_at_start + further_heaps);
    CHECK(heap_caps_check_integrity_all(true));
    CHECK_EQUAL(heap_caps_get_fault_count(), faults);
}

static bool run(const struct check *check)
{
    unsigned before = failures;
    size_t faults = heap_caps_get_fault_count();
    expected_faults = 0;
    check->run();
    nothing_is_left(faults + expected_faults);
    print(failures == before ? "ok      " : "FAILED  ");
    print(check->name);
    print("\n");
    return failures == before;
}

static void count(unsigned passed, unsigned failed)
{
    print_number(passed);
    print(" passed, ");
    print_number(failed);
    print(" failed\n");
}

unsigned run_checks(const char *wanted)
{
    bool list = wanted != NULL && same_text(wanted, "list");
    unsigned passed = 0, failed = 0;
    const struct check *const *group;
    const struct check *check;
    heap_caps_set_console(platform_write);
    CHECK_EQUAL(heap_caps_set_fault_action((heap_caps_fault_action_t)7), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(heap_caps_set_fault_action(HEAP_CAPS_FAULT_GO_ON), ESP_OK);
    CHECK(memory_start());
    for (group = groups; *group != NULL; group++) {
        for (check = *group; check->name != NULL; check++) {
            if (list) {
                print(check->name);
                print("\n");
            } else if (wanted == NULL || same_text(wanted, check->name)) {
                *(run(check) ? &passed : &failed) += 1;
            }
        }
    }
    if (!list) {
        count(passed, failed);
        failed += passed + failed == 0;
    }
    return failed;
}
