/* client_private.h - what client.c and client_frames.c share; nobody else includes it. */
#ifndef CLIENT_PRIVATE_H
#define CLIENT_PRIVATE_H

#include "client.h"
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
};

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
    uint64_t check_at;
    unsigned check_ms;

    /* The batch: what one turn received. Committed, then acknowledged, then told. */
    bool in_batch, moved, ack_direct, ack_settled;
    uint32_t window;      /* the server's */
    uint32_t room_unread; /* room messages whose acknowledgement waits for more of them, … */
    uint64_t room_due;    /* … until then at most */
    bool loose; /* the next direct message may have any number */
    struct vault_place place;
    struct buf told; /* events that wait for the commit */
};

/* Keeps a payload to be told with the batch; extra: a history row, a first id. */
void client_keep(struct client *c, uint8_t type, uint64_t extra, struct slice payload);
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

/* Takes every frame the link has, as one batch (or several when RESYNC cuts it). */
void client_take(struct client *c);
/* Gives up what was received and not committed. */
void client_drop_batch(struct client *c);

/* Reads the place from the store; used before LOGIN and RESUME. -1 when the store failed. */
int client_begin_stream(struct client *c, struct wire_resume *r);
/* Tells of own messages that another process settled. -1 when the store failed. */
int client_sync_settled(struct client *c);
/* Keeps for telling what became of own ids up to one. */
int client_tell_settled(struct client *c, uint64_t upto);

#endif
