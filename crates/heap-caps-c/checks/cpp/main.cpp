/* The heap from C++: containers, polymorphic containers, `new` that may fail, unique pointers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A program of its own, for C++11 and later, with and without exceptions.
 */
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "esp_heap_caps_init.h"
#include "heap_caps.hpp"

namespace {

uint32_t internal[4096], external[8192];
unsigned failures;
int alive;

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            failures++;                                                         \
            std::printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
        }                                                                       \
    } while (0)

template <typename T>
bool is_external(const T *pointer)
{
    return reinterpret_cast<uintptr_t>(pointer) - reinterpret_cast<uintptr_t>(external) < sizeof external;
}

size_t used()
{
    multi_heap_info_t info;
    heap_caps_get_info(&info, 0);
    return info.allocated_blocks;
}

struct counted {
    explicit counted(int value = 7) : value(value)
    {
        alive++;
    }
    ~counted()
    {
        alive--;
    }
    int value;
};

struct alignas(64) line {
    unsigned char bytes[64];
};

struct huge {
    unsigned char bytes[1 << 20];
};

void containers_lie_in_memory_with_their_capabilities()
{
    std::vector<uint32_t, heap_caps::allocator<uint32_t, MALLOC_CAP_SPIRAM>> numbers;
    for (uint32_t number = 0; number < 500; number++) {
        numbers.push_back(number);
    }
    CHECK(is_external(numbers.data()) && numbers[499] == 499);
    std::map<int, int, std::less<int>, heap_caps::allocator<std::pair<const int, int>, MALLOC_CAP_INTERNAL>> squares;
    for (int number = 0; number < 50; number++) {
        squares[number] = number * number;
    }
    CHECK(squares[7] == 49 && !is_external(&squares[7]));
    std::vector<line, heap_caps::allocator<line, MALLOC_CAP_SPIRAM>> lines(3);
    CHECK(reinterpret_cast<uintptr_t>(lines.data()) % 64 == 0);
    auto moved = std::move(numbers);
    CHECK(moved.size() == 500 && moved.get_allocator() == numbers.get_allocator());
}

#ifdef HEAP_CAPS_HAS_MEMORY_RESOURCE
void polymorphic_containers_choose_at_run_time()
{
    heap_caps::memory_resource outside(MALLOC_CAP_SPIRAM), inside(MALLOC_CAP_INTERNAL);
    std::pmr::vector<int> numbers(100, 5, &outside);
    std::pmr::string text("a text that is longer than what fits into the object", &inside);
    CHECK(is_external(numbers.data()) && !is_external(text.data()));
    CHECK(outside == outside && outside != inside);
}
#endif

void new_may_fail()
{
    auto *object = new (heap_caps::in(MALLOC_CAP_SPIRAM), std::nothrow) counted(3);
    CHECK(object != nullptr && is_external(object) && object->value == 3 && alive == 1);
    heap_caps::destroy(object);
    CHECK(alive == 0);
    CHECK((new (heap_caps::in(MALLOC_CAP_SPIRAM), std::nothrow) huge) == nullptr);
    CHECK((new (heap_caps::in(MALLOC_CAP_RETENTION), std::nothrow) counted) == nullptr && alive == 0);
    heap_caps::destroy(static_cast<counted *>(nullptr));
}

void unique_pointers_are_empty_without_memory()
{
    auto one = heap_caps::make_unique<counted>(MALLOC_CAP_INTERNAL, 9);
    CHECK(one && one->value == 9 && alive == 1);
    CHECK(!heap_caps::make_unique<huge>(MALLOC_CAP_SPIRAM));
    auto many = heap_caps::make_unique_array<counted>(MALLOC_CAP_SPIRAM, 20);
    CHECK(many && is_external(many.get()) && many[19].value == 7 && alive == 21);
    CHECK(!heap_caps::make_unique_array<counted>(MALLOC_CAP_SPIRAM, static_cast<size_t>(-1) / 2));
    auto aligned = heap_caps::make_unique<line>(MALLOC_CAP_INTERNAL);
    CHECK(reinterpret_cast<uintptr_t>(aligned.get()) % 64 == 0);
    one.reset();
    many.reset();
    CHECK(alive == 0);
}

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
struct thrower {
    thrower()
    {
        throw 5;
    }
};

void what_throws_leaves_no_block()
{
    bool was_told = false;
    size_t before = used();
    try {
        std::vector<huge, heap_caps::allocator<huge, MALLOC_CAP_SPIRAM>> many(3);
    } catch (const std::bad_alloc &) {
        was_told = true;
    }
    CHECK(was_told);
    try {
        heap_caps::make_unique<thrower>(MALLOC_CAP_SPIRAM);
        CHECK(false);
    } catch (int) {
    }
    try {
        (void)new (heap_caps::in(MALLOC_CAP_SPIRAM), std::nothrow) thrower;
        CHECK(false);
    } catch (int) {
    }
    CHECK(used() == before);
}
#endif

void run(const char *name, void (*check)())
{
    unsigned before = failures;
    check();
    CHECK(used() == 0 && heap_caps_check_integrity_all(true));
    std::printf("%s%s\n", failures == before ? "ok      " : "FAILED  ", name);
}

} // namespace

int main()
{
    const uint32_t inside[3] = {MALLOC_CAP_8BIT | MALLOC_CAP_DEFAULT, MALLOC_CAP_INTERNAL | MALLOC_CAP_32BIT, 0};
    const uint32_t outside[3] = {MALLOC_CAP_SPIRAM, MALLOC_CAP_8BIT | MALLOC_CAP_32BIT, 0};
    auto add = [](const uint32_t *caps, const uint32_t *start, size_t size) {
        intptr_t first = reinterpret_cast<intptr_t>(start);
        ESP_ERROR_CHECK(heap_caps_add_region_with_caps(caps, first, first + static_cast<intptr_t>(size)));
    };
    add(inside, internal, sizeof internal);
    add(outside, external, sizeof external);
    run("containers_lie_in_memory_with_their_capabilities", containers_lie_in_memory_with_their_capabilities);
#ifdef HEAP_CAPS_HAS_MEMORY_RESOURCE
    run("polymorphic_containers_choose_at_run_time", polymorphic_containers_choose_at_run_time);
#endif
    run("new_may_fail", new_may_fail);
    run("unique_pointers_are_empty_without_memory", unique_pointers_are_empty_without_memory);
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
    run("what_throws_leaves_no_block", what_throws_leaves_no_block);
#endif
    return failures == 0 ? 0 : 1;
}
