/*
 * client.c - the client's store as a victim of power cuts, and the judge of what is left.
 *
 *   client run DIR START     submits, receives, settles, until the power fails; reports on stdout
 *   client check DIR         reads the reports of all runs from stdin, opens DIR, compares;
 *                            prints "durable=N lost=N corrupt=N"
 *
 * Everything about a message follows from its number, whether it is sent or received. Reports:
 *   b START 0 0          a run begins with this number
 *   p NUMBER ID 0        vault_submit() has returned
 *   t FROM TO UPTO       a batch is about to be committed: messages received, ids settled (0: none)
 *   c FROM TO UPTO       its vault_commit() has returned
 *
 * Lost: something reported durable is missing or undone. Corrupt: wrong bytes, half a batch, an id
 * that was used twice or left out, a place that does not fit what was received.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../client/vault.h"
#include "log.h"

enum { SENDERS = 3, DEVICE = 5, INCARNATION = 3, BODY_MAX = 10000, PATH_LEN = 4096 };

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static bool in_room(uint64_t n)
{
    return mix(n) % 4 == 0;
}

static struct slice text_of(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

/* The number itself, then what follows from it; now and then enough to need pages of its own. */
static struct slice body_of(uint64_t n)
{
    static uint8_t body[BODY_MAX];
    size_t len = 8 + (mix(n) % 16 == 1 ? 5000 + mix(n) % 4000 : mix(n) % 400);
    put_u64(body, n);
    for (size_t i = 8; i < len; i++)
        body[i] = (uint8_t)(mix(n + (i >> 3)) >> (i & 7) * 8);
    return (struct slice){body, len};
}

static struct slice recipient_of(uint64_t n)
{
    return text_of(in_room(n) ? "#lobby" : "bob");
}

static struct wire_deliver delivery_of(uint64_t n)
{
    static const char *const names[SENDERS] = {"carol", "dave", "erin"};
    bool room = in_room(n);
    return (struct wire_deliver){.flags = room ? WIRE_FLAG_ROOM : 0,
                                 .incarnation = room ? 0 : INCARNATION,
                                 .seq = n,
                                 .time_ms = n,
                                 .from = text_of(names[mix(n + 2000) % SENDERS]),
                                 .from_device = DEVICE,
                                 .id = n,
                                 .to = text_of(room ? "#lobby" : "alice"),
                                 .body = body_of(n)};
}

