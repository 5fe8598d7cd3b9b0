/*
 * guest.h - a device that is not in its account's list yet, on its way in: docs/protocol.md section 6.7,
 * docs/sealed.md section 12. Admitted by a device that is in:
 *
 *   CONNECTING -> ASKING -> CODE -- guest_taken() --> GRANT -> IN
 *
 * or by the account key from paper: CONNECTING -> PAPER -> IN. Anything may end in FAILED. It owns one
 * connection and no timer; wait for guest_fd() as for a client's.
 */
#ifndef CLIENT_GUEST_H
#define CLIENT_GUEST_H

#include "identity.h"
#include "trust.h"
#include "wire_keys.h"

enum guest_state { GUEST_CONNECTING, GUEST_ASKING, GUEST_CODE, GUEST_GRANT, GUEST_PAPER, GUEST_IN, GUEST_FAILED };

struct guest_options {
    const char *host, *port, *user;  /* borrowed, like the identity */
    const struct identity *identity; /* this device */
    const uint8_t *seed;             /* 32 bytes, the account key from paper; NULL: ask a device that is in */
    uint64_t wall_ms;                /* since 1970 */
    enum trust_verdict (*trust)(void *arg, const uint8_t server_id[32]);
    void *arg;
};

struct guest;

/* Begins to connect. now: monotonic ms, here and below. */
struct guest *guest_new(const struct guest_options *o, uint64_t now);
/* Closes at once and wipes. NULL is fine. */
void guest_free(struct guest *g);

int guest_fd(const struct guest *g);
short guest_wants(const struct guest *g);
/* Milliseconds to the next deadline, -1: none. */
int guest_timeout_ms(const struct guest *g, uint64_t now);
void guest_step(struct guest *g, short revents, uint64_t now);

enum guest_state guest_state(const struct guest *g);
/* CODE: eight digits, to be typed into the device that has answered. */
const char *guest_code(const struct guest *g);
/* The person says that the other device took the code. Never call it for anything less. */
void guest_taken(struct guest *g);

/*
 * FAILED: as CLIENT_FAILED has them; code is also no-answer, given-up, middle, bad-list. id: of a server
 * that is not trusted, else NULL.
 */
const char *guest_failure(const struct guest *g, const char **text, const uint8_t **server_id);

/*
 * IN: the list, this device in it, verified, as an answer to a fetch has it: for peers_take(). False: the
 * device was in already, and nothing was exchanged. Slices live as long as the guest.
 */
bool guest_list(const struct guest *g, struct wire_list_entries *list);
/* IN: the account key's seed when it was handed over, or came from paper. NULL: this device does not have it. */
const uint8_t *guest_seed(const struct guest *g);

#endif
