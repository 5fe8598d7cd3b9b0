/* x3dh.c - see x3dh.h. The letters are those of the specification. */
#include "x3dh.h"

#include <sodium.h>
#include <string.h>

static const char label_ad[] = "csmsg x3dh ad 1", label_session[] = "csmsg session 1",
                  label_seen[] = "csmsg x3dh seen 1";

enum { F = 32 };

/* F || DH1 || DH2 || DH3 [|| DH4] */
struct material {
    uint8_t bytes[F + 4 * SEALED_KEY];
    size_t len;
    bool low_order;
};

static void material_start(struct material *m)
{
    memset(m->bytes, 0xff, F);
    m->len = F;
    m->low_order = false;
}

static void material_dh(struct material *m, const uint8_t *secret, const uint8_t *peer)
{
    if (sealed_dh(secret, peer, m->bytes + m->len) < 0) m->low_order = true;
    m->len += SEALED_KEY;
}

static void derive(struct material *m, const struct device_who *a, const struct device_who *b,
                   const uint8_t *ek, const uint8_t *spk, const uint8_t *opk,
                   struct x3dh_secret *out)
{
    static const uint8_t none[SEALED_KEY];
    struct buf text = {0};
    sealed_derive(sealed_slice(NULL, 0), sealed_slice(m->bytes, m->len), "csmsg x3dh 1", out->sk,
                  SEALED_KEY);
    buf_put_u8(&text, PREKEY_SUITE);
    device_who_put(&text, a);
    device_who_put(&text, b);
    sealed_hash(label_ad, sealed_head(&text), out->ad);
    buf_reset(&text, SIZE_MAX);
    buf_put(&text, out->ad, SEALED_HASH);
    buf_put(&text, ek, SEALED_KEY);
    buf_put(&text, spk, SEALED_KEY);
    buf_put(&text, opk ? opk : none, SEALED_KEY);
    sealed_hash(label_session, sealed_head(&text), out->number);
    buf_free(&text);
}

enum x3dh_verdict x3dh_start(const struct device_who *me, const struct sealed_pair *identity,
                             const struct device_who *peer, const struct bundle *bundle,
                             const struct sealed_pair *ephemeral, struct x3dh_part *part,
                             struct x3dh_secret *secret)
{
    struct material m;
    sodium_memzero(secret, sizeof *secret);
    if (!bundle_verify(bundle, peer)) return X3DH_FORGED;
    const uint8_t *opk = bundle->one_time_id ? bundle->one_time : NULL;
    material_start(&m);
    material_dh(&m, identity->secret, bundle->signed_key);
    material_dh(&m, ephemeral->secret, peer->x);
    material_dh(&m, ephemeral->secret, bundle->signed_key);
    if (opk) material_dh(&m, ephemeral->secret, opk);
    if (!m.low_order) {
        derive(&m, me, peer, ephemeral->public_key, bundle->signed_key, opk, secret);
        *part =
            (struct x3dh_part){.signed_id = bundle->signed_id, .one_time_id = bundle->one_time_id};
        memcpy(part->identity, identity->public_key, SEALED_KEY);
        memcpy(part->ephemeral, ephemeral->public_key, SEALED_KEY);
    }
    sodium_memzero(m.bytes, sizeof m.bytes);
    return m.low_order ? X3DH_LOW_ORDER : X3DH_GOOD;
}

static void seen_hash(const struct x3dh_part *part, uint8_t hash[SEALED_HASH])
{
    sealed_hash(label_seen, sealed_slice(part->ephemeral, SEALED_KEY), hash);
}

static enum x3dh_verdict find_keys(const struct prekeys *prekeys, const struct x3dh_part *part,
                                   const struct sealed_pair **spk, const struct sealed_pair **opk)
{
    uint8_t hash[SEALED_HASH];
    *spk = prekeys_signed(prekeys, part->signed_id);
    *opk = part->one_time_id ? prekeys_one_time(prekeys, part->one_time_id) : NULL;
    if (!*spk || (part->one_time_id && !*opk)) return X3DH_GONE;
    seen_hash(part, hash);
    return prekeys_seen(prekeys, hash) ? X3DH_REPEATED : X3DH_GOOD;
}

enum x3dh_verdict x3dh_answer(const struct device_who *me, const struct sealed_pair *identity,
                              const struct device_who *peer, const struct prekeys *prekeys,
                              const struct x3dh_part *part, struct sealed_pair *signed_pair,
                              struct x3dh_secret *secret)
{
    const struct sealed_pair *spk, *opk;
    struct material m;
    sodium_memzero(secret, sizeof *secret);
    if (sodium_memcmp(part->identity, peer->x, SEALED_KEY) != 0) return X3DH_STRANGER;
    enum x3dh_verdict v = find_keys(prekeys, part, &spk, &opk);
    if (v != X3DH_GOOD) return v;
    material_start(&m);
    material_dh(&m, spk->secret, part->identity);
    material_dh(&m, identity->secret, part->ephemeral);
    material_dh(&m, spk->secret, part->ephemeral);
    if (opk) material_dh(&m, opk->secret, part->ephemeral);
    if (!m.low_order) {
        derive(&m, peer, me, part->ephemeral, spk->public_key, opk ? opk->public_key : NULL,
               secret);
        *signed_pair = *spk;
    }
    sodium_memzero(m.bytes, sizeof m.bytes);
    return m.low_order ? X3DH_LOW_ORDER : X3DH_GOOD;
}

bool x3dh_commit(struct prekeys *prekeys, const struct x3dh_part *part)
{
    uint8_t hash[SEALED_HASH];
    if (part->one_time_id) {
        prekeys_used(prekeys, part->one_time_id);
        return true;
    }
    seen_hash(part, hash);
    return prekeys_remember(prekeys, part->signed_id, hash);
}

void x3dh_part_put(struct buf *out, const struct x3dh_part *part)
{
    buf_put(out, part->identity, SEALED_KEY);
    buf_put(out, part->ephemeral, SEALED_KEY);
    buf_put_u32(out, part->signed_id);
    buf_put_u32(out, part->one_time_id);
}

void x3dh_part_get(struct cur *c, struct x3dh_part *part)
{
    cur_copy(c, part->identity, SEALED_KEY);
    cur_copy(c, part->ephemeral, SEALED_KEY);
    part->signed_id = cur_u32(c);
    part->one_time_id = cur_u32(c);
}

void x3dh_wipe(struct x3dh_secret *secret)
{
    sodium_memzero(secret, sizeof *secret);
}
