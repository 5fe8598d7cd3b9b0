/*
 * broker.h - the broker's own header: who is there, what is under way, what waits.
 *
 * One loop routes; the store's thread and the login thread work for it and hand results back.
 *
 *   broker.c    start, control channel, turns
 *   uplink.c    the streams to the workers: frames in, sessions found
 *   login.c     handshake help, login, tickets: from a stranger to a session
 *   auth.c      the login thread: Diffie-Hellman and signatures
 *   keys.c      the server's identity, transport key and ticket key
 *   people.c    accounts and their devices, the roster
 *   session.c   life of a session at the broker
 *   route.c     what a client sends: judged, taken, settled in order
 *   refuse.c    refusals that a client has not confirmed, and what waits behind them
 *   prekeys.c   what devices publish so that others can write to them first
 *   devices.c   device lists: a device comes in, or goes
 *   sanctions.c what is forbidden to whom (moderation.h)
 *   moderation.c acts of moderation, roles
 *   admit.c     devices that are not in yet (admit.h)
 *   class_roster.c  entries, claims and welcomes of the class
 *   inbox.c     what a device receives: window, store, acknowledgement
 *   share.c     how much of an inbox waits from one sender
 *   room.c      rooms, the lobby and groups: one order for everybody
 *   group*.c    groups: who is in, and who has read how far (group.h)
 *   presence.c  joins, leaves, away, lists
 *   ask.c       the operator's questions; ask_moderation.c, ask_groups.c his orders
 *   blob*.c     files (blob.h)
 *   orphan.c    the time between two masters
 *   why.c       what a message waits for
 *   store*.c    what lasts
 */
#ifndef BROKER_H
#define BROKER_H

#include "auth.h"
#include "bus.h"
#include "chan.h"
#include "loop.h"
#include "name.h"
#include "orphan.h"
#include "pool.h"
#include "sandbox.h"
#include "settings.h"
#include "store.h"
#include "stream.h"
#include "table.h"
#include "wire_keys.h"
#include "wire_roster.h"
#include "wire_why.h"

struct broker;
struct guest;
struct sanction;
struct sanctions;
struct session;
struct group;
struct member;
struct reader;

/* --- people --- */

/* What accounts have that seal their messages. */
struct keyring {
    struct device *revoked; /* devices that are not in any more: nothing is for them */
    struct store_list list; /* head 0: there is none */
    struct member *groups;  /* those that it is in, invited to, or has not read to the end */
    uint64_t full_us;       /* prekeys.c: when it may ask as much as ever again */
    uint64_t files_full_us; /* blob_ask.c: the same about files */
    uint64_t file_bytes;    /* blob.c: what its files count */
    bool appending;         /* an entry is on its way into the list */
};

struct account {
    struct table_node by_name, by_skeleton, by_id;
    uint64_t id;
    char name[WIRE_NAME_MAX + 1];
    uint8_t role;        /* that holds: by the operator, else by the roster, else 0 */
    int8_t granted;      /* … by the operator; -1: he has said nothing */
    bool away;
    bool pending;        /* its registration is on the way to the disk */
    bool announced;      /* the lobby has been told that it is here, by us or by an earlier broker */
    bool said_gone;      /* … by us that it is not */
    bool claims;         /* class_roster.c: a claim of its waits for an instructor */
    bool welcomed;       /* … a welcome waits for it */
    uint16_t receiving;  /* sessions that receive */
    uint16_t in_lobby;   /* sessions in the lobby */
    uint16_t sessions;
    uint64_t since_ms;   /* login, or when last seen */
    char *away_text;     /* NULL when there is none */
    struct device *device;       /* those that are in */
    struct leaving *leaving;     /* presence.c: absent, within the grace time; else NULL */
    struct keyring *keys;        /* NULL: nothing of it is set; people_keyring() makes it */
    struct sanctions *sanctions; /* NULL: nothing is forbidden */
};

/*
 * A message from its arrival until nobody needs it. As long as it is unsettled it stands in its
 * sender's list, in order; every inbox that holds it counts as a reference.
 */
enum message_state { MSG_PENDING, MSG_DELIVERED, MSG_STORED, MSG_ACCEPTED, MSG_REJECTED };

enum entry_state { ENTRY_MEMORY, ENTRY_STORING, ENTRY_STORED };

