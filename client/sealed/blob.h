/*
 * blob.h - the sealed bytes of a file (docs/sealed.md section 6.2): a stream of chunks, each with its
 * place and its being the last authenticated, so that none can be cut off, exchanged or moved.
 *
 *   blob = header 24, then chunks: 64,512 bytes of text and 17 more each, the last one shorter
 *   text = content, then zeros up to blob_padded(content)
 */
#ifndef SEALED_BLOB_H
#define SEALED_BLOB_H

#include <sodium.h>

#include "primitives.h"

enum {
    BLOB_ID = 32,
    BLOB_HEADER = crypto_secretstream_xchacha20poly1305_HEADERBYTES,
    BLOB_TAG = crypto_secretstream_xchacha20poly1305_ABYTES,
    BLOB_CHUNK = 64512,                  /* text in a chunk */
    BLOB_SEALED = BLOB_CHUNK + BLOB_TAG, /* sealed: one frame of the wire */
};

/* The longest content that can be told of. */
#define BLOB_SIZE_MAX (UINT64_C(1) << 62)

/* How much text a content of this size makes: the Padme size, at most 12 % more. */
uint64_t blob_padded(uint64_t size);
/* Chunks of it; at least 1. */
uint64_t blob_chunks(uint64_t size);
/* Text in one of its chunks. */
size_t blob_chunk_len(uint64_t size, uint64_t chunk);
/* Bytes of the whole blob. */
uint64_t blob_sealed_size(uint64_t size);
/* Where a chunk begins in the blob. */
uint64_t blob_offset(uint64_t chunk);
/* Chunks that lie whole in the first n bytes of a blob, when none of them is the last. */
uint64_t blob_whole_chunks(uint64_t n);

/* Where a stream stands. Secret. It may be kept as it is by the program that made it, and gone on with. */
struct blob_state {
    crypto_secretstream_xchacha20poly1305_state stream;
    uint64_t chunk; /* the next one */
};

void blob_seal_start(struct blob_state *s, const uint8_t key[SEALED_KEY], uint8_t header[BLOB_HEADER]);
/* Seals the next chunk: text.len + BLOB_TAG bytes into out. Nothing may be sealed after the last. */
void blob_seal(struct blob_state *s, struct slice text, bool last, uint8_t *out);

/* False: such a header cannot be. */
bool blob_open_start(struct blob_state *s, const uint8_t key[SEALED_KEY], const uint8_t header[BLOB_HEADER])
    __attribute__((warn_unused_result));
/* Opens the next chunk: sealed.len - BLOB_TAG bytes into out. False, and s is as it was: it is not that chunk,
 * or it is the last one and should not be, or the other way round. */
bool blob_open(struct blob_state *s, struct slice sealed, bool last, uint8_t *out)
    __attribute__((warn_unused_result));

#endif
