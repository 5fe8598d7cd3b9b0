/*
 * file_book.c - see file_book.h. VAULT_FILE, by number: the fields in the order of put_row(). VAULT_FILE_BLOB,
 * by the first half of a blob's number in hex: the number of its row, u64.
 */
#include "file_book.h"

#include <stdio.h>
#include <string.h>

#include "file_name.h"

enum { FORMAT = 1, OFFER_FORM = 0x80 };

static struct slice no_name(void)
{
    return sealed_slice("file", 4);
}

static bool same_bytes(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* --- rows --- */

static void put_row(struct buf *out, const struct file_row *r)
{
    buf_put_u8(out, FORMAT);
    buf_put_u8(out, r->state);
    buf_put_u8(out, (uint8_t)(r->own | r->offered << 1));
    buf_put_u8(out, r->tell);
    buf_put(out, r->blob, sizeof r->blob);
    buf_put(out, r->key, sizeof r->key);
    buf_put(out, r->hash, sizeof r->hash);
    buf_put_u64(out, r->size);
    buf_put_u64(out, r->time_ms);
    buf_put_u64(out, r->inode);
    buf_put_u64(out, r->mtime_ns);
    const struct slice *const parts[] = {&r->from, &r->to, &r->name, &r->path, &r->part, &r->text, &r->words};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        buf_put_str16(out, parts[i]->data, parts[i]->len);
}

static bool get_row(struct slice in, struct file_row *r)
{
    struct cur c = cur_of(in.data, in.len);
    uint8_t format = cur_u8(&c);
    r->state = cur_u8(&c);
    uint8_t flags = cur_u8(&c);
    r->own = flags & 1;
    r->offered = flags & 2;
    r->tell = cur_u8(&c);
    cur_copy(&c, r->blob, sizeof r->blob);
    cur_copy(&c, r->key, sizeof r->key);
    cur_copy(&c, r->hash, sizeof r->hash);
    r->size = cur_u64(&c);
    r->time_ms = cur_u64(&c);
    r->inode = cur_u64(&c);
    r->mtime_ns = cur_u64(&c);
    struct slice *const parts[] = {&r->from, &r->to, &r->name, &r->path, &r->part, &r->text, &r->words};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        *parts[i] = cur_str16(&c);
    return cur_end(&c) && format == FORMAT;
}

int file_book_get(struct vault *v, uint64_t id, struct file_row *row)
{
    *row = (struct file_row){.id = id};
    int r = vault_get(v, VAULT_FILE, no_name(), id, &row->bytes);
    if (r <= 0) return r;
    return get_row(sealed_head(&row->bytes), row);
}

int file_book_next(struct vault *v, uint64_t after, struct file_row *row)
{
    char name[VAULT_NAME] = "file";
    *row = (struct file_row){0};
    int r = vault_next_value(v, VAULT_FILE, name, &after);
    return r > 0 ? file_book_get(v, after, row) : r;
}

static struct slice blob_name(const uint8_t blob[BLOB_ID], char hex[VAULT_NAME])
{
    sodium_bin2hex(hex, VAULT_NAME, blob, BLOB_ID / 2);
    return sealed_slice(hex, BLOB_ID);
}

int file_book_find(struct vault *v, const uint8_t blob[BLOB_ID], uint64_t *id)
{
    char hex[VAULT_NAME];
    struct buf value = {0};
    int r = vault_get(v, VAULT_FILE_BLOB, blob_name(blob, hex), 0, &value);
    if (r > 0 && buf_len(&value) == 8) *id = get_u64(buf_head(&value));
    buf_free(&value);
    return r;
}

int file_book_put(struct vault *v, const struct file_row *row)
{
    char hex[VAULT_NAME];
    uint8_t number[8];
    struct buf value = {0};
    put_u64(number, row->id);
    put_row(&value, row);
    int r = vault_put(v, VAULT_FILE, no_name(), row->id, sealed_head(&value));
    if (r >= 0) r = vault_put(v, VAULT_FILE_BLOB, blob_name(row->blob, hex), 0, sealed_slice(number, sizeof number));
    sealed_buf_wipe(&value);
    return r < 0 ? -1 : 0;
}

void file_row_set(struct file_row *row, struct slice *field, const char *text)
{
    struct buf bytes = {0};
    *field = sealed_slice(text, strlen(text));
    put_row(&bytes, row);
    sealed_buf_wipe(&row->bytes);
    row->bytes = bytes;
    (void)get_row(sealed_head(&row->bytes), row); /* just written */
}

void file_text(struct slice field, char *out, size_t cap)
{
    size_t n = field.len < cap ? field.len : cap - 1;
    if (n) memcpy(out, field.data, n);
    out[n] = '\0';
}

void file_row_free(struct file_row *row)
{
    sealed_buf_wipe(&row->bytes);
    sodium_memzero(row, sizeof *row);
}

/* --- offers --- */

static int new_row(const struct keyring *k, const struct wire_deliver *m, struct slice to, const struct content *c,
                   struct file_row *row)
{
    char name[FILE_NAME_CAP];
    file_name_clean(c->u.file.name, name);
    *row = (struct file_row){.state = FILE_OFFERED, .size = c->u.file.size, .time_ms = m->time_ms,
                             .from = m->from, .to = to, .name = sealed_slice(name, strlen(name)),
                             .text = c->u.file.text};
    memcpy(row->blob, c->u.file.blob, sizeof row->blob);
    memcpy(row->key, c->u.file.key, sizeof row->key);
    memcpy(row->hash, c->u.file.hash, sizeof row->hash);
    if (vault_number(k->vault, &row->id) < 0 || file_book_put(k->vault, row) < 0) return -1;
    uint64_t id = row->id;
    return file_book_get(k->vault, id, row) > 0 ? 0 : -1;
}

/* A repeat of the message shows the row that there is, if it is the same sender's. */
static bool is_repeat(const struct file_row *row, const struct wire_deliver *m, const struct content *c)
{
    return same_bytes(row->from, m->from) && memcmp(row->blob, c->u.file.blob, sizeof row->blob) == 0 &&
           memcmp(row->key, c->u.file.key, sizeof row->key) == 0;
}

int file_book_offered(const struct keyring *k, const struct wire_deliver *m, struct slice to,
                      const struct content *c, struct buf *body)
{
    struct file_row row = {0};
    uint64_t id;
    int known = file_book_find(k->vault, c->u.file.blob, &id);
    if (known > 0) known = file_book_get(k->vault, id, &row);
    if (known > 0 && !is_repeat(&row, m, c)) {
        file_row_free(&row);
        known = 0;
    }
    if (known == 0) known = new_row(k, m, to, c, &row);
    if (known >= 0)
        file_offer_put(body, &(struct file_offer){row.id, c->u.file.size, row.name, c->u.file.text});
    file_row_free(&row);
    return known < 0 ? -1 : 0;
}

struct content file_book_content(const struct file_row *row)
{
    struct content c = {.kind = CONTENT_FILE, .time_ms = row->time_ms};
    memcpy(c.u.file.blob, row->blob, sizeof c.u.file.blob);
    memcpy(c.u.file.key, row->key, sizeof c.u.file.key);
    memcpy(c.u.file.hash, row->hash, sizeof c.u.file.hash);
    c.u.file.size = row->size;
    c.u.file.name = row->name;
    c.u.file.text = row->text;
    return c;
}

void file_offer_put(struct buf *body, const struct file_offer *o)
{
    buf_put_u8(body, WIRE_SUITE_PLAIN);
    buf_put_u8(body, OFFER_FORM);
    buf_put_u64(body, o->id);
    buf_put_u64(body, o->size);
    buf_put_str8(body, o->name.data, o->name.len);
    buf_put(body, o->text.data, o->text.len);
}

bool file_offer_get(struct slice body, struct file_offer *o)
{
    struct cur c = cur_of(body.data, body.len);
    bool offer = cur_u8(&c) == WIRE_SUITE_PLAIN && cur_u8(&c) == OFFER_FORM;
    o->id = cur_u64(&c);
    o->size = cur_u64(&c);
    o->name = cur_str8(&c);
    o->text = cur_rest(&c);
    return offer && cur_end(&c);
}
