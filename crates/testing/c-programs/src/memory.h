/* Where a program's memory comes from: the C library, or one capability heap of fixed size.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

/* "system" or "heap"; the heap is made of `bytes` bytes. Ends the program for anything else. */
void memory_choose(const char *name, size_t bytes);

void *memory_malloc(size_t size);
void *memory_realloc(void *block, size_t size);
void memory_free(void *block);
size_t memory_size(void *block);

/* Prints the time since the choice and the most bytes in use, on standard error; ends with 1 if the heap is damaged or not empty. */
int memory_end(void);

#endif
