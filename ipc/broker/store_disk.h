/*
 * store_disk.h - the store's folder: made with the right modes, locked, and a reserve in it.
 *
 * The reserve is a file of really allocated blocks. When the disk is full it is released, so that
 * acknowledgements and deletes still find room for their pages, and made again when there is room.
 */
#ifndef STORE_DISK_H
#define STORE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DISK_RESERVE = 8 << 20 }; /* bytes */

struct disk;

/*
 * Makes DIR (0700) and DIR/broker.db (0600) where missing, locks DIR against a second broker and
 * makes the reserve (no room for it is not an error). NULL with a text in err otherwise.
 */
struct disk *disk_open(const char *dir, char *err, size_t err_size);
void disk_close(struct disk *d);

/* Makes the names in DIR, and DIR in its parent, durable. 0, or -1 with errno. */
int disk_sync(const struct disk *d);

/* Is the reserve there? */
bool disk_reserved(const struct disk *d);

/* Tries to make the reserve; true when it is there now. */
bool disk_reserve(struct disk *d);

/* Gives the reserve back to the file system. */
void disk_release(struct disk *d);

/* Bytes that DIR's file system has left for us, beside the reserve. */
uint64_t disk_room(const struct disk *d);

/* Size of DIR/NAME in bytes, 0 when it is not there. */
size_t disk_size(const struct disk *d, const char *name);

#endif
