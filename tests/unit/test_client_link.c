/* test_client_link.c - the client's end of handshake and records against a scripted server. */
#include "client_fake.h"

#include "../../client/link.h"

static void shake(struct fake *f, struct link **l, enum fake_fault fault)
{
    *l = link_over(fake_connect(f), 0);
    fake_handshake(f, fault);
    link_step(*l, POLLIN, 0);
}

static void log_in(struct fake *f, struct link **l, struct identity *id)
{
    struct wire_login m = {.name = text_of("alice"), .caps = WIRE_CAP_RECEIVE};
    fake_keys(f);
    identity_make(id);
    shake(f, l, FAKE_GOOD);
    assert_int_equal(link_state(*l), LINK_PROVEN);
    m.device = id->device;
    memcpy(m.device_key, id->public_key, 32);
    link_login(*l, id, &m);
    assert_int_equal(link_state(*l), LINK_OPEN);
}

static void test_good(void **state)
{
    (void)state;
    struct fake f;
    struct link *l;
    struct identity id;
    struct wire_login m;
    uint8_t text[WIRE_LOGIN_SIGNED_MAX];
    log_in(&f, &l, &id);
    assert_true(wire_get_login(fake_expect(&f, WIRE_LOGIN), &m));
    assert_int_equal(m.name.len, 5);
    size_t n = wire_login_signed(text, f.hash, f.challenge, m.name, m.device);
    assert_int_equal(crypto_sign_verify_detached(m.signature, text, n, m.device_key), 0);
    link_free(l);
    fake_close(&f);
}

static void test_refused_proofs(void **state)
{
    (void)state;
    struct fake f;
    struct link *l;
    fake_keys(&f);
    for (int fault = FAKE_BAD_SIGNATURE; fault < FAKE_FAULTS; fault++) {
        shake(&f, &l, (enum fake_fault)fault);
        assert_int_equal(link_state(l), LINK_DOWN);
        assert_int_equal(link_fault(l), fault == FAKE_EXPIRED ? LINK_BAD_TIME : LINK_BAD_PROOF);
        assert_true(strlen(link_words(l)) > 10);
        link_free(l);
    }
    fake_close(&f);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[4];
        enum link_fault fault;
    } cases[] = {
        {{'C', 'S', 0, 1}, LINK_NO_VERSION},   {{'C', 'S', 0, 2}, LINK_BUSY},
        {{'C', 'S', 0, 3}, LINK_BUSY},         {{'C', 'S', 0, 4}, LINK_BUSY},
        {{'H', 'T', 'T', 'P'}, LINK_NOT_OURS}, {{'C', 'S', 9, 0}, LINK_NO_VERSION},
    };
    struct fake f;
    fake_keys(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct link *l = link_over(fake_connect(&f), 0);
        assert_int_equal(send(f.fd, cases[i].bytes, 4, 0), 4);
        link_step(l, POLLIN, 0);
        assert_int_equal(link_state(l), LINK_DOWN);
        assert_int_equal(link_fault(l), cases[i].fault);
        link_free(l);
    }
    fake_close(&f);
}

/* The server's answer may come cut anywhere; a server that ends there is a broken connection. */
static void test_cut_at_every_byte(void **state)
{
    (void)state;
    struct fake f;
    uint8_t answer[WIRE_SERVER_PREFACE + 2 + WIRE_MESSAGE2];
    fake_keys(&f);
    for (size_t cut = 0; cut < sizeof answer; cut++) {
        struct link *l = link_over(fake_connect(&f), 0);
        fake_answer(&f, FAKE_GOOD, answer);
        assert_int_equal(send(f.fd, answer, cut, 0), cut);
        link_step(l, POLLIN, 0);
        assert_int_equal(link_state(l), LINK_SHAKING);
        if (cut % 2) {
            assert_int_equal(send(f.fd, answer + cut, sizeof answer - cut, 0), sizeof answer - cut);
            link_step(l, POLLIN, 0);
            assert_int_equal(link_state(l), LINK_PROVEN);
        } else {
            shutdown(f.fd, SHUT_WR);
            link_step(l, POLLIN, 0);
            assert_int_equal(link_state(l), LINK_DOWN);
            assert_int_equal(link_fault(l), LINK_BROKEN);
        }
        link_free(l);
    }
    fake_close(&f);
}

