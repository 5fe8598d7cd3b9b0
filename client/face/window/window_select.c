/*
 * window_select.c - a message is chosen, and copied: by OSC 52 to the clipboard of whoever sits at the terminal,
 * and as what was killed last, so that Ctrl-y has it, too. See window_private.h.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "keypress.h"
#include "links.h"
#include "window_private.h"

static const char help[] = "j, k or arrows choose; y copies the text, o its link; Esc ends";

static struct timeline *lines(struct window *w)
{
    return &rooms_current(&w->rooms)->lines;
}

static void end(struct window *w, const char *words)
{
    w->mode = MODE_LINE;
    w->selected = INT64_MAX;
    window_notice(w, words);
    window_dirty(w);
}

static void choose(struct window *w, int64_t id)
{
    struct scene sc;
    if (!timeline_get(lines(w), id)) return;
    w->selected = id;
    window_notice(w, help);
    struct layout l = window_layout(w, &sc);
    struct timeline_look look = scene_look(&sc, &l);
    if (!timeline_sees(lines(w), &look, id)) timeline_show(lines(w), &look, id);
    if (id - lines(w)->first < (int64_t)look.area.rows) w->older_wanted = true;
}

void window_select_begin(struct window *w)
{
    int64_t last = lines(w)->scrolled ? lines(w)->bottom : timeline_end(lines(w)) - 1;
    if (!timeline_get(lines(w), last)) {
        window_notice(w, "there is nothing to select here");
        return;
    }
    w->mode = MODE_SELECT;
    choose(w, last);
}

static void move(struct window *w, int64_t by)
{
    int64_t first = lines(w)->first, last = timeline_end(lines(w)) - 1, id = w->selected + by;
    choose(w, id < first ? first : id > last ? last : id);
}

/* OSC 52: base64 alone leaves the program, whatever the text holds. */
static void to_clipboard(struct window *w, const char *text, size_t n)
{
    struct buf out = {0};
    size_t cap = sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);
    buf_put(&out, "\033]52;c;", 7);
    sodium_bin2base64((char *)buf_room(&out, cap), cap, (const uint8_t *)text, n, sodium_base64_VARIANT_ORIGINAL);
    buf_added(&out, cap - 1);
    buf_put(&out, "\033\\", 2);
    terminal_send(w->terminal, (struct slice){buf_head(&out), buf_len(&out)});
    buf_free(&out);
}

static void copy(struct window *w, const char *text, size_t n)
{
    char words[160];
    to_clipboard(w, text, n);
    input_kill((struct slice){(const uint8_t *)text, n});
    snprintf(words, sizeof words, "copied %zu bytes to the clipboard, if the terminal allows it; Ctrl-y puts them here", n);
    end(w, words);
}

static void copy_link(struct window *w, const char *text)
{
    size_t start = 0, n;
    if (links_next(text, &start, &n))
        copy(w, text + start, n);
    else
        window_notice(w, "there is no link in this message");
}

size_t window_select_key(struct window *w, struct slice keys)
{
    int key;
    size_t n = keypress(keys, &key);
    int64_t page = w->screen.rows / 2;
    const struct entry *e = timeline_get(lines(w), w->selected);
    switch (key) {
    case KEY_UP:
    case 'k': move(w, -1); break;
    case KEY_DOWN:
    case 'j': move(w, 1); break;
    case KEY_PAGE_UP: move(w, -page); break;
    case KEY_PAGE_DOWN: move(w, page); break;
    case 'y':
    case KEY_ENTER:
        if (e) copy(w, e->text, strlen(e->text));
        break;
    case 'o':
        if (e) copy_link(w, e->text);
        break;
    case KEY_ESCAPE:
    case KEY_INTERRUPT:
    case 'q': end(w, ""); break;
    case KEY_NONE: /* a key of the window */
        end(w, "");
        return 0;
    default: break;
    }
    return n;
}
