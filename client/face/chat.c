/* chat.c - see chat.h: events to lines. Lines to commands is command.c. */
#include "chat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../show.h"
#include "admit.h"
#include "command.h"
#include "command_files.h"
#include "command_groups.h"
#include "errand.h"
#include "keys_people.h"
#include "lobby.h"
#include "mention.h"
#include "receipts.h"
#include "report.h"

void chat_init(struct chat *c, const struct chat_ops *ops, void *arg, const char *me)
{
    *c = (struct chat){.ops = ops, .arg = arg, .in_lobby = true};
    snprintf(c->me, sizeof c->me, "%s", me);
    snprintf(c->target, sizeof c->target, "#lobby");
}

void chat_free(struct chat *c)
{
    names_clear(&c->names);
    files_free(c);
}

/* Prints a buffer and frees it; nothing when it is empty. */
static void print_buf(struct chat *c, struct buf *b)
{
    if (buf_len(b)) {
        buf_put_u8(b, 0);
        c->ops->print(c->arg, (const char *)buf_head(b));
    }
    buf_free(b);
}

void chat_print(struct chat *c, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    c->ops->print(c->arg, text);
}

void chat_error(struct chat *c, const char *what, const char *hint)
{
    chat_print(c, "error: %s", what);
    if (hint && hint[0]) chat_print(c, "hint: %s", hint);
}

/* --- own messages --- */

static void remember(struct chat *c, uint64_t id, const char *to, bool room)
{
    struct chat_sent *s = &c->sent[c->sent_n++ % CHAT_ECHOES];
    *s = (struct chat_sent){.id = id, .room = room};
    snprintf(s->to, sizeof s->to, "%s", to);
}

static struct chat_sent *sent_by_id(struct chat *c, uint64_t id)
{
    for (unsigned i = 0; i < CHAT_ECHOES; i++)
        if (c->sent[i].id == id && id) return &c->sent[i];
    return NULL;
}

void chat_say(struct chat *c, const char *to, uint8_t form, const char *text)
{
    uint64_t id;
    bool room = to[0] == '#';
    if (!text[0]) return;
    if (!to[0]) {
        chat_error(c, "nobody is talked to here; nothing was sent", "/query NAME, or /win 2");
        return;
    }
    if (room && !c->in_lobby && strcasecmp(to, "#lobby") == 0) {
        chat_error(c, "you are not in the lobby", "/join #lobby comes back");
        return;
    }
    const struct slice s = {(const uint8_t *)text, strlen(text)};
    if (!show_is_utf8(s)) {
        chat_error(c, "the text is not valid UTF-8", "set the terminal to UTF-8");
        return;
    }
    if (c->ops->send(c->arg, room ? WIRE_TO_ROOM : WIRE_TO_USER, to, form, s, &id) < 0) {
        chat_error(c, "the message was not taken: too long, or the disk failed", "");
        return;
    }
    remember(c, id, to, room);
    if (!c->connected && !c->screen) chat_print(c, "  - waits in the outbox for the connection");
}

static void on_accepted(struct chat *c, const struct wire_accepted *m)
{
    struct chat_sent *s = sent_by_id(c, m->id);
    struct buf line = {0};
    if (!s || s->settled) return;
    s->settled = true;
    report_put(&line, m->state == WIRE_STATE_DELIVERED ? "  ++ " : "  + ");
    report_accepted_line(&line, m, s->to);
    print_buf(c, &line);
}

/* Once for each message and reason, however often it is tried. */
static void on_waits(struct chat *c, const struct client_event *e)
{
    struct chat_sent *s = sent_by_id(c, e->waits.number);
    if (!s || s->waits == e->waits.why) return;
    s->waits = e->waits.why;
    chat_print(c, "  - %s", e->waits.words);
    if (e->waits.why == CLIENT_WAIT_TRUST)
        chat_print(c, "hint: /verify %s shows what to compare; /trust %s believes the new keys",
                   e->waits.name, e->waits.name);
}

static void on_receipt(struct chat *c, const struct wire_receipt *r)
{
    const struct wire_accepted m = {.id = r->id, .state = r->state, .to = r->to};
    const struct chat_sent *s = sent_by_id(c, r->id);
    struct buf line = {0};
    report_put(&line, r->state == WIRE_STATE_DELIVERED ? "  ++ " : "  ! ");
    report_accepted_line(&line, &m, s ? s->to : "");
    print_buf(c, &line);
}

static void on_rejected(struct chat *c, const struct wire_rejected *m)
{
    struct chat_sent *s = sent_by_id(c, m->id);
    struct buf what = {0}, hint = {0}, line = {0};
    char subject[64];
    report_rejected_lines(&what, &hint, m,
                          s ? s->to : show_word(subject, sizeof subject, m->subject));
    report_put(&line, "error: ");
    buf_put(&line, buf_head(&what), buf_len(&what));
    if (buf_len(&hint)) {
        report_put(&line, "\nhint: ");
        buf_put(&line, buf_head(&hint), buf_len(&hint));
    }
    print_buf(c, &line);
    buf_free(&what);
    buf_free(&hint);
    if (s) s->settled = true;
}

