/* report.c - see report.h: the lines for people. JSON is in report_json.c. */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../open.h"
#include "../show.h"
#include "report_files.h"

static const char indent_dated[] = "                    | ";
static const char indent_short[] = "      | ";
static const char *const role_names[] = {"member", "assistant", "instructor"};

void report_put(struct buf *out, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n > 0) {
        char *at = (char *)buf_room(out, (size_t)n + 1);
        vsnprintf(at, (size_t)n + 1, fmt, again);
        buf_added(out, (size_t)n);
    }
    va_end(again);
}

static void put_time(struct buf *out, uint64_t ms, const char *format)
{
    char text[64];
    struct tm tm;
    time_t t = (time_t)(ms / 1000);
    if (!localtime_r(&t, &tm) || strftime(text, sizeof text, format, &tm) == 0) return;
    report_put(out, "%s", text);
}

static void put_unopened(struct buf *out, const struct wire_deliver *m)
{
    report_put(out, "a message from ");
    show_line(out, m->from);
    report_put(out, " could not be opened: %s", open_words(m->body.len ? m->body.data[0] : 0));
}

bool report_event_words(struct buf *out, const struct wire_deliver *m, enum vault_how how)
{
    if (how != VAULT_UNOPENED && how != VAULT_ENTRY && how != VAULT_GAP) return false;
    if (how == VAULT_UNOPENED) put_unopened(out, m);
    if (how == VAULT_UNOPENED) return true;
    if (how == VAULT_ENTRY && report_entry_line(out, m->body)) {
        if (m->flags & VAULT_FLAG_SAID) report_put(out, " (an instructor, says the server)");
        return true;
    }
    if (how == VAULT_GAP && m->body.len == 16)
        report_put(out, "messages %llu to %llu are not there any more", (unsigned long long)get_u64(m->body.data),
                   (unsigned long long)get_u64(m->body.data + 8));
    else
        report_put(out, "[a line that this version cannot read]");
    return true;
}

void report_message_line(struct buf *out, const struct wire_deliver *m, enum vault_how how,
                         enum report_style style)
{
    report_message_at(out, m, how, style, style & REPORT_SHORT ? "%H:%M" : "%Y-%m-%d %H:%M:%S");
}

void report_message_at(struct buf *out, const struct wire_deliver *m, enum vault_how how, enum report_style style,
                       const char *time_format)
{
    bool dated = !(style & REPORT_SHORT), copy = style & REPORT_COPY, room = m->flags & WIRE_FLAG_ROOM;
    uint8_t form = WIRE_FORM_SAYS;
    struct slice text;
    put_time(out, m->time_ms, time_format);
    report_put(out, " ");
    if (room) {
        show_line(out, m->to);
        report_put(out, " ");
    }
    if (room && dated && m->seq) report_put(out, "%llu ", (unsigned long long)m->seq);
    if (how == VAULT_UNOPENED) {
        put_unopened(out, m);
        return;
    }
    if (!room && how == VAULT_PLAIN) report_put(out, "[not sealed] ");
    if (how == VAULT_ENTRY || how == VAULT_GAP) {
        report_put(out, "*** ");
        report_event_words(out, m, how);
        return;
    }
    bool known = client_body(m->body, &form, &text), sealed = how == VAULT_SEALED;
    if (form == WIRE_FORM_ACTS) report_put(out, "* ");
    show_line(out, m->from);
    if (copy) {
        report_put(out, " -> ");
        show_line(out, m->to);
    }
    report_put(out, form == WIRE_FORM_ACTS ? " " : ": ");
    if (known)
        show_body(out, text, dated ? indent_dated : indent_short);
    else if (!sealed || !report_offer(out, m->body, dated ? indent_dated : indent_short))
        report_put(out, "[a message that this version cannot read]");
}

