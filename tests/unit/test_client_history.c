/* test_client_history.c - reading by conversation: order, own messages, gaps, pages, words, locked stores, old files. */
#include "client_fake.h"

#include <time.h>

#include "../../client/history.h"
#include "../../client/vault_lock.h"

enum { MY_DEVICE = 77 };

struct fixture {
    char folder[64], path[96];
    struct vault *v;
    uint64_t clock, seq, heard;
};

static void open_file(struct fixture *x)
{
    struct why why;
    x->v = vault_open(x->path, &why);
    if (!x->v) fail_msg("%s", why.what);
}

static int set_up(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    snprintf(x->folder, sizeof x->folder, "/tmp/csmsg-history-XXXXXX");
    assert_non_null(mkdtemp(x->folder));
    snprintf(x->path, sizeof x->path, "%s/store.db", x->folder);
    open_file(x);
    assert_int_equal(vault_owner(x->v, "Alice", MY_DEVICE), 0);
    x->clock = 1000;
    *state = x;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;
    static const char *const tails[] = {"", "-wal", "-shm", ".lock"};
    char path[128];
    vault_close(x->v);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        snprintf(path, sizeof path, "%s%s", x->path, tails[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(x->folder), 0);
    free(x);
    return 0;
}

/* --- what was said --- */

static struct slice body_of(const char *text, char out[512])
{
    out[0] = 0, out[1] = 0;
    size_t n = strlen(text);
    memcpy(out + 2, text, n);
    return (struct slice){(const uint8_t *)out, n + 2};
}

static void record(struct fixture *x, const struct wire_deliver *m, enum vault_how how)
{
    uint64_t row;
    bool alone = vault_begin(x->v) == 0;
    assert_int_equal(vault_record(x->v, m, how, &row), 0);
    if (alone) assert_int_equal(vault_commit(x->v), 0);
}

static void came(struct fixture *x, const char *from, uint64_t device, const char *to, uint64_t seq, const char *text)
{
    char body[512];
    const struct wire_deliver m = {.flags = to[0] == '#' ? WIRE_FLAG_ROOM : 0,
                                   .seq = seq,
                                   .time_ms = x->clock++,
                                   .from = text_of(from),
                                   .from_device = device,
                                   .id = ++x->heard,
                                   .to = text_of(to),
                                   .body = body_of(text, body)};
    record(x, &m, to[0] == '#' ? VAULT_PLAIN : VAULT_SEALED);
}

static uint64_t said(struct fixture *x, const char *to, const char *text)
{
    uint64_t number;
    char body[512];
    assert_int_equal(vault_submit(x->v, to[0] == '#' ? WIRE_TO_ROOM : WIRE_TO_USER, text_of(to), body_of(text, body),
                                  x->clock++, &number),
                     0);
    return number;
}

/* The room shows an own message. */
static void echoed(struct fixture *x, const char *room, uint64_t number, uint64_t seq, const char *text)
{
    char body[512];
    const struct wire_deliver m = {.flags = WIRE_FLAG_ROOM,
                                   .seq = seq,
                                   .time_ms = x->clock++,
                                   .from = text_of("alice"),
                                   .from_device = MY_DEVICE,
                                   .id = number,
                                   .to = text_of(room),
                                   .body = body_of(text, body)};
    record(x, &m, VAULT_PLAIN);
}

static void settle(struct fixture *x, uint64_t upto, uint8_t state)
{
    struct vault_settled gone;
    struct buf numbers = {0};
    assert_int_equal(vault_begin(x->v), 0);
    assert_int_equal(vault_settle(x->v, upto, state, &gone, &numbers), 0);
    assert_int_equal(vault_commit(x->v), 0);
    buf_free(&numbers);
}

static void put_line(char *all, size_t size, const struct history_line *line)
{
    size_t n = strlen(all);
    snprintf(all + n, size - n, "%s%s%.*s:%.*s", n ? " " : "", line->own ? "+" : "", (int)line->m.from.len,
             (const char *)line->m.from.data, (int)line->m.body.len - 2, (const char *)line->m.body.data + 2);
}

/* The whole conversation, oldest first, read both ways: "bob:hi +Alice:yes". */
static void expect(struct fixture *x, const char *with, const char *wanted)
{
    char forward[2048] = "", backward[2048] = "";
    struct history_line line;
    struct history_at at = HISTORY_START;
    size_t n = 0;
    for (; history_after(x->v, with, at, &line) > 0; at = line.at, n++)
        put_line(forward, sizeof forward, &line);
    assert_string_equal(forward, wanted);
    at = HISTORY_END;
    for (size_t i = n; i-- > 0; at = line.at) {
        char one[512] = "", rest[sizeof one + sizeof backward];
        assert_int_equal(history_before(x->v, with, at, &line), 1);
        put_line(one, sizeof one, &line);
        snprintf(rest, sizeof rest, "%s%s%s", one, backward[0] ? " " : "", backward);
        memcpy(backward, rest, sizeof backward);
    }
    assert_string_equal(backward, wanted);
    assert_int_equal(history_before(x->v, with, at, &line), 0);
}

/* --- order --- */

static void test_two_people(void **state)
{
    struct fixture *x = *state;
    struct history_line line;
    came(x, "Bob", 5, "alice", 1, "hi");
    uint64_t number = said(x, "bob", "yes");
    came(x, "carol", 6, "alice", 2, "elsewhere");
    came(x, "bob", 5, "alice", 3, "fine");
    came(x, "ALICE", 9, "bob", 4, "from-my-phone");
    expect(x, "BOB", "Bob:hi +Alice:yes bob:fine +ALICE:from-my-phone");
    expect(x, "carol", "carol:elsewhere");
    expect(x, "dave", "");
    assert_int_equal(history_before(x->v, "bob", HISTORY_END, &line), 1);
    assert_int_equal(line.number, 0); /* another device knows its number */
    assert_int_equal(line.state, WIRE_STATE_ACCEPTED);
    struct history_at at = {line.at.place - 1, line.at.line};
    assert_int_equal(history_before(x->v, "bob", at, &line), 1);
    assert_int_equal(history_before(x->v, "bob", line.at, &line), 1);
    assert_int_equal(line.number, number);
    assert_int_equal(line.state, VAULT_WAITING);
    assert_int_equal(line.row, 0);
    assert_int_equal(line.how, VAULT_SEALED);
    assert_int_equal(line.m.from_device, MY_DEVICE);
    settle(x, number, WIRE_STATE_DELIVERED);
    assert_int_equal(history_after(x->v, "bob", (struct history_at){line.at.place, line.at.line - 1}, &line), 1);
    assert_int_equal(line.state, WIRE_STATE_DELIVERED);
}

static void test_a_room_has_the_order_of_the_server(void **state)
{
    struct fixture *x = *state;
    struct history_line line;
    came(x, "bob", 5, "#lobby", 1, "one");
    uint64_t number = said(x, "#Lobby", "mine"), second = said(x, "#lobby", "later");
    came(x, "carol", 6, "#lobby", 2, "two");
    expect(x, "#lobby", "bob:one carol:two +Alice:mine +Alice:later");
    echoed(x, "#lobby", number, 3, "mine");
    expect(x, "#lobby", "bob:one carol:two +alice:mine +Alice:later");
    came(x, "bob", 5, "#lobby", 4, "four");
    expect(x, "#lobby", "bob:one carol:two +alice:mine bob:four +Alice:later");
    assert_int_equal(history_before(x->v, "#lobby", HISTORY_END, &line), 1);
    assert_int_equal(line.number, second);
    assert_int_equal(line.how, VAULT_PLAIN);
    assert_true(line.m.flags & WIRE_FLAG_ROOM);
    assert_int_equal(line.m.seq, 0);
}

/* Nobody else's message takes the place of one that waits, whatever number it has. */
static void test_only_the_own_echo_moves(void **state)
{
    struct fixture *x = *state;
    uint64_t number = said(x, "#lobby", "mine");
    char body[512];
    struct wire_deliver m = {.flags = WIRE_FLAG_ROOM,
                             .seq = 1,
                             .from = text_of("bob"),
                             .from_device = MY_DEVICE,
                             .id = number,
                             .to = text_of("#lobby"),
                             .body = body_of("his", body)};
    record(x, &m, VAULT_PLAIN);
    m.seq = 2;
    m.from = text_of("alice");
    m.from_device = 9;
    record(x, &m, VAULT_PLAIN);
    m.seq = 3;
    m.from_device = MY_DEVICE;
    m.to = text_of("#other");
    record(x, &m, VAULT_PLAIN);
    expect(x, "#lobby", "bob:his +alice:his +Alice:mine");
}

static void test_gaps_of_the_lobby(void **state)
{
    struct fixture *x = *state;
    struct history_line line;
    came(x, "bob", 5, "#lobby", 11, "a");
    came(x, "bob", 5, "#lobby", 12, "b");
    came(x, "bob", 5, "#lobby", 20, "c");
    came(x, "bob", 5, "#chess", 9, "d");
    static const uint64_t missing[] = {7, 0, 10};
    struct history_at at = HISTORY_END;
    for (size_t i = 0; i < 3; i++, at = line.at) {
        assert_int_equal(history_before(x->v, "#lobby", at, &line), 1);
        assert_int_equal(line.missing, missing[i]);
    }
    assert_int_equal(history_before(x->v, "#chess", HISTORY_END, &line), 1);
    assert_int_equal(line.missing, 0);
    /* What is filled in stands in its place. */
    came(x, "carol", 6, "#lobby", 15, "late");
    expect(x, "#lobby", "bob:a bob:b carol:late bob:c");
    assert_int_equal(history_before(x->v, "#lobby", HISTORY_END, &line), 1);
    assert_int_equal(line.missing, 4);
}

/* Another server counts from one again; what the old one said stays before it. */
static void test_another_server(void **state)
{
    struct fixture *x = *state;
    static const uint8_t one[32] = {1}, two[32] = {2};
    struct history_line line;
    assert_int_equal(vault_bind(x->v, one, NULL), 1);
    came(x, "bob", 5, "#lobby", 500, "old");
    came(x, "bob", 5, "alice", 1, "first");
    assert_int_equal(vault_bind(x->v, two, NULL), 1);
    came(x, "eve", 5, "#lobby", 1, "new");
    came(x, "bob", 5, "alice", 1, "second");
    expect(x, "#lobby", "bob:old eve:new");
    expect(x, "bob", "bob:first bob:second");
    assert_int_equal(history_before(x->v, "#lobby", HISTORY_END, &line), 1);
    assert_int_equal(line.missing, 0);
}

static void test_nothing_to_show(void **state)
{
    struct fixture *x = *state;
    const struct wire_deliver m = {.from = text_of("bob"), .from_device = 5, .id = 1, .to = text_of("alice"),
                                   .body = text_of("")};
    struct history_conversation c = {0};
    record(x, &m, VAULT_SEALED);
    assert_int_equal(history_next_conversation(x->v, &c), 0);
}

static void test_conversations(void **state)
{
    struct fixture *x = *state;
    struct history_line line;
    struct history_conversation c = {0};
    came(x, "Bob", 5, "alice", 1, "hi");
    said(x, "bob", "yes");
    came(x, "bob", 5, "alice", 2, "fine");
    came(x, "carol", 5, "#lobby", 1, "hi");
    assert_int_equal(history_next_conversation(x->v, &c), 1);
    assert_string_equal(c.name, "#lobby");
    assert_int_equal(c.unseen, 1);
    assert_int_equal(history_next_conversation(x->v, &c), 1);
    assert_string_equal(c.name, "bob");
    assert_int_equal(c.lines, 3);
    assert_int_equal(c.unseen, 2);
    assert_int_equal(c.last_ms, 1002);
    assert_int_equal(history_after(x->v, "bob", HISTORY_START, &line), 1);
    assert_int_equal(history_seen(x->v, "BOB", line.at), 0);
    c.name[0] = '#', c.name[1] = 0;
    while (history_next_conversation(x->v, &c) > 0 && strcmp(c.name, "bob") != 0)
        ;
    assert_int_equal(c.unseen, 1);
    assert_int_equal(history_seen(x->v, "bob", HISTORY_END), 0);
    assert_int_equal(history_seen(x->v, "bob", line.at), 0); /* never back */
    struct history_at upto;
    assert_int_equal(history_before(x->v, "bob", HISTORY_END, &line), 1);
    assert_int_equal(history_seen_upto(x->v, "bob", &upto), 1);
    assert_memory_equal(&upto, &line.at, sizeof upto);
    assert_int_equal(history_seen_upto(x->v, "nobody", &upto), 0);
}

/* What waits stands at the end: having seen it is not having seen what comes before it later. */
static void test_seen_before_what_waits(void **state)
{
    struct fixture *x = *state;
    struct history_conversation c = {0};
    came(x, "bob", 5, "#lobby", 1, "one");
    said(x, "#lobby", "mine");
    assert_int_equal(history_seen(x->v, "#lobby", HISTORY_END), 0);
    came(x, "bob", 5, "#lobby", 2, "two");
    assert_int_equal(history_next_conversation(x->v, &c), 1);
    assert_int_equal(c.unseen, 1);
}

static void test_in_memory(void **state)
{
    (void)state;
    struct vault *v = vault_memory();
    struct history_line line;
    struct history_conversation c = {0};
    const struct history_query q = {.words = "x"};
    assert_int_equal(vault_owner(v, "alice", 1), 0);
    assert_int_equal(history_before(v, "bob", HISTORY_END, &line), 0);
    assert_int_equal(history_next_conversation(v, &c), 0);
    assert_int_equal(history_find(v, &q, UINT64_MAX, &line), 0);
    assert_int_equal(history_seen(v, "bob", HISTORY_END), 0);
    vault_close(v);
}

/* --- words --- */

/* All that fits, newest first. */
static void finds(struct fixture *x, const char *words, const char *with, uint64_t since, const char *wanted)
{
    char all[2048] = "";
    struct history_line line;
    const struct history_query q = {words, with, since};
    uint64_t before = UINT64_MAX;
    int r;
    while ((r = history_find(x->v, &q, before, &line)) > 0) {
        put_line(all, sizeof all, &line);
        before = line.at.line;
    }
    if (r < 0) fail_msg("%s", vault_words(x->v));
    assert_string_equal(all, wanted);
}

static void some_talk(struct fixture *x)
{
    came(x, "bob", 5, "alice", 1, "the recvmsg-loop");
    came(x, "bob", 5, "#lobby", 1, "Caf\xc3\xa9 at nine");
    said(x, "bob", "show-the-loop");
    said(x, "carol", "CMSG_SPACE,not-CMSG_LEN");
}

static void find_all(struct fixture *x)
{
    finds(x, "loop", NULL, 0, "+Alice:show-the-loop bob:the recvmsg-loop");
    finds(x, "recvm", NULL, 0, "bob:the recvmsg-loop");
    finds(x, "cafe NINE", NULL, 0, "bob:Caf\xc3\xa9 at nine");
    finds(x, "loop", "#lobby", 0, "");
    finds(x, "loop", "BOB", 1002, "+Alice:show-the-loop");
    finds(x, "\"the loop\"", NULL, 0, "+Alice:show-the-loop");
    finds(x, "CMSG_SPACE", NULL, 0, "+Alice:CMSG_SPACE,not-CMSG_LEN");
    finds(x, "", NULL, 0, "");
}

static void test_words(void **state)
{
    struct fixture *x = *state;
    some_talk(x);
    find_all(x);
    came(x, "dave", 5, "alice", 3, "another loop");
    finds(x, "loop", NULL, 0, "dave:another loop +Alice:show-the-loop bob:the recvmsg-loop");
    /* Nothing of what is typed is syntax. */
    finds(x, "loop OR nine", NULL, 0, "");
    finds(x, "text:loop", NULL, 0, "");
    finds(x, "\"", NULL, 0, "");
    finds(x, "* ( ) NEAR ^", NULL, 0, "");
    finds(x, "'; DROP TABLE line; --", NULL, 0, "");
    finds(x, "nine", NULL, 0, "bob:Caf\xc3\xa9 at nine");
}

static void test_bounded_indexing(void **state)
{
    struct fixture *x = *state;
    some_talk(x);
    for (int i = 0; i < 4; i++)
        assert_int_equal(history_index(x->v, 1), 1);
    assert_int_equal(history_index(x->v, 1), 0);
}

/* A message that moved is found once, where it is now. */
static void test_found_once(void **state)
{
    struct fixture *x = *state;
    uint64_t number = said(x, "#lobby", "echo me");
    finds(x, "echo", NULL, 0, "+Alice:echo me");
    echoed(x, "#lobby", number, 1, "echo me");
    finds(x, "echo", NULL, 0, "+alice:echo me");
}

/* True when the bytes stand in the store's files. */
static bool on_disk(const struct fixture *x, const char *text)
{
    char command[400];
    snprintf(command, sizeof command, "grep -aqi '%s' %s/store.db*", text, x->folder);
    return system(command) == 0;
}

static void test_locked(void **state)
{
    struct fixture *x = *state;
    static const uint8_t key[32] = {1, 2, 3};
    struct why why;
    some_talk(x);
    find_all(x);
    vault_close(x->v);
    open_file(x);
    assert_true(on_disk(x, "recvmsg"));
    assert_int_equal(vault_give_key(x->v, key, &why), 0);
    vault_close(x->v);
    open_file(x);
    assert_int_equal(vault_give_key(x->v, key, &why), 0);
    find_all(x);
    expect(x, "bob", "bob:the recvmsg-loop +Alice:show-the-loop");
    vault_close(x->v);
    assert_false(on_disk(x, "recvmsg"));
    assert_false(on_disk(x, "cmsg"));
    open_file(x);
    assert_int_equal(vault_give_key(x->v, key, &why), 0);
    assert_int_equal(vault_unseal(x->v, &why), 0);
    vault_close(x->v);
    open_file(x);
    find_all(x);
}

/* --- an old file --- */

static const char version_2[] =
    "CREATE TABLE device(one INTEGER PRIMARY KEY CHECK(one = 1), next_id INTEGER NOT NULL,"
    " incarnation INTEGER NOT NULL, seq INTEGER NOT NULL, server BLOB, next_number INTEGER NOT NULL DEFAULT 1);"
    "INSERT INTO device VALUES(1, 8, 3, 4, NULL, 8);"
    "CREATE TABLE outbox(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, recipient TEXT NOT NULL, heads BLOB,"
    " body BLOB NOT NULL, number INTEGER NOT NULL DEFAULT 0, quiet INTEGER NOT NULL DEFAULT 0,"
    " head_count INTEGER NOT NULL DEFAULT 0, content BLOB);"
    "CREATE TABLE sent(number INTEGER PRIMARY KEY, kind INTEGER NOT NULL, recipient TEXT NOT NULL,"
    " body BLOB NOT NULL, time_ms INTEGER NOT NULL, state INTEGER NOT NULL, id INTEGER);"
    "INSERT INTO sent VALUES(1, 0, 'Bob', x'00006f6c64', 20, 2, 1), (2, 1, '#lobby', x'00006869', 30, 1, 2),"
    " (3, 1, '#lobby', x'00007761697473', 35, 0, 3);"
    "CREATE INDEX sent_id ON sent(id) WHERE id IS NOT NULL;"
    "CREATE TABLE heard(name TEXT NOT NULL, device INTEGER NOT NULL, id INTEGER NOT NULL,"
    " PRIMARY KEY(name, device)) WITHOUT ROWID;"
    "CREATE TABLE room(name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE history(row INTEGER PRIMARY KEY AUTOINCREMENT, flags INTEGER NOT NULL,"
    " incarnation INTEGER NOT NULL, seq INTEGER NOT NULL, time_ms INTEGER NOT NULL, sender TEXT NOT NULL,"
    " device INTEGER NOT NULL, id INTEGER NOT NULL, recipient TEXT NOT NULL, body BLOB NOT NULL,"
    " how INTEGER NOT NULL DEFAULT 0);"
    "INSERT INTO history VALUES(1, 0, 1, 1, 10, 'bob', 7, 5, 'alice', x'00006869', 1),"
    " (2, 1, 1, 1, 15, 'bob', 7, 6, '#lobby', x'00006f6e65', 0),"
    " (3, 1, 1, 2, 31, 'alice', 77, 2, '#lobby', x'00006869', 0),"
    " (4, 0, 1, 2, 40, 'bob', 7, 7, 'alice', x'00006e6577', 1),"
    " (5, 0, 1, 3, 41, 'bob', 7, 8, 'alice', x'', 1),"
    " (6, 0, 1, 4, 42, 'Alice', 9, 3, 'carol', x'0000636f7079', 1);"
    "CREATE TABLE draft(number INTEGER PRIMARY KEY, quiet INTEGER NOT NULL,"
    " recipient TEXT NOT NULL COLLATE NOCASE, content BLOB NOT NULL);"
    "CREATE INDEX draft_recipient ON draft(recipient, number);"
    "CREATE TABLE value(kind INTEGER NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL,"
    " value BLOB NOT NULL, PRIMARY KEY(kind, name, number));"
    "PRAGMA user_version = 2;";

static void old_file(struct fixture *x)
{
    char command[4000];
    vault_close(x->v);
    snprintf(command, sizeof command, "rm -f %s*; sqlite3 %s \"%s\"", x->path, x->path, version_2);
    assert_int_equal(system(command), 0);
    open_file(x);
}

static void test_upgrade(void **state)
{
    struct fixture *x = *state;
    struct vault_row row;
    struct history_conversation c = {0};
    old_file(x);
    for (int i = 0; i < 2; i++) { /* and opened once more */
        assert_int_equal(vault_owner(x->v, "alice", MY_DEVICE), 0);
        expect(x, "bob", "bob:hi +alice:old bob:new");
        expect(x, "#lobby", "bob:one +alice:hi +alice:waits");
        expect(x, "carol", "+Alice:copy");
        vault_close(x->v);
        open_file(x);
    }
    while (history_next_conversation(x->v, &c) > 0)
        assert_int_equal(c.unseen, 0); /* it was shown by the version that wrote it */
    came(x, "bob", 7, "alice", 5, "next");
    echoed(x, "#lobby", 3, 3, "waits");
    expect(x, "bob", "bob:hi +alice:old bob:new bob:next");
    expect(x, "#lobby", "bob:one +alice:hi +alice:waits");
    assert_int_equal(vault_history(x->v, 5, &row), 1);
    finds(x, "copy", NULL, 0, "+Alice:copy");
}

/* A program of the version before that still runs writes into the tables it knows. */
static void test_written_before_the_owner_is_known(void **state)
{
    struct fixture *x = *state;
    old_file(x);
    came(x, "Alice", 9, "dave", 5, "early");
    if (vault_owner(x->v, "alice", MY_DEVICE) < 0) fail_msg("%s", vault_words(x->v));
    expect(x, "dave", "+Alice:early");
    expect(x, "alice", "");
}

/* --- many --- */

static double ms_since(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) * 1e3 + (double)(now.tv_nsec - then->tv_nsec) / 1e6;
}

