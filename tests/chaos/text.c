/* text.c - see text.h. "from to number sent_us seen|filling" */
#include "text.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "../../client/client.h"
#include "../../client/sealed/content.h"
#include "chaos.h"

enum { HEAD_MAX = 128 };

/* Mostly short; now and then long enough for several records' worth of buffers, or a frame in
 * parts. */
static size_t filling_of(const struct ledger_message *m, char *out, size_t room)
{
    uint64_t luck = (uint64_t)m->from << 48 ^ (uint64_t)m->to << 32 ^ m->number;
    uint64_t kind = luck_next(&luck) % 4096;
    size_t len = kind == 0   ? 20000 + luck_next(&luck) % 25000
                 : kind < 64 ? luck_next(&luck) % 3000
                             : luck_next(&luck) % 120;
    if (len > room) len = room;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t eight = luck_next(&luck);
        for (size_t k = i; k < len && k < i + 8; k++, eight >>= 8)
            out[k] = (char)('a' + (eight & 15));
    }
    return len;
}

struct slice text_of(const struct ledger_message *m)
{
    static char text[TEXT_MAX];
    int n = snprintf(text, HEAD_MAX, "%u %u %lu %lu %lu|", m->from, m->to, m->number, m->sent_us,
                     m->seen);
    size_t len = (size_t)n + filling_of(m, text + n, sizeof text - HEAD_MAX);
    return (struct slice){(const uint8_t *)text, len};
}

static bool read_text(struct slice text, struct ledger_message *m)
{
    char head[HEAD_MAX] = "";
    memcpy(head, text.data, text.len < sizeof head - 1 ? text.len : sizeof head - 1);
    if (sscanf(head, "%u %u %lu %lu %lu|", &m->from, &m->to, &m->number, &m->sent_us, &m->seen) !=
        5)
        return false;
    struct slice want = text_of(m);
    return want.len == text.len && memcmp(want.data, text.data, text.len) == 0;
}

bool text_read(struct slice body, struct ledger_message *m)
{
    uint8_t form;
    struct slice text;
    return client_body(body, &form, &text) && read_text(text, m);
}

bool text_read_sealed(struct slice content, struct ledger_message *m)
{
    struct content c;
    return content_decode(&c, content) == CONTENT_GOOD && c.kind == CONTENT_TEXT &&
           read_text(c.u.text.text, m);
}

void text_name(char out[NAME_LEN], unsigned number)
{
    snprintf(out, NAME_LEN, "c%u", number);
}

void text_identity(struct identity *id, unsigned number)
{
    uint8_t seed[32];
    char name[NAME_LEN];
    text_name(name, number);
    crypto_generichash(seed, sizeof seed, (const uint8_t *)name, strlen(name), NULL, 0);
    identity_from_seed(id, number + 1, seed);
}
