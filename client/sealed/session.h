/*
 * session.h - the sessions with one other device: X3DH for the first message, the ratchet for all
 * after it, several side by side when both begin at once or one begins anew (docs/sealed.md
 * section 5.1; the idea is that of The Sesame Algorithm). Heads are read and written here.
 */
#ifndef SEALED_SESSION_H
#define SEALED_SESSION_H

#include "ratchet.h"
#include "x3dh.h"

enum {
    SESSION_MAX = 5,
    SESSION_STARTS_PER_DAY = 10,
    SESSION_HEAD_PLAIN = 10, /* bytes of a head before header or X3DH part */
    SESSION_HEAD_MAX = 256,
};

enum { HEAD_RATCHET = 1, HEAD_FIRST = 2 };

/* Beyond RATCHET_OPENED ... RATCHET_LOW_ORDER, the reasons of a resend request (docs section 6.1).
 */
enum session_verdict {
    SESSION_OPENED,
    SESSION_DAMAGED,
    SESSION_NO_KEY,
    SESSION_TOO_FAR,
    SESSION_LOW_ORDER,
    SESSION_UNKNOWN,  /* no such session here: a restored backup, or one too old */
    SESSION_STRANGER, /* not the keys that the sender's device list has */
    SESSION_GONE,     /* a prekey that was used or has expired */
    SESSION_REPEATED, /* this first message was taken before */
    SESSION_TOO_MANY, /* first messages from this device today, or without a one-time prekey */
};

/* What the verdict means, for a person: a whole clause. */
const char *session_verdict_words(enum session_verdict v);

struct session {
    bool open; /* the other side has answered, or began */
    uint8_t number[SEALED_HASH];
    uint32_t used;         /* day */
    struct x3dh_part part; /* repeated in front of every message until it is open */
    struct ratchet ratchet;
};

/* Zero-initialise; sessions_wipe() in the end. */
struct sessions {
    size_t n, current; /* current is of use when n > 0 */
    struct session s[SESSION_MAX];
    uint32_t day;   /* of the count below */
    uint8_t starts; /* first messages accepted that day */
};

/* This device: what it signs, agrees and answers with. */
struct session_self {
    struct device_who who;
    struct sealed_pair x;
};

/* What else happened when a message was opened. */
enum session_event {
    SESSION_AS_BEFORE,
    SESSION_BEGAN, /* the first session with this device, or both began at once */
    SESSION_RESET, /* the other side began anew: show it (docs section 5.1) */
};

/*
 * Begins a session with a fetched bundle; it is current from now on. GOOD, or why not (and nothing
 * has changed).
 */
enum x3dh_verdict sessions_start(struct sessions *all, const struct session_self *self,
                                 const struct device_who *peer, const struct bundle *bundle,
                                 uint32_t day, const struct sealed_random *rnd)
    __attribute__((warn_unused_result));

/* A head for text (at most 100 bytes) in the current session behind out. -1: there is none. */
int sessions_seal(struct sessions *all, struct slice text, uint32_t day,
                  const struct sealed_random *rnd, struct buf *out)
    __attribute__((warn_unused_result));

/*
 * Opens a head from the device peer; the text is put behind out. prekeys: used for a first message.
 * Unless OPENED nothing has changed, neither sessions nor prekeys. event may be NULL.
 */
enum session_verdict sessions_open(struct sessions *all, const struct session_self *self,
                                   const struct device_who *peer, struct prekeys *prekeys,
                                   struct slice head, uint32_t day, struct buf *out,
                                   enum session_event *event) __attribute__((warn_unused_result));

/* For the store; secret. False: damaged, and *all is empty. */
void sessions_encode(const struct sessions *all, struct buf *out);
bool sessions_decode(struct sessions *all, struct slice in) __attribute__((warn_unused_result));
void sessions_wipe(struct sessions *all);

#endif
