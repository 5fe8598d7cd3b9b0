/* completion.c - see completion.h: from usages to places. The scripts are made in completion_scripts.c. */
#include "completion.h"

#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "log.h"
#include "report.h"
#include "verbs.h"

static struct completion *row_of(struct completions *c, const char *verb, const char *sub, unsigned place,
                                 enum completion_kind kind)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->row[i].verb, verb) == 0 && strcmp(c->row[i].sub, sub) == 0 && c->row[i].place == place &&
            c->row[i].kind == kind)
            return &c->row[i];
    c->row = xrealloc(c->row, (c->n + 1) * sizeof *c->row);
    struct completion *row = &c->row[c->n++];
    *row = (struct completion){.verb = verb, .place = place, .kind = kind};
    snprintf(row->sub, sizeof row->sub, "%s", sub);
    return row;
}

static void put_word(struct buf *words, const char *word, size_t len)
{
    report_put(words, "%s%.*s", buf_len(words) ? " " : "", (int)len, word);
}

static void put_keys(struct buf *words)
{
    for (size_t i = 0; i < config_count; i++)
        put_word(words, config_table[i].key, strlen(config_table[i].key));
}

static void put_verbs(struct buf *words)
{
    for (const struct verb *v = verbs; v->name; v++)
        put_word(words, v->name, strlen(v->name));
}

static bool is(const char *word, size_t len, const char *what)
{
    return strlen(what) == len && memcmp(word, what, len) == 0;
}

static bool is_literal(const char *word, size_t len)
{
    return len && strspn(word, "abcdefghijklmnopqrstuvwxyz-") >= len && word[0] != '-';
}

/* One choice at a place: a word as it is, or what stands for others. */
static void take_choice(struct completions *c, const char *verb, const char *sub, unsigned place, const char *word, size_t len)
{
    static const char roles[] = "member assistant owner";
    static const char *const names[] = {"NAME", "#NAME", "USER", "TO", "ROOM", "PERSON"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is(word, len, names[i])) row_of(c, verb, sub, place, COMPLETION_NAMES);
    if (is_literal(word, len)) put_word(&row_of(c, verb, sub, place, COMPLETION_WORDS)->words, word, len);
    if (is(word, len, "FILE") || is(word, len, "PATH")) row_of(c, verb, sub, place, COMPLETION_FILES);
    if (is(word, len, "ROLE")) put_word(&row_of(c, verb, sub, place, COMPLETION_WORDS)->words, roles, strlen(roles));
    if (is(word, len, "KEY")) put_keys(&row_of(c, verb, sub, place, COMPLETION_WORDS)->words);
    if (is(word, len, "COMMAND")) put_verbs(&row_of(c, verb, sub, place, COMPLETION_WORDS)->words);
}

/* "keys verify NAME": each word behind the command, without the marks around it. */
static void read_form(struct completions *c, const char *verb, const char *form, size_t len)
{
    static const char marks[] = "[]'|";
    char sub[24] = "";
    const char *at = form + strcspn(form, " "), *end = form + len;
    for (unsigned place = 1; at < end; place++) {
        at += strspn(at, " ");
        size_t all = strcspn(at, " ");
        bool only = strcspn(at, marks) >= all && is_literal(at, all); /* a word that must stand here */
        for (size_t i = 0; i < all;) {
            i += strspn(at + i, marks);
            size_t n = strcspn(at + i, marks);
            if (i + n > all) n = i < all ? all - i : 0;
            if (n) take_choice(c, verb, sub, place, at + i, n);
            i += n ? n : 1;
        }
        if (place == 1 && only) snprintf(sub, sizeof sub, "%.*s", (int)all, at);
        at += all;
    }
}

void completion_read(struct completions *c, const char *verb, const char *usage)
{
    while (*usage) {
        const char *next = strstr(usage, " | ");
        size_t len = next ? (size_t)(next - usage) : strlen(usage);
        read_form(c, verb, usage, len);
        usage = next ? next + strlen(" | ") : usage + len;
    }
}

void completion_all(struct completions *c)
{
    for (const struct verb *v = verbs; v->name; v++)
        completion_read(c, v->name, v->usage);
}

bool completion_of_option(const char *option, const char *argument, enum completion_kind *kind, struct buf *words)
{
    const struct conf_key *k = config_find(option);
    *kind = COMPLETION_WORDS;
    for (const char *const *word = k && k->words ? k->words : NULL; word && *word; word++)
        put_word(words, *word, strlen(*word));
    if (buf_len(words)) return true;
    *kind = strcmp(argument, "ROOM") == 0 ? COMPLETION_NAMES : COMPLETION_FILES;
    return strcmp(argument, "ROOM") == 0 || strcmp(argument, "FILE") == 0 || strcmp(argument, "DIR") == 0;
}

void completions_free(struct completions *c)
{
    for (size_t i = 0; i < c->n; i++)
        buf_free(&c->row[i].words);
    free(c->row);
    *c = (struct completions){0};
}
