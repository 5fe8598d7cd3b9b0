/*
 * wire.h - the public protocol between client and server: docs/protocol.md in code.
 *
 * One table names every frame with the side that may send it and the state in which it may.
 * For each frame there is a struct, an encoder wire_put_X (appends one whole frame to a buffer)
 * and a decoder wire_get_X (payload in, false unless it is exactly right). Slices that a decoder
 * gives point into the payload.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum {
    WIRE_VERSION = 1,
    WIRE_PORT = 5130,
    WIRE_CLIENT_PREFACE = 8,
    WIRE_SERVER_PREFACE = 4,
    WIRE_PROLOGUE = 19,          /* "csmsg/1" and both prefaces */
    WIRE_HANDSHAKE_MAX = 1024,   /* bytes of a handshake message */
    WIRE_MESSAGE1 = 32,
    WIRE_PROOF = 176,            /* payload of handshake message 2 */
    WIRE_MESSAGE2 = 272,
    WIRE_RECORD_HEAD = 2,
    WIRE_RECORD_MAX = 65535,     /* ciphertext bytes */
    WIRE_PLAIN_MAX = 65535 - 16, /* plaintext bytes of one record */
    WIRE_REKEY_EVERY = 65536,    /* records */
    WIRE_FRAME_HEAD = 3,
    WIRE_PAYLOAD_MAX = 65000,    /* of one frame; longer ones travel in parts */
    WIRE_JOINED_MAX = 81920,     /* of a frame put together from its parts */
    WIRE_NAME_MAX = 32,
    WIRE_HEADS_MAX = 16,         /* of a SEND: 8 devices of the recipient, 8 of the sender */
    WIRE_HEAD_MAX = 256,         /* bytes of one */
    WIRE_SEALED_MORE = 4113,     /* bytes that a body with heads may be longer than max_text */
    WIRE_CHANGES_MAX = 16,       /* presence changes listed by name */
    WIRE_HISTORY_MAX = 500,
};

#define WIRE_NEWCOMER UINT64_MAX       /* lobby_seen of a device that has seen nothing */
#define WIRE_NOT_IN_LOBBY (UINT64_MAX - 1) /* lobby_seen in RESUME: this session is not in the lobby */

enum wire_type {
    WIRE_PAD = 0x00, WIRE_PART = 0x01, WIRE_PING = 0x02, WIRE_PONG = 0x03, WIRE_BYE = 0x04,
    WIRE_ERROR = 0x05, WIRE_LOGIN = 0x10, WIRE_WELCOME = 0x11, WIRE_RESUME = 0x12,
    WIRE_RESYNC = 0x13, WIRE_SEND = 0x20, WIRE_ACCEPTED = 0x21, WIRE_REJECTED = 0x22,
    WIRE_DELIVER = 0x23, WIRE_ACK = 0x24, WIRE_RECEIPT = 0x25, WIRE_WHY_ASK = 0x26,
    WIRE_WHY = 0x27, WIRE_PRESENCE_ASK = 0x30,
    WIRE_PRESENCE = 0x31, WIRE_KEYS_ASK = 0x40, WIRE_KEYS = 0x41, WIRE_LIST_ASK = 0x42,
    WIRE_LIST = 0x43, WIRE_ADMIT_ASK = 0x44, WIRE_ADMIT = 0x45, WIRE_ROSTER_ASK = 0x46,
    WIRE_ROSTER = 0x47, WIRE_GROUP_ASK = 0x50, WIRE_GROUP = 0x51, WIRE_MODERATE_ASK = 0x58,
    WIRE_MODERATE = 0x59, WIRE_BLOB_ASK = 0x60, WIRE_BLOB = 0x61, WIRE_DATA_UP = 0x62,
    WIRE_DATA = 0x63, WIRE_HISTORY_ASK = 0x70,
    WIRE_HISTORY = 0x71, WIRE_TYPES = 0x80,
};

enum wire_side { WIRE_CLIENT = 1, WIRE_SERVER = 2, WIRE_BOTH = 3 };
enum wire_phase { WIRE_FIRST = 1, WIRE_OPEN = 2, WIRE_ANY = 3 };

struct wire_row {
    const char *name;      /* NULL: no such frame */
    enum wire_side from;
    enum wire_phase phase; /* in which it may come */
    uint16_t min, max;     /* payload bytes */
};

/* The row of a type; name is NULL for an unknown one. */
const struct wire_row *wire_row(uint8_t type);

