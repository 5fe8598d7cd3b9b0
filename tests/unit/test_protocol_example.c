/*
 * test_protocol_example.c - the worked example of docs/protocol.md, section 10, derived again by
 * our own code on both sides of the conversation. Fails when a block is missing, differs or is not
 * known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sodium.h>

#include "broker/broker.h"
#include "noise.h"
#include "wire.h"

enum { BLOCKS_MAX = 64, BLOCK_MAX = 1024 };

struct block {
    char name[40], text[2 * BLOCK_MAX + 1];
    bool used;
};

static struct block block[BLOCKS_MAX];
static size_t blocks;

static FILE *open_document(void)
{
    FILE *f = fopen("docs/protocol.md", "r");
    if (!f) fail_msg("docs/protocol.md is not here: run this test from the project's folder");
    return f;
}

/* A line of a fenced part: a name with its colon, or more of the value below it. */
static void take_line(const char *line, size_t n)
{
    if (n > 1 && line[n - 1] == ':') {
        assert_true(blocks < BLOCKS_MAX && n < sizeof block->name);
        memcpy(block[blocks++].name, line, n - 1);
        return;
    }
    assert_true(blocks > 0);
    struct block *b = &block[blocks - 1];
    size_t have = strlen(b->text);
    assert_true(have + n < sizeof b->text);
    memcpy(b->text + have, line, n);
}

static int read_document(void **state)
{
    (void)state;
    static char line[4096];
    bool here = false, fenced = false;
    FILE *f = open_document();
    while (fgets(line, sizeof line, f)) {
        size_t n = strcspn(line, "\n");
        if (strncmp(line, "## ", 3) == 0) here = strncmp(line, "## 10. ", 7) == 0;
        if (!here) continue;
        if (strncmp(line, "```", 3) == 0)
            fenced = !fenced;
        else if (fenced)
            take_line(line, n);
    }
    fclose(f);
    return blocks ? 0 : -1;
}

static const char *value_of(const char *name)
{
    for (size_t i = 0; i < blocks; i++) {
        if (strcmp(block[i].name, name) != 0) continue;
        block[i].used = true;
        return block[i].text;
    }
    fail_msg("docs/protocol.md has no block \"%s\"", name);
    return NULL;
}

static struct buf bytes_of(const char *name)
{
    const char *text = value_of(name), *end;
    struct buf b = {0};
    size_t n;
    if (sodium_hex2bin(buf_room(&b, BLOCK_MAX), BLOCK_MAX, text, strlen(text), NULL, &n, &end) ||
        *end)
        fail_msg("block \"%s\" is not hex", name);
    buf_added(&b, n);
    return b;
}

static void input(const char *name, uint8_t *out, size_t n)
{
    struct buf b = bytes_of(name);
    assert_int_equal(buf_len(&b), n);
    memcpy(out, buf_head(&b), n);
    buf_free(&b);
}

static uint64_t number_of(const char *name)
{
    return strtoull(value_of(name), NULL, 10);
}

static void expect(const char *name, const void *data, size_t n)
{
    struct buf b = bytes_of(name);
    if (buf_len(&b) != n || memcmp(buf_head(&b), data, n) != 0)
        fail_msg("block \"%s\" differs", name);
    buf_free(&b);
}

/* --- the conversation, both sides --- */

static struct {
    uint8_t client_preface[WIRE_CLIENT_PREFACE], server_preface[WIRE_SERVER_PREFACE];
    uint8_t h[32], challenge[16], transport[32];
    struct wire_proof proof;
    struct noise_cipher client_send, client_recv, server_send, server_recv;
} talk;

/* A handshake message as it travels, with its length. */
static void expect_message(const char *name, const uint8_t *message, size_t n)
{
    uint8_t framed[2 + WIRE_HANDSHAKE_MAX];
    put_u16(framed, (uint16_t)n);
    memcpy(framed + 2, message, n);
    expect(name, framed, 2 + n);
}

static void prefaces(void **state)
{
    (void)state;
    uint8_t prologue[WIRE_PROLOGUE];
    wire_put_client_preface(talk.client_preface);
    wire_put_server_preface(talk.server_preface, WIRE_VERSION, 0);
    wire_prologue(prologue, talk.client_preface, talk.server_preface);
    expect("client_preface", talk.client_preface, sizeof talk.client_preface);
    expect("server_preface", talk.server_preface, sizeof talk.server_preface);
    expect("prologue", prologue, sizeof prologue);
}

