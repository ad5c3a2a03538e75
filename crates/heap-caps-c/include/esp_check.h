/* Leaving a function where a call failed or a condition does not hold: ESP-IDF's macros of this
 * header.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *      ESP_RETURN_ON_ERROR(heap_caps_add_region(start, end), "app", "no heap at %p", (void
 *      *)start);
 *
 * A line goes to standard output: "app: main.c(12): no heap at 0x3ffb0000". Without a C library
 * nothing is said. A program that has ESP-IDF's own esp_check.h puts that one first on the include
 * path. C89 and C++98 have no macros of this kind.
 */
#ifndef ESP_CHECK_H
#define ESP_CHECK_H

#include "esp_err.h"

#if (defined(__cplusplus) && __cplusplus >= 201103L) \
    || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L)

#if __STDC_HOSTED__
#define HEAP_CAPS_CHECK_SAY_(log_tag, ...)                                       \
    do {                                                                         \
        printf("%s: %s(%d): ", (log_tag), __func__, __LINE__);               \
        printf(__VA_ARGS__);                                                     \
        printf("\n");                                                            \
    } while (0)
#else
#define HEAP_CAPS_CHECK_SAY_(log_tag, ...) ((void)(log_tag))
#endif

/* Returns the error of `x`, if it has one. */
#define ESP_RETURN_ON_ERROR(x, log_tag, ...)               \
    do {                                                   \
        esp_err_t err_rc_ = (x);                           \
        if (err_rc_ != ESP_OK) {                           \
            HEAP_CAPS_CHECK_SAY_(log_tag, __VA_ARGS__);    \
            return err_rc_;                                \
        }                                                  \
    } while (0)

/* Returns from a function without a value, if `x` has an error. */
#define ESP_RETURN_VOID_ON_ERROR(x, log_tag, ...)          \
    do {                                                   \
        esp_err_t err_rc_ = (x);                           \
        if (err_rc_ != ESP_OK) {                           \
            HEAP_CAPS_CHECK_SAY_(log_tag, __VA_ARGS__);    \
            return;                                        \
        }                                                  \
    } while (0)

/* Puts the error of `x` into the variable `ret` and goes to `goto_tag`, if it has one. */
#define ESP_GOTO_ON_ERROR(x, goto_tag, log_tag, ...)       \
    do {                                                   \
        esp_err_t err_rc_ = (x);                           \
        if (err_rc_ != ESP_OK) {                           \
            HEAP_CAPS_CHECK_SAY_(log_tag, __VA_ARGS__);    \
            ret = err_rc_;                                 \
            goto goto_tag;                                 \
        }                                                  \
    } while (0)

/* The same for a condition, with the error that it stands for. */
#define ESP_RETURN_ON_FALSE(a, err_code, log_tag, ...)     \
    do {                                                   \
        if (!(a)) {                                        \
            HEAP_CAPS_CHECK_SAY_(log_tag, __VA_ARGS__);    \
            return err_code;                               \
        }                                                  \
    } while (0)

#define ESP_RETURN_VOID_ON_FALSE(a, log_tag, ...)          \
    do {                                                   \
        if (!(a)) {                                        \
            HEAP_CAPS_CHECK_SAY_(log_tag, __VA_ARGS__);    \
            return;                                        \
        }                                                  \
    } while (0)

#define ESP_GOTO_ON_FALSE(a, err_code, goto_tag, log_tag, ...) \
    do {                                                       \
        if (!(a)) {                                            \
            HEAP_CAPS_CHECK_SAY_(log_tag, __VA_ARGS__);        \
            ret = err_code;                                    \
            goto goto_tag;                                     \
        }                                                      \
    } while (0)

/* The same for interrupt handlers. */
#define ESP_RETURN_ON_ERROR_ISR ESP_RETURN_ON_ERROR
#define ESP_RETURN_VOID_ON_ERROR_ISR ESP_RETURN_VOID_ON_ERROR
#define ESP_GOTO_ON_ERROR_ISR ESP_GOTO_ON_ERROR
#define ESP_RETURN_ON_FALSE_ISR ESP_RETURN_ON_FALSE
#define ESP_RETURN_VOID_ON_FALSE_ISR ESP_RETURN_VOID_ON_FALSE
#define ESP_GOTO_ON_FALSE_ISR ESP_GOTO_ON_FALSE

#endif

#endif
