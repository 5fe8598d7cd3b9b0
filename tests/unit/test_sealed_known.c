/*
 * test_sealed_known.c - every byte string of docs/sealed.md against known answers that the second
 * implementation made (tests/reference/sealed_vectors.py): the same secrets, the same bytes.
 */
#include "sealed_help.h"

#include "../../client/sealed/admission.h"
#include "../../client/sealed/content.h"
#include "../../client/sealed/envelope.h"
#include "../../client/sealed/invitation.h"
#include "membership.h"
#include "../../client/sealed/paper_key.h"
#include "safety_number.h"
#include "../../client/sealed/sender_key.h"

static json_t *all;
static int checked;

static int load(void **state)
{
    (void)state;
    all = vectors_load("sealed/known.json");
    return 0;
}

static int count(void **state)
{
    (void)state;
    size_t n = 0;
    const char *key;
    json_t *part;
    json_object_foreach(all, key, part) n += json_object_size(part);
    print_message("vectors: %d known answers\n", checked);
    json_decref(all);
    return checked == (int)n ? 0 : -1; /* one that nobody looks at proves nothing */
}

static void known(const char *part, const char *key, const void *data, size_t n)
{
    struct bytes want = vectors_bytes(json_object_get(all, part), key);
    if (want.len != n || memcmp(want.data, data, n) != 0)
        fail_msg("%s.%s: %zu bytes, not as the second implementation has them", part, key, n);
    free(want.data);
    checked++;
}

static void known_buf(const char *part, const char *key, struct buf *b)
{
    known(part, key, buf_head(b), buf_len(b));
    buf_free(b);
}

static void known_text(const char *part, const char *key, const char *text)
{
    assert_string_equal(text, vectors_text(json_object_get(all, part), key));
    checked++;
}

static void device_chain(void **state)
{
    (void)state;
    struct someone alice;
    struct device_keys laptop;
    struct device_list list;
    struct buf b = {0};
    someone_make(&alice, "alice");
    someone_keys(&laptop, "alice", "laptop");
    struct device_offer phone = someone_offer(&alice, &alice.keys),
                        second = someone_offer(&alice, &laptop);
    device_list_start(&list, alice.account, alice.name);
    assert_int_equal(device_list_add(&list, alice.account_secret, NULL, &phone, NOW_MS, &b), 0);
    known_buf("devices", "entry_1", &b);
    assert_int_equal(
        device_list_add(&list, alice.account_secret, &alice.keys, &second, NOW_MS + 1, &b), 0);
    known_buf("devices", "entry_2", &b);
    assert_int_equal(
        device_list_revoke(&list, alice.account_secret, &laptop, alice.keys.device, NOW_MS + 2, &b),
        0);
    known_buf("devices", "entry_3", &b);
    known("devices", "head", list.head.hash, 32);
    someone_free(&alice);
}

/* The conversation of sealed_vectors.py: who speaks when. */
static void converse(const char *what, struct sessions s[2], struct someone *who[2])
{
    static const int from[] = {0, 0, 1, 0, 1, 0};
    struct envelope_key k = {.from_seq = 1, .to_seq = 2}, got;
    uint8_t text[ENVELOPE_KEY_TEXT];
    char key[64];
    for (uint8_t i = 0; i < 6; i++) {
        struct buf head = {0}, out = {0};
        int a = from[i], b = 1 - a;
        memset(k.key, i, sizeof k.key);
        envelope_key_encode(&k, text);
        assert_int_equal(
            sessions_seal(&s[a], sealed_slice(text, sizeof text), TODAY, &who[a]->rnd, &head), 0);
        assert_int_equal(sessions_open(&s[b], &who[b]->self, &who[a]->self.who, &who[b]->prekeys,
                                       sealed_head(&head), TODAY, &out, NULL),
                         SESSION_OPENED);
        assert_true(envelope_key_decode(&got, sealed_head(&out)));
        assert_memory_equal(got.key, k.key, sizeof k.key);
        assert_int_equal(got.from_seq, 1);
        assert_int_equal(got.to_seq, 2);
        snprintf(key, sizeof key, "%s_head_%d", what, i);
        known_buf("first", key, &head);
        buf_free(&out);
    }
    for (int i = 0; i < 2; i++) {
        struct buf state = {0};
        ratchet_encode(&s[i].s[0].ratchet, &state);
        assert_int_equal(buf_len(&state), RATCHET_STATE);
        snprintf(key, sizeof key, "%s_state_%c", what, 'a' + i);
        known_buf("first", key, &state);
    }
}