static void proof(void **state)
{
    (void)state;
    uint8_t seed[32], secret[64], text[WIRE_CERT_SIGNED], payload[WIRE_PROOF];
    struct wire_cert *cert = &talk.proof.cert;
    input("server_seed", seed, sizeof seed);
    input("transport_secret", talk.transport, sizeof talk.transport);
    input("challenge", talk.challenge, sizeof talk.challenge);
    crypto_sign_seed_keypair(cert->server_id, secret, seed);
    crypto_scalarmult_base(cert->transport_key, talk.transport);
    cert->not_before_ms = number_of("not_before");
    cert->not_after_ms = number_of("not_after");
    wire_cert_signed(cert, text);
    crypto_sign_detached(cert->signature, NULL, text, sizeof text, secret);
    memcpy(talk.proof.challenge, talk.challenge, sizeof talk.challenge);
    talk.proof.server_time_ms = number_of("server_time");
    talk.proof.max_text = (uint32_t)number_of("max_text");
    talk.proof.window = (uint32_t)number_of("window");
    wire_put_proof(payload, &talk.proof);
    expect("payload2", payload, sizeof payload);

    char print[40];
    keys_fingerprint(cert->server_id, print);
    assert_string_equal(print, value_of("fingerprint"));
}

static void start(struct noise_handshake *hs, enum noise_role role, const char *ephemeral)
{
    uint8_t prologue[WIRE_PROLOGUE], secret[32];
    wire_prologue(prologue, talk.client_preface, talk.server_preface);
    noise_init(hs, NOISE_NX, role, prologue, sizeof prologue);
    input(ephemeral, secret, sizeof secret);
    noise_set_ephemeral(hs, secret);
}

/* The responder as the worker does it: the static secret is elsewhere, which gives the DH result.
 */
static void handshake(void **state)
{
    (void)state;
    struct noise_handshake client, server;
    uint8_t message[WIRE_HANDSHAKE_MAX], payload[WIRE_PROOF], back[WIRE_PROOF], es[32], h[32];
    size_t n, got;
    start(&client, NOISE_INITIATOR, "client_ephemeral");
    start(&server, NOISE_RESPONDER, "server_ephemeral");

    assert_int_equal(noise_write(&client, NULL, 0, message, sizeof message, &n), 0);
    expect_message("message1", message, n);
    noise_set_static_public(&server, talk.proof.cert.transport_key);
    assert_int_equal(noise_read(&server, message, n, NULL, 0, &got), 0);
    assert_int_equal(noise_dh(talk.transport, noise_remote_ephemeral(&server), es), 0);
    assert_int_equal(noise_set_es(&server, es), 0);

    wire_put_proof(payload, &talk.proof);
    assert_int_equal(noise_write(&server, payload, sizeof payload, message, sizeof message, &n), 0);
    expect_message("message2", message, n);
    assert_int_equal(noise_read(&client, message, n, back, sizeof back, &got), 0);
    assert_int_equal(got, WIRE_PROOF);
    assert_memory_equal(back, payload, WIRE_PROOF);
    assert_memory_equal(noise_remote_static(&client), talk.proof.cert.transport_key, 32);

    assert_int_equal(noise_hash(&client, talk.h), 0);
    assert_int_equal(noise_hash(&server, h), 0);
    assert_memory_equal(talk.h, h, 32);
    expect("h", h, 32);
    assert_int_equal(noise_split(&client, &talk.client_send, &talk.client_recv), 0);
    assert_int_equal(noise_split(&server, &talk.server_send, &talk.server_recv), 0);
    expect("key_client_to_server", talk.client_send.key, 32);
    expect("key_server_to_client", talk.server_send.key, 32);
    assert_memory_equal(talk.client_send.key, talk.server_recv.key, 32);
    assert_memory_equal(talk.client_recv.key, talk.server_send.key, 32);
}

/*
 * One frame as the record in hand: padded, sealed by its sender, opened by the other side. What the
 * receiver finds in it is the frame's payload; the next call overwrites it.
 */
static struct slice record(const char *name, bool from_client, struct buf *frame)
{
    static uint8_t sealed[WIRE_RECORD_HEAD + BLOCK_MAX + NOISE_TAG_LEN], plain[BLOCK_MAX];
    struct noise_cipher *send = from_client ? &talk.client_send : &talk.server_send,
                        *recv = from_client ? &talk.server_recv : &talk.client_recv;
    size_t pad = wire_padding(buf_len(frame));
    char title[48];
    wire_put_pad(buf_room(frame, pad), pad);
    buf_added(frame, pad);
    size_t n = buf_len(frame);
    snprintf(title, sizeof title, "%s_frame", name);
    expect(title, buf_head(frame), n);

    put_u16(sealed, (uint16_t)(n + NOISE_TAG_LEN));
    assert_int_equal(
        noise_seal(send->key, send->nonce++, buf_head(frame), n, sealed + WIRE_RECORD_HEAD), 0);
    snprintf(title, sizeof title, "%s_record", name);
    expect(title, sealed, WIRE_RECORD_HEAD + n + NOISE_TAG_LEN);
    assert_int_equal(
        noise_open(recv->key, recv->nonce++, sealed + WIRE_RECORD_HEAD, n + NOISE_TAG_LEN, plain),
        0);
    buf_free(frame);

