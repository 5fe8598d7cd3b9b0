/*
 * window_private.h - what the files of the full-screen face share:
 *   window.c         the face itself: the terminal, when what is drawn
 *   window_events.c  what happened, to entries in rooms
 *   window_keys.c    what was typed: lines, actions, questions
 *   window_inbox.c   who needs this user, as a list
 *   window_files.c   files that are offered or on their way
 *   window_select.c  choosing a message, and copying it
 *   window_find.c    searching a conversation
 *   window_edit.c    the line in $EDITOR
 *   window_gaps.c    what is missing in the lobby, shown and fetched
 *   window_rows.c    history in, oldest ones when wanted
 *   window_about.c   what is known of the open room: topic, trust, members
 */
#ifndef WINDOW_PRIVATE_H
#define WINDOW_PRIVATE_H

#include "../plain.h"
#include "input.h"
#include "notify.h"
#include "pace.h"
#include "roll.h"
#include "rows.h"
#include "scene.h"
#include "terminal.h"

/* What the line being typed answers. */
enum asking { ASK_NOTHING, ASK_FIND, ASK_SWITCH };

/* Whose keys they are. */
enum window_mode { MODE_LINE, MODE_INBOX, MODE_SELECT };

/* Where an own message of this run stands, until its state has come: a ring by its number. */
enum { WINDOW_SENT = 1024 };
struct window_sent {
    uint64_t number;
    const struct room *room; /* may be closed by now */
};

struct window {
    struct plain *p;
    struct terminal *terminal; /* NULL: not open */
    struct screen screen;
    struct rooms rooms;
    struct room *about; /* what is printed concerns it; NULL: the open one */
    struct roll roll;
    struct notify notify;
    unsigned theme; /* enum config_theme, as it was last */
    struct rows_reader reader;

    bool rooms_pane, members_pane, moves_pane, bare;
    bool dirty, redraw; /* something has changed; everything is to be drawn */
    bool keyed;         /* somebody has pressed a key, and waits for it to be seen */
    struct pace pace;
    uint64_t drawn_minute; /* since 1970 */
    uint64_t retry_at;  /* the next try to connect; 0: none is waited for */

    bool rows_wait;       /* the store may have rows that were not taken */
    bool older_wanted;    /* the view has come to the oldest entry */
    unsigned outbox;      /* own messages that wait */
    bool outbox_stale, members_stale;
    bool edit_wanted; /* at the end of this turn: $EDITOR */
    struct window_sent sent[WINDOW_SENT];

    struct moves moves;
    unsigned offers; /* of files, about which nothing was done */
    bool offers_stale;

    struct scene_member *member; /* of the open room */
    size_t members;
    char count[64];

    enum window_mode mode;
    struct scene_list list; /* of MODE_INBOX */
    size_t list_room;       /* items that it has place for */
    int64_t selected;       /* of MODE_SELECT, else INT64_MAX */
    uint64_t asked_at;      /* the terminal for its background, ms; 0: it has answered, or need not */

    enum asking asking;
    char find[128];  /* searched for */
    int64_t found;   /* the entry that is shown for it, INT64_MAX: none */
    int64_t find_at; /* the next to be looked at */
    bool finding;

    uint64_t lobby_seq;              /* the newest number of the lobby that is in its lines */
    uint64_t fill_after, fill_before; /* was last asked for */
    bool filling;                    /* the answer is not there yet */

    struct buf pasted, notice;
    bool pasting; /* asks what to do with it */
};

void window_dirty(struct window *w);
struct layout window_layout(const struct window *w, struct scene *sc);
/* The scene as it is now; texts in it are valid until something changes. */
void window_scene(struct window *w, struct scene *sc);
/* Lines above the status line, until the next key. */
void window_notice(struct window *w, const char *text);

/* --- window_events.c --- */

void window_event(struct plain *p, const struct client_event *e);
void window_print(struct plain *p, const char *text);
/* A line of our own in a room. */
void window_say(struct window *w, struct room *room, enum entry_kind kind, const char *text);
/* An own message was taken. */
void window_sent(struct window *w, const char *to, uint8_t form, struct slice text, uint64_t number);

/* --- window_keys.c --- */

extern const struct input_ops window_input;
bool window_view(struct plain *p, enum chat_view what, const char *rest);
void window_go(struct window *w, size_t index);
void window_go_to(struct window *w, struct room *room);
/* Shows the first that was not read. */
void window_unread(struct window *w);
/* Follows the conversation to the one it talks to now. */
void window_follow(struct window *w);

/* --- window_edit.c --- */

/* Gives the terminal to $EDITOR with the line in a file; what is saved is the line. */
void window_edit(struct window *w);

/* --- window_files.c --- */

struct room *window_file_room(struct window *w, const struct file_row *row);
void window_file_moves(struct window *w, const struct client_file_event *e);
/* How many offers wait; puts them behind the inbox. */
void window_offers(struct window *w);
void window_offers_list(struct window *w);

/* --- window_inbox.c, window_select.c --- */

void window_inbox_begin(struct window *w);
/* Something has come. */
void window_inbox_refill(struct window *w);
void window_select_begin(struct window *w);
/* A key in this mode: as in input_ops. */
size_t window_inbox_key(struct window *w, struct slice keys);
size_t window_select_key(struct window *w, struct slice keys);

/* --- window_find.c --- */

/* Asks for a text, and looks for it while it is typed. */
void window_find_begin(struct window *w);
/* The text has changed: the newest entry with it. */
void window_find_typed(struct window *w, const char *text);
/* The next older one. */
void window_find_next(struct window *w);
void window_find_end(struct window *w);
/* Looks on for a bounded time, while w->finding. */
void window_find_step(struct window *w);

/* --- window_rows.c --- */

/* The conversations of the store as rooms; what was not seen yet is unread. */
void window_first_rows(struct window *w);
/* The newest page of a room, when it is first looked at. */
void window_load(struct window *w, struct room *room);
/* Somebody has looked at everything in this room. */
void window_seen(struct window *w, struct room *room);
/* Takes what is new, a bounded part of it. */
void window_new_rows(struct window *w);
/* A line of the history as an entry of this room. */
struct entry *window_line_entry(struct window *w, const struct room *room, const struct history_line *line);
/* Reads one page of older lines of the open room, when they are wanted. */
void window_older_rows(struct window *w);

/* --- window_gaps.c --- */

/* An entry that says how many lines are missing before this one. */
struct entry *window_gap_entry(const struct history_line *line);
/* A row is about to be added to the lobby: what is missing before it gets its entry. */
void window_gap_before(struct window *w, const struct vault_row *row);
/* Asks the server for what an entry of the open room stands for. */
void window_fill(struct window *w, int64_t id);
/* Has this row come as the answer? It stands between others then. */
bool window_fills(const struct window *w, const struct vault_row *row);
/* The answer is there; or will not come. */
void window_filled(struct window *w);
void window_unfilled(struct window *w);

/* --- window_about.c --- */

/* Looks up what is stale of the open room. */
void window_about(struct window *w);
/* How many own messages wait. */
void window_outbox(struct window *w);

#endif
