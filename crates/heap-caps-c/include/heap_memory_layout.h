/* The memory of the chip, and what is left of it for heaps.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef HEAP_MEMORY_LAYOUT_H
#define HEAP_MEMORY_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if __STDC_HOSTED__
#include <stdlib.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* First choice, second choice, last resort. */
#define SOC_MEMORY_TYPE_NO_PRIOS 3

/* A kind of memory: requests for a capability go to heaps that have it in their first set, then in
 * their second, then in their third. */
typedef struct {
    const char *name;
    uint32_t caps[SOC_MEMORY_TYPE_NO_PRIOS];
} soc_memory_type_desc_t;

/* Contiguous memory of one kind. */
typedef struct {
    intptr_t start;        /* its first byte */
    size_t size;           /* bytes */
    size_t type;           /* the number of its kind in the chip's table */
    intptr_t iram_address; /* where instructions see it; 0: nowhere else */
    bool startup_stack;    /* whether a core runs on it until the system is up */
} soc_memory_region_t;

/* Memory that is no heap's. */
typedef struct {
    intptr_t start; /* its first byte */
    intptr_t end;   /* behind its last byte */
} soc_reserved_region_t;

/* Reserves the bytes from START up to END (exclusive), at file scope; NAME is a name of its own.
 * The linker script collects reservations between soc_reserved_memory_region_start and
 * soc_reserved_memory_region_end, where heap_caps_init() finds them. */
#define SOC_RESERVE_MEMORY_REGION(START, END, NAME)                                          \
    __attribute__((section(".reserved_memory_address"))) __attribute__((used)) static const \
    soc_reserved_region_t reserved_region_##NAME = {(intptr_t)(START), (intptr_t)(END)}

/* Writes what is left of the chip's memory, by address; returns how many regions. The array must
 * have room for as many as the second function says. */
size_t soc_get_available_memory_regions(soc_memory_region_t *regions);
size_t soc_get_available_memory_region_max_count(void);

#ifdef __cplusplus
}
#endif

#endif
