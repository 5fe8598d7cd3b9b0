/*
 * store_bench.c - measures the store: durable inserts a second with so many messages outstanding
 * (batches form by themselves), the delay until a message is durable, and draining.
 *
 *   store_bench DIR [SECONDS] [USERS] [OUTSTANDING ...]
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/store.h"
#include "log.h"

enum { BODY = 200, SAMPLES = 1 << 20 };

struct bench {
    struct store *s;
    uint64_t users, id, done, stop_us;
    size_t outstanding;
    uint64_t *sent_us; /* by id modulo outstanding: when it was handed in */
    uint32_t *delays;
    size_t delays_n;
};

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t pick(uint64_t n)
{
    static uint64_t x = 88172645463325252u;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x % n;
}

static void wait_and_reap(struct store *s)
{
    store_flush(s);
    poll(&(struct pollfd){.fd = store_fd(s), .events = POLLIN}, 1, -1);
    store_reap(s);
}

static void sent(void *ctx, enum store_status status, uint64_t row);

static void send_one(struct bench *b)
{
    static const uint8_t body[BODY];
    struct store_message m = {.account = 1 + pick(b->users),
                              .device = 7,
                              .time_ms = 1,
                              .from_account = 1 + pick(b->users),
                              .from_device = 7,
                              .id = ++b->id,
                              .settled = b->id,
                              .body = {body, sizeof body}};
    uint64_t *slot = &b->sent_us[b->id % b->outstanding];
    *slot = now_us();
    store_put_message(b->s, &m, sent, b);
}

/* Completions come in order, so the oldest outstanding message is the one that is done. */
static void sent(void *ctx, enum store_status status, uint64_t row)
{
    struct bench *b = ctx;
    (void)row;
    if (status != STORE_OK) fatal("the disk is full");
    uint64_t now = now_us();
    b->done++;
    if (b->delays_n < SAMPLES)
        b->delays[b->delays_n++] = (uint32_t)(now - b->sent_us[b->done % b->outstanding]);
    if (now < b->stop_us) send_one(b);
}

static int by_size(const void *l, const void *r)
{
    return (*(const uint32_t *)l > *(const uint32_t *)r) -
           (*(const uint32_t *)l < *(const uint32_t *)r);
}

static void insert(struct bench *b, size_t outstanding, double seconds)
{
    uint64_t commits0, commits, us, start = now_us();
    b->outstanding = outstanding;
    b->sent_us = xcalloc(outstanding, sizeof *b->sent_us);
    b->delays_n = 0;
    b->id = b->done = 0;
    b->stop_us = start + (uint64_t)(seconds * 1e6);
    store_stats(b->s, &commits0, &us);
    for (size_t i = 0; i < outstanding; i++)
        send_one(b);
    while (store_pending(b->s))
        wait_and_reap(b->s);
    double took = (double)(now_us() - start) / 1e6;
    store_stats(b->s, &commits, &us);
    qsort(b->delays, b->delays_n, sizeof *b->delays, by_size);
    printf(
        "insert outstanding=%zu per_s=%.0f per_commit=%.1f durable_ms p50=%.2f p99=%.2f max=%.2f\n",
        outstanding, (double)b->done / took, (double)b->done / (double)(commits - commits0),
        b->delays[b->delays_n / 2] / 1e3, b->delays[b->delays_n * 99 / 100] / 1e3,
        b->delays[b->delays_n - 1] / 1e3);
    free(b->sent_us);
}

struct drain {
    struct store *s;
    uint64_t user, rows;
};

static void loaded(void *ctx, const struct store_message *m, size_t n, bool more)
{
    struct drain *d = ctx;
    d->rows += n;
    if (n) store_ack(d->s, m[n - 1].account, m[n - 1].device, m[n - 1].row);
    if (more) store_load(d->s, d->user, 7, m[n - 1].row, 1000, 1 << 18, loaded, d);
}

static void drain(struct bench *b, size_t at_once)
{
    uint64_t start = now_us(), rows = 0;
    struct drain *d = xcalloc(b->users, sizeof *d);
    for (uint64_t u = 0; u < b->users; u++) {
        d[u] = (struct drain){b->s, u + 1, 0};
        store_load(b->s, u + 1, 7, 0, 1000, 1 << 18, loaded, &d[u]);
        while (store_pending(b->s) >= at_once)
            wait_and_reap(b->s);
    }
    while (store_pending(b->s))
        wait_and_reap(b->s);
    for (uint64_t u = 0; u < b->users; u++)
        rows += d[u].rows;
    double took = (double)(now_us() - start) / 1e6;
    printf("drain at_once=%zu users=%lu rows=%lu per_s=%.0f\n", at_once, (unsigned long)b->users,
           (unsigned long)rows, (double)rows / took);
    free(d);
}

static void make_users(struct bench *b)
{
    for (uint64_t u = 1; u <= b->users; u++) {
        struct store_account a = {.id = u, .name = "bench"};
        struct store_device d = {.account = u, .device = 7};
        store_put_account(b->s, &a, &d, NULL, NULL);
    }
    while (store_pending(b->s))
        wait_and_reap(b->s);
}

static void count(void *arg, const struct store_device *d)
{
    *(uint64_t *)arg += d->waiting;
}

int main(int argc, char **argv)
{
    char err[256];
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 3;
    struct bench b = {.users = argc > 3 ? strtoul(argv[3], NULL, 10) : 10000};
    if (argc < 2)
        return fprintf(stderr, "usage: store_bench DIR [SECONDS] [USERS] [OUTSTANDING ...]\n"), 2;
    uint64_t start = now_us(), waiting = 0;
    b.s = store_open(argv[1], err, sizeof err);
    if (!b.s) return fprintf(stderr, "store_bench: %s\n", err), 1;
    double opened = (double)(now_us() - start) / 1e3;
    store_each_device(b.s, count, &waiting);
    printf("open ms=%.0f, devices and %lu waiting messages counted after ms=%.0f\n", opened,
           (unsigned long)waiting, (double)(now_us() - start) / 1e3);
    b.delays = xcalloc(SAMPLES, sizeof *b.delays);
    if (store_incarnation(b.s) == 1) make_users(&b);
    if (argc <= 4) {
        static const size_t usual[] = {1, 16, 256, 4096};
        for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
            insert(&b, usual[i], seconds);
    }
    for (int i = 4; i < argc; i++)
        insert(&b, strtoul(argv[i], NULL, 10), seconds);
    drain(&b, 64);
    start = now_us();
    store_close(b.s);
    printf("close ms=%.0f\n", (double)(now_us() - start) / 1e3);
    free(b.delays);
    return 0;
}
