/*
 * test_sealed_trust.c - what people compare, type and write down: words, safety numbers, the paper
 * key, roster, invitation codes, and the admission of a device with somebody in the middle.
 */
#include "sealed_help.h"

#include "../../client/sealed/admission.h"
#include "../../client/sealed/invitation.h"
#include "../../client/sealed/paper_key.h"
#include "safety_number.h"

/* --- words --- */

static void the_list(void **state)
{
    (void)state;
    for (int i = 0; i < WORDS_COUNT; i++) {
        size_t n = strlen(words_list[i]);
        assert_true(n >= WORDS_ENOUGH && n <= WORDS_LETTERS);
        if (i > 0) assert_true(strncmp(words_list[i - 1], words_list[i], WORDS_ENOUGH) < 0);
        for (size_t k = WORDS_ENOUGH; k <= n; k++)
            assert_int_equal(words_find(words_list[i], k), i);
        assert_int_equal(words_find(words_list[i], WORDS_ENOUGH - 1), -1);
    }
    assert_int_equal(words_find("MAPLE", 5), words_find("maple", 5));
    assert_true(words_find("maple", 5) >= 0);
    assert_int_equal(words_find("maples", 6), -1);
    assert_int_equal(words_find("m\xc3\xa4ple", 6), -1);
}

static void words_nearby(void **state)
{
    (void)state;
    int near[WORDS_NEAR];
    size_t n = words_near("mapel", 5, near);
    assert_true(n >= 1);
    assert_string_equal(words_list[near[0]], "maple");
    assert_int_equal(words_near("xxxxxxxxxxxxxxxxxx", 18, near), 0);
}

/* --- safety numbers --- */

static void the_same_on_both_sides(void **state)
{
    (void)state;
    struct safety_account a = {.name = TEXT("alice")}, b = {.name = TEXT("bob")};
    char number[2][SAFETY_NUMBER], phrase[2][SAFETY_PHRASE];
    memset(a.key, 1, 32);
    memset(b.key, 2, 32);
    safety_number(&a, &b, number[0], phrase[0]);
    safety_number(&b, &a, number[1], phrase[1]);
    assert_string_equal(number[0], number[1]);
    assert_string_equal(phrase[0], phrase[1]);
    assert_int_equal(strlen(number[0]), SAFETY_DIGITS + 11);
    assert_int_equal(strspn(number[0], "0123456789 "), SAFETY_DIGITS + 11);
    int dashes = 0;
    for (const char *c = phrase[0]; *c; c++)
        dashes += *c == '-';
    assert_int_equal(dashes, SAFETY_WORDS - 1);
    b.name = TEXT("BOB"); /* names differ in case for nobody */
    safety_number(&a, &b, number[1], phrase[1]);
    assert_string_equal(number[0], number[1]);
    for (int i = 0; i < 3; i++) {
        struct safety_account other = b;
        if (i == 0) other.key[31] ^= 1;
        if (i == 1) other.name = TEXT("bobb");
        if (i == 2) other = a; /* with oneself */
        safety_number(&a, &other, number[1], phrase[1]);
        assert_string_not_equal(number[0], number[1]);
        assert_string_not_equal(phrase[0], phrase[1]);
    }
}

/* --- paper key --- */

static const uint8_t seed[PAPER_SEED] = {9, 8, 7, 6, 5, 4, 3, 2, 1};

static enum paper_verdict read_paper(const char *text, struct paper_fault *fault)
{
    uint8_t out[PAPER_SEED];
    enum paper_verdict v = paper_key_read(text, strlen(text), out, fault);
    if (v == PAPER_GOOD)
        assert_memory_equal(out, seed, sizeof seed);
    else
        assert_true(sodium_is_zero(out, sizeof out));
    return v;
}

