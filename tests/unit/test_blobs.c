/*
 * test_blobs.c - what the broker decides about files while store and disk are slow, full or passed by: what counts,
 * when a blob goes, and that nothing stays behind. The real uplink, session and blob*, with the fuzzers' store, folder
 * and clock, which answer and go on when told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus_files.h"
#include "fuzz_store.h"
#include "group.h"
#include "log.h"
#include "quiet_loop.h"

enum { ALICE, BOB, PEOPLE, MIB = 1 << 20 };

static const char *const names[PEOPLE] = {"alice", "bob"};
static struct broker b;
static struct session *session[PEOPLE];
static int worker, files; /* the worker's ends of stream and channel */
static char said[4096];   /* what clients were told: "alice NO busy, bob OK" */

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

/* --- what clients say --- */

static void ask(unsigned who, const struct wire_blob_ask *m)
{
    struct stream s = {0};
    struct buf frame = {0};
    wire_put_blob_ask(&frame, m);
    bus_put_up(&s, session[who]->sid, WIRE_BLOB_ASK,
               (struct slice){buf_head(&frame) + WIRE_FRAME_HEAD, buf_len(&frame) - WIRE_FRAME_HEAD});
    assert_true(b.links->stream.frame(&b.links->stream, BUS_UP,
                                      (struct slice){buf_head(&s.out) + STREAM_HEAD, buf_len(&s.out) - STREAM_HEAD}));
    buf_free(&s.out);
    buf_free(&frame);
}

static void put(uint32_t ref, uint8_t blob, uint64_t size)
{
    ask(ALICE, &(struct wire_blob_ask){.op = WIRE_BLOB_PUT, .ref = ref, .blob = {blob}, .at = size, .to = text("bob")});
}

static void get(unsigned who, uint32_t ref, uint8_t blob)
{
    ask(who, &(struct wire_blob_ask){.op = WIRE_BLOB_GET, .ref = ref, .blob = {blob}});
}

static void done(uint32_t ref, uint64_t size)
{
    ask(ALICE, &(struct wire_blob_ask){.op = WIRE_BLOB_DONE, .ref = ref, .at = size});
}

static void about(unsigned who, uint8_t op, uint8_t blob)
{
    ask(who, &(struct wire_blob_ask){.op = op, .blob = {blob}});
}

/* The worker has written so much of it. */
static void grow(uint8_t blob, uint64_t length)
{
    const uint8_t id[BLOB_ID] = {blob};
    struct fuzz_file *f = fuzz_file(b.files->disk, id);
    assert_non_null(f);
    f->length = length;
}

static void store(void)
{
    fuzz_store_answer(b.store, SIZE_MAX, false);
}

static void disk(void)
{
    fuzz_files_work(b.files->disk, SIZE_MAX);
}

/* Both answer all there is, also what that leads to. */
static void settle(void)
{
    for (int k = 0; k < 4; k++) {
        store();
        disk();
    }
}

static unsigned files_there(void)
{
    unsigned n = 0;
    for (const struct fuzz_file *f = b.files->disk->file; f; f = f->next)
        n++;
    return n;
}

/* --- what they hear --- */

static void add(const char *who, const char *what)
{
    size_t at = strlen(said);
    snprintf(said + at, sizeof said - at, "%s%s %s", at ? ", " : "", who, what);
}

static void note(const char *who, const struct wire_frame *f)
{
    static const char *const plain[] = {"", "", "", "STORED", "GOT", "OK", "STATE", ""};
    struct wire_blob_no no;
    struct wire_blob_ready ready;
    struct wire_blob_notice n;
    char line[64];
    if (f->type != WIRE_BLOB) return;
    if (wire_get_blob_no(f->payload, &no))
        snprintf(line, sizeof line, "NO %s", wire_code_name(no.code));
    else if (wire_get_blob_ready(f->payload, &ready))
        snprintf(line, sizeof line, "READY%s", ready.complete ? " complete" : "");
    else if (wire_get_blob_notice(f->payload, &n))
        snprintf(line, sizeof line, "NOTICE %u", n.end);
    else
        snprintf(line, sizeof line, "%s", plain[f->payload.data[0]]);
    add(who, line);
}

