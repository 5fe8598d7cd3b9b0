/* invitation.c - see invitation.h. */
#include "invitation.h"

#include <sodium.h>
#include <string.h>

#include "name.h"

enum { FORMAT = 1, SYMBOLS = 20, RANDOM_SYMBOLS = 18, GROUP = 5, SYMBOL_BITS = 5 };

static const char symbols[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* Crockford */
static const char label_code[] = "csmsg code 1", label_claim[] = "csmsg claim 1",
                  label_claim_mac[] = "csmsg claim mac 1", label_welcome[] = "csmsg welcome 1";

/* What follows from a code: k of docs/sealed.md. */
struct keys {
    uint8_t id[INVITATION_ID], claim[SEALED_KEY], welcome[SEALED_KEY];
};

static void derive(struct keys *k, const uint8_t *secret, const uint8_t *anchor_key)
{
    uint8_t all[sizeof *k];
    sealed_derive(sealed_slice(anchor_key, SEALED_KEY), sealed_slice(secret, INVITATION_SECRET),
                  "csmsg invitation 1", all, sizeof all);
    memcpy(k->id, all, INVITATION_ID);
    memcpy(k->claim, all + INVITATION_ID, SEALED_KEY);
    memcpy(k->welcome, all + INVITATION_ID + SEALED_KEY, SEALED_KEY);
    sodium_memzero(all, sizeof all);
}

void invitation_make(uint8_t secret[INVITATION_SECRET], const struct sealed_random *rnd)
{
    sealed_fill(rnd, secret, INVITATION_SECRET);
    secret[INVITATION_SECRET - 1] &= 0xc0;
}

/* The secret's 90 bits and ten of the checksum, most significant first. */
static void with_checksum(const uint8_t *secret, uint8_t bits[INVITATION_SECRET + 1])
{
    uint8_t hash[SEALED_HASH];
    sealed_hash(label_code, sealed_slice(secret, INVITATION_SECRET), hash);
    memmove(bits, secret, INVITATION_SECRET);
    bits[INVITATION_SECRET - 1] = (uint8_t)((secret[INVITATION_SECRET - 1] & 0xc0) | hash[0] >> 2);
    bits[INVITATION_SECRET] = (uint8_t)(hash[0] << 6 | (hash[1] >> 2 & 0x30));
}

void invitation_spell(const uint8_t secret[INVITATION_SECRET], char code[INVITATION_CODE])
{
    uint8_t bits[INVITATION_SECRET + 1];
    with_checksum(secret, bits);
    for (int i = 0; i < SYMBOLS; i++) {
        unsigned v = 0;
        for (int b = i * SYMBOL_BITS; b < (i + 1) * SYMBOL_BITS; b++)
            v = v << 1 | (bits[b / 8] >> (7 - b % 8) & 1);
        if (i > 0 && i % GROUP == 0) *code++ = '-';
        *code++ = symbols[v];
    }
    *code = '\0';
    sodium_memzero(bits, sizeof bits);
}

/* 0 to 31, or -1. */
static int value_of(char c)
{
    if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    const char *at = c ? strchr(symbols, c) : NULL;
    return at ? (int)(at - symbols) : -1;
}

bool invitation_read(const char *code, size_t len, uint8_t secret[INVITATION_SECRET])
{
    uint8_t bits[INVITATION_SECRET + 1] = {0}, right[INVITATION_SECRET + 1];
    int n = 0;
    bool good = true;
    for (size_t i = 0; i < len && good; i++) {
        if (code[i] == '-' || code[i] == ' ') continue;
        int v = value_of(code[i]);
        good = v >= 0 && n < SYMBOLS;
        for (int b = 0; good && b < SYMBOL_BITS; b++)
            if (v >> (SYMBOL_BITS - 1 - b) & 1)
                bits[(n * SYMBOL_BITS + b) / 8] |= (uint8_t)(0x80 >> (n * SYMBOL_BITS + b) % 8);
        n++;
    }
    memcpy(secret, bits, INVITATION_SECRET);
    secret[INVITATION_SECRET - 1] &= 0xc0;
    with_checksum(secret, right);
    good = good && n == SYMBOLS && sodium_memcmp(bits, right, sizeof bits) == 0;
    if (!good) sodium_memzero(secret, INVITATION_SECRET);
    sodium_memzero(bits, sizeof bits);
    sodium_memzero(right, sizeof right);
    return good;
}

void invitation_id(const uint8_t secret[INVITATION_SECRET], const uint8_t anchor_key[SEALED_KEY],
                   uint8_t id[INVITATION_ID])
{
    struct keys k;
    derive(&k, secret, anchor_key);
    memcpy(id, k.id, INVITATION_ID);
    sodium_memzero(&k, sizeof k);
}

/* --- the claim --- */

struct parts {
    struct invitation_claim claim;
    struct slice front, before_signature; /* before the mac, before the signature */
    const uint8_t *mac, *signature;
};

static bool parse(struct slice in, struct parts *p)
{
    struct cur c = cur_of(in.data, in.len);
    if (in.len > INVITATION_CLAIM_MAX || cur_u8(&c) != FORMAT) return false;
    cur_copy(&c, p->claim.id, INVITATION_ID);
    p->claim.class_name = cur_str8(&c);
    p->claim.name = cur_str8(&c);
    cur_copy(&c, p->claim.account_key, SEALED_KEY);
    p->front = sealed_slice(in.data, (size_t)(c.p - in.data));
    p->mac = cur_bytes(&c, SEALED_HASH);
    p->before_signature = sealed_slice(in.data, (size_t)(c.p - in.data));
    p->signature = cur_bytes(&c, SEALED_SIGNATURE);
    return cur_end(&c) && p->claim.class_name.len >= 1 &&
           p->claim.class_name.len <= ANCHOR_CLASS_MAX &&
           name_valid((const char *)p->claim.name.data, p->claim.name.len, NULL);
}

static void put_signed(struct buf *b, const uint8_t *anchor_key, struct slice text)
{
    buf_put(b, anchor_key, SEALED_KEY);
    buf_put(b, text.data, text.len);
}

int invitation_claim(const uint8_t secret[INVITATION_SECRET], const uint8_t anchor_key[SEALED_KEY],
                     struct slice class_name, struct slice name,
                     const uint8_t account_secret[SEALED_SIGN_SECRET], struct buf *out)
{
    uint8_t mac[SEALED_HASH], signature[SEALED_SIGNATURE];
    struct buf b = {0}, text = {0};
    struct keys k;
    if (class_name.len < 1 || class_name.len > ANCHOR_CLASS_MAX ||
        !name_valid((const char *)name.data, name.len, NULL))
        return -1;
    derive(&k, secret, anchor_key);
    buf_put_u8(&b, FORMAT);
    buf_put(&b, k.id, INVITATION_ID);
    buf_put_str8(&b, class_name.data, class_name.len);
    buf_put_str8(&b, name.data, name.len);
    buf_put(&b, account_secret + SEALED_KEY, SEALED_KEY); /* the public key behind the seed */
    sealed_mac(k.claim, label_claim_mac, sealed_head(&b), mac);
    buf_put(&b, mac, sizeof mac);
    put_signed(&text, anchor_key, sealed_head(&b));
    sealed_sign(account_secret, label_claim, sealed_head(&text), signature);
    buf_put(out, buf_head(&b), buf_len(&b));
    buf_put(out, signature, sizeof signature);
    buf_free(&b);
    buf_free(&text);
    sodium_memzero(&k, sizeof k);
    return 0;
}

bool invitation_peek(struct invitation_claim *claim, struct slice in)
{
    struct parts p;
    if (!parse(in, &p)) return false;
    *claim = p.claim;
    return true;
}

bool invitation_check(const uint8_t secret[INVITATION_SECRET], const uint8_t anchor_key[SEALED_KEY],
                      struct slice in)
{
    struct parts p;
    struct keys k;
    struct buf text = {0};
    uint8_t mac[SEALED_HASH];
    if (!parse(in, &p)) return false;
    derive(&k, secret, anchor_key);
    sealed_mac(k.claim, label_claim_mac, p.front, mac);
    put_signed(&text, anchor_key, p.before_signature);
    bool good = sodium_memcmp(k.id, p.claim.id, INVITATION_ID) == 0 &&
                sodium_memcmp(mac, p.mac, sizeof mac) == 0 &&
                sealed_verify(p.claim.account_key, label_claim, sealed_head(&text), p.signature);
    buf_free(&text);
    sodium_memzero(&k, sizeof k);
    return good;
}

void invitation_welcome(const uint8_t secret[INVITATION_SECRET],
                        const uint8_t anchor_key[SEALED_KEY], struct slice entry, struct buf *out)
{
    struct keys k;
    uint8_t mac[SEALED_HASH];
    derive(&k, secret, anchor_key);
    sealed_mac(k.welcome, label_welcome, entry, mac);
    buf_put(out, entry.data, entry.len);
    buf_put(out, mac, sizeof mac);
    sodium_memzero(&k, sizeof k);
}

bool invitation_welcomed(const uint8_t secret[INVITATION_SECRET],
                         const uint8_t anchor_key[SEALED_KEY], struct slice in, struct slice *entry)
{
    struct keys k;
    uint8_t mac[SEALED_HASH];
    if (in.len < SEALED_HASH || in.len > ANCHOR_ENTRY_MAX + SEALED_HASH) return false;
    *entry = sealed_slice(in.data, in.len - SEALED_HASH);
    derive(&k, secret, anchor_key);
    sealed_mac(k.welcome, label_welcome, *entry, mac);
    bool good = sodium_memcmp(mac, in.data + entry->len, sizeof mac) == 0;
    sodium_memzero(&k, sizeof k);
    return good;
}
