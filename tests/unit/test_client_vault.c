/* test_client_vault.c - the client's store: both implementations by the same rules, and the file.
 */
#include "client_fake.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../client/vault.h"

struct fixture {
    char folder[64], path[96];
    struct vault *v;
};

static struct vault *open_file(struct fixture *x)
{
    struct why why;
    struct vault *v = vault_open(x->path, &why);
    if (!v) fail_msg("%s", why.what);
    return v;
}

static int set_up(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    snprintf(x->folder, sizeof x->folder, "/tmp/csmsg-vault-XXXXXX");
    assert_non_null(mkdtemp(x->folder));
    snprintf(x->path, sizeof x->path, "%s/store.db", x->folder);
    x->v = open_file(x);
    *state = x;
    return 0;
}

static int set_up_memory(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    x->v = vault_memory();
    *state = x;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;
    static const char *const tails[] = {"", "-wal", "-shm", "-journal", ".lock"};
    char path[128];
    vault_close(x->v);
    for (size_t i = 0; i < sizeof tails / sizeof *tails && x->path[0]; i++) {
        snprintf(path, sizeof path, "%s%s", x->path, tails[i]);
        unlink(path);
    }
    if (x->folder[0]) assert_int_equal(rmdir(x->folder), 0);
    free(x);
    return 0;
}

static uint64_t submit(struct vault *v, const char *text)
{
    uint64_t id;
    assert_int_equal(vault_submit(v, WIRE_TO_USER, text_of("bob"), text_of(text), 1, &id), 0);
    return id;
}

static int take(struct vault *v, const struct wire_deliver *m)
{
    uint64_t row;
    assert_int_equal(vault_begin(v), 0);
    int r = vault_deliver(v, m, &row);
    assert_int_equal(vault_commit(v), 0);
    return r;
}

static int settle(struct vault *v, uint64_t upto, uint8_t state, struct vault_settled *gone)
{
    struct buf numbers = {0};
    int r = vault_settle(v, upto, state, gone, &numbers);
    assert_int_equal(buf_len(&numbers), gone->n * 8);
    buf_free(&numbers);
    return r;
}

static struct wire_deliver direct(const char *from, uint64_t device, uint64_t id)
{
    return (struct wire_deliver){.incarnation = 1,
                                 .seq = 1,
                                 .from = text_of(from),
                                 .from_device = device,
                                 .id = id,
                                 .to = text_of("alice"),
                                 .head = text_of(""),
                                 .body = text_of("hello")};
}

static void test_outbox(void **state)
{
    struct vault *v = ((struct fixture *)*state)->v;
    struct vault_out out;
    struct vault_settled gone;
    struct wire_resume r;
    uint64_t number;
    char text[16];
    for (unsigned i = 1; i <= 10; i++) {
        snprintf(text, sizeof text, "m%u", i);
        assert_int_equal(submit(v, text), i);
    }
    assert_int_equal(vault_resume(v, &r), 0);
    assert_int_equal(r.next_id, 1);
    assert_true(r.lobby_seen == WIRE_NEWCOMER);
    for (uint64_t i = 0; i < 10; i++) {
        assert_int_equal(vault_next(v, i, &out), 1);
        snprintf(text, sizeof text, "m%u", (unsigned)i + 1);
        assert_int_equal(out.id, i + 1);
        assert_int_equal(out.body.len, strlen(text));
        assert_memory_equal(out.body.data, text, out.body.len);
        assert_memory_equal(out.to.data, "bob", 3);
    }
    assert_int_equal(vault_next(v, 10, &out), 0);
    assert_int_equal(vault_begin(v), 0);
    assert_int_equal(settle(v, 4, WIRE_STATE_DELIVERED, &gone), 0);
    assert_int_equal(gone.n, 4);
    assert_int_equal(gone.first, 1);
    assert_int_equal(gone.bytes, 8);
    assert_int_equal(vault_reject(v, 5, WIRE_QUEUE_FULL, &gone, &number), 0);
    assert_int_equal(gone.n, 1);
    assert_int_equal(number, 5);
    assert_int_equal(settle(v, 4, WIRE_STATE_DELIVERED, &gone), 0);
    assert_int_equal(gone.n, 0);
    assert_int_equal(vault_commit(v), 0);
    assert_int_equal(vault_resume(v, &r), 0);
    assert_int_equal(r.next_id, 6);
    assert_int_equal(vault_next(v, 0, &out), 1);
    assert_int_equal(out.id, 6);
    assert_int_equal(vault_begin(v), 0);
    assert_int_equal(settle(v, 10, WIRE_STATE_STORED, &gone), 0);
    assert_int_equal(vault_commit(v), 0);
    assert_int_equal(submit(v, "later"), 11);
}

