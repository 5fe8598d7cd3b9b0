/* report_why.c - see report.h: what a message of our own waits for, as lines and as JSON. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../show.h"
#include "out.h"
#include "report.h"

enum { NAMED = 8 }; /* people of a group listed by name in each part of a line */

static void put_clock(struct buf *out, uint64_t ms, const char *format)
{
    char text[32];
    struct tm tm;
    time_t t = (time_t)(ms / 1000);
    if (localtime_r(&t, &tm) && strftime(text, sizeof text, format, &tm)) report_put(out, "%s", text);
}

/* Today's times are known by the hour. */
static void put_when(struct buf *out, uint64_t ms)
{
    time_t then = (time_t)(ms / 1000), now = time(NULL);
    struct tm a, b;
    bool today = localtime_r(&then, &a) && localtime_r(&now, &b) && a.tm_yday == b.tm_yday && a.tm_year == b.tm_year;
    put_clock(out, ms, today ? "%H:%M" : "%Y-%m-%d %H:%M");
}

static const char *shown(char name[64], const char *text)
{
    return show_word(name, 64, (struct slice){(const uint8_t *)text, strlen(text)});
}

static void put_ordinal(struct buf *out, uint32_t n)
{
    static const char *const ends[] = {"th", "st", "nd", "rd"};
    bool teen = n % 100 >= 11 && n % 100 <= 13;
    report_put(out, "%u%s", n, !teen && n % 10 <= 3 ? ends[n % 10] : "th");
}

static void put_presence(struct buf *out, bool present, uint64_t since_ms)
{
    report_put(out, present ? "here, has not answered yet" : "absent");
    if (present || since_ms == 0) return;
    report_put(out, " since ");
    put_when(out, since_ms);
}

/* --- to a user --- */

static size_t count_state(const struct client_why *w, uint8_t state)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += w->row[i].state == state;
    return n;
}

/* The device that it waits for, of several the first. */
static const struct client_why_row *first_waiting(const struct client_why *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->row[i].state == WIRE_STATE_STORED || w->row[i].state == WIRE_STATE_ACCEPTED) return &w->row[i];
    return NULL;
}

static void put_waiting(struct buf *out, const struct client_why *w)
{
    const struct client_why_row *row = first_waiting(w);
    size_t waiting = count_state(w, WIRE_STATE_STORED) + count_state(w, WIRE_STATE_ACCEPTED);
    char name[64];
    if (!row) return;
    if (w->state == CLIENT_WHY_DELIVERED || w->state == CLIENT_WHY_READ)
        report_put(out, "; %zu of their devices %s not got it", waiting, waiting == 1 ? "has" : "have");
    report_put(out, ", ");
    put_ordinal(out, row->place);
    report_put(out, " in the queue");
    if (row->until_ms) report_put(out, ", kept until ");
    if (row->until_ms) put_clock(out, row->until_ms, "%Y-%m-%d %H:%M");
    report_put(out, "; %s is ", shown(name, w->to));
    put_presence(out, w->present, w->since_ms);
}

/* --- to a group --- */

static void put_member(struct buf *out, const struct client_why_row *row)
{
    char name[64];
    report_put(out, "%s (", shown(name, row->name));
    if (row->role == ROLE_NONE) report_put(out, "has left; ");
    if (row->waiting < row->devices) report_put(out, "%u of %u devices; ", row->waiting, row->devices);
    put_presence(out, row->present, row->since_ms);
    report_put(out, ")");
}

/* "waits for: bob (absent since 14:03), carol (...) and 3 more". */
static void put_members(struct buf *out, const struct client_why *w, uint8_t state, const char *before)
{
    size_t n = count_state(w, state), named = 0;
    if (n == 0) return;
    report_put(out, "%s", before);
    for (size_t i = 0; i < w->n && named < NAMED; i++) {
        if (w->row[i].state != state) continue;
        if (named++) report_put(out, ", ");
        put_member(out, &w->row[i]);
    }
    if (n > named) report_put(out, " and %zu more", n - named);
}

static size_t count_read(const struct client_why *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        n += w->row[i].read;
    return n;
}

static void put_group(struct buf *out, const struct client_why *w)
{
    report_put(out, "delivered to %zu of %zu", count_state(w, WIRE_STATE_DELIVERED), w->n);
    if (count_read(w)) report_put(out, ", read by %zu", count_read(w));
    put_members(out, w, WIRE_STATE_STORED, "; waits for: ");
    put_members(out, w, WIRE_STATE_EXPIRED, "; not kept any more for: ");
}

/* --- the line --- */

