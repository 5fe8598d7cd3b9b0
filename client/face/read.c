/*
 * read.c - csce513fall24Msg read, search, export, rooms, inbox: what was said, from the store of this device.
 *
 * All but inbox and read --fetch work without a connection. read and inbox are how a person looks: what read has
 * shown up to the end counts as seen from then on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../show.h"
#include "errand.h"
#include "mention.h"
#include "out.h"
#include "reading.h"
#include "report.h"
#include "verbs.h"

enum { LINES = 50, FETCH_MS = 10000, INBOX_MS = 3000, FETCHES = 100 };

struct reader {
    struct errand s;
    uint64_t since_ms;
    const char *with; /* the conversation, NULL: all */
    bool filled;      /* what was asked for has come */
    uint64_t filled_upto, waiting;
};

/* --- writing --- */

static enum face_exit store_trouble(struct reader *r)
{
    struct why why;
    why_set(&why, "cannot read the message store: %s", vault_words(r->s.vault));
    return errand_error(r->s.args, "store", &why);
}

/* Frees it. False: nobody reads any more, or the disk is full; s.exit says. */
static bool put(struct reader *r, struct buf *line)
{
    struct why why;
    bool open = out_line(STDOUT_FILENO, line);
    int error = errno;
    buf_free(line);
    if (open) return true;
    why_set(&why, "cannot write: %s", strerror(error));
    errand_end(&r->s, error == EPIPE ? EXIT_DONE : errand_error(r->s.args, "local", &why));
    return false;
}

static bool put_gap(struct reader *r, const struct history_line *line)
{
    struct buf text = {0};
    json_t *o = NULL;
    if (!reading_gap(line, r->s.args->json ? &o : NULL, r->s.args->json ? NULL : &text)) return true;
    if (o) out_json_text(&text, o);
    return put(r, &text);
}

static bool put_line(struct reader *r, const struct history_line *line)
{
    struct buf text = {0};
    if (r->s.args->json)
        out_json_text(&text, reading_json(line));
    else
        reading_text(&text, line);
    return put(r, &text);
}

/* --- arguments --- */

static enum face_exit take_since(struct reader *r)
{
    struct why why;
    const char *since = r->s.args->since;
    if (!since || reading_since(since, errand_wall(), &r->since_ms)) return EXIT_DONE;
    why_set(&why, "--since must be a time back such as 30m, 2h or 7d, or a day such as 2024-10-10");
    return errand_error(r->s.args, "usage", &why);
}

static enum face_exit open_reader(struct reader *r, const struct args *o, uint32_t caps)
{
    *r = (struct reader){0};
    enum face_exit exit = errand_open(&r->s, o, caps);
    return exit == EXIT_DONE ? take_since(r) : exit;
}

static enum face_exit no_such(struct reader *r, const char *with)
{
    struct why why;
    struct name_near near;
    struct history_conversation c = {0};
    char shown[64];
    name_near_start(&near, with, strlen(with));
    while (history_next_conversation(r->s.vault, &c) > 0)
        name_near_offer(&near, c.name, strlen(c.name));
    show_word(shown, sizeof shown, (struct slice){(const uint8_t *)with, strlen(with)});
    why_set(&why, "nothing was said with \"%s\" here", shown);
    if (near.n)
        why_hint(&why, "did you mean \"%s\"?", near.name[0]);
    else
        why_hint(&why, NAME " rooms lists what there is");
    return errand_error(r->s.args, "no-such-room", &why);
}

/* --- read --- */

/* The place from which n lines follow to the end, none of them before --since. -1: the store failed. */
static int page_start(struct reader *r, long n, struct history_at *start, struct history_line *line)
{
    struct history_at at = HISTORY_END;
    int got = 0;
    *start = HISTORY_END;
    for (; n > 0 && (got = history_before(r->s.vault, r->with, at, line)) > 0; n--) {
        if (line->m.time_ms < r->since_ms && line->m.time_ms) break;
        *start = at = line->at;
    }
    return got;
}

/* Everything of a conversation from a place (inclusive) on. */
static enum face_exit put_from(struct reader *r, struct history_at start)
{
    struct history_line line;
    struct history_at at = {start.place, start.line - 1};
    int got;
    while ((got = history_after(r->s.vault, r->with, at, &line)) > 0) {
        at = line.at;
        if (!put_gap(r, &line) || !put_line(r, &line)) return r->s.exit;
    }
    return got < 0 ? store_trouble(r) : EXIT_DONE;
}