static void test_seen(void **state)
{
    struct vault *v = ((struct fixture *)*state)->v;
    struct wire_deliver m = direct("bob", 7, 5);
    assert_int_equal(take(v, &m), 1);
    assert_int_equal(take(v, &m), 0);
    m.id = 4;
    assert_int_equal(take(v, &m), 0);
    m.id = 6;
    m.incarnation = 9; /* told apart by the sender's id, not by the stream */
    assert_int_equal(take(v, &m), 1);
    m = direct("bob", 8, 1); /* another device */
    assert_int_equal(take(v, &m), 1);
    m = direct("eve", 7, 1); /* another name */
    assert_int_equal(take(v, &m), 1);
    m = direct("bob", 7, 3);
    m.flags = WIRE_FLAG_ROOM;
    m.to = text_of("#lobby");
    m.seq = 40;
    assert_int_equal(take(v, &m), 1);
    assert_int_equal(take(v, &m), 0);
    m.seq = 41;
    assert_int_equal(take(v, &m), 1);
    m.seq = 40;
    assert_int_equal(take(v, &m), 0);
    for (uint64_t i = 100; i > 0; i--) {
        m = direct("mallory", i * 7919, i);
        assert_int_equal(take(v, &m), 1);
        assert_int_equal(take(v, &m), 0);
    }
}

static void test_place(void **state)
{
    struct vault *v = ((struct fixture *)*state)->v;
    struct wire_resume r;
    const struct vault_place p = {3, 17, 40};
    assert_int_equal(vault_begin(v), 0);
    assert_int_equal(vault_place(v, &p), 0);
    assert_int_equal(vault_commit(v), 0);
    assert_int_equal(vault_resume(v, &r), 0);
    assert_int_equal(r.incarnation, 3);
    assert_int_equal(r.seq, 17);
    assert_int_equal(r.lobby_seen, 40);
}

/* A store that was lost, or restored from an old copy, must not reuse ids. */
static void test_outrun(void **state)
{
    struct vault *v = ((struct fixture *)*state)->v;
    struct vault_out out;
    submit(v, "one");
    submit(v, "two");
    assert_int_equal(vault_outrun(v, 2), 0);
    assert_int_equal(vault_next(v, 0, &out), 1);
    assert_int_equal(out.id, 1);
    assert_int_equal(vault_outrun(v, 500), 1);
    assert_int_equal(vault_next(v, 0, &out), 1);
    assert_int_equal(out.id, 500 + VAULT_LEAP);
    assert_memory_equal(out.body.data, "one", 3);
    assert_int_equal(out.number, 1);
    assert_int_equal(submit(v, "three"), 3); /* numbers go on as they were */
    assert_int_equal(vault_next(v, 500 + VAULT_LEAP + 1, &out), 1);
    assert_int_equal(out.id, 500 + VAULT_LEAP + 2);
}

static void test_bind(void **state)
{
    struct vault *v = ((struct fixture *)*state)->v;
    const uint8_t one[32] = {1}, two[32] = {2}, three[32] = {3};
    struct wire_deliver m = direct("bob", 7, 5);
    struct vault_settled gone;
    assert_int_equal(vault_bind(v, one, NULL), 1);
    assert_int_equal(take(v, &m), 1);
    uint64_t id = submit(v, "for the first server");
    assert_int_equal(vault_bind(v, one, NULL), 1);
    assert_int_equal(vault_bind(v, two, NULL), 0);
    assert_int_equal(vault_bind(v, two, three), 0);
    assert_int_equal(take(v, &m), 0);
    assert_int_equal(vault_bind(v, two, one), 1); /* it stands in the first one's place */
    assert_int_equal(take(v, &m), 1);
    assert_int_equal(vault_begin(v), 0);
    assert_int_equal(settle(v, id, WIRE_STATE_ACCEPTED, &gone), 0);
    assert_int_equal(vault_commit(v), 0);
    assert_int_equal(gone.n, 1);
    assert_int_equal(vault_bind(v, one, NULL), 1);
}

