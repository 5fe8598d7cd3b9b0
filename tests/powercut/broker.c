/*
 * broker.c - the broker's store as a victim of power cuts, and the judge of what is left.
 *
 *   broker run DIR START     puts, acknowledges, until the power fails; reports on stdout
 *   broker check DIR         reads the reports of all runs from stdin, opens DIR, compares;
 *                            prints "durable=N lost=N corrupt=N"
 *
 * Everything about a message follows from its number: kind, sender, recipient, bytes. Reports:
 *   b START INCARNATION      a run begins with this number
 *   a USER ROW               an acknowledgement is about to be handed in
 *   p NUMBER ROW ACKS        this put is durable, and so are the first ACKS lines "a" of the run
 *
 * Lost: something reported durable is missing or undone. Corrupt: wrong bytes, half a transaction,
 * a wrong count, a damaged file.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/store.h"
#include "broker/store_sql.h"
#include "log.h"

enum { USERS = 8, ROOMS = 3, DEVICE = 5, HEAD = 16, BURST = 32, REPORT = 1 << 16 };

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
static uint64_t room_of(uint64_t n)
{
    return 1 + mix(n + 1000) % ROOMS;
}
static uint64_t sender_of(uint64_t n)
{
    return 1 + mix(n + 2000) % USERS;
}
static uint64_t recipient_of(uint64_t n)
{
    return 1 + mix(n + 3000) % USERS;
}

/* Now and then a body that needs pages of its own. */
static size_t body_of(uint64_t n, uint8_t body[10000])
{
    size_t len = mix(n) % 16 == 1 ? 5000 + mix(n) % 5000 : mix(n) % 400;
    for (size_t i = 0; i < len; i++)
        body[i] = (uint8_t)(mix(n + (i >> 3)) >> (i & 7) * 8);
    return len;
}

/* --- the victim --- */

static struct {
    struct store *s;
    uint64_t number, acks;
    uint64_t acks_at[BURST]; /* acknowledgements handed in before a put; by number modulo BURST */
    uint64_t confirmed;      /* number of the newest durable put */
    char report[REPORT];
    size_t reported;
} run;

static void flush(void)
{
    for (size_t at = 0; at < run.reported;) {
        ssize_t n = write(STDOUT_FILENO, run.report + at, run.reported - at);
        if (n < 0) exit(1);
        at += (size_t)n;
    }
    run.reported = 0;
}

static void report(char kind, uint64_t a, uint64_t b, uint64_t c)
{
    if (run.reported > REPORT - 80) flush();
    run.reported += (size_t)snprintf(run.report + run.reported, REPORT - run.reported,
                                     "%c %lu %lu %lu\n", kind, a, b, c);
}

static void durable(void *ctx, enum store_status status, uint64_t row)
{
    (void)ctx;
    if (status != STORE_OK) fatal("no space for the test");
    uint64_t n = ++run.confirmed;
    report('p', n, row, run.acks_at[n % BURST]);
    if (in_room(n) || mix(row) % 8) return;
    report('a', recipient_of(n), row, 0);
    flush(); /* told before it is done, so that the judge knows what may be gone */
    run.acks++;
    store_ack(run.s, recipient_of(n), DEVICE, row);
}

static void put(uint64_t n)
{
    uint8_t head[HEAD], body[10000];
    memset(head, (int)(n & 0xff), sizeof head);
    struct store_message m = {.account = recipient_of(n),
                              .device = DEVICE,
                              .id = n,
                              .settled = n,
                              .time_ms = n,
                              .from_account = sender_of(n),
                              .from_device = DEVICE,
                              .head = {head, sizeof head},
                              .body = {body, body_of(n, body)}};
    run.acks_at[n % BURST] = run.acks;
    if (in_room(n))
        store_put_room(run.s, room_of(n), &m, durable, NULL);
    else
        store_put_message(run.s, &m, durable, NULL);
}

static void settle(void)
{
    while (store_pending(run.s)) {
        store_flush(run.s);
        poll(&(struct pollfd){.fd = store_fd(run.s), .events = POLLIN}, 1, -1);
        store_reap(run.s);
        flush();
    }
}

static void sign_up(void)
{
    for (uint64_t u = 1; u <= USERS; u++) {
        struct store_account a = {.id = u, .name = "victim"};
        struct store_device d = {.account = u, .device = DEVICE};
        store_put_account(run.s, &a, &d, NULL, NULL);
    }
    settle();
}

