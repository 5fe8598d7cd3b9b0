/*
 * client_file_answers.c - what the server says of files (protocol.md section 6.9), judged when no batch is open:
 * what it means for a transfer, for its row, and for people.
 */
#include "client_private.h"

#include <stdio.h>
#include <string.h>

#include "file_name.h"
#include "transfers.h"

enum { RETRY_MS = 1000 };

/* What the server has of the content. */
static uint64_t got_content(const struct transfer *t)
{
    uint64_t n = blob_whole_chunks(t->up.got) * BLOB_CHUNK;
    return n < t->row.size ? n : t->row.size;
}

static bool at_server_no_more(uint16_t code)
{
    return code == WIRE_NO_SUCH_BLOB;
}

/* The server will not have it. What it says of a full disk passes: what is stored there is kept for later. */
static int refused(struct client *c, struct transfer *t, const struct wire_blob_no *m)
{
    char words[256], hint[256];
    file_text(m->text, words, sizeof words);
    file_text(m->hint, hint, sizeof hint);
    bool gone = at_server_no_more(m->code), later = t->row.own && m->code == WIRE_DISK_FULL;
    enum file_state state = later ? FILE_SENDING : gone ? FILE_GONE : FILE_FAILED;
    bool keep = later || (!t->row.own && !gone);
    /* What of it the server may still have, if it is but damaged there, is of no use to this device. */
    uint8_t say = !t->row.own && gone ? WIRE_BLOB_DECLINE : t->row.own && !later && t->row.offered ? WIRE_BLOB_DROP : 0;
    if (files_finish(c, t, state, say, words) < 0) return -1;
    files_tell(c, t, gone ? CLIENT_FILE_GONE : CLIENT_FILE_FAILED, wire_code_name(m->code), words, hint);
    files_end_transfer(c, t, keep);
    return 0;
}

/* --- own files --- */

/* The message that offers it: number, history, draft and row change together. */
static int offer(struct client *c, struct transfer *t)
{
    struct buf body = {0}, bytes = {0};
    struct vault_draft d = {.number = t->row.id, .to = t->row.to};
    const struct content content = file_book_content(&t->row);
    int r = content_encode(&content, &bytes);
    file_offer_put(&body, &(struct file_offer){t->row.id, t->row.size, t->row.name, t->row.text});
    d.content = sealed_head(&bytes);
    if (r == 0) r = vault_begin(c->o.vault);
    if (r == 0) {
        uint8_t kind = t->row.to.data[0] == '#' ? WIRE_TO_ROOM : WIRE_TO_USER;
        r = client_draft(c, kind, &d, sealed_head(&body), content.time_ms);
        t->row.offered = true;
        if (r == 0) r = file_book_put(c->o.vault, &t->row);
        r = vault_finish(c->o.vault, r);
    }
    sealed_buf_wipe(&body);
    sealed_buf_wipe(&bytes);
    if (r == 0) files_tell(c, t, CLIENT_FILE_OFFERED, NULL, NULL, NULL);
    return r;
}

static int stored(struct client *c, struct transfer *t)
{
    if (t->row.size == FILE_SIZE_OPEN) up_measure(t);
    t->done = t->row.size;
    if (!t->row.offered && offer(c, t) < 0) return -1;
    if (files_finish(c, t, FILE_STORED, 0, "") < 0) return -1;
    files_tell(c, t, CLIENT_FILE_STORED, NULL, NULL, NULL);
    t->ref = 0;
    files_end_transfer(c, t, false);
    return 0;
}

/* --- answers --- */

static int begin_up(struct client *c, struct transfer *t, const struct wire_blob_ready *m)
{
    if (m->complete) return stored(c, t);
    if (!up_ready(t, m->upto)) {
        transfer_fail(t, "changed", "the server has lost what was sent of it");
        why_hint(&t->why, "the offer is taken back; put the file again");
        return files_fail(c, t);
    }
    t->stage = STAGE_OPEN;
    t->done = got_content(t);
    return !t->row.offered && t->row.size != FILE_SIZE_OPEN ? offer(c, t) : 0;
}

