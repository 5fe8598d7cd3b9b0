/*
 * test_wire.c - the table of frames, heads, padding, parts, prefaces, proof and codes. The fields
 * of each frame are tested in test_wire_frames.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sodium.h>

#include "wire.h"

static uint8_t long_one[WIRE_JOINED_MAX + 1];

static int fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof long_one; i++)
        long_one[i] = (uint8_t)(i * 31 + i / 256);
    return 0;
}

/* --- the table --- */

static void the_table_is_the_document(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        const char *name;
        unsigned from, phase;
    } rows[] = {
        {0x00, "PAD", WIRE_BOTH, WIRE_ANY},         {0x01, "PART", WIRE_BOTH, WIRE_OPEN},
        {0x02, "PING", WIRE_CLIENT, WIRE_OPEN},     {0x03, "PONG", WIRE_SERVER, WIRE_OPEN},
        {0x04, "BYE", WIRE_CLIENT, WIRE_ANY},       {0x05, "ERROR", WIRE_SERVER, WIRE_ANY},
        {0x10, "LOGIN", WIRE_CLIENT, WIRE_FIRST},   {0x11, "WELCOME", WIRE_SERVER, WIRE_FIRST},
        {0x12, "RESUME", WIRE_CLIENT, WIRE_OPEN},   {0x13, "RESYNC", WIRE_SERVER, WIRE_OPEN},
        {0x20, "SEND", WIRE_CLIENT, WIRE_OPEN},     {0x21, "ACCEPTED", WIRE_SERVER, WIRE_OPEN},
        {0x22, "REJECTED", WIRE_SERVER, WIRE_OPEN}, {0x23, "DELIVER", WIRE_SERVER, WIRE_OPEN},
        {0x24, "ACK", WIRE_CLIENT, WIRE_OPEN},      {0x25, "RECEIPT", WIRE_SERVER, WIRE_OPEN},
        {0x26, "WHY", WIRE_CLIENT, WIRE_OPEN},      {0x27, "WHY", WIRE_SERVER, WIRE_OPEN},
        {0x30, "PRESENCE", WIRE_CLIENT, WIRE_OPEN}, {0x31, "PRESENCE", WIRE_SERVER, WIRE_OPEN},
        {0x40, "KEYS", WIRE_CLIENT, WIRE_OPEN},     {0x41, "KEYS", WIRE_SERVER, WIRE_OPEN},
        {0x42, "LIST", WIRE_CLIENT, WIRE_OPEN},     {0x43, "LIST", WIRE_SERVER, WIRE_OPEN},
        {0x44, "ADMIT", WIRE_CLIENT, WIRE_OPEN},    {0x45, "ADMIT", WIRE_SERVER, WIRE_OPEN},
        {0x46, "ROSTER", WIRE_CLIENT, WIRE_OPEN},   {0x47, "ROSTER", WIRE_SERVER, WIRE_OPEN},
        {0x50, "GROUP", WIRE_CLIENT, WIRE_OPEN},    {0x51, "GROUP", WIRE_SERVER, WIRE_OPEN},
        {0x58, "MODERATE", WIRE_CLIENT, WIRE_OPEN}, {0x59, "MODERATE", WIRE_SERVER, WIRE_OPEN},
        {0x60, "BLOB", WIRE_CLIENT, WIRE_OPEN},     {0x61, "BLOB", WIRE_SERVER, WIRE_OPEN},
        {0x62, "DATA", WIRE_CLIENT, WIRE_OPEN},     {0x63, "DATA", WIRE_SERVER, WIRE_OPEN},
        {0x70, "HISTORY", WIRE_CLIENT, WIRE_OPEN},  {0x71, "HISTORY", WIRE_SERVER, WIRE_OPEN},
    };
    unsigned known = 0;
    for (unsigned type = 0; type < 256; type++)
        known += wire_row((uint8_t)type)->name != NULL;
    assert_int_equal(known, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct wire_row *row = wire_row(rows[i].type);
        assert_string_equal(row->name, rows[i].name);
        assert_int_equal(row->from, rows[i].from);
        assert_int_equal(row->phase, rows[i].phase);
        assert_true(row->min <= row->max && row->max <= WIRE_PAYLOAD_MAX);
    }
}

