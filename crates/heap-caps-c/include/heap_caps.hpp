/* Memory by capability for C++: allocators, a memory resource, operator new that may fail, unique pointers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *      std::vector<uint8_t, heap_caps::allocator<uint8_t, MALLOC_CAP_SPIRAM>> frame(64 * 1024);
 *
 *      heap_caps::memory_resource dma(MALLOC_CAP_DMA);                              C++17
 *      std::pmr::vector<uint8_t> packet(1500, &dma);
 *
 *      auto *state = new (heap_caps::in(MALLOC_CAP_INTERNAL), std::nothrow) State;   nullptr without memory
 *      heap_caps::destroy(state);
 *
 *      auto buffer = heap_caps::make_unique<Buffer>(MALLOC_CAP_SPIRAM, 4096);        empty without memory
 *
 * C++11 and later. Alignments of types are kept. Where a container must have memory and there is none, std::bad_alloc is thrown; without
 * exceptions the program ends.
 */
#ifndef HEAP_CAPS_HPP
#define HEAP_CAPS_HPP

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#if defined(__cplusplus) && __cplusplus >= 201703L && defined(__has_include)
#if __has_include(<memory_resource>)
#include <memory_resource>
#define HEAP_CAPS_HAS_MEMORY_RESOURCE 1
#endif
#endif

#include "esp_heap_caps.h"

namespace heap_caps {

/* -- Blocks --------------------------------------------------------------------------------------------------------------------- */

/* `size` bytes at a multiple of `alignment`, a power of two, in memory with `caps`; nullptr if there is none. A size of 0 is one byte:
 * C++ wants a pointer of its own. */
inline void *allocate(std::size_t size, std::size_t alignment, std::uint32_t caps) noexcept
{
    size = size == 0 ? 1 : size;
    return alignment <= 4 ? heap_caps_malloc(size, caps) : heap_caps_aligned_alloc(alignment, size, caps);
}

/* What a container does that must have memory and gets none. */
[[noreturn]] inline void out_of_memory()
{
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
    throw std::bad_alloc();
#else
    std::abort();
#endif
}

/* -- A standard allocator -------------------------------------------------------------------------------------------------------- */

/* For containers whose memory shall have `Caps`. All of them are equal: any frees what any other allocated. */
template <typename T, std::uint32_t Caps>
class allocator {
public:
    using value_type = T;
    using is_always_equal = std::true_type;
    using propagate_on_container_move_assignment = std::true_type;
    template <typename U>
    struct rebind {
        using other = allocator<U, Caps>;
    };

    allocator() noexcept = default;
    template <typename U>
    allocator(const allocator<U, Caps> &) noexcept
    {
    }

    T *allocate(std::size_t n)
    {
        void *block = nullptr;
        if (n <= static_cast<std::size_t>(-1) / sizeof(T)) {
            block = heap_caps::allocate(n * sizeof(T), alignof(T), Caps);
        }
        if (block == nullptr) {
            out_of_memory();
        }
        return static_cast<T *>(block);
    }

    void deallocate(T *block, std::size_t) noexcept
    {
        heap_caps_free(block);
    }
};

template <typename T, typename U, std::uint32_t Caps>
bool operator==(const allocator<T, Caps> &, const allocator<U, Caps> &) noexcept
{
    return true;
}

template <typename T, typename U, std::uint32_t Caps>
bool operator!=(const allocator<T, Caps> &, const allocator<U, Caps> &) noexcept
{
    return false;
}

/* -- A memory resource ----------------------------------------------------------------------------------------------------------- */

#ifdef HEAP_CAPS_HAS_MEMORY_RESOURCE
/* For polymorphic containers: capabilities are chosen at run time. */
class memory_resource : public std::pmr::memory_resource {
public:
    explicit memory_resource(std::uint32_t caps) noexcept : caps_(caps)
    {
    }

    std::uint32_t caps() const noexcept
    {
        return caps_;
    }

private:
    void *do_allocate(std::size_t size, std::size_t alignment) override
    {
        void *block = heap_caps::allocate(size, alignment, caps_);
        if (block == nullptr) {
            out_of_memory();
        }
        return block;
    }