/* --- what sealed messages need --- */

static void post_sealed(struct vault *v, uint64_t number, const char *to, const char *content)
{
    struct vault_out m = {.number = number,
                          .kind = WIRE_TO_USER,
                          .heads = 1,
                          .to = text_of(to),
                          .head_bytes = text_of("head"),
                          .body = text_of("body"),
                          .content = text_of(content)};
    assert_int_equal(vault_id(v, &m.id), 0);
    assert_int_equal(vault_post(v, &m), 0);
}

static uint64_t new_number(struct vault *v)
{
    uint64_t number;
    assert_int_equal(vault_number(v, &number), 0);
    return number;
}

static void expect_draft(struct vault *v, const char *to, uint64_t after, uint64_t number,
                         const char *content)
{
    struct vault_draft d;
    assert_int_equal(vault_next_draft(v, text_of(to), after, &d), number != 0);
    if (number == 0) return;
    assert_int_equal(d.number, number);
    assert_int_equal(d.content.len, strlen(content));
    assert_memory_equal(d.content.data, content, d.content.len);
}

/* Those to one person in the order of their numbers, whatever stands between. */
static void test_drafts(void **state)
{
    struct vault *v = ((struct fixture *)*state)->v;
    static const char *const to[] = {"bob", "carol", "Bob"};
    static const char *const content[] = {"one", "two", "three"};
    assert_int_equal(vault_begin(v), 0);
    for (int i = 0; i < 3; i++) {
        const struct vault_draft d = {
            .number = new_number(v), .to = text_of(to[i]), .content = text_of(content[i])};
        assert_int_equal(vault_draft(v, &d), 0);
    }
    expect_draft(v, "BOB", 0, 1, "one");
    expect_draft(v, "bob", 1, 3, "three");
    expect_draft(v, "bob", 3, 0, NULL);
    expect_draft(v, "", 1, 2, "two");
    assert_int_equal(vault_drop_draft(v, 1, 0), 0);
    assert_int_equal(vault_drop_draft(v, 3, WIRE_NO_DEVICE), 0);
    expect_draft(v, "bob", 0, 0, NULL);
    expect_draft(v, "", 0, 2, "two");
    assert_int_equal(vault_drop_draft(v, 2, 0), 0);
    expect_draft(v, "", 0, 0, NULL);
    assert_int_equal(new_number(v), 4);
    assert_int_equal(vault_commit(v), 0);
}

/* One that must be sealed anew keeps its number, stands before what was written later, and gets another
 * id. */
static void test_recall(void **state)
{
    struct vault *v = ((struct fixture *)*state)->v;
    struct vault_settled gone;
    struct vault_out out;
    assert_int_equal(vault_begin(v), 0);
    for (int i = 0; i < 3; i++)
        new_number(v);
    post_sealed(v, 1, "bob", "one");
    assert_int_equal(vault_draft(v, &(struct vault_draft){2, false, text_of("bob"), text_of("two")}), 0);
    post_sealed(v, 3, "carol", "three");
    assert_int_equal(vault_recall(v, 1, &gone), 0);
    assert_int_equal(gone.n, 1);
    assert_int_equal(gone.first, 1);
    expect_draft(v, "bob", 0, 1, "one");
    expect_draft(v, "bob", 1, 2, "two");
    assert_int_equal(vault_drop_draft(v, 1, 0), 0);
    post_sealed(v, 1, "bob", "one");
    assert_int_equal(vault_next(v, 2, &out), 1);
    assert_int_equal(out.id, 3);
    assert_int_equal(out.number, 1);
    assert_int_equal(out.heads, 1);
    assert_memory_equal(out.head_bytes.data, "head", 4);
    assert_memory_equal(out.body.data, "body", 4);
    assert_int_equal(vault_recall(v, 77, &gone), 0);
    assert_int_equal(gone.n, 0);
    assert_int_equal(vault_commit(v), 0);
}

