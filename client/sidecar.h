/*
 * sidecar.h - how far a download is: which chunks are verified and in the file, and how the stream and the
 * hash go on behind them. A process killed at any instruction leaves the state before or after a chunk.
 */
#ifndef CLIENT_SIDECAR_H
#define CLIENT_SIDECAR_H

#include "file_name.h"
#include "mapped.h"
#include "sealed/blob.h"

struct sidecar_state {
    bool started; /* the header has come */
    struct blob_state stream;
    crypto_generichash_state hash; /* of the blob up to here */
    uint64_t inode;           /* of the file that is written to, 0: none */
    char part[FILE_NAME_CAP]; /* its name until it is whole */
};

struct sidecar_data;

struct sidecar {
    struct mapped file;
    struct sidecar_data *d;
};

/* Opens (makes) it; path NULL: for this process alone. As mapped_open(). */
enum mapped_state sidecar_open(struct sidecar *s, const char *path, const uint8_t blob[BLOB_ID], struct why *why);
/* A closed or zeroed one is fine. */
void sidecar_close(struct sidecar *s);

/* The state as last stored; not started when nothing was. */
const struct sidecar_state *sidecar_state(const struct sidecar *s);
/* After the bytes it speaks of are written. */
void sidecar_store(struct sidecar *s, const struct sidecar_state *state);

#endif