/* A message on its way to one device: inbox.c. */
struct entry {
    struct entry *next;
    uint64_t seq;      /* in this incarnation */
    uint32_t since_ms; /* of the loop's clock, cut off */
    uint8_t state;     /* enum entry_state */
    struct message *msg;
    union {
        struct put *put; /* STORING: who will tell */
        uint64_t row;    /* STORED */
    };
};

/* What each acknowledgement needs stands together in front: with thousands under way it is fetched from memory. */
struct message {
    uint32_t refs;
    uint8_t state;       /* enum message_state */
    uint8_t absent;      /* as in ACCEPTED */
    uint8_t heads;       /* that stand in bytes, as in SEND; 0: what stands there is the one head, or nothing */
    bool shared;         /* it goes to several devices: once it is taken it cannot be refused */
    uint16_t undelivered; /* devices of the recipient that have not acknowledged it */
    uint16_t unsafe;      /* … and of the sender: it is not on disk for them either */
    uint16_t memory;      /* … of those: not even on the way to the disk */
    uint32_t waiting;    /* of the recipient when it was stored */
    struct device *sender;     /* NULL when read back from the store */
    struct message *next_out;  /* sender's list */
    struct entry own;          /* its first way to a device; msg NULL: not in use */
    uint32_t head_len, body_len;
    uint64_t id, time_ms;
    struct account *from, *to; /* to: NULL for a room */
    uint64_t from_device;
    struct buf *rejection;     /* REJECTED frame */
    uint8_t bytes[];           /* head or heads, body */
};

/* What a device receives: see inbox.c. */
struct inbox {
    struct session *receiver;   /* NULL when nobody receives */
    struct entry *first, *last; /* under way to it, in order: first those on disk, then those in memory */
    uint32_t n, n_stored, n_storing; /* under way; of those on disk or on the way there; on the way */
    uint32_t bytes;
    uint32_t load;       /* counts up, so that a stale load is known */
    uint32_t putting;    /* puts whose end the store has not told yet */
    uint32_t settling;   /* of those: acknowledged already, so no load may bring them again */
    uint32_t retries;    /* messages that found the disk full and try again: nothing may overtake them */
    uint32_t waiting;    /* rows in the store (or on the way there) beyond acked_row */
    bool loading, ready; /* ready: the receiver has told its place */
    bool listed;
    uint64_t seq, acked_seq; /* last number given; acknowledged */
    uint64_t row, acked_row; /* last row taken from the store; acknowledged */
    uint64_t waiting_bytes;  /* of the rows that wait */
    struct device *next_active;      /* inboxes that hold something, for the tick */
};

/* A SEND that waits until a refusal before it is confirmed. */
struct held {
    struct held *next;
    bool receives;      /* its session does */
    struct wire_send m; /* to, heads and body are in bytes */
    uint8_t bytes[];
};

/* Refusals that a client has not confirmed, and what waits behind them: see refuse.c. */
struct refusals {
    struct message *told, *last_told; /* in order */
    uint64_t from, to;                /* told or not: unconfirmed ones are between; 0: there are none */
    struct held *held, *last_held;    /* ids that follow taken, in order, without a gap */
    size_t held_bytes;
    uint32_t n, n_held;
};

/* What a device sends: see route.c. */
struct outbox {
    struct refusals *refusals; /* NULL as a rule: no refusal is unconfirmed, nothing waits */
    struct account *last_to; /* recipient of the last message, found by name; never a pending one */
    uint64_t taken;      /* highest id taken */
    uint64_t room_id;    /* highest id that reached a room durably */
    struct message *first, *last; /* unsettled, in order */
    uint32_t in_memory;  /* of those: not on the way to the disk */
    bool dirty, repeat;  /* something to tell; a repeat wants an answer */
    struct device *next_dirty;
};

struct device {
    uint64_t id;
    uint8_t key[32];
    struct account *account;
    struct device *next;
    struct session *session; /* list */
    struct {
        uint32_t signed_id, top, left; /* as in store_prekeys */
    } prekeys;
    struct inbox in;
    struct outbox out;
};

/* --- sessions and workers --- */

/* Where somebody is in a room: room.c. The lobby's is a session's, a group's a reader's (group.h). */
struct place {
    struct room *room;       /* NULL: not in it */
    struct session *session;
    uint64_t sent, acked;    /* numbers; sent counts only while it is not live */
    uint64_t backlog_to;     /* numbers up to this one are backlog for a newcomer */
    uint64_t end;            /* nothing beyond this number is for it */
    uint64_t load;           /* of the portion that is on its way */
    uint32_t live_at;        /* place in the audience's list */
    bool live, loading;
};