static bool same(struct slice a, struct slice b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* --- the store, and the connection below it: the client keeps that to itself --- */

static sqlite3 *connection;

static int note_connection(sqlite3 *db, char **error, const void *api)
{
    (void)error;
    (void)api;
    connection = db;
    return SQLITE_OK;
}

static struct vault *open_store(const char *dir)
{
    char path[PATH_LEN];
    struct why why;
    snprintf(path, sizeof path, "%s/store.db", dir);
    sqlite3_auto_extension((void (*)(void))note_connection);
    struct vault *v = vault_open(path, &why);
    if (!v) fprintf(stderr, "%s\n", why.what);
    return v;
}

/* --- the victim --- */

static struct {
    struct vault *v;
    uint64_t number, last_id;
    struct vault_place place;
} run;

static void need(int result)
{
    if (result < 0) fatal("the store failed: %s", vault_words(run.v));
}

/* At once: what is told only later may be cut off with the power, and nobody would miss it. */
static void report(char kind, uint64_t a, uint64_t b, uint64_t c)
{
    char line[80];
    int n = snprintf(line, sizeof line, "%c %lu %lu %lu\n", kind, a, b, c);
    if (write(STDOUT_FILENO, line, (size_t)n) != n) exit(1);
}

static void submit(uint64_t n)
{
    uint8_t kind = in_room(n) ? WIRE_TO_ROOM : WIRE_TO_USER;
    need(vault_submit(run.v, kind, recipient_of(n), body_of(n), n, &run.last_id));
    report('p', n, run.last_id, 0);
}

static void receive(uint64_t n)
{
    struct wire_deliver m = delivery_of(n);
    uint64_t row;
    need(vault_deliver(run.v, &m, &row));
    if (in_room(n))
        run.place.lobby = n;
    else
        run.place = (struct vault_place){INCARNATION, n, run.place.lobby};
}

/* What goes out of the outbox with this batch: 0 nothing. A rejected one is the oldest. */
static uint64_t choose_settled(uint64_t luck, bool *reject)
{
    struct vault_out out;
    int there = vault_next(run.v, 0, &out);
    need(there);
    *reject = luck % 8 == 0;
    if (!there || luck % 3 == 0) return 0;
    if (*reject) return out.id;
    uint64_t waiting = run.last_id - out.id + 1;
    return waiting <= luck % 20 ? 0 : run.last_id - luck % 20;
}

static void batch(uint64_t luck)
{
    struct vault_settled gone;
    struct buf numbers = {0};
    uint64_t number;
    bool reject;
    uint64_t first = run.number + 1, n = 1 + luck % 12, upto = choose_settled(luck >> 8, &reject);
    need(vault_begin(run.v));
    while (n--)
        receive(++run.number);
    if (upto)
        need(reject ? vault_reject(run.v, upto, WIRE_BLOCKED, &gone, &number)
                    : vault_settle(run.v, upto, WIRE_STATE_DELIVERED, &gone, &numbers));
    need(vault_place(run.v, &run.place));
    report('t', first, run.number,
           upto); /* told before, so that the judge knows what may be there */
    need(vault_commit(run.v));
    buf_free(&numbers);
    report('c', first, run.number, upto);
}

/* Short rounds of the WAL, so that a cut also falls into checkpoints. */
static void tune(uint64_t start)
{
    static const int frames[] = {20, 200, 1000};
    const char *weak = getenv("POWERCUT_SYNCHRONOUS");
    char pragma[64];
    sqlite3_wal_autocheckpoint(connection, frames[mix(start) % 3]);
    if (!weak) return;
    snprintf(pragma, sizeof pragma, "PRAGMA synchronous = %s", weak);
    if (sqlite3_exec(connection, pragma, NULL, NULL, NULL)) fatal("cannot weaken the store");
}

static int victim(const char *dir, uint64_t start)
{
    struct wire_resume r;
    struct vault_out out = {0};
    run.v = open_store(dir);
    if (!run.v) return 1;
    tune(start);
    report('b', start, 0, 0);
    need(vault_resume(run.v, &r));
    run.place = (struct vault_place){r.incarnation, r.seq, r.lobby_seen};
    run.last_id = r.next_id - 1; /* of an empty outbox; else the walk tells */
    for (uint64_t at = 0; vault_next(run.v, at, &out) > 0; at = out.id)
        run.last_id = out.id;
    for (run.number = start - 1;;) {
        uint64_t luck = mix(run.number + 77);
        for (uint64_t n = 1 + luck % 4; n; n--)
            submit(++run.number);
        batch(luck >> 16);
    }
}

/* --- the judge --- */

struct span {
    uint64_t from, to, upto;
    bool committed, whole;
};

static struct {
    struct vault *v;
    uint64_t *number_of; /* by id: the number that was submitted under it, 0 not told */
    bool *received;      /* by number: it is in the history */
    struct span *batch;
    size_t cap_ids, cap_numbers, batches, cap_batches;
    uint64_t told_id, settled, last_id, direct, lobby;
    uint64_t
        untold; /* ids that may follow told_id: each run may have had one under way at the cut */
    uint64_t durable, lost, corrupt;
} judge;

static void wrong(uint64_t *count, const char *what, uint64_t which)
{
    fprintf(stderr, "%s: %lu\n", what, which);
    ++*count;
}

/* Room in an array that is addressed by ids or numbers; what is new is zero. */
static void *reach(void *array, size_t *cap, uint64_t at, size_t size)
{
    if (at < *cap) return array;
    size_t wanted = at * 2 + 1024;
    char *bytes = xrealloc(array, wanted * size);
    memset(bytes + *cap * size, 0, (wanted - *cap) * size);
    *cap = wanted;
    return bytes;
}

static void read_put(uint64_t number, uint64_t id)
{
    if (id <= judge.told_id || id > judge.told_id + judge.untold)
        wrong(&judge.corrupt, "id out of order", id);
    judge.untold = 1;
    judge.number_of = reach(judge.number_of, &judge.cap_ids, id, sizeof *judge.number_of);
    judge.number_of[id] = number;
    judge.told_id = id;
    judge.durable++;
}

static void read_batch(bool committed, struct span s)
{
    if (committed) {
        judge.batch[judge.batches - 1].committed = true;
        judge.durable += s.to - s.from + 1;
        return;
    }
    judge.batch = reach(judge.batch, &judge.cap_batches, judge.batches, sizeof *judge.batch);
    judge.received = reach(judge.received, &judge.cap_numbers, s.to, sizeof *judge.received);
    judge.batch[judge.batches++] = s;
}

static void read_reports(void)
{
    char line[128], kind;
    uint64_t a, b, c;
    while (fgets(line, sizeof line, stdin)) {
        if (!strchr(line, '\n') || sscanf(line, "%c %lu %lu %lu", &kind, &a, &b, &c) != 4) continue;
        if (kind == 'b') judge.untold++;
        if (kind == 'p') read_put(a, b);
        if (kind == 't' || kind == 'c')
            read_batch(kind == 'c', (struct span){.from = a, .to = b, .upto = c});
    }
}

static void see_received(const struct vault_row *r, uint64_t *before)
{
    uint64_t n = r->m.id;
    struct wire_deliver want = delivery_of(n);
    if (n >= judge.cap_numbers || n <= *before || r->m.seq != n || r->m.flags != want.flags ||
        r->m.time_ms != n || r->m.incarnation != want.incarnation || !same(r->m.from, want.from) ||
        !same(r->m.to, want.to) || !same(r->m.body, want.body)) {
        wrong(&judge.corrupt, "history row", r->row);
        return;
    }
    judge.received[n] = true;
    *(in_room(n) ? &judge.lobby : &judge.direct) = *before = n;
}

/* A batch is there with all it did, or not at all. */
static void judge_batches(void)
{
    for (size_t i = 0; i < judge.batches; i++) {
        struct span *s = &judge.batch[i];
        uint64_t there = 0, all = s->to - s->from + 1;
        for (uint64_t n = s->from; n <= s->to; n++)
            there += judge.received[n];
        s->whole = there == all;
        if (s->committed && !s->whole) wrong(&judge.lost, "received messages from", s->from);
        if (!s->committed && there && !s->whole)
            wrong(&judge.corrupt, "half a batch from", s->from);
        if ((s->whole || s->committed) && s->upto > judge.settled) judge.settled = s->upto;
    }
}

static void judge_history(void)
{
    struct vault_row r = {0};
    uint64_t before = 0;
    int got;
    while ((got = vault_history(judge.v, r.row, &r)) > 0)
        see_received(&r, &before);
    if (got < 0) wrong(&judge.corrupt, "history cannot be read", r.row);
    judge_batches();
}

static bool right_out(const struct vault_out *out)
{
    uint64_t n = out->body.len >= 8 ? get_u64(out->body.data) : 0;
    bool told = out->id < judge.cap_ids && judge.number_of[out->id];
    return (!told || judge.number_of[out->id] == n) && same(out->body, body_of(n)) &&
           same(out->to, recipient_of(n)) &&
           out->kind == (in_room(n) ? WIRE_TO_ROOM : WIRE_TO_USER);
}

/* The outbox is everything above what was settled, without a gap, up to the last id told or more.
 */
static void judge_outbox(void)
{
    struct vault_out out = {0};
    judge.last_id = judge.settled;
    while (vault_next(judge.v, out.id, &out) > 0) {
        if (out.id <= judge.settled)
            wrong(&judge.lost, "settled and back again", out.id);
        else if (out.id != judge.last_id + 1)
            wrong(&judge.lost, "gap before id", out.id);
        if (!right_out(&out)) wrong(&judge.corrupt, "wrong message in the outbox", out.id);
        if (out.id > judge.last_id) judge.last_id = out.id;
    }
    if (judge.last_id < judge.told_id)
        wrong(&judge.lost, "submitted messages up to", judge.told_id);
    if (judge.last_id > judge.told_id + judge.untold)
        wrong(&judge.corrupt, "more ids than were asked for", judge.last_id);
}

/* What the device knows of its own messages went with the outbox, in one transaction. */
static void judge_states(void)
{
    for (uint64_t id = 1; id <= judge.last_id; id++) {
        int state = -1;
        uint64_t number;
        if (vault_state(judge.v, id, &state, &number) <= 0)
            wrong(&judge.lost, "nothing is known of id", id);
        else if ((state == VAULT_WAITING) != (id > judge.settled))
            wrong(&judge.corrupt, "wrong state of id", id);
    }
}

static void judge_place(void)
{
    struct wire_resume r;
    if (vault_resume(judge.v, &r) < 0) {
        wrong(&judge.corrupt, "the place cannot be read", 0);
        return;
    }
    uint64_t lobby = r.lobby_seen == WIRE_NEWCOMER ? 0 : r.lobby_seen;
    if (r.seq < judge.direct || lobby < judge.lobby)
        wrong(&judge.lost, "place before what came", r.seq);
    if (r.seq > judge.direct || lobby > judge.lobby)
        wrong(&judge.corrupt, "place after what came", r.seq);
    if (r.next_id != judge.settled + 1) wrong(&judge.corrupt, "first id to resend", r.next_id);
}

/* What was received before is known; what was not is taken. Nothing of it stays. */
static void judge_seen(void)
{
    uint64_t row, fresh = judge.cap_numbers + 1;
    if (vault_begin(judge.v) < 0) wrong(&judge.corrupt, "the store cannot be written", 0);
    for (size_t i = 0; i < judge.batches; i++)
        for (uint64_t n = judge.batch[i].from; judge.batch[i].committed && n <= judge.batch[i].to;
             n++) {
            struct wire_deliver m = delivery_of(n);
            if (vault_deliver(judge.v, &m, &row) != 0) wrong(&judge.lost, "not known as seen", n);
        }
    struct wire_deliver m = delivery_of(fresh);
    if (vault_deliver(judge.v, &m, &row) != 1) wrong(&judge.corrupt, "taken for seen", fresh);
    vault_rollback(judge.v);
}

/* The next id is one that nobody has had. */
static void judge_next_id(void)
{
    uint64_t id = 0;
    if (vault_submit(judge.v, WIRE_TO_USER, text_of("bob"), body_of(1), 1, &id) < 0 ||
        id != judge.last_id + 1)
        wrong(&judge.corrupt, "next id", id);
}

static int note_check(void *result, int n, char **value, char **name)
{
    (void)name;
    *(bool *)result = n == 1 && value[0] && strcmp(value[0], "ok") == 0;
    return 0;
}

static void judge_file(void)
{
    bool good = false;
    if (sqlite3_exec(connection, "PRAGMA quick_check", note_check, &good, NULL) || !good)
        wrong(&judge.corrupt, "quick_check", 0);
}

static int check(const char *dir)
{
    read_reports();
    judge.v = open_store(dir);
    if (!judge.v) {
        judge.corrupt++;
    } else {
        judge_file();
        judge_history();
        judge_outbox();
        judge_states();
        judge_place();
        judge_seen();
        judge_next_id();
        vault_close(judge.v);
    }
    printf("durable=%lu lost=%lu corrupt=%lu\n", judge.durable, judge.lost, judge.corrupt);
    free(judge.number_of);
    free(judge.received);
    free(judge.batch);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "run") == 0)
        return victim(argv[2], strtoull(argv[3], NULL, 10));
    if (argc == 3 && strcmp(argv[1], "check") == 0) return check(argv[2]);
    fprintf(stderr, "usage: client run DIR START | client check DIR < reports\n");
    return 2;
}
