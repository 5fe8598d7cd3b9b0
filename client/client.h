/*
 * client.h - the engine of every client: keeps one device connected, sends its outbox, receives
 * its messages once and in order (docs/protocol.md sections 5 to 7, DESIGN section 5).
 *
 * It fits any loop: wait until client_fd() is ready for client_wants() or client_timeout_ms() has
 * passed, then call client_step(). Thousands of clients fit into one process: no globals, no
 * threads, a few hundred bytes each when idle.
 *
 * Everything that happens is told by events, from inside client_step(). A callback may call
 * anything here but client_step() and client_free(). A message is told after it was committed to
 * the store, and acknowledged whether or not the process lives to show it: what must not be missed
 * is read back from the store (vault_history()).
 *
 * Texts to users are sealed end to end (docs/sealed.md), always and by themselves; while one cannot be
 * sealed it waits, and says for what. What the lobby hears, the server can read.
 *
 * Own messages are known by the number that client_send() gave them, in every event.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "identity.h"
#include "membership.h"
#include "receipts.h"
#include "vault.h"
#include "trust.h"
#include "wire_groups.h"
#include "wire_keys.h"
#include "wire_moderate.h"

enum client_event_type {
    CLIENT_CONNECTED, /* welcome */
    CLIENT_LOST,      /* lost: goes on by itself after retry_ms */
    CLIENT_FAILED,    /* failed: trying again cannot mend it; client_connect() tries all the same */
    CLIENT_LEFT,      /* client_bye() has been carried out */
    CLIENT_MESSAGE,   /* message */
    CLIENT_ACCEPTED,  /* accepted */
    CLIENT_REJECTED,  /* rejected: by the server, or by this client since it cannot be sealed */
    CLIENT_RECEIPT,   /* receipt */
    CLIENT_READ,      /* read: somebody says that they have read messages of ours */
    CLIENT_WHY,       /* why: the answer to client_why() */
    CLIENT_WAITS,     /* waits: one or more times for the same message */
    CLIENT_NOTE,      /* note: something about the keys of a person */
    CLIENT_CHANGES,   /* changes */
    CLIENT_PERSON,    /* person: one of the list asked for */
    CLIENT_LIST_END,  /* that was the list */
    CLIENT_ABOUT,     /* about */
    CLIENT_GROUP,     /* group: the lobby */
    CLIENT_ORDER,     /* order: what became of a client_order() */
    CLIENT_GROUPS,    /* groups: one of the list asked for */
    CLIENT_GROUPS_END,
    CLIENT_MEMBERS,   /* members: one of them */
    CLIENT_MEMBERS_END,
    CLIENT_INVITED,   /* invited: into a group */
    CLIENT_GONE,      /* invited: the group was deleted; who says why */
    CLIENT_NO_GROUP,  /* no_group: a question about it was refused */
    CLIENT_MODERATED, /* moderated: somebody did this in the lobby, or to this account */
    CLIENT_STANDING,  /* standing: what holds for this account in the lobby */
    CLIENT_REFUSED,   /* refused: what client_moderate() asked for */
    CLIENT_DEVICE,    /* device: something about the devices of this account */
    CLIENT_CLASS,     /* class_news */
    CLIENT_FILLED,    /* filled_upto: what client_fill() asked for has come */
    CLIENT_FILE,      /* file: client_files.h */
};

/* What a message that cannot be sealed yet waits for. */
enum client_wait {
    CLIENT_WAIT_KEYS = 1, /* the recipient has no keys at the server: it leaves when there are some */
    CLIENT_WAIT_TRUST,    /* a person has to look at the recipient's keys first: client_accept() */
};

enum client_note {
    CLIENT_NOTE_TROUBLE = 1, /* the account's keys or list are not what they were: sending stops */
    CLIENT_NOTE_RESET,       /* one of its devices has begun anew: restored from a copy, or cloned */
    CLIENT_NOTE_GROUP,       /* a group's log is not what it must be: nothing is sent to it any more */
};

/* What happens to the own list of devices; device is the one that it is about. */
enum client_device_news {
    CLIENT_DEVICE_ASKS = 1, /* a new one wants to be let in: client_admit() */
    CLIENT_DEVICE_CODE,     /* it shows a code: client_admit_code() */
    CLIENT_DEVICE_RIGHT,    /* the code was right; whoever holds the new one tells it so */
    CLIENT_DEVICE_ADDED,
    CLIENT_DEVICE_REVOKED,
    CLIENT_DEVICE_ENDED, /* nothing has changed; words say why */
};

/* What happens to the class (class.h). */
enum client_class_news {
    CLIENT_CLASS_SIGNED = 1, /* name's claim was good: signed */
    CLIENT_CLASS_UNSIGNED,   /* name's claim was not; words say why */
    CLIENT_CLASS_ALL_SIGNED, /* no claim waits */
    CLIENT_CLASS_CLAIMED,    /* client_class_join(): the claim is at the server */
    CLIENT_CLASS_JOINED,     /* the welcome has come: the class is pinned */
    CLIENT_CLASS_PUT,        /* client_class_put() is durable */
    CLIENT_CLASS_LISTED,     /* client_class_fetch(): everybody's entries are in the store */
    CLIENT_CLASS_ENDED,      /* it cannot be; words say why */
};

