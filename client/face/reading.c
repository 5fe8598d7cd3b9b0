/* reading.c - see reading.h. */
#include "reading.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../show.h"
#include "orders.h"
#include "out.h"
#include "report.h"
#include "wire_why.h"

_Static_assert(WIRE_WHY_REVOKED == 5 && VAULT_READ == 6, "the states stand in this order below");

const char *reading_state(int state)
{
    static const char *const names[] = {"waiting", "accepted", "delivered", "stored", "expired", "revoked", "read"};
    if (state >= VAULT_REJECTED) return "refused";
    return state >= 0 && state < (int)(sizeof names / sizeof *names) ? names[state] : "accepted";
}

const char *reading_mark(int state)
{
    static const char *const marks[] = {"-", "+", "++", "+", "!", "!", "##"};
    if (state >= VAULT_REJECTED) return "!";
    return state >= 0 && state < (int)(sizeof marks / sizeof *marks) ? marks[state] : "+";
}

json_t *reading_json(const struct history_line *line)
{
    json_t *o = report_message(&line->m, line->how);
    json_object_set_new(o, "schema", json_integer(READING_SCHEMA));
    json_object_set_new(o, "with", out_text(line->with));
    if (line->own) json_object_set_new(o, "state", json_string(reading_state(line->state)));
    return o;
}

void reading_text(struct buf *out, const struct history_line *line)
{
    bool copy = line->own && !(line->m.flags & WIRE_FLAG_ROOM);
    report_message_line(out, &line->m, line->how, copy ? REPORT_DATED | REPORT_COPY : REPORT_DATED);
    if (line->own) report_put(out, "  %s", reading_mark(line->state));
}

bool reading_gap(const struct history_line *line, json_t **json, struct buf *text)
{
    uint64_t last = line->m.seq - 1, first = line->m.seq - line->missing;
    if (line->missing == 0) return false;
    if (text)
        report_put(text, "*** messages %llu to %llu of #lobby are not here", (unsigned long long)first,
                   (unsigned long long)last);
    if (!json) return true;
    *json = json_pack("{s:s, s:i, s:s, s:I, s:I}", "ev", "missing", "schema", READING_SCHEMA, "with", "#lobby",
                      "first", (json_int_t)first, "last", (json_int_t)last);
    return true;
}

bool reading_since(const char *text, uint64_t now_ms, uint64_t *since_ms)
{
    uint64_t span;
    struct tm day = {.tm_isdst = -1};
    const char *end = strptime(text, "%Y-%m-%d", &day);
    if (end && !*end) {
        time_t t = mktime(&day);
        *since_ms = t > 0 ? (uint64_t)t * 1000 : 0;
        return true;
    }
    if (!order_span(text, 0, &span)) return false;
    *since_ms = span < now_ms ? now_ms - span : 0;
    return true;
}

int reading_all_seen(struct vault *v)
{
    struct history_conversation c = {0};
    int r;
    if (vault_begin(v) < 0) return -1;
    while ((r = history_next_conversation(v, &c)) > 0)
        if (c.unseen && history_seen(v, c.name, HISTORY_END) < 0) break;
    return vault_finish(v, r == 0 ? 0 : -1);
}
