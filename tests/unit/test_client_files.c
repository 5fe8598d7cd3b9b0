/*
 * test_client_files.c - files at the engine against a scripted server: what is sent and written, where it goes on
 * after a break, and what becomes of it when the server lies, refuses, or the disk is full.
 */
#include "client_fake.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../../client/client.h"
#include "../../client/client_files.h"
#include "wire_blob.h"

enum { PIECE = 1000 };

struct told {
    enum client_file_news what;
    uint64_t id, done;
    char code[32], path[256];
};

struct scene {
    struct fake f;
    struct identity id;
    struct vault *v;
    struct client *c;
    uint64_t now, last_id;
    struct told told[64];
    unsigned n;
    char folder[64], source[96];
};

static uint64_t the_clock(void *arg)
{
    return ((struct scene *)arg)->now;
}

static void on_event(void *arg, const struct client_event *e)
{
    struct scene *s = arg;
    if (e->type != CLIENT_FILE || e->file->what == CLIENT_FILE_MOVES) return;
    struct told *t = &s->told[s->n++ % 64];
    *t = (struct told){e->file->what, e->file->row->id, e->file->done, "", ""};
    snprintf(t->code, sizeof t->code, "%s", e->file->code ? e->file->code : "");
    snprintf(t->path, sizeof t->path, "%.*s", (int)e->file->row->path.len, (const char *)e->file->row->path.data);
}

static void make_client(struct scene *s)
{
    s->c = client_new(&(struct client_options){.host = "x", .port = "1", .user = "alice", .identity = &s->id,
                                               .vault = s->v, .folder = s->folder, .event = on_event, .arg = s,
                                               .clock = the_clock});
    assert_non_null(s->c);
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    fake_keys(&s->f);
    s->f.deaf_to_keys = true;
    identity_make(&s->id);
    s->now = 1000;
    snprintf(s->folder, sizeof s->folder, "/tmp/csmsg-files-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->source, sizeof s->source, "%s/source.bin", s->folder);
    s->v = vault_memory();
    make_client(s);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    char command[128];
    client_free(s->c);
    vault_close(s->v);
    fake_close(&s->f);
    snprintf(command, sizeof command, "rm -r -- %s", s->folder);
    assert_int_equal(system(command), 0);
    free(s);
    return 0;
}

static void step(struct scene *s)
{
    client_step(s->c, POLLIN | POLLOUT);
}

static void connect_it(struct scene *s)
{
    struct buf b = {0};
    client_connect_over(s->c, fake_connect(&s->f));
    step(s);
    fake_handshake(&s->f, FAKE_GOOD);
    step(s);
    fake_expect(&s->f, WIRE_LOGIN);
    wire_put_welcome(&b, &(struct wire_welcome){.name = text_of("alice"), .device = s->id.device, .incarnation = 1,
                                                .lobby_head = 9, .server = text_of("test")});
    fake_send(&s->f, &b);
    step(s);
    assert_int_equal(client_state(s->c), CLIENT_OPEN);
}

/* The process dies and another one begins. */
static void die(struct scene *s)
{
    client_free(s->c);
    fake_close(&s->f);
    make_client(s);
}

/* What another thread finishes comes when it has. */
static void wait_step(struct scene *s)
{
    struct pollfd p = {client_files_fd(s->c), POLLIN, 0};
    poll(&p, 1, 50);
    step(s);
}

static void expect_told(struct scene *s, enum client_file_news what, const char *code)
{
    for (int i = 0; i < 100 && (s->n == 0 || s->told[(s->n - 1) % 64].what != what); i++)
        wait_step(s);
    assert_true(s->n > 0);
    assert_int_equal(s->told[(s->n - 1) % 64].what, what);
    assert_string_equal(s->told[(s->n - 1) % 64].code, code);
}

static struct file_row row_of(struct scene *s, uint64_t id)
{
    struct file_row row;
    assert_int_equal(file_book_get(s->v, id, &row), 1);
    return row;
}

static enum file_state state_of(struct scene *s, uint64_t id)
{
    struct file_row row = row_of(s, id);
    enum file_state state = row.state;
    file_row_free(&row);
    return state;
}

static struct wire_blob_ask expect_ask(struct scene *s, uint8_t op)
{
    struct wire_blob_ask m;
    assert_true(wire_get_blob_ask(fake_expect(&s->f, WIRE_BLOB_ASK), &m));
    assert_int_equal(m.op, op);
    return m;
}

static void send_step(struct scene *s, struct buf *b)
{
    fake_send(&s->f, b);
    step(s);
    step(s);
}

static void ready(struct scene *s, uint32_t ref, uint64_t size, uint64_t upto)
{
    struct buf b = {0};
    wire_put_blob_ready(&b, &(struct wire_blob_ready){.ref = ref, .size = size, .upto = upto});
    send_step(s, &b);
}

static void refuse(struct scene *s, uint32_t ref, uint8_t asked, uint16_t code)
{
    struct buf b = {0};
    wire_put_blob_no(&b, &(struct wire_blob_no){.asked = asked, .ref = ref, .code = code, .text = text_of("no"),
                                                .hint = text_of("")});
    send_step(s, &b);
}

/* --- content --- */

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 7 + i / 1024 + 1);
}

