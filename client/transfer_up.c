/*
 * transfer_up.c - an upload: source to chunks, chunks into the spool, from there to the server, within the
 * window. A regular file is read where the spool says that it goes on; a pipe as far as it has bytes.
 */
#include "transfers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

static uint64_t mtime_of(const struct stat *st)
{
    return (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
}

bool up_same_source(const struct file_row *row, int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == row->size &&
           st.st_ino == row->inode && mtime_of(&st) == row->mtime_ns;
}

static void fail_changed(struct transfer *t)
{
    char path[4096];
    file_text(t->row.path, path, sizeof path);
    transfer_fail(t, "changed", "\"%.180s\" was changed while it was sent", path);
    why_hint(&t->why, "the offer is taken back; put the file again");
}

static bool open_source(struct transfer *t)
{
    char path[4096];
    if (t->up.source >= 0) return true; /* a pipe, given to us */
    file_text(t->row.path, path, sizeof path);
    t->up.source = path[0] ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
    if (!path[0])
        transfer_fail(t, "changed", "the program that sent it has ended before its end");
    else if (t->up.source < 0)
        transfer_fail(t, "local", "cannot read \"%.180s\": %s", path, strerror(errno));
    else if (!up_same_source(&t->row, t->up.source))
        fail_changed(t);
    return !t->code;
}

enum transfer_open up_open(struct transfer *t, const char *spool_path)
{
    enum mapped_state state = spool_open(&t->up.spool, spool_path, t->row.blob, t->row.key, &t->why);
    if (state == MAPPED_BUSY) return TRANSFER_BUSY;
    if (state == MAPPED_FAILED) {
        t->code = "local";
        return TRANSFER_FAILED;
    }
    if (!open_source(t)) return TRANSFER_FAILED;
    /* The stored state is gone, and the key may have sealed what was in the file then. */
    if (state == MAPPED_FRESH && t->row.offered && t->row.path.len) {
        transfer_fail(t, "changed", "the state of this upload is lost");
        why_hint(&t->why, "the offer is taken back; put the file again");
        return TRANSFER_FAILED;
    }
    if (!t->up.piped) return TRANSFER_OPEN;
    if (!t->up.ahead) t->up.ahead = xmalloc(BLOB_CHUNK + 1);
    crypto_generichash_init(&t->up.hash, NULL, 0, SEALED_HASH);
    crypto_generichash_update(&t->up.hash, spool_header(&t->up.spool), BLOB_HEADER);
    return TRANSFER_OPEN;
}

void up_close(struct transfer *t)
{
    spool_close(&t->up.spool);
    if (t->up.source >= 0) close(t->up.source);
    t->up.source = -1;
    if (t->up.child > 0) waitpid(t->up.child, NULL, 0); /* nobody reads it any more: it ends */
    t->up.child = 0;
    if (t->up.ahead) sodium_memzero(t->up.ahead, BLOB_CHUNK + 1);
    free(t->up.ahead);
    t->up.ahead = NULL;
}

bool up_ready(struct transfer *t, uint64_t upto)
{
    uint64_t chunk = blob_whole_chunks(upto);
    if (chunk > spool_sealed(&t->up.spool) || chunk < spool_oldest(&t->up.spool)) return false;
    t->up.got = upto;
    t->up.next = upto < BLOB_HEADER ? 0 : blob_offset(chunk);
    return true;
}

/* --- sealing --- */

static bool read_whole(struct transfer *t, uint64_t at, size_t n, uint8_t *text)
{
    while (n) {
        ssize_t r = pread(t->up.source, text, n, (off_t)at);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) transfer_fail(t, "local", "cannot read the file: %s", strerror(errno));
        if (r == 0) fail_changed(t);
        if (r <= 0) return false;
        text += r;
        at += (uint64_t)r;
        n -= (size_t)r;
    }
    return true;
}

static enum up_step seal_regular(struct transfer *t, uint8_t text[BLOB_CHUNK])
{
    uint64_t chunk = spool_sealed(&t->up.spool), at = chunk * BLOB_CHUNK, size = t->row.size;
    size_t len = blob_chunk_len(size, chunk);
    size_t content = at >= size ? 0 : size - at < len ? (size_t)(size - at) : len;
    bool last = chunk + 1 == blob_chunks(size);
    if (!read_whole(t, at, content, text)) return UP_FAILED;
    memset(text + content, 0, len - content);
    if (last && !up_same_source(&t->row, t->up.source)) {
        fail_changed(t);
        return UP_FAILED;
    }
    spool_seal(&t->up.spool, sealed_slice(text, len), last);
    return UP_PUT;
}