static void a_paper_key_comes_back(void **state)
{
    (void)state;
    char text[PAPER_TEXT], typed[2 * PAPER_TEXT];
    struct paper_fault fault;
    paper_key_spell(seed, text);
    assert_int_equal(read_paper(text, &fault), PAPER_GOOD);
    char *to = typed;
    int letters = 0;
    for (const char *c = text; *c;
         c++) { /* four letters each, in capitals, on lines of their own */
        letters = *c == ' ' ? 0 : letters + 1;
        if (*c == ' ') to += sprintf(to, ",\r\n 3. ");
        if (letters >= 1 && letters <= 4) *to++ = (char)(*c - 'a' + 'A');
    }
    *to = '\0';
    assert_int_equal(read_paper(typed, &fault), PAPER_GOOD);
}

static void slips_on_paper(void **state)
{
    (void)state;
    char text[PAPER_TEXT], typed[PAPER_TEXT + 64];
    struct paper_fault fault;
    paper_key_spell(seed, text);
    const char *second = strchr(text, ' ') + 1, *third = strchr(second, ' ') + 1;
    snprintf(typed, sizeof typed, "%.*s", (int)(strlen(text) - 5), text);
    *strrchr(typed, ' ') = '\0';
    assert_int_equal(read_paper(typed, &fault), PAPER_COUNT);
    assert_true(fault.n == 23 || fault.n == 22);
    snprintf(typed, sizeof typed, "%s maple", text);
    assert_int_equal(read_paper(typed, &fault), PAPER_COUNT);
    assert_int_equal(fault.n, 25);
    snprintf(typed, sizeof typed, "%.*sqapple %s", (int)(second - text), text, third);
    assert_int_equal(read_paper(typed, &fault), PAPER_UNKNOWN);
    assert_int_equal(fault.place, 2);
    assert_true(fault.n_near >= 1);
    assert_string_equal(words_list[fault.near[0]], "apple");
    snprintf(typed, sizeof typed, "%.*s%.*s%.*s%s", (int)(third - second), second,
             (int)(second - text), text, 0, "", third); /* two exchanged */
    assert_int_equal(read_paper(typed, &fault), PAPER_CHECKSUM);
    assert_int_equal(read_paper("", &fault), PAPER_COUNT);
}

/* Eight bits: of all single wrong words about one in 256 may pass, of 2,047 not many more. */
static void the_checksum_catches_a_wrong_word(void **state)
{
    (void)state;
    char text[PAPER_TEXT], typed[PAPER_TEXT + 16];
    uint8_t out[PAPER_SEED];
    struct paper_fault fault;
    int passed = 0;
    paper_key_spell(seed, text);
    const char *second = strchr(text, ' ');
    for (int i = 0; i < WORDS_COUNT; i++) {
        snprintf(typed, sizeof typed, "%.7s%.190s", words_list[i], second);
        passed += paper_key_read(typed, strlen(typed), out, &fault) == PAPER_GOOD;
    }
    assert_in_range(passed, 1, 24); /* the right one, and 8 of chance */
}

/* --- roster --- */

static void a_roster_entry(void **state)
{
    (void)state;
    uint8_t anchor[32], secret[64], other[32], other_secret[64];
    struct anchor_entry e = {.serial = 1,
                             .class_name = TEXT("csce513"),
                             .name = TEXT("bob"),
                             .role = ANCHOR_STUDENT,
                             .issued_ms = NOW_MS,
                             .expires_ms = NOW_MS + 1000},
                        got;
    struct buf b = {0};
    crypto_sign_keypair(anchor, secret);
    crypto_sign_keypair(other, other_secret);
    assert_int_equal(anchor_sign(&e, secret, &b), 0);
    struct slice in = sealed_head(&b), class_name = e.class_name;
    assert_int_equal(anchor_read(&got, in, anchor, class_name, NOW_MS), ANCHOR_GOOD);
    assert_int_equal(got.serial, 1);
    assert_int_equal(anchor_read(&got, in, anchor, class_name, NOW_MS + 999), ANCHOR_GOOD);
    assert_int_equal(anchor_read(&got, in, anchor, class_name, NOW_MS + 1000), ANCHOR_EXPIRED);
    assert_int_equal(anchor_read(&got, in, anchor, class_name, NOW_MS - 86400000), ANCHOR_GOOD);
    assert_int_equal(anchor_read(&got, in, anchor, class_name, NOW_MS - 86400001), ANCHOR_EXPIRED);
    assert_int_equal(anchor_read(&got, in, other, class_name, NOW_MS), ANCHOR_FORGED);
    assert_int_equal(anchor_read(&got, in, anchor, TEXT("csce512"), NOW_MS), ANCHOR_FORGED);
    for (size_t bit = 0; bit < in.len * 8; bit++) {
        buf_head(&b)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(anchor_read(&got, in, anchor, class_name, NOW_MS), ANCHOR_GOOD);
        buf_head(&b)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < in.len; n++)
        assert_int_equal(anchor_read(&got, sealed_slice(in.data, n), anchor, class_name, NOW_MS),
                         ANCHOR_DAMAGED);
    for (int i = 0; i < 4; i++) {
        struct anchor_entry wrong = e;
        if (i == 0) wrong.name = TEXT("-bob");
        if (i == 1) wrong.class_name = TEXT("");
        if (i == 2) wrong.role = 9;
        if (i == 3) wrong.expires_ms = wrong.issued_ms;
        assert_int_equal(anchor_sign(&wrong, secret, &b), -1);
    }
    buf_free(&b);
}