static void write_source(struct scene *s, uint64_t size)
{
    FILE *f = fopen(s->source, "w");
    for (uint64_t i = 0; i < size; i++)
        fputc(byte_at(i), f);
    assert_int_equal(fclose(f), 0);
}

static uint64_t put(struct scene *s, const char *to)
{
    struct why why;
    uint64_t id = 0;
    const struct client_put what = {.to = to, .path = s->source, .fd = -1};
    assert_int_equal(client_put(s->c, &what, &id, &why), CLIENT_FILE_TAKEN);
    step(s);
    return id;
}

/* --- uploads --- */

struct received {
    uint8_t *bytes;
    uint64_t len;
};

/* Takes DATA as far as it comes, from where it should go on. */
static void take_data(struct scene *s, struct received *r, uint64_t from)
{
    struct wire_data m;
    r->len = from;
    for (;;) {
        for (int i = 0; i < 4; i++)
            step(s);
        if (fake_quiet(&s->f)) return;
        struct wire_frame frame;
        fake_frame(&s->f, &frame);
        if (frame.type != WIRE_DATA_UP) {
            s->f.frames.p = frame.payload.data - WIRE_FRAME_HEAD; /* read again by whoever expects it */
            return;
        }
        assert_true(wire_get_data(frame.payload, &m));
        assert_int_equal(m.offset, r->len);
        memcpy(r->bytes + r->len, m.bytes.data, m.bytes.len);
        r->len += m.bytes.len;
    }
}

static void got(struct scene *s, uint32_t ref, uint64_t upto)
{
    struct buf b = {0};
    wire_put_blob_got(&b, &(struct wire_blob_got){ref, upto});
    send_step(s, &b);
}

/* Is what came the content, under the row's key? */
static void opens(struct scene *s, uint64_t id, const struct received *r, uint64_t size)
{
    struct file_row row = row_of(s, id);
    struct blob_state state;
    uint8_t text[BLOB_CHUNK];
    uint64_t n = blob_chunks(size), at = 0;
    assert_int_equal(r->len, blob_sealed_size(size));
    assert_true(blob_open_start(&state, row.key, r->bytes));
    for (uint64_t c = 0; c < n; c++) {
        size_t len = blob_chunk_len(size, c);
        assert_true(blob_open(&state, sealed_slice(r->bytes + blob_offset(c), len + BLOB_TAG), c + 1 == n, text));
        for (size_t i = 0; i < len; i++, at++)
            if (text[i] != (at < size ? byte_at(at) : 0)) fail_msg("byte %llu", (unsigned long long)at);
    }
    file_row_free(&row);
}

static void finish_upload(struct scene *s, uint64_t id, uint32_t ref, struct received *r, uint64_t size)
{
    struct buf b = {0};
    while (r->len < blob_sealed_size(size)) {
        uint64_t before = r->len;
        got(s, ref, r->len);
        take_data(s, r, r->len);
        assert_true(r->len > before);
    }
    assert_int_equal(expect_ask(s, WIRE_BLOB_DONE).at, blob_sealed_size(size));
    wire_put_blob_stored(&b, &(struct wire_blob_stored){ref});
    send_step(s, &b);
    expect_told(s, CLIENT_FILE_STORED, "");
    assert_int_equal(state_of(s, id), FILE_STORED);
    opens(s, id, r, size);
}

