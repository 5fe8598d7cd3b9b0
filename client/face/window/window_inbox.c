/*
 * window_inbox.c - who needs this user: the conversations with messages to them alone or with their name, and the
 * files that were offered, as a list to choose from; see window_private.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../ipc/log.h"
#include "../reading.h"
#include "keypress.h"
#include "window_private.h"

static const char head[] = "INBOX  Enter goes there, c: all of it is read, Esc ends";

/* What was said last, as far as a line has room for it. */
static void last_words(struct window *w, const struct room *room, char *out, size_t cap)
{
    struct history_line line;
    out[0] = '\0';
    if (history_before(w->p->s.vault, room->name, HISTORY_END, &line) <= 0) return;
    struct entry *e = rows_entry(&w->reader, &(struct vault_row){line.row, line.how, line.m});
    snprintf(out, cap, "%s: %s", e->from, e->text);
    out[strcspn(out, "\n")] = '\0';
    entry_free(e);
}

static void put_item(struct window *w, const struct room *room, struct scene_item *item)
{
    char words[sizeof item->text / 2];
    last_words(w, room, words, sizeof words);
    unsigned n = room->kind == ROOM_PERSON ? room->unread : room->calls;
    snprintf(item->room, sizeof item->room, "%s", room->name);
    snprintf(item->text, sizeof item->text, "%-16s %s%-4u %s", room->name, room->kind == ROOM_PERSON ? "!" : "*", n,
             words);
}

static bool calls(const struct room *room)
{
    return room->activity >= ACTIVITY_DIRECT && room->unread;
}

static void fill(struct window *w)
{
    struct scene_list *list = &w->list;
    window_offers(w);
    free(list->item);
    w->list_room = w->rooms.n + w->offers;
    list->item = xcalloc(w->list_room + 1, sizeof *list->item);
    list->n = 0;
    for (enum activity level = ACTIVITY_MENTION; level >= ACTIVITY_DIRECT; level--)
        for (size_t i = 0; i < w->rooms.n; i++)
            if (w->rooms.room[i]->activity == level && calls(w->rooms.room[i]))
                put_item(w, w->rooms.room[i], &list->item[list->n++]);
    window_offers_list(w);
    if (list->chosen >= list->n) list->chosen = list->n ? list->n - 1 : 0;
}

void window_inbox_begin(struct window *w)
{
    w->mode = MODE_INBOX;
    w->list = (struct scene_list){.head = head, .none = "nobody waits for you"};
    fill(w);
    window_dirty(w);
}

static void end(struct window *w)
{
    w->mode = MODE_LINE;
    free(w->list.item);
    w->list = (struct scene_list){0};
}

/* Whoever wrote is not told: nothing of it was on the screen. */
static void all_read(struct window *w)
{
    for (size_t i = 0; i < w->rooms.n; i++)
        rooms_seen(w->rooms.room[i]);
    if (reading_all_seen(w->p->s.vault) < 0) window_print(w->p, "error: the store failed; what was read is not noted");
}

static void go(struct window *w)
{
    struct room *room = w->list.n ? rooms_find(&w->rooms, w->list.item[w->list.chosen].room) : NULL;
    end(w);
    if (!room) return;
    window_go_to(w, room);
    window_unread(w);
}

size_t window_inbox_key(struct window *w, struct slice keys)
{
    int key;
    size_t n = keypress(keys, &key);
    switch (key) {
    case KEY_UP:
    case 'k': w->list.chosen -= w->list.chosen > 0; break;
    case KEY_DOWN:
    case 'j': w->list.chosen += w->list.chosen + 1 < w->list.n; break;
    case KEY_ENTER: go(w); break;
    case 'c': all_read(w); /* fall through */
    case KEY_ESCAPE:
    case KEY_INTERRUPT:
    case 'q': end(w); break;
    case KEY_NONE: /* a key of the window */
        end(w);
        return 0;
    default: break;
    }
    return n;
}

void window_inbox_refill(struct window *w)
{
    if (w->mode == MODE_INBOX) fill(w);
}