static void test_silence(void **state)
{
    (void)state;
    struct fake f;
    fake_keys(&f);
    struct link *l = link_over(fake_connect(&f), 1000);
    link_step(l, 0, link_deadline(l) - 1);
    assert_int_equal(link_state(l), LINK_SHAKING);
    link_step(l, 0, link_deadline(l));
    assert_int_equal(link_fault(l), LINK_NO_ANSWER);
    link_free(l);
    fake_close(&f);
}

/* Records cut at every byte, frames in parts, and the end without ERROR. */
static void test_records(void **state)
{
    (void)state;
    struct fake f;
    struct link *l;
    struct identity id;
    struct buf b = {0};
    struct wire_frame frame;
    log_in(&f, &l, &id);
    fake_expect(&f, WIRE_LOGIN);
    wire_put_ping(&b, WIRE_PONG, 7);
    wire_put_ping(&b, WIRE_PONG, 8);
    fake_send(&f, &b);
    link_step(l, POLLIN, 0);
    assert_int_equal(link_frame(l, &frame), 1);
    assert_int_equal(get_u64(frame.payload.data), 7);
    assert_int_equal(link_frame(l, &frame), 1);
    assert_int_equal(get_u64(frame.payload.data), 8);
    assert_int_equal(link_frame(l, &frame), 0);
    shutdown(f.fd, SHUT_WR);
    link_step(l, POLLIN, 0);
    assert_int_equal(link_frame(l, &frame), -1);
    assert_int_equal(link_fault(l), LINK_BROKEN);
    link_free(l);
    fake_close(&f);
}

static void test_long_frames_and_padding(void **state)
{
    (void)state;
    struct fake f;
    struct link *l;
    struct identity id;
    log_in(&f, &l, &id);
    fake_expect(&f, WIRE_LOGIN);
    uint8_t *body = calloc(1, 80000);
    body[79999] = 42;
    wire_put_send(link_out(l),
                  &(struct wire_send){.id = 1, .to = text_of("bob"), .body = {body, 80000}});
    for (uint64_t i = 0; i < 5000; i++)
        wire_put_ping(link_out(l), WIRE_PING, i);
    link_flush(l);
    struct wire_send m;
    assert_true(wire_get_send(fake_expect(&f, WIRE_SEND), &m));
    assert_int_equal(m.body.len, 80000);
    assert_int_equal(m.body.data[79999], 42);
    for (uint64_t i = 0; i < 5000; i++)
        assert_int_equal(get_u64(fake_expect(&f, WIRE_PING).data), i);
    /* a small record is padded to 64 bytes of plaintext */
    wire_put_ping(link_out(l), WIRE_PING, 1);
    link_flush(l);
    fake_expect(&f, WIRE_PING);
    assert_int_equal(f.frames.end - f.in.data, 64);
    free(body);
    link_free(l);
    fake_close(&f);
}

static void test_rekey(void **state)
{
    (void)state;
    struct fake f;
    struct link *l;
    struct identity id;
    struct wire_frame frame;
    log_in(&f, &l, &id);
    fake_expect(&f, WIRE_LOGIN);
    for (unsigned i = 0; i < WIRE_REKEY_EVERY + 5; i++) {
        struct buf b = {0};
        wire_put_ping(link_out(l), WIRE_PING, i);
        link_flush(l);
        assert_int_equal(get_u64(fake_expect(&f, WIRE_PING).data), i);
        wire_put_ping(&b, WIRE_PONG, i);
        fake_send(&f, &b);
        link_step(l, POLLIN, 0);
        assert_int_equal(link_frame(l, &frame), 1);
        assert_int_equal(link_frame(l, &frame), 0);
    }
    link_free(l);
    fake_close(&f);
}

static void test_damaged_record(void **state)
{
    (void)state;
    struct fake f;
    struct link *l;
    struct identity id;
    struct wire_frame frame;
    static const uint8_t bad[][6] = {{4, 0, 1, 2, 3, 4}, {16, 0}, {0, 0}};
    for (size_t i = 0; i < 3; i++) {
        log_in(&f, &l, &id);
        assert_int_equal(send(f.fd, bad[i], 6, 0), 6);
        link_step(l, POLLIN, 0);
        assert_int_equal(link_frame(l, &frame), -1);
        assert_int_equal(link_fault(l), LINK_BROKEN);
        link_free(l);
        fake_close(&f);
    }
}

int main(void)
{
    assert_true(sodium_init() >= 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_refused_proofs),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_long_frames_and_padding),
        cmocka_unit_test(test_rekey),
        cmocka_unit_test(test_damaged_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