static struct received room_for(uint64_t size)
{
    return (struct received){calloc(1, blob_sealed_size(size)), 0};
}

static void every_size(void **state)
{
    struct scene *s = *state;
    static const uint64_t sizes[] = {0, 1, BLOB_CHUNK - 1, BLOB_CHUNK, BLOB_CHUNK + 1, 3 * BLOB_CHUNK + 7};
    connect_it(s);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct received r = room_for(sizes[i]);
        write_source(s, sizes[i]);
        uint64_t id = put(s, "bob");
        struct wire_blob_ask m = expect_ask(s, WIRE_BLOB_PUT);
        assert_int_equal(m.at, blob_sealed_size(sizes[i]));
        assert_int_equal(m.to.len, 3);
        ready(s, m.ref, m.at, 0);
        take_data(s, &r, 0);
        finish_upload(s, id, m.ref, &r, sizes[i]);
        free(r.bytes);
    }
}

/* The message that offers it waits for bob's keys, as a draft that says what the row does. */
static void it_is_offered_once(void **state)
{
    struct scene *s = *state;
    struct vault_draft d;
    struct content c;
    struct received r = room_for(PIECE);
    connect_it(s);
    write_source(s, PIECE);
    uint64_t id = put(s, "bob");
    struct wire_blob_ask m = expect_ask(s, WIRE_BLOB_PUT);
    assert_int_equal(vault_next_draft(s->v, text_of("bob"), 0, &d), 0); /* not before the server takes it */
    ready(s, m.ref, m.at, 0);
    assert_int_equal(vault_next_draft(s->v, text_of("bob"), 0, &d), 1);
    assert_int_equal(d.number, id);
    assert_int_equal(content_decode(&c, d.content), CONTENT_GOOD);
    assert_int_equal(c.kind, CONTENT_FILE);
    assert_int_equal(c.u.file.size, PIECE);
    assert_memory_equal(c.u.file.blob, m.blob, sizeof m.blob);
    die(s);
    client_files_auto(s->c);
    connect_it(s);
    step(s);
    m = expect_ask(s, WIRE_BLOB_PUT);
    ready(s, m.ref, m.at, 0);
    assert_int_equal(vault_next_draft(s->v, text_of("bob"), id, &d), 0);
    free(r.bytes);
}

static void the_window_is_kept(void **state)
{
    struct scene *s = *state;
    const uint64_t size = 40 * BLOB_CHUNK;
    struct received r = room_for(size);
    connect_it(s);
    write_source(s, size);
    uint64_t id = put(s, "bob");
    struct wire_blob_ask m = expect_ask(s, WIRE_BLOB_PUT);
    ready(s, m.ref, m.at, 0);
    take_data(s, &r, 0);
    assert_true(r.len <= WIRE_BLOB_WINDOW && r.len > WIRE_BLOB_WINDOW - WIRE_BLOB_CHUNK);
    uint64_t before = r.len;
    got(s, m.ref, 100000);
    take_data(s, &r, r.len);
    assert_true(r.len > before && r.len <= 100000 + WIRE_BLOB_WINDOW);
    finish_upload(s, id, m.ref, &r, size);
    free(r.bytes);
}

/* Killed in the middle of a window: what comes again is what came before, byte for byte, from any place. */
static void resumed_at(struct scene *s, uint64_t upto)
{
    const uint64_t size = 40 * BLOB_CHUNK;
    struct received first = room_for(size), again = room_for(size);
    connect_it(s);
    write_source(s, size);
    uint64_t id = put(s, "bob");
    struct wire_blob_ask m = expect_ask(s, WIRE_BLOB_PUT), m2;
    ready(s, m.ref, m.at, 0);
    take_data(s, &first, 0);
    if (upto > WIRE_BLOB_WINDOW / 2) {
        got(s, m.ref, WIRE_BLOB_WINDOW / 2);
        take_data(s, &first, first.len);
    }
    die(s);
    assert_int_equal(put(s, "bob"), id);
    connect_it(s);
    step(s);
    m2 = expect_ask(s, WIRE_BLOB_PUT);
    assert_memory_equal(m2.blob, m.blob, sizeof m.blob);
    if (upto > first.len) upto = first.len;
    ready(s, m2.ref, m2.at, upto);
    uint64_t from = upto < BLOB_HEADER ? 0 : blob_offset(blob_whole_chunks(upto));
    memcpy(again.bytes, first.bytes, from);
    take_data(s, &again, from);
    assert_memory_equal(again.bytes, first.bytes, first.len < again.len ? first.len : again.len);
    finish_upload(s, id, m2.ref, &again, size);
    free(first.bytes);
    free(again.bytes);
}

