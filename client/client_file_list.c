/*
 * client_file_list.c - see transfers.h: the transfers of a client, their rows in the store, how they end, and
 * what is told of them.
 */
#include "client_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "transfers.h"

enum { PROGRESS_MS = 100 };

struct files_side *client_files_side(struct client *c)
{
    if (c->files) return c->files;
    c->files = xcalloc(1, sizeof *c->files);
    c->files->epoll = c->files->wake = -1;
    c->files->look_due = UINT64_MAX;
    return c->files;
}

/* --- telling --- */

void files_tell(struct client *c, struct transfer *t, enum client_file_news what, const char *code,
                 const char *words, const char *hint)
{
    const struct client_file_event e = {what, &t->row, t->done, t->row.size, code, words, hint};
    client_tell(c, &(struct client_event){CLIENT_FILE, .file = &e});
}

void files_tell_row(struct client *c, const struct file_row *row, enum client_file_news what)
{
    const struct client_file_event e = {what, row, row->size, row->size, NULL, NULL, NULL};
    client_tell(c, &(struct client_event){CLIENT_FILE, .file = &e});
}

void files_tell_progress(struct client *c, struct transfer *t)
{
    uint64_t now = client_now(c);
    if (t->done == t->told_done || now < t->told_at + PROGRESS_MS) return;
    t->told_done = t->done;
    t->told_at = now;
    files_tell(c, t, CLIENT_FILE_MOVES, NULL, NULL, NULL);
}

void files_tell_waits(struct client *c, struct transfer *t, const char *code, const char *words)
{
    if (!t->told) files_tell(c, t, CLIENT_FILE_WAITS, code, words, "");
    t->told = true;
}

/* --- rows --- */

int files_write(struct client *c, const struct file_row *row)
{
    if (vault_begin(c->o.vault) < 0) return -1;
    return vault_finish(c->o.vault, file_book_put(c->o.vault, row));
}

void files_ask(struct client *c, const struct wire_blob_ask *m)
{
    if (c->state == CLIENT_OPEN) wire_put_blob_ask(link_out(c->link), m);
}

void files_say(struct client *c, const struct file_row *row)
{
    struct wire_blob_ask m = {.op = row->tell};
    if (!row->tell) return;
    memcpy(m.blob, row->blob, sizeof m.blob);
    files_ask(c, &m);
}

/* --- the list --- */

void client_files_state(const struct client *c, const struct file_row *row, char out[4096])
{
    snprintf(out, 4096, "%s/transfers/%llu.%s", c->o.folder, (unsigned long long)row->id, row->own ? "up" : "down");
}

struct transfer *client_files_find(struct client *c, uint64_t id)
{
    for (struct transfer *t = c->files ? c->files->list : NULL; t; t = t->next)
        if (t->row.id == id && !t->over) return t;
    return NULL;
}

struct transfer *files_find_ref(struct client *c, uint32_t ref)
{
    for (struct transfer *t = c->files ? c->files->list : NULL; t; t = t->next)
        if (t->ref == ref && ref && !t->over) return t;
    return NULL;
}

/* Behind those that are there: they come first. */
struct transfer *client_files_add(struct client *c, struct file_row *row)
{
    struct transfer *t = xcalloc(1, sizeof *t), **at = &client_files_side(c)->list;
    t->row = *row;
    *row = (struct file_row){0};
    t->up.source = t->down.folder = t->down.part = t->down.out = -1;
    while (*at)
        at = &(*at)->next;
    *at = t;
    return t;
}

static void close_files(struct transfer *t)
{
    if (t->row.own)
        up_close(t);
    else
        down_close(t);
    t->opened = false;
}

static void free_transfer(struct transfer *t)
{
    close_files(t);
    if (t->down.out >= 0) close(t->down.out);
    file_row_free(&t->row);
    sodium_memzero(t, sizeof *t);
    free(t);
}

void client_files_reap(struct client *c)
{
    for (struct transfer **at = &c->files->list; *at;) {
        struct transfer *t = *at;
        if (!t->over) {
            at = &t->next;
            continue;
        }
        *at = t->next;
        free_transfer(t);
    }
}

/* The transfer is over: its state on the disk goes, unless it may be gone on with. */
void files_end_transfer(struct client *c, struct transfer *t, bool resumable)
{
    char path[4096];
    if (t->ref) files_ask(c, &(struct wire_blob_ask){.op = WIRE_BLOB_STOP, .ref = t->ref});
    if (!resumable && t->opened) {
        client_files_state(c, &t->row, path);
        unlink(path);
    }
    if (!resumable && !t->row.own && t->row.state != FILE_HERE) down_discard(t);
    t->ref = 0;
    t->over = true;
    close_files(t);
}

/* --- ends --- */

/* A state with its words, durably; then it is told. -1: the store failed. */
int files_finish(struct client *c, struct transfer *t, enum file_state state, uint8_t say_op, const char *words)
{
    /* Written to a descriptor it is nobody's wish that it be here, until it was. */
    if (t->down.out >= 0 && !t->row.own && state != FILE_HERE) return 0;
    t->row.state = (uint8_t)state;
    t->row.tell = say_op;
    file_row_set(&t->row, &t->row.words, words);
    if (files_write(c, &t->row) < 0) return -1;
    files_say(c, &t->row);
    return 0;
}

/* Not what is offered, or what was begun: the same again would fail again. */
static bool hopeless(const char *code)
{
    return strcmp(code, "changed") == 0 || strcmp(code, "damaged") == 0;
}

/* It has failed on our side. */
int files_fail(struct client *c, struct transfer *t)
{
    bool over = hopeless(t->code);
    uint8_t drop = t->row.own && over ? WIRE_BLOB_DROP : 0;
    /* An upload that could not be read goes on when it is put again; a download when it is got again. */
    enum file_state state = t->row.own && !over ? FILE_SENDING : FILE_FAILED;
    if (files_finish(c, t, state, drop, t->why.what) < 0) return -1;
    files_tell(c, t, CLIENT_FILE_FAILED, t->code, t->why.what, t->why.hint);
    files_end_transfer(c, t, !over);
    return 0;
}

void transfer_fail(struct transfer *t, const char *code, const char *fmt, ...)
{
    va_list ap;
    if (t->code) return;
    t->code = code;
    t->why.hint[0] = '\0';
    va_start(ap, fmt);
    vsnprintf(t->why.what, sizeof t->why.what, fmt, ap);
    va_end(ap);
}

int client_files_end(struct client *c, struct file_row *row)
{
    struct transfer *t = client_files_find(c, row->id), gone = {.down.out = -1};
    client_files_side(c);
    if (t) {
        files_end_transfer(c, t, false);
    } else {
        gone.row = *row;
        *row = (struct file_row){0};
        t = &gone;
    }
    int r = files_finish(c, t, t->row.own ? FILE_GONE : FILE_DECLINED, t->row.own ? WIRE_BLOB_DROP : WIRE_BLOB_DECLINE,
                   t->row.own ? "taken back" : "");
    if (r == 0) files_tell(c, t, t->row.own ? CLIENT_FILE_GONE : CLIENT_FILE_DECLINED, "", t->row.own ? "taken back" : "", "");
    file_row_free(&gone.row);
    return r;
}
