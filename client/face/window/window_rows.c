/*
 * window_rows.c - the store's history in the window, see window_private.h. Rows are read in blocks, of all
 * conversations at once: the newest at the start, then towards older ones as somebody scrolls up.
 */
#include <stdlib.h>
#include <string.h>

#include "../../../ipc/log.h"
#include "window_private.h"

enum {
    FIRST_ROWS = 2000,
    BLOCK_ROWS = 500,   /* of older ones in one turn of the loop */
    NEW_ROWS = 250,     /* of new ones in one turn: keys are answered in between */
};

/* Whom /r answers. */
static void note_sender(struct window *w, const struct vault_row *row, const struct entry *e)
{
    bool direct = !(row->m.flags & WIRE_FLAG_ROOM) && !e->own && e->kind != ENTRY_SYSTEM;
    if (direct && name_valid(e->from, strlen(e->from), NULL)) memcpy(w->p->chat.last_from, e->from, NAME_SIZE);
}

static void call(struct window *w, const struct room *room, const struct entry *e)
{
    struct buf bytes = {0};
    if (!w->terminal || !name_valid(e->from, strlen(e->from), NULL)) return;
    notify_call(&w->notify, e->from, room->kind == ROOM_PERSON ? "writes to you" : "mentions you", errand_now(), &bytes);
    if (buf_len(&bytes)) terminal_send(w->terminal, (struct slice){buf_head(&bytes), buf_len(&bytes)});
    buf_free(&bytes);
}

/* A message of somebody else that is new to this user. */
static void arrived(struct window *w, struct room *room, const struct entry *e)
{
    bool calls = e->mention || room->kind == ROOM_PERSON;
    rooms_message(&w->rooms, room, calls);
    if (calls && (room != rooms_current(&w->rooms) || room->lines.scrolled)) call(w, room, e);
}

static void take_row(struct window *w, const struct vault_row *row, bool fresh)
{
    char name[NAME_SIZE];
    rows_room(&w->reader, row, name);
    struct room *room = rooms_want(&w->rooms, name);
    struct entry *e = rows_entry(&w->reader, row);
    bool message = e->kind == ENTRY_SAYS || e->kind == ENTRY_ACTS;
    bool behind = room != rooms_current(&w->rooms) || room->lines.scrolled || !w->terminal;
    note_sender(w, row, e);
    if (row->how == VAULT_ENTRY) room->stale = true;
    if (e->sent && timeline_place(&room->lines, e->sent, e->number, e->time_ms)) {
        entry_free(e);
        return;
    }
    if (fresh && message && !e->own && behind) timeline_mark_unread(&room->lines);
    timeline_add(&room->lines, e);
    if (fresh && message && !e->own) arrived(w, room, e);
    if (fresh && !message) rooms_activity(&w->rooms, room, ACTIVITY_PRESENCE);
}

void window_first_rows(struct window *w)
{
    struct vault_row row = {0};
    uint64_t last = 0, shown = *w->p->shown.row;
    if (vault_last_row(w->p->s.vault, &last) < 0) return;
    w->oldest = last > FIRST_ROWS ? last - FIRST_ROWS : 0;
    if (shown < w->oldest) w->oldest = shown; /* nothing that is new is left out */
    for (row.row = w->oldest; vault_history(w->p->s.vault, row.row, &row) > 0;) {
        take_row(w, &row, row.row > shown);
        *w->p->shown.row = row.row > shown ? row.row : shown;
    }
    for (size_t i = 0; i < w->rooms.n; i++)
        w->rooms.room[i]->lines.complete |= w->oldest == 0;
}

void window_new_rows(struct window *w)
{
    struct vault_row row;
    unsigned n = 0;
    while (w->rows_wait && n++ < NEW_ROWS) {
        w->rows_wait = vault_history(w->p->s.vault, *w->p->shown.row, &row) > 0;
        if (!w->rows_wait) return;
        take_row(w, &row, true);
        *w->p->shown.row = row.row;
        window_dirty(w);
    }
}

/* --- older ones --- */

/* Entries of one room, oldest first, on their way to the front of its timeline. */
struct block {
    struct entry **entry;
    size_t n;
};

static void take_older(struct window *w, struct block blocks[ROOMS_MAX], const struct vault_row *row)
{
    char name[NAME_SIZE];
    rows_room(&w->reader, row, name);
    struct room *room = rooms_find(&w->rooms, name);
    if (!room) return; /* closed, or never opened: it has no timeline to be in */
    struct block *b = &blocks[rooms_number(&w->rooms, room) - 1];
    if (!b->entry) b->entry = xcalloc(BLOCK_ROWS, sizeof *b->entry);
    b->entry[b->n++] = rows_entry(&w->reader, row);
}

void window_older_rows(struct window *w)
{
    struct block blocks[ROOMS_MAX] = {0};
    struct vault_row row = {0};
    if (!w->older_wanted || w->oldest == 0) return;
    uint64_t from = w->oldest > BLOCK_ROWS ? w->oldest - BLOCK_ROWS : 0;
    for (row.row = from; vault_history(w->p->s.vault, row.row, &row) > 0 && row.row <= w->oldest;)
        take_older(w, blocks, &row);
    w->oldest = from;
    for (size_t i = 0; i < w->rooms.n; i++) {
        struct timeline *t = &w->rooms.room[i]->lines;
        if (blocks[i].n) timeline_add_older(t, blocks[i].entry, blocks[i].n);
        free(blocks[i].entry);
        t->complete |= from == 0;
    }
    w->older_wanted = false; /* the next drawing says whether that was enough */
    window_find_go_on(w);
    window_dirty(w);
}
