/* admission.c - see admission.h. */
#include "admission.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { FORMAT = 1, CODE_BYTES = 8, GRANT_FRONT = 4 };

static const char label_commit[] = "csmsg admit commit 1",
                  label_transcript[] = "csmsg admit transcript 1",
                  info_grant[] = "csmsg admit grant 1";

static void draw(struct admission *a, const struct sealed_random *rnd)
{
    *a = (struct admission){0};
    sealed_pair_make(&a->e, rnd);
    sealed_fill(rnd, a->nonce, sizeof a->nonce);
}

void admission_offer(struct admission *a, const struct device_keys *keys, struct slice name,
                     const struct sealed_random *rnd)
{
    struct buf b = {0};
    assert(name.len >= 1 && name.len <= SEALED_NAME_MAX);
    draw(a, rnd);
    buf_put_u8(&b, FORMAT);
    buf_put_str8(&b, name.data, name.len);
    buf_put_u64(&b, keys->device);
    buf_put(&b, keys->ed, SEALED_KEY);
    buf_put(&b, keys->x.public_key, SEALED_KEY);
    buf_put(&b, a->e.public_key, SEALED_KEY);
    buf_put(&b, a->nonce, SEALED_KEY);
    a->offer_len = buf_len(&b);
    memcpy(a->offer, buf_head(&b), a->offer_len);
    sealed_hash(label_commit, sealed_head(&b), a->commit);
    buf_free(&b);
}

void admission_answer(struct admission *a, const uint8_t commit[ADMISSION_COMMIT],
                      const uint8_t account_key[SEALED_KEY], uint64_t device,
                      const struct sealed_random *rnd)
{
    draw(a, rnd);
    memcpy(a->commit, commit, ADMISSION_COMMIT);
    uint8_t *to = a->answer;
    *to++ = FORMAT;
    memcpy(to, account_key, SEALED_KEY);
    put_u64(to + SEALED_KEY, device);
    memcpy(to + SEALED_KEY + 8, a->e.public_key, SEALED_KEY);
    memcpy(to + 2 * SEALED_KEY + 8, a->nonce, SEALED_KEY);
}

/* Both sides, once commit, answer and offer are known: the code, and the key of the grant. */
static bool derive(struct admission *a, const uint8_t *peer)
{
    uint8_t dh[SEALED_KEY], out[CODE_BYTES + SEALED_KEY];
    struct buf b = {0};
    if (sealed_dh(a->e.secret, peer, dh) < 0) return false;
    buf_put(&b, a->commit, sizeof a->commit);
    buf_put(&b, a->answer, sizeof a->answer);
    buf_put(&b, a->offer, a->offer_len);
    sealed_hash(label_transcript, sealed_head(&b), a->transcript);
    sealed_derive(sealed_slice(a->transcript, SEALED_HASH), sealed_slice(dh, sizeof dh),
                  "csmsg admit 1", out, sizeof out);
    snprintf(a->code, sizeof a->code, "%08u", (unsigned)(get_u64(out) % 100000000));
    memcpy(a->key, out + CODE_BYTES, SEALED_KEY);
    sodium_memzero(dh, sizeof dh);
    sodium_memzero(out, sizeof out);
    buf_free(&b);
    return true;
}

bool admission_reveal(struct admission *a, struct slice answer, uint8_t account_key[SEALED_KEY])
{
    if (answer.len != ADMISSION_ANSWER || answer.data[0] != FORMAT) return false;
    memcpy(a->answer, answer.data, ADMISSION_ANSWER);
    memcpy(account_key, a->answer + 1, SEALED_KEY);
    return derive(a, a->answer + 1 + SEALED_KEY + 8);
}

bool admission_revealed(struct admission *a, struct slice offer, struct slice name,
                        struct device_offer *device)
{
    struct cur c = cur_of(offer.data, offer.len);
    uint8_t hash[SEALED_HASH];
    *device = (struct device_offer){0};
    if (offer.len > sizeof a->offer || cur_u8(&c) != FORMAT) return false;
    struct slice claimed = cur_str8(&c);
    device->device = cur_u64(&c);
    cur_copy(&c, device->ed, SEALED_KEY);
    cur_copy(&c, device->x, SEALED_KEY);
    const uint8_t *e = cur_bytes(&c, SEALED_KEY), *nonce = cur_bytes(&c, SEALED_KEY);
    if (!cur_end(&c) || claimed.len != name.len || memcmp(claimed.data, name.data, name.len) != 0)
        return false;
    sealed_hash(label_commit, offer, hash);
    if (sodium_memcmp(hash, a->commit, sizeof hash) != 0) return false;
    /* Our own message sent back to us. */
    if (memcmp(e, a->e.public_key, SEALED_KEY) == 0 || memcmp(nonce, a->nonce, SEALED_KEY) == 0)
        return false;
    memcpy(a->offer, offer.data, offer.len);
    a->offer_len = offer.len;
    return derive(a, e);
}

bool admission_confirm(struct admission *a, const char *typed, size_t len)
{
    char digits[ADMISSION_DIGITS] = {0};
    size_t n = 0;
    if (a->typed || a->code[0] == '\0') return false;
    a->typed = true;
    for (size_t i = 0; i < len; i++) {
        if (typed[i] == ' ' || typed[i] == '-') continue;
        if (n < sizeof digits) digits[n] = typed[i];
        n++;
    }
    a->confirmed = n == sizeof digits && sodium_memcmp(digits, a->code, sizeof digits) == 0;
    return a->confirmed;
}

void admission_taken(struct admission *a)
{
    a->confirmed = a->code[0] != '\0';
}

int admission_grant(const struct admission *a, struct slice list, struct slice gift,
                    struct buf *out)
{
    struct buf b = {0};
    if (!a->confirmed || list.len > DEVICE_LIST_MAX || list.len + gift.len > DEVICE_LIST_MAX)
        return -1;
    buf_room(&b, GRANT_FRONT + list.len + gift.len);
    buf_put_u32(&b, (uint32_t)list.len);
    buf_put(&b, list.data, list.len);
    buf_put(&b, gift.data, gift.len);
    sealed_seal(a->key, info_grant, sealed_slice(a->transcript, SEALED_HASH), sealed_head(&b), out);
    sealed_buf_wipe(&b);
    return 0;
}

bool admission_granted(const struct admission *a, struct slice grant, struct buf *out,
                       struct slice *list, struct slice *gift)
{
    if (!a->confirmed || grant.len < SEALED_TAG || grant.len > ADMISSION_GRANT_MAX) return false;
    uint8_t *to = buf_room(out, grant.len);
    if (sealed_open(a->key, info_grant, sealed_slice(a->transcript, SEALED_HASH), grant, to) < 0)
        return false;
    struct cur c = cur_of(to, grant.len - SEALED_TAG);
    size_t n = cur_u32(&c);
    *list = sealed_slice(cur_bytes(&c, n), n);
    *gift = cur_rest(&c);
    if (!cur_end(&c)) return false;
    buf_added(out, grant.len - SEALED_TAG);
    return true;
}

void admission_wipe(struct admission *a)
{
    sodium_memzero(a, sizeof *a);
}
