/* accept.c - see accept.h. */
#include "accept.h"

#include "name.h"
#include "out.h"

static bool wanted(const struct config *config, const struct file_row *row)
{
    char from[NAME_SIZE], to[NAME_SIZE];
    file_text(row->from, from, sizeof from);
    file_text(row->to, to, sizeof to);
    return row->state == FILE_OFFERED && !row->own && config_accepts(&config->v, from, to[0] == '#' ? to : "", row->size);
}

void accept_offers(const struct config *config, struct client *c, struct vault *v)
{
    struct file_row row;
    struct why why;
    uint64_t after = 0;
    if (!config || !config->v.auto_accept[0]) return;
    while (file_book_next(v, after, &row) > 0) {
        bool take = wanted(config, &row);
        after = row.id;
        file_row_free(&row);
        if (take && client_get(c, after, NULL, -1, &why) != CLIENT_FILE_TAKEN) out_why(&why);
    }
}
