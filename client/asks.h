/*
 * asks.h - questions about keys to the server (LIST and KEYS fetches): each once at a time, few at once,
 * again later when there was nothing. Pure: time is an argument (monotonic ms).
 */
#ifndef CLIENT_ASKS_H
#define CLIENT_ASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "name.h"

enum {
    ASKS_AT_ONCE = 16, /* under way */
    ASKS_AGAIN_MIN_MS = 500,
    ASKS_AGAIN_MAX_MS = 60 * 1000,
};

enum ask_state { ASK_WANTED, ASK_UNDER_WAY, ASK_ANSWERED, ASK_LATER };

struct ask {
    uint8_t type;         /* WIRE_LIST, WIRE_KEYS */
    char name[NAME_SIZE]; /* in lower case */
    uint64_t device;      /* KEYS; 0: every one */
    enum ask_state state;
    unsigned tries;  /* answers that did not help */
    uint64_t due_ms; /* LATER */
};

/* Zero-initialise; asks_free() in the end. */
struct asks {
    struct ask *ask;
    size_t n, cap;
    uint64_t held_ms; /* the server wants no question before */
};

/*
 * An answer to this is needed. True when it has just been answered and did not help, so that it is
 * asked again later.
 */
bool asks_want(struct asks *a, uint8_t type, const char *name, uint64_t device, uint64_t now_ms);

/* What to ask now, NULL: nothing. It is under way then. Valid until the next call. */
const struct ask *asks_next(struct asks *a, uint64_t now_ms);

/* Has this been asked, or is to be, and not been answered yet? Not when it is put off until later. */
bool asks_pending(const struct asks *a, uint8_t type, const char *name);

/* It was answered. What is not wanted again by the time of asks_tidy() is done with. */
void asks_answered(struct asks *a, uint8_t type, const char *name);
void asks_tidy(struct asks *a);

/* There is news of it: what waits for later is asked now. */
void asks_hurry(struct asks *a, uint8_t type, const char *name);

/* The server refused one for now, and wants no other for so long. */
void asks_hold(struct asks *a, uint8_t type, const char *name, uint64_t until_ms);

/* The connection is new: what was under way is not. */
void asks_reset(struct asks *a);

/* When asks_next() may have something, UINT64_MAX: not before something happens. */
uint64_t asks_due(const struct asks *a, uint64_t now_ms);

void asks_free(struct asks *a);

#endif
