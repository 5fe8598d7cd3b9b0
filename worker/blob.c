/*
 * blob.c - transfers of files: opened and closed by the broker's word on a channel of its own, and what
 * clients upload. The worker cannot open, name or list a file: it has the descriptors that came.
 */
#include "blob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus_files.h"
#include "fault.h"
#include "log.h"

static struct slice words(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static struct transfer *find(const struct session *s, uint32_t ref)
{
    struct transfer *t = s->files ? s->files->first : NULL;
    while (t && t->ref != ref)
        t = t->next;
    return t;
}

/* --- their life --- */

static void unlist(struct worker *w, struct session_files *f)
{
    struct session_files **p = &w->files;
    while (*p != f)
        p = &(*p)->next;
    *p = f->next;
}

static void close_one(struct session *s, struct transfer *t)
{
    struct transfer **p = &s->files->first;
    while (*p != t)
        p = &(*p)->next;
    *p = t->next;
    close(t->fd);
    free(t);
    s->worker->n_transfers--;
    if (s->files->first) return;
    unlist(s->worker, s->files);
    free(s->files);
    s->files = NULL;
}

void blob_forget(struct session *s)
{
    while (s->files)
        close_one(s, s->files->first);
}

static void say_no(struct session *s, const struct wire_blob_no *m)
{
    wire_put_blob_no(&s->out, m);
    session_touch(s);
}

/* The broker counts this session's transfers: it hears what the client would say. */
static void say_stop(struct session *s, uint32_t ref)
{
    struct buf b = {0};
    wire_put_blob_ask(&b, &(struct wire_blob_ask){.op = WIRE_BLOB_STOP, .ref = ref});
    bus_put_up(&s->worker->broker, bus_sid(s->index, s->generation), WIRE_BLOB_ASK,
               (struct slice){buf_head(&b) + WIRE_FRAME_HEAD, buf_len(&b) - WIRE_FRAME_HEAD});
    buf_free(&b);
}

void blob_fail(struct session *s, struct transfer *t, uint16_t code, const char *text, const char *hint)
{
    say_no(s, &(struct wire_blob_no){.ref = t->ref, .code = code, .text = words(text), .hint = words(hint)});
    say_stop(s, t->ref);
    LOG(LOG_INFO, "file", "fail", log_u("w", s->worker->slot), log_s("reason", wire_code_name(code)), log_s("why", text));
    close_one(s, t);
}

/* --- what the broker says --- */

static void say_ready(struct session *s, const struct transfer *t, uint64_t size, uint64_t upto)
{
    wire_put_blob_ready(&s->out, &(struct wire_blob_ready){t->ref, size, upto, t->complete});
    session_touch(s);
}

static struct session_files *files_of(struct session *s)
{
    if (s->files) return s->files;
    struct worker *w = s->worker;
    s->files = xcalloc(1, sizeof *s->files);
    s->files->session = s;
    s->files->next = w->files;
    w->files = s->files;
    return s->files;
}

static void begin(struct session *s, const struct bus_files_open *m, int fd)
{
    struct session_files *files = files_of(s);
    struct transfer *t = xcalloc(1, sizeof *t);
    *t = (struct transfer){.next = files->first, .fd = fd, .ref = m->ref, .put = m->put, .complete = m->complete,
                           .size = m->size, .at = m->put ? m->upto : m->at, .told = m->upto,
                           .most = m->put ? m->most : m->at + WIRE_BLOB_WINDOW};
    files->first = t;
    s->worker->n_transfers++;
    STEP(FILE_TAKEN);
    say_ready(s, t, m->size, m->upto);
    if (!t->put) blob_wake(s);
}

/* More descriptors than this process may have: the packet came without. */
static void refuse(struct session *s, const struct bus_files_open *m)
{
    say_no(s, &(struct wire_blob_no){.asked = m->put ? WIRE_BLOB_PUT : WIRE_BLOB_GET, .ref = m->ref, .code = WIRE_BUSY,
                                     .retry_ms = 2000, .text = words("too many files are on their way just now")});
    say_stop(s, m->ref);
}

static void on_open(struct worker *w, struct slice p, int fd)
{
    struct bus_files_open m;
    struct session *s = bus_files_get_open(p, &m) ? session_find(w, m.sid) : NULL;
    bool takes = s && s->state == SESSION_OPEN && !find(s, m.ref);
    if (takes && fd >= 0 && w->n_transfers < FILES_OPEN_MAX) {
        begin(s, &m, fd);
        return;
    }
    if (fd >= 0) close(fd);
    if (takes) refuse(s, &m);
}

/* A transfer that is gone meanwhile is no matter. */
static void on_stored(struct worker *w, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    struct session *s = session_find(w, cur_u64(&c));
    struct transfer *t = s ? find(s, cur_u32(&c)) : NULL;
    (void)fd;
    if (!t || t->put) return;
    t->size = cur_u64(&c);
    t->complete = true;
    say_ready(s, t, t->size, t->size);
    blob_wake(s);
}

static void on_close(struct worker *w, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    struct session *s = session_find(w, cur_u64(&c));
    struct transfer *t = s ? find(s, cur_u32(&c)) : NULL;
    (void)fd;
    if (t) close_one(s, t);
}

static void on_close_all(struct worker *w, struct slice p, int fd)
{
    struct cur c = cur_of(p.data, p.len);
    struct session *s = session_find(w, cur_u64(&c));
    (void)fd;
    if (s) blob_forget(s);
}

static void packet(struct chan *c, uint8_t type, struct slice fields, int fd)
{
    static void (*const rows[])(struct worker *w, struct slice p, int fd) = {
        [FILES_OPEN] = on_open, [FILES_STORED] = on_stored, [FILES_CLOSE] = on_close, [FILES_CLOSE_ALL] = on_close_all};
    if (type > 0 && type < sizeof rows / sizeof *rows && rows[type])
        rows[type](c->owner, fields, type == FILES_OPEN ? fd : -1);
    if (fd >= 0 && type != FILES_OPEN) close(fd);
}

/* The stream has ended as well, and its row in uplink.c says what follows. */
static void ended(struct chan *c)
{
    chan_close(c);
}

static void forget_all(struct worker *w)
{
    while (w->files)
        blob_forget(w->files->session);
}

void blob_open_channel(struct worker *w, int fd)
{
    forget_all(w); /* no broker knows of them any more */
    if (!w->files_chan.closed) chan_close(&w->files_chan);
    chan_open(&w->files_chan, &w->loop, fd, packet, ended, w);
}

static void next_turn(struct loop_timer *t)
{
    struct worker *w = container_of(t, struct worker, files_turn);
    w->files_in = 0;
    session_release(w);
}

void blob_prepare(struct worker *w)
{
    w->files_chan.closed = true;
    w->files_turn.fire = next_turn;
    w->files_look.fire = blob_look_again;
}

/* --- what clients say --- */

bool blob_on_ask(struct session *s, const struct wire_frame *f)
{
    struct wire_blob_ask m;
    bool good = wire_get_blob_ask(f->payload, &m);
    struct transfer *t = good && wire_blob_of_ref(m.op) ? find(s, m.ref) : NULL;
    if (t && (m.op == WIRE_BLOB_DONE || m.op == WIRE_BLOB_STOP)) close_one(s, t);
    if (!good || m.op != WIRE_BLOB_CREDIT) { /* the broker's business, a malformed one too */
        bus_put_up(&s->worker->broker, bus_sid(s->index, s->generation), f->type, f->payload);
        return true;
    }
    if (t && !t->put && m.at <= t->at && m.at + WIRE_BLOB_WINDOW > t->most) {
        t->most = m.at + WIRE_BLOB_WINDOW;
        blob_wake(s);
    }
    return true;
}

/* The kernel may take less than all before it says why. 0, or the errno. */
static int write_all(struct transfer *t, struct slice data)
{
    while (data.len) {
        ssize_t n = pwrite(t->fd, data.data, data.len, (off_t)t->at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        t->at += (uint64_t)n;
        data.data += n;
        data.len -= (size_t)n;
    }
    return 0;
}

static void cannot_write(struct session *s, struct transfer *t, int error)
{
    if (error == EFBIG)
        blob_fail(s, t, WIRE_TOO_LARGE, "the server takes no file as long as this", "");
    else if (error == ENOSPC || error == EDQUOT)
        blob_fail(s, t, WIRE_DISK_FULL, "the server's disk is full", "what is there stays; try again later");
    else
        blob_fail(s, t, WIRE_DISK_FULL, strerror(error), "the server cannot write the file; try again later, or tell its operator");
}

/* Reads no further from this one in this turn once it is long: others wait. */
static void count(struct session *s, size_t n)
{
    struct worker *w = s->worker;
    w->files_in += n;
    if (w->files_in < FILES_A_TURN) return;
    session_hold(s, HOLD_FILES);
    if (!w->files_turn.armed) loop_timer_set(&w->loop, &w->files_turn, 0);
}

bool blob_on_data(struct session *s, const struct wire_frame *f)
{
    struct wire_data m;
    if (!wire_get_data(f->payload, &m)) {
        session_refuse(s, WIRE_BAD_FRAME, 0, "malformed DATA", wire_code_name(WIRE_BAD_FRAME));
        return false;
    }
    count(s, m.bytes.len);
    struct transfer *t = find(s, m.ref);
    if (!t) return true; /* of a transfer that is over: it was on its way */
    bool follows = t->put && (t->begun ? m.offset == t->at : m.offset <= t->at);
    if (!follows || m.bytes.len > t->most - m.offset) {
        blob_fail(s, t, WIRE_BLOB_DIFFERS, "a part of the file came out of its place", "put it again");
        return true;
    }
    t->begun = true;
    t->at = m.offset;
    int error = write_all(t, m.bytes);
    STEP(FILE_WRITTEN);
    if (error)
        cannot_write(s, t, error);
    else
        session_touch(s); /* and with that comes GOT */
    return true;
}

void blob_say_got(struct session *s)
{
    for (struct transfer *t = s->files->first; t; t = t->next) {
        if (!t->put || t->at == t->told) continue;
        wire_put_blob_got(&s->out, &(struct wire_blob_got){t->ref, t->at});
        t->told = t->at;
    }
}
