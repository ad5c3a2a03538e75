/* The groups of the program whose library keeps traces and accounts (`heap-tracing`,
 * `heap-task-tracking`).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
GROUP(trace)
GROUP(tasks)
