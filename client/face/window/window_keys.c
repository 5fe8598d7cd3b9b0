/* window_keys.c - what was typed: lines, actions, questions; see window_private.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../complete.h"
#include "../typed.h"
#include "keypress.h"
#include "window_private.h"

enum { NOTICE_WORDS = 40 };

static const char keys_help[] = "Alt-a              the next conversation, by importance\n"
                                "Alt-1 to Alt-0     the first to the tenth; Ctrl-n, Ctrl-p next, previous\n"
                                "Alt-/              the one before; Ctrl-g by name\n"
                                "PgUp, PgDn         scroll; Alt-u the first unread\n"
                                "Ctrl-s             search here; Ctrl-r what was typed\n"
                                "Tab                completes; Alt-Enter a new line; Alt-e $EDITOR\n"
                                "Alt-i              inbox: who needs you\n"
                                "Alt-s              selects a message to copy; Alt-l bare view; Ctrl-l draws anew\n"
                                "F6, F7, F8         transfers, rooms, members\n"
                                "Ctrl-c             clears the line, twice quits; Ctrl-z suspends\n"
                                "/help              the commands";

/* --- rooms --- */

/* Who is talked to follows who is seen. */
static void talk_here(struct window *w)
{
    const struct room *room = rooms_current(&w->rooms);
    snprintf(w->p->chat.target, sizeof w->p->chat.target, "%s", room->kind == ROOM_CONSOLE ? "" : room->name);
}

static void keep_draft(struct window *w)
{
    struct room *room = rooms_current(&w->rooms);
    free(room->draft);
    room->draft = input_text()[0] ? strdup(input_text()) : NULL;
}

static void stop_asking(struct window *w)
{
    if (w->asking == ASK_NOTHING) return;
    w->asking = ASK_NOTHING;
    window_find_end(w);
    input_answered();
}

void window_go(struct window *w, size_t index)
{
    if (index >= w->rooms.n || index == w->rooms.open) return;
    stop_asking(w);
    if (w->terminal) keep_draft(w);
    window_seen(w, rooms_current(&w->rooms));
    window_load(w, w->rooms.room[index]);
    rooms_open(&w->rooms, index);
    struct room *room = rooms_current(&w->rooms);
    window_seen(w, room);
    room->stale = true;
    talk_here(w);
    if (w->terminal) input_set(room->draft ? room->draft : "");
    window_dirty(w);
}

void window_go_to(struct window *w, struct room *room)
{
    window_go(w, rooms_number(&w->rooms, room) - 1);
}

void window_follow(struct window *w)
{
    const char *target = w->p->chat.target;
    if (target[0] && strcasecmp(target, rooms_current(&w->rooms)->name) != 0)
        window_go_to(w, rooms_want(&w->rooms, target));
}

/* By number, name, or a part of a name. */
static size_t room_meant(const struct window *w, const char *word)
{
    char *end;
    unsigned long number = strtoul(word, &end, 10);
    if (end != word && !*end) return number - 1;
    for (size_t i = 0; i < w->rooms.n; i++)
        if (strcasecmp(w->rooms.room[i]->name, word) == 0) return i;
    for (size_t i = 0; i < w->rooms.n; i++)
        if (strcasestr(w->rooms.room[i]->name, word)) return i;
    return w->rooms.n;
}

static void close_room(struct window *w)
{
    if (!rooms_close(&w->rooms, w->rooms.open)) {
        window_print(w->p, "error: console and lobby stay open\nhint: /quit ends, /part leaves the lobby");
        return;
    }
    window_load(w, rooms_current(&w->rooms));
    window_seen(w, rooms_current(&w->rooms));
    rooms_current(&w->rooms)->stale = true;
    talk_here(w);
}

bool window_view(struct plain *p, enum chat_view what, const char *rest)
{
    struct window *w = p->window;
    size_t index;
    window_dirty(w);
    switch (what) {
    case CHAT_VIEW_WINDOW:
        index = room_meant(w, rest);
        if (index < w->rooms.n)
            window_go(w, index);
        else
            window_print(p, "error: there is no such conversation here\nhint: /query NAME opens one; F7 shows which there are");
        return true;
    case CHAT_VIEW_CLOSE: close_room(w); return true;
    case CHAT_VIEW_BARE: w->bare = true; return true;
    case CHAT_VIEW_EDITOR: w->edit_wanted = true; return true;
    case CHAT_VIEW_SEARCH:
        window_find_begin(w);
        input_set(rest);
        window_find_typed(w, rest);
        return true;
    default: return false;
    }
}

/* --- lines --- */

static void on_answer(struct window *w, const char *line)
{
    if (w->asking == ASK_FIND) {
        input_set(line);
        window_find_next(w);
        return;
    }
    size_t index = line[0] ? room_meant(w, line) : w->rooms.n;
    stop_asking(w);
    window_notice(w, "");
    if (index < w->rooms.n) window_go(w, index);
}