/* An old copy of a store: what was sealed is sealed anew, with new keys. */
static void test_outrun_sealed(void **state)
{
    struct vault *v = ((struct fixture *)*state)->v;
    struct vault_out out;
    struct buf value = {0};
    assert_int_equal(vault_begin(v), 0);
    post_sealed(v, new_number(v), "bob", "one");
    assert_int_equal(vault_put(v, VAULT_SESSIONS, text_of("bob"), 7, text_of("keys")), 0);
    assert_int_equal(vault_put(v, VAULT_PEER, text_of("bob"), 0, text_of("list")), 0);
    assert_int_equal(vault_commit(v), 0);
    assert_int_equal(submit(v, "plain"), 2);
    assert_int_equal(vault_outrun(v, 900), 1);
    expect_draft(v, "bob", 0, 1, "one");
    assert_int_equal(vault_next(v, 0, &out), 1);
    assert_int_equal(out.id, 900 + VAULT_LEAP);
    assert_int_equal(out.number, 2);
    assert_int_equal(vault_get(v, VAULT_SESSIONS, text_of("bob"), 7, &value), 0);
    assert_int_equal(vault_get(v, VAULT_PEER, text_of("bob"), 0, &value), 1);
    buf_free(&value);
}

static void check_value(struct vault *v, const char *name, uint64_t number, const char *wanted)
{
    struct buf b = {0};
    assert_int_equal(vault_get(v, VAULT_SESSIONS, text_of(name), number, &b), wanted != NULL);
    if (wanted) assert_memory_equal(buf_head(&b), wanted, strlen(wanted));
    assert_int_equal(buf_len(&b), wanted ? strlen(wanted) : 0);
    buf_free(&b);
}

static void test_values(void **state)
{
    struct vault *v = ((struct fixture *)*state)->v;
    static const char *const names[] = {"", "a", "bob", "bo", "carol"};
    char name[VAULT_NAME] = "";
    uint64_t number = 0;
    for (uint64_t i = 0; i < 25; i++)
        assert_int_equal(vault_put(v, VAULT_SESSIONS, text_of(names[i % 5]), 1 + i * 7 % 25,
                                   text_of("value")), 0);
    assert_int_equal(vault_put(v, VAULT_PEER, text_of("bob"), 1, text_of("other kind")), 0);
    assert_int_equal(vault_put(v, VAULT_SESSIONS, text_of("bob"), UINT64_MAX - 5, text_of("")), 0);
    check_value(v, "bob", UINT64_MAX - 5, "");
    assert_int_equal(vault_put(v, VAULT_SESSIONS, text_of("bob"), UINT64_MAX - 5, text_of("longer")), 0);
    check_value(v, "bob", UINT64_MAX - 5, "longer");
    assert_int_equal(vault_drop(v, VAULT_SESSIONS, text_of("bob"), UINT64_MAX - 5), 0);
    check_value(v, "bob", UINT64_MAX - 5, NULL);
    unsigned n = 0, of_bob = 0;
    uint64_t last = 0;
    while (vault_next_value(v, VAULT_SESSIONS, name, &number) > 0) {
        n++;
        if (strcmp(name, "bob") != 0) continue;
        of_bob++;
        assert_true(number > last);
        last = number;
    }
    assert_int_equal(n, 25);
    assert_int_equal(of_bob, 5);
    assert_int_equal(vault_forget(v, VAULT_SESSIONS, text_of("bob")), 0);
    check_value(v, "bob", last, NULL);
    check_value(v, "bo", 1 + 3 * 7, "value");
    assert_int_equal(vault_forget(v, VAULT_SESSIONS, (struct slice){0}), 0);
    check_value(v, "bo", 1 + 3 * 7, NULL);
    struct buf b = {0};
    assert_int_equal(vault_get(v, VAULT_PEER, text_of("bob"), 1, &b), 1);
    buf_free(&b);
}

/* --- the file alone --- */