static void resumed_at_nothing(void **state)
{
    resumed_at(*state, 0);
}
static void resumed_behind_the_header(void **state)
{
    resumed_at(*state, BLOB_HEADER);
}
static void resumed_in_a_chunk(void **state)
{
    resumed_at(*state, WIRE_BLOB_WINDOW / 2 + 12345);
}
static void resumed_at_a_border(void **state)
{
    resumed_at(*state, blob_offset(12));
}
static void resumed_at_all_that_was_sent(void **state)
{
    resumed_at(*state, UINT64_MAX);
}

static void a_changed_file_is_taken_back(void **state)
{
    struct scene *s = *state;
    const uint64_t size = 40 * BLOB_CHUNK;
    struct received r = room_for(size);
    connect_it(s);
    write_source(s, size);
    uint64_t id = put(s, "bob");
    struct wire_blob_ask m = expect_ask(s, WIRE_BLOB_PUT);
    ready(s, m.ref, m.at, 0);
    take_data(s, &r, 0);
    FILE *f = fopen(s->source, "r+");
    fputc('x', f);
    fclose(f);
    while (state_of(s, id) == FILE_SENDING) {
        uint64_t before = r.len;
        got(s, m.ref, r.len);
        take_data(s, &r, r.len);
        if (state_of(s, id) == FILE_SENDING) assert_true(r.len > before);
    }
    expect_told(s, CLIENT_FILE_FAILED, "changed");
    assert_memory_equal(expect_ask(s, WIRE_BLOB_DROP).blob, m.blob, sizeof m.blob);
    free(r.bytes);
}

static void refused_with_words(void **state)
{
    struct scene *s = *state;
    connect_it(s);
    write_source(s, PIECE);
    uint64_t id = put(s, "bob");
    struct wire_blob_ask m = expect_ask(s, WIRE_BLOB_PUT);
    refuse(s, m.ref, WIRE_BLOB_PUT, WIRE_FILES_FULL);
    expect_told(s, CLIENT_FILE_FAILED, "files-full");
    assert_int_equal(state_of(s, id), FILE_FAILED);
    uint64_t second = put(s, "bob"); /* anew, since nothing is there to go on with */
    assert_int_not_equal(second, id);
    m = expect_ask(s, WIRE_BLOB_PUT);
    refuse(s, m.ref, WIRE_BLOB_PUT, WIRE_TOO_FAST);
    expect_told(s, CLIENT_FILE_WAITS, "too-fast");
    assert_true(fake_quiet(&s->f));
    s->now += 5000;
    step(s);
    m = expect_ask(s, WIRE_BLOB_PUT);
    ready(s, m.ref, m.at, 0);
    refuse(s, m.ref, 0, WIRE_DISK_FULL);
    expect_told(s, CLIENT_FILE_FAILED, "disk-full");
    assert_int_equal(state_of(s, second), FILE_SENDING); /* for the next try */
}