static void on_line(void *arg, const char *line)
{
    struct window *w = arg;
    if (!line) {
        plain_quit(w->p);
        return;
    }
    w->p->interrupted_at = 0;
    if (w->asking) {
        on_answer(w, line);
        return;
    }
    typed_add(line);
    rooms_current(&w->rooms)->stale = true; /* whatever the line was, trust may be another now */
    chat_line(&w->p->chat, line);
    window_follow(w);
    window_dirty(w);
}

/* --- actions --- */

static void scroll(struct window *w, int direction)
{
    struct scene sc;
    struct layout l = window_layout(w, &sc);
    struct timeline_look look = scene_look(&sc, &l);
    const struct timeline *t = &rooms_current(&w->rooms)->lines;
    int half = (int)look.area.rows / 2;
    if (direction > 0 && (t->scrolled ? t->bottom : timeline_end(t)) - t->first < 3 * (int64_t)look.area.rows) {
        w->older_wanted = true;
        window_older_rows(w);
    }
    timeline_scroll(&rooms_current(&w->rooms)->lines, &look, direction * (half ? half : 1));
}

void window_unread(struct window *w)
{
    struct scene sc;
    struct layout l = window_layout(w, &sc);
    struct timeline_look look = scene_look(&sc, &l);
    struct timeline *t = &rooms_current(&w->rooms)->lines;
    if (timeline_get(t, t->unread) && !timeline_sees(t, &look, t->unread)) timeline_show(t, &look, t->unread);
}

/* Rooms whose name holds what is typed. */
static void show_switch(struct window *w)
{
    struct buf names = {0};
    const char *text = input_text();
    for (size_t i = 0; i < w->rooms.n && buf_len(&names) < 400; i++) {
        char item[NAME_SIZE + 32];
        if (!strcasestr(w->rooms.room[i]->name, text)) continue;
        snprintf(item, sizeof item, "%s%zu:%s", buf_len(&names) ? "  " : "", i + 1, w->rooms.room[i]->name);
        buf_put(&names, item, strlen(item));
    }
    buf_put_u8(&names, 0);
    window_notice(w, buf_len(&names) > 1 ? (const char *)buf_head(&names) : "no room has such a name");
    buf_free(&names);
}

static void ask_switch(struct window *w)
{
    if (w->asking) return;
    input_ask();
    w->asking = ASK_SWITCH;
    show_switch(w);
}

static void on_action(void *arg, enum input_action action, int count)
{
    struct window *w = arg;
    size_t n = w->rooms.n, open = w->rooms.open;
    window_dirty(w);
    switch (action) {
    case INPUT_NEXT_ACTIVE: window_go(w, rooms_most_active(&w->rooms)); return;
    case INPUT_ROOM: window_go(w, (size_t)count - 1); return;
    case INPUT_NEXT_ROOM: window_go(w, (open + 1) % n); return;
    case INPUT_PREVIOUS_ROOM: window_go(w, (open + n - 1) % n); return;
    case INPUT_LAST_ROOM: window_go(w, w->rooms.last); return;
    case INPUT_PAGE_UP: scroll(w, 1); return;
    case INPUT_PAGE_DOWN: scroll(w, -1); return;
    case INPUT_FIRST_UNREAD: window_unread(w); return;
    case INPUT_SEARCH: window_find_begin(w); return;
    case INPUT_SWITCH: ask_switch(w); return;
    case INPUT_EDITOR: w->edit_wanted = true; return;
    case INPUT_BARE: w->bare = true; return;
    case INPUT_SELECT: window_select_begin(w); return;
    case INPUT_INBOX: window_inbox_begin(w); return;
    case INPUT_ROOMS_PANE: w->rooms_pane = !w->rooms_pane; return;
    case INPUT_MEMBERS_PANE: w->members_pane = !w->members_pane; return;
    case INPUT_TRANSFERS: w->moves_pane = !w->moves_pane; return;
    case INPUT_HELP: window_print(w->p, keys_help); return;
    case INPUT_REDRAW: w->redraw = true; return;
    default: return;
    }
}

/* --- pasting --- */

static size_t count_lines(struct slice text)
{
    size_t lines = 1;
    for (size_t i = 0; i + 1 < text.len; i++)
        lines += text.data[i] == '\n';
    return lines;
}

static void insert(struct slice text)
{
    char *copy = strndup((const char *)text.data, text.len);
    size_t n = copy ? strlen(copy) : 0;
    if (n && copy[n - 1] == '\n') copy[n - 1] = '\0';
    if (copy) input_insert(copy);
    free(copy);
}