/* Pointers and slices are valid during the callback. All text in them is foreign: see show.h. */
struct client_event {
    enum client_event_type type;
    union {
        const struct wire_welcome *welcome;
        struct {
            const char *code; /* wire_code_name(), or: unreachable, lost, busy, silent */
            const char *reason;
            uint32_t retry_ms;
        } lost;
        struct {
            /* A wire_code_name() or: unknown-server, changed-server, trust, bad-proof, bad-time,
             * not-ours, version, store, other-server, stream-gap. */
            const char *code;
            const char *text;
            const uint8_t *server_id; /* unknown-server and changed-server */
        } failed;
        struct {
            const struct wire_deliver *m; /* its body as in struct vault_row */
            enum vault_how how;
            uint64_t row; /* of the store's history */
            bool own;     /* sent by this device */
        } message;
        struct {
            uint64_t number;
            enum client_wait why;
            const char *name, *words; /* "waits for bob's keys" */
        } waits;
        struct {
            enum client_note what;
            const char *name, *words; /* "bob has another account key than before" */
        } note;
        struct {
            uint64_t number;
            uint8_t op;       /* enum membership_op */
            bool earlier;     /* a process before this one was given it */
            const char *room; /* as given */
            const char *code; /* NULL: done; else wire_code_name() */
            struct slice text;
        } order;
        struct {
            const struct wire_group_row *row;
            bool cut; /* GROUPS_END: there are more than are listed */
        } groups;
        struct {
            struct slice room;
            const struct wire_member_row *row; /* MEMBERS_END: NULL */
        } members;
        const struct wire_group_notice *invited;
        const struct wire_group_no *no_group;
        struct {
            enum client_device_news what;
            uint64_t device;
            const char *words; /* ENDED: "somebody ..." or "the code was wrong ..."; else empty */
        } device;
        struct {
            enum client_class_news what;
            const char *name, *words;
        } class_news;
        struct {
            const char *name;       /* who has read them */
            uint8_t kind;           /* WIRE_TO_USER: they were to them alone; WIRE_TO_ROOM: to groups */
            const uint64_t *number; /* n of them */
            size_t n;
        } read;
        const struct client_why *why;
        const struct client_file_event *file;
        const struct wire_accepted *accepted; /* id: the number; so in the next two */
        const struct wire_rejected *rejected;
        const struct wire_receipt *receipt;
        const struct wire_changes *changes;
        const struct wire_person *person;
        const struct wire_about *about;
        const struct wire_group *group;
        uint64_t filled_upto; /* FILLED: the last number that came, or `after` of client_fill() */
        const struct wire_moderate_done *moderated;
        const struct wire_moderate_state *standing;
        const struct wire_keys_refused *refused;
    };
};

struct client_options {
    const char *host, *port, *user;  /* copied */
    uint32_t caps;                   /* WIRE_CAP_* */
    const struct identity *identity; /* borrowed, like the store */
    struct vault *vault;
    /* Is this the server? NULL trusts any (load tools). Anything but PINNED ends in FAILED. */
    enum trust_verdict (*trust)(void *arg, const uint8_t server_id[32]);
    void (*event)(void *arg, const struct client_event *e);
    void *arg;
    uint64_t (*clock)(void *arg); /* monotonic ms; NULL: the system's */
    bool read_receipts; /* client_set_read_receipts() */
    unsigned turn_frames; /* at most so many frames in one client_step(): a person waits; 0: all there are */
    const char *folder; /* for the state of transfers, borrowed; NULL: no files */
    const char *downloads; /* where files go when nobody says, borrowed, may change; NULL or "": client_files.h */
    bool sparing; /* publishes no one-time prekeys: thousands of clients in one process */
};

enum client_state {
    CLIENT_OFF,      /* not to be connected: new, failed, left, disconnected */
    CLIENT_PAUSING,  /* waits before it dials again */
    CLIENT_DIALLING, /* connecting, handshake */
    CLIENT_LOGIN,    /* LOGIN sent */
    CLIENT_OPEN,
    CLIENT_LEAVING, /* BYE sent */
};

struct client;

/* A client that is off. Fails only when the store does: NULL. */
struct client *client_new(const struct client_options *o);
/* Closes at once. NULL is fine. */
void client_free(struct client *c);

/* Be connected from now on; the first try is made by the next client_step(). */
void client_connect(struct client *c);
/* The same over a connected socket instead of the first dial (tests). */
void client_connect_over(struct client *c, int fd);
/* Says BYE if there is a connection, then LEFT is told and the client is off. */
void client_bye(struct client *c);

enum client_state client_state(const struct client *c);
/* The name as registered once connected, before that as given. */
const char *client_name(const struct client *c);