/* --- invitation --- */

static void a_code_as_people_type_it(void **state)
{
    (void)state;
    uint8_t secret[INVITATION_SECRET], read[INVITATION_SECRET];
    char code[INVITATION_CODE], typed[64];
    int replaced = 0;
    for (int round = 0; round < 200; round++) {
        invitation_make(secret, &sealed_random_system);
        invitation_spell(secret, code);
        assert_int_equal(strlen(code), 23);
        char *to = typed;
        for (const char *c = code; *c; c++) {
            if (*c == '-') continue;
            *to = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
            if (*c == '0') *to = "oO"[round % 2];
            if (*c == '1') *to = "iIlL"[round % 4];
            replaced += *c == '0' || *c == '1';
            to++;
        }
        *to = '\0';
        assert_true(invitation_read(typed, strlen(typed), read));
        assert_memory_equal(read, secret, sizeof secret);
    }
    assert_true(replaced > 0);
    assert_false(invitation_read(typed, strlen(typed) - 1, read));
    assert_true(sodium_is_zero(read, sizeof read));
    strcat(typed, "0");
    assert_false(invitation_read(typed, strlen(typed), read));
    assert_false(invitation_read("UUUUU-UUUUU-UUUUU-UUUUU", 23, read)); /* no symbol of ours */
    assert_false(invitation_read("", 0, read));
}

