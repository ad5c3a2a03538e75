/* The same as heap_memory_layout.h and esp_memory_utils.h, under the name that both had up to ESP-IDF v4.4.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef SOC_SOC_MEMORY_LAYOUT_H
#define SOC_SOC_MEMORY_LAYOUT_H

#include "../esp_memory_utils.h"
#include "../heap_memory_layout.h"

#endif
