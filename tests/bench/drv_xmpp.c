/*
 * drv_xmpp.c - XMPP: prosody. SASL PLAIN with the password "pw"; the room is a multi-user chat.
 * Messages to absent users (S5) are acknowledged by stream management (XEP-0198): once a turn the
 * server is asked how far it is.
 */
#include "load.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_FEATURES, STEP_AUTH, STEP_AGAIN, STEP_BIND, STEP_SESSION, STEP_MANAGED, STEP_OPEN };

static bool starts(const char *p, size_t n, const char *word)
{
    size_t len = strlen(word);
    return n >= len && memcmp(p, word, len) == 0;
}

static bool has(const char *p, size_t n, const char *word)
{
    return memmem(p, n, word, strlen(word)) != NULL;
}

/* Only who stores for the absent is asked for acknowledgements, as a phone would. */
static bool managed(void)
{
    return load.o.scenario[1] == '5' && !load.o.draining;
}

static void open_stream(struct conn *c)
{
    conn_putf(
        c, "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
           "xmlns:stream='http://etherx.jabber.org/streams'>");
}

static void xmpp_open(struct conn *c)
{
    c->step = STEP_FEATURES;
    open_stream(c);
}

/* --- login, step by step --- */

static void authenticate(struct conn *c)
{
    char plain[32], coded[64];
    int n = snprintf(plain, sizeof plain, "%cu%u%cpw", 0, c->id, 0);
    sodium_bin2base64(coded, sizeof coded, (const uint8_t *)plain, (size_t)n,
                      sodium_base64_VARIANT_ORIGINAL);
    conn_putf(c, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>",
              coded);
    c->step = STEP_AUTH;
}

static void take_features(struct conn *c)
{
    if (c->step == STEP_FEATURES) {
        authenticate(c);
    } else if (c->step == STEP_AGAIN) {
        conn_putf(c, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                     "<resource>r</resource></bind></iq>");
        c->step = STEP_BIND;
    }
}

static void opened(struct conn *c)
{
    c->step = STEP_OPEN;
    driver_ready(c);
}

static void take_iq(struct conn *c, const char *p, size_t n)
{
    if (c->step == STEP_BIND) {
        conn_putf(
            c,
            "<presence/><iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
        c->step = STEP_SESSION;
    } else if (c->step == STEP_SESSION && (has(p, n, "id='p'") || has(p, n, "id=\"p\""))) {
        if (managed()) conn_putf(c, "<enable xmlns='urn:xmpp:sm:3'/>");
        c->step = STEP_MANAGED;
        if (!managed()) opened(c);
    }
}

/* --- what the server says --- */

static void take_message(struct conn *c, const char *p, size_t n)
{
    const char *body = memmem(p, n, "<body>", 6);
    if (!body) return;
    body += 6;
    const char *end = memchr(body, '<', (size_t)(p + n - body));
    if (end) text_came(c, body, (size_t)(end - body));
}

/* The server has taken so many stanzas since it was asked first; packet keeps the last number. */
static void take_answer(struct conn *c, const char *p, size_t n)
{
    const char *h = memmem(p, n, "h=", 2);
    if (!h) return;
    uint16_t now = (uint16_t)strtoul(h + 3, NULL, 10);
    uint16_t more = (uint16_t)(now - c->packet);
    c->packet = now;
    if (more) driver_acked(c, more);
}

static void take_stanza(struct conn *c, const char *p, size_t n)
{
    if (starts(p, n, "<message"))
        take_message(c, p, n);
    else if (starts(p, n, "<presence") && has(p, n, "muc#user") && has(p, n, "110"))
        driver_joined(c);
    else if (starts(p, n, "<a "))
        take_answer(c, p, n);
    else if (starts(p, n, "<r "))
        conn_putf(c, "<a xmlns='urn:xmpp:sm:3' h='0'/>");
    else if (starts(p, n, "<stream:features"))
        take_features(c);
    else if (starts(p, n, "<success")) {
        c->step = STEP_AGAIN;
        open_stream(c);
    } else if (starts(p, n, "<enabled")) {
        opened(c);
    } else if (starts(p, n, "<iq")) {
        take_iq(c, p, n);
    } else if (starts(p, n, "<failure") || starts(p, n, "<stream:error")) {
        complain("xmpp: %.*s", (int)n, p);
    }
}

/* One tag at p: its length, 0 when it is not all there; depth: what it does to the nesting. */
static size_t tag(const char *p, size_t n, int *depth)
{
    const char *end = memchr(p, '>', n);
    *depth = 0;
    if (!end) return 0;
    if (p[1] == '/')
        *depth = -1;
    else if (p[1] != '?' && end[-1] != '/')
        *depth = 1;
    return (size_t)(end - p) + 1;
}

/*
 * The next whole stanza of the stream: its length, 0 when it is not all there. The stream's own
 * tags and the XML declaration stand alone.
 */
static size_t stanza(const char *p, size_t n)
{
    int nesting = 0, depth;
    size_t at = 0;
    do {
        const char *next = memchr(p + at, '<', n - at);
        if (!next) return 0;
        at = (size_t)(next - p);
        size_t len = n - at > 1 ? tag(next, n - at, &depth) : 0;
        if (len == 0) return 0;
        if (starts(next, len, "<stream:stream")) depth = 0;
        at += len;
        nesting += depth;
    } while (nesting > 0);
    return at;
}

static size_t xmpp_input(struct conn *c, uint8_t *data, size_t n)
{
    size_t used = 0, len;
    while (c->state == CONN_OPEN && (len = stanza((const char *)data + used, n - used)) > 0) {
        const char *end = (const char *)data + used + len, *p = memchr(data + used, '<', len);
        take_stanza(c, p, (size_t)(end - p));
        used += len;
    }
    return used;
}

/* --- sending --- */

static void message(struct conn *c, const char *to, unsigned id, const char *type,
                    struct slice text)
{
    conn_putf(c, "<message to='%s%u@%slocalhost' type='%s'><body>", to, id,
              to[0] == 'g' ? "conference." : "", type);
    conn_put(c, text.data, text.len);
    conn_put(c, "</body></message>", 17);
}

static void xmpp_direct(struct conn *c, unsigned to, const char *text, size_t n)
{
    message(c, "u", to, "chat", (struct slice){(const uint8_t *)text, n});
}

static void xmpp_room(struct conn *c, const char *text, size_t n)
{
    message(c, "g", 0, "groupchat", (struct slice){(const uint8_t *)text, n});
}

static void xmpp_leave(struct conn *c)
{
    static const char ask[] = "<r xmlns='urn:xmpp:sm:3'/>";
    if (managed() && c->step == STEP_OPEN && buf_len(&c->out))
        buf_put(&c->out, ask, sizeof ask - 1);
}

static void xmpp_join(struct conn *c)
{
    conn_putf(
        c,
        "<presence to='g0@conference.localhost/u%u'><x xmlns='http://jabber.org/protocol/muc'>"
        "<history maxstanzas='0'/></x></presence>",
        c->id);
}

static void xmpp_bye(struct conn *c)
{
    conn_putf(c, "</stream:stream>");
}

const struct driver driver_xmpp = {
    .name = "xmpp",
    .sender_joins = true,
    .open = xmpp_open,
    .input = xmpp_input,
    .leave = xmpp_leave,
    .join = xmpp_join,
    .direct = xmpp_direct,
    .room = xmpp_room,
    .bye = xmpp_bye,
};
