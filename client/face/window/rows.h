/* rows.h - rows of the store's history as entries of a timeline. All foreign bytes pass show.h here. */
#ifndef WINDOW_ROWS_H
#define WINDOW_ROWS_H

#include "../../vault.h"
#include "timeline.h"

/* Who looks at them. */
struct rows_reader {
    const char *me;
    const char *highlight; /* words that count as a mention, with commas between; NULL: none */
    uint64_t device;
};

/* The conversation that a row belongs to, as a name of rooms_want(). */
void rows_room(const struct rows_reader *r, const struct vault_row *row, char room[NAME_SIZE]);

/* Its entry; whoever takes it frees it. */
struct entry *rows_entry(const struct rows_reader *r, const struct vault_row *row);

#endif
