/* The groups of checks. (For main.c, which defines GROUP.)
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
GROUP(one_heap)
GROUP(one_heap_poison)
GROUP(allocating)
GROUP(resizing)
GROUP(preferring)
GROUP(limiting)
GROUP(watching)
GROUP(arenas)
GROUP(figures)
GROUP(looking)
GROUP(callbacks)
GROUP(c_library)
GROUP(regions)
GROUP(addresses)
GROUP(older_names)