static void from_stream(void)
{
    struct buf *out = &b.links->stream.out;
    while (buf_len(out)) {
        const uint8_t *head = buf_head(out);
        struct bus_down down;
        struct wire_frame f;
        if (head[4] == BUS_DOWN && bus_get_down((struct slice){head + STREAM_HEAD, get_u32(head)}, &down)) {
            struct cur c = cur_of(down.frames.data, down.frames.len);
            const struct session *s = session_find(b.links, get_u64(down.sids));
            while (wire_next(&c, &f) > 0)
                note(s ? s->device->account->name : "nobody", &f);
        }
        buf_drop(out, STREAM_HEAD + get_u32(head));
    }
    buf_free(out);
}

/* What the worker was told on its channel: "worker OPEN". */
static void from_channel(void)
{
    static const char *const types[] = {"", "OPEN", "STORED", "CLOSE", "CLOSE_ALL"};
    uint8_t packet[256];
    ssize_t n;
    while ((n = recv(files, packet, sizeof packet, MSG_DONTWAIT)) > 0) {
        struct bus_files_open open;
        assert_in_range(packet[0], FILES_OPEN, FILES_CLOSE_ALL);
        if (packet[0] == FILES_OPEN) assert_true(bus_files_get_open((struct slice){packet + 1, (size_t)n - 1}, &open));
        add("worker", types[packet[0]]);
    }
}

static void heard(const char *expected)
{
    from_channel();
    from_stream();
    assert_string_equal(said, expected);
    said[0] = 0;
}

/* --- people --- */

static void enter(unsigned who)
{
    struct device *d = people_by_id(&b, who + 1)->device;
    session[who] = session_open(b.links, bus_sid(who, 1), d, WIRE_CAP_RECEIVE, who + 1, text("192.0.2.1:5"));
    blobs_welcome(session[who]);
}

static int set_up(void **state)
{
    int pair[2], channel[2];
    (void)state;
    fuzz_random_start();
    log_init("test", LOG_LOGFMT, LOG_ERROR, false);
    b = (struct broker){.master.closed = true, .incarnation = 5, .dir_fd = -1};
    loop_init(&b.loop);
    conf_defaults(settings_table, settings_count, &b.set);
    b.set.limits.files_per_user = 4 * MIB;
    b.set.limits.files_total = 6 * MIB;
    b.set.limits.file_size = 3 * MIB;
    b.set.limits.file_keep = 60000;
    b.store = fuzz_store_open();
    room_load(&b);
    groups_load(&b);
    fuzz_files_begin(&b);
    presence_start(&b);
    stream_pair(pair);
    chan_pair(channel);
    worker = pair[1];
    files = channel[1];
    transfers_channel(&b, 0, 1, channel[0]);
    link_open(&b, 0, 1, pair[0]);
    for (unsigned i = 0; i < PEOPLE; i++) {
        const uint8_t key[32] = {(uint8_t)i};
        people_add_device(people_add(&b, i + 1, text(names[i]), 0), i + 1, key);
        enter(i);
    }
    from_stream();
    said[0] = 0;
    return 0;
}

/* Whatever happened, nothing is left. */
static int tear_down(void **state)
{
    (void)state;
    b.links->stream.ended(&b.links->stream, "closed");
    close(worker);
    close(files);
    settle();
    fuzz_files_quiet(&b);
    settle();
    fuzz_files_end(&b);
    for (unsigned i = 0; i < PEOPLE; i++)
        people_remove(&b, people_by_id(&b, i + 1));
    struct table *tables[] = {&b.names, &b.skeletons, &b.ids, &b.shares, &b.groups, &b.group_names, &b.group_looks, &b.group_rooms};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        free(tables[i]->bucket);
    buf_free(&b.lobby.fan);
    free(b.presence.change);
    fuzz_store_close(b.store);
    return 0;
}

