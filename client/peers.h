/*
 * peers.h - what is known of accounts, one's own included: the verified list of devices, and whether
 * to trust it (docs/sealed.md section 2).
 *
 * The first account key seen of a name is believed (trust on first use), and from then on its list may
 * only grow. What does not fit is trouble: it is remembered, nothing is sealed for that name any more,
 * until a person says peers_accept().
 *
 * All of it lies in the store, under the name in lower case (VAULT_PEER); nothing is kept between
 * calls. Functions that return int give -1 when the store failed.
 */
#ifndef CLIENT_PEERS_H
#define CLIENT_PEERS_H

#include "device_list.h"
#include "name.h"
#include "vault.h"
#include "wire_keys.h"

enum peer_trouble {
    PEER_FINE,
    PEER_CHANGED,     /* another account key */
    PEER_ROLLED_BACK, /* a shorter list, or none */
    PEER_FORKED,      /* a list that does not continue the known one */
    PEER_FORGED,      /* signatures or rules are broken */
    PEER_TROUBLES,
};

struct peer {
    char key[NAME_SIZE]; /* the name in lower case */
    bool verified;       /* a person has compared the safety number */
    bool stale;          /* the server says that the list has changed: fetch it before sealing */
    enum peer_trouble trouble;
    uint64_t barrier;        /* own ids up to here were sealed for an older list; 0: none */
    struct device_list list; /* verified; its name is as registered */
    struct buf entries;      /* the same as it travels */
};

/* Reads what is known of a name: 1; 0: nothing, and *p has only its key. A damaged record is one that
 * is PEER_FORGED. peer_free() in any case. */
int peers_get(struct vault *v, struct slice name, struct peer *p);
void peer_free(struct peer *p);

/* Writes it back. */
int peers_put(struct vault *v, const struct peer *p);

enum peer_news {
    PEER_STORE = -1,
    PEER_SAME,
    PEER_GREW,    /* the first list, or new entries */
    PEER_NO_LIST, /* there is none yet */
    PEER_AGAIN,   /* it does not begin where the known list ends: ask again */
    PEER_TROUBLE, /* this answer is the trouble; p->trouble says which */
};

/*
 * Takes the server's answer to a fetch of this list above a seq that was p->list.head.seq when it was
 * asked; another process may have taken the same since. Sessions with revoked devices
 * are dropped. newest_id: the highest id that this device has given out. *p is as stored then.
 */
enum peer_news peers_take(struct vault *v, struct peer *p, const struct wire_list_entries *m,
                          uint64_t newest_id);

/*
 * Forgets what is known of a name and the sessions with it: the next list that the server shows is
 * believed, and is not verified. 1; 0: nothing was known.
 */
int peers_accept(struct vault *v, const char *name);

/* Says that a person has compared the safety number. 1; 0: nothing is known, or there is trouble. */
int peers_verify(struct vault *v, const char *name);

/* What happened, a whole clause that follows the name: "has another account key than before". */
const char *peer_trouble_words(enum peer_trouble t);

#endif
