/* moves.c - see moves.h. */
#include "moves.h"

#include <stdio.h>
#include <string.h>

#include "../../show.h"
#include "../report.h"
#include "../report_files.h"

enum { BAR = 10 };

static struct move *find(struct moves *m, uint64_t id)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->v[i].id == id) return &m->v[i];
    return NULL;
}

static struct move *begin(struct moves *m, const struct file_row *row)
{
    struct buf name = {0};
    if (m->n == MOVES_MAX) return NULL;
    struct move *x = &m->v[m->n++];
    *x = (struct move){.id = row->id, .own = row->own, .size = row->size};
    show_line(&name, row->name);
    snprintf(x->name, sizeof x->name, "%.*s", (int)buf_len(&name), buf_len(&name) ? (char *)buf_head(&name) : "");
    buf_free(&name);
    return x;
}

static void end(struct moves *m, struct move *x)
{
    size_t i = (size_t)(x - m->v);
    memmove(x, x + 1, (--m->n - i) * sizeof *x);
}

void moves_take(struct moves *m, const struct client_file_event *e, uint64_t now_ms)
{
    struct move *x = find(m, e->row->id);
    bool moves = e->what == CLIENT_FILE_MOVES;
    if (e->what == CLIENT_FILE_OFFERED) return; /* its first bytes are told of next */
    if (!moves && e->what != CLIENT_FILE_WAITS) {
        if (x) end(m, x);
        return;
    }
    if (!x) x = begin(m, e->row);
    if (!x) return;
    x->waits = !moves;
    if (!moves) return;
    x->done = e->done;
    x->size = e->size;
    progress_take(&x->progress, e, now_ms);
}

void moves_stall(struct moves *m)
{
    for (size_t i = 0; i < m->n; i++)
        m->v[i].waits = true;
}

void move_bar(const struct move *m, struct buf *out)
{
    if (m->size == FILE_SIZE_OPEN) {
        report_size(out, m->done);
        return;
    }
    unsigned percent = m->size ? (unsigned)((double)m->done * 100 / (double)m->size) : 0;
    unsigned full = percent * BAR / 100;
    report_put(out, "[%.*s%.*s] %3u%%", (int)full, "##########", (int)(BAR - full), "..........", percent);
}

void move_rate(const struct move *m, struct buf *out)
{
    double rate = m->progress.rate;
    if (m->waits) report_put(out, "waits");
    if (m->waits || rate <= 0) return;
    report_size(out, (uint64_t)rate);
    report_put(out, "/s");
    if (m->size == FILE_SIZE_OPEN) return;
    unsigned left = (unsigned)((double)(m->size - m->done) / rate + 0.5);
    if (left < 3600)
        report_put(out, " %u:%02u", left / 60, left % 60);
    else
        report_put(out, " %u:%02u:%02u", left / 3600, left / 60 % 60, left % 60);
}