/* Each single slip is noticed but for one in 1,024. */
static void slips_in_a_code(void **state)
{
    (void)state;
    static const char symbols[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint8_t secret[INVITATION_SECRET], read[INVITATION_SECRET];
    char code[INVITATION_CODE];
    struct stream s;
    struct sealed_random rnd = stream_open(&s, "slips");
    int passed = 0, tried = 0;
    for (int round = 0; round < 20; round++) {
        invitation_make(secret, &rnd);
        invitation_spell(secret, code);
        for (int at = 0; at < 23; at++)
            for (int k = 0; code[at] != '-' && k < 32; k++) {
                char right = code[at];
                if (symbols[k] == right) continue;
                code[at] = symbols[k];
                passed += invitation_read(code, 23, read);
                tried++;
                code[at] = right;
            }
    }
    assert_in_range(passed, 0, 3 * tried / 1024);
}

struct classroom {
    struct someone bob, mallory;
    uint8_t anchor[32], anchor_secret[64], secret[INVITATION_SECRET];
};

static struct buf claim_of(struct classroom *c, const uint8_t *anchor)
{
    struct buf b = {0};
    assert_int_equal(invitation_claim(c->secret, anchor, TEXT("csce513"), c->bob.name,
                                      c->bob.account_secret, &b),
                     0);
    return b;
}

static void the_server_between_student_and_instructor(void **state)
{
    (void)state;
    static struct classroom c;
    struct invitation_claim peeked;
    uint8_t id[INVITATION_ID], wrong[INVITATION_SECRET], fake[32], fake_secret[64];
    someone_make(&c.bob, "bob");
    someone_make(&c.mallory, "mallory");
    crypto_sign_keypair(c.anchor, c.anchor_secret);
    crypto_sign_keypair(fake, fake_secret);
    invitation_make(c.secret, &sealed_random_system);
    invitation_make(wrong, &sealed_random_system);
    struct buf claim = claim_of(&c, c.anchor);
    assert_true(invitation_peek(&peeked, sealed_head(&claim)));
    invitation_id(c.secret, c.anchor, id);
    assert_memory_equal(peeked.id, id, sizeof id);
    assert_memory_equal(peeked.account_key, c.bob.account, 32);
    assert_true(invitation_check(c.secret, c.anchor, sealed_head(&claim)));
    assert_false(invitation_check(wrong, c.anchor, sealed_head(&claim)));
    for (size_t bit = 0; bit < buf_len(&claim) * 8; bit++) { /* name, key, all of it */
        buf_head(&claim)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(invitation_check(c.secret, c.anchor, sealed_head(&claim)));
        buf_head(&claim)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < buf_len(&claim); n++)
        assert_false(invitation_peek(&peeked, sealed_slice(buf_head(&claim), n)));
    /* Mallory has seen the id on its way, and claims the name for a key of hers. */
    struct buf hers = {0}, text = {0};
    uint8_t signature[64];
    buf_put(&hers, buf_head(&claim), buf_len(&claim) - 64 - 32 - 32);
    buf_put(&hers, c.mallory.account, 32);
    buf_put(&hers, buf_head(&claim) + buf_len(&claim) - 96, 32); /* the mac of Bob's */
    buf_put(&text, c.anchor, 32);
    buf_put(&text, buf_head(&hers), buf_len(&hers));
    sealed_sign(c.mallory.account_secret, "csmsg claim 1", sealed_head(&text), signature);
    buf_put(&hers, signature, sizeof signature);
    assert_true(invitation_peek(&peeked, sealed_head(&hers)));
    assert_memory_equal(peeked.id, id, sizeof id);
    assert_false(invitation_check(c.secret, c.anchor, sealed_head(&hers)));
    buf_free(&hers);
    buf_free(&text);
    /* The server showed Bob an anchor key of its own: the instructor does not know this claim. */
    struct buf astray = claim_of(&c, fake);
    assert_false(invitation_check(c.secret, c.anchor, sealed_head(&astray)));

    struct anchor_entry e = {.serial = 1,
                             .class_name = TEXT("csce513"),
                             .name = c.bob.name,
                             .issued_ms = NOW_MS,
                             .expires_ms = NOW_MS + 1};
    struct buf entry = {0}, welcome = {0}, forged = {0};
    struct slice signed_part;
    memcpy(e.account_key, c.bob.account, 32);
    assert_int_equal(anchor_sign(&e, c.anchor_secret, &entry), 0);
    invitation_welcome(c.secret, c.anchor, sealed_head(&entry), &welcome);
    assert_true(invitation_welcomed(c.secret, c.anchor, sealed_head(&welcome), &signed_part));
    assert_int_equal(anchor_read(&e, signed_part, c.anchor, TEXT("csce513"), NOW_MS), ANCHOR_GOOD);
    /* Nor can it answer by itself: with its own anchor, or a guess at the code. */
    invitation_welcome(wrong, fake, sealed_head(&entry), &forged);
    assert_false(invitation_welcomed(c.secret, fake, sealed_head(&forged), &signed_part));
    assert_false(invitation_welcomed(c.secret, fake, sealed_head(&welcome), &signed_part));
    buf_head(&welcome)[0] ^= 1;
    assert_false(invitation_welcomed(c.secret, c.anchor, sealed_head(&welcome), &signed_part));
    assert_false(invitation_welcomed(c.secret, c.anchor, sealed_slice("x", 1), &signed_part));
    buf_free(&claim);
    buf_free(&astray);
    buf_free(&entry);
    buf_free(&welcome);
    buf_free(&forged);
    someone_free(&c.bob);
    someone_free(&c.mallory);
}

/* --- admission --- */

struct door {
    struct someone alice;
    struct device_keys laptop;
    struct admission newcomer, host;
    struct device_offer offer;
    uint8_t account[32];
};

static void door_open(struct door *d)
{
    memset(d, 0, sizeof *d);
    someone_make(&d->alice, "alice");
    someone_keys(&d->laptop, "alice", "laptop");
    admission_offer(&d->newcomer, &d->laptop, d->alice.name, &sealed_random_system);
}

static struct slice answer_of(const struct admission *a)
{
    return sealed_slice(a->answer, sizeof a->answer);
}

static struct slice offer_of(const struct admission *a)
{
    return sealed_slice(a->offer, a->offer_len);
}

static void host_answers(struct door *d, struct admission *host, const uint8_t *commit)
{
    admission_answer(host, commit, d->alice.account, d->alice.keys.device, &sealed_random_system);
}

static void a_device_is_let_in(void **state)
{
    (void)state;
    static struct door d;
    struct device_list list;
    struct buf entries = {0}, entry = {0}, grant = {0}, out = {0};
    struct slice got, gift;
    door_open(&d);
    host_answers(&d, &d.host, d.newcomer.commit);
    assert_true(admission_reveal(&d.newcomer, answer_of(&d.host), d.account));
    assert_memory_equal(d.account, d.alice.account, 32);
    assert_true(admission_revealed(&d.host, offer_of(&d.newcomer), d.alice.name, &d.offer));
    assert_int_equal(admission_grant(&d.host, TEXT("x"), TEXT(""), &grant), -1); /* no code yet */
    char spaced[16];
    snprintf(spaced, sizeof spaced, "%.4s %.4s", d.newcomer.code, d.newcomer.code + 4);
    assert_true(admission_confirm(&d.host, spaced, strlen(spaced)));

    device_self_sign(&d.laptop, d.account, d.alice.name, d.offer.self); /* message 4 */
    device_list_start(&list, d.alice.account, d.alice.name);
    struct device_offer first = someone_offer(&d.alice, &d.alice.keys);
    assert_int_equal(device_list_add(&list, d.alice.account_secret, NULL, &first, NOW_MS, &entry),
                     DEVICE_GOOD);
    buf_put_str16(&entries, buf_head(&entry), buf_len(&entry));
    buf_reset(&entry, SIZE_MAX);
    assert_int_equal(
        device_list_add(&list, d.alice.account_secret, &d.alice.keys, &d.offer, NOW_MS, &entry),
        DEVICE_GOOD);
    buf_put_str16(&entries, buf_head(&entry), buf_len(&entry));
    assert_int_equal(admission_grant(&d.host, sealed_head(&entries), TEXT("gift"), &grant), 0);

    assert_false(admission_granted(&d.newcomer, sealed_head(&grant), &out, &got, &gift));
    admission_taken(&d.newcomer); /* the person says that the host took the code */
    for (size_t bit = 0; bit < buf_len(&grant) * 8; bit += 5) {
        buf_head(&grant)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(admission_granted(&d.newcomer, sealed_head(&grant), &out, &got, &gift));
        buf_head(&grant)[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(admission_granted(&d.newcomer, sealed_head(&grant), &out, &got, &gift));
    assert_int_equal(gift.len, 4);
    assert_int_equal(device_list_read(&list, d.account, d.alice.name, got, NULL), DEVICE_GOOD);
    assert_non_null(device_list_find(&list, d.laptop.device));
    buf_free(&entries);
    buf_free(&entry);
    buf_free(&grant);
    buf_free(&out);
    someone_free(&d.alice);
}

/* The server in the middle holds one conversation with each; the codes differ, and one try is all.
 */
static void somebody_in_the_middle(void **state)
{
    (void)state;
    static struct door d;
    struct admission to_host, to_newcomer;
    struct device_keys evil;
    int equal = 0;
    door_open(&d);
    someone_keys(&evil, "mallory", "device");
    for (int round = 0; round < 200; round++) {
        admission_offer(&d.newcomer, &d.laptop, d.alice.name, &sealed_random_system);
        admission_offer(&to_host, &evil, d.alice.name, &sealed_random_system);
        host_answers(&d, &d.host, to_host.commit);
        host_answers(&d, &to_newcomer, d.newcomer.commit); /* even with the true account key */
        assert_true(admission_reveal(&d.newcomer, answer_of(&to_newcomer), d.account));
        assert_true(admission_reveal(&to_host, answer_of(&d.host), d.account));
        assert_true(admission_revealed(&d.host, offer_of(&to_host), d.alice.name, &d.offer));
        equal += admission_confirm(&d.host, d.newcomer.code, strlen(d.newcomer.code));
        assert_false(
            admission_confirm(&d.host, d.host.code, strlen(d.host.code))); /* no second try */
    }
    assert_int_equal(equal, 0);
    someone_free(&d.alice);
}

/* It knows the newcomer's code and would like to choose its offer now: the commitment binds it. */
static void nothing_is_chosen_after_the_commitment(void **state)
{
    (void)state;
    static struct door d;
    struct admission other;
    door_open(&d);
    host_answers(&d, &d.host, d.newcomer.commit);
    admission_offer(&other, &d.laptop, d.alice.name, &sealed_random_system);
    assert_false(admission_revealed(&d.host, offer_of(&other), d.alice.name, &d.offer));
    for (size_t bit = 0; bit < d.newcomer.offer_len * 8; bit++) {
        d.newcomer.offer[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(admission_revealed(&d.host, offer_of(&d.newcomer), d.alice.name, &d.offer));
        d.newcomer.offer[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_false(admission_revealed(&d.host, offer_of(&d.newcomer), TEXT("bob"), &d.offer));
    assert_false(admission_confirm(&d.host, "", 0)); /* there is no code yet */
    assert_false(d.host.typed);
    struct slice answer = answer_of(&d.host);
    assert_false(
        admission_reveal(&d.newcomer, sealed_slice(answer.data, answer.len - 1), d.account));
    memset(d.host.answer + 1 + 32 + 8, 0, 32); /* a point of low order as the host's */
    assert_false(admission_reveal(&d.newcomer, answer, d.account));
    assert_int_equal(d.newcomer.code[0], '\0');
    someone_free(&d.alice);
}

/* Every bit of all three messages is in the code's transcript. */
static void the_code_covers_everything(void **state)
{
    (void)state;
    static struct door d;
    door_open(&d);
    host_answers(&d, &d.host, d.newcomer.commit);
    struct admission mine = d.newcomer;
    assert_true(admission_reveal(&mine, answer_of(&d.host), d.account));
    for (size_t bit = 8; bit < sizeof d.host.answer * 8; bit += 3) {
        struct admission again = d.newcomer;
        d.host.answer[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (admission_reveal(&again, answer_of(&d.host), d.account))
            assert_memory_not_equal(again.transcript, mine.transcript, 32);
        d.host.answer[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    /* Another account than the person's own: shown by its key, and not let in without a word. */
    struct buf out = {0};
    struct slice list, gift;
    assert_false(
        admission_granted(&mine, TEXT("a grant of the server's own making"), &out, &list, &gift));
    someone_free(&d.alice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list),
        cmocka_unit_test(words_nearby),
        cmocka_unit_test(the_same_on_both_sides),
        cmocka_unit_test(a_paper_key_comes_back),
        cmocka_unit_test(slips_on_paper),
        cmocka_unit_test(the_checksum_catches_a_wrong_word),
        cmocka_unit_test(a_roster_entry),
        cmocka_unit_test(a_code_as_people_type_it),
        cmocka_unit_test(slips_in_a_code),
        cmocka_unit_test(the_server_between_student_and_instructor),
        cmocka_unit_test(a_device_is_let_in),
        cmocka_unit_test(somebody_in_the_middle),
        cmocka_unit_test(nothing_is_chosen_after_the_commitment),
        cmocka_unit_test(the_code_covers_everything),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