/* Pages of a long history take no longer than those of a short one; with TEST_LINES=100000 it says how long. */
static void test_long(void **state)
{
    struct fixture *x = *state;
    const char *wanted = getenv("TEST_LINES");
    unsigned long lines = wanted ? strtoul(wanted, NULL, 10) : 5000;
    struct timespec then;
    struct history_line line;
    char text[64];
    uint64_t row;
    assert_int_equal(vault_begin(x->v), 0);
    clock_gettime(CLOCK_MONOTONIC, &then);
    for (unsigned long i = 1; i <= lines; i++) {
        char body[512];
        snprintf(text, sizeof text, "message %lu about topic%lu", i, i % 1000);
        const struct wire_deliver m = {.flags = WIRE_FLAG_ROOM, .seq = i, .time_ms = i, .from = text_of("bob"),
                                       .from_device = 5, .id = i, .to = text_of(i % 2 ? "#lobby" : "#chess"),
                                       .body = body_of(text, body)};
        assert_int_equal(vault_record(x->v, &m, VAULT_PLAIN, &row), 0);
    }
    assert_int_equal(vault_commit(x->v), 0);
    print_message("%lu lines: written in %.0f ms", lines, ms_since(&then));
    clock_gettime(CLOCK_MONOTONIC, &then);
    const struct history_query q = {"topic7", "#lobby", 0};
    assert_int_equal(history_find(x->v, &q, UINT64_MAX, &line), 1);
    print_message(", indexed in %.0f ms", ms_since(&then));
    double worst = 0;
    struct history_at at = HISTORY_END;
    for (unsigned long left = lines / 2; left > 0;) {
        clock_gettime(CLOCK_MONOTONIC, &then);
        for (int i = 0; i < 50 && left > 0; i++, left--, at = line.at)
            assert_int_equal(history_before(x->v, "#lobby", at, &line), 1);
        double ms = ms_since(&then);
        if (ms > worst) worst = ms;
    }
    assert_int_equal(history_before(x->v, "#lobby", at, &line), 0);
    clock_gettime(CLOCK_MONOTONIC, &then);
    uint64_t before = UINT64_MAX, found = 0;
    while (history_find(x->v, &q, before, &line) > 0) {
        before = line.at.line;
        found++;
    }
    print_message(", worst page of 50 %.2f ms, %llu found in %.1f ms\n", worst, (unsigned long long)found,
                  ms_since(&then));
    assert_true(found >= lines / 2000);
}

int main(void)
{
    assert_true(sodium_init() >= 0);
#define ON_FILE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ON_FILE(test_two_people),
        ON_FILE(test_a_room_has_the_order_of_the_server),
        ON_FILE(test_only_the_own_echo_moves),
        ON_FILE(test_gaps_of_the_lobby),
        ON_FILE(test_another_server),
        ON_FILE(test_nothing_to_show),
        ON_FILE(test_conversations),
        ON_FILE(test_seen_before_what_waits),
        cmocka_unit_test(test_in_memory),
        ON_FILE(test_words),
        ON_FILE(test_bounded_indexing),
        ON_FILE(test_found_once),
        ON_FILE(test_locked),
        ON_FILE(test_upgrade),
        ON_FILE(test_written_before_the_owner_is_known),
        ON_FILE(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
