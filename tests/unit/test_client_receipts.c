/*
 * test_client_receipts.c - what became of own messages: what the store says of them, the lines and JSON of
 * `why`, and /why in the conversation. Engine and server are tests/e2e/test_receipts.py's.
 */
#include "client_fake.h"

#include <jansson.h>
#include <unistd.h>

#include "../../client/face/chat.h"
#include "../../client/face/receipts.h"
#include "../../client/face/report.h"
#include "../../client/vault.h"

/* --- the store --- */

struct fixture {
    char folder[64], path[96];
    struct vault *v;
};

static void open_store(struct fixture *x)
{
    struct why why;
    x->v = vault_open(x->path, &why);
    if (!x->v) fail_msg("%s", why.what);
}

static int set_up(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    snprintf(x->folder, sizeof x->folder, "/tmp/csmsg-receipts-XXXXXX");
    assert_non_null(mkdtemp(x->folder));
    snprintf(x->path, sizeof x->path, "%s/store.db", x->folder);
    open_store(x);
    *state = x;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;
    static const char *const tails[] = {"", "-wal", "-shm", "-journal", ".lock"};
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

static uint64_t submit(struct vault *v, uint8_t kind, const char *to)
{
    uint64_t number;
    assert_int_equal(vault_submit(v, kind, text_of(to), text_of("hello"), 1000, &number), 0);
    return number;
}

static void settle(struct vault *v, uint64_t upto, uint8_t state)
{
    struct vault_settled gone;
    struct buf numbers = {0};
    assert_int_equal(vault_begin(v), 0);
    assert_int_equal(vault_settle(v, upto, state, &gone, &numbers), 0);
    assert_int_equal(vault_commit(v), 0);
    buf_free(&numbers);
}

/* The own message of this number is in this state. */
static struct vault_own own_is(struct vault *v, uint64_t number, int state)
{
    struct vault_own own;
    assert_int_equal(vault_own(v, number, &own), 1);
    assert_int_equal(own.state, state);
    return own;
}

static void by_number_and_newest(void **state)
{
    struct vault *v = ((struct fixture *)*state)->v;
    struct vault_own own;
    assert_int_equal(vault_own(v, 0, &own), 0);
    uint64_t first = submit(v, WIRE_TO_USER, "bob"), second = submit(v, WIRE_TO_ROOM, "#chess");
    own = own_is(v, 0, VAULT_WAITING);
    assert_true(own.number == second && own.kind == WIRE_TO_ROOM && own.id > 0 && !own.draft && own.time_ms == 1000);
    assert_string_equal(own.to, "#chess");
    assert_string_equal(own_is(v, first, VAULT_WAITING).to, "bob");
    assert_int_equal(vault_own(v, second + 1, &own), 0);
}

/* One that waits to be sealed is told from one that is ready; what a program drafts by itself is no message. */
static void a_draft(void **state)
{
    struct vault *v = ((struct fixture *)*state)->v;
    struct vault_draft d = {.to = text_of("bob"), .content = text_of("content")};
    assert_int_equal(vault_begin(v), 0);
    assert_int_equal(vault_number(v, &d.number), 0);
    assert_int_equal(vault_note(v, d.number, WIRE_TO_USER, d.to, text_of("hello"), 1), 0);
    assert_int_equal(vault_draft(v, &d), 0);
    uint64_t number = d.number;
    d.quiet = true;
    assert_int_equal(vault_number(v, &d.number), 0);
    assert_int_equal(vault_draft(v, &d), 0);
    assert_int_equal(vault_commit(v), 0);
    struct vault_own own = own_is(v, 0, VAULT_WAITING);
    assert_true(own.number == number && own.draft && own.id == 0);
}

/* Newest first: those to people that are accepted or stored, until it is known what became of them. */
static void of_unknown_fate(void **state)
{
    struct vault *v = ((struct fixture *)*state)->v;
    struct vault_own own;
    uint64_t number, n[5];
    n[0] = submit(v, WIRE_TO_USER, "bob");
    n[1] = submit(v, WIRE_TO_USER, "carol");
    settle(v, own_is(v, n[1], 0).id, WIRE_STATE_STORED);
    n[2] = submit(v, WIRE_TO_USER, "bob");
    n[3] = submit(v, WIRE_TO_ROOM, "#lobby");
    settle(v, own_is(v, n[3], 0).id, WIRE_STATE_ACCEPTED);
    n[4] = submit(v, WIRE_TO_USER, "bob");
    const uint64_t want[] = {n[2], n[1], n[0]};
    own.number = UINT64_MAX;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(vault_own_open(v, own.number, &own), 1);
        assert_int_equal(own.number, want[i]);
    }
    assert_int_equal(vault_own_open(v, own.number, &own), 0);
    assert_int_equal(vault_receipt(v, own_is(v, n[2], WIRE_STATE_ACCEPTED).id, WIRE_STATE_DELIVERED, &number), 1);
    assert_int_equal(number, n[2]);
    assert_int_equal(vault_receipt(v, own_is(v, n[3], WIRE_STATE_ACCEPTED).id, WIRE_STATE_DELIVERED, &number), 0);
    assert_int_equal(vault_receipt(v, own_is(v, n[0], WIRE_STATE_STORED).id, WIRE_STATE_EXPIRED, &number), 1);
    assert_int_equal(vault_own_open(v, UINT64_MAX, &own), 1);
    assert_int_equal(own.number, n[1]);
}

