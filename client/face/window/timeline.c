/* timeline.c - see timeline.h. */
#include "timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "log.h"

enum { SENT_LOOK_BACK = 4096 };

void timeline_init(struct timeline *t)
{
    *t = (struct timeline){.unread = INT64_MAX};
}

void entry_free(struct entry *e)
{
    if (!e) return;
    free(e->text);
    free(e->note);
    free(e->joined);
    free(e->left);
    free(e->gap);
    free(e);
}

void timeline_clear(struct timeline *t)
{
    for (size_t i = 0; i < t->n; i++)
        entry_free(t->entry[i]);
    t->first += (int64_t)t->n;
    t->n = 0;
    t->scrolled = false;
    t->unread = INT64_MAX;
}

void timeline_free(struct timeline *t)
{
    timeline_clear(t);
    free(t->entry);
    *t = (struct timeline){0};
}

static char *copy(const char *text)
{
    size_t n = strlen(text) + 1;
    return memcpy(xcalloc(1, n), text, n);
}

struct entry *entry_new(enum entry_kind kind, const char *from, const char *text, uint64_t time_ms)
{
    struct entry *e = xcalloc(1, sizeof *e);
    e->kind = kind;
    e->time_ms = time_ms;
    e->text = copy(text);
    snprintf(e->from, sizeof e->from, "%s", from);
    return e;
}

void entry_note(struct entry *e, const char *note)
{
    free(e->note);
    e->note = note[0] ? copy(note) : NULL;
}

void entry_text(struct entry *e, const char *text)
{
    free(e->text);
    e->text = copy(text);
}

void entry_gap(struct entry *e, const struct gap *gap)
{
    free(e->gap);
    e->gap = xcalloc(1, sizeof *e->gap);
    *e->gap = *gap;
}

/* Makes room for n more. */
static void grow(struct timeline *t, size_t n)
{
    if (t->n + n <= t->cap) return;
    size_t cap = (t->n + n) * 3 / 2 + 64;
    struct entry **bigger = xcalloc(cap, sizeof *bigger);
    if (t->n) memcpy(bigger, t->entry, t->n * sizeof *bigger);
    free(t->entry);
    t->entry = bigger;
    t->cap = cap;
}

/* The oldest quarter goes. */
static void shed(struct timeline *t)
{
    size_t gone = t->n / 4;
    for (size_t i = 0; i < gone; i++)
        entry_free(t->entry[i]);
    memmove(t->entry, t->entry + gone, (t->n - gone) * sizeof *t->entry);
    t->n -= gone;
    t->first += (int64_t)gone;
    t->complete = false;
    t->shed = true;
    if (t->unread < t->first) t->unread = t->first;
    if (t->scrolled && t->bottom < t->first) t->bottom = t->first;
}

void timeline_add(struct timeline *t, struct entry *e)
{
    if (t->n >= TIMELINE_MAX) shed(t);
    grow(t, 1);
    t->entry[t->n++] = e;
}

void timeline_add_older(struct timeline *t, struct entry **older, size_t n)
{
    if (n == 0) return;
    grow(t, n);
    memmove(t->entry + n, t->entry, t->n * sizeof *t->entry);
    memcpy(t->entry, older, n * sizeof *older);
    t->n += n;
    t->first -= (int64_t)n;
}

void timeline_fill(struct timeline *t, int64_t id, struct entry **found, size_t n)
{
    size_t i = (size_t)(id - t->first);
    int64_t more = (int64_t)n - 1;
    entry_free(t->entry[i]);
    grow(t, n);
    memmove(t->entry + i + n, t->entry + i + 1, (t->n - i - 1) * sizeof *t->entry);
    memcpy(t->entry + i, found, n * sizeof *found);
    t->n += n - 1;
    t->first -= more;
    if (t->unread < id) t->unread -= more;
    if (t->scrolled && t->bottom < id) t->bottom -= more;
}

int64_t timeline_end(const struct timeline *t)
{
    return t->first + (int64_t)t->n;
}

struct entry *timeline_get(const struct timeline *t, int64_t id)
{
    return id >= t->first && id < timeline_end(t) ? t->entry[id - t->first] : NULL;
}