static void test_two_handles(void **state)
{
    struct fixture *x = *state;
    struct vault *other = open_file(x);
    int known = -1;
    uint64_t number = 0;
    struct vault_settled gone;
    vault_changed(x->v);
    for (uint64_t i = 1; i <= 20; i += 2) {
        assert_int_equal(submit(x->v, "here"), i);
        assert_int_equal(submit(other, "there"), i + 1);
    }
    assert_true(vault_changed(x->v));
    assert_false(vault_changed(x->v));
    assert_int_equal(vault_begin(other), 0);
    assert_int_equal(settle(other, 3, WIRE_STATE_STORED, &gone), 0);
    assert_int_equal(vault_commit(other), 0);
    assert_int_equal(vault_state(x->v, 3, &known, &number), 1);
    assert_int_equal(known, WIRE_STATE_STORED);
    assert_int_equal(vault_state(x->v, 4, &known, &number), 1);
    assert_int_equal(known, VAULT_WAITING);
    assert_int_equal(vault_state(x->v, 400, &known, &number), 0);
    /* a place never goes back, whoever writes it */
    const struct vault_place far = {2, 9, 50}, near = {2, 8, 49}, old = {1, 99, 48};
    struct wire_resume r;
    assert_int_equal(vault_place(x->v, &far), 0);
    assert_int_equal(vault_place(other, &near), 0);
    assert_int_equal(vault_place(other, &old), 0);
    assert_int_equal(vault_resume(x->v, &r), 0);
    assert_int_equal(r.incarnation, 2);
    assert_int_equal(r.seq, 9);
    assert_int_equal(r.lobby_seen, 50);
    vault_close(other);
}

static void test_many_processes(void **state)
{
    struct fixture *x = *state;
    enum { PROCESSES = 4, EACH = 25 };
    struct vault_out out;
    vault_close(x->v);
    for (int p = 0; p < PROCESSES; p++) {
        if (fork() != 0) continue;
        struct vault *v = open_file(x);
        for (int i = 0; i < EACH; i++)
            submit(v, "crowd");
        _exit(0);
    }
    int status, good = 0;
    while (wait(&status) > 0)
        good += status == 0;
    assert_int_equal(good, PROCESSES);
    x->v = open_file(x);
    for (uint64_t i = 0; i < PROCESSES * EACH; i++) {
        assert_int_equal(vault_next(x->v, i, &out), 1);
        assert_int_equal(out.id, i + 1);
    }
    assert_int_equal(vault_next(x->v, PROCESSES * EACH, &out), 0);
}

/* What was not committed when the process died never was. */
static void test_killed_in_transaction(void **state)
{
    struct fixture *x = *state;
    struct wire_deliver m = direct("bob", 7, 5);
    uint64_t row;
    submit(x->v, "one");
    vault_close(x->v);
    if (fork() == 0) {
        struct vault *v = open_file(x);
        struct vault_settled gone;
        const struct vault_place p = {1, 1, WIRE_NEWCOMER};
        if (vault_begin(v) || vault_deliver(v, &m, &row) != 1 || vault_place(v, &p) ||
            settle(v, 1, WIRE_STATE_ACCEPTED, &gone))
            _exit(1);
        _exit(0);
    }
    int status;
    struct wire_resume r;
    assert_true(wait(&status) > 0);
    assert_int_equal(status, 0);
    x->v = open_file(x);
    assert_int_equal(vault_resume(x->v, &r), 0);
    assert_int_equal(r.seq, 0);
    assert_int_equal(r.next_id, 1);
    assert_int_equal(vault_last_row(x->v, &row), 0);
    assert_int_equal(row, 0);
    assert_int_equal(take(x->v, &m), 1);
}

/* What is held happens at once, for another process too, or not at all. */
static void test_held(void **state)
{
    struct fixture *x = *state;
    struct vault *other = open_file(x);
    struct vault_out out;
    assert_int_equal(vault_hold(x->v), 0);
    assert_int_equal(submit(x->v, "one"), 1);
    assert_int_equal(vault_hold(x->v), 0);
    assert_int_equal(submit(x->v, "two"), 2);
    assert_int_equal(vault_next(x->v, 0, &out), 1);
    assert_int_equal(vault_next(other, 0, &out), 0);
    assert_int_equal(vault_release(x->v), 0);
    assert_int_equal(vault_next(other, 1, &out), 1);

    assert_int_equal(vault_hold(x->v), 0);
    assert_int_equal(submit(x->v, "three"), 3);
    vault_rollback(x->v);
    assert_int_equal(submit(x->v, "four"), 4);
    assert_int_equal(vault_release(x->v), -1);
    assert_int_equal(vault_next(x->v, 2, &out), 0);
    assert_int_equal(vault_release(x->v), 0);
    assert_int_equal(submit(other, "after it"), 3);
    vault_close(other);
}

