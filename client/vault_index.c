/*
 * vault_index.c - see history.h: the index of words. FTS5 without the texts themselves, by the number of the line.
 *
 * Nothing is indexed when it comes: a search first takes in what is new, and so does whoever has time for it. So it
 * costs who searches, and one piece of code serves both places where it can be: in the file, and, for a locked
 * store, among the temporary tables in memory, which stand before those of the file when a name is looked up.
 */
#include <ctype.h>
#include <string.h>

#include "client.h"
#include "vault_sqlite.h"

enum { INDEX_AT_ONCE = 5000 }; /* lines in one transaction */

static int make_index(struct sqlite *q)
{
    static const char in_file[] =
        "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text, content='', tokenize='unicode61 remove_diacritics 2');"
        "CREATE TABLE IF NOT EXISTS words_upto(line INTEGER NOT NULL);"
        "INSERT INTO words_upto SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM words_upto);";
    static const char in_memory[] =
        "CREATE VIRTUAL TABLE temp.words USING fts5(text, content='', tokenize='unicode61 remove_diacritics 2');"
        "CREATE TEMP TABLE words_upto(line INTEGER NOT NULL);"
        "INSERT INTO words_upto VALUES(0);";
    if (sqlite3_exec(q->db, q->sealed ? in_memory : in_file, NULL, NULL, NULL)) return sql_failed(q);
    q->indexed = true;
    return 0;
}

/* The text of a line, empty when it has none. */
static struct slice text_of_line(struct sqlite *q)
{
    uint8_t form;
    struct slice text;
    enum vault_how how = (enum vault_how)sql_column(q, SQL_LINE_TEXT, 1);
    bool has = how == VAULT_PLAIN || how == VAULT_SEALED;
    if (has && client_body(sql_bytes(q, SQL_LINE_TEXT, 2), &form, &text)) return text;
    return (struct slice){(const uint8_t *)"", 0};
}

/* Takes in at most n lines: 1 there are more, 0, -1. */
static int take_in(struct sqlite *q, unsigned n)
{
    uint64_t upto, before;
    int r = sql_one(q, SQL_INDEX_UPTO, &upto);
    for (before = upto; r >= 0 && n > 0; n--) {
        r = sql_run(q, SQL_LINE_TEXT, "i", upto);
        if (r <= 0) break;
        struct slice text = text_of_line(q);
        upto = sql_column(q, SQL_LINE_TEXT, 0);
        if (text.len) r = sql_run(q, SQL_INDEX_ADD, "it", upto, text);
        sql_done(q, SQL_LINE_TEXT);
        if (r >= 0) r = 1;
    }
    if (r >= 0 && upto > before && sql_run(q, SQL_INDEX_SET, "i", upto) < 0) return -1;
    return r;
}

int history_index(struct vault *s, unsigned n)
{
    struct sqlite *q = sqlite_or_null(s);
    if (!q) return 0;
    if (vault_begin(s) < 0) return -1;
    int r = q->indexed ? 0 : make_index(q);
    if (r == 0) r = take_in(q, n);
    if (r < 0) q->indexed = false;
    return vault_finish(s, r);
}

/*
 * What FTS5 is asked: each word in quotes of its own, so that nothing of it is syntax, and open at its end; words in
 * quotes follow each other.
 */
static void put_query(const char *words, struct buf *out)
{
    while (*words) {
        bool phrase = *words == '"';
        words += phrase;
        size_t n = phrase ? strcspn(words, "\"") : strcspn(words, " \t\"");
        if (n) {
            buf_put(out, "\"", 1);
            buf_put(out, words, n);
            buf_put(out, phrase ? "\" " : "\"* ", phrase ? 2 : 3);
        }
        words += n;
        words += strspn(words, phrase ? "\" \t" : " \t");
    }
}

int history_find(struct vault *s, const struct history_query *query, uint64_t before, struct history_line *out)
{
    struct sqlite *q = sqlite_or_null(s);
    struct buf match = {0};
    const char *with = query->with ? query->with : "";
    uint64_t upto = before > INT64_MAX ? INT64_MAX : before;
    int r = 0;
    if (!q) return 0;
    put_query(query->words, &match);
    if (buf_len(&match) == 0) return 0;
    do {
        r = before == UINT64_MAX || !q->indexed ? history_index(s, INDEX_AT_ONCE) : 0;
    } while (r > 0);
    if (r == 0)
        r = sql_run(q, SQL_LINE_FIND, "titi", (struct slice){buf_head(&match), buf_len(&match)}, upto,
                    (struct slice){(const uint8_t *)with, strlen(with)}, query->since_ms);
    if (r > 0) history_take(q, SQL_LINE_FIND, out);
    buf_free(&match);
    return r;
}
