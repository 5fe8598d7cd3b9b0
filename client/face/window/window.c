/*
 * window.c - the full-screen face: takes what plain.c's loop gives it and draws what has become of it, by pace.h,
 * and nothing while nothing changes. See window_private.h for the other parts.
 */
#include "window.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../ipc/log.h"
#include "../typed.h"
#include "answer.h"
#include "window_private.h"

enum { MINUTE_MS = 60000 };

/* --- what is on the screen --- */

void window_dirty(struct window *w)
{
    w->dirty = true;
}

void window_notice(struct window *w, const char *text)
{
    if (!text[0] && buf_len(&w->notice) == 0) return;
    buf_free(&w->notice);
    buf_put(&w->notice, text, strlen(text));
    window_dirty(w);
}

static const char *link_words(const struct window *w)
{
    static char text[32];
    switch (client_state(w->p->s.client)) {
    case CLIENT_OPEN: return "connected";
    case CLIENT_DIALLING:
    case CLIENT_LOGIN: return "connecting";
    case CLIENT_LEAVING: return "leaving";
    case CLIENT_OFF: return "disconnected";
    default: break;
    }
    uint64_t now = errand_now();
    snprintf(text, sizeof text, "retry %llu s", (unsigned long long)(w->retry_at > now ? (w->retry_at - now + 999) / 1000 : 0));
    return text;
}

static const char *prompt(const struct window *w)
{
    static char text[NAME_SIZE + 8];
    if (w->asking == ASK_FIND) return "search: ";
    if (w->asking == ASK_SWITCH) return "go to: ";
    if (input_prompt()) return input_prompt();
    snprintf(text, sizeof text, "[%s] ", rooms_current(&w->rooms)->name);
    return text;
}

void window_scene(struct window *w, struct scene *sc)
{
    *sc = (struct scene){
        .rooms = &w->rooms,
        .wish = {.rooms = w->rooms_pane, .members = w->members_pane, .moves = w->moves_pane, .bare = w->bare},
        .me = w->p->chat.me,
        .list = w->list,
        .selected = w->selected,
        .count = w->count,
        .member = w->member,
        .members = w->members,
        .moves = &w->moves,
        .offers = w->offers,
        .outbox = w->outbox,
        .link = link_words(w),
        .link_down = client_state(w->p->s.client) != CLIENT_OPEN,
        .now_ms = errand_wall(),
        .time_format = w->p->chat.config ? w->p->chat.config->v.time_format : "%H:%M",
        .notice = {buf_len(&w->notice) ? buf_head(&w->notice) : NULL, buf_len(&w->notice)},
        .find = w->find,
        .prompt = prompt(w),
        .input = input_text(),
        .cursor = input_cursor(),
    };
}

struct layout window_layout(const struct window *w, struct scene *sc)
{
    window_scene((struct window *)w, sc);
    return scene_layout(sc, w->screen.cols, w->screen.rows);
}

/* What is missing where somebody looks is asked for. */
static void fill_seen(struct window *w, const struct scene *sc)
{
    struct layout l = scene_layout(sc, w->screen.cols, w->screen.rows);
    struct timeline_look look = scene_look(sc, &l);
    if (rooms_current(&w->rooms)->kind == ROOM_LOBBY)
        window_fill(w, timeline_gap(&rooms_current(&w->rooms)->lines, &look));
}

static void draw(struct window *w)
{
    struct scene sc;
    unsigned cols, rows;
    terminal_size(w->terminal, &cols, &rows);
    if (cols != w->screen.cols || rows != w->screen.rows) screen_size(&w->screen, cols, rows);
    window_about(w);
    window_outbox(w);
    window_offers(w);
    window_inbox_refill(w);
    window_scene(w, &sc);
    w->older_wanted |= scene_paint(&sc, &w->screen);
    if (!w->filling && !sc.link_down) fill_seen(w, &sc);
    terminal_draw(w->terminal, &w->screen, w->redraw);
    pace_drawn(&w->pace, errand_now());
    w->asked_at = 0;
    w->drawn_minute = errand_wall() / MINUTE_MS;
    w->dirty = w->redraw = w->keyed = false;
}

/* --- the face --- */

static enum palette palette_wanted(const struct args *o)
{
    const char *none = getenv("NO_COLOR");
    if (o->no_color || (none && none[0])) return PALETTE_NONE;
    enum palette wanted = o->theme ? palette_find(o->theme) : PALETTE_AUTO;
    return wanted == PALETTES ? PALETTE_AUTO : wanted;
}

static void begin(struct plain *p)
{
    struct window *w = xcalloc(1, sizeof *w);
    p->window = w;
    w->p = p;
    w->rooms_pane = w->members_pane = w->moves_pane = true;
    w->reader = (struct rows_reader){
        .me = p->chat.me, .highlight = p->chat.config ? p->chat.config->v.highlight : NULL, .device = p->s.identity.device};
    w->outbox_stale = w->offers_stale = true;
    w->found = w->selected = INT64_MAX;
    p->chat.screen = true;
    rooms_init(&w->rooms);
    notify_init(&w->notify, getenv("TERM"), getenv("TERM_PROGRAM"), getenv("TMUX"));
    window_first_rows(w);
}

