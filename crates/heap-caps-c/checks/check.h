/* The macros with which a check of the C side is written.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *      static void a_sentence(void) { CHECK(1 + 1 == 2); }
 *      const struct check numbers[] = {CASE(a_sentence), LAST_CASE};   + one line in groups.h
 *
 * Checks run on a host and on an emulated chip, which has no C library: they use nothing but what
 * is declared here, and the heap. Each begins with empty heaps (see memory.h) and ends with empty
 * heaps; main.c looks after that.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One check: a sentence, and what shows that it is true. */
struct check {
    const char *name;
    void (*run)(void);
};

#define CASE(function) {#function, function}
#define LAST_CASE {NULL, NULL}

/* Goes on after a failure, and counts it. */
#define CHECK(condition) check_that((condition), __FILE__, __LINE__, #condition)

/* The same for two numbers, which are printed if they differ. */
#define CHECK_EQUAL(left, right) \
    check_equal((uintptr_t)(left), (uintptr_t)(right), __FILE__, __LINE__, #left " == " #right)

/* The same for a text that must contain another. */
#define CHECK_CONTAINS(text, part) check_contains((text), (part), __FILE__, __LINE__)

bool check_that(bool condition, const char *file, int line, const char *what);
bool check_equal(uintptr_t left, uintptr_t right, const char *file, int line, const char *what);
bool check_contains(const char *text, const char *part, const char *file, int line);

/* What a check says that it leaves behind: faults that it provoked, heaps that it added, blocks in
 * which these lie. */
extern unsigned expected_faults;
extern unsigned further_heaps;
extern unsigned lasting_blocks;

/* What the library prints between the two calls. The text stays until the next start. */
void capture_start(void);
const char *capture_stop(void);

/* Lines of a text that begin with `start`. */
unsigned lines_that_begin(const char *text, const char *start);

/* The hexadecimal number behind the first `label` of a text; 0 if there is none. */
uintptr_t number_behind(const char *text, const char *label);

/* Bytes, as the C library has them. */
void fill(void *place, int byte, size_t length);
bool is_filled(const void *place, int byte, size_t length);
bool same_text(const char *left, const char *right);

/* A number of a sequence that is the same in every run: 0 up to limit - 1. */
uint32_t random_below(uint32_t limit);

/* Prints, wherever the program runs. */
void print(const char *text);
void print_number(uintptr_t number);

#endif
