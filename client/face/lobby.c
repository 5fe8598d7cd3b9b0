/* lobby.c - see lobby.h. */
#include "lobby.h"

#include <stdio.h>
#include <string.h>

#include "../show.h"
#include "command.h"
#include "report.h"
#include "span.h"

static bool has_name(uint8_t act)
{
    return act != WIRE_ACT_ANNOUNCE && act != WIRE_ACT_OPEN;
}

static bool lasts(uint8_t act)
{
    return act == WIRE_ACT_BAN || act == WIRE_ACT_MUTE || act == WIRE_ACT_ANNOUNCE;
}

/* A first word that is a span of time; what is none belongs to the reason. */
static uint32_t take_span(const char **rest)
{
    size_t n = strcspn(*rest, " ");
    uint32_t seconds;
    if (!span_seconds((struct slice){(const uint8_t *)*rest, n}, WIRE_MODERATE_SECONDS, &seconds)) return 0;
    *rest += n;
    *rest += strspn(*rest, " ");
    return seconds;
}

void lobby_moderate(struct chat *c, uint8_t act, const char *rest)
{
    char name[NAME_SIZE] = "";
    if (has_name(act) && !command_take_name(c, &rest, name)) return;
    uint32_t seconds = lasts(act) ? take_span(&rest) : 0;
    if (strlen(rest) > WIRE_REASON_MAX) {
        chat_error(c, "the reason is too long", "at most 200 bytes");
        return;
    }
    if (c->ops->moderate(c->arg, act, name, seconds, rest) < 0)
        chat_error(c, "not connected", "it is tried again by itself; /reconnect tries at once");
    else
        c->asking++;
}

static void print(struct chat *c, const char *mark, struct buf *words)
{
    struct buf line = {0};
    if (buf_len(words)) {
        report_put(&line, "%s", mark);
        buf_put(&line, buf_head(words), buf_len(words));
        buf_put_u8(&line, 0);
        c->ops->print(c->arg, (const char *)buf_head(&line));
    }
    buf_free(&line);
    buf_free(words);
}

void lobby_moderated(struct chat *c, const struct wire_moderate_done *m)
{
    struct buf words = {0};
    char by[NAME_SIZE];
    if (c->asking && strcasecmp(show_word(by, sizeof by, m->by), c->me) == 0) c->asking--;
    report_moderated_line(&words, m);
    print(c, "*** ", &words);
}

/* What is new to the one who is told; that something is over says the order itself. */
void lobby_standing(struct chat *c, const struct wire_moderate_state *m)
{
    struct buf words = {0};
    report_standing_lines(&words, m, (uint8_t)~c->standing);
    c->standing = m->flags;
    print(c, "*** ", &words);
}

void lobby_refused(struct chat *c, const struct wire_keys_refused *m)
{
    char text[256];
    if (c->asking) c->asking--;
    show_word(text, sizeof text, m->text);
    chat_error(c, text[0] ? text : wire_code_name(m->code),
               m->code == WIRE_NO_RIGHT ? "/whois NAME says who is instructor" : "");
}
