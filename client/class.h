/*
 * class.h - the class that this account belongs to: its anchor key, whom the instructor has invited, who is
 * in (docs/sealed.md section 11). All of it lies in the store; nothing is kept between calls, and whatever
 * changes runs inside a transaction of the caller's.
 *
 * At the server an entry stands behind the anchor key that signed it, so that somebody with a code finds
 * the key; only the welcome proves that it is the right one.
 *
 * Functions that return int give -1 when the store failed.
 */
#ifndef CLIENT_CLASS_H
#define CLIENT_CLASS_H

#include "name.h"
#include "sealed/invitation.h"
#include "vault.h"

enum { CLASS_ENTRY_DAYS = 400 }; /* an entry is good for a school year */

struct class_room {
    uint8_t anchor_key[SEALED_KEY];
    char name[ANCHOR_CLASS_MAX + 1];
    bool own; /* this account signs: */
    uint8_t anchor_secret[SEALED_SIGN_SECRET];
};

/* The class: 1; 0: none. Wipe it with class_wipe(). */
int class_get(struct vault *v, struct class_room *room);
void class_wipe(struct class_room *room);

/* Makes an anchor key, or pins one. 1; 0: there is a class already. */
int class_make(struct vault *v, const char *name, const struct sealed_random *rnd);
int class_pin(struct vault *v, const uint8_t anchor_key[SEALED_KEY], struct slice name);

/* Notes an invitation, in the place of an older one for that name, and spells its code. */
int class_invite(struct vault *v, const char *name, uint8_t role, const struct sealed_random *rnd,
                 char code[INVITATION_CODE]);

struct class_invited {
    char name[NAME_SIZE]; /* in lower case */
    uint8_t role;         /* enum anchor_role */
    bool used;            /* for account_key */
    uint8_t account_key[SEALED_KEY];
};

/* The next invitation behind the name in out->name (empty: the first): 1; 0: no more. */
int class_next_invited(struct vault *v, struct class_invited *out);

/* Signs a person's entry, as it stands at the server, behind item. -1 also: a name that cannot be. */
int class_sign(const struct class_room *room, struct slice name, const uint8_t account_key[SEALED_KEY],
               uint8_t role, uint64_t now_ms, struct buf *item);

enum class_claim { CLASS_CLAIM_STORE = -1, CLASS_CLAIM_GOOD, CLASS_CLAIM_NO_CODE, CLASS_CLAIM_USED };

/*
 * The instructor's judgement of a claim that the account `name` has put: entry (as it stands at the server)
 * and welcome go behind the buffers, and the code counts as used. A repeat of the same is answered again.
 */
enum class_claim class_take_claim(struct vault *v, const struct class_room *room, struct slice name,
                                  struct slice claim, uint64_t now_ms, struct buf *item, struct buf *welcome);

/* Which class an item at the server is of, by its own word. False: damaged, or not signed by that key. */
bool class_peek(struct slice item, uint8_t anchor_key[SEALED_KEY], struct slice *name);

/* Keeps what a person is to do with the welcome that comes. */
int class_joining(struct vault *v, const uint8_t secret[INVITATION_SECRET], const uint8_t anchor_key[SEALED_KEY],
                  struct slice class_name);

/* The welcome: 1, and the class is pinned; 0: it proves nothing, or none was waited for. */
int class_take_welcome(struct vault *v, struct slice welcome, uint64_t now_ms);

/* Keeps an item of the server about this account, if the anchor has signed it and it is newer. 1; 0: not. */
int class_take_entry(struct vault *v, const struct class_room *room, struct slice name, struct slice item,
                     uint64_t now_ms);

enum class_standing {
    CLASS_NONE = 0,  /* this account has no class */
    CLASS_MEMBER,    /* the anchor has signed this name with this account key */
    CLASS_OTHER_KEY, /* … with another account key: do not trust it */
    CLASS_EXPIRED,
    CLASS_OUTSIDE, /* not in class, as far as was heard */
};

/* Where somebody stands by what was last heard; role of a member or an expired one. -1: the store failed. */
int class_standing(struct vault *v, struct slice name, const uint8_t account_key[SEALED_KEY], uint64_t now_ms,
                   uint8_t *role);

/* "verified by the class (student)", "not in class": for a person; empty for CLASS_NONE. */
const char *class_words(enum class_standing s, uint8_t role);

/* The next member whose entry is kept, behind this name (empty: the first): 1; 0: no more. */
int class_next_member(struct vault *v, char name[VAULT_NAME], struct anchor_entry *e, struct buf *bytes);

#endif