static void first_message(const char *what, int one_time)
{
    struct someone alice, bob, *who[2] = {&alice, &bob};
    struct sessions s[2] = {0};
    struct bundle bundle, read;
    struct x3dh_part part;
    struct x3dh_secret secret;
    struct sealed_pair ephemeral;
    struct stream copy;
    struct buf b = {0};
    char key[64];
    someone_make(&alice, "alice");
    someone_make(&bob, "bob");
    snprintf(key, sizeof key, "alice %s", what);
    alice.rnd = stream_open(&alice.stream, key);
    snprintf(key, sizeof key, "bob %s", what);
    bob.rnd = stream_open(&bob.stream, key);
    someone_bundle(&bob, one_time, &bundle);
    bundle_encode(&bundle, &b);
    assert_true(bundle_decode(&read, sealed_head(&b)));
    assert_memory_equal(&read, &bundle, sizeof read);
    snprintf(key, sizeof key, "%s_bundle", what);
    known_buf("first", key, &b);

    copy = alice.stream;
    struct sealed_random again = {stream_fill, &copy};
    sealed_pair_make(&ephemeral, &again);
    assert_int_equal(x3dh_start(&alice.self.who, &alice.self.x, &bob.self.who, &bundle, &ephemeral,
                                &part, &secret),
                     X3DH_GOOD);
    snprintf(key, sizeof key, "%s_sk", what);
    known("first", key, secret.sk, 32);
    snprintf(key, sizeof key, "%s_ad", what);
    known("first", key, secret.ad, 32);
    snprintf(key, sizeof key, "%s_number", what);
    known("first", key, secret.number, 32);

    start(&s[0], &alice, &bob, one_time);
    converse(what, s, who);
    for (int i = 0; i < 2; i++) {
        sessions_wipe(&s[i]);
        someone_free(who[i]);
    }
}

static void first_messages(void **state)
{
    (void)state;
    first_message("with", 0);
    first_message("without", -1);
}

static struct content content_of(const char *name)
{
    static uint8_t blank[SENDER_KEY_DISTRIBUTION];
    static struct buf inner;
    struct content c = {.time_ms = NOW_MS};
    if (!strcmp(name, "text")) {
        c.kind = CONTENT_TEXT;
        c.u.text.text = TEXT("gr\xc3\xbc\xc3\x9f"
                             "e");
    } else if (!strcmp(name, "file")) {
        c.kind = CONTENT_FILE;
        for (uint8_t i = 0; i < 32; i++) {
            c.u.file.blob[i] = i;
            c.u.file.key[i] = (uint8_t)(i + 32);
            c.u.file.hash[i] = (uint8_t)(i + 64);
        }
        c.u.file.size = UINT64_C(1) << 33;
        c.u.file.name = TEXT("hw3.pdf");
        c.u.file.text = TEXT("here");
    } else if (!strcmp(name, "receipt")) {
        c.kind = CONTENT_RECEIPT;
        c.u.receipt.state = CONTENT_READ;
        c.u.receipt.n = 2;
        c.u.receipt.id[0] = 5;
        c.u.receipt.id[1] = 6;
    } else if (!strcmp(name, "sync")) {
        c.kind = CONTENT_SYNC;
        c.u.sync.what = CONTENT_SYNC_READ;
        c.u.sync.with = TEXT("bob");
        c.u.sync.data = sealed_slice("\x09\0\0\0\0\0\0", 8);
    } else if (!strcmp(name, "sender_key")) {
        c.kind = CONTENT_SENDER_KEY;
        c.u.sender_key.distribution = sealed_slice(blank, sizeof blank);
    } else if (!strcmp(name, "resend")) {
        c.kind = CONTENT_RESEND;
        c.u.resend.from_device = 3;
        c.u.resend.id = 4;
        c.u.resend.reason = SESSION_DAMAGED;
    } else {
        struct content waves = {.kind = CONTENT_TEXT, .time_ms = NOW_MS};
        waves.u.text.form = CONTENT_ACTS;
        waves.u.text.text = TEXT("waves");
        buf_free(&inner);
        assert_int_equal(content_encode(&waves, &inner), 0);
        c.kind = CONTENT_RESENT;
        c.u.resent.of = 4;
        c.u.resent.to = TEXT("bob");
        c.u.resent.inner = sealed_head(&inner);
    }
    return c;
}