static void count_account(void *arg, const struct store_account *a)
{
    (void)a;
    ++*(uint64_t *)arg;
}

/* Short WAL rounds and quiet times, so that a cut also falls into checkpoints of every kind. */
static void tune(uint64_t start)
{
    static const unsigned frames[] = {30, 300, 4000};
    const char *weak = getenv("POWERCUT_SYNCHRONOUS");
    if (weak) sql_tuning.synchronous = weak;
    sql_tuning.checkpoint_frames = frames[mix(start) % 3];
    sql_tuning.idle_ms = mix(start + 1) % 2 ? 0 : 1000;
}

static int victim(const char *dir, uint64_t start)
{
    char err[256];
    uint64_t accounts = 0;
    tune(start);
    run.s = store_open(dir, err, sizeof err);
    if (!run.s) fatal("%s", err);
    report('b', start, store_incarnation(run.s), 0);
    flush();
    store_each_account(run.s, count_account, &accounts);
    run.number = run.confirmed = start - 1;
    if (accounts == 0) sign_up();
    for (;;) {
        for (uint64_t burst = 1 + mix(run.number) % BURST; burst; burst--)
            put(++run.number);
        settle();
    }
}

/* --- the judge --- */

struct fate {
    uint64_t told; /* row that was reported durable, 0 when none */
    bool there;
};

static struct {
    struct store *s;
    struct fate *of; /* by number */
    uint64_t cap, highest, starts[64], runs, incarnation;
    uint64_t may[USERS + 1], must[USERS + 1]; /* highest row acknowledged, and durably so */
    uint64_t acked_in[USERS + 1];             /* the newest run with an acknowledgement */
    uint64_t next[ROOMS + 1], rows[USERS + 1], waiting[USERS + 1], acked[USERS + 1];
    uint64_t last_id[USERS + 1], newest_of[USERS + 1];
    uint64_t durable, lost, corrupt;
} judge;

static struct fate *fate(uint64_t n)
{
    if (n >= judge.cap) {
        uint64_t cap = n * 2 + 1024;
        judge.of = xrealloc(judge.of, cap * sizeof *judge.of);
        memset(judge.of + judge.cap, 0, (cap - judge.cap) * sizeof *judge.of);
        judge.cap = cap;
    }
    if (n > judge.highest) judge.highest = n;
    return &judge.of[n];
}

/* Acknowledgements of a run, in order, until a put proves them durable. */
static struct {
    uint64_t user[1 << 16], row[1 << 16];
    size_t n, proven;
} acks;

static void read_line(char kind, uint64_t a, uint64_t b, uint64_t c)
{
    if (kind == 'b') {
        judge.starts[judge.runs++ % 64] = a;
        judge.incarnation = b;
        acks.n = acks.proven = 0;
    } else if (kind == 'a') {
        acks.user[acks.n] = a;
        acks.row[acks.n++] = b;
        if (b > judge.may[a]) judge.may[a] = b;
        judge.acked_in[a] = judge.runs;
    } else if (kind == 'p') {
        fate(a)->told = b;
        judge.durable++;
        for (; acks.proven < c; acks.proven++) {
            uint64_t u = acks.user[acks.proven], row = acks.row[acks.proven];
            if (row > judge.must[u]) judge.must[u] = row;
        }
    }
}

static void read_reports(void)
{
    char line[128], kind;
    uint64_t a, b, c;
    while (fgets(line, sizeof line, stdin))
        if (strchr(line, '\n') && sscanf(line, "%c %lu %lu %lu", &kind, &a, &b, &c) == 4)
            read_line(kind, a, b, c);
}

static bool same(const struct store_message *m, bool room)
{
    uint8_t body[10000], head[HEAD];
    size_t len = body_of(m->id, body);
    memset(head, (int)(m->id & 0xff), sizeof head);
    return in_room(m->id) == room && m->time_ms == m->id && m->from_account == sender_of(m->id) &&
           m->body.len == len && memcmp(m->body.data, body, len) == 0 &&
           (room || (m->account == recipient_of(m->id) && m->head.len == HEAD &&
                     memcmp(m->head.data, head, HEAD) == 0));
}

