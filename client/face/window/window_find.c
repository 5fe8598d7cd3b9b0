/*
 * window_find.c - searching the open room, newest first, as one types; see window_private.h. Each turn of the loop
 * looks at some entries; where they end, a page of older ones is read, until the text is found, or the beginning is.
 */
#include <stdio.h>
#include <string.h>

#include "window_private.h"

enum { FIND_ENTRIES = 10000 }; /* in one turn: a few milliseconds */

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

static void show(struct window *w, int64_t id)
{
    struct scene sc;
    struct layout l = window_layout(w, &sc);
    struct timeline_look look = scene_look(&sc, &l);
    w->found = id;
    w->finding = false;
    timeline_show(lines(w), &look, id);
    tell(w, "found");
}

void window_find_step(struct window *w)
{
    const struct timeline *t = lines(w);
    if (!w->finding) return;
    int64_t id = timeline_find(t, w->find, &w->find_at, FIND_ENTRIES);
    window_dirty(w);
    if (id != INT64_MAX) {
        show(w, id);
    } else if (timeline_get(t, w->find_at)) {
        tell(w, "looking for");
    } else if (!t->complete && !t->shed) {
        w->older_wanted = true;
        tell(w, "looking further back for");
    } else {
        w->finding = false;
        tell(w, "there is no (other)");
    }
}

static void look(struct window *w, int64_t from)
{
    w->find_at = from;
    w->finding = true;
    window_find_step(w);
}

void window_find_begin(struct window *w)
{
    if (w->asking == ASK_FIND) {
        window_find_next(w);
        return;
    }
    input_ask();
    w->asking = ASK_FIND;
    w->find[0] = '\0';
    w->found = INT64_MAX;
    window_dirty(w);
}

/* What goes on with what was typed so far may be where that was found. */
void window_find_typed(struct window *w, const char *text)
{
    size_t n = strlen(w->find);
    bool longer = n && strncmp(text, w->find, n) == 0 && timeline_get(lines(w), w->found);
    if (strcmp(text, w->find) == 0) return;
    snprintf(w->find, sizeof w->find, "%s", text);
    w->finding = false;
    if (text[0])
        look(w, longer ? w->found : timeline_end(lines(w)) - 1);
    else
        window_notice(w, "");
}

void window_find_next(struct window *w)
{
    if (w->find[0] && !w->finding)
        look(w, timeline_get(lines(w), w->found) ? w->found - 1 : timeline_end(lines(w)) - 1);
}

void window_find_end(struct window *w)
{
    w->find[0] = '\0';
    w->finding = false;
    window_notice(w, "");
}