static void bodies(void **state)
{
    (void)state;
    static const char *const names[] = {"text",       "file",   "receipt", "sync",
                                        "sender_key", "resend", "resent"};
    struct someone alice, bob;
    someone_make(&alice, "alice");
    someone_make(&bob, "bob");
    struct envelope e = {
        .from = alice.name, .from_device = alice.keys.device, .id = 7, .to = bob.name};
    memcpy(e.from_account, alice.account, 32);
    memcpy(e.to_account, bob.account, 32);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct envelope_key k = {.from_seq = 1, .to_seq = 2};
        struct content c = content_of(names[i]), back;
        struct buf plain = {0}, body = {0}, out = {0}, again = {0};
        struct stream s;
        struct sealed_random rnd = stream_open(&s, "body key");
        char key[64];
        assert_int_equal(content_encode(&c, &plain), 0);
        envelope_seal(&e, &k, sealed_head(&plain), &rnd, &body);
        assert_true(envelope_open(&e, &k, sealed_head(&body), &out));
        assert_int_equal(content_decode(&back, sealed_head(&out)), CONTENT_GOOD);
        assert_int_equal(content_encode(&back, &again), 0);
        assert_int_equal(buf_len(&again), buf_len(&plain));
        assert_memory_equal(buf_head(&again), buf_head(&plain), buf_len(&plain));
        snprintf(key, sizeof key, "content_%s", names[i]);
        known_buf("bodies", key, &plain);
        snprintf(key, sizeof key, "body_%s", names[i]);
        known_buf("bodies", key, &body);
        buf_free(&out);
        buf_free(&again);
        if (c.kind == CONTENT_RESENT)
            buf_free(&(struct buf){.data = (uint8_t *)c.u.resent.inner.data});
    }

    struct envelope_key k = {.from_seq = 1, .to_seq = 2};
    struct content c = {.kind = CONTENT_TEXT, .time_ms = NOW_MS};
    struct buf plain = {0}, body = {0};
    struct stream s;
    struct sealed_random rnd = stream_open(&s, "body key");
    uint8_t *text = malloc(CONTENT_TEXT_MAX);
    memset(text, 'x', CONTENT_TEXT_MAX);
    c.u.text.text = sealed_slice(text, CONTENT_TEXT_MAX);
    assert_int_equal(content_encode(&c, &plain), 0);
    envelope_seal(&e, &k, sealed_head(&plain), &rnd, &body);
    assert_int_equal(buf_len(&body), ENVELOPE_BODY_MAX);
    known("bodies", "body_long", buf_head(&body) + buf_len(&body) - 64, 64);
    free(text);
    buf_free(&plain);
    buf_free(&body);
    someone_free(&alice);
    someone_free(&bob);
}

struct cast {
    struct someone alice, bob, carol;
};

static const uint8_t *key_of(void *ctx, const struct membership_entry *e, bool *instructor)
{
    struct cast *c = ctx;
    struct someone *all_of[] = {&c->alice, &c->bob, &c->carol};
    *instructor = false;
    for (int i = 0; i < 3; i++)
        if (memcmp(all_of[i]->account, e->actor_account, 32) == 0) return all_of[i]->keys.ed;
    return NULL;
}