static void see(const struct store_message *m, bool room)
{
    if (m->id == 0 || m->id > (1u << 28) || !same(m, room)) {
        judge.corrupt++;
        return;
    }
    struct fate *f = fate(m->id);
    if (f->there || (f->told && f->told != m->row)) judge.corrupt++;
    f->there = true;
}

static void see_queue(void *ctx, const struct store_message *m, size_t n, bool more)
{
    uint64_t u = *(uint64_t *)ctx;
    judge.rows[u] += n;
    for (size_t i = 0; i < n; i++)
        see(&m[i], false);
    if (more) store_load(judge.s, u, DEVICE, m[n - 1].row, 1000, 1 << 20, see_queue, ctx);
}

static void see_room(void *ctx, const struct store_message *m, size_t n, bool more)
{
    uint64_t room = *(uint64_t *)ctx;
    for (size_t i = 0; i < n; i++) {
        if (m[i].row != ++judge.next[room]) judge.corrupt++;
        see(&m[i], true);
    }
    if (more) store_load_room(judge.s, room, m[n - 1].row, 1000, 1 << 20, see_room, ctx);
}

static void see_device(void *arg, const struct store_device *d)
{
    (void)arg;
    judge.waiting[d->account] = d->waiting;
    judge.acked[d->account] = d->acked;
    judge.last_id[d->account] = d->last_id;
}

static void load_all(void)
{
    uint64_t ids[USERS + 1];
    store_each_device(judge.s, see_device, NULL);
    for (uint64_t i = 1; i <= USERS; i++) {
        ids[i] = i;
        store_load(judge.s, i, DEVICE, 0, 1000, 1 << 20, see_queue, &ids[i]);
        if (i <= ROOMS) store_load_room(judge.s, i, 0, 1000, 1 << 20, see_room, &ids[i]);
    }
    while (store_pending(judge.s)) {
        store_flush(judge.s);
        poll(&(struct pollfd){.fd = store_fd(judge.s), .events = POLLIN}, 1, -1);
        store_reap(judge.s);
    }
}

/*
 * May it be gone because it was acknowledged? What was durable but not told when the power failed
 * has an unknown row, below every row of later runs.
 */
static bool acknowledged(uint64_t n, const struct fate *f, uint64_t run_number)
{
    if (in_room(n)) return false;
    if (f->told) return f->told <= judge.may[recipient_of(n)];
    return judge.acked_in[recipient_of(n)] > run_number;
}

/* Requests take effect in order: when a message is there, so is every earlier one of its run. */
static void compare_run(uint64_t first, uint64_t end, uint64_t run_number)
{
    bool later = false;
    for (uint64_t n = end; n-- > first;) {
        const struct fate *f = fate(n);
        bool gone = !f->there && !acknowledged(n, f, run_number);
        if (f->told && gone) judge.lost++;
        if (!f->told && gone && later) judge.corrupt++;
        later |= f->there;
        if (f->there && n > judge.newest_of[sender_of(n)]) judge.newest_of[sender_of(n)] = n;
    }
}

static void compare(void)
{
    for (uint64_t r = 0; r < judge.runs; r++)
        compare_run(judge.starts[r], r + 1 < judge.runs ? judge.starts[r + 1] : judge.highest + 1,
                    r + 1);
    for (uint64_t u = 1; u <= USERS; u++) {
        if (judge.acked[u] < judge.must[u]) judge.lost++;
        if (judge.acked[u] > judge.may[u]) judge.corrupt++;
        if (judge.rows[u] != judge.waiting[u]) judge.corrupt++;
        if (judge.last_id[u] < judge.newest_of[u]) judge.corrupt++;
    }
    if (store_incarnation(judge.s) <= judge.incarnation) judge.lost++;
}

static int check(const char *dir)
{
    char err[256];
    read_reports();
    judge.s = store_open(dir, err, sizeof err);
    if (!judge.s) {
        fprintf(stderr, "%s\n", err);
        judge.corrupt++;
    } else {
        load_all();
        compare();
        store_close(judge.s);
    }
    printf("durable=%lu lost=%lu corrupt=%lu\n", judge.durable, judge.lost, judge.corrupt);
    free(judge.of);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "run") == 0)
        return victim(argv[2], strtoull(argv[3], NULL, 10));
    if (argc == 3 && strcmp(argv[1], "check") == 0) return check(argv[2]);
    fprintf(stderr, "usage: broker run DIR START | broker check DIR < reports\n");
    return 2;
}
