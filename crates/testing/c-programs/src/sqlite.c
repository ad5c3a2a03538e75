/* SQLite on memory of choice, by its own memory methods: a table, an index, updates, joins, a
 * vacuum, an integrity check.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"
#include "sqlite3.h"

static void *take(int size)
{
    return memory_malloc((size_t)size);
}

static void *resize(void *block, int size)
{
    return memory_realloc(block, (size_t)size);
}

static int size_of(void *block)
{
    return block == NULL ? 0 : (int)memory_size(block);
}

static int rounded(int size)
{
    return (size + 7) & ~7;
}

static int nothing(void *data)
{
    (void)data;
    return SQLITE_OK;
}

static void nothing_more(void *data)
{
    (void)data;
}

static int print_row(void *data, int columns, char **values, char **names)
{
    int column;
    (void)data, (void)names;
    for (column = 0; column < columns; column++) {
        printf("%s%s", column == 0 ? "" : "|", values[column] == NULL ? "" : values[column]);
    }
    printf("\n");
    return 0;
}

static void run(sqlite3 *database, const char *statement)
{
    char *error = NULL;
    if (sqlite3_exec(database, statement, print_row, NULL, &error) != SQLITE_OK) {
        printf("%s: %s\n", statement, error);
        exit(1);
    }
}

int main(int count, char **words)
{
    const sqlite3_mem_methods methods = {take,    memory_free, resize,       size_of,
                                         rounded, nothing,     nothing_more, NULL};
    sqlite3 *database;
    memory_choose(count, words, 6 << 20);
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK
        || sqlite3_open(":memory:", &database) != SQLITE_OK) {
        return 1;
    }
    run(database,
        "CREATE TABLE reading(id INTEGER PRIMARY KEY, sensor TEXT, value REAL, note TEXT);"
        "BEGIN;"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000)"
        " INSERT INTO reading SELECT i, 'sensor' || (i * 7919 % 97), (i * 104729 % 10007) / 8.0,"
        " substr('a note of some length that differs from row to row', 1, 1 + i % 50) FROM n;"
        "COMMIT; CREATE INDEX by_sensor ON reading(sensor, value);");
    run(database,
        "SELECT count(*), sum(value), max(length(note)) FROM reading;"
        "SELECT sensor, count(*), avg(value) FROM reading GROUP BY sensor ORDER BY 3 DESC LIMIT 5;"
        "UPDATE reading SET note = note || '!' || id WHERE id % 3 = 0;"
        "DELETE FROM reading WHERE id % 5 = 0;"
        "SELECT a.sensor, count(*) FROM reading a JOIN reading b ON a.sensor = b.sensor AND a.id < "
        "b.id"
        " AND b.id < a.id + 300 GROUP BY a.sensor ORDER BY 2 DESC, 1 LIMIT 5;"
        "SELECT group_concat(note, ',') FROM (SELECT note FROM reading WHERE id % 701 = 0 ORDER BY "
        "id);"
        "VACUUM; PRAGMA integrity_check;");
    if (sqlite3_close(database) != SQLITE_OK || sqlite3_shutdown() != SQLITE_OK) {
        return 1;
    }
    return memory_end();
}
