/*
 * fuzz_sealed_trust.c - what people type and servers carry: paper keys, invitation codes, claims,
 * roster entries, and the messages of an admission, of any content.
 */
#include "fuzz.h"
#include "sealed/admission.h"
#include "sealed/invitation.h"
#include "sealed/paper_key.h"

static void paper(struct slice in)
{
    uint8_t seed[PAPER_SEED], again[PAPER_SEED];
    char text[PAPER_TEXT];
    struct paper_fault fault;
    enum paper_verdict v = paper_key_read((const char *)in.data, in.len, seed, &fault);
    CHECK(v != PAPER_UNKNOWN || (fault.place >= 1 && fault.place <= PAPER_WORDS));
    CHECK(fault.n_near <= WORDS_NEAR);
    if (v != PAPER_GOOD) return;
    paper_key_spell(seed, text);
    CHECK(paper_key_read(text, strlen(text), again, &fault) == PAPER_GOOD);
    CHECK(memcmp(seed, again, sizeof seed) == 0);
}

static void code(struct slice in)
{
    uint8_t secret[INVITATION_SECRET], again[INVITATION_SECRET];
    char text[INVITATION_CODE];
    if (!invitation_read((const char *)in.data, in.len, secret)) return;
    invitation_spell(secret, text);
    CHECK(invitation_read(text, strlen(text), again) && memcmp(secret, again, sizeof secret) == 0);
}

static void roster(struct slice in, bool is_signed)
{
    static const uint8_t seed[32] = {7};
    uint8_t anchor[32], anchor_secret[64], secret[INVITATION_SECRET] = {1},
                                           *entry = fuzz_copy(in.data, in.len);
    struct anchor_entry e;
    struct invitation_claim claim;
    struct slice part;
    struct buf text = {0}, out = {0};
    crypto_sign_seed_keypair(anchor, anchor_secret, seed);
    if (is_signed && in.len >= SEALED_SIGNATURE) {
        buf_put(&text, anchor, 32);
        buf_put(&text, entry, in.len - SEALED_SIGNATURE);
        sealed_sign(anchor_secret, "csmsg roster 1", sealed_head(&text),
                    entry + in.len - SEALED_SIGNATURE);
    }
    enum anchor_verdict v =
        anchor_read(&e, sealed_slice(entry, in.len), anchor, sealed_slice("lab", 3), 5);
    CHECK(is_signed || (v != ANCHOR_GOOD && v != ANCHOR_EXPIRED));
    if (v == ANCHOR_GOOD) {
        CHECK(anchor_sign(&e, anchor_secret, &out) == 0);
        CHECK(fuzz_same(sealed_slice(entry, in.len), sealed_head(&out)));
    }
    if (invitation_peek(&claim, in)) CHECK(!invitation_check(secret, anchor, in));
    CHECK(!invitation_welcomed(secret, anchor, in, &part));
    buf_free(&text);
    buf_free(&out);
    free(entry);
}

static void admission(struct slice in, uint8_t what)
{
    static struct admission newcomer, host;
    struct device_keys keys;
    struct device_offer offer;
    struct slice name = sealed_slice("alice", 5), list, gift;
    struct buf out = {0};
    uint8_t account[32] = {0};
    device_keys_make(&keys, &sealed_random_system);
    admission_offer(&newcomer, &keys, name, &sealed_random_system);
    admission_answer(&host, newcomer.commit, account, 9, &sealed_random_system);
    if (what == 0) {
        CHECK(!admission_revealed(&host, in, name, &offer));
        sealed_hash("csmsg admit commit 1", in, host.commit); /* as if it had been committed to */
        bool good = admission_revealed(&host, in, name, &offer);
        CHECK(good == (host.code[0] != '\0'));
    } else if (what == 1) {
        CHECK(admission_reveal(&newcomer, in, account) == (newcomer.code[0] != '\0'));
    } else {
        CHECK(admission_reveal(&newcomer, sealed_slice(host.answer, sizeof host.answer), account));
        CHECK(admission_revealed(&host, sealed_slice(newcomer.offer, newcomer.offer_len), name,
                                 &offer));
        CHECK(!admission_confirm(&host, (const char *)in.data, in.len) ||
              in.len >= ADMISSION_DIGITS);
        admission_taken(&newcomer);
        CHECK(!admission_granted(&newcomer, in, &out, &list, &gift));
        sealed_seal(newcomer.key, "csmsg admit grant 1", sealed_slice(newcomer.transcript, 32), in,
                    &out);
        struct buf opened = {0};
        if (admission_granted(&newcomer, sealed_head(&out), &opened, &list, &gift))
            CHECK(list.len + gift.len + 4 == in.len);
        buf_free(&opened);
    }
    admission_wipe(&newcomer);
    admission_wipe(&host);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    fuzz_random_start();
    uint8_t what = cur_u8(&in) % 7;
    struct slice rest = cur_rest(&in);
    switch (what) {
    case 0: paper(rest); break;
    case 1: code(rest); break;
    case 2: roster(rest, false); break;
    case 3: roster(rest, true); break;
    default: admission(rest, (uint8_t)(what - 4));
    }
    return 0;
}