struct session {
    struct link *link;
    uint64_t sid, serial, since_ms;
    struct device *device;
    struct session *next; /* of the device */
    struct wire_joiner *joiner; /* a frame in parts is under way; else NULL */
    struct watch *watch;        /* devices.c: whose lists it has fetched; NULL: nobody's */
    uint64_t token; /* of the last RESYNC */
    uint32_t caps;
    bool returned : 1;  /* opened by a ticket: an earlier broker, or worker, had it */
    bool resyncing : 1; /* RESYNC said, RESUME awaited: what comes before it is old */
    bool knows_groups : 1; /* has asked about groups: it is told of them */
    struct transfer *transfers; /* blob_transfer.c: files under way */
    struct place lobby;
    char peer[];
};

/* Somebody who wants to log in, or may not log in and stays as a guest. */
struct claim {
    uint8_t challenge[16];
    uint64_t until_ms; /* the challenge is good; 0: there is none (any more) */
    bool verifying;
    struct guest *guest; /* admit.c; NULL: none */
};

/* What a worker's slab record is to the broker: nobody, a claim (perhaps a guest's), or a session. */
struct seat {
    uint64_t sid; /* 0: nobody */
    struct session *session;
    struct claim *claim;
};

static inline struct guest *seat_guest(const struct seat *seat) { return seat->claim ? seat->claim->guest : NULL; }

struct link {
    struct stream stream;
    struct chan files; /* descriptors for the worker (blob_transfer.c) */
    struct broker *broker;
    struct link *next;
    uint32_t slot, generation;
    struct seat *seat;
    uint32_t seats;
};

/* --- the process --- */

/* A room's live members at one worker. */
struct audience {
    struct audience *next; /* of the room */
    struct link *link;
    uint64_t *sid;         /* as they go into a frame */
    struct place **place;  /* whose they are */
    uint32_t n, cap;
};

struct room {
    uint64_t id;
    char name[WIRE_NAME_MAX + 2];
    uint64_t head;     /* newest number */
    struct audience *audience;
    struct buf fan;    /* frames that every live member is to get, not sent yet */
    struct room *next_fan;
    uint64_t check_at; /* up to this number no live member can be beyond its window */
    uint32_t members;  /* sessions in the lobby */
    bool fanning;      /* it is in the list of those that have such frames */
};

struct keys {
    uint8_t server_id[32];     /* Ed25519 public; the secret stays in keys.c's file and memory */
    uint8_t server_secret[64];
    uint8_t transport_secret[32];
    struct wire_cert cert;
    uint8_t ticket[32];
};

struct change {
    struct account *account;
    uint8_t change;
    const char *reason;
};

struct presence {
    struct change *change;
    uint32_t n, cap;
    struct leaving *leaving, **last_leaving; /* in the order in which their time ends */
    struct loop_timer tick, grace;
};

struct roster_entry {
    char *name;
    uint8_t role;
};

struct broker {
    struct loop loop;
    struct chan master;
    struct settings set;
    struct store *store;
    struct loop_io store_io;
    struct auth *auth;
    struct loop_io auth_io;
    struct keys keys;
    uint64_t incarnation, serial, resyncs;
    struct link *links;
    struct table names, skeletons, ids, shares;
    uint64_t last_account;
    uint64_t accounts, sessions;
    struct roster_entry *roster; /* sorted by folded name */
    size_t n_roster;
    struct room lobby;
    struct room *fanning; /* rooms that have frames to send at the end of this turn */
    uint64_t loads;       /* portions asked of the store: none is taken for another */
    struct files *files; /* blob.h */
    struct table groups, group_names, group_looks, group_rooms;
    uint64_t last_room;
    struct reader *moved; /* readers whose place the disk does not know */
    struct loop_timer group_tick, group_cut;
    struct presence presence;
    struct sanction *announce; /* only instructors and assistants write to the lobby; NULL: everybody does */
    struct guest *guests;      /* admit.c */
    uint32_t claims;           /* that wait for instructors */
    struct device *dirty;  /* senders to be told */
    struct device *active; /* inboxes to look at each tick */
    struct loop_timer tick, expiry;
    struct put *retry; /* inbox.c: what found the disk full */
    uint64_t routed, stored, rejected; /* messages, since start */
    uint64_t routed_before;            /* this turn */
    unsigned cores;                    /* that it may run on */
    uint32_t said_second, said, unsaid; /* log lines about messages in this second */
    struct orphan orphan; /* when the master is gone */
    struct sandbox_report sandbox;
    bool paused, disk_low, stopping;
    int dir_fd, lock_fd;
};

