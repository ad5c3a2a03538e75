/* Output of failed checks, and their replacement for a C library.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "check.h"

#include "esp_heap_caps.h"
#include "platform.h"

unsigned failures;

void print(const char *text)
{
    size_t length = 0;
    while (text[length] != 0) {
        length++;
    }
    platform_write(text, length);
}

void print_number(uintptr_t number)
{
    char digits[24];
    size_t first = sizeof digits;
    do {
        first--;
        digits[first] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    platform_write(digits + first, sizeof digits - first);
}

static void complain(const char *file, int line, const char *what)
{
    failures++;
    print(file);
    print(":");
    print_number((uintptr_t)line);
    print(": not true: ");
    print(what);
}

bool check_that(bool condition, const char *file, int line, const char *what)
{
    if (!condition) {
        complain(file, line, what);
        print("\n");
    }
    return condition;
}

bool check_equal(uintptr_t left, uintptr_t right, const char *file, int line, const char *what)
{
    if (left != right) {
        complain(file, line, what);
        print(": ");
        print_number(left);
        print(" and ");
        print_number(right);
        print("\n");
    }
    return left == right;
}

static bool begins(const char *text, const char *start)
{
    while (*start != 0 && *text == *start) {
        text++;
        start++;
    }
    return *start == 0;
}

bool check_contains(const char *text, const char *part, const char *file, int line)
{
    const char *place = text;
    while (!begins(place, part)) {
        if (*place == 0) {
            complain(file, line, part);
            print(" in this text:\n");
            print(text);
            print("\n");
            return false;
        }
        place++;
    }
    return true;
}

unsigned lines_that_begin(const char *text, const char *start)
{
    unsigned lines = 0;
    bool at_start = true;
    for (; *text != 0; text++) {
        lines += at_start && begins(text, start);
        at_start = *text == '\n';
    }
    return lines;
}

/* The value of a hexadecimal digit; 16 of any other letter. */
static unsigned digit(char letter)
{
    if (letter >= '0' && letter <= '9') {
        return (unsigned)(letter - '0');
    }
    letter = (char)(letter | 0x20);
    return letter >= 'a' && letter <= 'f' ? (unsigned)(letter - 'a') + 10 : 16;
}

uintptr_t number_behind(const char *text, const char *label)
{
    uintptr_t number = 0;
    while (!begins(text, label)) {
        if (*text == 0) {
            return 0;
        }
        text++;
    }
    for (; *label != 0; label++) {
        text++;
    }
    for (; digit(*text) < 16; text++) {
        number = number * 16 + digit(*text);
    }
    return number;
}

bool same_text(const char *left, const char *right)
{
    return begins(left, right) && begins(right, left);
}

/* -- What the library prints ------------------------------------------------------------------- */

static char captured[16384];
static size_t captured_length;

static void keep(const char *text, size_t length)
{
    size_t index;
    for (index = 0; index < length && captured_length + 1 < sizeof captured; index++) {
        captured[captured_length++] = text[index];
    }
}

void capture_start(void)
{
    captured_length = 0;
    heap_caps_set_console(keep);
}

const char *capture_stop(void)
{
    heap_caps_set_console(platform_write);
    captured[captured_length] = 0;
    return captured;
}

/* -- Bytes ------------------------------------------------------------------------------------- */

void fill(void *place, int byte, size_t length)
{
    volatile unsigned char *bytes = (volatile unsigned char *)place;
    while (length > 0) {
        length--;
        bytes[length] = (unsigned char)byte;
    }
}

bool is_filled(const void *place, int byte, size_t length)
{
    const volatile unsigned char *bytes = (const volatile unsigned char *)place;
    while (length > 0) {
        length--;
        if (bytes[length] != (unsigned char)byte) {
            return false;
        }
    }
    return true;
}

uint32_t random_below(uint32_t limit)
{
    static uint32_t state = 2463534242u;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % limit;
}