/* --- messages --- */

/* A lobby message that this process sent: its typed line is on screen already. */
static bool is_echo(struct chat *c, const struct wire_deliver *m)
{
    char from[NAME_SIZE];
    struct chat_sent *s = m->flags & WIRE_FLAG_ROOM ? sent_by_id(c, m->id) : NULL;
    show_word(from, sizeof from, m->from);
    return s && s->room && m->from_device == c->device && strcasecmp(from, c->me) == 0;
}

/* Sent to somebody else by another device of ours. */
static bool is_copy(const struct chat *c, const struct wire_deliver *m)
{
    char to[NAME_SIZE];
    return !(m->flags & WIRE_FLAG_ROOM) && strcasecmp(show_word(to, sizeof to, m->to), c->me) != 0;
}

/* A message of somebody else, by the setting `notify`. */
static void ring(struct chat *c, const struct wire_deliver *m)
{
    uint8_t form;
    struct slice text;
    char from[NAME_SIZE];
    bool direct = !(m->flags & WIRE_FLAG_ROOM);
    show_word(from, sizeof from, m->from);
    if (!c->config || !c->ops->ring || strcasecmp(from, c->me) == 0 || !client_body(m->body, &form, &text)) return;
    if (config_rings(&c->config->v, direct, mention_in(text, c->me, c->config->v.highlight))) c->ops->ring(c->arg, from);
}

static void show_message(struct chat *c, const struct vault_row *row)
{
    const struct wire_deliver *m = &row->m;
    struct buf line = {0};
    if (is_echo(c, m)) return;
    bool copy = is_copy(c, m);
    if (!copy && !(m->flags & WIRE_FLAG_ROOM) && name_valid((const char *)m->from.data, m->from.len, NULL))
        show_word(c->last_from, sizeof c->last_from, m->from);
    report_message_at(&line, m, row->how, copy ? REPORT_SHORT | REPORT_COPY : REPORT_SHORT,
                      c->config ? c->config->v.time_format : "%H:%M");
    print_buf(c, &line);
    if (row->how == VAULT_PLAIN || row->how == VAULT_SEALED) ring(c, m);
}

void chat_show_rows(struct chat *c)
{
    struct vault_row row;
    while (c->vault && vault_history(c->vault, *c->shown->row, &row) > 0) {
        show_message(c, &row);
        *c->shown->row = row.row;
        c->ops->seen(c->arg, &row);
    }
}

/* --- people --- */

/* The same without ourselves: nobody needs to be told that he has come. */
static void without_me(const struct chat *c, const struct wire_changes *m, struct wire_changes *out)
{
    char name[NAME_SIZE];
    *out = (struct wire_changes){.joined = m->joined, .left = m->left};
    for (unsigned i = 0; i < m->n; i++)
        if (strcasecmp(show_word(name, sizeof name, m->change[i].name), c->me) != 0)
            out->change[out->n++] = m->change[i];
}

static void on_changes(struct chat *c, const struct wire_changes *all)
{
    struct wire_changes others, *m = &others;
    without_me(c, all, m);
    for (unsigned i = 0; i < m->n; i++) {
        if (m->change[i].change == WIRE_CHANGE_JOINED) names_add(&c->names, m->change[i].name);
        if (m->change[i].change == WIRE_CHANGE_LEFT) names_remove(&c->names, m->change[i].name);
    }
    for (uint8_t kind = WIRE_CHANGE_JOINED; kind <= WIRE_CHANGE_BACK && c->in_lobby; kind++) {
        struct buf line = {0}, what = {0};
        report_changes_line(&what, m, kind);
        if (buf_len(&what)) {
            report_put(&line, kind == WIRE_CHANGE_LEFT     ? "<-- "
                              : kind == WIRE_CHANGE_JOINED ? "--> "
                                                           : "--- ");
            buf_put(&line, buf_head(&what), buf_len(&what));
        }
        buf_free(&what);
        print_buf(c, &line);
    }
}

static void on_person(struct chat *c, const struct wire_person *p)
{
    struct buf line = {0};
    names_add(&c->names, p->name);
    if (!c->listing) return;
    report_put(&line, "  ");
    report_person_line(&line, p);
    print_buf(c, &line);
}

static void put_class(struct chat *c, struct slice name, struct buf *line)
{
    struct buf words = {0};
    char shown[NAME_SIZE];
    keys_class_words(c->vault, show_word(shown, sizeof shown, name), errand_wall(), &words);
    if (buf_len(&words)) report_put(line, "\n  %.*s", (int)buf_len(&words), (const char *)buf_head(&words));
    buf_free(&words);
}

