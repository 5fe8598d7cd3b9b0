/* wire_admit.c - see wire_admit.h: one encoder and one decoder side by side, as in wire_frames.c. */
#include "wire_admit.h"

#include "wire_keys.h"

_Static_assert((int)WIRE_ADMIT_REFUSED == (int)WIRE_KEYS_REFUSED, "both are refused in one form");

/* Payloads are gathered first: these frames are rare, and wire_put() cuts a long grant into parts. */
static void put(struct buf *b, uint8_t type, struct buf *payload)
{
    wire_put(b, type, buf_head(payload), buf_len(payload));
    buf_free(payload);
}

/* Is there such a step, and may it be as long? */
static bool fits(uint8_t step, size_t n)
{
    return step >= 1 && step <= WIRE_ADMIT_STEPS && n > 0 &&
           n <= (step == WIRE_ADMIT_STEPS ? WIRE_ADMIT_GRANT_MAX : WIRE_ADMIT_MAX);
}

void wire_put_admit_ask(struct buf *b, const struct wire_admit_ask *m)
{
    struct buf p = {0};
    buf_put_u8(&p, m->op);
    if (m->op == WIRE_ADMIT_PAPER) {
        buf_put(&p, m->account_key, sizeof m->account_key);
        buf_put(&p, m->signature, sizeof m->signature);
    } else {
        buf_put_u64(&p, m->attempt);
        if (m->op == WIRE_ADMIT_CARRY) {
            buf_put_u8(&p, m->step);
            buf_put(&p, m->message.data, m->message.len);
        }
    }
    put(b, WIRE_ADMIT_ASK, &p);
}

bool wire_get_admit_ask(struct slice p, struct wire_admit_ask *m)
{
    struct cur c = cur_of(p.data, p.len);
    *m = (struct wire_admit_ask){.op = cur_u8(&c)};
    if (m->op == WIRE_ADMIT_PAPER) {
        cur_copy(&c, m->account_key, sizeof m->account_key);
        cur_copy(&c, m->signature, sizeof m->signature);
        return cur_end(&c);
    }
    m->attempt = cur_u64(&c);
    if (m->op == WIRE_ADMIT_END) return cur_end(&c);
    m->step = cur_u8(&c);
    m->message = cur_rest(&c);
    return cur_end(&c) && m->op == WIRE_ADMIT_CARRY && fits(m->step, m->message.len);
}

void wire_put_admit(struct buf *b, const struct wire_admit *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_ADMIT_CARRY);
    buf_put_u64(&p, m->attempt);
    buf_put_u64(&p, m->device);
    buf_put_u8(&p, m->step);
    buf_put(&p, m->message.data, m->message.len);
    put(b, WIRE_ADMIT, &p);
}

bool wire_get_admit(struct slice p, struct wire_admit *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->attempt = cur_u64(&c);
    m->device = cur_u64(&c);
    m->step = cur_u8(&c);
    m->message = cur_rest(&c);
    return cur_end(&c) && op == WIRE_ADMIT_CARRY && fits(m->step, m->message.len);
}

void wire_put_admit_end(struct buf *b, const struct wire_admit_end *m)
{
    struct buf p = {0};
    buf_put_u8(&p, WIRE_ADMIT_END);
    buf_put_u64(&p, m->attempt);
    buf_put_u8(&p, m->why);
    put(b, WIRE_ADMIT, &p);
}

bool wire_get_admit_end(struct slice p, struct wire_admit_end *m)
{
    struct cur c = cur_of(p.data, p.len);
    uint8_t op = cur_u8(&c);
    m->attempt = cur_u64(&c);
    m->why = cur_u8(&c);
    return cur_end(&c) && op == WIRE_ADMIT_END && m->why >= WIRE_ADMIT_LATE && m->why <= WIRE_ADMIT_ELSEWHERE;
}