/* --- tests --- */

static void a_file_in_order(void **state)
{
    (void)state;
    put(1, 1, 500);
    disk();
    heard(""); /* the row first */
    store();
    heard("");
    disk();
    heard("worker OPEN");
    get(BOB, 1, 1);
    disk();
    grow(1, 500);
    done(1, 500);
    heard("worker OPEN, worker CLOSE");
    disk();
    heard(""); /* it has its name, and no row says so */
    store();
    heard("worker STORED, worker CLOSE, alice STORED");
    about(BOB, WIRE_BLOB_HAVE, 1);
    heard("worker CLOSE, alice NOTICE 3, bob NO no-such-blob"); /* bob still had it open */
    assert_int_equal(files_there(), 1);
    store();
    heard("bob OK");
    disk();
    assert_int_equal(files_there(), 0);
}

/* Declared sizes count, at least a mebibyte each; what grows counts as it may grow, until it is known. */
static void what_counts(void **state)
{
    (void)state;
    put(1, 1, 3 * MIB + 1);
    heard("alice NO too-large");
    put(1, 1, 2 * MIB);
    put(2, 2, 5);
    assert_int_equal(b.files->bytes, 3 * MIB);
    put(3, 3, MIB + 1);
    heard("alice NO files-full");
    put(3, 3, WIRE_BLOB_GROWS);
    assert_int_equal(b.files->bytes, 4 * MIB);
    settle();
    heard("worker OPEN, worker OPEN, worker OPEN");
    put(4, 4, 1);
    heard("alice NO files-full");
    grow(3, MIB / 2);
    done(3, MIB / 2);
    settle();
    assert_int_equal(b.files->bytes, 4 * MIB);
    about(ALICE, WIRE_BLOB_DROP, 1);
    assert_int_equal(b.files->bytes, 2 * MIB);
    put(5, 5, 2 * MIB);
    assert_int_equal(people_keys(people_by_id(&b, 1))->file_bytes, 4 * MIB);
}

/* Of all together: another user's count as well. */
static void what_counts_of_all(void **state)
{
    (void)state;
    put(1, 1, 3 * MIB);
    put(2, 2, MIB);
    ask(BOB, &(struct wire_blob_ask){.op = WIRE_BLOB_PUT, .ref = 1, .blob = {9}, .at = 2 * MIB + 1, .to = text("alice")});
    heard("bob NO files-full");
    ask(BOB, &(struct wire_blob_ask){.op = WIRE_BLOB_PUT, .ref = 1, .blob = {9}, .at = 2 * MIB, .to = text("alice")});
    assert_int_equal(b.files->bytes, 6 * MIB);
    heard("");
}

static void its_time_ends(void **state)
{
    (void)state;
    put(1, 1, 500);
    settle();
    quiet_pass(&b.loop, 59000);
    heard("worker OPEN");
    quiet_pass(&b.loop, 16000); /* it is looked at each quarter */
    heard("worker CLOSE, alice NOTICE 1, alice NO no-such-blob");
    settle();
    assert_int_equal(files_there(), 0);
    session_close(session[ALICE], true);
    enter(ALICE);
    heard("alice NOTICE 1");
    about(ALICE, WIRE_BLOB_NOTED, 1);
    session_close(session[ALICE], true);
    enter(ALICE);
    heard("");
}

/* A notice that nobody comes for is forgotten, too. */
static void a_notice_ends(void **state)
{
    (void)state;
    put(1, 1, 500);
    settle();
    about(ALICE, WIRE_BLOB_DROP, 1);
    assert_non_null(b.files->notices);
    for (int k = 0; k < 6; k++)
        quiet_pass(&b.loop, 15000);
    assert_null(b.files->notices);
}

static void the_store_is_full(void **state)
{
    (void)state;
    put(1, 1, 500);
    fuzz_store_answer(b.store, SIZE_MAX, true);
    heard("worker CLOSE, alice NO disk-full");
    assert_int_equal(b.files->bytes, 0);
    assert_null(b.files->first);
    put(2, 1, 500); /* the same number again */
    settle();
    heard("worker OPEN");
}

