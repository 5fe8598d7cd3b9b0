/* vault.c - see vault.h: what both stores do in the same way. */
#include "vault.h"

#include "fault.h"

int vault_begin(struct vault *s)
{
    return s->held ? 0 : s->ops->begin(s);
}

int vault_commit(struct vault *s)
{
    if (s->held) return 0;
    FAULT(".", "client-commit");
    int r = s->ops->commit(s);
    FAULT(".", "client-committed");
    return r;
}

void vault_rollback(struct vault *s)
{
    if (s->held)
        s->broken = true;
    else
        s->ops->rollback(s);
}

int vault_hold(struct vault *s)
{
    if (vault_begin(s) < 0) return -1;
    s->held = true;
    return 0;
}

int vault_release(struct vault *s)
{
    bool held = s->held, broken = s->broken;
    s->held = s->broken = false;
    return held ? vault_finish(s, broken ? -1 : 0) : 0;
}

int vault_finish(struct vault *s, int r)
{
    if (r >= 0) return vault_commit(s) < 0 ? -1 : r;
    vault_rollback(s);
    return -1;
}

static int post_plain(struct vault *s, uint8_t kind, struct slice to, struct slice body,
                      uint64_t now_ms, uint64_t *number)
{
    struct vault_out m = {.kind = kind, .to = to, .body = body};
    if (vault_number(s, number) < 0 || vault_note(s, *number, kind, to, body, now_ms) < 0) return -1;
    m.number = *number;
    return vault_id(s, &m.id) < 0 ? -1 : vault_post(s, &m);
}

int vault_submit(struct vault *s, uint8_t kind, struct slice to, struct slice body, uint64_t now_ms,
                 uint64_t *number)
{
    if (vault_begin(s) < 0) return -1;
    return vault_finish(s, post_plain(s, kind, to, body, now_ms, number));
}
