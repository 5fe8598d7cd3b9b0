/* test_limit.c - how often one source may connect. Time is a number here. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../master/limit.h"

enum { RATE = 5, BURST = 50 };

static struct limiter l;

static int set_up(void **state)
{
    (void)state;
    limit_init(&l, RATE, 32, 64, 12345);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(l.set);
    return 0;
}

static bool allow(const char *text, uint64_t now)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a = {0};
    if (strchr(text, ':')) {
        a.v6.sin6_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
    } else {
        a.v4.sin_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, text, &a.v4.sin_addr), 1);
    }
    return limit_allow(&l, &a.any, now);
}

static unsigned allowed(const char *text, uint64_t now, unsigned asked)
{
    unsigned n = 0;
    while (asked--)
        n += allow(text, now);
    return n;
}

static void burst_then_rate(void **state)
{
    (void)state;
    assert_int_equal(l.burst, BURST);
    assert_int_equal(allowed("192.0.2.1", 1000, 200), BURST);
    assert_int_equal(allowed("192.0.2.1", 1199, 200), 0);
    assert_int_equal(allowed("192.0.2.1", 1200, 200), 1); /* a token each fifth of a second */
    assert_int_equal(allowed("192.0.2.1", 2200, 200), RATE);
    assert_int_equal(allowed("192.0.2.1", 1000000, 200), BURST); /* never more than the burst */
}

/* Asking in vain costs nothing and gains nothing: the rate is exact, however often it is asked. */
static void the_rate_is_exact(void **state)
{
    (void)state;
    unsigned n = 0;
    allowed("192.0.2.1", 0, BURST);
    for (uint64_t now = 1; now <= 60000; now++)
        n += allow("192.0.2.1", now);
    assert_int_equal(n, 60 * RATE);
}

static void sources_do_not_share(void **state)
{
    (void)state;
    assert_int_equal(allowed("192.0.2.1", 0, 100), BURST);
    assert_int_equal(allowed("192.0.2.2", 0, 100), BURST);
    assert_int_equal(allowed("2001:db8::1", 0, 100), BURST);
    assert_int_equal(allowed("c000:0201::1", 0, 100),
                     BURST); /* the bytes of 192.0.2.1 in the other family */
}

static void no_limit(void **state)
{
    (void)state;
    limit_rate(&l, 0);
    assert_int_equal(allowed("192.0.2.1", 0, 10000), 10000);
    limit_rate(&l, 2);
    assert_int_equal(allowed("192.0.2.1", 0, 10000), 20);
    limit_rate(&l, 1);
    assert_int_equal(allowed("192.0.2.1", 60000, 10000), 10); /* the new burst holds at once */
}

static void a_socket_without_address_passes(void **state)
{
    (void)state;
    struct sockaddr local = {.sa_family = AF_UNIX};
    for (unsigned i = 0; i < 1000; i++)
        assert_true(limit_allow(&l, &local, 0));
}

/* --- which part of an address counts --- */

/* Whether two addresses share a bucket. */
static bool shared(const char *a, const char *b)
{
    memset(l.set, 0, LIMIT_SETS * sizeof *l.set);
    assert_int_equal(allowed(a, 0, 100), BURST);
    return allowed(b, 0, 100) == 0;
}

static void hosts_of_ipv4_and_networks_of_ipv6(void **state)
{
    (void)state;
    assert_false(shared("192.0.2.1", "192.0.2.0"));
    assert_true(shared("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert_false(shared("2001:db8:1:2::1", "2001:db8:1:3::1"));
}

static void wider_networks(void **state)
{
    (void)state;
    l.bits4 = 24;
    l.bits6 = 48;
    assert_true(shared("192.0.2.1", "192.0.2.255"));
    assert_false(shared("192.0.2.1", "192.0.3.1"));
    assert_false(shared("192.0.2.1", "192.1.2.1"));
    assert_true(shared("2001:db8:1:2::1", "2001:db8:1:ffff::1"));
    assert_false(shared("2001:db8:1:2::1", "2001:db8:2:2::1"));
}

/* Every length of mask, bit by bit: the last bit in it tells apart, the first one out of it does
 * not. */
static void every_mask(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits <= 32; bits++) {
        char in[32], out[32];
        l.bits4 = bits;
        struct in_addr a = {htonl(1u << (32 - bits))},
                       b = {bits < 32 ? htonl(1u << (31 - bits)) : 0};
        inet_ntop(AF_INET, &a, in, sizeof in);
        inet_ntop(AF_INET, &b, out, sizeof out);
        assert_false(shared("0.0.0.0", in));
        assert_true(shared("0.0.0.0", out));
    }
}

static void a_mapped_address_is_its_ipv4(void **state)
{
    (void)state;
    assert_true(shared("192.0.2.1", "::ffff:192.0.2.1"));
    assert_true(shared("::ffff:192.0.2.1", "192.0.2.1"));
    assert_false(shared("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
    l.bits4 = 24;
    assert_true(shared("::ffff:192.0.2.1", "192.0.2.77"));
}

/* --- more sources than the table holds --- */

static void address(char out[32], uint32_t n)
{
    struct in_addr a = {htonl(n)};
    inet_ntop(AF_INET, &a, out, 32);
}

/* A crowd of others, each once, does not win back tokens for the one who has used his up. */
static void pressure_does_not_help_the_greedy(void **state)
{
    (void)state;
    char from[32];
    assert_int_equal(allowed("192.0.2.1", 0, 100), BURST);
    for (uint32_t n = 0; n < 10 * LIMIT_SETS * LIMIT_WAYS; n++) {
        address(from, 0x0a000000 + n);
        assert_true(allow(from, 0)); /* and nobody new is refused for it */
    }
    assert_int_equal(allowed("192.0.2.1", 0, 100), 0);
}

/* The seed decides who shares a place, so that nobody can choose addresses that push another out.
 */
static void the_seed_decides(void **state)
{
    (void)state;
    unsigned place[2][64], same = 0;
    for (unsigned seed = 0; seed < 2; seed++) {
        l.seed = seed * 777 + 1;
        for (uint32_t n = 0; n < 64; n++) {
            char from[32];
            memset(l.set, 0, LIMIT_SETS * sizeof *l.set);
            address(from, 0x0a000000 + n);
            allow(from, 0);
            for (unsigned s = 0; s < LIMIT_SETS; s++)
                for (unsigned w = 0; w < LIMIT_WAYS; w++)
                    if (l.set[s][w].family) place[seed][n] = s;
        }
    }
    for (unsigned n = 0; n < 64; n++)
        same += place[0][n] == place[1][n];
    assert_true(same < 8);
}

#define WITH_LIMITER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LIMITER(burst_then_rate),
        WITH_LIMITER(the_rate_is_exact),
        WITH_LIMITER(sources_do_not_share),
        WITH_LIMITER(no_limit),
        WITH_LIMITER(a_socket_without_address_passes),
        WITH_LIMITER(hosts_of_ipv4_and_networks_of_ipv6),
        WITH_LIMITER(wider_networks),
        WITH_LIMITER(every_mask),
        WITH_LIMITER(a_mapped_address_is_its_ipv4),
        WITH_LIMITER(pressure_does_not_help_the_greedy),
        WITH_LIMITER(the_seed_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