/* Once, and not of what was never accepted, refused, expired, or said in a room. */
static void marked_as_read(void **state)
{
    struct vault *v = ((struct fixture *)*state)->v;
    uint64_t number = submit(v, WIRE_TO_USER, "bob"), id = own_is(v, number, 0).id;
    assert_int_equal(vault_own_read(v, id), 0);
    settle(v, id, WIRE_STATE_DELIVERED);
    assert_int_equal(vault_own_read(v, id), 1);
    assert_int_equal(vault_own_read(v, id), 0);
    own_is(v, number, VAULT_READ);
    number = submit(v, WIRE_TO_ROOM, "#chess");
    id = own_is(v, number, 0).id;
    settle(v, id, WIRE_STATE_ACCEPTED);
    assert_int_equal(vault_own_read(v, id), 0);
    number = submit(v, WIRE_TO_USER, "bob");
    id = own_is(v, number, 0).id;
    settle(v, id, WIRE_STATE_STORED);
    uint64_t told;
    assert_int_equal(vault_receipt(v, id, WIRE_STATE_EXPIRED, &told), 1);
    assert_int_equal(vault_own_read(v, id), 0);
    assert_int_equal(vault_own_read(v, id + 1), 0);
}

static void the_store_of_before(void **state)
{
    struct fixture *x = *state;
    struct vault_own own;
    char command[256];
    uint64_t number = submit(x->v, WIRE_TO_USER, "bob");
    settle(x->v, own_is(x->v, number, 0).id, WIRE_STATE_STORED);
    vault_close(x->v);
    snprintf(command, sizeof command, "sqlite3 %s 'DROP INDEX sent_open; PRAGMA user_version = 3'", x->path);
    assert_int_equal(system(command), 0);
    open_store(x);
    assert_int_equal(vault_own_open(x->v, UINT64_MAX, &own), 1);
    assert_int_equal(own.number, number);
    snprintf(command, sizeof command, "sqlite3 %s .schema | grep -q 'CREATE INDEX sent_open'", x->path);
    assert_int_equal(system(command), 0);
}

static void memory_has_no_history(void **state)
{
    (void)state;
    struct vault *v = vault_memory();
    struct vault_own own;
    uint64_t number;
    vault_submit(v, WIRE_TO_USER, text_of("bob"), text_of("hello"), 1, &number);
    assert_int_equal(vault_own(v, number, &own), 0);
    assert_int_equal(vault_own_open(v, UINT64_MAX, &own), 0);
    assert_int_equal(vault_own_read(v, 1), 0);
    vault_close(v);
}

/* --- lines and JSON --- */

static const char *line_of(const struct client_why *w)
{
    static char text[2048];
    struct buf b = {0};
    report_why_line(&b, w);
    snprintf(text, sizeof text, "%.*s", (int)buf_len(&b), (const char *)buf_head(&b));
    buf_free(&b);
    return text;
}

static void has(const char *text, const char *words)
{
    if (!strstr(text, words)) fail_msg("no \"%s\" in \"%s\"", words, text);
}

