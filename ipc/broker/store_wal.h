/*
 * store_wal.h - copies the WAL into the database on a thread and a connection of its own, so that
 * no commit waits for it.
 */
#ifndef STORE_WAL_H
#define STORE_WAL_H

#include <stdbool.h>
#include <stddef.h>

struct wal;

/* Opens the second connection; the thread starts with wal_start(). NULL with a text in err. */
struct wal *wal_open(const char *dir, char *err, size_t err_size);
void wal_start(struct wal *w);

/* Asks for a checkpoint; one that runs already is enough. Any thread. */
void wal_poke(struct wal *w);

/* Is a checkpoint asked for or running? */
bool wal_busy(struct wal *w);

/* Waits for a running checkpoint, ends the thread, closes. NULL is fine. */
void wal_close(struct wal *w);

#endif