    void do_deallocate(void *block, std::size_t, std::size_t) override
    {
        heap_caps_free(block);
    }

    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override
    {
        return this == &other;
    }

    std::uint32_t caps_;
};
#endif

/* -- Single objects -------------------------------------------------------------------------------------------------------------- */

/* Where `new` shall take its memory: new (heap_caps::in(MALLOC_CAP_DMA), std::nothrow) T. */
struct in {
    explicit in(std::uint32_t wanted) noexcept : caps(wanted)
    {
    }
    std::uint32_t caps;
};

/* Destroys and frees what such a `new` made; nullptr is ignored. (`delete` would ask the C++ library, which may have another heap.) */
template <typename T>
void destroy(T *object) noexcept
{
    if (object != nullptr) {
        object->~T();
        heap_caps_free(object);
    }
}

/* The same for unique pointers. */
struct deleter {
    template <typename T>
    void operator()(T *object) const noexcept
    {
        destroy(object);
    }
};

/* The same for arrays, which know how many elements they have. */
template <typename T>
struct array_deleter {
    std::size_t length = 0;
    void operator()(T *first) const noexcept
    {
        for (std::size_t left = length; left > 0; left--) {
            first[left - 1].~T();
        }
        heap_caps_free(first);
    }
};

template <typename T>
using unique_ptr = std::unique_ptr<T, deleter>;
template <typename T>
using unique_array = std::unique_ptr<T[], array_deleter<T>>;

} // namespace heap_caps

inline void *operator new(std::size_t size, const heap_caps::in &where, const std::nothrow_t &) noexcept
{
    return heap_caps::allocate(size, alignof(std::max_align_t), where.caps);
}

inline void *operator new[](std::size_t size, const heap_caps::in &where, const std::nothrow_t &) noexcept
{
    return heap_caps::allocate(size, alignof(std::max_align_t), where.caps);
}

/* The compiler calls these where a constructor throws. */
inline void operator delete(void *block, const heap_caps::in &, const std::nothrow_t &) noexcept
{
    heap_caps_free(block);
}

inline void operator delete[](void *block, const heap_caps::in &, const std::nothrow_t &) noexcept
{
    heap_caps_free(block);
}

#if defined(__cpp_aligned_new)
inline void *operator new(std::size_t size, std::align_val_t alignment, const heap_caps::in &where, const std::nothrow_t &) noexcept
{
    return heap_caps::allocate(size, static_cast<std::size_t>(alignment), where.caps);
}

inline void operator delete(void *block, std::align_val_t, const heap_caps::in &, const std::nothrow_t &) noexcept
{
    heap_caps_free(block);
}
#endif

namespace heap_caps {

/* An object in memory with `caps`; empty if there is no memory. */
template <typename T, typename... Arguments>
unique_ptr<T> make_unique(std::uint32_t caps, Arguments &&...arguments)
{
    static_assert(!std::is_array<T>::value, "make_unique_array() makes arrays");
    struct guard {
        void *block;
        ~guard()
        {
            heap_caps_free(block);
        }
    } held = {allocate(sizeof(T), alignof(T), caps)};
    if (held.block == nullptr) {
        return unique_ptr<T>();
    }
    T *object = ::new (held.block) T(std::forward<Arguments>(arguments)...);
    held.block = nullptr;
    return unique_ptr<T>(object);
}

/* `length` elements, each made without arguments; empty if there is no memory, or if there are too many of them. */
template <typename T>
unique_array<T> make_unique_array(std::uint32_t caps, std::size_t length)
{
    if (length > static_cast<std::size_t>(-1) / sizeof(T)) {
        return unique_array<T>();
    }
    T *first = static_cast<T *>(allocate(length * sizeof(T), alignof(T), caps));
    array_deleter<T> made;
    unique_array<T> array(first, made);
    for (; first != nullptr && array.get_deleter().length < length; array.get_deleter().length++) {
        ::new (static_cast<void *>(first + array.get_deleter().length)) T();
    }
    return array;
}

} // namespace heap_caps

#endif