int client_fd(const struct client *c);      /* -1: none; changes with each connection */
short client_wants(const struct client *c); /* POLLIN, POLLOUT */
int client_timeout_ms(struct client *c);    /* -1: no timer runs */
void client_step(struct client *c, short revents);
/* Sends what has been put into the outbox since; client_step() does it too. */
void client_push(struct client *c);

/*
 * Another text comes, and more may follow at once: what client_send() takes from here to the next
 * client_push() or client_step() is durable then, and not before. Other processes of the same user
 * wait meanwhile, so that has to be soon. When the store fails, FAILED is told.
 */
void client_hold(struct client *c);

/*
 * Takes a text, durably, connected or not; kind and form as WIRE_TO_* and WIRE_FORM_*. 0 and its number;
 * -1 when the store failed (FAILED is told) or text is too long.
 */
int client_send(struct client *c, uint8_t kind, const char *to, uint8_t form, struct slice text,
                uint64_t *number);

/* True when nothing waits to be sealed, sent or settled, of this process or another. */
bool client_settled(const struct client *c);

/* Longest text that is taken; the server's own limit may be lower. */
enum { CLIENT_TEXT_MAX = 65536 };

/* True once others can write to this device first: its keys are at the server. */
bool client_published(const struct client *c);

/*
 * Believes the keys that the server shows of this name from now on, and sends what waits for that. 1;
 * 0: nothing was known of the name; -1: the store failed (FAILED is told).
 */
int client_accept(struct client *c, const char *name);

/*
 * The devices of the own account (docs/sealed.md sections 2 and 12). Only a device that holds the account
 * key may change the list. Each answer comes as CLIENT_DEVICE, unless the result says at once why not.
 */
enum client_may { CLIENT_MAY, CLIENT_NOT_CONNECTED, CLIENT_NO_ACCOUNT_KEY, CLIENT_NO_SUCH_DEVICE, CLIENT_NOBODY_ASKS };

/* Does this device hold the account's key? False also before the list is known, or when the store failed. */
bool client_holds_account(const struct client *c);
/* Answers the device that asks: CODE comes next, or ENDED. */
enum client_may client_admit(struct client *c);
/* What the person typed; one try. with_account_key: the new device may admit and revoke, too. */
enum client_may client_admit_code(struct client *c, const char *typed, bool with_account_key);
/* Lets go of whoever asks. */
void client_admit_end(struct client *c);
/* Takes a device out of the list for ever. */
enum client_may client_revoke(struct client *c, uint64_t device);

/*
 * The class. A client whose store holds the anchor's secret signs claims by itself when it hears of any, and
 * one that waits for a welcome takes it. -1 when not connected, or the store failed; else CLIENT_CLASS answers.
 */
int client_class_put(struct client *c);   /* the own entry, signed by the own anchor */
int client_class_sign(struct client *c);  /* looks for claims */
int client_class_fetch(struct client *c); /* everybody's entries */
/* class_name: NULL when there is only one here. */
int client_class_join(struct client *c, const uint8_t secret[12], const char *class_name);

/* Questions. -1 when not connected. Away is remembered and said again after each login. */
int client_ask_list(struct client *c);
int client_ask_about(struct client *c, const char *name);
int client_set_away(struct client *c, bool away, const char *text);
int client_group(struct client *c, uint8_t op, const char *room);
/* An order in the lobby: enum wire_act up to WIRE_ACT_ASK_MAX. MODERATED or REFUSED answers it. */
int client_moderate(struct client *c, uint8_t act, const char *name, uint32_t seconds, const char *reason);

/*
 * Groups `#name`. Messages to one go through client_send(); what comes is told as MESSAGE, entries of the
 * membership log among them, in the same order for every member.
 *
 * An order is an entry of ours for the log. It is carried out when connected, one after the other, and then
 * told as ORDER under its number. It is kept until it was carried out or refused: what a process leaves undone
 * the next one does. -1: no such name can be, the text is too long, or the store failed (FAILED is told).
 */
struct client_group_order {
    uint8_t op; /* enum membership_op */
    const char *room, *subject, *text; /* "" where the op has none */
    uint8_t role;      /* ROLE; CREATE, OPEN: 1 open, 0 by invitation */
    uint64_t until_ms; /* MUTE: ms since 1970, 0 lifts it */
};
int client_order(struct client *c, const struct client_group_order *order, uint64_t *number);
/* Told as GROUPS, MEMBERS. -1 when not connected. */
int client_ask_groups(struct client *c, bool open);
int client_ask_members(struct client *c, const char *room);

/*
 * Asks the server for messages of the lobby that are not here: numbers above `after` and below `before`, at most
 * WIRE_HISTORY_MAX of them. Each comes as MESSAGE, then FILLED. -1: not connected, or one is under way.
 */
int client_fill(struct client *c, uint64_t after, uint64_t before);

/* Takes the body of a message apart: false when there is no text that this version can show. */
bool client_body(struct slice body, uint8_t *form, struct slice *text);

#endif
