/*
 * window_find.c - searching the open room, newest first; see window_private.h. What is not loaded is read block
 * by block until the text is found, or the beginning is.
 */
#include <stdio.h>
#include <string.h>

#include "window_private.h"

static struct timeline *lines(struct window *w)
{
    return &rooms_current(&w->rooms)->lines;
}

static void tell(struct window *w, const char *what)
{
    char text[sizeof w->find + 64];
    snprintf(text, sizeof text, "%s \"%s\"; Enter: an older one, Esc ends", what, w->find);
    window_notice(w, text);
}

static void look(struct window *w, int64_t from)
{
    struct scene sc;
    struct layout l = window_layout(w, &sc);
    struct timeline_look look = scene_look(&sc, &l);
    int64_t id = timeline_find(lines(w), w->find, from, true);
    w->find_older = id == INT64_MAX && !lines(w)->complete && !lines(w)->shed;
    w->older_wanted |= w->find_older;
    if (id != INT64_MAX) {
        w->found = id;
        timeline_show(lines(w), &look, id);
    }
    tell(w, id != INT64_MAX ? "found" : w->find_older ? "looking further back for" : "there is no (other)");
    window_dirty(w);
}

void window_find_begin(struct window *w)
{
    if (w->asking == ASK_FIND) {
        window_find_next(w, input_text());
        return;
    }
    input_ask();
    w->asking = ASK_FIND;
    w->find[0] = '\0';
    window_dirty(w);
}

void window_find_next(struct window *w, const char *text)
{
    bool same = strcmp(text, w->find) == 0;
    if (!text[0]) return;
    snprintf(w->find, sizeof w->find, "%s", text);
    look(w, same && timeline_get(lines(w), w->found) ? w->found - 1 : timeline_end(lines(w)) - 1);
}

void window_find_end(struct window *w)
{
    w->find[0] = '\0';
    w->find_older = false;
    window_notice(w, "");
}

void window_find_go_on(struct window *w)
{
    if (w->find_older) look(w, timeline_get(lines(w), w->found) ? w->found - 1 : timeline_end(lines(w)) - 1);
}
