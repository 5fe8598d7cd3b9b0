/* window_files.c - files that are offered or on their way; see window_private.h. */
#include <stdio.h>
#include <string.h>

#include "../../show.h"
#include "../command_files.h"
#include "../report.h"
#include "../report_files.h"
#include "window_private.h"

static void name_of_room(const struct file_row *row, char out[NAME_SIZE])
{
    bool group = row->to.len && row->to.data[0] == '#';
    show_word(out, NAME_SIZE, row->own || group ? row->to : row->from);
}

struct room *window_file_room(struct window *w, const struct file_row *row)
{
    char name[NAME_SIZE];
    name_of_room(row, name);
    struct room *room = rooms_find(&w->rooms, name);
    return room ? room : rooms_console(&w->rooms);
}

void window_file_moves(struct window *w, const struct client_file_event *e)
{
    moves_take(&w->moves, e, errand_now());
    w->offers_stale = true;
    window_dirty(w);
}

/* Calls it for each offer about which nothing was done. */
static void each_offer(struct window *w, void (*take)(struct window *w, const struct file_row *row))
{
    struct file_row row;
    for (uint64_t after = 0; file_book_next(w->p->s.vault, after, &row) > 0;) {
        after = row.id;
        if (row.state == FILE_OFFERED) take(w, &row);
        file_row_free(&row);
    }
}

static void count(struct window *w, const struct file_row *row)
{
    (void)row;
    w->offers++;
}

void window_offers(struct window *w)
{
    if (!w->offers_stale) return;
    w->offers = 0;
    each_offer(w, count);
    w->offers_stale = false;
}

static void list(struct window *w, const struct file_row *row)
{
    struct buf line = {0};
    struct scene_item *item = &w->list.item[w->list.n];
    if (w->list.n >= w->list_room) return;
    name_of_room(row, item->room);
    report_put(&line, "%-16s <%-4llu ", item->room, (unsigned long long)row->id);
    show_line(&line, row->name);
    report_put(&line, ", ");
    report_size(&line, row->size);
    report_put(&line, ": /get %llu", (unsigned long long)row->id);
    snprintf(item->text, sizeof item->text, "%.*s", (int)buf_len(&line), (const char *)buf_head(&line));
    buf_free(&line);
    w->list.n++;
}

void window_offers_list(struct window *w)
{
    each_offer(w, list);
}