enum wire_code {
    WIRE_OK = 0, WIRE_BAD_FRAME = 1, WIRE_BAD_STATE, WIRE_BAD_LOGIN, WIRE_NAME_TAKEN,
    WIRE_NAME_INVALID, WIRE_NOT_ON_ROSTER, WIRE_ELSEWHERE, WIRE_TOO_MANY_SESSIONS, WIRE_BUSY,
    WIRE_STOPPING, WIRE_RECONNECT, WIRE_SLOW, WIRE_TIMEOUT, WIRE_REVOKED, WIRE_NO_SUCH_USER = 20,
    WIRE_NO_SUCH_ROOM, WIRE_NOT_MEMBER, WIRE_QUEUE_FULL, WIRE_TOO_LARGE, WIRE_DISK_FULL,
    WIRE_BLOCKED, WIRE_BAD_BODY, WIRE_DEVICES_CHANGED, WIRE_NO_DEVICE, WIRE_TOO_FAST, WIRE_BAD_KEYS,
    WIRE_LIST_CHANGED, WIRE_BAD_ENTRY, WIRE_NO_SUCH_MESSAGE, WIRE_MUTED = 40, WIRE_BANNED, WIRE_ANNOUNCE_ONLY, WIRE_NO_RIGHT,
    WIRE_NO_ATTEMPT, WIRE_NOT_ACCOUNT_KEY, WIRE_BAD_REASON,
    WIRE_LOG_CHANGED = 50, WIRE_FORBIDDEN, WIRE_TOO_MANY,
    WIRE_NO_SUCH_BLOB = 60, WIRE_BLOB_DIFFERS, WIRE_FILES_FULL,
};

/* The code's name as in the document ("no-such-user"), "unknown" for others. */
const char *wire_code_name(uint16_t code);

enum wire_refusal { WIRE_REFUSE_VERSION = 1, WIRE_REFUSE_BUSY, WIRE_REFUSE_FULL, WIRE_REFUSE_ADDRESS };

/* --- preface and proof (sections 1 and 2) --- */

void wire_put_client_preface(uint8_t out[WIRE_CLIENT_PREFACE]);
/* version or 0 with refusal set; -1 when it is not our protocol. */
int wire_get_client_preface(const uint8_t in[WIRE_CLIENT_PREFACE]);
void wire_put_server_preface(uint8_t out[WIRE_SERVER_PREFACE], uint8_t version, uint8_t refusal);
/* Version, 0 refused (refusal set), -1 not our protocol. */
int wire_get_server_preface(const uint8_t in[WIRE_SERVER_PREFACE], uint8_t *refusal);
void wire_prologue(uint8_t out[WIRE_PROLOGUE], const uint8_t client[WIRE_CLIENT_PREFACE],
                   const uint8_t server[WIRE_SERVER_PREFACE]);

struct wire_cert {
    uint8_t server_id[32], transport_key[32];
    uint64_t not_before_ms, not_after_ms;
    uint8_t signature[64];
};

struct wire_proof {
    struct wire_cert cert;
    uint8_t challenge[16];
    uint64_t server_time_ms;
    uint32_t max_text, window;
};

enum { WIRE_CERT_SIGNED = 8 + 32 + 32 + 8 + 8, WIRE_LOGIN_SIGNED_MAX = 6 + 32 + 16 + 32 + 8 };

/* The bytes that server_id signs. */
void wire_cert_signed(const struct wire_cert *c, uint8_t out[WIRE_CERT_SIGNED]);
void wire_put_cert(struct buf *b, const struct wire_cert *c);
void wire_get_cert(struct cur *c, struct wire_cert *cert);
void wire_put_proof(uint8_t out[WIRE_PROOF], const struct wire_proof *p);
bool wire_get_proof(const void *data, size_t n, struct wire_proof *p);

/* --- frames --- */

struct wire_frame {
    uint8_t type;
    struct slice payload;
};

/* Next frame of a record's plaintext: 1 and *f, 0 at the end, -1 malformed. PAD is skipped. */
int wire_next(struct cur *c, struct wire_frame *f);

/* Frame with any payload up to WIRE_PAYLOAD_MAX; longer ones (to WIRE_JOINED_MAX) leave as parts. */
void wire_put(struct buf *b, uint8_t type, const void *payload, size_t n);

/* Bytes of a PAD frame that a plaintext of n bytes needs (0 or at least 3). */
size_t wire_padding(size_t n);
/* Writes it. */
void wire_put_pad(uint8_t *at, size_t n);

