/* link_record.c - records of a link (docs/protocol.md section 3): many frames, one encryption. */
#include <string.h>

#include "link_private.h"

/* The key changes before the record whose number is a multiple of WIRE_REKEY_EVERY, except 0. */
static uint64_t next_nonce(struct noise_cipher *key)
{
    if (key->nonce && key->nonce % WIRE_REKEY_EVERY == 0) noise_rekey(key->key);
    return key->nonce++;
}

/* Bytes of as many whole frames from the front of out as one record takes. */
static size_t gather(const struct buf *out)
{
    size_t n = 0;
    while (n < buf_len(out)) {
        const uint8_t *frame = buf_head(out) + n;
        size_t len = WIRE_FRAME_HEAD + get_u16(frame + 1);
        if (n + len > WIRE_PLAIN_MAX) break;
        n += len;
    }
    return n;
}

static void seal(struct link *l)
{
    size_t n = gather(&l->out), pad = wire_padding(n);
    if (n + pad > WIRE_PLAIN_MAX) pad = 0;
    size_t sealed = n + pad + NOISE_TAG_LEN;
    uint8_t *record = buf_room(&l->tx, WIRE_RECORD_HEAD + sealed);
    uint8_t *body = record + WIRE_RECORD_HEAD;
    put_u16(record, (uint16_t)sealed);
    memcpy(body, buf_head(&l->out), n);
    if (pad) wire_put_pad(body + n, pad);
    uint64_t nonce = next_nonce(&l->send_key);
    if (noise_seal(l->send_key.key, nonce, body, n + pad, body) < 0) {
        link_fail(l, LINK_BROKEN, "the record counter has run out");
        return;
    }
    buf_added(&l->tx, WIRE_RECORD_HEAD + sealed);
    buf_drop(&l->out, n);
}

void link_flush(struct link *l)
{
    while (l->state == LINK_OPEN && buf_len(&l->out))
        seal(l);
    buf_free(&l->out);
    if (l->state != LINK_DOWN) link_send(l);
}

static int broken(struct link *l, const char *words)
{
    link_fail(l, LINK_BROKEN, words);
    return -1;
}

/* Opens the record at the head of rx in place: 1, 0 not whole yet, -1 down. */
static int open_record(struct link *l)
{
    size_t have = buf_len(&l->rx);
    if (have < WIRE_RECORD_HEAD) return 0;
    uint8_t *head = buf_head(&l->rx), *body = head + WIRE_RECORD_HEAD;
    size_t n = get_u16(head);
    if (n <= NOISE_TAG_LEN) return broken(l, "the server sent a damaged record");
    if (have < WIRE_RECORD_HEAD + n) return 0;
    uint64_t nonce = next_nonce(&l->recv_key);
    if (noise_open(l->recv_key.key, nonce, body, n, body) < 0)
        return broken(l, "the server sent a damaged record");
    l->frames = cur_of(body, n - NOISE_TAG_LEN);
    l->record_len = WIRE_RECORD_HEAD + n;
    l->in_record = true;
    return 1;
}

static void close_record(struct link *l)
{
    l->in_record = false;
    buf_drop(&l->rx, l->record_len);
    if (buf_len(&l->rx) == 0) buf_free(&l->rx);
    if (buf_len(&l->join.parts) == 0) wire_join_reset(&l->join);
}

/* The next frame of the open record, put together from parts: 1, 0 at its end, -1 down. */
static int next_frame(struct link *l, struct wire_frame *f)
{
    int r;
    while ((r = wire_next(&l->frames, f)) > 0) {
        r = wire_join(&l->join, f);
        if (r < 0) return broken(l, "the server sent a frame that is too long");
        if (r > 0) return 1;
    }
    return r < 0 ? broken(l, "the server sent a damaged frame") : 0;
}

int link_frame(struct link *l, struct wire_frame *f)
{
    while (l->state == LINK_OPEN) {
        int r = l->in_record ? 1 : open_record(l);
        if (r > 0) r = next_frame(l, f);
        if (r != 0) return r;
        if (l->in_record) {
            close_record(l);
            continue;
        }
        if (l->ended) return broken(l, "the connection was lost");
        return 0;
    }
    return l->state == LINK_DOWN ? -1 : 0;
}

void link_forget_parts(struct link *l)
{
    wire_join_reset(&l->join);
}
