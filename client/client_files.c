/*
 * client_files.c - see client_files.h: frames and turns of transfers. Which there are is client_file_list.c, what
 * one does with its bytes transfer_up.c and transfer_down.c.
 *
 * Frames of BLOB come inside a batch and are kept; client_files_step() judges them when it is committed, each
 * change of a row in a transaction of its own. DATA touches no row and is handled as it comes.
 */
#include "client_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "file_name.h"
#include "log.h"
#include "transfers.h"

enum {
    ACTIVE_MAX = 3,                 /* uploads at once, and as many downloads */
    UNSENT_MAX = 128 * 1024,        /* DATA waits while so much has not left */
    TURN_MAX = 512 * 1024,          /* DATA of one turn */
    CREDIT_EVERY = 256 * 1024,      /* handled bytes that share a credit */
    RETRY_MS = 1000,                /* another process is at it, or the server says later */
    LOOK_AGAIN_MS = 60 * 1000,      /* for what other processes have left */
};

/* --- frames --- */

int client_take_blob(struct client *c, struct slice p)
{
    struct files_side *f = client_files_side(c);
    buf_put_u32(&f->inbox, (uint32_t)p.len);
    buf_put(&f->inbox, p.data, p.len);
    return 0;
}

static void credit(struct client *c, struct transfer *t)
{
    uint64_t at = down_offset(t);
    if (at < t->down.credited + CREDIT_EVERY) return;
    t->down.credited = at;
    files_ask(c, &(struct wire_blob_ask){.op = WIRE_BLOB_CREDIT, .ref = t->ref, .at = at});
}

int client_take_data(struct client *c, struct slice p)
{
    struct wire_data m;
    if (!wire_get_data(p, &m)) return -1;
    struct transfer *t = files_find_ref(c, m.ref);
    /* What follows a transfer that has ended here is skipped. */
    if (!t || t->row.own || t->code || !t->opened || t->stage == STAGE_ENDING) return 0;
    if (down_data(t, &m, c->files->text)) t->stage = STAGE_ENDING;
    if (!t->code) credit(c, t);
    return 0;
}

/* --- starting --- */

/* False: it cannot be watched. */
static bool watch(struct files_side *f, int fd)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLET};
    if (f->epoll < 0) f->epoll = epoll_create1(EPOLL_CLOEXEC);
    return epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

static void watch_pipe(struct files_side *f, struct transfer *t)
{
    if (!watch(f, t->up.source)) f->more = true; /* it is always readable, then */
}

/* What is written to when a thread has done something. */
static int wake_of(struct files_side *f)
{
    if (f->wake >= 0) return f->wake;
    f->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (f->wake >= 0) watch(f, f->wake);
    return f->wake;
}

static int open_transfer(struct client *c, struct transfer *t, enum transfer_open *how)
{
    char path[4096];
    uint64_t id = t->row.id;
    bool part = t->row.part.len > 0;
    /* Another process may have carried it on meanwhile. */
    file_row_free(&t->row);
    int r = file_book_get(c->o.vault, id, &t->row);
    if (r <= 0) return -1;
    part = t->row.part.len > 0;
    client_files_state(c, &t->row, path);
    *how = t->row.own ? up_open(t, path) : down_open(t, path);
    t->opened = *how == TRANSFER_OPEN;
    if (!t->row.own && !part && t->row.part.len && files_write(c, &t->row) < 0) return -1;
    if (t->opened && t->up.piped) watch_pipe(c->files, t);
    return 0;
}

/* Somebody else has brought it to an end: that is told here, too. */
static bool ended_elsewhere(struct client *c, struct transfer *t)
{
    enum client_file_news news = t->row.state == FILE_STORED     ? CLIENT_FILE_STORED
                                 : t->row.state == FILE_FETCHED  ? CLIENT_FILE_FETCHED
                                 : t->row.state == FILE_HERE     ? CLIENT_FILE_HERE
                                 : t->row.state == FILE_DECLINED ? CLIENT_FILE_DECLINED
                                 : t->row.state == FILE_GONE     ? CLIENT_FILE_GONE
                                                                 : CLIENT_FILE_FAILED;
    char words[4096];
    if (t->row.state == FILE_SENDING || t->row.state == FILE_WANTED || t->down.out >= 0) return false;
    file_text(t->row.words, words, sizeof words);
    files_tell(c, t, news, "in-use", words, "");
    t->over = true;
    return true;
}

