/* vault_values.c - values by kind, name and number in the SQLite store: see vault.h. */
#include <string.h>

#include "vault_sqlite.h"

int value_get(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number,
               struct buf *out)
{
    struct sqlite *q = sqlite_of(s);
    int r = sql_run(q, SQL_VALUE_GET, "iti", (uint64_t)kind, name, number);
    if (r <= 0) return r;
    struct slice value = sql_bytes(q, SQL_VALUE_GET, 0);
    buf_put(out, value.data, value.len);
    sql_done(q, SQL_VALUE_GET);
    return 1;
}

int value_put(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number,
               struct slice value)
{
    return sql_run(sqlite_of(s), SQL_VALUE_PUT, "itib", (uint64_t)kind, name, number, value);
}

int value_drop(struct vault *s, enum vault_kind kind, struct slice name, uint64_t number)
{
    return sql_run(sqlite_of(s), SQL_VALUE_DROP, "iti", (uint64_t)kind, name, number);
}

int value_forget(struct vault *s, enum vault_kind kind, struct slice name)
{
    struct sqlite *q = sqlite_of(s);
    if (name.len == 0) return sql_run(q, SQL_VALUE_FORGET_ALL, "i", (uint64_t)kind);
    return sql_run(q, SQL_VALUE_FORGET, "it", (uint64_t)kind, name);
}

int value_next(struct vault *s, enum vault_kind kind, char name[VAULT_NAME], uint64_t *number)
{
    struct sqlite *q = sqlite_of(s);
    const struct slice after = {(const uint8_t *)name, strlen(name)};
    struct slice found;
    int r = sql_run(q, SQL_VALUE_NEXT, "iti", (uint64_t)kind, after, *number);
    if (r <= 0) return r;
    sql_copy(q, SQL_VALUE_NEXT, 1, 1, &found);
    snprintf(name, VAULT_NAME, "%.*s", (int)found.len, (const char *)found.data);
    *number = sql_column(q, SQL_VALUE_NEXT, 0);
    sql_done(q, SQL_VALUE_NEXT);
    return 1;
}
