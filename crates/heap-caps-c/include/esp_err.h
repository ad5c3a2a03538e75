/* Which error numbers do the heap functions return?
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Only what the heap needs, under ESP-IDF's names and with its values. A program that has ESP-IDF's own esp_err.h
 * puts that one first on the include path; the two agree.
 */
#ifndef ESP_ERR_H
#define ESP_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

/* 0 is success. Functions that return it say in their description which others they return. */
typedef int esp_err_t;

#define ESP_OK 0                    /* success */
#define ESP_FAIL (-1)               /* refused, without a number of its own */
#define ESP_ERR_NO_MEM 0x101        /* out of memory */
#define ESP_ERR_INVALID_ARG 0x102   /* an argument makes no sense */
#define ESP_ERR_INVALID_STATE 0x103 /* not now */
#define ESP_ERR_INVALID_SIZE 0x104  /* too small, too large, or not aligned */
#define ESP_ERR_NOT_FOUND 0x105     /* there is no such thing */
#define ESP_ERR_NOT_SUPPORTED 0x106 /* not in this build */

#ifdef __cplusplus
}
#endif

#endif
