/*
 * test_sealed_message.c - body and content of a direct message: what the body is bound to, its
 * padding, and a decoder that trusts nobody.
 */
#include "sealed_help.h"

#include "../../client/sealed/content.h"
#include "../../client/sealed/envelope.h"
#include "../../client/sealed/sender_key.h"

static struct envelope sample(void)
{
    struct envelope e = {.from = TEXT("alice"), .from_device = 1, .id = 7, .to = TEXT("bob")};
    memset(e.from_account, 1, 32);
    memset(e.to_account, 2, 32);
    return e;
}

static bool opens(const struct envelope *e, const struct envelope_key *k, const struct buf *body)
{
    struct buf out = {0};
    bool good = envelope_open(e, k, sealed_head(body), &out);
    if (!good) assert_int_equal(buf_len(&out), 0);
    buf_free(&out);
    return good;
}

static void a_body_is_bound(void **state)
{
    (void)state;
    struct envelope e = sample();
    struct envelope_key k = {.from_seq = 3, .to_seq = 4};
    struct buf body = {0};
    envelope_seal(&e, &k, TEXT("hello"), &sealed_random_system, &body);
    assert_true(opens(&e, &k, &body));
    for (int i = 0; i < 10; i++) {
        struct envelope other = e;
        struct envelope_key key = k;
        if (i == 0) other.from = TEXT("alicf");
        if (i == 1) other.from_account[31] ^= 1;
        if (i == 2) other.from_device++;
        if (i == 3) other.id++; /* the server shows it under another number */
        if (i == 4) other.to = TEXT("bo");
        if (i == 5) other.to_account[0] ^= 1;
        if (i == 6) key.from_seq++;
        if (i == 7) key.to_seq--;
        if (i == 8) key.key[0] ^= 1;
        if (i == 9) { /* from and to exchanged: to oneself and from oneself differ */
            other.from = e.to;
            other.to = e.from;
        }
        assert_false(opens(&other, &key, &body));
    }
    for (size_t bit = 0; bit < buf_len(&body) * 8; bit++) {
        buf_head(&body)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(opens(&e, &k, &body));
        buf_head(&body)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < buf_len(&body); n++) {
        struct buf cut = {.data = body.data, .len = n};
        assert_false(opens(&e, &k, &cut));
    }
    buf_free(&body);
}

/* Each body has a key of its own: the same text never gives the same bytes. */
static void a_key_serves_once(void **state)
{
    (void)state;
    struct envelope e = sample();
    struct envelope_key one = {0}, two = {0};
    struct buf a = {0}, b = {0};
    envelope_seal(&e, &one, TEXT("hello"), &sealed_random_system, &a);
    envelope_seal(&e, &two, TEXT("hello"), &sealed_random_system, &b);
    assert_memory_not_equal(one.key, two.key, 32);
    assert_memory_not_equal(buf_head(&a) + 1, buf_head(&b) + 1, 64);
    assert_false(opens(&e, &one, &b));
    buf_free(&a);
    buf_free(&b);
}

static void padding(void **state)
{
    (void)state;
    static const size_t lengths[][2] = {{0, 64},       {63, 64},       {64, 128},     {127, 128},
                                        {2048, 4096},  {4095, 4096},   {4096, 8192},  {8191, 8192},
                                        {8192, 12288}, {65546, 69632}, {69631, 69632}};
    static uint8_t text[ENVELOPE_CONTENT_MAX];
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct buf b = {0};
        envelope_pad(sealed_slice(text, lengths[i][0]), &b);
        assert_int_equal(buf_len(&b), lengths[i][1]);
        struct slice s = sealed_head(&b);
        assert_true(envelope_unpad(&s));
        assert_int_equal(s.len, lengths[i][0]);
        buf_free(&b);
    }
    uint8_t wrong[128] = {0};
    struct slice s = sealed_slice(wrong, 64);
    assert_false(envelope_unpad(&s)); /* no mark at all */
    wrong[63] = 0x81;
    assert_false(envelope_unpad(&s));
    wrong[63] = 0x80;
    assert_true(envelope_unpad(&s));
    s = sealed_slice(wrong, 128); /* more than its class: a channel for what the size should hide */
    assert_false(envelope_unpad(&s));
    s = sealed_slice(wrong, 0);
    assert_false(envelope_unpad(&s));
}

static void limits_of_content(void **state)
{
    (void)state;
    static uint8_t big[CONTENT_TEXT_MAX + 1];
    struct buf out = {0};
    struct content c = {.kind = CONTENT_TEXT};
    c.u.text.text = sealed_slice(big, sizeof big);
    assert_int_equal(content_encode(&c, &out), -1);
    c.u.text.text = TEXT("x");
    c.u.text.form = 2;
    assert_int_equal(content_encode(&c, &out), -1);
    c = (struct content){.kind = CONTENT_RECEIPT, .u.receipt = {.state = CONTENT_READ}};
    assert_int_equal(content_encode(&c, &out), -1);
    c.u.receipt.n = CONTENT_RECEIPTS_MAX + 1;
    assert_int_equal(content_encode(&c, &out), -1);
    c = (struct content){.kind = CONTENT_RESENT};
    struct content inner = {.kind = CONTENT_RESEND, .u.resend = {.reason = 1}};
    struct buf nested = {0};
    assert_int_equal(content_encode(&inner, &nested), 0);
    c.u.resent.to = TEXT("bob");
    c.u.resent.inner = sealed_head(&nested);
    assert_int_equal(content_encode(&c, &out), -1);
    c.u.resent.inner = TEXT("\1\1........"); /* a text, but said to nobody */
    c.u.resent.to.len = 0;
    assert_int_equal(content_encode(&c, &out), -1);
    c = (struct content){.kind = 99};
    assert_int_equal(content_encode(&c, &out), -1);
    assert_int_equal(buf_len(&out), 0);
    buf_free(&nested);
}