/*
 * Puts frames that came in parts together. Feed every frame; 1: *f is whole (perhaps now pointing
 * into the joiner, valid until the next call), 0: a part was kept, -1: too long.
 */
struct wire_joiner {
    struct buf parts;
};
int wire_join(struct wire_joiner *j, struct wire_frame *f);
void wire_join_reset(struct wire_joiner *j);

/* ADMIT: a device that is not in may stay, to ask to be admitted. */
enum { WIRE_CAP_RECEIVE = 1, WIRE_CAP_LOBBY = 2, WIRE_CAP_ADMIT = 4 };

struct wire_resume {
    uint64_t incarnation, seq, next_id, lobby_seen;
};

struct wire_login {
    struct slice name;
    uint64_t device;
    uint8_t device_key[32];
    uint32_t caps;
    struct wire_resume resume;
    uint8_t signature[64];
};

/* The bytes the device signs; returns how many. name is at most WIRE_NAME_MAX bytes. */
size_t wire_login_signed(uint8_t out[WIRE_LOGIN_SIGNED_MAX], const uint8_t h[32],
                         const uint8_t challenge[16], struct slice name, uint64_t device);

struct wire_welcome {
    struct slice name;
    uint64_t account, device, incarnation, last_id;
    bool fresh;
    uint8_t role;
    uint64_t lobby_head;
    uint32_t waiting, keep_s;
    struct slice server;
    bool guest; /* this device is not in: the session is for ADMIT alone */
};

enum { WIRE_TO_USER = 0, WIRE_TO_ROOM = 1 };

struct wire_send {
    uint64_t id;
    uint8_t kind;
    struct slice to;
    uint8_t heads;
    struct slice head_bytes; /* the heads, undecoded; walk with wire_next_head() */
    struct slice body;
};

bool wire_next_head(struct cur *c, uint64_t *device, struct slice *head);

enum { WIRE_STATE_ACCEPTED = 1, WIRE_STATE_DELIVERED = 2, WIRE_STATE_STORED = 3, WIRE_STATE_EXPIRED = 4 };

struct wire_accepted {
    uint64_t id;
    uint8_t state;
    struct slice to;
    uint32_t waiting, keep_s;
    uint8_t absent; /* 1 not connected, 2 connected, not answered */
};

enum { WIRE_NEAR_MAX = 3 };

struct wire_rejected {
    uint64_t id;
    uint16_t code;
    struct slice subject, text, hint;
    uint8_t near;
    struct slice name[WIRE_NEAR_MAX];
};

enum { WIRE_FLAG_ROOM = 1, WIRE_FLAG_BACKLOG = 2, WIRE_FLAG_STORED = 4, WIRE_FLAG_ENTRY = 8 };

struct wire_deliver {
    uint8_t flags;
    uint64_t incarnation, seq, time_ms;
    struct slice from;
    uint64_t from_device, id;
    struct slice to, head, body;
};

enum { WIRE_ACK_SETTLED = 2 }; /* beside WIRE_TO_*: own messages, seq is the highest id settled */

struct wire_ack {
    uint8_t kind;
    uint64_t incarnation, seq;
    struct slice room;
};

struct wire_receipt {
    uint8_t state;
    uint64_t id;
    struct slice to;
};

struct wire_error {
    uint16_t code;
    uint32_t retry_ms;
    struct slice text;
};

enum { WIRE_ASK_SET = 1, WIRE_ASK_LIST = 2, WIRE_ASK_ABOUT = 3 };

struct wire_presence_ask {
    uint8_t op;
    uint8_t state;           /* set: 0 here, 1 away */
    struct slice text, name; /* set; about */
};

enum { WIRE_CHANGE_JOINED = 1, WIRE_CHANGE_LEFT, WIRE_CHANGE_AWAY, WIRE_CHANGE_BACK };

struct wire_change {
    uint8_t change;
    struct slice name, text;
};

struct wire_person {
    struct slice name;
    uint8_t state, in_lobby;
    uint64_t since_ms;
    struct slice text;
};

struct wire_about {
    bool found;
    struct slice name;
    uint8_t online, state, role;
    uint64_t since_ms;
    uint32_t waiting;
    uint8_t device_key[32];
    struct slice text;
};

