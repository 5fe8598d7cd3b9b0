/*
 * fuzz_sealed_content.c - content, padding, body and head text of any content from a hostile
 * sender: what decodes encodes to the same bytes.
 */
#include "fuzz.h"
#include "sealed/content.h"
#include "sealed/envelope.h"

static void content(struct slice in, int depth)
{
    struct content c;
    struct buf out = {0};
    enum content_verdict v = content_decode(&c, in);
    if (v != CONTENT_GOOD) return;
    CHECK(content_encode(&c, &out) == 0 && fuzz_same(in, sealed_head(&out)));
    buf_free(&out);
    if (c.kind == CONTENT_RESENT) {
        CHECK(depth == 0);
        content(c.u.resent.inner, depth + 1);
    }
}

static void body(struct slice in)
{
    struct envelope e = {.from = in, .to = in};
    struct envelope_key k = {.from_seq = 1};
    struct buf sealed = {0}, out = {0};
    if (in.len > 32) e.from.len = e.to.len = 32;
    CHECK(!envelope_open(&e, &k, in, &out));
    if (in.len >= ENVELOPE_CONTENT_MAX) return;
    envelope_seal(&e, &k, in, &sealed_random_system, &sealed);
    CHECK(envelope_open(&e, &k, sealed_head(&sealed), &out) && fuzz_same(in, sealed_head(&out)));
    buf_free(&sealed);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur in = cur_of(data, size);
    struct envelope_key k;
    struct buf padded = {0};
    uint8_t text[ENVELOPE_KEY_TEXT];
    fuzz_random_start();
    uint8_t what = cur_u8(&in) % 4;
    struct slice rest = cur_rest(&in), cut = rest;
    switch (what) {
    case 0: content(rest, 0); break;
    case 1: body(rest); break;
    case 2:
        if (!envelope_unpad(&cut)) break;
        envelope_pad(cut, &padded);
        CHECK(fuzz_same(rest, sealed_head(&padded)));
        break;
    default:
        if (!envelope_key_decode(&k, rest)) break;
        envelope_key_encode(&k, text);
        CHECK(fuzz_same(rest, sealed_slice(text, sizeof text)));
    }
    buf_free(&padded);
    return 0;
}
