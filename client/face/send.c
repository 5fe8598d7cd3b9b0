/*
 * send.c - csce513fall24Msg send TO [TEXT|-]: one message, and what became of it.
 *
 * The message enters the outbox once the server has let us in, so that a name refused or a key not
 * trusted leaves nothing behind; or when the time is over, to be sent by the next command that
 * reaches the server.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../show.h"
#include "out.h"
#include "report.h"
#include "errand.h"
#include "verbs.h"

enum { DEFAULT_MS = 10000 };

struct sending {
    struct errand s;
    const char *to;
    uint8_t kind;
    struct buf text;
    uint64_t id; /* 0: not in the outbox yet */
    bool accepted;
    bool wait_delivered;
    char waits[200]; /* for what, in words; empty: for nothing */
};

static enum face_exit usage(const struct args *o, const char *what)
{
    struct why why;
    why_set(&why, "%s", what);
    why_hint(&why, NAME " help send shows how");
    return errand_error(o, "usage", &why);
}

static int read_stdin(struct buf *text)
{
    for (;;) {
        ssize_t n = read(STDIN_FILENO, buf_room(text, 4096), 4096);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        buf_added(text, (size_t)n);
        if (buf_len(text) > CLIENT_TEXT_MAX + 1) break;
    }
    if (text->len && text->data[text->len - 1] == '\n') text->len--;
    return 0;
}

static void read_text(const struct args *o, struct buf *text)
{
    if (o->operands < 3 || (o->operands == 3 && strcmp(o->operand[2], "-") == 0)) {
        read_stdin(text);
        return;
    }
    for (int i = 2; i < o->operands; i++) {
        if (i > 2) buf_put(text, " ", 1);
        buf_put(text, o->operand[i], strlen(o->operand[i]));
    }
}

/* EXIT_DONE, or the exit after an error. */
static enum face_exit check_text(const struct args *o, const struct buf *text)
{
    struct why why;
    if (text->len == 0) return usage(o, "nothing to send: the text is empty");
    if (text->len > CLIENT_TEXT_MAX) {
        why_set(&why, "the text is longer than %d bytes", CLIENT_TEXT_MAX);
        why_hint(&why, "send it in several messages");
        return errand_error(o, "too-large", &why);
    }
    if (!show_is_utf8((struct slice){text->data, text->len})) {
        why_set(&why, "the text is not valid UTF-8");
        why_hint(&why, "convert it, for instance with: iconv -f latin1 -t utf8");
        return errand_error(o, "bad-body", &why);
    }
    return EXIT_DONE;
}

static void into_outbox(struct sending *m)
{
    const struct slice text = {m->text.data, m->text.len};
    client_send(m->s.client, m->kind, m->to, WIRE_FORM_SAYS, text, &m->id);
}

static void on_accepted(struct sending *m, const struct wire_accepted *a)
{
    struct buf line = {0};
    bool final = !m->wait_delivered || m->kind == WIRE_TO_ROOM || a->state == WIRE_STATE_DELIVERED;
    m->accepted = true;
    if (m->s.args->json) out_json(report_accepted(a, m->id, m->to));
    report_accepted_line(&line, a, m->to);
    if (!m->s.args->quiet) out_line(STDERR_FILENO, &line);
    buf_free(&line);
    if (final) errand_end(&m->s, EXIT_DONE);
}

static void on_receipt(struct sending *m, const struct wire_receipt *r)
{
    if (m->s.done) return;
    const struct wire_accepted a = {.id = r->id, .state = r->state};
    on_accepted(m, &a);
    errand_end(&m->s, r->state == WIRE_STATE_DELIVERED ? EXIT_DONE : EXIT_TIME);
}

/* An earlier message is a note on the side: it was left over in the outbox. */
static void on_rejected(struct sending *m, const struct wire_rejected *r)
{
    struct buf what = {0}, hint = {0};
    bool mine = r->id == m->id;
    char subject[64];
    report_rejected_lines(&what, &hint, r,
                          mine ? m->to : show_word(subject, sizeof subject, r->subject));
    buf_put_u8(&what, 0);
    buf_put_u8(&hint, 0);
    if (!mine) {
        if (!m->s.args->quiet)
            out_say("note: an earlier message was refused: %s", (char *)what.data);
    } else {
        if (m->s.args->json) out_json(report_rejected(r, m->to));
        out_say("error: %s", (char *)what.data);
        if (hint.data[0]) out_say("hint: %s", (char *)hint.data);
        errand_end(&m->s, exit_of(wire_code_name(r->code)));
    }
    buf_free(&what);
    buf_free(&hint);
}