enum {
    ROOM_LOBBY = 1,
    BROKER_TICK_MS = 500,
    BROKER_FEW = 8, /* messages in a turn: nobody but two or three talk */
    BROKER_SPILL_MS = 1000,  /* unacknowledged in memory for longer: to the disk */
    BROKER_PENDING_MARK = 8192,
    CHALLENGE_MS = 60000,
    SAID_A_SECOND = 200,     /* log lines about messages; the rest is counted */
    GROUP_LAZY_MS = 1000,    /* places in groups: to the disk */
};

/* people.c */
void people_load(struct broker *b);
/* Reads a new roster from a descriptor (and closes it); -1 leaves the old one. */
void people_roster(struct broker *b, int fd);
struct account *people_find(struct broker *b, struct slice name);
struct account *people_by_id(struct broker *b, uint64_t id);
struct device *people_device(const struct account *a, uint64_t device);
/* The same among those that were revoked. */
struct device *people_revoked(const struct account *a, uint64_t device);
/* Its keyring, made when there is none yet. */
struct keyring *people_keyring(struct account *a);
/* The same to look at; an empty one when there is none. */
const struct keyring *people_keys(const struct account *a);
/* The account whose name looks like this one, NULL when none does. */
struct account *people_alike(struct broker *b, struct slice name);
/* Role by the roster: -1 when not on it. Without a roster everybody is a member (0). */
int people_role(const struct broker *b, struct slice name);
/* The role that holds: what the operator has given, else that of the roster. */
uint8_t people_role_of(const struct broker *b, const struct account *a);
struct account *people_add(struct broker *b, uint64_t id, struct slice name, uint8_t role);
struct device *people_add_device(struct account *a, uint64_t id, const uint8_t key[32]);
/* Undoes people_add() of an account that never became durable. */
void people_remove(struct broker *b, struct account *a);
void people_near(struct broker *b, struct slice name, struct name_near *near);
void people_each(struct broker *b, void (*each)(void *arg, struct account *a), void *arg);

/* keys.c */
void keys_load(struct keys *k, const char *dir);
/* A new transport key, certified; 0 or -1 with errno. */
int keys_rotate(struct keys *k, const char *dir);
void keys_fingerprint(const uint8_t server_id[32], char out[40]);

/* login.c */
bool login_dh(struct link *l, struct slice p);
bool login_claim(struct link *l, struct slice p);
bool login_announce(struct link *l, struct slice p);
void login_start(struct broker *b);
/* The transport key has changed: the workers get its certificate. */
void login_rotated(struct broker *b);

/* session.c */
struct session *session_open(struct link *l, uint64_t sid, struct device *d, uint32_t caps,
                             uint64_t serial, struct slice peer);
/* Forgets a session; polite: the client said BYE. */
void session_close(struct session *s, bool polite);
struct session *session_find(struct link *l, uint64_t sid);
/* The session of a sid on a link that may be gone by now: for late completions. */
struct session *session_late(struct broker *b, uint32_t slot, uint32_t generation, uint64_t sid);
/* Forgets a frame of which only parts have come. */
void session_unjoin(struct session *s);
/* ERROR, and forget it. */
void session_kick(struct session *s, uint16_t code, const char *text);
/* Asks the client for its place and for its outbox again; it hears nothing else until it answers. */
void session_resync(struct session *s);
/* What the client says of its place, after login or RESYNC. */
void session_resume(struct session *s, const struct wire_resume *r);
/* Frames to a session: append to the buffer between the two calls. */
struct buf *session_begin(struct session *s, size_t *begun);
void session_end(struct session *s, size_t begun);

/* uplink.c */
void link_open(struct broker *b, uint32_t slot, uint32_t generation, int fd);
struct seat *link_seat(struct link *l, uint64_t sid);
void seat_clear(struct seat *seat);
void link_identity(struct broker *b);

