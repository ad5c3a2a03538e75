/* Services that the program that runs the checks provides.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stddef.h>

/* Writes text to wherever people read it. Defined by host.c, and by the program on an emulated
 * chip. */
void platform_write(const char *text, size_t length);

/* Runs the check called `wanted`; all of them for NULL; for "list" says which there are. Returns
 * how many failed. */
unsigned run_checks(const char *wanted);

#endif