static void a_pipe_is_measured_at_its_end(void **state)
{
    static const uint64_t sizes[] = {0, 1, BLOB_CHUNK, BLOB_CHUNK + 1, 2 * BLOB_CHUNK};
    struct scene *s = *state;
    struct vault_draft d;
    struct why why;
    connect_it(s);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int ends[2];
        uint64_t id;
        struct received r = room_for(sizes[i]);
        write_source(s, sizes[i]);
        assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
        const struct client_put what = {.to = "bob", .fd = ends[0], .name = "pipe"};
        assert_int_equal(client_put(s->c, &what, &id, &why), CLIENT_FILE_TAKEN);
        step(s);
        struct wire_blob_ask m = expect_ask(s, WIRE_BLOB_PUT);
        assert_true(m.at == WIRE_BLOB_GROWS);
        ready(s, m.ref, WIRE_BLOB_GROWS, 0);
        for (uint64_t at = 0; at < sizes[i]; at++) {
            uint8_t byte = byte_at(at);
            assert_int_equal(write(ends[1], &byte, 1), 1);
        }
        take_data(s, &r, 0);
        assert_true(r.len < blob_sealed_size(sizes[i]));
        assert_int_equal(vault_next_draft(s->v, text_of("bob"), id - 1, &d), 0);
        close(ends[1]);
        take_data(s, &r, r.len);
        finish_upload(s, id, m.ref, &r, sizes[i]);
        assert_int_equal(vault_next_draft(s->v, text_of("bob"), id - 1, &d), 1);
        free(r.bytes);
    }
}

static void a_dead_pipe_is_taken_back(void **state)
{
    struct scene *s = *state;
    int ends[2];
    uint64_t id;
    struct why why;
    connect_it(s);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    const struct client_put what = {.to = "bob", .fd = ends[0], .name = "pipe"};
    assert_int_equal(client_put(s->c, &what, &id, &why), CLIENT_FILE_TAKEN);
    step(s);
    struct wire_blob_ask m = expect_ask(s, WIRE_BLOB_PUT);
    ready(s, m.ref, WIRE_BLOB_GROWS, 0);
    die(s);
    client_files_auto(s->c);
    connect_it(s);
    step(s);
    assert_memory_equal(expect_ask(s, WIRE_BLOB_DROP).blob, m.blob, sizeof m.blob);
    assert_int_equal(state_of(s, id), FILE_FAILED);
    close(ends[1]);
}

/* --- downloads --- */

struct offered {
    uint64_t id, size;
    uint8_t *blob;
    uint64_t len;
};

/* bob's file, as it lies at the server and as his message offers it. */
static struct offered offer_named(struct scene *s, uint64_t size, const char *name)
{
    struct offered o = {.size = size, .len = blob_sealed_size(size)};
    struct content c = {.kind = CONTENT_FILE, .u.file = {.size = size, .name = text_of(name)}};
    struct keyring k = {.vault = s->v, .identity = &s->id, .name = text_of("alice")};
    const struct wire_deliver m = {.from = text_of("bob"), .to = text_of("alice"), .from_device = 9};
    struct buf body = {0};
    struct blob_state st;
    struct file_offer shown;
    uint8_t text[BLOB_CHUNK];
    uint64_t at = 0, n = blob_chunks(size);
    randombytes_buf(c.u.file.blob, 32);
    randombytes_buf(c.u.file.key, 32);
    o.blob = malloc(o.len);
    blob_seal_start(&st, c.u.file.key, o.blob);
    for (uint64_t chunk = 0; chunk < n; chunk++) {
        size_t len = blob_chunk_len(size, chunk);
        for (size_t i = 0; i < len; i++, at++)
            text[i] = at < size ? byte_at(at) : 0;
        blob_seal(&st, sealed_slice(text, len), chunk + 1 == n, o.blob + blob_offset(chunk));
    }
    crypto_generichash(c.u.file.hash, 32, o.blob, o.len, NULL, 0);
    assert_int_equal(file_book_offered(&k, &m, m.to, &c, &body), 0);
    assert_true(file_offer_get(sealed_head(&body), &shown));
    o.id = shown.id;
    buf_free(&body);
    return o;
}

static struct offered offer(struct scene *s, uint64_t size)
{
    return offer_named(s, size, "../evil\n.txt");
}

static struct wire_blob_ask get(struct scene *s, const struct offered *o)
{
    struct why why;
    assert_int_equal(client_get(s->c, o->id, s->folder, -1, &why), CLIENT_FILE_TAKEN);
    step(s);
    return expect_ask(s, WIRE_BLOB_GET);
}

