/*
 * blob_send.c - downloads. Parts of files yield: one is read and sealed only for a connection that has taken
 * everything else, one at a time, and a bounded number in a turn, so nobody's message waits for more than that.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "blob.h"
#include "fault.h"

void blob_wake(struct session *s)
{
    s->files->ready = true;
    s->worker->files_due = true;
}

/* Has it taken everything? Else it is woken when it has: session_flush(). */
static bool is_free(const struct session *s)
{
    size_t unsent;
    slab_tx_data(&s->worker->slab, s->index, &unsent);
    return s->state == SESSION_OPEN && !s->dirty && buf_len(&s->out) == 0 && unsent == 0;
}

/* How much of it may go next: up to the border, the window's end, or its own. */
static size_t next_part(const struct transfer *t)
{
    uint64_t end = wire_blob_border(t->at);
    if (t->size < end) end = t->size;
    return !t->put && end > t->at && end <= t->most ? (size_t)(end - t->at) : 0;
}

/* The first that has a part; it goes to the end, so that the next one is another. */
static struct transfer *choose(struct session_files *f)
{
    for (struct transfer **p = &f->first; *p; p = &(*p)->next) {
        struct transfer *t = *p, **last = p;
        if (next_part(t) == 0) continue;
        while (*last)
            last = &(*last)->next;
        *last = t;
        *p = t->next;
        t->next = NULL;
        return t;
    }
    return NULL;
}

static void look_later(struct session *s)
{
    struct worker *w = s->worker;
    s->files->looks = true;
    if (!w->files_look.armed) loop_timer_set(&w->loop, &w->files_look, FILES_LOOK_MS);
}

/* Reads a whole part; false: it is not there (yet), or cannot be read. */
static bool read_part(struct session *s, struct transfer *t, uint8_t *to, size_t n)
{
    ssize_t got;
    do
        got = pread(t->fd, to, n, (off_t)t->at);
    while (got < 0 && errno == EINTR);
    STEP(FILE_READ);
    if (got == (ssize_t)n) return true;
    if (got < 0 || t->complete)
        blob_fail(s, t, WIRE_NO_SUCH_BLOB, got < 0 ? strerror(errno) : "the server has lost a part of this file",
                  "ask the sender for it again, and tell the server's operator");
    else
        look_later(s);
    return false;
}

/* What was read stands in the worker's record already. How many bytes of the file; 0: the slab has no room now. */
static size_t send_part(struct session *s, struct transfer *t, size_t part)
{
    uint8_t *plain = s->worker->plain;
    size_t n = WIRE_DATA_HEAD + part, pad = wire_padding(n);
    wire_data_head(plain, WIRE_DATA, t->ref, t->at, part);
    if (pad) wire_put_pad(plain + n, pad);
    if (record_put(s, plain, n + pad) <= 0) {
        look_later(s);
        return 0;
    }
    t->at += part;
    session_flush(s); /* wakes it when the kernel has taken it all */
    return part;
}

/* Sends one part of one file; how many bytes, 0: nothing. The session may be gone afterwards. */
static size_t send_one(struct session *s)
{
    s->files->ready = false;
    for (unsigned tries = WIRE_BLOB_REFS; tries > 0 && is_free(s) && s->files; tries--) {
        struct transfer *t = choose(s->files);
        if (!t) return 0;
        size_t part = next_part(t);
        /* No record is in hand at the end of a turn. */
        if (read_part(s, t, s->worker->plain + WIRE_DATA_HEAD, part)) return send_part(s, t, part);
    }
    return 0;
}

static struct session_files *take_first(struct worker *w)
{
    struct session_files *f = w->files, **last = &f->next;
    if (!*last) return f;
    while (*last)
        last = &(*last)->next;
    w->files = f->next;
    *last = f;
    f->next = NULL;
    return f;
}

void blob_send_some(struct worker *w)
{
    size_t budget = FILES_A_TURN, sent = 0;
    while (w->files_due && sent < budget) {
        size_t n = 0, before = sent;
        w->files_due = false;
        for (const struct session_files *f = w->files; f; f = f->next)
            n++;
        for (; n > 0 && w->files && sent < budget; n--) {
            struct session_files *f = take_first(w);
            if (f->ready) sent += send_one(f->session);
        }
        if (n > 0) w->files_due = true; /* the budget ended it */
        if (sent == before) break;
    }
    if (w->files_due || w->dirty) loop_timer_set(&w->loop, &w->again, 0);
}

void blob_look_again(struct loop_timer *t)
{
    struct worker *w = container_of(t, struct worker, files_look);
    for (struct session_files *f = w->files; f; f = f->next) {
        if (!f->looks) continue;
        f->looks = false;
        blob_wake(f->session);
    }
}