static void the_disk_is_full(void **state)
{
    (void)state;
    b.files->disk->full = ENOSPC;
    put(1, 1, 500);
    settle();
    heard("worker CLOSE, alice NO disk-full");
    assert_null(b.files->first); /* nothing was there: no row waits for its time */
    assert_int_equal(files_there(), 0);
    b.files->disk->full = 0;
    put(2, 1, 500);
    settle();
    grow(1, 100);
    heard("worker OPEN");
    b.files->disk->full = ENOSPC;
    put(3, 1, 500);
    settle();
    heard("worker CLOSE, alice NO disk-full");
    assert_int_equal(files_there(), 1); /* what is there stays */
}

/* Removed while its file is being opened, made, or completed: the file goes when that has ended. */
static void removed_meanwhile(void **state)
{
    (void)state;
    put(1, 1, 500);
    about(ALICE, WIRE_BLOB_DROP, 1); /* the row is on its way */
    settle();
    assert_int_equal(files_there(), 0);
    put(2, 2, 500);
    store();
    about(ALICE, WIRE_BLOB_DROP, 2); /* the file is about to be made */
    settle();
    assert_int_equal(files_there(), 0);
    put(3, 3, 500);
    settle();
    grow(3, 500);
    done(3, 500);
    about(ALICE, WIRE_BLOB_DROP, 3); /* it is being synced */
    settle();
    assert_int_equal(files_there(), 0);
    from_stream();
    assert_null(strstr(said, "STORED"));
    from_channel();
    assert_null(strstr(said, "OPEN, worker OPEN"));
    said[0] = 0;
}

/* Two sessions of a device send the same; the first to be done ends both. */
static void two_who_send(void **state)
{
    (void)state;
    put(1, 1, 500);
    settle();
    put(2, 1, 500);
    settle();
    heard("worker OPEN, worker OPEN");
    grow(1, 500);
    done(2, 500);
    put(3, 1, 500);
    heard("worker CLOSE, worker CLOSE, alice NO busy");
    settle();
    heard("worker CLOSE, worker CLOSE, alice STORED, alice STORED");
    put(4, 1, 500);
    heard("alice READY complete");
}

static void another_length(void **state)
{
    (void)state;
    put(1, 1, 500);
    settle();
    grow(1, 499);
    done(1, 500);
    settle();
    heard("worker OPEN, worker CLOSE, worker CLOSE, alice NO blob-differs");
    put(2, 1, 500);
    settle();
    done(2, 499);
    heard("worker OPEN, worker CLOSE, alice NO blob-differs");
}

/* A session that ends or is asked for its place anew has no transfers; what is under way for them leads to nothing. */
static void sessions_end(void **state)
{
    (void)state;
    put(1, 1, 500);
    session_close(session[ALICE], false);
    settle();
    heard("");
    assert_null(b.files->first->transfer);
    enter(ALICE);
    put(1, 1, 500);
    settle();
    heard("worker OPEN");
    session_resync(session[ALICE]);
    heard("worker CLOSE_ALL");
    put(2, 1, 500); /* before RESUME: it comes again */
    settle();
    heard("");
}

static void declined_before_it_is_there(void **state)
{
    (void)state;
    put(1, 1, 500);
    settle();
    about(BOB, WIRE_BLOB_DECLINE, 1);
    settle();
    heard("worker OPEN, bob OK");
    grow(1, 500);
    done(1, 500);
    settle();
    heard("worker CLOSE, worker CLOSE, alice STORED, alice NOTICE 3");
    assert_int_equal(files_there(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_in_order), TEST(what_counts),       TEST(what_counts_of_all), TEST(its_time_ends),
        TEST(a_notice_ends),   TEST(the_store_is_full), TEST(the_disk_is_full),   TEST(removed_meanwhile),
        TEST(two_who_send),    TEST(another_length),    TEST(sessions_end),       TEST(declined_before_it_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