/* Who wrote the pipe has closed it, and ends. False: what it wrote is not whole. */
static bool writer_content(struct transfer *t)
{
    int status = 0;
    if (t->up.child > 0 && waitpid(t->up.child, &status, 0) < 0) status = 0;
    t->up.child = 0;
    if (status == 0) return true;
    transfer_fail(t, "changed", "what reads the folder has failed: not all of it could be read");
    return false;
}

/* Reads a pipe until there is one byte more than a chunk, or its end. */
static enum up_step fill_ahead(struct transfer *t)
{
    struct transfer_up *up = &t->up;
    while (!up->ended && up->ahead_n <= BLOB_CHUNK) {
        ssize_t r = read(up->source, up->ahead + up->ahead_n, BLOB_CHUNK + 1 - up->ahead_n);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0 && errno == EAGAIN) return UP_WAIT;
        if (r < 0) {
            transfer_fail(t, "local", "cannot read: %s", strerror(errno));
            return UP_FAILED;
        }
        if (r == 0) {
            up->ended = true;
            if (!writer_content(t)) return UP_FAILED;
        }
        up->ahead_n += (size_t)r;
    }
    return UP_PUT;
}

/* A pipe's end is known when it has come: then zeros follow, in this chunk and perhaps in further ones. */
static enum up_step seal_pipe(struct transfer *t, uint8_t text[BLOB_CHUNK])
{
    struct transfer_up *up = &t->up;
    enum up_step step = fill_ahead(t);
    if (step != UP_PUT) return step;
    uint64_t chunk = spool_sealed(&up->spool);
    size_t content = up->ahead_n < BLOB_CHUNK ? up->ahead_n : BLOB_CHUNK, len = BLOB_CHUNK;
    up->content += content;
    bool last = up->ended && chunk + 1 == blob_chunks(up->content + up->ahead_n - content);
    if (last) len = blob_chunk_len(up->content, chunk);
    memcpy(text, up->ahead, content);
    memset(text + content, 0, len - content);
    memmove(up->ahead, up->ahead + content, up->ahead_n - content);
    up->ahead_n -= content;
    spool_seal(&up->spool, sealed_slice(text, len), last);
    struct slice sealed = spool_chunk(&up->spool, chunk);
    crypto_generichash_update(&up->hash, sealed.data, sealed.len);
    return UP_PUT;
}

void up_measure(struct transfer *t)
{
    crypto_generichash_state hash = t->up.hash;
    t->row.size = t->up.content;
    crypto_generichash_final(&hash, t->row.hash, SEALED_HASH);
}

/* --- sending --- */

static enum up_step put(struct transfer *t, struct slice bytes, struct buf *out)
{
    if (t->up.next + bytes.len > t->up.got + WIRE_BLOB_WINDOW) return UP_WAIT;
    wire_put_data(out, WIRE_DATA_UP, &(struct wire_data){t->ref, t->up.next, bytes});
    t->up.next += bytes.len;
    return UP_PUT;
}

enum up_step up_data(struct transfer *t, uint8_t text[BLOB_CHUNK], struct buf *out)
{
    struct spool *s = &t->up.spool;
    if (t->up.next < BLOB_HEADER) return put(t, sealed_slice(spool_header(s), BLOB_HEADER), out);
    uint64_t chunk = blob_whole_chunks(t->up.next);
    if (spool_ended(s) && t->up.next >= blob_offset(spool_sealed(s) - 1) + spool_chunk(s, spool_sealed(s) - 1).len)
        return UP_ENDED;
    if (chunk == spool_sealed(s)) {
        /* Sealed only when it may leave: so the ring always reaches back to what the server has. */
        if (t->up.next + BLOB_SEALED > t->up.got + WIRE_BLOB_WINDOW) return UP_WAIT;
        enum up_step step = t->up.piped ? seal_pipe(t, text) : seal_regular(t, text);
        if (step != UP_PUT) return step;
    }
    return put(t, spool_chunk(s, chunk), out);
}
