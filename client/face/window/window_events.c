/* window_events.c - what happened, to entries in rooms; see window_private.h. */
#include <stdio.h>
#include <string.h>

#include "../../show.h"
#include "../command_files.h"
#include "../report.h"
#include "window_private.h"

/* --- lines of our own --- */

void window_say(struct window *w, struct room *room, enum entry_kind kind, const char *text)
{
    timeline_add(&room->lines, entry_new(kind, kind == ENTRY_ERROR ? "error" : "", text, errand_wall()));
    rooms_activity(&w->rooms, room, ACTIVITY_PRESENCE);
    window_dirty(w);
}

static bool begins(const char *text, const char *head)
{
    return strncmp(text, head, strlen(head)) == 0;
}

/* One line that the conversation prints. */
static void say_line(struct window *w, struct room *room, const char *line)
{
    struct room *console = rooms_console(&w->rooms);
    if (begins(line, "error: ")) {
        window_say(w, room, ENTRY_ERROR, line + strlen("error: "));
        if (room != console) window_say(w, console, ENTRY_ERROR, line + strlen("error: "));
    } else if (begins(line, "hint: "))
        window_say(w, room, ENTRY_HINT, line);
    else if (begins(line, "*** ") || begins(line, "--- "))
        window_say(w, room, ENTRY_SYSTEM, line + strlen("*** "));
    else
        window_say(w, room, ENTRY_OUTPUT, line);
}

void window_print(struct plain *p, const char *text)
{
    struct window *w = p->window;
    struct room *room = w->about ? w->about : rooms_current(&w->rooms);
    while (*text) {
        char line[2048];
        size_t n = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(n < sizeof line ? n : sizeof line - 1), text);
        say_line(w, room, line);
        text += n + (text[n] == '\n');
    }
}

/* Hands an event on to the conversation, which prints into this room. */
static void tell(struct window *w, struct room *room, const struct client_event *e)
{
    w->about = room;
    chat_event(&w->p->chat, e);
    w->about = NULL;
}

static struct room *room_named(struct window *w, struct slice name)
{
    char word[NAME_SIZE];
    struct room *room = rooms_find(&w->rooms, show_word(word, sizeof word, name));
    return room ? room : rooms_console(&w->rooms);
}