static void ask(struct client *c, struct transfer *t)
{
    struct wire_blob_ask m = {.op = t->row.own ? WIRE_BLOB_PUT : WIRE_BLOB_GET, .ref = ++c->files->last_ref};
    bool open = t->row.size == FILE_SIZE_OPEN;
    memcpy(m.blob, t->row.blob, sizeof m.blob);
    m.to = t->row.to;
    m.at = !t->row.own ? down_offset(t) : open ? WIRE_BLOB_GROWS : blob_sealed_size(t->row.size);
    t->down.credited = m.at;
    t->ref = m.ref;
    t->stage = STAGE_ASKED;
    files_ask(c, &m);
}

static int start(struct client *c, struct transfer *t)
{
    enum transfer_open how = TRANSFER_OPEN;
    if (!t->opened && open_transfer(c, t, &how) < 0) return -1;
    if (how == TRANSFER_BUSY) {
        t->retry_at = client_now(c) + RETRY_MS;
        if (!ended_elsewhere(c, t)) files_tell_waits(c, t, "in-use", "another program of yours is at it");
        return 0;
    }
    if (ended_elsewhere(c, t)) return 0;
    if (t->code) return files_fail(c, t);
    if (!t->row.own && down_whole(t))
        t->stage = STAGE_ENDING; /* whoever fetched it died before it was finished */
    else
        ask(c, t);
    return 0;
}

static unsigned active(const struct client *c, bool own)
{
    unsigned n = 0;
    for (const struct transfer *t = c->files->list; t; t = t->next)
        n += t->row.own == own && t->ref && !t->over;
    return n;
}

static int start_all(struct client *c)
{
    uint64_t now = client_now(c);
    int r = 0;
    for (struct transfer *t = c->files->list; t && r == 0; t = t->next)
        if (t->stage == STAGE_IDLE && !t->over && now >= t->retry_at && active(c, t->row.own) < ACTIVE_MAX)
            r = start(c, t);
    return r;
}

/* --- what earlier processes have left --- */

static int look(struct client *c)
{
    struct files_side *f = c->files;
    struct file_row row;
    uint64_t after = 0;
    int r;
    f->look = false;
    f->look_due = f->automatic ? client_now(c) + LOOK_AGAIN_MS : UINT64_MAX;
    while ((r = file_book_next(c->o.vault, after, &row)) > 0) {
        after = row.id;
        files_say(c, &row);
        bool open = row.state == FILE_SENDING || row.state == FILE_WANTED;
        if (f->automatic && open && !client_files_find(c, row.id)) client_files_add(c, &row);
        file_row_free(&row);
    }
    return r;
}

/* --- turns --- */

static int end_down(struct client *c, struct transfer *t)
{
    char path[4096];
    down_finish_start(t, wake_of(c->files));
    if (down_finishing(t)) return 0;
    if (!down_finish(t, path)) return files_fail(c, t);
    bool file = t->down.out < 0;
    if (file) file_row_set(&t->row, &t->row.path, path);
    t->done = t->row.size;
    if (files_finish(c, t, FILE_HERE, WIRE_BLOB_HAVE, "") < 0) return -1;
    files_tell(c, t, CLIENT_FILE_HERE, NULL, NULL, NULL);
    files_end_transfer(c, t, false);
    return 0;
}

static int settle_one(struct client *c, struct transfer *t)
{
    if (t->over) return 0;
    if (t->code) return files_fail(c, t);
    if (!t->row.own && t->stage == STAGE_ENDING) return end_down(c, t);
    if (!t->row.own) files_tell_progress(c, t);
    return 0;
}

