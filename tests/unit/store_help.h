/*
 * store_help.h - what the tests of the store share: one store in a fresh folder, requests that are
 * awaited, and the results of the newest one. Included by one test program each.
 */
#ifndef STORE_HELP_H
#define STORE_HELP_H

#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/store.h"
#include "broker/store_sql.h"
#include "log.h"

#define HELP __attribute__((unused)) static

enum { DEVICE = 77, HELP_HEAD = 5, HELP_BODY = 200, HELP_BYTES = HELP_HEAD + HELP_BODY };

static struct {
    struct store *s;
    char root[64], dir[80];
    size_t completed, full; /* puts */
    uint64_t row;
    struct store_message *m; /* of the newest load; head and body lie in bytes */
    uint8_t *bytes;
    size_t n;
    bool more;
    struct store_account account[8];
    struct store_device device[8];
    size_t accounts, devices;
} help;

HELP int help_setup(void **state)
{
    (void)state;
    memset(&help, 0, sizeof help);
    snprintf(help.root, sizeof help.root, "/tmp/test_store.XXXXXX");
    if (!mkdtemp(help.root)) return -1;
    snprintf(help.dir, sizeof help.dir, "%s/data", help.root);
    return 0;
}

HELP int help_remove(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)st, (void)kind, (void)f;
    return remove(path);
}

HELP int help_teardown(void **state)
{
    (void)state;
    store_close(help.s);
    free(help.m);
    free(help.bytes);
    return nftw(help.root, help_remove, 8, FTW_DEPTH | FTW_PHYS);
}

HELP void help_open(void)
{
    char err[300] = "";
    help.s = store_open(help.dir, err, sizeof err);
    if (!help.s) fail_msg("%s", err);
}

HELP void help_reopen(void)
{
    store_close(help.s);
    help_open();
}

HELP void help_settle(void)
{
    while (store_pending(help.s)) {
        store_flush(help.s);
        poll(&(struct pollfd){.fd = store_fd(help.s), .events = POLLIN}, 1, -1);
        store_reap(help.s);
    }
}

HELP void help_done(void *ctx, enum store_status status, uint64_t row)
{
    help.completed++;
    if (status == STORE_FULL) help.full++;
    if (status == STORE_OK) help.row = row;
    if (ctx) *(enum store_status *)ctx = status;
}

HELP void help_users(uint64_t n)
{
    for (uint64_t u = 1; u <= n; u++) {
        struct store_account a = {.id = u, .role = (uint8_t)u, .created_ms = 1000 + u};
        struct store_device d = {.account = u, .device = DEVICE};
        snprintf(a.name, sizeof a.name, "user%d", (int)u);
        memset(d.key, (int)u, sizeof d.key);
        store_put_account(help.s, &a, &d, help_done, NULL);
    }
    help_settle();
    assert_int_equal(help.completed, n);
}

HELP struct store_message help_message(uint64_t to, uint64_t from, uint64_t id)
{
    static uint8_t head[HELP_HEAD], body[HELP_BODY];
    memset(head, (int)(id & 0xff), sizeof head);
    memset(body, (int)(id * 7 & 0xff), sizeof body);
    return (struct store_message){.account = to,
                                  .device = DEVICE,
                                  .from_account = from,
                                  .from_device = DEVICE,
                                  .id = id,
                                  .settled = id,
                                  .time_ms = id,
                                  .head = {head, sizeof head},
                                  .body = {body, sizeof body}};
}

HELP void help_hand_in(uint64_t to, uint64_t from, uint64_t id)
{
    struct store_message m = help_message(to, from, id);
    store_put_message(help.s, &m, help_done, NULL);
}

HELP enum store_status help_put(uint64_t to, uint64_t from, uint64_t id)
{
    enum store_status status = STORE_FULL;
    struct store_message m = help_message(to, from, id);
    store_put_message(help.s, &m, help_done, &status);
    help_settle();
    return status;
}

HELP enum store_status help_put_room(uint64_t room, uint64_t from, uint64_t id)
{
    enum store_status status = STORE_FULL;
    struct store_message m = help_message(0, from, id);
    store_put_room(help.s, room, &m, help_done, &status);
    help_settle();
    return status;
}

/* n messages with ids from first, all outstanding at once. */
HELP void help_puts(uint64_t to, uint64_t from, uint64_t first, size_t n)
{
    help.completed = help.full = 0;
    for (uint64_t id = first; id < first + n; id++)
        help_hand_in(to, from, id);
    help_settle();
    assert_int_equal(help.completed, n);
}

/* What a load gives lives only as long as the callback: kept for the test. */
HELP void help_loaded(void *ctx, const struct store_message *m, size_t n, bool more)
{
    (void)ctx;
    free(help.m);
    free(help.bytes);
    help.m = xcalloc(n + 1, sizeof *m);
    help.bytes = xcalloc(n + 1, HELP_BYTES);
    help.n = n;
    help.more = more;
    for (size_t i = 0; i < n; i++) {
        uint8_t *to = help.bytes + i * HELP_BYTES;
        help.m[i] = m[i];
        assert_true(m[i].head.len + m[i].body.len <= HELP_BYTES);
        if (m[i].head.len) memcpy(to, m[i].head.data, m[i].head.len);
        if (m[i].body.len) memcpy(to + m[i].head.len, m[i].body.data, m[i].body.len);
        help.m[i].head.data = to;
        help.m[i].body.data = to + m[i].head.len;
    }
}

HELP void help_load(uint64_t account, uint64_t after, size_t max_rows, size_t max_bytes)
{
    store_load(help.s, account, DEVICE, after, max_rows, max_bytes, help_loaded, NULL);
    help_settle();
}

HELP void help_load_room(uint64_t room, uint64_t after, size_t max_rows)
{
    store_load_room(help.s, room, after, max_rows, 1 << 20, help_loaded, NULL);
    help_settle();
}

HELP void help_expire(uint64_t before_ms)
{
    store_expire(help.s, before_ms, help_loaded, NULL);
    help_settle();
}

/* Message i of the newest load is this one, byte for byte. */
HELP void help_expect(size_t i, uint64_t to, uint64_t from, uint64_t id)
{
    struct store_message want = help_message(to, from, id);
    const struct store_message *m = &help.m[i];
    assert_int_equal(m->id, id);
    assert_int_equal(m->account, to);
    assert_int_equal(m->device, DEVICE);
    assert_int_equal(m->from_account, from);
    assert_int_equal(m->from_device, DEVICE);
    assert_int_equal(m->time_ms, want.time_ms);
    assert_int_equal(m->head.len, HELP_HEAD);
    assert_int_equal(m->body.len, HELP_BODY);
    assert_memory_equal(m->head.data, want.head.data, HELP_HEAD);
    assert_memory_equal(m->body.data, want.body.data, HELP_BODY);
    if (i > 0) assert_true(m->row > help.m[i - 1].row);
}

HELP void help_account(void *arg, const struct store_account *a)
{
    (void)arg;
    help.account[help.accounts++] = *a;
}

HELP void help_device(void *arg, const struct store_device *d)
{
    (void)arg;
    help.device[help.devices++] = *d;
}

/* Everything that was there at open. */
HELP void help_list(void)
{
    help.accounts = help.devices = 0;
    store_each_account(help.s, help_account, NULL);
    store_each_device(help.s, help_device, NULL);
}

#endif