static void test_killed_while_held(void **state)
{
    struct fixture *x = *state;
    struct vault_out out;
    int status;
    vault_close(x->v);
    if (fork() == 0) {
        struct vault *v = open_file(x);
        if (vault_hold(v)) _exit(1);
        submit(v, "one");
        submit(v, "two");
        _exit(0);
    }
    assert_true(wait(&status) > 0);
    assert_int_equal(status, 0);
    x->v = open_file(x);
    assert_int_equal(vault_next(x->v, 0, &out), 0);
    assert_int_equal(submit(x->v, "the first"), 1);
}

static void test_history(void **state)
{
    struct fixture *x = *state;
    struct vault_row row;
    uint64_t last;
    for (uint64_t i = 1; i <= 5; i++) {
        struct wire_deliver m = direct("bob", UINT64_MAX - 7, i);
        m.flags = WIRE_FLAG_STORED;
        m.time_ms = 1000 + i;
        assert_int_equal(take(x->v, &m), 1);
        assert_int_equal(take(x->v, &m), 0);
    }
    assert_int_equal(vault_last_row(x->v, &last), 0);
    assert_int_equal(last, 5);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(vault_history(x->v, i, &row), 1);
        assert_int_equal(row.row, i + 1);
        assert_int_equal(row.m.id, i + 1);
        assert_int_equal(row.m.time_ms, 1001 + i);
        assert_true(row.m.from_device == UINT64_MAX - 7);
        assert_int_equal(row.m.flags, WIRE_FLAG_STORED);
        assert_memory_equal(row.m.from.data, "bob", 3);
        assert_memory_equal(row.m.to.data, "alice", 5);
        assert_int_equal(row.m.body.len, 5);
    }
    assert_int_equal(vault_history(x->v, 5, &row), 0);
}