static enum content_verdict decode(const char *bytes, size_t n)
{
    struct content c;
    return content_decode(&c, sealed_slice(bytes, n));
}

#define FRONT(kind) "\1" kind "\1\0\0\0\0\0\0\0"
#define DECODE(s)   decode(s, sizeof(s) - 1)

static void hostile_content(void **state)
{
    (void)state;
    assert_int_equal(DECODE(FRONT("\1") "\0"), CONTENT_GOOD); /* an empty text */
    assert_int_equal(DECODE(""), CONTENT_DAMAGED);
    assert_int_equal(DECODE("\1\1"), CONTENT_DAMAGED);
    assert_int_equal(DECODE(FRONT("\1")), CONTENT_DAMAGED);
    assert_int_equal(DECODE(FRONT("\1") "\2hi"), CONTENT_DAMAGED);
    assert_int_equal(DECODE("\0\1\1\0\0\0\0\0\0\0"), CONTENT_DAMAGED);
    assert_int_equal(DECODE(FRONT("\0") "x"), CONTENT_NEWER);
    assert_int_equal(DECODE(FRONT("\10") "x"), CONTENT_NEWER);
    assert_int_equal(DECODE("\2\1\1\0\0\0\0\0\0\0\0hi"), CONTENT_NEWER);
    assert_int_equal(DECODE(FRONT("\3") "\2\0"), CONTENT_DAMAGED);
    assert_int_equal(DECODE(FRONT("\3") "\3\1\1\0\0\0\0\0\0\0"), CONTENT_DAMAGED);
    assert_int_equal(DECODE(FRONT("\3") "\2\1\1\0\0\0\0\0\0\0"), CONTENT_GOOD);
    assert_int_equal(DECODE(FRONT("\3") "\2\1\1\0\0\0\0\0\0\0\0"), CONTENT_DAMAGED);
    assert_int_equal(DECODE(FRONT("\3") "\2\377"), CONTENT_DAMAGED);
    assert_int_equal(DECODE(FRONT("\4") "\1\3bo"), CONTENT_DAMAGED);
    assert_int_equal(DECODE(FRONT("\4") "\4\0"), CONTENT_DAMAGED);
    assert_int_equal(DECODE(FRONT("\7") "\1\0\0\0\0\0\0\0" FRONT("\7") "x"), CONTENT_DAMAGED);
    assert_int_equal(DECODE(FRONT("\7") "\1\0\0\0\0\0\0\0" FRONT("\1") "\0x"), CONTENT_GOOD);
}

/* F8: what goes through a session is no body, a body is no group message, and the other way round.
 */
static void no_confusion_of_frames(void **state)
{
    (void)state;
    struct envelope e = sample();
    struct envelope_key k = {0};
    struct buf body = {0}, out = {0};
    uint32_t generation, seq;
    envelope_seal(
        &e, &k, TEXT("a text of more than sixty-four bytes in length, so that it could be either"),
        &sealed_random_system, &body);
    assert_false(sender_key_peek(sealed_head(&body), &generation, &seq));
    buf_head(&body)[0] = SEALED_SUITE_GROUP;
    assert_true(sender_key_peek(sealed_head(&body), &generation, &seq));
    struct sender_key g;
    struct device_who who = {.device = 1};
    struct sender_key_bound bound = {.from = &who};
    sender_key_make(&g, k.key, 0, TODAY, &sealed_random_system);
    g.generation = generation;
    assert_int_equal(sender_key_open(&g, &bound, sealed_head(&body), TODAY, &out),
                     SENDER_KEY_FORGED);
    buf_reset(&body, SIZE_MAX);
    sender_key_make(&g, k.key, 0, TODAY, &sealed_random_system);
    assert_int_equal(sender_key_seal(&g, &bound, 1, TEXT("to all"), &body), 0);
    assert_false(opens(&e, &k, &body));
    buf_head(&body)[0] = SEALED_SUITE_DIRECT;
    memcpy(k.key, g.chain, 32);
    assert_false(opens(&e, &k, &body));
    /* The content of a sender key distribution is not that of a head. */
    uint8_t distribution[SENDER_KEY_DISTRIBUTION];
    sender_key_distribution(&g, distribution);
    assert_false(envelope_key_decode(&k, sealed_slice(distribution, sizeof distribution)));
    sender_key_wipe(&g);
    buf_free(&body);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_bound), cmocka_unit_test(a_key_serves_once),
        cmocka_unit_test(padding),         cmocka_unit_test(limits_of_content),
        cmocka_unit_test(hostile_content), cmocka_unit_test(no_confusion_of_frames),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
