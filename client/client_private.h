/* client_private.h - what client.c and client_frames.c share; nobody else includes it. */
#ifndef CLIENT_PRIVATE_H
#define CLIENT_PRIVATE_H

#include "asks.h"
#include "client.h"
#include "client_groups.h"
#include "keyring.h"
#include "link.h"

enum {
    CLIENT_WINDOW = 1024,              /* messages sent and not settled */
    CLIENT_WINDOW_BYTES = 1024 * 1024, /* their bodies */
    CLIENT_BACKLOG = 256 * 1024,       /* bytes the kernel has not taken */
    CLIENT_SILENCE_MS = 20 * 1000,     /* without an answer to something sent: PING */
    CLIENT_IDLE_MS = 5 * 60 * 1000,    /* without anything heard: PING */
    CLIENT_PONG_MS = 20 * 1000,
    CLIENT_ROOM_ACK = 128,    /* messages of a room that share an acknowledgement */
    CLIENT_ROOM_ACK_MS = 250, /* … or that much time */
    CLIENT_LOGIN_MS = 15 * 1000,
    CLIENT_LEAVE_MS = 2000,
    CLIENT_PAUSE_MIN_MS = 200,
    CLIENT_PAUSE_MAX_MS = 30 * 1000,
    CLIENT_CHECK_MIN_MS = 100, /* looking whether another process settled what we sent */
    CLIENT_CHECK_MAX_MS = 2000,
    CLIENT_LOGIN_TRIES = 3, /* bad-login can be a challenge that the server lost */
    CLIENT_SEAL_AT_ONCE = 256,   /* drafts in one transaction */
    CLIENT_HOLD_MOST = 256,      /* texts of client_hold() in one transaction */
    CLIENT_LOOK_MS = 20 * 1000,  /* looking for drafts of other processes */
    CLIENT_DUTY_RETRY_MS = 1000, /* when the server refused an entry or prekeys, at least */
    CLIENT_CLASS_MS = 3600 * 1000, /* between two looks at who is in the class */
};

/* What is kept to be told, beside types of frames; below WIRE_TYPES there is no such frame. */
enum { KEPT_MESSAGE = 0xf0, KEPT_WAITS, KEPT_NOTE, KEPT_ORDER, KEPT_DEVICE, KEPT_CLASS, KEPT_WHY, KEPT_READ };

/* Keys and drafts: client_sealed.c. */
struct sealed_side {
    struct asks asks;
    bool sweep;  /* drafts may be sealed now */
    bool held;   /* some wait until what was sealed before is settled */
    bool parked; /* received messages may wait for a list */
    bool publishing, published;
    bool listed; /* the server has shown our own list, with this device in it */
    uint64_t duty_due, look_due;
    uint32_t max_text; /* of the server, 0: not known yet */
};

/* The question of client_why() that is not answered yet: client_why.c. */
struct why_side {
    uint64_t number;      /* of the message; 0: there is none */
    bool asked;           /* the server is; else it waits to be sealed */
    uint64_t id, room_number; /* which was asked about */
    struct buf rows;      /* of an answer in parts */
};

/* What was shown and is not told yet: client_reads.c. */
struct reads_side {
    struct buf shown;
    uint64_t due;
};

struct files_side;   /* client_files.c */
struct class_side;   /* client_class.c */
struct devices_side; /* client_devices.c */

struct client {
    struct client_options o; /* host, port, user are our own copies */
    enum client_state state;
    struct link *link;
    int ready_fd; /* client_connect_over() */

    char name[WIRE_NAME_MAX + 1];
    char *away; /* text, NULL: here */

    unsigned failures;   /* in a row: how long to pause */
    unsigned bad_logins; /* in a row */
    unsigned gaps;
    uint64_t due;       /* PAUSING: dial; LOGIN, LEAVING: give up */
    uint64_t heard_at;  /* anything from the server */
    uint64_t sent_at;   /* a message */
    uint64_t pinged_at; /* 0: no PONG is due */

