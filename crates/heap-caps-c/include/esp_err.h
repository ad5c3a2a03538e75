/* Error numbers of the heap functions, their names, and what to do about them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Only what the heap needs, under ESP-IDF's names and with its values. A program that has ESP-IDF's
 * own esp_err.h puts that one first on the include path; the two agree. The functions are functions
 * of this header: the library has none of these names.
 */
#ifndef ESP_ERR_H
#define ESP_ERR_H

#include <stddef.h>
#include <stdint.h>
#if __STDC_HOSTED__
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* 0 is success. Functions that return it say in their description which others they return. */
typedef int esp_err_t;

#define ESP_OK 0                        /* success */
#define ESP_FAIL (-1)                   /* refused, without a number of its own */
#define ESP_ERR_NO_MEM 0x101            /* out of memory */
#define ESP_ERR_INVALID_ARG 0x102       /* an argument makes no sense */
#define ESP_ERR_INVALID_STATE 0x103     /* not now */
#define ESP_ERR_INVALID_SIZE 0x104      /* too small, too large, or not aligned */
#define ESP_ERR_NOT_FOUND 0x105         /* there is no such thing */
#define ESP_ERR_NOT_SUPPORTED 0x106     /* not in this build */
#define ESP_ERR_TIMEOUT 0x107           /* no function of the heap returns this or the next ones */
#define ESP_ERR_INVALID_RESPONSE 0x108
#define ESP_ERR_INVALID_CRC 0x109
#define ESP_ERR_INVALID_VERSION 0x10A
#define ESP_ERR_INVALID_MAC 0x10B
#define ESP_ERR_NOT_FINISHED 0x10C
#define ESP_ERR_NOT_ALLOWED 0x10D

/* The name of an error, "ESP_ERR_NO_MEM"; "UNKNOWN ERROR" for a number that has none here. */
__attribute__((unused)) static inline const char *esp_err_to_name(esp_err_t code)
{
    static const char *const names[] = {
        "ESP_ERR_NO_MEM",          "ESP_ERR_INVALID_ARG",      "ESP_ERR_INVALID_STATE",
        "ESP_ERR_INVALID_SIZE",    "ESP_ERR_NOT_FOUND",        "ESP_ERR_NOT_SUPPORTED",
        "ESP_ERR_TIMEOUT",         "ESP_ERR_INVALID_RESPONSE", "ESP_ERR_INVALID_CRC",
        "ESP_ERR_INVALID_VERSION", "ESP_ERR_INVALID_MAC",      "ESP_ERR_NOT_FINISHED",
        "ESP_ERR_NOT_ALLOWED"};
    if (code == ESP_OK) {
        return "ESP_OK";
    }
    if (code == ESP_FAIL) {
        return "ESP_FAIL";
    }
    return code >= ESP_ERR_NO_MEM && code <= ESP_ERR_NOT_ALLOWED ? names[code - ESP_ERR_NO_MEM]
                                                                 : "UNKNOWN ERROR";
}

/* The same in `buf`: at most `buflen` bytes with the 0 at the end. Returns `buf`. */
__attribute__((unused)) static inline const char *esp_err_to_name_r(esp_err_t code, char *buf,
                                                                    size_t buflen)
{
    const char *name = esp_err_to_name(code);
    size_t index;
    for (index = 0; index + 1 < buflen && name[index] != 0; index++) {
        buf[index] = name[index];
    }
    if (buflen > 0) {
        buf[index] = 0;
    }
    return buf;
}

/* Says on standard output what failed where. Without a C library nothing is said. */
__attribute__((unused)) static inline void heap_caps_error_check_say_(esp_err_t code,
                                                                      const char *file, int line,
                                                                      const char *function,
                                                                      const char *expression)
{
#if __STDC_HOSTED__
    printf("ESP_ERROR_CHECK failed: esp_err_t 0x%x (%s) at %s:%d, function %s, expression: %s\n",
           (unsigned)code, esp_err_to_name(code), file, line, function, expression);
    fflush(stdout);
#else
    (void)code, (void)file, (void)line, (void)function, (void)expression;
#endif
}

#if __STDC_HOSTED__
#define HEAP_CAPS_STOP_() abort()
#else
#define HEAP_CAPS_STOP_() __builtin_trap()
#endif

/* Evaluates `x`, which must be ESP_OK: otherwise says so and ends the program. With NDEBUG:
 * evaluates `x`. */
#ifdef NDEBUG
#define ESP_ERROR_CHECK(x)           \
    do {                             \
        esp_err_t err_rc_ = (x);     \
        (void)sizeof(err_rc_);       \
    } while (0)
#else
#define ESP_ERROR_CHECK(x) \
    do { \
        esp_err_t err_rc_ = (x); \
        if (err_rc_ != ESP_OK) { \
            heap_caps_error_check_say_(err_rc_, __FILE__, __LINE__, (__extension__ __FUNCTION__), \
                                       #x); \
            HEAP_CAPS_STOP_(); \
        } \
    } while (0)
#endif

/* The same without the end of the program; the value is that of `x`. */
__attribute__((unused)) static inline esp_err_t
heap_caps_error_check_pass_(esp_err_t code, const char *file, int line, const char *function,
                            const char *expression)
{
    if (code != ESP_OK) {
        heap_caps_error_check_say_(code, file, line, function, expression);
    }
    return code;
}
#ifdef NDEBUG
#define ESP_ERROR_CHECK_WITHOUT_ABORT(x) (x)
#else
#define ESP_ERROR_CHECK_WITHOUT_ABORT(x) \
    heap_caps_error_check_pass_((x), __FILE__, __LINE__, (__extension__ __FUNCTION__), #x)
#endif

#ifdef __cplusplus
}
#endif

#endif