/* PRESENCE of the server starts with its op: WIRE_ASK_SET means changes here, as in the document. */
enum { WIRE_PRESENCE_CHANGES = 1, WIRE_PRESENCE_LIST = 2, WIRE_PRESENCE_ABOUT = 3 };

struct wire_changes {
    uint32_t joined, left; /* not listed */
    uint16_t n;
    struct wire_change change[WIRE_CHANGES_MAX];
};

/* Of the lobby; what concerns groups is in wire_groups.h. */
enum { WIRE_GROUP_JOIN = 1, WIRE_GROUP_PART = 2, WIRE_GROUP_REFUSED = 3 };

struct wire_group {
    uint8_t op; /* ask: join, part. answer: joined, parted, refused */
    struct slice room;
    uint64_t head; /* the rest: answer only */
    uint32_t members;
    struct slice text;
};

struct wire_history {
    struct slice room;
    uint64_t after; /* ask; answer: upto */
    uint16_t count; /* ask only */
};

void wire_put_login(struct buf *b, const struct wire_login *m);
void wire_put_welcome(struct buf *b, const struct wire_welcome *m);
/* token: of the RESYNC that it answers. */
void wire_put_resume(struct buf *b, const struct wire_resume *m, uint64_t token);
void wire_put_resync(struct buf *b, uint64_t incarnation, uint64_t token);
/* Frames that carry a body may leave in parts. */
void wire_put_send(struct buf *b, const struct wire_send *m);
void wire_put_deliver(struct buf *b, const struct wire_deliver *m);
void wire_put_accepted(struct buf *b, const struct wire_accepted *m);
void wire_put_rejected(struct buf *b, const struct wire_rejected *m);
void wire_put_ack(struct buf *b, const struct wire_ack *m);
void wire_put_receipt(struct buf *b, const struct wire_receipt *m);
void wire_put_error(struct buf *b, const struct wire_error *m);
void wire_put_ping(struct buf *b, uint8_t type, uint64_t token);
void wire_put_presence_ask(struct buf *b, const struct wire_presence_ask *m);
void wire_put_changes(struct buf *b, const struct wire_changes *m);
void wire_put_about(struct buf *b, const struct wire_about *m);
void wire_put_group_ask(struct buf *b, const struct wire_group *m);
void wire_put_group(struct buf *b, const struct wire_group *m);
void wire_put_history_ask(struct buf *b, const struct wire_history *m);
void wire_put_history(struct buf *b, const struct wire_history *m);

bool wire_get_login(struct slice p, struct wire_login *m);
bool wire_get_welcome(struct slice p, struct wire_welcome *m);
bool wire_get_resume(struct slice p, struct wire_resume *m, uint64_t *token);
bool wire_get_resync(struct slice p, uint64_t *incarnation, uint64_t *token);
bool wire_get_send(struct slice p, struct wire_send *m);
bool wire_get_deliver(struct slice p, struct wire_deliver *m);
bool wire_get_accepted(struct slice p, struct wire_accepted *m);
bool wire_get_rejected(struct slice p, struct wire_rejected *m);
bool wire_get_ack(struct slice p, struct wire_ack *m);
bool wire_get_receipt(struct slice p, struct wire_receipt *m);
bool wire_get_error(struct slice p, struct wire_error *m);
bool wire_get_ping(struct slice p, uint64_t *token);
bool wire_get_presence_ask(struct slice p, struct wire_presence_ask *m);
bool wire_get_changes(struct slice p, struct wire_changes *m);
bool wire_get_about(struct slice p, struct wire_about *m);
bool wire_get_group_ask(struct slice p, struct wire_group *m);
bool wire_get_group(struct slice p, struct wire_group *m);
bool wire_get_history_ask(struct slice p, struct wire_history *m);
bool wire_get_history(struct slice p, struct wire_history *m);

/*
 * A list of people is written and read one by one, since it has no bound: begin, add, end; the
 * reader checks the head, then takes persons until 0 (-1: malformed).
 */
size_t wire_list_begin(struct buf *b, bool last);
void wire_list_add(struct buf *b, size_t begun, const struct wire_person *p);
void wire_list_end(struct buf *b, size_t begun);
bool wire_list_head(struct cur *c, bool *last, uint16_t *count);
int wire_list_next(struct cur *c, uint16_t *count, struct wire_person *p);

/* --- bodies (section 6.1) --- */

enum { WIRE_SUITE_PLAIN = 0, WIRE_FORM_SAYS = 0, WIRE_FORM_ACTS = 1 };

#endif