/* Sends the piece of the blob that begins there: the head, or a chunk. */
static uint64_t give(struct scene *s, uint32_t ref, const struct offered *o, uint64_t at)
{
    struct buf b = {0};
    uint64_t end = wire_blob_border(at);
    if (end > o->len) end = o->len;
    wire_put_data(&b, WIRE_DATA, &(struct wire_data){ref, at, sealed_slice(o->blob + at, (size_t)(end - at))});
    send_step(s, &b);
    return end;
}

static void holds_content(const char *path, uint64_t size)
{
    struct stat st;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    assert_int_equal(st.st_size, size);
    assert_int_equal(st.st_mode & 0777, 0600);
    for (uint64_t i = 0; i < size; i++)
        if (fgetc(f) != byte_at(i)) fail_msg("byte %llu", (unsigned long long)i);
    fclose(f);
}

static void finish_download(struct scene *s, const struct offered *o, uint32_t ref, uint64_t at)
{
    struct wire_frame frame;
    struct wire_blob_ask m;
    do
        at = give(s, ref, o, at);
    while (at < o->len);
    for (int i = 0; i < 100 && state_of(s, o->id) != FILE_HERE; i++)
        wait_step(s);
    expect_told(s, CLIENT_FILE_HERE, "");
    assert_int_equal(state_of(s, o->id), FILE_HERE);
    holds_content(s->told[(s->n - 1) % 64].path, o->size);
    do { /* credits before it */
        fake_frame(&s->f, &frame);
        assert_true(wire_get_blob_ask(frame.payload, &m));
    } while (m.op == WIRE_BLOB_CREDIT);
    assert_int_equal(m.op, WIRE_BLOB_HAVE);
    assert_int_equal(expect_ask(s, WIRE_BLOB_STOP).ref, ref);
    free(o->blob);
}

static void every_size_comes(void **state)
{
    struct scene *s = *state;
    static const uint64_t sizes[] = {0, 1, BLOB_CHUNK - 1, BLOB_CHUNK, BLOB_CHUNK + 1, 9 * BLOB_CHUNK + 7};
    char path[96];
    connect_it(s);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct offered o = offer(s, sizes[i]);
        struct wire_blob_ask m = get(s, &o);
        assert_int_equal(m.at, 0);
        ready(s, m.ref, o.len, 0);
        finish_download(s, &o, m.ref, 0);
        if (i == 0) snprintf(path, sizeof path, "%s/evil_.txt", s->folder);
        else snprintf(path, sizeof path, "%s/evil_ (%zu).txt", s->folder, i + 1);
        assert_string_equal(s->told[(s->n - 1) % 64].path, path);
    }
}

static void a_download_goes_on(void **state)
{
    struct scene *s = *state;
    connect_it(s);
    struct offered o = offer(s, 9 * BLOB_CHUNK);
    struct wire_blob_ask m = get(s, &o);
    ready(s, m.ref, o.len, 0);
    uint64_t at = give(s, m.ref, &o, give(s, m.ref, &o, give(s, m.ref, &o, 0)));
    assert_int_equal(at, blob_offset(2));
    die(s);
    client_files_auto(s->c);
    connect_it(s);
    step(s);
    m = expect_ask(s, WIRE_BLOB_GET);
    assert_int_equal(m.at, at);
    ready(s, m.ref, o.len, o.len);
    finish_download(s, &o, m.ref, at);
}

/* Nothing that a hostile server sends becomes a file, or part of one. */
static void lied_to(struct scene *s, void (*lie)(struct offered *o, uint64_t *at, struct wire_data *d))
{
    struct offered o = offer(s, 3 * BLOB_CHUNK + 100);
    struct wire_blob_ask m = get(s, &o);
    struct buf b = {0};
    char path[128];
    struct stat st;
    ready(s, m.ref, o.len, 0);
    uint64_t at = give(s, m.ref, &o, give(s, m.ref, &o, 0));
    struct wire_data d = {m.ref, at, sealed_slice(o.blob + at, BLOB_SEALED)};
    lie(&o, &at, &d);
    wire_put_data(&b, WIRE_DATA, &d);
    send_step(s, &b);
    expect_told(s, CLIENT_FILE_FAILED, "damaged");
    assert_int_equal(state_of(s, o.id), FILE_FAILED);
    assert_int_equal(expect_ask(s, WIRE_BLOB_STOP).ref, m.ref);
    snprintf(path, sizeof path, "%s/evil_.txt.part", s->folder);
    assert_int_not_equal(lstat(path, &st), 0);
    free(o.blob);
}

