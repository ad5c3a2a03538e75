/* Where a program's memory comes from: the C library, one capability heap of fixed size, or an
 * allocator in Rust of the same size.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

/* The command line `PROGRAM [MEMORY [BYTES]]`. MEMORY is "system" (the C library), "counted" (the
 * same, and it counts bytes in use), "heap", or, in a program with PEERS, the name of a peer. Heaps
 * are made of BYTES bytes, `bytes` at first. Ends the program for anything else. */
void memory_choose(int count, char **words, size_t bytes);

void *memory_malloc(size_t size);
void *memory_realloc(void *block, size_t size);
void memory_free(void *block);
size_t memory_size(void *block);

/* Prints the microseconds since the choice and the most bytes in use (0 where nobody counts) on
 * standard error; ends with 1 if the heap is damaged or not empty. */
int memory_end(void);

#endif
