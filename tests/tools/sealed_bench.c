/*
 * sealed_bench.c - what sealing costs a client: CPU time per direct message of 100 bytes to one
 * device, at each end, within a turn and with a new ratchet key for every message; and per group
 * message.
 */
#include <stdio.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#include "../../client/sealed/envelope.h"
#include "../../client/sealed/sender_key.h"

enum { ROUNDS = 20000, DAY = 20000 };

static struct timespec began;

static void start(void)
{
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
}

static double stop(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)(now.tv_sec - began.tv_sec) * 1e6 + (double)(now.tv_nsec - began.tv_nsec) / 1e3;
}

struct end {
    struct ratchet ratchet;
    double sealing, opening; /* us */
};

static void message(struct end *from, struct end *to, const struct envelope *e, struct slice text)
{
    struct envelope_key k = {.from_seq = 1, .to_seq = 1};
    struct buf body = {0}, head = {0}, out = {0};
    uint8_t key[ENVELOPE_KEY_TEXT];
    start();
    envelope_seal(e, &k, text, &sealed_random_system, &body);
    envelope_key_encode(&k, key);
    int sealed = ratchet_seal(&from->ratchet, sealed_slice(key, sizeof key), &sealed_random_system,
                              &head, 0);
    from->sealing += stop();
    start();
    bool good = sealed == 0 &&
                ratchet_open(&to->ratchet, sealed_head(&head), 0, DAY, &out) == RATCHET_OPENED &&
                envelope_key_decode(&k, sealed_head(&out));
    buf_reset(&out, SIZE_MAX);
    good = good && envelope_open(e, &k, sealed_head(&body), &out);
    to->opening += stop();
    if (!good) printf("a message did not open\n");
    buf_free(&body);
    buf_free(&head);
    buf_free(&out);
}

static void direct(bool turns)
{
    static const uint8_t text[100];
    const struct envelope e = {.from = sealed_slice("alice", 5), .to = sealed_slice("bob", 3)};
    static struct end a, b;
    struct sealed_pair pair;
    uint8_t sk[32] = {1}, ad[32] = {2};
    a.sealing = b.opening = 0;
    sealed_pair_make(&pair, &sealed_random_system);
    if (ratchet_start(&a.ratchet, sk, ad, pair.public_key, &sealed_random_system) < 0) return;
    ratchet_answer(&b.ratchet, sk, ad, &pair);
    for (int i = 0; i < ROUNDS; i++) {
        message(&a, &b, &e, sealed_slice(text, sizeof text));
        if (turns) message(&b, &a, &e, sealed_slice(text, sizeof text));
    }
    printf("direct, %s: seal %.1f us, open %.1f us\n",
           turns ? "a new ratchet key each" : "within a turn", a.sealing / ROUNDS,
           b.opening / ROUNDS);
    ratchet_wipe(&a.ratchet);
    ratchet_wipe(&b.ratchet);
}

static void group(void)
{
    static const uint8_t text[100];
    struct device_who who = {.device = 1};
    struct sender_key_bound bound = {.from = &who};
    struct sender_key own, reader;
    uint8_t d[SENDER_KEY_DISTRIBUTION], id[32] = {0};
    double sealing = 0, opening = 0;
    sender_key_make(&own, id, 0, DAY, &sealed_random_system);
    sender_key_distribution(&own, d);
    if (!sender_key_accept(&reader, sealed_slice(d, sizeof d))) return;
    for (int i = 0; i < ROUNDS / 4; i++) {
        struct buf body = {0}, out = {0};
        start();
        int sealed = sender_key_seal(&own, &bound, 1, sealed_slice(text, sizeof text), &body);
        sealing += stop();
        start();
        if (sealed < 0 ||
            sender_key_open(&reader, &bound, sealed_head(&body), DAY, &out) != SENDER_KEY_GOOD)
            printf("a message did not open\n");
        opening += stop();
        buf_free(&body);
        buf_free(&out);
    }
    printf("group: seal %.1f us, open %.1f us\n", sealing * 4 / ROUNDS, opening * 4 / ROUNDS);
    sender_key_wipe(&own);
    sender_key_wipe(&reader);
}

int main(void)
{
    if (sodium_init() < 0) return 1;
    direct(false);
    direct(true);
    group();
    return 0;
}
