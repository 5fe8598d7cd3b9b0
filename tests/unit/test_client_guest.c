/*
 * test_client_guest.c - a device on its way in (guest.h) against a scripted server and a scripted host: let in,
 * with and without the account's key; and every lie that must not let it in.
 */
#include "client_fake.h"
#include "sealed_help.h"

#include <arpa/inet.h>

#include "../../client/guest.h"
#include "../../client/sealed/admission.h"
#include "wire_admit.h"

enum { ATTEMPT = 7 };

struct door {
    struct fake f;
    int listener;
    char port[8];
    struct identity id;
    struct someone alice; /* the account, and the device that lets in */
    struct device_list list;
    struct buf entries, out;
    struct admission host;
    struct guest *g;
    enum trust_verdict verdict;
};

static enum trust_verdict the_trust(void *arg, const uint8_t server_id[32])
{
    struct door *d = arg;
    assert_memory_equal(server_id, d->f.id_public, 32);
    return d->verdict;
}

static void add_device(struct door *d, const struct device_offer *offer, const struct device_keys *by)
{
    struct buf entry = {0};
    assert_int_equal(device_list_add(&d->list, d->alice.account_secret, by, offer, NOW_MS, &entry), DEVICE_GOOD);
    buf_put_str16(&d->entries, buf_head(&entry), buf_len(&entry));
    buf_free(&entry);
}

static void listen_on(struct door *d)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    d->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(d->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(d->listener, 1), 0);
    assert_int_equal(getsockname(d->listener, (struct sockaddr *)&at, &size), 0);
    snprintf(d->port, sizeof d->port, "%u", ntohs(at.sin_port));
}

static int set_up(void **state)
{
    struct door *d = calloc(1, sizeof *d);
    fake_keys(&d->f);
    listen_on(d);
    identity_make(&d->id);
    someone_make(&d->alice, "alice");
    struct device_offer first = someone_offer(&d->alice, &d->alice.keys);
    device_list_start(&d->list, d->alice.account, d->alice.name);
    add_device(d, &first, NULL);
    *state = d;
    return 0;
}

static int tear_down(void **state)
{
    struct door *d = *state;
    guest_free(d->g);
    fake_close(&d->f);
    close(d->listener);
    buf_free(&d->entries);
    admission_wipe(&d->host);
    someone_free(&d->alice);
    identity_wipe(&d->id);
    free(d);
    return 0;
}

/* Lets the guest do what there is to do, until nothing more comes. */
static void step(struct door *d)
{
    for (int quiet = 0; quiet < 2;) {
        struct pollfd p = {guest_fd(d->g), guest_wants(d->g), 0};
        if (p.fd < 0) break;
        quiet = poll(&p, 1, 20) > 0 ? 0 : quiet + 1;
        guest_step(d->g, p.revents, 1);
    }
}

