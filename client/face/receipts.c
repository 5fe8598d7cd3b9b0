/* receipts.c - csce513fall24Msg why: what a message of one's own waits for. */
#include "receipts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../show.h"
#include "errand.h"
#include "out.h"
#include "report.h"
#include "verbs.h"

enum { DEFAULT_MS = 10000 };

struct asking {
    struct errand s;
    uint64_t number; /* 0: the newest */
    bool asked;
};

bool receipts_number(const char *text, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && !*end && !errno && *number > 0 && *number <= INT64_MAX;
}

static enum face_exit nothing(const struct args *o, uint64_t number)
{
    struct why why;
    if (number)
        why_set(&why, "no message %llu of yours", (unsigned long long)number);
    else
        why_set(&why, "you have not sent anything yet");
    if (number) why_hint(&why, "send prints the number of a message with --json; without one the newest is meant");
    return errand_error(o, "no-such-message", &why);
}

static void put(struct asking *a, const struct client_why *w)
{
    struct buf line = {0};
    if (a->s.args->json)
        out_json_text(&line, report_why_answer(w));
    else
        report_why_line(&line, w);
    out_line(STDOUT_FILENO, &line);
    buf_free(&line);
    if (w->state == CLIENT_WHY_TRUST && !a->s.args->json)
        out_say("hint: " NAME " keys verify NAME shows what to compare; keys accept NAME believes the new keys");
    errand_end(&a->s, EXIT_DONE);
}

static void ask(struct asking *a, bool server)
{
    int r = client_why(a->s.client, a->number, server);
    if (r == 0) errand_end(&a->s, nothing(a->s.args, a->number));
    a->asked = true;
}

/* Without a connection there is what is known here. */
static void on_event(void *arg, const struct client_event *e)
{
    struct asking *a = arg;
    if (a->s.done) return;
    if (e->type == CLIENT_WHY) put(a, e->why);
    if (e->type == CLIENT_CONNECTED && !a->asked) ask(a, true);
    if (e->type == CLIENT_LOST) ask(a, false);
}

static enum face_exit run(struct asking *a)
{
    struct vault_own own;
    int64_t ms = a->s.args->timeout_ms;
    int r = vault_own(a->s.vault, a->number, &own);
    if (r < 0) {
        struct why why;
        why_set(&why, "cannot read the message store: %s", vault_words(a->s.vault));
        return errand_error(a->s.args, "local", &why);
    }
    if (r == 0) return nothing(a->s.args, a->number);
    a->s.event = on_event;
    a->s.arg = a;
    client_connect(a->s.client);
    if (!errand_run(&a->s, errand_now() + (uint64_t)(ms < 0 ? DEFAULT_MS : ms))) ask(a, false);
    errand_leave(&a->s);
    return a->s.exit;
}

enum face_exit verb_why(const struct args *o)
{
    struct asking a = {.s.signals = -1};
    if (o->operands > 2 || (o->operands == 2 && !receipts_number(o->operand[1], &a.number))) {
        struct why why;
        why_set(&why, "which message? its number, or nothing for the newest");
        why_hint(&why, NAME " why 12");
        return errand_error(o, "usage", &why);
    }
    enum face_exit exit = errand_open(&a.s, o, 0);
    if (exit == EXIT_DONE) exit = run(&a);
    errand_close(&a.s);
    return exit;
}

/* --- in the conversation --- */

void receipts_why(struct chat *c, const char *rest)
{
    uint64_t number = 0;
    if (rest[0] && !receipts_number(rest, &number)) {
        chat_error(c, "which message? its number, or nothing for the newest", "/why 12");
        return;
    }
    int r = c->ops->why(c->arg, number);
    if (r == 0)
        chat_error(c, number ? "no message of yours has this number" : "you have not sent anything yet", "");
    else if (r > 0)
        c->asking++;
}

void receipts_told(struct chat *c, const struct client_why *w)
{
    struct buf line = {0};
    char name[NAME_SIZE];
    if (c->asking) c->asking--;
    report_put(&line, "  ");
    report_why_line(&line, w);
    buf_put_u8(&line, 0);
    c->ops->print(c->arg, (const char *)buf_head(&line));
    buf_free(&line);
    show_word(name, sizeof name, (struct slice){(const uint8_t *)w->to, strlen(w->to)});
    if (w->state == CLIENT_WHY_TRUST)
        chat_print(c, "hint: /verify %s shows what to compare; /trust %s believes the new keys", name, name);
}

void receipts_read(struct chat *c, const struct client_event *e)
{
    char name[NAME_SIZE];
    show_word(name, sizeof name, (struct slice){(const uint8_t *)e->read.name, strlen(e->read.name)});
    if (e->read.kind != WIRE_TO_USER) return; /* of a group /why tells */
    if (e->read.n == 1)
        chat_print(c, "  ## read by %s", name);
    else
        chat_print(c, "  ## %zu read by %s", e->read.n, name);
}