static void group_log(void **state)
{
    (void)state;
    static struct cast c;
    someone_make(&c.alice, "alice");
    someone_make(&c.bob, "bob");
    someone_make(&c.carol, "carol");
    const struct {
        uint8_t op;
        struct someone *actor, *subject;
        uint8_t role;
        uint64_t until;
        const char *text;
    } step[] = {
        {MEMBERSHIP_CREATE, &c.alice, NULL, 0, 0, "#sealed"},
        {MEMBERSHIP_INVITE, &c.alice, &c.bob, 0, 0, ""},
        {MEMBERSHIP_JOIN, &c.bob, NULL, 0, 0, ""},
        {MEMBERSHIP_ROLE, &c.alice, &c.bob, ROLE_ASSISTANT, 0, ""},
        {MEMBERSHIP_TOPIC, &c.bob, NULL, 0, 0, "HW3 due Friday"},
        {MEMBERSHIP_OPEN, &c.alice, NULL, 1, 0, ""},
        {MEMBERSHIP_JOIN, &c.carol, NULL, 0, 0, ""},
        {MEMBERSHIP_MUTE, &c.bob, &c.carol, 0, NOW_MS + 9, "noise"},
        {MEMBERSHIP_KICK, &c.bob, &c.carol, 0, 0, "more noise"},
        {MEMBERSHIP_LEAVE, &c.alice, NULL, 0, 0, ""},
    };
    struct membership m = {0};
    struct membership_lookup lookup = {key_of, &c};
    for (size_t i = 0; i < sizeof step / sizeof step[0]; i++) {
        struct membership_entry e = {.op = step[i].op,
                                     .time_ms = NOW_MS + i,
                                     .actor = step[i].actor->name,
                                     .actor_device = step[i].actor->keys.device,
                                     .role = step[i].role,
                                     .until_ms = step[i].until,
                                     .text = TEXT(step[i].text)};
        struct buf b = {0};
        char key[32];
        memcpy(e.actor_account, step[i].actor->account, 32);
        if (step[i].subject) {
            e.subject = step[i].subject->name;
            memcpy(e.subject_account, step[i].subject->account, 32);
        }
        membership_write(&m, &e, step[i].actor->keys.ed_secret, &b);
        assert_int_equal(membership_apply(&m, sealed_head(&b), &lookup, NULL), MEMBERSHIP_GOOD);
        snprintf(key, sizeof key, "entry_%zu", i + 1);
        known_buf("group", key, &b);
    }
    known("group", "group", m.group, 32);
    known("group", "head", m.head, 32);
    assert_int_equal(membership_role_of(&m, c.bob.account), ROLE_OWNER); /* inherited */
    assert_int_equal(membership_count(&m), 1);

    struct sender_key own, reader;
    struct sender_key_bound bound = {.from = &c.alice.self.who};
    uint8_t distribution[SENDER_KEY_DISTRIBUTION];
    struct buf body[3] = {0}, out = {0};
    struct stream s;
    struct sealed_random rnd = stream_open(&s, "alice group");
    memcpy(bound.log_hash, m.head, 32);
    sender_key_make(&own, m.group, 0, TODAY, &rnd);
    sender_key_distribution(&own, distribution);
    known("group", "distribution", distribution, sizeof distribution);
    assert_true(sender_key_accept(&reader, sealed_slice(distribution, sizeof distribution)));
    struct content hello = {.kind = CONTENT_TEXT, .time_ms = NOW_MS};
    hello.u.text.text = TEXT("to all");
    assert_int_equal(content_encode(&hello, &out), 0);
    for (size_t i = 0; i < 3; i++) {
        char key[32];
        bound.id = 20 + i;
        assert_int_equal(sender_key_seal(&own, &bound, m.seq, sealed_head(&out), &body[i]), 0);
        snprintf(key, sizeof key, "body_%zu", i);
        known("group", key, buf_head(&body[i]), buf_len(&body[i]));
    }
    buf_reset(&out, SIZE_MAX);
    for (int i = 2; i >= 0; i--) {
        bound.id = 20 + (uint64_t)i;
        assert_int_equal(sender_key_open(&reader, &bound, sealed_head(&body[i]), TODAY, &out),
                         SENDER_KEY_GOOD);
        buf_free(&body[i]);
    }
    sender_key_distribution(&own, distribution);
    known("group", "distribution_later", distribution, sizeof distribution);
    buf_free(&out);
    sender_key_wipe(&own);
    sender_key_wipe(&reader);
    membership_free(&m);
    someone_free(&c.alice);
    someone_free(&c.bob);
    someone_free(&c.carol);
}