    struct cur c = cur_of(plain, n);
    struct wire_frame f = {0}, none;
    assert_int_equal(wire_next(&c, &f), 1);
    assert_int_equal(wire_next(&c, &none), 0);
    return f.payload;
}

static struct slice text(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static bool is(struct slice s, const char *want)
{
    return s.len == strlen(want) && memcmp(s.data, want, s.len) == 0;
}

static void login(void **state)
{
    (void)state;
    uint8_t seed[32], secret[64], signed_text[WIRE_LOGIN_SIGNED_MAX];
    struct wire_login m = {.name = text("alice"),
                           .device = number_of("device"),
                           .caps = WIRE_CAP_RECEIVE | WIRE_CAP_LOBBY,
                           .resume = {0, 0, 1, WIRE_NEWCOMER}},
                      got;
    struct buf b = {0};
    input("device_seed", seed, sizeof seed);
    crypto_sign_seed_keypair(m.device_key, secret, seed);
    size_t n = wire_login_signed(signed_text, talk.h, talk.challenge, m.name, m.device);
    expect("login_signed", signed_text, n);
    crypto_sign_detached(m.signature, NULL, signed_text, n, secret);
    wire_put_login(&b, &m);
    assert_true(wire_get_login(record("login", true, &b), &got));
    assert_true(is(got.name, "alice") && got.device == m.device && got.caps == 3);
    assert_int_equal(crypto_sign_verify_detached(got.signature, signed_text, n, got.device_key), 0);
}

static void welcome(void **state)
{
    (void)state;
    struct wire_welcome m = {.name = text("alice"),
                             .account = 7,
                             .device = number_of("device"),
                             .incarnation = 3,
                             .fresh = true,
                             .lobby_head = 41,
                             .keep_s = 14 * 86400,
                             .server = text("lab.example")},
                        got;
    struct buf b = {0};
    wire_put_welcome(&b, &m);
    assert_true(wire_get_welcome(record("welcome", false, &b), &got));
    assert_true(is(got.name, "alice") && is(got.server, "lab.example") && got.fresh);
    assert_true(got.account == 7 && got.incarnation == 3 && got.lobby_head == 41 &&
                got.keep_s == 1209600);
}

static void sending(void **state)
{
    (void)state;
    static const uint8_t hi[] = {WIRE_SUITE_PLAIN, WIRE_FORM_SAYS, 'h', 'i'};
    struct wire_send m = {.id = 1, .to = text("bob"), .body = {hi, sizeof hi}}, got;
    struct wire_accepted yes = {.id = 1, .state = WIRE_STATE_DELIVERED, .to = text("")}, told;
    struct buf b = {0};
    wire_put_send(&b, &m);
    assert_true(wire_get_send(record("send", true, &b), &got));
    assert_true(got.id == 1 && got.kind == WIRE_TO_USER && is(got.to, "bob") && got.body.len == 4);
    assert_memory_equal(got.body.data, hi, 4);
    wire_put_accepted(&b, &yes);
    assert_true(wire_get_accepted(record("accepted", false, &b), &told));
    assert_true(told.id == 1 && told.state == WIRE_STATE_DELIVERED);
}

static void receiving(void **state)
{
    (void)state;
    static const uint8_t hello[] = {WIRE_SUITE_PLAIN, WIRE_FORM_SAYS, 'h', 'e', 'l', 'l', 'o'};
    struct wire_deliver m = {.incarnation = 3,
                             .seq = 1,
                             .time_ms = number_of("server_time") + 5000,
                             .from = text("bob"),
                             .from_device = 0x99aabbccddeeff00,
                             .id = 12,
                             .to = text("alice"),
                             .head = text(""),
                             .body = {hello, sizeof hello}},
                        got;
    struct wire_ack ack = {.incarnation = 3, .seq = 1, .room = text("")}, told;
    struct buf b = {0};
    wire_put_deliver(&b, &m);
    assert_true(wire_get_deliver(record("deliver", false, &b), &got));
    assert_true(is(got.from, "bob") && got.from_device == m.from_device && got.id == 12 &&
                got.body.len == 7);
    assert_memory_equal(got.body.data, hello, 7);
    wire_put_ack(&b, &ack);
    assert_true(wire_get_ack(record("ack", true, &b), &told));
    assert_true(told.kind == WIRE_TO_USER && told.incarnation == 3 && told.seq == 1);
}

/* Every block of the document was derived or used above. */
static void nothing_is_left_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < blocks; i++)
        if (!block[i].used)
            fail_msg("docs/protocol.md: block \"%s\" is not derived by this test", block[i].name);
    print_message("vectors %zu blocks of the worked example\n", blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefaces),  cmocka_unit_test(proof),
        cmocka_unit_test(handshake), cmocka_unit_test(login),
        cmocka_unit_test(welcome),   cmocka_unit_test(sending),
        cmocka_unit_test(receiving), cmocka_unit_test(nothing_is_left_over),
    };
    return cmocka_run_group_tests(tests, read_document, NULL);
}
