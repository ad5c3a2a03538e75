/* A program that makes one mistake, and must not live on: built as docs/c.md says, with the
 * library's defaults.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *      dying                   prints the names of the mistakes
 *      dying MISTAKE           makes it: a line "heap fault: ...", then abort()
 *      dying MISTAKE go-on     makes it after heap_caps_set_fault_action(): the line, then "alive"
 */
#include <stdio.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_heap_caps_init.h"

static uint32_t memory[4096];

static void double_free(void)
{
    void *block = heap_caps_malloc(100, MALLOC_CAP_8BIT);
    heap_caps_free(block);
    heap_caps_free(block);
}

static void foreign_pointer(void)
{
    int local = 0;
    heap_caps_free(&local);
}

static void pointer_into_a_block(void)
{
    char *block = (char *)heap_caps_malloc(100, MALLOC_CAP_8BIT);
    heap_caps_free(block + 8);
}

static void realloc_of_a_freed_block(void)
{
    void *block = heap_caps_malloc(100, MALLOC_CAP_8BIT);
    heap_caps_free(block);
    heap_caps_realloc(block, 200, MALLOC_CAP_8BIT);
}

static void double_free_in_one_heap(void)
{
    multi_heap_handle_t heap = multi_heap_register(memory + 2048, 8192);
    void *block = multi_heap_malloc(heap, 100);
    multi_heap_free(heap, block);
    multi_heap_free(heap, block);
}

static const struct {
    const char *name;
    void (*make)(void);
} mistakes[] = {
    {"double-free", double_free},
    {"foreign-pointer", foreign_pointer},
    {"pointer-into-a-block", pointer_into_a_block},
    {"realloc-of-a-freed-block", realloc_of_a_freed_block},
    {"double-free-in-one-heap", double_free_in_one_heap},
};

int main(int count, char **words)
{
    const uint32_t caps[3] = {MALLOC_CAP_8BIT | MALLOC_CAP_DEFAULT,
                              MALLOC_CAP_INTERNAL | MALLOC_CAP_32BIT, 0};
    size_t index;
    ESP_ERROR_CHECK(
        heap_caps_add_region_with_caps(caps, (intptr_t)memory, (intptr_t)(memory + 2048)));
    if (count > 2) {
        heap_caps_set_fault_action(HEAP_CAPS_FAULT_GO_ON);
    }
    for (index = 0; index < sizeof mistakes / sizeof mistakes[0]; index++) {
        if (count == 1) {
            puts(mistakes[index].name);
        } else if (strcmp(words[1], mistakes[index].name) == 0) {
            mistakes[index].make();
            puts("alive");
        }
    }
    return 0;
}
