/* notify.c - see notify.h. */
#include "notify.h"

#include <stdio.h>
#include <string.h>

void notify_init(struct notify *n, const char *term, const char *program, const char *tmux)
{
    *n = (struct notify){.tmux = tmux && tmux[0]};
    if (!term) term = "";
    if (strcmp(term, "linux") == 0)
        n->how = NOTIFY_BELL; /* the console would show the escape as text */
    else if (strncmp(term, "rxvt", 4) == 0 || strncmp(term, "foot", 4) == 0 ||
             (program && strcmp(program, "ghostty") == 0))
        n->how = NOTIFY_OSC_777;
}

/* True when it is this person's turn again. */
static bool due(struct notify *n, const char *name, uint64_t now_ms)
{
    size_t i = 0, oldest = 0;
    for (; i < n->n && strcasecmp(n->person[i].name, name) != 0; i++)
        if (n->person[i].at_ms < n->person[oldest].at_ms) oldest = i;
    if (i < n->n && now_ms - n->person[i].at_ms < NOTIFY_MS) return false;
    if (i == n->n && n->n < NOTIFY_PEOPLE)
        n->n++;
    else if (i == n->n)
        i = oldest;
    snprintf(n->person[i].name, NAME_SIZE, "%s", name);
    n->person[i].at_ms = now_ms;
    return true;
}

static void put(struct buf *out, const char *text)
{
    buf_put(out, text, strlen(text));
}

void notify_call(struct notify *n, const char *name, const char *words, uint64_t now_ms, struct buf *out)
{
    char text[160];
    if (!due(n, name, now_ms)) return;
    put(out, "\a");
    if (n->how == NOTIFY_BELL) return;
    snprintf(text, sizeof text, n->how == NOTIFY_OSC_9 ? "]9;%s %s\a" : "]777;notify;%s;%s\a",
             name, words);
    put(out, n->tmux ? "\033Ptmux;\033\033" : "\033");
    put(out, text);
    if (n->tmux) put(out, "\033\\");
}