static void each_state_has_its_words(void **state)
{
    (void)state;
    static const struct {
        enum client_why_state state;
        const char *words, *name;
    } rows[] = {
        {CLIENT_WHY_UNSEALED, "not sent yet: it is sealed when", "unsealed"},
        {CLIENT_WHY_KEYS, "not sent yet: waits for bob's keys", "keys"},
        {CLIENT_WHY_TRUST, "not sent yet: waits for bob's keys", "trust"},
        {CLIENT_WHY_OUTBOX, "waits in the outbox", "outbox"},
        {CLIENT_WHY_SENT, "has not confirmed it yet", "sent"},
        {CLIENT_WHY_ACCEPTED, "accepted", "accepted"},
        {CLIENT_WHY_STORED, "stored, as of the last connection", "stored"},
        {CLIENT_WHY_DELIVERED, "delivered to bob", "delivered"},
        {CLIENT_WHY_READ, "read by bob", "read"},
        {CLIENT_WHY_EXPIRED, "expired: bob", "expired"},
        {CLIENT_WHY_REVOKED, "was revoked", "revoked"},
        {CLIENT_WHY_REFUSED, "refused: queue-full", "refused"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool words = rows[i].state == CLIENT_WHY_KEYS || rows[i].state == CLIENT_WHY_TRUST;
        struct client_why w = {.number = 7, .time_ms = 1000, .state = rows[i].state, .to = "bob",
                               .words = words ? "waits for bob's keys" : "", .code = WIRE_QUEUE_FULL};
        has(line_of(&w), "7 to bob, ");
        has(line_of(&w), rows[i].words);
        json_t *o = report_why_answer(&w);
        assert_string_equal(json_string_value(json_object_get(o, "state")), rows[i].name);
        assert_int_equal(json_integer_value(json_object_get(o, "id")), 7);
        assert_int_equal(json_object_get(o, "message") != NULL, words);
        assert_int_equal(json_object_get(o, "code") != NULL, rows[i].state == CLIENT_WHY_REFUSED);
        json_decref(o);
    }
}

static void devices_that_wait(void **state)
{
    (void)state;
    struct client_why_row row[] = {{.name = "bob", .device = 1, .state = WIRE_STATE_EXPIRED},
                                   {.name = "bob", .device = 2, .state = WIRE_STATE_STORED, .place = 22, .until_ms = 1000}};
    struct client_why w = {.number = 7, .state = CLIENT_WHY_DELIVERED, .to = "bob", .words = "", .current = true, .row = row, .n = 2};
    has(line_of(&w), "delivered to bob; 1 of their devices has not got it, 22nd in the queue, kept until ");
    has(line_of(&w), "; bob is absent");
    static const struct {
        uint32_t place;
        const char *words;
    } ordinals[] = {{1, " 1st in"}, {3, " 3rd in"}, {4, " 4th in"}, {11, " 11th in"}, {12, " 12th in"}, {101, " 101st in"}, {113, " 113th in"}};
    for (size_t i = 0; i < sizeof ordinals / sizeof *ordinals; i++) {
        row[1].place = ordinals[i].place;
        has(line_of(&w), ordinals[i].words);
    }
    json_t *o = report_why_answer(&w), *devices = json_object_get(o, "devices");
    assert_int_equal(json_array_size(devices), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(devices, 1), "device")), "0000000000000002");
    assert_null(json_object_get(json_array_get(devices, 0), "place"));
    json_decref(o);
}

/* Forty people are a line: numbers, the first few names, and how many more. */
static void members_are_folded(void **state)
{
    (void)state;
    struct client_why_row row[40];
    for (size_t i = 0; i < 40; i++) {
        row[i] = (struct client_why_row){.role = 1, .devices = 2, .state = i < 28 ? WIRE_STATE_DELIVERED : i < 39 ? WIRE_STATE_STORED : WIRE_STATE_EXPIRED,
                                         .waiting = i < 28 ? 0 : 2, .read = i < 3};
        snprintf(row[i].name, sizeof row[i].name, "user%zu", i);
    }
    row[28].waiting = 1;
    row[28].present = true;
    row[29].role = 0;
    struct client_why w = {.number = 7, .state = CLIENT_WHY_STORED, .kind = WIRE_TO_ROOM, .to = "#chess", .words = "", .current = true,
                           .room_number = 12, .row = row, .n = 40};
    has(line_of(&w), "delivered to 28 of 40, read by 3; waits for: user28 (1 of 2 devices; here, has not answered yet), "
                     "user29 (has left; absent), user30 (absent)");
    has(line_of(&w), "user35 (absent) and 3 more; not kept any more for: user39 (absent)");
    json_t *o = report_why_answer(&w);
    assert_int_equal(json_array_size(json_object_get(o, "members")), 40);
    assert_int_equal(json_integer_value(json_object_get(o, "number")), 12);
    assert_null(json_object_get(o, "present"));
    json_decref(o);
}

/* --- numbers as typed --- */

static void numbers(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "0", "x", "-1", "+1", " 1", "1x", "1 2", "18446744073709551615", "99999999999999999999"};
    uint64_t number;
    assert_true(receipts_number("12", &number));
    assert_int_equal(number, 12);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (receipts_number(wrong[i], &number)) fail_msg("%s is taken", wrong[i]);
}

#define ON_FILE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    assert_true(sodium_init() >= 0);
    const struct CMUnitTest tests[] = {
        ON_FILE(by_number_and_newest),
        ON_FILE(a_draft),
        ON_FILE(of_unknown_fate),
        ON_FILE(marked_as_read),
        ON_FILE(the_store_of_before),
        cmocka_unit_test(memory_has_no_history),
        cmocka_unit_test(each_state_has_its_words),
        cmocka_unit_test(devices_that_wait),
        cmocka_unit_test(members_are_folded),
        cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