static void test_rights(void **state)
{
    struct fixture *x = *state;
    struct stat st;
    char path[128];
    submit(x->v, "secret");
    assert_int_equal(stat(x->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    snprintf(path, sizeof path, "%s-wal", x->path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* What a person sent is found by its id, with its text, and a receipt by its number. */
static void test_own_history(void **state)
{
    struct fixture *x = *state;
    struct vault_settled gone;
    struct vault_sent sent;
    struct buf numbers = {0};
    uint64_t number = 0, at;
    assert_int_equal(vault_begin(x->v), 0);
    new_number(x->v); /* of something that has no id */
    at = new_number(x->v);
    assert_int_equal(vault_note(x->v, at, WIRE_TO_USER, text_of("bob"), text_of("plain"), 77), 0);
    post_sealed(x->v, at, "bob", "one");
    assert_int_equal(vault_sent(x->v, 1, &sent), 1);
    assert_int_equal(sent.number, 2);
    assert_int_equal(sent.time_ms, 77);
    assert_memory_equal(sent.body.data, "plain", 5);
    assert_memory_equal(sent.to.data, "bob", 3);
    assert_int_equal(vault_sent(x->v, 2, &sent), 0);
    assert_int_equal(vault_settle(x->v, 1, WIRE_STATE_STORED, &gone, &numbers), 0);
    assert_int_equal(get_u64(buf_head(&numbers)), 2);
    assert_int_equal(vault_receipt(x->v, 1, WIRE_STATE_DELIVERED, &number), 1);
    assert_int_equal(number, 2);
    assert_int_equal(vault_receipt(x->v, 1, WIRE_STATE_DELIVERED, &number), 0);
    assert_int_equal(vault_commit(x->v), 0);
    buf_free(&numbers);
}

static const char version_1[] =
    "CREATE TABLE device(one INTEGER PRIMARY KEY CHECK(one = 1), next_id INTEGER NOT NULL,"
    " incarnation INTEGER NOT NULL, seq INTEGER NOT NULL, server BLOB);"
    "INSERT INTO device VALUES(1, 8, 3, 4, NULL);"
    "CREATE TABLE outbox(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, recipient TEXT NOT NULL,"
    " heads BLOB, body BLOB NOT NULL);"
    "INSERT INTO outbox VALUES(7, 0, 'bob', NULL, x'00006869');"
    "CREATE TABLE sent(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, recipient TEXT NOT NULL,"
    " body BLOB NOT NULL, time_ms INTEGER NOT NULL, state INTEGER NOT NULL);"
    "INSERT INTO sent VALUES(6, 0, 'bob', x'00006f6c64', 5, 2), (7, 0, 'bob', x'00006869', 6, 0);"
    "CREATE TABLE heard(name TEXT NOT NULL, device INTEGER NOT NULL, id INTEGER NOT NULL,"
    " PRIMARY KEY(name, device)) WITHOUT ROWID;"
    "INSERT INTO heard VALUES('bob', 7, 5);"
    "CREATE TABLE room(name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE history(row INTEGER PRIMARY KEY AUTOINCREMENT, flags INTEGER NOT NULL,"
    " incarnation INTEGER NOT NULL, seq INTEGER NOT NULL, time_ms INTEGER NOT NULL,"
    " sender TEXT NOT NULL, device INTEGER NOT NULL, id INTEGER NOT NULL,"
    " recipient TEXT NOT NULL, body BLOB NOT NULL);"
    "INSERT INTO history VALUES(1, 0, 1, 1, 9, 'bob', 7, 5, 'alice', x'00006869');"
    "PRAGMA user_version = 1;";

/* A store of version 1: nothing is lost, numbers are the ids, and what came was not sealed. */
static void test_upgrade(void **state)
{
    struct fixture *x = *state;
    struct vault_out out;
    struct vault_row row;
    struct wire_deliver m = direct("bob", 7, 5);
    char command[2600];
    int known = -1;
    uint64_t number = 0;
    vault_close(x->v);
    unlink(x->path);
    snprintf(command, sizeof command, "sqlite3 %s \"%s\"", x->path, version_1);
    assert_int_equal(system(command), 0);
    for (int i = 0; i < 2; i++) { /* and opened once more */
        x->v = open_file(x);
        assert_int_equal(vault_next(x->v, 0, &out), 1);
        assert_int_equal(out.id, 7);
        assert_int_equal(out.number, 7);
        assert_int_equal(out.heads, 0);
        assert_int_equal(out.content.len, 0);
        assert_int_equal(vault_state(x->v, 6, &known, &number), 1);
        assert_int_equal(known, WIRE_STATE_DELIVERED);
        assert_int_equal(number, 6);
        assert_int_equal(vault_history(x->v, 0, &row), 1);
        assert_int_equal(row.how, VAULT_PLAIN);
        assert_int_equal(take(x->v, &m), 0);
        if (i == 0) vault_close(x->v);
    }
    assert_int_equal(submit(x->v, "next"), 8);
    assert_int_equal(vault_next(x->v, 7, &out), 1);
    assert_int_equal(out.id, 8);
}

static void test_newer_file(void **state)
{
    struct fixture *x = *state;
    struct why why;
    char command[256];
    vault_close(x->v);
    snprintf(command, sizeof command, "sqlite3 %s 'PRAGMA user_version = 99'", x->path);
    assert_int_equal(system(command), 0);
    x->v = NULL;
    assert_null(vault_open(x->path, &why));
    assert_non_null(strstr(why.what, "newer"));
}

int main(void)
{
    assert_true(sodium_init() >= 0);
#define ON_FILE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define ON_BOTH(f) ON_FILE(f), cmocka_unit_test_setup_teardown(f, set_up_memory, tear_down)
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_outbox),         ON_BOTH(test_seen),
        ON_BOTH(test_place),          ON_BOTH(test_outrun),
        ON_BOTH(test_bind),           ON_FILE(test_two_handles),
        ON_FILE(test_many_processes), ON_FILE(test_killed_in_transaction),
        ON_FILE(test_history),        ON_FILE(test_rights),
        ON_FILE(test_newer_file),     ON_FILE(test_own_history),
        ON_FILE(test_upgrade),        ON_BOTH(test_drafts),
        ON_BOTH(test_recall),         ON_BOTH(test_outrun_sealed),
        ON_BOTH(test_values),         ON_FILE(test_held),
        ON_FILE(test_killed_while_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