static void ask_background(struct window *w)
{
    if (!terminal_ask(w->terminal)) return;
    input_background();
    w->asked_at = errand_now();
}

static bool open_window(struct plain *p, struct why *why)
{
    struct window *w = p->window;
    w->terminal = terminal_open(palette_wanted(p->s.args), why);
    if (!w->terminal) return false;
    typed_open(&p->s);
    input_open(&window_input, w);
    if (p->chat.config) {
        w->theme = p->chat.config->v.theme;
        editor_keys(p);
    }
    ask_background(w);
    window_seen(w, rooms_current(&w->rooms));
    w->redraw = true;
    window_dirty(w);
    return true;
}

static void close_window(struct plain *p)
{
    struct window *w = p->window;
    window_seen(w, rooms_current(&w->rooms));
    input_close();
    typed_close(&p->s);
    terminal_close(w->terminal);
    w->terminal = NULL;
}

void window_free(struct window *w)
{
    if (!w) return;
    rooms_free(&w->rooms);
    roll_free(&w->roll);
    screen_free(&w->screen);
    buf_free(&w->pasted);
    buf_free(&w->notice);
    free(w->member);
    free(w->list.item);
    free(w);
}

static void key(struct plain *p)
{
    p->window->keyed = true;
    input_read();
}

/* From kill(1); Ctrl-C is a key. */
static void interrupt(struct plain *p)
{
    window_input.interrupt(p->window);
}

static void resize(struct plain *p)
{
    window_dirty(p->window);
}

static void suspend(struct plain *p)
{
    struct window *w = p->window;
    terminal_leave(w->terminal);
    kill(getpid(), SIGSTOP);
    terminal_return(w->terminal);
    w->redraw = true;
    window_dirty(w);
}

static void clear(struct plain *p)
{
    timeline_clear(&rooms_current(&p->window->rooms)->lines);
    window_dirty(p->window);
}

/* --- time --- */

/* When the screen changes by itself: the minute of the clock, the seconds until the next try. */
static int tick_ms(const struct window *w)
{
    uint64_t now = errand_now();
    if (w->retry_at > now) return (int)((w->retry_at - now) % 1000 + 1);
    return (int)(MINUTE_MS - errand_wall() % MINUTE_MS);
}

/* When the screen may be drawn; for the first time when its background is known, or was asked in vain. */
static uint64_t draw_due(const struct window *w)
{
    uint64_t due = pace_due(&w->pace, w->keyed), answer = w->asked_at ? w->asked_at + ANSWER_WAIT_MS : 0;
    return answer > due ? answer : due;
}

static int timeout_ms(struct plain *p)
{
    struct window *w = p->window;
    uint64_t now = errand_now(), due = draw_due(w);
    int wait = tick_ms(w), keys = input_timeout();
    if (keys >= 0 && keys < wait) wait = keys;
    if (w->rows_wait || w->edit_wanted || w->older_wanted || w->finding) return 0;
    if (!w->dirty) return wait;
    return due <= now ? 0 : (int)(due - now) < wait ? (int)(due - now) : wait;
}

static void turn(struct plain *p)
{
    struct window *w = p->window;
    input_tick();
    window_new_rows(w);
    window_older_rows(w);
    window_find_step(w);
    if (w->edit_wanted) {
        w->edit_wanted = false;
        window_edit(w);
    }
    if (errand_wall() / MINUTE_MS != w->drawn_minute || w->retry_at > w->pace.at_ms) window_dirty(w);
    if (w->dirty && errand_now() >= draw_due(w)) draw(w);
}

/* --theme holds until another one is set. */
static void configured(struct plain *p)
{
    struct window *w = p->window;
    editor_keys(p);
    if (p->chat.config->v.theme != w->theme) {
        w->theme = p->chat.config->v.theme;
        terminal_theme(w->terminal, palette_find(config_find("theme")->words[w->theme]));
        ask_background(w);
        w->redraw = true;
    }
    window_dirty(w);
}

static void ran(struct plain *p)
{
    window_follow(p->window);
    window_dirty(p->window);
}

static void sent(struct plain *p, const char *to, uint8_t form, struct slice text, uint64_t number)
{
    window_sent(p->window, to, form, text, number);
}

const struct face window_face = {
    .begin = begin,
    .open = open_window,
    .close = close_window,
    .key = key,
    .interrupt = interrupt,
    .resize = resize,
    .suspend = suspend,
    .print = window_print,
    .clear = clear,
    .view = window_view,
    .configured = configured,
    .ran = ran,
    .sent = sent,
    .event = window_event,
    .timeout_ms = timeout_ms,
    .turn = turn,
};