static int begin_down(struct client *c, struct transfer *t, const struct wire_blob_ready *m)
{
    if (m->size != WIRE_BLOB_GROWS && m->size != blob_sealed_size(t->row.size)) {
        transfer_fail(t, "damaged", "what the server has is not as long as the file that was offered");
        return files_fail(c, t);
    }
    if (t->stage == STAGE_ASKED) t->stage = STAGE_OPEN; /* DATA that came with it may have ended it by now */
    return 0;
}

static int take_ready(struct client *c, struct slice p)
{
    struct wire_blob_ready m;
    if (!wire_get_blob_ready(p, &m)) return 0;
    struct transfer *t = files_find_ref(c, m.ref);
    if (!t || t->code) return 0;
    t->told = false;
    return t->row.own ? begin_up(c, t, &m) : begin_down(c, t, &m);
}

static void try_later(struct client *c, struct transfer *t, const struct wire_blob_no *m)
{
    char words[256];
    file_text(m->text, words, sizeof words);
    t->stage = STAGE_IDLE;
    t->ref = 0;
    t->retry_at = client_now(c) + (m->retry_ms > RETRY_MS ? m->retry_ms : RETRY_MS);
    files_tell_waits(c, t, wire_code_name(m->code), words);
}

/* Something that the server was told of a blob alone, and does not want to hear. */
static int take_no_more(struct client *c, const uint8_t blob[BLOB_ID], uint8_t op)
{
    struct file_row row;
    uint64_t id;
    int r = file_book_find(c->o.vault, blob, &id);
    if (r <= 0) return r;
    r = file_book_get(c->o.vault, id, &row);
    if (r > 0 && row.tell == op) {
        row.tell = 0;
        r = files_write(c, &row);
    }
    file_row_free(&row);
    return r < 0 ? -1 : 0;
}

static int take_no(struct client *c, struct slice p)
{
    struct wire_blob_no m;
    if (!wire_get_blob_no(p, &m)) return 0;
    struct transfer *t = files_find_ref(c, m.ref);
    bool later = m.retry_ms > 0 || m.code == WIRE_TOO_MANY || m.code == WIRE_TOO_FAST || m.code == WIRE_BUSY;
    if (!t && m.ref) return 0;
    if (!t && !later) return take_no_more(c, m.blob, m.asked);
    if (!t) {
        uint64_t due = client_now(c) + (m.retry_ms > RETRY_MS ? m.retry_ms : RETRY_MS);
        if (due < c->files->look_due) c->files->look_due = due;
        return 0;
    }
    if (m.asked == 0) t->ref = 0;
    if (later) {
        try_later(c, t, &m);
        return 0;
    }
    t->ref = 0;
    return refused(c, t, &m);
}

static int take_stored(struct client *c, struct slice p)
{
    struct wire_blob_stored m;
    if (!wire_get_blob_stored(p, &m)) return 0;
    struct transfer *t = files_find_ref(c, m.ref);
    return t && t->row.own && t->stage == STAGE_ENDING ? stored(c, t) : 0;
}

static int take_got(struct client *c, struct slice p)
{
    struct wire_blob_got m;
    if (!wire_get_blob_got(p, &m)) return 0;
    struct transfer *t = files_find_ref(c, m.ref);
    if (!t || !t->row.own || m.upto > t->up.next || m.upto < t->up.got) return 0;
    t->up.got = m.upto;
    t->done = t->row.size == FILE_SIZE_OPEN ? blob_whole_chunks(m.upto) * BLOB_CHUNK : got_content(t);
    files_tell_progress(c, t);
    return 0;
}

