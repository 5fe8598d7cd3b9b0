/*
 * spool.h - what an upload keeps of the last chunks it has sealed, so that it can go on after the process or
 * the connection has died: what is sent again is what was sent before, byte for byte, and nothing is ever
 * sealed twice under one key and nonce (docs/files.md).
 *
 * A process killed at any instruction leaves each chunk sealed and kept, or not sealed at all.
 */
#ifndef CLIENT_SPOOL_H
#define CLIENT_SPOOL_H

#include "mapped.h"
#include "sealed/blob.h"

/* The server's window is 1 MiB; a chunk that it has in part counts, too. */
enum { SPOOL_CHUNKS = 17 };

struct spool_data;

struct spool {
    struct mapped file;
    struct spool_data *d;
};

/* Opens (makes) it; path NULL: for this process alone. As mapped_open(). */
enum mapped_state spool_open(struct spool *s, const char *path, const uint8_t blob[BLOB_ID],
                             const uint8_t key[SEALED_KEY], struct why *why);
/* A closed or zeroed one is fine. */
void spool_close(struct spool *s);

/* The stream's header, BLOB_HEADER bytes. */
const uint8_t *spool_header(const struct spool *s);
/* Chunks sealed. */
uint64_t spool_sealed(const struct spool *s);
/* The oldest one that is kept. */
uint64_t spool_oldest(const struct spool *s);
/* True once the last one is sealed. */
bool spool_ended(const struct spool *s);

/* Seals the next chunk; the oldest may have to go for it. Not after the last. */
void spool_seal(struct spool *s, struct slice text, bool last);
/* A chunk that is kept. */
struct slice spool_chunk(const struct spool *s, uint64_t chunk);

#endif
