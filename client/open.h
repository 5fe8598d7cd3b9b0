/*
 * open.h - incoming direct messages: heads and body to content (docs/sealed.md section 6).
 *
 * Inside a transaction of the caller's, together with the message's place and history: sessions and
 * prekeys change with what was opened, and not at all when it did not open (section 13).
 */
#ifndef CLIENT_OPEN_H
#define CLIENT_OPEN_H

#include "sealed/content.h"
#include "keyring.h"

/* Why a message did not open, as the history keeps it: 1 to 15 are those of enum session_verdict. */
enum open_verdict {
    OPEN_GOOD = 0,
    OPEN_DAMAGED = SESSION_DAMAGED,
    OPEN_NO_KEY = SESSION_NO_KEY,
    OPEN_TOO_FAR = SESSION_TOO_FAR,
    OPEN_STRANGER = SESSION_STRANGER,
    OPEN_TOO_MANY = SESSION_TOO_MANY,
    OPEN_REVOKED = 20, /* from a device that the account has revoked */
    OPEN_NO_SENDER_KEY, /* of a group: its sender's key has not come */
    OPEN_NOT_MEMBER,    /* of a group: its sender was not in */
    OPEN_BAD_ENTRY,     /* of a group's log: forged, or not allowed */
    OPEN_UNPROVEN,      /* of a group's log: its author would have to be an instructor */
};

/* The verdict for a person, a whole clause. */
const char *open_words(uint8_t verdict);

enum open_result {
    OPEN_STORE = -1,  /* the store failed */
    OPEN_PLAIN,       /* it was not sealed; body is as it came */
    OPEN_TEXT,        /* body is the text, as suite 0 has it, or an offer of file_book.h; to is who it was for */
    OPEN_ODD,         /* opened; nothing that this version can show */
    OPEN_SILENT,      /* opened; nothing for the user */
    OPEN_SENDER_KEY,  /* opened; a sender key of `group` is new */
    OPEN_RECEIPT,     /* opened; body is a state u8 and u64 each what it is about */
    OPEN_RESEND,      /* opened; its sender could not open our message `id` */
    OPEN_FAILED,      /* verdict says why */
    OPEN_NEED_LIST,   /* cannot be judged before the list of name is known */
};

struct opened {
    enum open_result result;
    enum open_verdict verdict;
    bool reset;           /* the other side has begun anew: show it (section 5.1) */
    bool behind;          /* the sender has seen a newer list of name than we: fetch it */
    uint64_t id;          /* RESEND */
    char name[NAME_SIZE]; /* NEED_LIST and behind */
    uint8_t group[SEALED_HASH]; /* SENDER_KEY */
    char to[NAME_SIZE];   /* TEXT: of a message that was sent again, of that one */
    struct buf body;      /* PLAIN, TEXT and RECEIPT; secret */
};

/*
 * Opens one. fresh: the name whose list the server has just shown, NULL: none; what does not fit that
 * list will not fit. open_done() in any case.
 */
void open_message(const struct keyring *k, const struct wire_deliver *m, const char *fresh,
                  struct opened *out);
void open_done(struct opened *o);

#endif