static struct slice text_of(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

/* --- own messages --- */

void window_sent(struct window *w, const char *to, uint8_t form, struct slice text, uint64_t number)
{
    struct buf words = {0};
    struct room *room = rooms_want(&w->rooms, to);
    if (form == WIRE_FORM_ACTS) report_put(&words, "%s ", w->p->chat.me);
    show_body(&words, text, "");
    buf_put_u8(&words, 0);
    struct entry *e = entry_new(form == WIRE_FORM_ACTS ? ENTRY_ACTS : ENTRY_SAYS, w->p->chat.me,
                                (const char *)buf_head(&words), errand_wall());
    buf_free(&words);
    e->own = true;
    e->mark = MARK_WAITS;
    e->sent = number;
    if (room->kind == ROOM_PERSON) e->number = number;
    timeline_mark_read(&room->lines);
    room->lines.scrolled = false;
    int64_t id;
    window_load(w, room); /* which may bring it along */
    if (timeline_sent(&room->lines, number, &id))
        entry_free(e);
    else
        timeline_add(&room->lines, e);
    w->sent[number % WINDOW_SENT] = (struct window_sent){.number = number, .room = room};
    w->outbox_stale = true;
    window_dirty(w);
}

/* Where an own message of this run stands; NULL: it is of another one, or too long ago. */
static struct entry *sent_entry(struct window *w, uint64_t number)
{
    struct window_sent *s = &w->sent[number % WINDOW_SENT];
    int64_t id;
    bool open = s->number == number && number && rooms_number(&w->rooms, s->room);
    return open ? timeline_sent(&s->room->lines, number, &id) : NULL;
}

/* The room of an own message of this run that sent_entry() has found. */
static struct room *sent_room(struct window *w, uint64_t number)
{
    return rooms_find(&w->rooms, w->sent[number % WINDOW_SENT].room->name);
}

static void set_note(struct entry *e, struct buf *words)
{
    buf_put_u8(words, 0);
    entry_note(e, (const char *)buf_head(words));
    buf_free(words);
}

/* Nothing goes back: what was delivered is not merely stored. */
static void set_mark(struct entry *e, enum entry_mark mark)
{
    if (mark > e->mark || e->mark == MARK_REFUSED) e->mark = mark;
}

static void on_state(struct window *w, const struct client_event *e, const struct wire_accepted *m)
{
    struct buf words = {0};
    struct entry *own = sent_entry(w, m->id);
    w->outbox_stale = true;
    if (!own) {
        tell(w, room_named(w, m->to), e);
        return;
    }
    sent_room(w, m->id)->stale = true; /* its keys are known by now */
    set_mark(own, m->state == WIRE_STATE_DELIVERED ? MARK_DELIVERED
                  : m->state == WIRE_STATE_EXPIRED ? MARK_REFUSED
                                                   : MARK_STORED);
    if (m->state == WIRE_STATE_STORED || m->state == WIRE_STATE_EXPIRED)
        report_accepted_line(&words, m, w->sent[m->id % WINDOW_SENT].room->name);
    set_note(own, &words);
}

static void on_rejected(struct window *w, const struct client_event *e)
{
    struct buf words = {0}, hint = {0};
    struct entry *own = sent_entry(w, e->rejected->id);
    w->outbox_stale = true;
    if (!own) {
        tell(w, rooms_console(&w->rooms), e);
        return;
    }
    report_put(&words, "error: ");
    report_rejected_lines(&words, &hint, e->rejected, w->sent[e->rejected->id % WINDOW_SENT].room->name);
    if (buf_len(&hint)) report_put(&words, "\nhint: %.*s", (int)buf_len(&hint), (const char *)buf_head(&hint));
    own->mark = MARK_REFUSED;
    set_note(own, &words);
    buf_free(&hint);
    /* It may have been sent from another room, by /msg. */
    rooms_activity(&w->rooms, sent_room(w, e->rejected->id), ACTIVITY_DIRECT);
}

static void on_read(struct window *w, const struct client_event *e)
{
    for (size_t i = 0; i < e->read.n; i++) {
        struct entry *own = sent_entry(w, e->read.number[i]);
        if (own && e->read.kind == WIRE_TO_USER) set_mark(own, MARK_READ);
    }
}

static void on_waits(struct window *w, const struct client_event *e)
{
    struct buf words = {0};
    struct entry *own = sent_entry(w, e->waits.number);
    if (!own) {
        tell(w, room_named(w, text_of(e->waits.name)), e);
        return;
    }
    show_line(&words, text_of(e->waits.words));
    if (e->waits.why == CLIENT_WAIT_TRUST)
        report_put(&words, "\nhint: /verify %s shows what to compare; /trust %s believes the new keys", e->waits.name,
                   e->waits.name);
    set_note(own, &words);
    rooms_current(&w->rooms)->stale = true;
}

/* --- people --- */

/* In the conversation with them, if there is one; the lobby would be full of it. */
static void say_away(struct window *w, const struct person *who)
{
    char text[PERSON_WORDS + 64];
    struct room *room = rooms_find(&w->rooms, who->name);
    if (!room) return;
    snprintf(text, sizeof text, "%s is %s%s%s", who->name, who->away ? "away" : "back", who->words[0] ? ": " : "",
             who->words);
    window_say(w, room, ENTRY_SYSTEM, text);
}

static void on_change(struct window *w, const struct wire_change *m)
{
    char name[NAME_SIZE];
    show_word(name, sizeof name, m->name);
    bool came = m->change == WIRE_CHANGE_JOINED, went = m->change == WIRE_CHANGE_LEFT;
    bool me = strcasecmp(name, w->p->chat.me) == 0, known = name_valid(name, strlen(name), NULL);
    if (came) names_add(&w->p->chat.names, m->name);
    if (went) names_remove(&w->p->chat.names, m->name);
    if (went) roll_remove(&w->roll, name);
    struct person *who = went ? NULL : roll_add(&w->roll, name);
    if (who && came) who->in_lobby = true;
    if (who && !came) {
        who->away = m->change == WIRE_CHANGE_AWAY;
        show_word(who->words, sizeof who->words, m->text);
        say_away(w, who);
    }
    struct room *lobby = rooms_find(&w->rooms, "#lobby");
    if (known && !me && (came || went) && w->p->chat.in_lobby)
        timeline_presence(&lobby->lines, came, name, 0, errand_wall());
}

static void on_changes(struct window *w, const struct wire_changes *m)
{
    struct room *lobby = rooms_find(&w->rooms, "#lobby");
    for (unsigned i = 0; i < m->n; i++)
        on_change(w, &m->change[i]);
    if (m->joined) timeline_presence(&lobby->lines, true, "", m->joined, errand_wall());
    if (m->left) timeline_presence(&lobby->lines, false, "", m->left, errand_wall());
    rooms_activity(&w->rooms, lobby, ACTIVITY_PRESENCE);
    w->members_stale = true;
}

static void on_person(struct window *w, const struct client_event *e)
{
    char name[NAME_SIZE];
    struct person *who = roll_add(&w->roll, show_word(name, sizeof name, e->person->name));
    if (who) {
        who->away = e->person->state;
        who->in_lobby = e->person->in_lobby;
        show_word(who->words, sizeof who->words, e->person->text);
    }
    w->members_stale = true;
    tell(w, NULL, e);
}

/* --- the connection --- */

/* It is told where it stays, and where somebody looks. */
static void on_connection(struct window *w, const struct client_event *e)
{
    struct room *console = rooms_console(&w->rooms), *open = rooms_current(&w->rooms);
    size_t before = console->lines.n;
    if (e->type == CLIENT_CONNECTED) roll_free(&w->roll);
    if (e->type == CLIENT_LOST) window_unfilled(w);
    if (e->type == CLIENT_LOST) moves_stall(&w->moves);
    w->retry_at = e->type == CLIENT_LOST ? errand_now() + e->lost.retry_ms : 0;
    w->members_stale = w->outbox_stale = open->stale = true;
    tell(w, console, e);
    for (size_t i = before; open != console && i < console->lines.n; i++)
        window_say(w, open, console->lines.entry[i]->kind, console->lines.entry[i]->text);
}

static void on_order(struct window *w, const struct client_event *e)
{
    struct room *room = e->order.code ? room_named(w, text_of(e->order.room)) : rooms_want(&w->rooms, e->order.room);
    room->stale = true;
    tell(w, e->order.code && room->kind == ROOM_CONSOLE ? NULL : room, e);
    window_follow(w);
}

static void on_note(struct window *w, const struct client_event *e)
{
    struct room *room = room_named(w, text_of(e->note.name));
    room->stale = true;
    tell(w, room, e);
    if (room->kind == ROOM_CONSOLE) rooms_activity(&w->rooms, room, ACTIVITY_MENTION);
}

void window_event(struct plain *p, const struct client_event *e)
{
    struct window *w = p->window;
    window_dirty(w);
    switch (e->type) {
    case CLIENT_CONNECTED:
    case CLIENT_LOST:
    case CLIENT_FAILED:
    case CLIENT_LEFT: on_connection(w, e); return;
    case CLIENT_MESSAGE:
        w->rows_wait = true;
        files_accept(&w->p->chat);
        return;
    case CLIENT_FILLED: window_filled(w); return;
    case CLIENT_ACCEPTED: on_state(w, e, e->accepted); return;
    case CLIENT_RECEIPT:
        on_state(w, e, &(struct wire_accepted){.id = e->receipt->id, .state = e->receipt->state, .to = e->receipt->to});
        return;
    case CLIENT_REJECTED: on_rejected(w, e); return;
    case CLIENT_WAITS: on_waits(w, e); return;
    case CLIENT_READ: on_read(w, e); return;
    case CLIENT_NOTE: on_note(w, e); return;
    case CLIENT_CHANGES: on_changes(w, e->changes); return;
    case CLIENT_PERSON: on_person(w, e); return;
    case CLIENT_ORDER: on_order(w, e); return;
    case CLIENT_GROUP:
    case CLIENT_MODERATED:
    case CLIENT_STANDING: tell(w, rooms_find(&w->rooms, "#lobby"), e); return;
    case CLIENT_INVITED:
    case CLIENT_GONE:
        tell(w, rooms_console(&w->rooms), e);
        rooms_activity(&w->rooms, rooms_console(&w->rooms), ACTIVITY_MENTION);
        return;
    case CLIENT_FILE:
        window_file_moves(w, e->file);
        tell(w, window_file_room(w, e->file->row), e);
        return;
    default: tell(w, NULL, e); return;
    }
}