static void flip(struct offered *o, uint64_t *at, struct wire_data *d)
{
    o->blob[*at + 1000] ^= 1;
    (void)d;
}
static void exchange(struct offered *o, uint64_t *at, struct wire_data *d)
{
    (void)at;
    d->bytes.data = o->blob + blob_offset(2);
}
static void repeat(struct offered *o, uint64_t *at, struct wire_data *d)
{
    (void)at;
    d->bytes.data = o->blob + blob_offset(0);
}
static void shorten(struct offered *o, uint64_t *at, struct wire_data *d)
{
    (void)o;
    (void)at;
    d->bytes.len--;
}
static void leave_out(struct offered *o, uint64_t *at, struct wire_data *d)
{
    (void)at;
    d->offset = blob_offset(2);
    d->bytes.data = o->blob + blob_offset(2);
}
static void go_back(struct offered *o, uint64_t *at, struct wire_data *d)
{
    (void)at;
    d->offset = blob_offset(0);
    d->bytes.data = o->blob + blob_offset(0);
}

static void a_hostile_server(void **state)
{
    struct scene *s = *state;
    connect_it(s);
    void (*const lies[])(struct offered *, uint64_t *, struct wire_data *) = {flip,    exchange,  repeat,
                                                                              shorten, leave_out, go_back};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
        lied_to(s, lies[i]);
    struct offered o = offer(s, PIECE);
    struct wire_blob_ask m = get(s, &o);
    ready(s, m.ref, o.len + 1, 0); /* longer than the message says */
    expect_told(s, CLIENT_FILE_FAILED, "damaged");
    expect_ask(s, WIRE_BLOB_STOP);
    free(o.blob);
}

/* The server hears this, and says that it has. */
static void answer_ask(struct scene *s, uint8_t op)
{
    struct wire_blob_ask m = expect_ask(s, op);
    struct buf b = {0};
    struct wire_blob_ok ok = {.asked = op};
    memcpy(ok.blob, m.blob, sizeof ok.blob);
    wire_put_blob_ok(&b, &ok);
    send_step(s, &b);
}

static void gone_and_declined(void **state)
{
    struct scene *s = *state;
    struct why why;
    connect_it(s);
    struct offered o = offer(s, PIECE);
    struct wire_blob_ask m = get(s, &o);
    refuse(s, m.ref, WIRE_BLOB_GET, WIRE_NO_SUCH_BLOB);
    expect_told(s, CLIENT_FILE_GONE, "no-such-blob");
    answer_ask(s, WIRE_BLOB_DECLINE); /* should it be there, and damaged */
    assert_int_equal(client_get(s->c, o.id, s->folder, -1, &why), CLIENT_FILE_NO_SUCH);
    free(o.blob);
    o = offer(s, PIECE);
    assert_int_equal(client_decline(s->c, o.id, &why), CLIENT_FILE_TAKEN);
    step(s);
    expect_ask(s, WIRE_BLOB_DECLINE);
    assert_int_equal(state_of(s, o.id), FILE_DECLINED);
    die(s); /* before the server has answered: it is said again */
    client_files_auto(s->c);
    connect_it(s);
    step(s);
    answer_ask(s, WIRE_BLOB_DECLINE);
    struct file_row row = row_of(s, o.id);
    assert_int_equal(row.tell, 0);
    file_row_free(&row);
    free(o.blob);
}

/* What is on the disk stays, and the next try goes on there. */
static void a_full_disk(void **state)
{
    struct scene *s = *state;
    struct rlimit before, small;
    connect_it(s);
    struct offered o = offer(s, 9 * BLOB_CHUNK);
    struct wire_blob_ask m = get(s, &o);
    ready(s, m.ref, o.len, 0);
    uint64_t at = give(s, m.ref, &o, give(s, m.ref, &o, 0));
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){BLOB_CHUNK + 5000, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    give(s, m.ref, &o, at);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    expect_told(s, CLIENT_FILE_FAILED, "local");
    expect_ask(s, WIRE_BLOB_STOP);
    m = get(s, &o);
    assert_int_equal(m.at, at);
    ready(s, m.ref, o.len, o.len);
    finish_download(s, &o, m.ref, at);
}