static void put_state(struct buf *out, const struct client_why *w)
{
    char name[64], words[256];
    shown(name, w->to);
    switch (w->state) {
    case CLIENT_WHY_UNSEALED: report_put(out, "not sent yet: it is sealed when there is a connection, and what was written before is gone"); return;
    case CLIENT_WHY_KEYS:
    case CLIENT_WHY_TRUST:
        report_put(out, "not sent yet: %s", show_word(words, sizeof words, (struct slice){(const uint8_t *)w->words, strlen(w->words)}));
        return;
    case CLIENT_WHY_OUTBOX: report_put(out, "not sent yet: it waits in the outbox for the connection"); return;
    case CLIENT_WHY_SENT: report_put(out, "sent; the server has not confirmed it yet"); return;
    case CLIENT_WHY_ACCEPTED: report_put(out, "accepted by the server"); return;
    case CLIENT_WHY_STORED: report_put(out, "stored"); return;
    case CLIENT_WHY_DELIVERED: report_put(out, "delivered to %s", name); return;
    case CLIENT_WHY_READ: report_put(out, "read by %s", name); return;
    case CLIENT_WHY_EXPIRED: report_put(out, "expired: %s did not come for it in time", name); return;
    case CLIENT_WHY_REVOKED: report_put(out, "never delivered: the device of %s that it was for was revoked", name); return;
    case CLIENT_WHY_REFUSED: report_put(out, "refused: %s", report_refusal_words(w->code)); return;
    }
}

void report_why_line(struct buf *out, const struct client_why *w)
{
    char name[64];
    report_put(out, "%llu to %s, ", (unsigned long long)w->number, shown(name, w->to));
    put_when(out, w->time_ms);
    report_put(out, ": ");
    if (w->kind == WIRE_TO_ROOM && w->n) {
        put_group(out, w);
        return;
    }
    put_state(out, w);
    put_waiting(out, w);
    if (w->state == CLIENT_WHY_STORED && !w->current) report_put(out, ", as of the last connection");
}

/* --- JSON --- */

static void set(json_t *o, const char *key, json_t *value)
{
    json_object_set_new(o, key, value);
}

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *words_of(const char *s)
{
    return out_text((struct slice){(const uint8_t *)s, strlen(s)});
}

static const char *why_name(enum client_why_state state)
{
    static const char *const names[] = {
        [CLIENT_WHY_UNSEALED] = "unsealed", [CLIENT_WHY_KEYS] = "keys",           [CLIENT_WHY_TRUST] = "trust",
        [CLIENT_WHY_OUTBOX] = "outbox",     [CLIENT_WHY_SENT] = "sent",           [CLIENT_WHY_ACCEPTED] = "accepted",
        [CLIENT_WHY_STORED] = "stored",     [CLIENT_WHY_DELIVERED] = "delivered", [CLIENT_WHY_READ] = "read",
        [CLIENT_WHY_EXPIRED] = "expired",   [CLIENT_WHY_REVOKED] = "revoked",     [CLIENT_WHY_REFUSED] = "refused",
    };
    return names[state];
}

static const char *row_state(uint8_t state)
{
    return state == WIRE_STATE_ACCEPTED ? "under-way" : report_state_name(state);
}

static json_t *since(const struct client_why_row *row)
{
    return row->since_ms ? out_time(row->since_ms) : json_null();
}

static json_t *device_row(const struct client_why_row *row)
{
    char device[17];
    json_t *o = json_object();
    snprintf(device, sizeof device, "%016llx", (unsigned long long)row->device);
    set(o, "device", json_string(device));
    set(o, "state", json_string(row_state(row->state)));
    if (row->place) set(o, "place", number(row->place));
    if (row->until_ms) set(o, "until", out_time(row->until_ms));
    return o;
}

static json_t *member_row(const struct client_why_row *row)
{
    json_t *o = json_object();
    set(o, "user", words_of(row->name));
    set(o, "role", json_string(report_role(row->role)));
    set(o, "state", json_string(row_state(row->state)));
    set(o, "devices", number(row->devices));
    set(o, "waiting", number(row->waiting));
    set(o, "present", json_boolean(row->present));
    set(o, "since", since(row));
    set(o, "read", json_boolean(row->read));
    return o;
}

json_t *report_why_answer(const struct client_why *w)
{
    bool room = w->kind == WIRE_TO_ROOM;
    json_t *o = json_pack("{s:s}", "ev", "why"), *rows = json_array();
    set(o, "id", number(w->number));
    set(o, "to", words_of(w->to));
    set(o, "time", out_time(w->time_ms));
    set(o, "state", json_string(why_name(w->state)));
    set(o, "current", json_boolean(w->current));
    if (w->words[0]) set(o, "message", words_of(w->words));
    if (w->state == CLIENT_WHY_REFUSED) set(o, "code", json_string(wire_code_name(w->code)));
    if (w->room_number) set(o, "number", number(w->room_number));
    if (!room && w->current) set(o, "present", json_boolean(w->present));
    if (!room && w->current) set(o, "since", w->since_ms ? out_time(w->since_ms) : json_null());
    for (size_t i = 0; i < w->n; i++)
        json_array_append_new(rows, room ? member_row(&w->row[i]) : device_row(&w->row[i]));
    set(o, room ? "members" : "devices", rows);
    return o;
}

json_t *report_read(const char *name, const uint64_t *read, size_t n)
{
    json_t *o = json_pack("{s:s}", "ev", "read"), *ids = json_array();
    set(o, "user", words_of(name));
    for (size_t i = 0; i < n; i++)
        json_array_append_new(ids, number(read[i]));
    set(o, "ids", ids);
    return o;
}