static void words_and_codes(void **state)
{
    (void)state;
    struct someone alice, bob;
    char number[SAFETY_NUMBER], phrase[SAFETY_PHRASE], paper[PAPER_TEXT], code[INVITATION_CODE];
    someone_make(&alice, "alice");
    someone_make(&bob, "bob");
    struct safety_account a = {.name = TEXT("alice")}, b = {.name = TEXT("Bob")};
    memcpy(a.key, alice.account, 32);
    memcpy(b.key, bob.account, 32);
    safety_number(&a, &b, number, phrase);
    known_text("trust", "safety", number);
    known_text("trust", "safety_words", phrase);
    safety_fingerprint(alice.account, phrase);
    known_text("trust", "fingerprint", phrase);
    paper_key_spell(alice.seed, paper);
    known_text("trust", "paper", paper);

    uint8_t seed[32], anchor[32], anchor_secret[64], secret[INVITATION_SECRET];
    struct stream s;
    struct sealed_random rnd = stream_open(&s, "anchor");
    stream_fill(&s, seed, sizeof seed);
    crypto_sign_seed_keypair(anchor, anchor_secret, seed);
    rnd = stream_open(&s, "code");
    invitation_make(secret, &rnd);
    invitation_spell(secret, code);
    known_text("trust", "code", code);
    struct buf out = {0}, roster = {0};
    assert_int_equal(
        invitation_claim(secret, anchor, TEXT("csce513"), bob.name, bob.account_secret, &out), 0);
    known_buf("trust", "claim", &out);
    struct anchor_entry e = {.serial = 3,
                             .class_name = TEXT("csce513"),
                             .name = bob.name,
                             .issued_ms = NOW_MS,
                             .expires_ms = NOW_MS + 1000};
    memcpy(e.account_key, bob.account, 32);
    assert_int_equal(anchor_sign(&e, anchor_secret, &roster), 0);
    invitation_welcome(secret, anchor, sealed_head(&roster), &out);
    known_buf("trust", "welcome", &out);
    known_buf("trust", "roster", &roster);
    someone_free(&alice);
    someone_free(&bob);
}

static void admission_run(void **state)
{
    (void)state;
    struct someone alice;
    struct device_keys laptop;
    struct device_offer offer;
    struct admission newcomer, host;
    struct stream s;
    struct slice list, gift;
    struct buf grant = {0}, out = {0};
    uint8_t account[32];
    someone_make(&alice, "alice");
    someone_keys(&laptop, "alice", "laptop");
    struct sealed_random rnd = stream_open(&s, "newcomer");
    admission_offer(&newcomer, &laptop, alice.name, &rnd);
    known("trust", "commit", newcomer.commit, sizeof newcomer.commit);
    rnd = stream_open(&s, "host");
    admission_answer(&host, newcomer.commit, alice.account, alice.keys.device, &rnd);
    known("trust", "answer", host.answer, sizeof host.answer);
    assert_true(
        admission_reveal(&newcomer, sealed_slice(host.answer, sizeof host.answer), account));
    known("trust", "offer", newcomer.offer, newcomer.offer_len);
    assert_true(admission_revealed(&host, sealed_slice(newcomer.offer, newcomer.offer_len),
                                   alice.name, &offer));
    known_text("trust", "digits", newcomer.code);
    assert_true(admission_confirm(&host, newcomer.code, strlen(newcomer.code)));
    assert_int_equal(admission_grant(&host, TEXT("the list"), TEXT("gift"), &grant), 0);
    admission_taken(&newcomer);
    assert_true(admission_granted(&newcomer, sealed_head(&grant), &out, &list, &gift));
    assert_memory_equal(list.data, "the list", list.len);
    assert_memory_equal(gift.data, "gift", gift.len);
    known_buf("trust", "grant", &grant);
    buf_free(&out);
    admission_wipe(&newcomer);
    admission_wipe(&host);
    someone_free(&alice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device_chain),    cmocka_unit_test(first_messages),
        cmocka_unit_test(bodies),          cmocka_unit_test(group_log),
        cmocka_unit_test(words_and_codes), cmocka_unit_test(admission_run)};
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, load, count);
}
