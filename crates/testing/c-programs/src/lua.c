/* Lua on memory of choice, by its allocator callback: tables, strings, closures, coroutines,
 * collections, a refused allocation.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"
#include "memory.h"

static void *allocate(void *data, void *block, size_t old_size, size_t size)
{
    (void)data, (void)old_size;
    if (size == 0) {
        if (block != NULL) {
            memory_free(block);
        }
        return NULL;
    }
    return block == NULL ? memory_malloc(size) : memory_realloc(block, size);
}

static const char script[] =
    "local words, counts = {}, {}\n"
    "local seed = 12345\n"
    "local function random(limit) seed = (seed * 1103515245 + 12345) % 2147483648; return seed // "
    "65536 % limit end\n"
    "for i = 1, 20000 do\n"
    "  local word = string.char(97 + random(26), 97 + random(26)) .. random(50)\n"
    "  words[#words + 1] = word; counts[word] = (counts[word] or 0) + 1\n"
    "end\n"
    "table.sort(words)\n"
    "print(#words, words[1], words[10000], words[20000])\n"
    "local keys = {}\n"
    "for word in pairs(counts) do keys[#keys + 1] = word end\n"
    "table.sort(keys, function(a, b) return counts[a] == counts[b] and a < b or counts[a] > "
    "counts[b] end)\n"
    "for i = 1, 5 do print(keys[i], counts[keys[i]]) end\n"
    "local producer = coroutine.wrap(function() for i = 1, 1000 do coroutine.yield(('x'):rep(i % "
    "97) .. i) end end)\n"
    "local joined = {}\n"
    "for i = 1, 1000 do joined[i] = producer() end\n"
    "print(#table.concat(joined, ';'))\n"
    "local function make(i) return function() return i * 2 end end\n"
    "local sum = 0\n"
    "for i = 1, 30000 do sum = sum + make(i)() end\n"
    "print(sum)\n"
    "print((('the quick brown fox '):rep(200):gsub('%w+', string.upper)):sub(-21))\n"
    "collectgarbage()\n"
    "print(collectgarbage('count') > 0)\n";

int main(int count, char **words)
{
    lua_State *state;
    memory_choose(count, words, 12 << 20);
    state = lua_newstate(allocate, NULL);
    if (state == NULL) {
        return 1;
    }
    luaL_openlibs(state);
    if (luaL_dostring(state, script) != LUA_OK) {
        printf("%s\n", lua_tostring(state, -1));
        return 1;
    }
    lua_close(state);
    return memory_end();
}