static void on_class(struct chat *c, const struct client_event *e)
{
    char name[NAME_SIZE], words[256];
    show_word(name, sizeof name, (struct slice){(const uint8_t *)e->class_news.name, strlen(e->class_news.name)});
    show_word(words, sizeof words, (struct slice){(const uint8_t *)e->class_news.words, strlen(e->class_news.words)});
    switch (e->class_news.what) {
    case CLIENT_CLASS_SIGNED: chat_print(c, "*** %s has come with the code: signed into the class", name); return;
    case CLIENT_CLASS_UNSIGNED: chat_print(c, "*** %s wants into the class, but %s", name, words); return;
    case CLIENT_CLASS_JOINED:
        chat_print(c, "*** you are in the class; whom its key has signed is verified from now on");
        return;
    case CLIENT_CLASS_ENDED: chat_print(c, "*** class: %s", words); return;
    default: return;
    }
}

static void on_about(struct chat *c, const struct wire_about *m)
{
    struct buf line = {0};
    if (c->asking) c->asking--;
    report_about_line(&line, m);
    if (m->found && c->vault) put_class(c, m->name, &line);
    print_buf(c, &line);
}

static void on_group(struct chat *c, const struct wire_group *m)
{
    struct buf line = {0};
    if (c->asking) c->asking--;
    c->in_lobby = m->op == WIRE_GROUP_JOIN || (m->op == WIRE_GROUP_REFUSED && c->in_lobby);
    show_line(&line, m->room);
    if (m->op == WIRE_GROUP_JOIN)
        report_put(&line, ": you are in, %u members", m->members);
    else if (m->op == WIRE_GROUP_PART)
        report_put(&line, ": you have left; /join #lobby comes back");
    else
        report_put(&line, ": refused: ");
    if (m->op == WIRE_GROUP_REFUSED) show_line(&line, m->text);
    print_buf(c, &line);
}

/* --- the connection --- */

static void on_connected(struct chat *c, const struct wire_welcome *m)
{
    struct buf line = {0};
    show_word(c->me, sizeof c->me, m->name);
    c->connected = true;
    report_put(&line, "*** connected to ");
    show_line(&line, m->server);
    report_put(&line, " as %s%s", c->me, m->fresh ? ": the name is yours now" : "");
    if (m->waiting) report_put(&line, ", %u messages wait for you", m->waiting);
    print_buf(c, &line);
    if (m->fresh)
        chat_print(c, "*** should this machine be lost, 24 words on paper bring the name back: " NAME " keys paper");
    names_clear(&c->names);
    if (c->ops->list(c->arg) == 0) c->asking++;
    files_accept(c);
}

static void on_lost(struct chat *c, const char *reason, uint32_t retry_ms)
{
    char words[200];
    show_word(words, sizeof words, (struct slice){(const uint8_t *)reason, strlen(reason)});
    /* Once for each loss; later tries that fail are no news. */
    if (c->connected)
        chat_print(c, "*** connection lost: %s - still typing works, retry in %.1f s", words,
                   retry_ms / 1000.0);
    c->connected = false;
    c->asking = 0;
    c->listing = false;
    c->listing_groups = 0;
}

void chat_event(struct chat *c, const struct client_event *e)
{
    switch (e->type) {
    case CLIENT_CONNECTED: on_connected(c, e->welcome); return;
    case CLIENT_LOST: on_lost(c, e->lost.reason, e->lost.retry_ms); return;
    case CLIENT_LEFT:
    case CLIENT_FAILED: c->connected = false; return;
    case CLIENT_MESSAGE:
        chat_show_rows(c);
        files_accept(c);
        return;
    case CLIENT_FILE: files_event(c, e->file); return;
    case CLIENT_ACCEPTED: on_accepted(c, e->accepted); return;
    case CLIENT_WAITS: on_waits(c, e); return;
    case CLIENT_NOTE: chat_print(c, "*** %s", e->note.words); return;
    case CLIENT_REJECTED: on_rejected(c, e->rejected); return;
    case CLIENT_READ: receipts_read(c, e); return;
    case CLIENT_WHY: receipts_told(c, e->why); return;
    case CLIENT_RECEIPT: on_receipt(c, e->receipt); return;
    case CLIENT_CHANGES: on_changes(c, e->changes); return;
    case CLIENT_PERSON: on_person(c, e->person); return;
    case CLIENT_LIST_END:
        if (c->asking) c->asking--;
        c->listing = false;
        return;
    case CLIENT_ABOUT: on_about(c, e->about); return;
    case CLIENT_GROUP: on_group(c, e->group); return;
    case CLIENT_MODERATED: lobby_moderated(c, e->moderated); return;
    case CLIENT_STANDING: lobby_standing(c, e->standing); return;
    case CLIENT_REFUSED: lobby_refused(c, e->refused); return;
    case CLIENT_DEVICE: admit_event(c, e); return;
    case CLIENT_CLASS: on_class(c, e); return;
    default: group_event(c, e); return;
    }
}