static void on_paste(void *arg, struct slice text, bool cut)
{
    struct window *w = arg;
    char question[200];
    size_t lines = count_lines(text), few = w->p->chat.config ? (size_t)w->p->chat.config->v.paste_lines : 3;
    if (lines <= few) {
        insert(text);
        return;
    }
    buf_free(&w->pasted);
    buf_put(&w->pasted, text.data, text.len);
    snprintf(question, sizeof question, "%zu lines were pasted%s: s one message, t a message of each line, e edit, c cancel",
             lines, cut ? " (the first 64 KiB)" : "");
    window_notice(w, question);
    w->pasting = true;
}

/* Each line as if it had been typed, but never as a command. */
static void send_lines(struct window *w)
{
    while (buf_len(&w->pasted)) {
        uint8_t *head = buf_head(&w->pasted), *end = memchr(head, '\n', buf_len(&w->pasted));
        size_t n = end ? (size_t)(end - head) : buf_len(&w->pasted);
        char *line = strndup((const char *)head, n);
        if (line) chat_say(&w->p->chat, w->p->chat.target, WIRE_FORM_SAYS, line);
        free(line);
        buf_drop(&w->pasted, n + (end != NULL));
    }
}

static void send_snippet(struct window *w)
{
    while (buf_len(&w->pasted) && buf_head(&w->pasted)[buf_len(&w->pasted) - 1] == '\n')
        w->pasted.len--;
    buf_put_u8(&w->pasted, 0);
    chat_say(&w->p->chat, w->p->chat.target, WIRE_FORM_SAYS, (const char *)buf_head(&w->pasted));
}

static void on_paste_answer(struct window *w, int key)
{
    struct slice text = {buf_head(&w->pasted), buf_len(&w->pasted)};
    if (key != KEY_ESCAPE && key != KEY_INTERRUPT && !(key < 0x80 && key && strchr("stec", key)))
        return; /* asked until it is answered */
    w->pasting = false;
    window_notice(w, "");
    if (key == 's') send_snippet(w);
    if (key == 't') send_lines(w);
    if (key == 'e') insert(text);
    if (key == 'e') w->edit_wanted = true;
    buf_free(&w->pasted);
}

/* Keys that are no part of the line: an answer to the paste, and what ends the bare view. */
static size_t on_key(void *arg, struct slice keys)
{
    struct window *w = arg;
    window_dirty(w);
    int key;
    size_t n = keypress(keys, &key);
    if (w->mode == MODE_INBOX) return window_inbox_key(w, keys);
    if (w->mode == MODE_SELECT) return window_select_key(w, keys);
    if (!w->pasting && !w->bare && !w->asking) window_notice(w, "");
    if (!w->pasting && !w->bare) return 0;
    if (w->pasting)
        on_paste_answer(w, key);
    else
        w->bare = false;
    return n;
}

/* --- the rest of what input.h asks for --- */

static void on_changed(void *arg)
{
    struct window *w = arg;
    window_dirty(w);
    if (w->asking == ASK_SWITCH) show_switch(w);
    if (w->asking == ASK_FIND) window_find_typed(w, input_text());
}

static void on_escape(void *arg)
{
    stop_asking(arg);
    window_notice(arg, "");
}

static void on_background(void *arg, bool light)
{
    struct window *w = arg;
    terminal_background(w->terminal, light);
    w->asked_at = 0;
    w->redraw = true;
    window_dirty(w);
}

static void on_interrupt(void *arg)
{
    struct window *w = arg;
    if (plain_interrupted(w->p)) return;
    stop_asking(w);
    input_set("");
    window_notice(w, "Ctrl-C once more quits");
}

static void on_suspend(void *arg)
{
    struct plain *p = ((struct window *)arg)->p;
    p->face->suspend(p);
}

/* The rooms that are open; else what complete.h knows. */
static char *on_word(void *arg, const char *line, size_t start, const char *word, size_t i)
{
    struct window *w = arg;
    for (size_t r = 1; word[0] == '#' && r < w->rooms.n; r++)
        if (strncasecmp(w->rooms.room[r]->name, word, strlen(word)) == 0 && i-- == 0)
            return strdup(w->rooms.room[r]->name);
    return word[0] == '#' ? NULL : complete_word(&w->p->chat, line, (int)start, word, i);
}

static void on_matches(void *arg, char **matches, int n)
{
    struct buf all = {0};
    for (int i = 1; i <= n && i <= NOTICE_WORDS; i++) {
        if (i > 1) buf_put(&all, "  ", 2);
        buf_put(&all, matches[i], strlen(matches[i]));
    }
    if (n > NOTICE_WORDS) buf_put(&all, "  ...", 5);
    buf_put_u8(&all, 0);
    window_notice(arg, (const char *)buf_head(&all));
    buf_free(&all);
}

const struct input_ops window_input = {
    .line = on_line,
    .action = on_action,
    .paste = on_paste,
    .changed = on_changed,
    .escape = on_escape,
    .interrupt = on_interrupt,
    .suspend = on_suspend,
    .key = on_key,
    .background = on_background,
    .word = on_word,
    .matches = on_matches,
};