static void to_a_descriptor(void **state)
{
    struct scene *s = *state;
    struct why why;
    int ends[2];
    uint8_t text[PIECE + 1];
    connect_it(s);
    struct offered o = offer(s, PIECE);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(client_get(s->c, o.id, NULL, ends[1], &why), CLIENT_FILE_TAKEN);
    step(s);
    struct wire_blob_ask m = expect_ask(s, WIRE_BLOB_GET);
    ready(s, m.ref, o.len, 0);
    give(s, m.ref, &o, give(s, m.ref, &o, 0));
    expect_told(s, CLIENT_FILE_HERE, "");
    assert_int_equal(read(ends[0], text, sizeof text), PIECE);
    for (int i = 0; i < PIECE; i++)
        assert_int_equal(text[i], byte_at((uint64_t)i));
    close(ends[0]);
    free(o.blob);
}

static void a_notice_ends_it(void **state)
{
    struct scene *s = *state;
    struct buf b = {0};
    struct wire_blob_notice n = {.end = WIRE_BLOB_LOST, .text = text_of("lost")};
    connect_it(s);
    write_source(s, PIECE);
    uint64_t id = put(s, "bob");
    struct wire_blob_ask m = expect_ask(s, WIRE_BLOB_PUT);
    memcpy(n.blob, m.blob, sizeof n.blob);
    wire_put_blob_notice(&b, &n);
    send_step(s, &b);
    assert_int_equal(state_of(s, id), FILE_FAILED);
    expect_ask(s, WIRE_BLOB_STOP);
    expect_ask(s, WIRE_BLOB_NOTED);
    struct wire_blob_ask anew = expect_ask(s, WIRE_BLOB_PUT); /* the same file, under another number and key */
    assert_memory_not_equal(anew.blob, m.blob, sizeof m.blob);
    memcpy(n.blob, anew.blob, sizeof n.blob);
    n.end = WIRE_BLOB_FETCHED;
    wire_put_blob_notice(&b, &n);
    send_step(s, &b);
    expect_told(s, CLIENT_FILE_FETCHED, "no-such-blob");
}

/* A line of chat leaves before what is left of a file. */
static void chat_goes_first(void **state)
{
    struct scene *s = *state;
    const uint64_t size = 40 * BLOB_CHUNK;
    struct wire_frame frame;
    uint64_t number;
    connect_it(s);
    write_source(s, size);
    put(s, "bob");
    struct wire_blob_ask m = expect_ask(s, WIRE_BLOB_PUT);
    struct buf b = {0};
    wire_put_blob_ready(&b, &(struct wire_blob_ready){.ref = m.ref, .size = m.at});
    fake_send(&s->f, &b);
    step(s);
    assert_int_equal(client_send(s->c, WIRE_TO_ROOM, "#lobby", 0, text_of("hello"), &number), 0);
    unsigned before = 0;
    step(s);
    for (fake_frame(&s->f, &frame); frame.type == WIRE_DATA_UP; fake_frame(&s->f, &frame)) {
        before++;
        step(s);
    }
    assert_int_equal(frame.type, WIRE_SEND);
    assert_true(before <= 512 * 1024 / BLOB_CHUNK + 3); /* a turn, and what has not left */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_size),
        TEST(it_is_offered_once),
        TEST(the_window_is_kept),
        TEST(resumed_at_nothing),
        TEST(resumed_behind_the_header),
        TEST(resumed_in_a_chunk),
        TEST(resumed_at_a_border),
        TEST(resumed_at_all_that_was_sent),
        TEST(a_changed_file_is_taken_back),
        TEST(refused_with_words),
        TEST(a_pipe_is_measured_at_its_end),
        TEST(a_dead_pipe_is_taken_back),
        TEST(every_size_comes),
        TEST(a_download_goes_on),
        TEST(a_hostile_server),
        TEST(gone_and_declined),
        TEST(a_full_disk),
        TEST(to_a_descriptor),
        TEST(a_notice_ends_it),
        TEST(chat_goes_first),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