/* That they have become readable is all there is to know: they are read when there is room for what they say. */
static void drain_epoll(const struct files_side *f)
{
    struct epoll_event e[8];
    while (f->epoll >= 0 && epoll_wait(f->epoll, e, 8, 0) == 8)
        ;
}

int client_files_step(struct client *c)
{
    struct files_side *f = c->files;
    if (!f) return 0;
    drain_epoll(f);
    int r = client_files_answers(c);
    for (struct transfer *t = f->list; t && r == 0; t = t->next)
        r = settle_one(c, t);
    if (r == 0 && (f->look || client_now(c) >= f->look_due)) r = look(c);
    if (r == 0) r = start_all(c);
    client_files_reap(c);
    return r;
}

/* The next DATA of an upload, or what it ends with. True: something was put. */
static bool push_one(struct client *c, struct transfer *t)
{
    struct buf *out = link_out(c->link);
    if (!t->row.own || t->stage != STAGE_OPEN || t->over || t->code) return false;
    switch (up_data(t, c->files->text, out)) {
    case UP_PUT: return true;
    case UP_ENDED:
        t->stage = STAGE_ENDING;
        files_ask(c, &(struct wire_blob_ask){.op = WIRE_BLOB_DONE, .ref = t->ref, .at = t->up.next});
        return true;
    case UP_FAILED: c->files->more = true; return false; /* settled in the next turn */
    default: return false;
    }
}

/* Bytes of files leave when nothing else waits, one chunk of each upload in turn. */
void client_files_push(struct client *c)
{
    struct files_side *f = c->files;
    size_t put = 0;
    bool any = true;
    if (!f || c->state != CLIENT_OPEN) return;
    f->more = false;
    while (any && put < TURN_MAX && link_backlog(c->link) < UNSENT_MAX) {
        any = false;
        for (struct transfer *t = f->list; t && link_backlog(c->link) < UNSENT_MAX; t = t->next) {
            if (!push_one(c, t)) continue;
            put += WIRE_BLOB_CHUNK;
            any = true;
            link_flush(c->link);
        }
    }
    if (any && put >= TURN_MAX) f->more = link_backlog(c->link) < UNSENT_MAX;
}

void client_files_begin(struct client *c)
{
    struct files_side *f = client_files_side(c);
    buf_free(&f->inbox);
    f->look = true;
    for (struct transfer *t = f->list; t; t = t->next) {
        bool here = !t->row.own && t->stage == STAGE_ENDING; /* it needs nothing more of the server */
        t->stage = here ? STAGE_ENDING : STAGE_IDLE;
        t->ref = 0;
        t->retry_at = 0;
    }
}

bool client_files_busy(const struct client *c)
{
    return c->files && (c->files->more || c->files->look);
}

uint64_t client_files_due(const struct client *c)
{
    uint64_t due = UINT64_MAX;
    if (!c->files) return due;
    due = c->files->look_due;
    for (const struct transfer *t = c->files->list; t; t = t->next) {
        if (t->code || (t->stage == STAGE_ENDING && !t->row.own && !down_finishing(t))) return 0;
        if (t->stage == STAGE_IDLE && t->retry_at < due && active(c, t->row.own) < ACTIVE_MAX) due = t->retry_at;
    }
    return due;
}

void client_files_free(struct client *c)
{
    if (!c->files) return;
    for (struct transfer *t = c->files->list; t; t = t->next)
        t->over = true;
    client_files_reap(c);
    buf_free(&c->files->inbox);
    if (c->files->epoll >= 0) close(c->files->epoll);
    if (c->files->wake >= 0) close(c->files->wake);
    sodium_memzero(c->files, sizeof *c->files);
    free(c->files);
    c->files = NULL;
}

int client_files_fd(const struct client *c)
{
    return c->files ? c->files->epoll : -1;
}

void client_files_auto(struct client *c)
{
    client_files_side(c)->automatic = c->o.folder != NULL;
    client_files_side(c)->look = true;
}
