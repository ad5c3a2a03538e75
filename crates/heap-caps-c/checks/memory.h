/* The memory of the checks.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *      dram    16 KiB   { 8BIT DEFAULT | INTERNAL DMA 32BIT | - }    as an ESP32's DRAM
 *      iram     8 KiB   { INTERNAL EXEC 32BIT | - | - }              as its IRAM, without addresses
 *      psram   32 KiB   { SPIRAM DEFAULT | - | 8BIT 32BIT }          as its PSRAM
 *
 * They are handed over in this order, and there are no others.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Under poisoning each block costs this much more than its payload, beyond the 4 bytes of its
 * header. */
#if defined(CONFIG_HEAP_POISONING_LIGHT) || defined(CONFIG_HEAP_POISONING_COMPREHENSIVE)
#define CANARIES 12
#else
#define CANARIES 0
#endif

#define HEADER 4

extern uint32_t dram[4096];
extern uint32_t iram[2048];
extern uint32_t psram[8192];

/* Hands all of it over; false if it is not taken. Then there are that many heaps. */
bool memory_start(void);
extern const unsigned heaps_at_start;

bool is_in_dram(const void *pointer);
bool is_in_iram(const void *pointer);
bool is_in_psram(const void *pointer);

#endif