static void put_span(struct buf *out, uint32_t seconds)
{
    static const struct {
        uint32_t seconds;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    for (size_t i = 0; i < 4; i++) {
        if (seconds < units[i].seconds && i < 3) continue;
        uint32_t n = seconds / units[i].seconds;
        report_put(out, "%u %s%s", n, units[i].name, n == 1 ? "" : "s");
        return;
    }
}

void report_accepted_line(struct buf *out, const struct wire_accepted *m, const char *to)
{
    char name[64];
    show_word(name, sizeof name,
              m->to.len ? m->to : (struct slice){(const uint8_t *)to, strlen(to)});
    switch (m->state) {
    case WIRE_STATE_DELIVERED: report_put(out, "delivered to %s", name); return;
    case WIRE_STATE_STORED:
        report_put(out, m->absent == 2 ? "stored: %s does not answer yet" : "stored: %s is absent",
                   name);
        if (m->waiting) report_put(out, ", %u wait for them", m->waiting);
        if (m->keep_s) {
            report_put(out, ", kept ");
            put_span(out, m->keep_s);
        }
        return;
    case WIRE_STATE_EXPIRED:
        report_put(out, "expired: %s did not come for it in time", name);
        return;
    case WIRE_WHY_REVOKED: report_put(out, "never delivered: the device of %s that it was for was revoked", name); return;
    default: report_put(out, "accepted"); return;
    }
}

/* When another process of ours heard the server's own words, only the code is left. */
const char *report_refusal_words(uint16_t code)
{
    switch (code) {
    case WIRE_MUTED: return "you are muted there";
    case WIRE_BANNED: return "you are banned from there";
    case WIRE_ANNOUNCE_ONLY: return "only instructors and assistants write there now";
    default: return wire_code_name(code);
    }
}

void report_rejected_lines(struct buf *what, struct buf *hint, const struct wire_rejected *m,
                           const char *to)
{
    char name[64];
    show_word(name, sizeof name, (struct slice){(const uint8_t *)to, strlen(to)});
    report_put(what, "cannot deliver to \"%s\": ", name);
    if (m->text.len)
        show_line(what, m->text);
    else
        report_put(what, "%s", report_refusal_words(m->code));
    if (m->hint.len) show_line(hint, m->hint);
    if (m->hint.len || m->near == 0) return;
    report_put(hint, "did you mean ");
    for (unsigned i = 0; i < m->near && i < WIRE_NEAR_MAX; i++) {
        report_put(hint, "%s\"", i == 0 ? "" : i + 1 == m->near ? " or " : ", ");
        show_line(hint, m->name[i]);
        report_put(hint, "\"");
    }
    report_put(hint, "?");
}

static const char *change_verb(uint8_t change)
{
    switch (change) {
    case WIRE_CHANGE_JOINED: return "joined";
    case WIRE_CHANGE_LEFT: return "left";
    case WIRE_CHANGE_AWAY: return "away";
    case WIRE_CHANGE_BACK: return "back";
    default: return NULL;
    }
}

static void put_names(struct buf *out, const struct wire_changes *m, uint8_t change, unsigned n)
{
    unsigned done = 0;
    for (unsigned i = 0; i < m->n; i++) {
        if (m->change[i].change != change) continue;
        if (done) report_put(out, ", ");
        show_line(out, m->change[i].name);
        done++;
        if (n == 1 && m->change[i].text.len) {
            report_put(out, " (");
            show_line(out, m->change[i].text);
            report_put(out, ")");
        }
    }
}

void report_changes_line(struct buf *out, const struct wire_changes *m, uint8_t change)
{
    uint32_t more = change == WIRE_CHANGE_JOINED ? m->joined
                    : change == WIRE_CHANGE_LEFT ? m->left
                                                 : 0;
    unsigned n = 0;
    for (unsigned i = 0; i < m->n; i++)
        n += m->change[i].change == change;
    if (n + more == 0 || !change_verb(change)) return;
    put_names(out, m, change, n);
    if (more) report_put(out, n ? " and %u more" : "%u people", more);
    bool state = change == WIRE_CHANGE_AWAY || change == WIRE_CHANGE_BACK;
    report_put(out, " %s%s", state ? n > 1 ? "are " : "is " : "", change_verb(change));
}

void report_person_line(struct buf *out, const struct wire_person *p)
{
    char name[64];
    show_word(name, sizeof name, p->name);
    report_put(out, "%-20s %-5s %-10s since ", name, p->state ? "away" : "here",
               p->in_lobby ? "in #lobby" : "");
    put_time(out, p->since_ms, "%Y-%m-%d %H:%M");
    if (p->text.len) {
        report_put(out, "  ");
        show_line(out, p->text);
    }
}

void report_about_line(struct buf *out, const struct wire_about *m)
{
    char name[64];
    show_word(name, sizeof name, m->name);
    if (!m->found) {
        report_put(out, "%s: no such user", name);
        return;
    }
    report_put(out, "%s (%s) is ", name, m->role < 3 ? role_names[m->role] : "?");
    report_put(out, !m->online ? "absent, last seen "
                    : m->state ? "away, here since "
                               : "here since ");
    put_time(out, m->since_ms, "%Y-%m-%d %H:%M");
    if (!m->online && m->waiting) report_put(out, ", %u wait for them", m->waiting);
    if (m->text.len) {
        report_put(out, ": ");
        show_line(out, m->text);
    }
}

static void put_until(struct buf *out, uint64_t until_ms)
{
    report_put(out, until_ms ? " until " : " until it is lifted");
    if (until_ms) put_time(out, until_ms, "%Y-%m-%d %H:%M");
}

static void put_reason(struct buf *out, struct slice reason)
{
    if (reason.len == 0) return;
    report_put(out, ": ");
    show_line(out, reason);
}

/* What was done: words before and behind the name of whom. */
static const struct act_words {
    const char *before, *after;
    bool lasts; /* until a time, or until it is lifted: say so */
} act_words[WIRE_ACTS] = {
    [WIRE_ACT_KICK] = {"put", "out of #lobby", false},
    [WIRE_ACT_BAN] = {"banned", "from #lobby", true},
    [WIRE_ACT_MUTE] = {"muted", "in #lobby", true},
    [WIRE_ACT_UNBAN] = {"lets", "come to #lobby again", false},
    [WIRE_ACT_UNMUTE] = {"lets", "speak in #lobby again", false},
    [WIRE_ACT_ANNOUNCE] = {"lets only instructors and assistants write in #lobby", "", true},
    [WIRE_ACT_OPEN] = {"lets everybody write in #lobby again", "", false},
    [WIRE_ACT_ROLE] = {"made", "", false},
    [WIRE_ACT_LOCK] = {"banned", "from the server", true},
    [WIRE_ACT_UNLOCK] = {"lets", "come to the server again", false},
};

void report_moderated_line(struct buf *out, const struct wire_moderate_done *m)
{
    const struct act_words *w = &act_words[m->act < WIRE_ACTS && act_words[m->act].before ? m->act : WIRE_ACT_OPEN];
    if (m->by.len)
        show_line(out, m->by);
    else
        report_put(out, "the operator");
    report_put(out, " %s", w->before);
    if (m->name.len) {
        report_put(out, " ");
        show_line(out, m->name);
    }
    if (m->act == WIRE_ACT_ROLE) report_put(out, " %s", role_names[m->role < 3 ? m->role : 0]);
    if (w->after[0]) report_put(out, " %s", w->after);
    if (w->lasts) put_until(out, m->until_ms);
    put_reason(out, m->reason);
}

void report_standing_lines(struct buf *out, const struct wire_moderate_state *m, uint8_t flags)
{
    if (flags & m->flags & WIRE_STATE_BANNED) {
        report_put(out, "you are banned from #lobby");
        put_until(out, m->banned_until_ms);
        put_reason(out, m->banned_why);
    }
    if (flags & m->flags & WIRE_STATE_MUTED) {
        report_put(out, "%syou are muted in #lobby", buf_len(out) ? "\n" : "");
        put_until(out, m->muted_until_ms);
        put_reason(out, m->muted_why);
    }
    if (flags & m->flags & WIRE_STATE_ANNOUNCE)
        report_put(out, "%sonly instructors and assistants write in #lobby now", buf_len(out) ? "\n" : "");
}