/* Without keys it may still leave in time; what a person has to look at will not change by waiting. */
static void on_waits(struct sending *m, enum client_wait why, const char *words)
{
    struct why error;
    bool news = strcmp(m->waits, words) != 0;
    snprintf(m->waits, sizeof m->waits, "%s", words);
    if (news && m->s.args->json) out_json(report_waits(m->id, why, m->to, words));
    if (why == CLIENT_WAIT_KEYS) {
        if (news && !m->s.args->quiet) out_say("  - %s", words);
        return;
    }
    why_set(&error, "STOP: %s", words);
    why_hint(&error, "compare safety numbers with them, by another way than this network; to go on: " NAME
                     " keys accept %s", m->to);
    errand_end(&m->s, errand_error(m->s.args, "changed-keys", &error));
}

static void on_event(void *arg, const struct client_event *e)
{
    struct sending *m = arg;
    switch (e->type) {
    case CLIENT_CONNECTED:
        if (!m->id) into_outbox(m);
        return;
    case CLIENT_ACCEPTED:
        if (m->id && e->accepted->id == m->id) on_accepted(m, e->accepted);
        return;
    case CLIENT_WAITS:
        if (m->id == e->waits.number) on_waits(m, e->waits.why, e->waits.words);
        return;
    case CLIENT_NOTE:
        if (!m->s.args->quiet) out_say("note: %s", e->note.words);
        return;
    case CLIENT_REJECTED: on_rejected(m, e->rejected); return;
    case CLIENT_RECEIPT:
        if (m->id == e->receipt->id && m->wait_delivered) on_receipt(m, e->receipt);
        return;
    default: return;
    }
}

/* The time is over. */
static enum face_exit too_late(struct sending *m)
{
    struct why why;
    if (m->accepted) {
        why_set(&why, "stored, but not delivered within the time of --timeout");
        if (!m->s.args->quiet) out_say("%s", why.what);
        return EXIT_TIME;
    }
    if (!m->id) into_outbox(m);
    if (m->waits[0]) {
        why_set(&why, "the message %s", m->waits);
        why_hint(&why, "it is kept and leaves by itself when they have connected with a program that seals");
        return errand_error(m->s.args, "no-keys", &why);
    }
    if (m->s.connected)
        why_set(&why, "%s has not confirmed the message in time", m->s.place);
    else
        why_set(&why, "cannot reach %s: %s", m->s.place,
                m->s.lost_reason[0] ? m->s.lost_reason : "no answer in time");
    why_hint(&why,
             "the message is in the outbox and leaves with the next command that gets through");
    return errand_error(m->s.args, strcmp(m->s.lost_code, "busy") ? "unreachable" : "busy", &why);
}

static enum face_exit run(struct sending *m)
{
    int64_t ms = m->s.args->timeout_ms;
    m->s.event = on_event;
    m->s.arg = m;
    client_connect(m->s.client);
    bool done = errand_run(&m->s, errand_now() + (uint64_t)(ms < 0 ? DEFAULT_MS : ms));
    enum face_exit exit = done ? m->s.exit : too_late(m);
    errand_leave(&m->s);
    return exit;
}

enum face_exit verb_send(const struct args *o)
{
    struct sending m = {.s.signals = -1};
    if (o->operands < 2) return usage(o, "send to whom?");
    m.to = o->operand[1];
    m.kind = m.to[0] == '#' ? WIRE_TO_ROOM : WIRE_TO_USER;
    m.wait_delivered = o->wait && strcmp(o->wait, "delivered") == 0;
    if (!m.to[0] || strlen(m.to) > NAME_LEN + 1 ||
        !show_is_utf8((struct slice){(const uint8_t *)m.to, strlen(m.to)}))
        return usage(o, "the recipient must be a name of 1 to 32 characters, or '#lobby'");
    read_text(o, &m.text);
    enum face_exit exit = check_text(o, &m.text);
    if (exit == EXIT_DONE) exit = errand_open(&m.s, o, 0);
    if (exit == EXIT_DONE) exit = run(&m);
    errand_close(&m.s);
    buf_free(&m.text);
    return exit;
}