    uint64_t settled_upto; /* every own id up to here is settled */
    uint64_t told_upto;    /* and that was told */
    uint64_t sent_upto;    /* every id up to here was sent on this connection */
    size_t flight_bytes;   /* of those sent and not settled (at most) */
    bool more;             /* the outbox may hold more than was sent */
    unsigned held;         /* texts since client_hold() */
    uint64_t check_at;
    unsigned check_ms;

    /* The batch: what one turn received. Committed, then acknowledged, then told. */
    bool in_batch, moved, ack_direct, ack_settled;
    bool unread; /* the link has frames that were left for the next step */
    uint32_t window;      /* the server's */
    uint32_t room_unread; /* room messages whose acknowledgement waits for more of them, … */
    uint64_t room_due;    /* … until then at most */
    bool loose; /* the next direct message may have any number */
    struct vault_place place;
    struct buf told; /* events that wait for the commit */

    struct {
        uint64_t after, before; /* client_fill(); before 0: nothing was asked for */
    } fill;
    struct sealed_side sealed;
    struct groups_side groups;
    struct why_side why;
    struct reads_side reads;
    struct class_side *joining;   /* client_class_join() looks for its class, NULL: it does not */
    uint64_t class_due;           /* not before: looking at everybody's entries */
    struct files_side *files;     /* NULL: nothing is to be done about files */
    struct devices_side *devices; /* a change of the own list that is under way, NULL: none */
};

/* Is it a message that this device has sent? */
bool client_own(const struct client *c, const struct wire_deliver *m);

/* Keeps a payload to be told with the batch; extra: a number of an own message. */
void client_keep(struct client *c, uint8_t type, uint64_t extra, struct slice payload);
/* Keeps a received message; m->body as in struct vault_row. */
void client_keep_message(struct client *c, uint64_t row, enum vault_how how,
                         const struct wire_deliver *m);
/* Keeps that an own message waits, or a note; what: enum client_wait or client_note. */
void client_keep_words(struct client *c, uint8_t type, uint64_t number, uint8_t what,
                       const char *name, enum peer_trouble trouble);
/* Keeps news about a device of this account. */
void client_keep_device(struct client *c, enum client_device_news what, uint64_t device, const char *words);
/* Keeps news about the class. */
void client_keep_class(struct client *c, enum client_class_news what, const char *name, const char *words);
/* Tells what was kept. The callbacks may end the connection. */
void client_tell_kept(struct client *c);

uint64_t client_now(const struct client *c);
void client_tell(struct client *c, const struct client_event *e);

/* Ends the connection: for good with a code, or to dial again (retry_ms: the server's wish). */
void client_fail(struct client *c, const char *code, const char *text, const uint8_t *server_id);
void client_lost(struct client *c, const char *code, const char *reason, uint32_t retry_ms);
void client_vault_failed(struct client *c);

/* Acknowledges the room, if it is time to or something else is on the way already. */
void client_ack_room(struct client *c);

/* What a frame leads to: 0, -1 the frame is not allowed, TAKE_STORE the store failed, TAKE_OVER no more. */
enum { TAKE_STORE = -2, TAKE_OVER = -3 };

/* Opens the batch's transaction if it is not. -1: the store failed. */
int client_in_batch(struct client *c);

/* Takes the frames that the link has, up to turn_frames, as one batch (or several when RESYNC cuts it). */
void client_take(struct client *c);
/* Gives up what was received and not committed. */
void client_drop_batch(struct client *c);

/* Reads the place from the store; used before LOGIN and RESUME. -1 when the store failed. */
int client_begin_stream(struct client *c, struct wire_resume *r);
/* Tells of own messages that another process settled. -1 when the store failed. */
int client_sync_settled(struct client *c);
/* Keeps for telling what became of own ids up to one. */
int client_tell_settled(struct client *c, uint64_t upto);

/* A message of the lobby into the history. */
int client_keep_room(struct client *c, struct wire_deliver *m);

/* --- client_fill.c --- */

/* Was it asked for? */
bool client_fills(const struct client *c, const struct wire_deliver *m);
int client_take_fill(struct client *c, struct wire_deliver *m);
int client_take_history(struct client *c, struct slice payload);

/* --- client_sealed.c --- */