/* prekeys.c */
/* Who asked, for an answer that comes when the store has spoken. */
struct asker {
    struct broker *broker;
    struct device *device; /* NULL: a guest */
    uint32_t slot, generation;
    uint64_t sid;
};
struct asker asker_of(const struct session *s);
/* NULL: gone meanwhile. */
struct session *asker_session(const struct asker *a);
/* Its link, also when it is a guest; NULL: gone meanwhile. */
struct link *asker_link(const struct asker *a);
void prekeys_load(struct broker *b);
void prekeys_ask(struct session *s, const struct wire_keys_ask *m);
/* Just logged in: it is told when few of its prekeys are left. */
void prekeys_welcome(struct session *s);
/* type: WIRE_KEYS, LIST, ADMIT, ROSTER, MODERATE or WHY; asked: the op of the question. */
void keys_refuse(struct session *s, uint8_t type, uint8_t asked, struct slice name, uint16_t code, uint32_t retry_ms,
                 const char *text);
void keys_refuse_at(struct link *l, uint64_t sid, uint8_t type, uint8_t asked, struct slice name, uint16_t code,
                    uint32_t retry_ms, const char *text);
/* There is nobody of this name; names like it are told. */
void keys_unknown(struct session *s, uint8_t type, uint8_t asked, struct slice name);
/*
 * A token bucket as the time at which it is full again. Takes a token, of so many a minute and ten times that at
 * once: 0, or the ms after which there is one.
 */
uint32_t bucket_take(uint64_t *full_us, uint64_t now_ms, uint64_t a_minute);
/* Takes a token for a question of this account; 0, or the ms after which there is one. */
uint32_t keys_charge(struct session *s);
/* May this account ask one more question of these kinds? If not, it has been told. */
bool keys_afford(struct session *s, uint8_t type, uint8_t asked, struct slice name);

/* devices.c */
void devices_load(struct broker *b);
void devices_ask(struct session *s, const struct wire_list_ask *m);
/* The account whose devices are others than those that m has heads for; NULL: there is a head for each. */
struct account *devices_differ(const struct device *sender, struct account *to, const struct wire_send *m);

/* why.c */
void why_ask(struct session *s, const struct wire_why_ask *m);

/* class_roster.c */
void class_roster_load(struct broker *b);
void class_roster_ask(struct session *s, const struct wire_roster_ask *m);
/* Just logged in: is told what waits. */
void class_roster_welcome(struct session *s);

/* route.c */
void route_send(struct session *s, const struct wire_send *m);
/* Device d has acknowledged it (durable: it was on its disk queue), … */
void route_delivered(struct broker *b, const struct device *d, struct message *m, bool durable);
/* … one has it on its disk queue now, … */
void route_durable(struct broker *b, struct message *m);
/* … it goes to one's disk queue, or comes back from there since the disk is full. */
void route_leaves_memory(struct message *m);
void route_back_in_memory(struct message *m);
/* It has its place in the room. */
void route_accepted(struct broker *b, struct message *m);
/* Tells a sender who is here what became of a message that had been stored for somebody. */
void route_receipt(struct broker *b, const struct account *from, uint64_t from_device, uint64_t id,
                   const struct account *to, uint8_t state);
void route_rejected(struct broker *b, struct message *m, uint16_t code, const char *text,
                    const char *hint, const struct name_near *near);
/* Everything below next_id is settled in the client's store; what waited for that goes on. */
void route_confirm(struct broker *b, struct device *d, uint64_t next_id);
/* LOGIN or RESUME: the same, the mark of ids taken rises to it, and refusals from there on are said again. */
void route_resume(struct session *s, uint64_t next_id);
/* Tells senders what became of their messages: end of a turn. */
void route_settle(struct broker *b);
/* The mark that a store request may make durable for m's sender: all up to it is settled or durable. */
uint64_t route_mark(const struct message *m);
void message_hold(struct message *m);
void message_drop(struct message *m);
void broker_said(struct broker *b, const char *ev, const struct message *m, const char *to,
                 const char *state);

