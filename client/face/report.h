/*
 * report.h - events as JSON objects and as lines for people. No terminal, no server: pure.
 * All foreign bytes pass show.h (lines) or out_text() (JSON).
 */
#ifndef FACE_REPORT_H
#define FACE_REPORT_H

#include <jansson.h>

#include "../client.h"

json_t *report_message(const struct wire_deliver *m, enum vault_how how);
/* An own message waits: code is that of enum client_wait in words. */
json_t *report_waits(uint64_t number, enum client_wait why, const char *to, const char *words);
json_t *report_accepted(const struct wire_accepted *m, uint64_t id, const char *to);
json_t *report_rejected(const struct wire_rejected *m, const char *to);
json_t *report_error(const char *code, const char *message, const char *hint);
/* standing: in the class, in words; empty: there is none. */
json_t *report_person(const struct wire_person *p, struct slice standing);
/* One change of presence; NULL for a kind that this version does not know. */
json_t *report_change(const struct wire_change *c);

enum report_style {
    REPORT_DATED, /* 2024-10-10 14:03:31 #lobby 40 bob: text */
    REPORT_SHORT, /* 14:03 #lobby bob: text */
    REPORT_COPY = 2, /* beside one of these: an own message, sent by another device: 14:03 me -> bob: text */
};

/*
 * A message; further lines of it begin with an indent and a bar. One to a user that was not sealed, or
 * did not open, says so.
 */
void report_message_line(struct buf *out, const struct wire_deliver *m, enum vault_how how,
                         enum report_style style);

/* The same as REPORT_SHORT, and the time as strftime(3) has it. */
void report_message_at(struct buf *out, const struct wire_deliver *m, enum vault_how how, enum report_style style,
                       const char *time_format);

/* What a row says that is no message of its sender: an entry of a log, a gap, one that did not open. Else false. */
bool report_event_words(struct buf *out, const struct wire_deliver *m, enum vault_how how);

/* "stored: frank is absent, 3 wait for him, kept 30 days", or the other states. */
void report_accepted_line(struct buf *out, const struct wire_accepted *m, const char *to);

/* "cannot deliver to "frnak": no such user", and "did you mean "frank"?" (may be empty). */
void report_rejected_lines(struct buf *what, struct buf *hint, const struct wire_rejected *m,
                           const char *to);

/* The words of a refusal of which only the code is known. */
const char *report_refusal_words(uint16_t code);

/* "accepted", "stored", "delivered", "expired", "revoked" of WIRE_STATE_*, WIRE_WHY_REVOKED. */
const char *report_state_name(uint8_t state);

/* "7 to bob, 14:03: stored, 3rd in the queue, kept until 2026-12-08 14:03; bob is absent since 14:01". */
void report_why_line(struct buf *out, const struct client_why *w);
json_t *report_why_answer(const struct client_why *w);
/* Somebody has read these. */
json_t *report_read(const char *name, const uint64_t *number, size_t n);

/* "bob, carol and 6 more joined", nothing when the changes are none of this kind. */
void report_changes_line(struct buf *out, const struct wire_changes *m, uint8_t change);

void report_person_line(struct buf *out, const struct wire_person *p);
void report_about_line(struct buf *out, const struct wire_about *m);

/* What an entry of a group's log says: "alice invited bob". False: it is none. */
bool report_entry_line(struct buf *out, struct slice entry);
/* "owner", "assistant", "member", "invited" … of enum membership_role. */
const char *report_role(uint8_t role);
/* The ops of the log as words for scripts: "invite"; NULL: none. */
const char *report_op(uint8_t op);
void report_group_line(struct buf *out, const struct wire_group_row *r);
void report_member_line(struct buf *out, const struct wire_member_row *r);
json_t *report_group(const struct wire_group_row *r);
json_t *report_member(struct slice room, const struct wire_member_row *r);
/* "prof muted bob in #lobby until 2024-10-10 14:03: too loud". */
void report_moderated_line(struct buf *out, const struct wire_moderate_done *m);
json_t *report_moderated(const struct wire_moderate_done *m);
/* "you are muted in #lobby until it is lifted: too loud", a line for each of these flags that holds. */
void report_standing_lines(struct buf *out, const struct wire_moderate_state *m, uint8_t flags);

/* printf at the end of a buffer; the text must be ours or filtered. */
void report_put(struct buf *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