static int take_ok(struct client *c, struct slice p)
{
    struct wire_blob_ok m;
    return wire_get_blob_ok(p, &m) ? take_no_more(c, m.blob, m.asked) : 0;
}

/* What the end of an own blob means for its row. */
static void end_of(struct file_row *row, const struct wire_blob_notice *m)
{
    char words[256];
    file_text(m->text, words, sizeof words);
    bool done = m->end == WIRE_BLOB_FETCHED;
    row->state = done ? FILE_FETCHED : m->end == WIRE_BLOB_LOST ? FILE_FAILED : FILE_GONE;
    row->tell = 0;
    file_row_set(row, &row->words, done ? "" : words);
}

/* A file that was lost at the server is offered anew, under another number and key. */
static int put_anew(struct client *c, const struct file_row *row)
{
    char to[NAME_SIZE], path[4096], name[FILE_NAME_CAP], text[4096];
    struct why why;
    uint64_t id;
    snprintf(to, sizeof to, "%.*s", (int)row->to.len, (const char *)row->to.data);
    snprintf(name, sizeof name, "%.*s", (int)row->name.len, (const char *)row->name.data);
    file_text(row->path, path, sizeof path);
    file_text(row->text, text, sizeof text);
    if (!path[0]) return 0;
    const struct client_put again = {.to = to, .path = path, .fd = -1, .name = name, .text = text};
    return client_put(c, &again, &id, &why) == CLIENT_FILE_STORE ? -1 : 0;
}

/* A blob of ours has ended at the server. */
static int take_end(struct client *c, uint64_t id, const struct wire_blob_notice *m)
{
    struct transfer *t = client_files_find(c, id), gone = {0};
    char words[4096];
    int r = file_book_get(c->o.vault, id, &gone.row);
    if (r > 0 && gone.row.own) {
        end_of(&gone.row, m);
        r = files_write(c, &gone.row);
        file_text(gone.row.words, words, sizeof words);
        bool all = gone.row.state == FILE_FETCHED;
        if (r == 0) files_tell(c, &gone, all ? CLIENT_FILE_FETCHED : CLIENT_FILE_GONE, "no-such-blob", words, "");
        if (r == 0 && t) files_end_transfer(c, t, false);
        if (r == 0 && m->end == WIRE_BLOB_LOST) r = put_anew(c, &gone.row);
    }
    file_row_free(&gone.row);
    return r < 0 ? -1 : 0;
}

static int take_notice(struct client *c, struct slice p)
{
    struct wire_blob_notice m;
    uint64_t id;
    if (!wire_get_blob_notice(p, &m)) return 0;
    int r = file_book_find(c->o.vault, m.blob, &id);
    if (r > 0) r = take_end(c, id, &m);
    struct wire_blob_ask noted = {.op = WIRE_BLOB_NOTED};
    memcpy(noted.blob, m.blob, sizeof noted.blob);
    if (r >= 0) files_ask(c, &noted);
    return r < 0 ? -1 : 0;
}

int client_files_answers(struct client *c)
{
    static int (*const takers[])(struct client *, struct slice) = {
        [WIRE_BLOB_READY] = take_ready, [WIRE_BLOB_NO] = take_no, [WIRE_BLOB_STORED] = take_stored,
        [WIRE_BLOB_GOT] = take_got,     [WIRE_BLOB_OK] = take_ok, [WIRE_BLOB_NOTICE] = take_notice,
    };
    struct buf inbox = c->files->inbox;
    int r = 0;
    c->files->inbox = (struct buf){0};
    while (r == 0 && buf_len(&inbox)) {
        size_t n = get_u32(buf_head(&inbox));
        buf_drop(&inbox, 4);
        const struct slice p = {buf_head(&inbox), n};
        uint8_t op = n ? p.data[0] : 0;
        if (op < sizeof takers / sizeof *takers && takers[op]) r = takers[op](c, p);
        buf_drop(&inbox, n);
    }
    buf_free(&inbox);
    return r;
}