/* refuse.c */
/* Is one unconfirmed? */
static inline bool refuse_unconfirmed(const struct outbox *out) { return out->refusals && out->refusals->to; }
/* The first message that waits behind it, NULL when none does; and how many do. */
static inline const struct held *refuse_held(const struct outbox *out)
{
    return out->refusals ? out->refusals->held : NULL;
}
static inline uint32_t refuse_n_held(const struct outbox *out) { return out->refusals ? out->refusals->n_held : 0; }
/* This one was refused: from now on something is unconfirmed. */
void refuse_note(struct outbox *out, uint64_t id);
/* May another one be refused, though an earlier refusal is not confirmed? */
bool refuse_more(const struct outbox *out);
/* It has been told: it is said again until it is confirmed. Takes the caller's reference. */
void refuse_keep(struct outbox *out, struct message *m);
void refuse_confirm(struct outbox *out, uint64_t next_id);
/* Says those again that this session may have missed. */
void refuse_tell_again(struct session *s, uint64_t next_id);
/* Keeps a SEND until later; false when there is no room. */
bool refuse_hold(struct outbox *out, const struct wire_send *m, bool receives);
/* Forgets the first that waits, or all. */
void refuse_drop(struct outbox *out);
void refuse_drop_all(struct outbox *out);

/* inbox.c */
/* Would a message for this device be refused now, since it had to go to the disk? */
bool inbox_refuses(const struct broker *b, const struct inbox *in);
void inbox_push(struct broker *b, struct device *d, struct message *m);
void inbox_ack(struct broker *b, struct device *d, uint64_t incarnation, uint64_t seq);
/* A session starts to receive (after its RESUME or LOGIN told its place). */
void inbox_attach(struct broker *b, struct device *d, struct session *s);
/* It receives no more: what is under way goes to the disk. */
void inbox_detach(struct broker *b, struct device *d);
/* The receiver was asked for its place: nothing goes out until inbox_resend(). */
void inbox_hold(struct device *d);
/* It has told it: everything under way beyond seq is sent again. */
void inbox_resend(struct broker *b, struct device *d, const struct wire_resume *r);
void inbox_tick(struct broker *b);

/* share.c: messages on disk for one device from one account */
void share_load(struct broker *b);
uint64_t share_of(const struct broker *b, const struct device *to, const struct account *from);
void share_add(struct broker *b, const struct device *to, const struct account *from);
void share_drop(struct broker *b, const struct device *to, const struct account *from);

/* room.c */
void room_load(struct broker *b);
void room_send(struct broker *b, struct room *r, struct message *m);
/* What has just got this number in the room: takes it as the newest, and gives the buffer for its frame to all. */
struct buf *room_numbered(struct broker *b, struct room *r, uint64_t number);
/* To be called when the frame is there. */
void room_fanned(struct broker *b, struct room *r);
/* The same frames to everybody who is live in it, now. */
void room_tell(struct room *r, struct slice frames);
/* Sends the live members of all rooms what was numbered in this turn. */
void room_flush(struct broker *b);
/* A session begins to read behind the number seen, up to end (UINT64_MAX: there is none); what there is comes at once. */
void room_enter(struct place *p, struct room *r, struct session *s, uint64_t seen, uint64_t end);
void room_leave(struct place *p);
/* True when that was news. */
bool room_ack(struct place *p, uint64_t number);
/* Nothing comes to it beyond the newest message. */
void room_end(struct place *p);
/* Before a room is freed: forgets its frames. */
void room_forget(struct broker *b, struct room *r);
void lobby_join(struct session *s, uint64_t seen);
void lobby_part(struct session *s);
/* Says nothing more to this member until lobby_resume(). */
void lobby_hold(struct session *s);
/* Goes on from the place the client told. */
void lobby_resume(struct session *s, uint64_t seen);
void lobby_history(struct session *s, const struct wire_history *h);
static inline bool lobby_in(const struct session *s) { return s->lobby.room != NULL; }

/* presence.c */
void presence_start(struct broker *b);
void presence_joined(struct broker *b, struct account *a);
/* It was in the lobby under an earlier broker: whoever heard of that is not told again. */
void presence_returned(struct account *a);
void presence_left(struct broker *b, struct account *a, bool polite);
void presence_ask(struct session *s, const struct wire_presence_ask *m);

/* ask.c */
void ask_answer(struct broker *b, uint64_t token, struct slice command);

/* orphan.c */
void orphan_prepare(struct broker *b);
/* The master's channel has ended. */
void orphan_left(struct broker *b);

/* broker.c: listens to a master's channel. */
void broker_serve_master(struct broker *b, int fd);

#endif