/* Logged in, or after RESYNC: asks for what is needed. -1: the store failed. */
int client_sealed_begin(struct client *c);
/* Has things to do now, or at this time (UINT64_MAX: no). */
bool client_sealed_busy(const struct client *c);
uint64_t client_sealed_due(const struct client *c);
/* Does what is due, outside of a batch. -1: the store failed. */
int client_sealed_step(struct client *c);
/* Something of ours was settled: what waited for that may go on. */
void client_sealed_settled(struct client *c);
/* Frames, inside a batch. */
int client_take_keys(struct client *c, struct slice payload);
int client_take_list(struct client *c, struct slice payload);
int client_take_moderate(struct client *c, struct slice payload);
/* A direct message that is new, inside a batch. */
int client_take_direct(struct client *c, const struct wire_deliver *m);
/* The server's list of devices of this account is newer than ours. -1: the store failed. */
int client_stale(struct client *c, struct slice name);
/* A text to a user or a group: seals it or keeps it. -1: the store failed. */
int client_send_sealed(struct client *c, uint8_t kind, struct slice to, uint8_t form, struct slice text,
                       uint64_t *number);
/*
 * The same for any content, inside a transaction: body is what the history shows. A draft without a number gets
 * one. -1: the store failed.
 */
int client_draft(struct client *c, uint8_t kind, struct vault_draft *d, struct slice body, uint64_t now_ms);
/* Who does it, for what lies between engine and store. */
struct keyring client_keyring(const struct client *c);
/* Keeps the note that the log of a group is not what it must be. */
void client_keep_group_note(struct client *c, const struct group *g);
/* Milliseconds since 1970. */
uint64_t client_wall_ms(void);

/* --- client_why.c --- */

/* Logged in, or after RESYNC: asks about what was last heard of as stored. -1: the store failed. */
int client_why_begin(struct client *c);
/* Goes on with a question when what it waited for has come. -1: the store failed. */
int client_why_step(struct client *c);
/* It has turned out what this message waits for. */
void client_why_waits(struct client *c, uint64_t number, enum client_wait why, const char *words);
int client_take_why(struct client *c, struct slice payload);
void client_tell_why(struct client *c, uint64_t number, struct slice payload);
void client_tell_why_waits(struct client *c, uint64_t number, struct slice payload);

/* --- client_reads.c --- */

/* Drafts receipts, when it is time to or at once. -1: the store failed. */
int client_reads_step(struct client *c);
int client_reads_flush(struct client *c);
/* When client_reads_step() has something to do; UINT64_MAX: not by itself. */
uint64_t client_reads_due(const struct client *c);
/* A receipt by the sender of m: its state, then u64 each what it is about. -1: the store failed. */
int client_take_read(struct client *c, const struct wire_deliver *m, struct slice receipt);
void client_tell_read(struct client *c, struct slice payload);

/* --- client_class.c --- */

int client_take_roster(struct client *c, struct slice payload);
/* Logged in: whoever receives hears, once in a while, whom the class has signed. -1: the store failed. */
int client_class_begin(struct client *c);
void client_class_free(struct client *c);

/* --- client_files.c --- */

int client_take_blob(struct client *c, struct slice payload);
/* Outside of every batch's transaction. */
int client_take_data(struct client *c, struct slice payload);
/* Logged in, or after RESYNC: every transfer begins again where it was. */
void client_files_begin(struct client *c);
/* Does what is due, outside of a batch. -1: the store failed. */
int client_files_step(struct client *c);
/* Puts bytes of files into the link when nothing else waits there. */
void client_files_push(struct client *c);
bool client_files_busy(const struct client *c);
uint64_t client_files_due(const struct client *c);
void client_files_free(struct client *c);

/* --- client_devices.c --- */

int client_take_admit(struct client *c, struct slice payload);
/* The own list as the server has it now, inside a batch. */
void client_devices_listed(struct client *c, const struct peer *own);
/* The server will never take the entry that was to change it. */
void client_devices_refused(struct client *c, struct slice text);
/* The connection is new: an admission that was under way is over. */
void client_devices_begin(struct client *c);
void client_devices_free(struct client *c);

#endif
