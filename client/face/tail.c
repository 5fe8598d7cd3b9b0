/*
 * tail.c - csce513fall24Msg tail: every message once, across runs and kills.
 *
 * What is written comes from the store's history, row by row above the mark of shown.h, never from
 * the wire: what was committed and not shown by an earlier run comes first, and with --count the
 * rest waits for the next run.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../show.h"
#include "accept.h"
#include "out.h"
#include "report.h"
#include "report_files.h"
#include "errand.h"
#include "shown.h"
#include "verbs.h"

struct tailing {
    struct errand s;
    struct shown shown;
    long written;
};

/* Writes one line of data; ends the command when nobody reads, or the disk is full. */
static bool put(struct tailing *t, struct buf *line)
{
    struct why why;
    bool open = out_line(STDOUT_FILENO, line);
    int error = errno;
    buf_free(line);
    if (open) return true;
    why_set(&why, "cannot write: %s", strerror(error));
    errand_end(&t->s, error == EPIPE ? EXIT_DONE : errand_error(t->s.args, "local", &why));
    return false;
}

/* Sent to somebody else by another device of ours. */
static bool is_copy(const struct tailing *t, const struct wire_deliver *m)
{
    char to[NAME_SIZE];
    return !(m->flags & WIRE_FLAG_ROOM) && strcasecmp(show_word(to, sizeof to, m->to), t->s.home.user) != 0;
}

static bool put_message(struct tailing *t, const struct vault_row *row)
{
    struct buf line = {0};
    if (t->s.args->json)
        out_json_text(&line, report_message(&row->m, row->how));
    else
        report_message_line(&line, &row->m, row->how, is_copy(t, &row->m) ? REPORT_DATED | REPORT_COPY : REPORT_DATED);
    return put(t, &line);
}

static enum face_exit store_trouble(struct tailing *t)
{
    struct why why;
    why_set(&why, "cannot read the message store: %s", vault_words(t->s.vault));
    return errand_error(t->s.args, "local", &why);
}

static void put_rows(struct tailing *t)
{
    struct vault_row row;
    const long count = t->s.args->messages;
    int r = 0;
    while (!t->s.done && (r = vault_history(t->s.vault, *t->shown.row, &row)) > 0) {
        if (!put_message(t, &row)) return;
        *t->shown.row = row.row;
        client_shown(t->s.client, &row);
        if (++t->written == count) errand_end(&t->s, EXIT_DONE);
    }
    if (!t->s.done && r < 0) errand_end(&t->s, store_trouble(t));
}

static void put_changes(struct tailing *t, const struct wire_changes *m)
{
    for (unsigned i = 0; i < m->n && t->s.args->json; i++) {
        struct buf line = {0};
        json_t *o = report_change(&m->change[i]);
        if (!o) continue;
        out_json_text(&line, o);
        if (!put(t, &line)) return;
    }
    for (uint8_t kind = WIRE_CHANGE_JOINED; kind <= WIRE_CHANGE_BACK; kind++) {
        struct buf line = {0};
        if (t->s.args->json || t->s.args->quiet) return;
        report_changes_line(&line, m, kind);
        if (buf_len(&line)) out_line(STDERR_FILENO, &line);
        buf_free(&line);
    }
}

static void put_moderated(struct tailing *t, const struct wire_moderate_done *m)
{
    struct buf line = {0};
    if (t->s.args->json) {
        out_json_text(&line, report_moderated(m));
        put(t, &line);
    } else if (!t->s.args->quiet) {
        report_moderated_line(&line, m);
        out_line(STDERR_FILENO, &line);
        buf_free(&line);
    }
}

static void put_file(struct tailing *t, const struct client_file_event *e)
{
    struct buf line = {0};
    if (t->s.args->json) {
        out_json_text(&line, report_file_event(e));
        put(t, &line);
        return;
    }
    report_file_news(&line, e);
    if (buf_len(&line) && !t->s.args->quiet) out_line(STDERR_FILENO, &line);
    buf_free(&line);
}

static void put_read(struct tailing *t, const struct client_event *e)
{
    struct buf line = {0};
    if (!t->s.args->json) return;
    out_json_text(&line, report_read(e->read.name, e->read.number, e->read.n));
    put(t, &line);
}

static void on_event(void *arg, const struct client_event *e)
{
    struct tailing *t = arg;
    if (e->type == CLIENT_MESSAGE) put_rows(t);
    if (e->type == CLIENT_MESSAGE || e->type == CLIENT_CONNECTED)
        accept_offers(t->s.args->config, t->s.client, t->s.vault);
    if (e->type == CLIENT_FILE) put_file(t, e->file);
    if (e->type == CLIENT_CHANGES && !t->s.done) put_changes(t, e->changes);
    if (e->type == CLIENT_READ && !t->s.done) put_read(t, e);
    if (e->type == CLIENT_MODERATED && !t->s.done) put_moderated(t, e->moderated);
    if (e->type == CLIENT_NOTE && !t->s.args->quiet) out_say("note: %s", e->note.words);
    if (e->type == CLIENT_CONNECTED && !t->s.args->quiet)
        out_say("connected to %s as %s", t->s.place, client_name(t->s.client));
}

/* Nothing more in time: 7, or 3 when there was no connection at all. */
static enum face_exit too_late(struct tailing *t)
{
    struct why why;
    if (t->s.connected || !t->s.lost_code[0]) {
        if (!t->s.args->quiet) out_say("nothing more within the time of --timeout");
        return EXIT_TIME;
    }
    why_set(&why, "cannot reach %s: %s", t->s.place, t->s.lost_reason);
    return errand_error(t->s.args, "unreachable", &why);
}

static enum face_exit run(struct tailing *t)
{
    struct why why;
    char path[PATH_MAX];
    uint64_t last;
    int64_t ms = t->s.args->timeout_ms;
    if (vault_last_row(t->s.vault, &last) < 0) return store_trouble(t);
    if (shown_open(&t->shown, home_file(&t->s.home, "shown", path), last, &why) < 0)
        return errand_error(t->s.args, "local", &why);
    if (t->s.args->config && t->s.args->config->v.auto_accept[0]) client_files_auto(t->s.client);
    t->s.event = on_event;
    t->s.arg = t;
    put_rows(t);
    if (!t->s.done) client_connect(t->s.client);
    bool done = errand_run(&t->s, ms < 0 ? UINT64_MAX : errand_now() + (uint64_t)ms);
    enum face_exit exit = done ? t->s.exit : too_late(t);
    errand_leave(&t->s);
    return exit;
}

enum face_exit verb_tail(const struct args *o)
{
    struct tailing t = {0};
    enum face_exit exit = errand_open(&t.s, o, WIRE_CAP_RECEIVE | WIRE_CAP_LOBBY);
    if (exit == EXIT_DONE) exit = run(&t);
    shown_close(&t.shown);
    errand_close(&t.s);
    return exit;
}
