/* The C half of a program whose other half, src/lib.rs, is Rust: blocks of one are freed by the
 * other.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>

#include "esp_heap_caps.h"
#include "esp_heap_caps_init.h"

/* Rust's. */
uint32_t *squares(uint32_t count);
uint32_t sum_and_free(uint32_t *numbers, size_t count);

/* All memory of the program; a chip has heap_caps_init() instead. */
static uint32_t memory[4096];
static const uint32_t caps[3] = {MALLOC_CAP_8BIT | MALLOC_CAP_DEFAULT,
                                 MALLOC_CAP_INTERNAL | MALLOC_CAP_DMA | MALLOC_CAP_32BIT, 0};

static void shortage(size_t size, uint32_t wanted, const char *function)
{
    printf("%s: no %lu bytes with capabilities 0x%lx\n", function, (unsigned long)size,
           (unsigned long)wanted);
}

int main(void)
{
    intptr_t start = (intptr_t)memory;
    size_t all;
    uint32_t *numbers;
    if (heap_caps_add_region_with_caps(caps, start, start + (intptr_t)sizeof memory) != ESP_OK) {
        return 1;
    }
    heap_caps_register_failed_alloc_callback(shortage);
    all = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);

    numbers = squares(10);
    printf("Rust's Vec has %u bytes, the last number is %lu\n",
           (unsigned)heap_caps_get_allocated_size(numbers), (unsigned long)numbers[9]);
    heap_caps_free(numbers);

    numbers = (uint32_t *)heap_caps_calloc(10, sizeof *numbers, MALLOC_CAP_DMA);
    numbers[3] = 40;
    numbers[7] = 2;
    printf("Rust adds C's numbers up to %lu\n", (unsigned long)sum_and_free(numbers, 10));

    printf("%s\n", squares(100000) == NULL ? "Rust has no more memory than C"
                                           : "there is memory that C does not know");
    printf("%s\n", heap_caps_get_free_size(MALLOC_CAP_DEFAULT) == all ? "everything came back"
                                                                      : "something is missing");
    return 0;
}