static void arrive(struct door *d, const uint8_t *seed)
{
    const struct timeval patience = {5, 0};
    const struct guest_options o = {"127.0.0.1", d->port, "alice", &d->id, seed, NOW_MS, the_trust, d};
    d->g = guest_new(&o, 1);
    step(d);
    d->f.fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(d->f.fd >= 0);
    setsockopt(d->f.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    step(d);
    fake_handshake(&d->f, FAKE_GOOD);
    step(d);
}

static void welcome(struct door *d, bool guest)
{
    fake_expect(&d->f, WIRE_LOGIN);
    wire_put_welcome(&d->out, &(struct wire_welcome){.name = d->alice.name, .device = d->id.device, .guest = guest});
    fake_send(&d->f, &d->out);
    step(d);
}

static struct slice said(struct door *d, uint8_t want)
{
    static struct wire_admit_ask m;
    assert_true(wire_get_admit_ask(fake_expect(&d->f, WIRE_ADMIT_ASK), &m));
    assert_int_equal(m.step, want);
    return m.message;
}

static void carry(struct door *d, uint8_t number, struct slice message)
{
    wire_put_admit(&d->out, &(struct wire_admit){.attempt = ATTEMPT, .device = 1, .step = number, .message = message});
    fake_send(&d->f, &d->out);
    step(d);
}

/* Up to the code, which both have; the host has taken it. */
static void to_the_code(struct door *d, struct device_offer *offer)
{
    arrive(d, NULL);
    welcome(d, true);
    struct slice commit = said(d, 1);
    assert_int_equal(guest_state(d->g), GUEST_ASKING);
    assert_int_equal(commit.len, ADMISSION_COMMIT);
    admission_answer(&d->host, commit.data, d->alice.account, d->alice.keys.device, &sealed_random_system);
    carry(d, 2, sealed_slice(d->host.answer, sizeof d->host.answer));
    assert_true(admission_revealed(&d->host, said(d, 3), d->alice.name, offer));
    assert_int_equal(guest_state(d->g), GUEST_CODE);
}

/* What the guest signs once its person has said that the code was taken. */
static void to_the_grant(struct door *d, struct device_offer *offer)
{
    to_the_code(d, offer);
    const char *code = d->host.code;
    assert_true(admission_confirm(&d->host, code, strlen(code)));
    guest_taken(d->g);
    struct slice self = said(d, 4);
    assert_int_equal(self.len, sizeof offer->self);
    memcpy(offer->self, self.data, self.len);
}

static void hand_over(struct door *d, struct slice gift)
{
    struct buf grant = {0};
    assert_int_equal(admission_grant(&d->host, sealed_head(&d->entries), gift, &grant), 0);
    carry(d, 5, sealed_head(&grant));
    buf_free(&grant);
}

static void failed_as(struct door *d, const char *code)
{
    const char *text;
    const uint8_t *server_id;
    assert_int_equal(guest_state(d->g), GUEST_FAILED);
    assert_string_equal(guest_failure(d->g, &text, &server_id), code);
    assert_true(text[0]);
    assert_null(guest_seed(d->g));
}

static void let_in(void **state)
{
    struct door *d = *state;
    struct device_offer offer;
    struct wire_list_entries list;
    to_the_grant(d, &offer);
    assert_int_equal(guest_state(d->g), GUEST_GRANT);
    add_device(d, &offer, &d->alice.keys);
    hand_over(d, sealed_slice(d->alice.seed, sizeof d->alice.seed));
    assert_int_equal(guest_state(d->g), GUEST_IN);
    assert_true(guest_list(d->g, &list));
    assert_int_equal(list.head, 2);
    assert_memory_equal(list.account_key, d->alice.account, SEALED_KEY);
    assert_memory_equal(guest_seed(d->g), d->alice.seed, SEALED_KEY);
}

static void let_in_without_the_account_key(void **state)
{
    struct door *d = *state;
    struct device_offer offer;
    to_the_grant(d, &offer);
    add_device(d, &offer, &d->alice.keys);
    hand_over(d, sealed_slice("", 0));
    assert_int_equal(guest_state(d->g), GUEST_IN);
    assert_null(guest_seed(d->g));
}

static void a_list_without_this_device(void **state)
{
    struct door *d = *state;
    struct device_offer offer;
    to_the_grant(d, &offer);
    hand_over(d, sealed_slice("", 0));
    failed_as(d, "bad-list");
}

static void another_seed(void **state)
{
    struct door *d = *state;
    struct device_offer offer;
    uint8_t other[SEALED_KEY] = {1};
    to_the_grant(d, &offer);
    add_device(d, &offer, &d->alice.keys);
    hand_over(d, sealed_slice(other, sizeof other));
    failed_as(d, "bad-list");
}

/* A server that has the grant sealed for somebody else, or made up. */
static void a_changed_grant(void **state)
{
    struct door *d = *state;
    struct device_offer offer;
    struct buf grant = {0};
    to_the_grant(d, &offer);
    add_device(d, &offer, &d->alice.keys);
    assert_int_equal(admission_grant(&d->host, sealed_head(&d->entries), sealed_slice("", 0), &grant), 0);
    grant.data[grant.off + 9] ^= 1;
    carry(d, 5, sealed_head(&grant));
    buf_free(&grant);
    failed_as(d, "middle");
}

/* Before its person has said that the code was taken a guest takes no grant, whoever made it. */
static void no_grant_before_the_code_was_taken(void **state)
{
    struct door *d = *state;
    struct device_offer offer;
    to_the_code(d, &offer);
    assert_true(admission_confirm(&d->host, d->host.code, strlen(d->host.code)));
    hand_over(d, sealed_slice("", 0));
    assert_int_equal(guest_state(d->g), GUEST_CODE);
    assert_true(fake_quiet(&d->f));
}

static void an_answer_of_low_order(void **state)
{
    struct door *d = *state;
    uint8_t answer[ADMISSION_ANSWER] = {1};
    arrive(d, NULL);
    welcome(d, true);
    said(d, 1);
    carry(d, 2, sealed_slice(answer, sizeof answer));
    failed_as(d, "middle");
}

static void given_up(void **state)
{
    struct door *d = *state;
    struct device_offer offer;
    to_the_code(d, &offer);
    wire_put_admit_end(&d->out, &(struct wire_admit_end){.attempt = ATTEMPT + 1, .why = WIRE_ADMIT_GIVEN_UP});
    fake_send(&d->f, &d->out);
    step(d);
    assert_int_equal(guest_state(d->g), GUEST_CODE); /* of another attempt */
    wire_put_admit_end(&d->out, &(struct wire_admit_end){.attempt = ATTEMPT, .why = WIRE_ADMIT_GIVEN_UP});
    fake_send(&d->f, &d->out);
    step(d);
    failed_as(d, "given-up");
}

static void in_already(void **state)
{
    struct door *d = *state;
    struct wire_list_entries list;
    arrive(d, NULL);
    welcome(d, false);
    assert_int_equal(guest_state(d->g), GUEST_IN);
    assert_false(guest_list(d->g, &list));
}

/* Nothing is said to a server that is not the pinned one, not even the name. */
static void another_server(void **state)
{
    struct door *d = *state;
    const char *text;
    const uint8_t *server_id;
    d->verdict = TRUST_CHANGED;
    arrive(d, NULL);
    failed_as(d, "changed-server");
    guest_failure(d->g, &text, &server_id);
    assert_memory_equal(server_id, d->f.id_public, 32);
    assert_true(fake_quiet(&d->f));
}

static void show_list(struct door *d, const uint8_t account[SEALED_KEY])
{
    struct wire_list_entries m = {.name = d->alice.name, .head = d->list.head.seq, .entries = sealed_head(&d->entries)};
    memcpy(m.account_key, account, SEALED_KEY);
    wire_put_list_entries(&d->out, &m);
    fake_send(&d->f, &d->out);
    step(d);
}

static void from_paper(void **state)
{
    struct door *d = *state;
    struct wire_admit_ask paper;
    struct wire_list_ask ask;
    arrive(d, d->alice.seed);
    welcome(d, true);
    assert_true(wire_get_admit_ask(fake_expect(&d->f, WIRE_ADMIT_ASK), &paper));
    assert_int_equal(paper.op, WIRE_ADMIT_PAPER);
    assert_memory_equal(paper.account_key, d->alice.account, SEALED_KEY);
    show_list(d, d->alice.account);
    assert_true(wire_get_list_ask(fake_expect(&d->f, WIRE_LIST_ASK), &ask));
    assert_int_equal(device_list_apply(&d->list, ask.entry), DEVICE_GOOD);
    assert_int_equal(guest_state(d->g), GUEST_PAPER);
    wire_put_new_head(&d->out, &(struct wire_new_head){d->alice.name, d->list.head.seq});
    fake_send(&d->f, &d->out);
    step(d);
    assert_int_equal(guest_state(d->g), GUEST_IN);
    assert_memory_equal(guest_seed(d->g), d->alice.seed, SEALED_KEY);
}

static void paper_and_a_list_of_another_key(void **state)
{
    struct door *d = *state;
    struct wire_admit_ask paper;
    uint8_t other[SEALED_KEY] = {9};
    arrive(d, d->alice.seed);
    welcome(d, true);
    assert_true(wire_get_admit_ask(fake_expect(&d->f, WIRE_ADMIT_ASK), &paper));
    show_list(d, other);
    failed_as(d, "bad-list");
    assert_true(fake_quiet(&d->f)); /* no entry was written on it */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(let_in),
        TEST(let_in_without_the_account_key),
        TEST(a_list_without_this_device),
        TEST(another_seed),
        TEST(a_changed_grant),
        TEST(no_grant_before_the_code_was_taken),
        TEST(an_answer_of_low_order),
        TEST(given_up),
        TEST(in_already),
        TEST(another_server),
        TEST(from_paper),
        TEST(paper_and_a_list_of_another_key),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