static void codes(void **state)
{
    (void)state;
    static const struct {
        uint16_t code;
        const char *name;
    } rows[] = {
        {1, "bad-frame"},         {2, "bad-state"},     {3, "bad-login"},     {4, "name-taken"},
        {5, "name-invalid"},      {6, "not-on-roster"}, {7, "elsewhere"},     {9, "busy"},
        {8, "too-many-sessions"}, {10, "stopping"},     {11, "reconnect"},    {12, "slow"},
        {13, "timeout"},          {20, "no-such-user"}, {21, "no-such-room"}, {22, "not-member"},
        {23, "queue-full"},       {24, "too-large"},    {25, "disk-full"},    {26, "blocked"},
        {27, "bad-body"},         {14, "revoked"},      {19, "unknown"},      {28, "devices-changed"},
        {29, "no-device"},        {30, "too-fast"},     {31, "bad-keys"},     {32, "list-changed"},
        {33, "bad-entry"},        {15, "unknown"},      {34, "no-such-message"}, {39, "unknown"},
        {40, "muted"},            {41, "banned"},       {42, "announce-only"}, {43, "no-right"},
        {44, "no-attempt"},       {45, "not-account-key"}, {46, "bad-reason"}, {47, "unknown"},
        {65535, "unknown"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(wire_code_name(rows[i].code), rows[i].name);
}

/* --- prefaces and proof --- */

static void client_preface(void **state)
{
    (void)state;
    uint8_t p[WIRE_CLIENT_PREFACE];
    wire_put_client_preface(p);
    assert_memory_equal(p, "CSMG\1\1\0\0", 8);
    assert_int_equal(wire_get_client_preface(p), 1);
    for (unsigned i = 0; i < 4; i++) {
        p[i] ^= 0x20;
        assert_int_equal(wire_get_client_preface(p), -1);
        p[i] ^= 0x20;
    }
    static const struct {
        uint8_t low, high;
        int version;
    } spans[] = {{0, 0, 0}, {0, 1, 1}, {1, 9, 1}, {2, 9, 0}, {2, 1, 0}, {255, 255, 0}};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        p[4] = spans[i].low;
        p[5] = spans[i].high;
        assert_int_equal(wire_get_client_preface(p), spans[i].version);
    }
}

static void server_preface(void **state)
{
    (void)state;
    uint8_t p[WIRE_SERVER_PREFACE], refusal = 77;
    wire_put_server_preface(p, WIRE_VERSION, 9);
    assert_memory_equal(p, "CS\1\0", 4);
    assert_int_equal(wire_get_server_preface(p, &refusal), 1);
    assert_int_equal(refusal, 0);
    wire_put_server_preface(p, 0, WIRE_REFUSE_BUSY);
    assert_memory_equal(p, "CS\0\2", 4);
    assert_int_equal(wire_get_server_preface(p, &refusal), 0);
    assert_int_equal(refusal, WIRE_REFUSE_BUSY);
    p[1] = 'M';
    assert_int_equal(wire_get_server_preface(p, &refusal), -1);
}

static void prologue(void **state)
{
    (void)state;
    uint8_t out[WIRE_PROLOGUE];
    wire_prologue(out, (const uint8_t *)"12345678", (const uint8_t *)"abcd");
    assert_memory_equal(out, "csmsg/112345678abcd", WIRE_PROLOGUE);
}

static struct wire_proof some_proof(void)
{
    struct wire_proof p = {
        .cert = {.not_before_ms = 0x0102030405060708, .not_after_ms = 0xf1f2f3f4f5f6f7f8},
        .server_time_ms = 0x1122334455667788,
        .max_text = 65536,
        .window = 257};
    memset(p.cert.server_id, 0xa1, 32);
    memset(p.cert.transport_key, 0xb2, 32);
    memset(p.cert.signature, 0xc3, 64);
    memset(p.challenge, 0xd4, 16);
    return p;
}

static void proof(void **state)
{
    (void)state;
    struct wire_proof p = some_proof(), got;
    uint8_t out[WIRE_PROOF + 1] = {0}, again[WIRE_PROOF];
    wire_put_proof(out, &p);
    assert_true(wire_get_proof(out, WIRE_PROOF, &got));
    assert_memory_equal(got.cert.server_id, p.cert.server_id, 32);
    assert_memory_equal(got.cert.transport_key, p.cert.transport_key, 32);
    assert_memory_equal(got.cert.signature, p.cert.signature, 64);
    assert_memory_equal(got.challenge, p.challenge, 16);
    assert_true(got.cert.not_before_ms == p.cert.not_before_ms);
    assert_true(got.cert.not_after_ms == p.cert.not_after_ms);
    assert_true(got.server_time_ms == p.server_time_ms);
    assert_int_equal(got.max_text, p.max_text);
    assert_int_equal(got.window, p.window);
    wire_put_proof(again, &got);
    assert_memory_equal(again, out, WIRE_PROOF);
    for (size_t n = 0; n < WIRE_PROOF; n++)
        assert_false(wire_get_proof(out, n, &got));
    assert_false(wire_get_proof(out, WIRE_PROOF + 1, &got));
}

/* The certificate inside a proof is the certificate alone; what is signed is named. */
static void certificate(void **state)
{
    (void)state;
    struct wire_proof p = some_proof();
    struct buf b = {0};
    uint8_t whole[WIRE_PROOF], text[WIRE_CERT_SIGNED];
    wire_put_cert(&b, &p.cert);
    wire_put_proof(whole, &p);
    assert_int_equal(buf_len(&b), 144);
    assert_memory_equal(buf_head(&b), whole, 144);
    wire_cert_signed(&p.cert, text);
    assert_memory_equal(text, "srvcert1", 8);
    assert_memory_equal(text + 8, whole, 80);
    buf_free(&b);
}

static void login_signed(void **state)
{
    (void)state;
    uint8_t h[32], challenge[16], out[WIRE_LOGIN_SIGNED_MAX];
    char name[WIRE_NAME_MAX];
    memset(h, 1, sizeof h);
    memset(challenge, 2, sizeof challenge);
    memset(name, 'n', sizeof name);
    for (size_t n = 1; n <= WIRE_NAME_MAX; n++) {
        size_t len = wire_login_signed(out, h, challenge, (struct slice){(uint8_t *)name, n},
                                       0x0807060504030201);
        assert_int_equal(len, 62 + n);
        assert_memory_equal(out, "login1", 6);
        assert_memory_equal(out + 6, h, 32);
        assert_memory_equal(out + 38, challenge, 16);
        assert_memory_equal(out + 54, name, n);
        assert_memory_equal(out + 54 + n, "\1\2\3\4\5\6\7\10", 8);
    }
    assert_int_equal(62 + WIRE_NAME_MAX, WIRE_LOGIN_SIGNED_MAX);
}

/* --- padding: section 4 of the document, in other words than the code's --- */

static size_t document_padding(size_t n)
{
    size_t to = n;
    while (to % (to <= 1024 ? 64 : 512) || (to != n && to - n < WIRE_FRAME_HEAD))
        to++;
    return to <= WIRE_PLAIN_MAX ? to - n : 0;
}

static void padding_of_every_length(void **state)
{
    (void)state;
    static uint8_t plain[WIRE_PLAIN_MAX];
    for (size_t n = 0; n <= 70000; n++) {
        size_t pad = wire_padding(n);
        if (pad != document_padding(n)) fail_msg("%zu bytes are padded by %zu", n, pad);
        if (pad == 0) continue;
        assert_true(n + pad <= WIRE_PLAIN_MAX);
        memset(plain, 0xee, pad);
        wire_put_pad(plain, pad);
        assert_int_equal(plain[0], WIRE_PAD);
        assert_int_equal(get_u16(plain + 1) + WIRE_FRAME_HEAD, pad);
        assert_true(sodium_is_zero(plain + WIRE_FRAME_HEAD, pad - WIRE_FRAME_HEAD));
    }
    wire_put_pad(NULL, 0);
}

/* --- frames in a record --- */

static void frames_follow_each_other_and_pads_are_skipped(void **state)
{
    (void)state;
    struct buf b = {0};
    struct wire_frame f;
    wire_put_pad(buf_room(&b, 10), 10);
    buf_added(&b, 10);
    wire_put(&b, WIRE_BYE, NULL, 0);
    wire_put_pad(buf_room(&b, 3), 3);
    buf_added(&b, 3);
    wire_put(&b, WIRE_SEND, "abcdef", 6);
    wire_put_pad(buf_room(&b, 64), 64);
    buf_added(&b, 64);
    struct cur c = cur_of(buf_head(&b), buf_len(&b));
    assert_int_equal(wire_next(&c, &f), 1);
    assert_int_equal(f.type, WIRE_BYE);
    assert_int_equal(f.payload.len, 0);
    assert_int_equal(wire_next(&c, &f), 1);
    assert_int_equal(f.type, WIRE_SEND);
    assert_int_equal(f.payload.len, 6);
    assert_memory_equal(f.payload.data, "abcdef", 6);
    assert_int_equal(wire_next(&c, &f), 0);
    assert_int_equal(wire_next(&c, &f), 0);
    buf_free(&b);
}

/* Cut anywhere but between frames it is malformed, in the pad too. */
static void a_cut_record_is_malformed(void **state)
{
    (void)state;
    struct buf b = {0};
    struct wire_frame f;
    wire_put(&b, WIRE_PING, "12345678", 8);
    wire_put_pad(buf_room(&b, 20), 20);
    buf_added(&b, 20);
    for (size_t n = 0; n <= buf_len(&b); n++) {
        struct cur c = cur_of(buf_head(&b), n);
        int r, frames = 0;
        while ((r = wire_next(&c, &f)) > 0)
            frames++;
        assert_int_equal(frames, n >= 11);
        assert_int_equal(r, n == 0 || n == 11 || n == 31 ? 0 : -1);
        assert_int_equal(wire_next(&c, &f), r);
    }
    buf_free(&b);
}

/* --- parts --- */

static void check_parts(size_t n, unsigned parts, size_t last)
{
    struct buf b = {0};
    struct wire_frame f;
    struct wire_joiner j = {0};
    unsigned seen = 0;
    wire_put(&b, WIRE_DELIVER, long_one, n);
    struct cur c = cur_of(buf_head(&b), buf_len(&b));
    while (wire_next(&c, &f) > 0) {
        bool part = f.type == WIRE_PART;
        assert_true(f.payload.len <= WIRE_PAYLOAD_MAX);
        assert_int_equal(f.payload.len, part ? WIRE_PAYLOAD_MAX : last);
        seen += part;
        assert_int_equal(wire_join(&j, &f), part ? 0 : 1);
    }
    assert_int_equal(seen, parts);
    assert_int_equal(f.type, WIRE_DELIVER);
    assert_int_equal(f.payload.len, n);
    if (n) assert_memory_equal(f.payload.data, long_one, n);
    assert_int_equal(buf_len(&b), n + WIRE_FRAME_HEAD * (parts + 1));
    wire_join_reset(&j);
    buf_free(&b);
}

static void long_frames_leave_in_parts(void **state)
{
    (void)state;
    check_parts(0, 0, 0);
    check_parts(64999, 0, 64999);
    check_parts(65000, 0, 65000);
    check_parts(65001, 1, 1);
    check_parts(81919, 1, 16919);
    check_parts(81920, 1, 16920);
}

static int join(struct wire_joiner *j, uint8_t type, size_t from, size_t n, struct wire_frame *f)
{
    *f = (struct wire_frame){type, {long_one + from, n}};
    return wire_join(j, f);
}

static void too_long_together(void **state)
{
    (void)state;
    struct wire_joiner j = {0};
    struct wire_frame f;
    assert_int_equal(join(&j, WIRE_PART, 0, 65000, &f), 0);
    assert_int_equal(join(&j, WIRE_SEND, 65000, 16921, &f), -1);
    wire_join_reset(&j);
    assert_int_equal(join(&j, WIRE_PART, 0, 65000, &f), 0);
    assert_int_equal(join(&j, WIRE_PART, 65000, 16921, &f), -1);
    wire_join_reset(&j);
    assert_null(j.parts.data); /* nothing is kept for later */
    assert_int_equal(join(&j, WIRE_PART, 0, 65000, &f), 0);
    assert_int_equal(join(&j, WIRE_PART, 65000, 16920, &f), 0);
    assert_int_equal(join(&j, WIRE_PART, 0, 1, &f), -1);
    wire_join_reset(&j);
}

/* Parts of any size make the same frame; after it the joiner starts afresh, and so after a reset.
 */
static void parts_of_any_size(void **state)
{
    (void)state;
    struct wire_joiner j = {0};
    struct wire_frame f;
    for (unsigned turn = 0; turn < 200; turn++) {
        size_t at = 0, all = randombytes_uniform(WIRE_JOINED_MAX + 1);
        while (at < all && all - at > 1 && randombytes_uniform(8)) {
            size_t n = 1 + randombytes_uniform((uint32_t)(all - at - 1));
            assert_int_equal(join(&j, WIRE_PART, at, n, &f), 0);
            at += n;
        }
        assert_int_equal(join(&j, WIRE_SEND, at, all - at, &f), 1);
        assert_int_equal(f.payload.len, all);
        if (all) assert_memory_equal(f.payload.data, long_one, all);
    }
    assert_int_equal(join(&j, WIRE_PART, 0, 100, &f), 0);
    wire_join_reset(&j);
    assert_int_equal(join(&j, WIRE_ACK, 5, 3, &f), 1);
    assert_int_equal(f.payload.len, 3);
    assert_ptr_equal(f.payload.data, long_one + 5); /* a whole one is not copied */
    wire_join_reset(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_the_document),
        cmocka_unit_test(codes),
        cmocka_unit_test(client_preface),
        cmocka_unit_test(server_preface),
        cmocka_unit_test(prologue),
        cmocka_unit_test(proof),
        cmocka_unit_test(certificate),
        cmocka_unit_test(login_signed),
        cmocka_unit_test(padding_of_every_length),
        cmocka_unit_test(frames_follow_each_other_and_pads_are_skipped),
        cmocka_unit_test(a_cut_record_is_malformed),
        cmocka_unit_test(long_frames_leave_in_parts),
        cmocka_unit_test(too_long_together),
        cmocka_unit_test(parts_of_any_size),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