struct entry *timeline_sent(const struct timeline *t, uint64_t sent, int64_t *id)
{
    for (size_t i = t->n; sent && i-- > 0 && t->n - i <= SENT_LOOK_BACK;)
        if (t->entry[i]->sent == sent) {
            *id = t->first + (int64_t)i;
            return t->entry[i];
        }
    return NULL;
}

bool timeline_place(struct timeline *t, uint64_t sent, uint64_t number, uint64_t time_ms)
{
    int64_t id;
    struct entry *e = timeline_sent(t, sent, &id);
    if (!e) return false;
    size_t i = (size_t)(id - t->first);
    memmove(t->entry + i, t->entry + i + 1, (t->n - i - 1) * sizeof *t->entry);
    t->entry[t->n - 1] = e;
    if (t->unread != INT64_MAX && t->unread > id) t->unread--;
    if (t->scrolled && t->bottom > id) t->bottom--;
    e->number = number;
    e->time_ms = time_ms;
    return true;
}

/* --- who came and went --- */

static void fold_add(struct fold **f, const char *name, unsigned more)
{
    if (!*f) *f = xcalloc(1, sizeof **f);
    if (name[0] && (*f)->n < FOLD_NAMES) snprintf((*f)->name[(*f)->n], NAME_SIZE, "%s", name);
    (*f)->n += (name[0] != '\0') + more;
}

static void put(struct buf *out, const char *text)
{
    buf_put(out, text, strlen(text));
}

/* "bob, carol and 6 more joined" */
static void put_fold(struct buf *out, const struct fold *f, const char *verb)
{
    char more[32];
    unsigned named = f->n < FOLD_NAMES ? f->n : FOLD_NAMES;
    while (named && !f->name[named - 1][0])
        named--;
    for (unsigned i = 0; i < named; i++) {
        put(out, i ? ", " : "");
        put(out, f->name[i]);
    }
    snprintf(more, sizeof more, named ? " and %u more" : "%u people", f->n - named);
    if (f->n > named) put(out, more);
    put(out, verb);
}

static void fold_words(struct entry *e)
{
    struct buf b = {0};
    if (e->joined) put_fold(&b, e->joined, " joined");
    if (e->joined && e->left) put(&b, "; ");
    if (e->left) put_fold(&b, e->left, " left");
    buf_put_u8(&b, 0);
    free(e->text);
    e->text = copy((const char *)buf_head(&b));
    buf_free(&b);
    snprintf(e->from, sizeof e->from, "%s", e->joined ? "-->" : "<--");
}

void timeline_presence(struct timeline *t, bool came, const char *name, unsigned more, uint64_t time_ms)
{
    struct entry *e = t->n ? t->entry[t->n - 1] : NULL;
    if (!e || e->kind != ENTRY_PRESENCE) {
        e = entry_new(ENTRY_PRESENCE, "", "", time_ms);
        timeline_add(t, e);
    }
    fold_add(came ? &e->joined : &e->left, name, more);
    fold_words(e);
}

/* --- what was read --- */

void timeline_mark_read(struct timeline *t)
{
    t->unread = INT64_MAX;
}

void timeline_mark_unread(struct timeline *t)
{
    if (t->unread == INT64_MAX) t->unread = timeline_end(t);
}

static bool is_message(const struct entry *e)
{
    return e->kind == ENTRY_SAYS || e->kind == ENTRY_ACTS;
}

size_t timeline_unread(const struct timeline *t)
{
    size_t count = 0;
    if (t->unread == INT64_MAX) return 0;
    for (int64_t id = t->unread; id < timeline_end(t); id++) {
        const struct entry *e = timeline_get(t, id);
        count += e && is_message(e) && !e->own;
    }
    return count;
}

/* --- searching --- */

static bool holds(const struct entry *e, const char *text)
{
    return strcasestr(e->text, text) || (is_message(e) && strcasestr(e->from, text));
}

int64_t timeline_find(const struct timeline *t, const char *text, int64_t *from, size_t most)
{
    for (; most && timeline_get(t, *from); most--, --*from)
        if (holds(timeline_get(t, *from), text)) return *from;
    return INT64_MAX;
}