static void on_event(void *arg, const struct client_event *e)
{
    struct reader *r = arg;
    if (e->type == CLIENT_CONNECTED) {
        r->waiting = e->welcome->waiting;
        errand_end(&r->s, EXIT_DONE);
    }
    if (e->type == CLIENT_MESSAGE && r->waiting && --r->waiting == 0) errand_end(&r->s, EXIT_DONE);
    if (e->type == CLIENT_FILLED) {
        r->filled = true;
        r->filled_upto = e->filled_upto;
        errand_end(&r->s, EXIT_DONE);
    }
    if (e->type == CLIENT_GROUP || e->type == CLIENT_LOST) errand_end(&r->s, EXIT_DONE); /* refused, or no answer */
}

/* Runs until the next event that ends something. */
static bool wait_for(struct reader *r, int64_t ms)
{
    r->s.done = false;
    return errand_run(&r->s, errand_now() + (uint64_t)ms);
}

static bool connect_reader(struct reader *r)
{
    int64_t ms = r->s.args->timeout_ms;
    r->s.event = on_event;
    r->s.arg = r;
    client_connect(r->s.client);
    wait_for(r, ms < 0 ? FETCH_MS : ms);
    if (!r->s.connected && r->s.exit == EXIT_DONE)
        out_say("note: cannot reach %s: %s; this is what is here", r->s.place,
                r->s.lost_reason[0] ? r->s.lost_reason : "no answer in time");
    return r->s.connected;
}

/* Asks for one gap until it is closed or the server has no more of it. */
static void fill_gap(struct reader *r, uint64_t after, uint64_t before)
{
    while (after + 1 < before && client_fill(r->s.client, after, before) == 0) {
        r->filled = false;
        if (!wait_for(r, FETCH_MS) || !r->filled || r->filled_upto <= after) return;
        after = r->filled_upto;
    }
}

/* The gaps among the last n lines of the lobby, newest first. What is filled in moves the page. */
static void fetch(struct reader *r, long n)
{
    struct history_line line;
    struct history_at at = HISTORY_END;
    unsigned fetches = 0;
    if (strcasecmp(r->with, "#lobby") != 0 || !connect_reader(r)) return;
    for (long left = n; left > 0 && fetches < FETCHES && history_before(r->s.vault, r->with, at, &line) > 0; left--) {
        uint64_t missing = line.missing, before = line.m.seq;
        at = line.at;
        if (missing == 0) continue;
        uint64_t wanted = missing < (uint64_t)left ? missing : (uint64_t)left; /* no more than will be shown */
        fill_gap(r, before - wanted - 1, before);
        fetches++;
    }
}

static enum face_exit read_page(struct reader *r)
{
    const struct args *o = r->s.args;
    long n = o->messages ? o->messages : o->since ? LONG_MAX : LINES;
    struct history_at start;
    struct history_line line;
    r->with = o->operands > 1 ? o->operand[1] : "#lobby";
    if (o->fetch) fetch(r, n);
    if (page_start(r, n, &start, &line) < 0) return store_trouble(r);
    if (history_before(r->s.vault, r->with, HISTORY_END, &line) == 0) return no_such(r, r->with);
    enum face_exit exit = start.place == HISTORY_END.place ? EXIT_DONE : put_from(r, start);
    if (exit == EXIT_DONE && history_seen(r->s.vault, r->with, HISTORY_END) < 0) exit = store_trouble(r);
    return exit;
}

enum face_exit verb_read(const struct args *o)
{
    struct reader r;
    enum face_exit exit = open_reader(&r, o, WIRE_CAP_LOBBY);
    if (exit == EXIT_DONE) exit = read_page(&r);
    if (r.s.event) errand_leave(&r.s);
    errand_close(&r.s);
    return exit;
}

/* --- search --- */

static enum face_exit search(struct reader *r)
{
    const struct args *o = r->s.args;
    const struct history_query q = {o->operand[1], o->in, r->since_ms};
    long left = o->messages ? o->messages : LINES;
    struct history_line line;
    uint64_t before = UINT64_MAX;
    int got = 0;
    bool found = false;
    for (; left > 0 && (got = history_find(r->s.vault, &q, before, &line)) > 0; left--) {
        before = line.at.line;
        found = true;
        if (!put_line(r, &line)) return r->s.exit;
    }
    if (got < 0) return store_trouble(r);
    return found ? EXIT_DONE : EXIT_NO_SUCH;
}

enum face_exit verb_search(const struct args *o)
{
    struct reader r;
    struct why why;
    if (o->operands != 2) {
        why_set(&why, "search needs one text: " NAME " search 'recvmsg loop'");
        return errand_error(o, "usage", &why);
    }
    enum face_exit exit = open_reader(&r, o, 0);
    if (exit == EXIT_DONE) exit = search(&r);
    errand_close(&r.s);
    return exit;
}

/* --- export --- */

static enum face_exit export_one(struct reader *r, const char *with)
{
    struct history_line line;
    struct history_at start = HISTORY_START;
    r->with = with;
    int got = history_after(r->s.vault, with, start, &line);
    if (got <= 0) return got < 0 ? store_trouble(r) : no_such(r, with);
    return put_from(r, line.at);
}

static enum face_exit export_all(struct reader *r)
{
    struct history_conversation c = {0};
    int got;
    while ((got = history_next_conversation(r->s.vault, &c)) > 0) {
        enum face_exit exit = export_one(r, c.name);
        if (exit != EXIT_DONE || r->s.done) return exit;
    }
    return got < 0 ? store_trouble(r) : EXIT_DONE;
}

enum face_exit verb_export(const struct args *o)
{
    struct reader r;
    enum face_exit exit = open_reader(&r, o, 0);
    if (exit == EXIT_DONE && !o->quiet)
        out_say("note: what is written now is not encrypted any more; keep it as you keep the talk itself");
    if (exit == EXIT_DONE) exit = o->operands > 1 ? export_one(&r, o->operand[1]) : export_all(&r);
    errand_close(&r.s);
    return exit;
}

/* --- rooms, inbox --- */

static bool put_room(struct reader *r, const struct history_conversation *c)
{
    struct buf text = {0};
    const char *kind = c->name[0] == '#' ? "room" : "person";
    if (r->s.args->json) {
        json_t *o = json_pack("{s:s, s:i, s:s, s:s, s:I, s:I}", "ev", "conversation", "schema", READING_SCHEMA, "kind", kind,
                              "with", c->name, "lines", (json_int_t)c->lines, "unread", (json_int_t)c->unseen);
        json_object_set_new(o, "last", out_time(c->last_ms));
        out_json_text(&text, o);
    } else {
        report_put(&text, "%-34s %7llu lines", c->name, (unsigned long long)c->lines);
        if (c->unseen) report_put(&text, ", %llu new", (unsigned long long)c->unseen);
    }
    return put(r, &text);
}

static enum face_exit rooms(struct reader *r)
{
    struct history_conversation c = {0};
    int got;
    while ((got = history_next_conversation(r->s.vault, &c)) > 0)
        if (!put_room(r, &c)) return r->s.exit;
    return got < 0 ? store_trouble(r) : EXIT_DONE;
}

enum face_exit verb_rooms(const struct args *o)
{
    struct reader r;
    enum face_exit exit = open_reader(&r, o, 0);
    if (exit == EXIT_DONE) exit = rooms(&r);
    errand_close(&r.s);
    return exit;
}

/* To this person: every message of one other, in a room what mentions them. */
static bool for_me(const struct reader *r, const struct history_line *line)
{
    uint8_t form;
    struct slice text;
    if (line->own) return false;
    if (!(line->m.flags & WIRE_FLAG_ROOM)) return true;
    if (line->how != VAULT_PLAIN && line->how != VAULT_SEALED) return false;
    const struct config *config = r->s.args->config;
    return client_body(line->m.body, &form, &text) &&
           mention_in(text, r->s.home.user, config ? config->v.highlight : "");
}

static enum face_exit unread_of(struct reader *r, const char *with)
{
    struct history_at at;
    struct history_line line;
    int got = history_seen_upto(r->s.vault, with, &at);
    while (got >= 0 && (got = history_after(r->s.vault, with, at, &line)) > 0) {
        at = line.at;
        if (for_me(r, &line) && !put_line(r, &line)) return r->s.exit;
    }
    return got < 0 ? store_trouble(r) : EXIT_DONE;
}

static enum face_exit inbox(struct reader *r)
{
    struct history_conversation c = {0};
    int got;
    if (connect_reader(r) && r->waiting) wait_for(r, r->s.args->timeout_ms < 0 ? INBOX_MS : r->s.args->timeout_ms);
    if (r->s.exit != EXIT_DONE) return r->s.exit;
    r->s.done = false;
    while ((got = history_next_conversation(r->s.vault, &c)) > 0) {
        enum face_exit exit = c.unseen ? unread_of(r, c.name) : EXIT_DONE;
        if (exit != EXIT_DONE || r->s.done) return exit;
    }
    return got < 0 ? store_trouble(r) : EXIT_DONE;
}

enum face_exit verb_inbox(const struct args *o)
{
    struct reader r;
    enum face_exit exit = open_reader(&r, o, WIRE_CAP_RECEIVE | WIRE_CAP_LOBBY);
    if (exit == EXIT_DONE) exit = inbox(&r);
    if (r.s.event) errand_leave(&r.s);
    errand_close(&r.s);
    return exit;
}
