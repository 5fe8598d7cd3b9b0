/*
 * bus.h - what our own processes say to each other. One release speaks it, so it has no versions;
 * it is decoded with the same care as the wire all the same, since a worker may be taken over.
 *
 * Two kinds of channel: control (chan.h: master with each child, keeper with worker and broker) and
 * stream (stream.h: broker with each worker). docs/processes.md tells the conversations.
 */
#ifndef BUS_H
#define BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "stream.h"
#include "wire.h"

/* --- control: types of packets --- */

enum ctl_type {
    /* master to child */
    CTL_SETUP = 1, /* records u32, settings (text of conf_dump) rest; broker: perhaps the roster's descriptor */
    CTL_SETTINGS,  /* settings rest: they changed */
    CTL_HEARTBEAT, /* token u64; answered by CTL_ALIVE */
    CTL_STOP,      /* end in order: say goodbye, flush, exit 0 */
    /* master to worker: a worker is a spare until one of these two makes it a slot's */
    CTL_SLAB,    /* slot u32, generation u32, records u32; descriptor: a new slab */
    CTL_ADOPT,   /* slot u32, generation u32, records u32, high u32, fault u8; descriptor: the slab of a
                    worker that is dead (fault: of its own doing). Answered by CTL_FIRST or CTL_UNKNOWN;
                    then its connections follow as CTL_CONNECT */
    CTL_ADOPTED, /* that was the last of them */
    CTL_BROKER,  /* link u32; descriptor: a new stream to the broker */
    CTL_CONNECT, /* index u32, generation u32, peer str8; descriptor: an accepted connection */
    CTL_FILES,   /* descriptor: a channel on which the broker will pass files (bus_files.h); CTL_BROKER follows */
    /* master to worker and broker */
    CTL_INTRO,  /* descriptor: one end of a channel on which the keeper will introduce a new master.
                   To the keeper, with process u32: the other end */
    /* master to broker */
    CTL_WORKER, /* slot u32, generation u32; descriptor: the stream to that worker */
    CTL_WORKER_FILES, /* slot u32, generation u32; descriptor: the channel to pass files on; CTL_WORKER follows */
    CTL_ASK,    /* token u64, command rest: the operator asks */
    /* child to master */
    CTL_READY,  /* set up, sandboxed: text of what is in force str16; broker: fingerprint str8, server_id str8 */
    CTL_ALIVE,  /* token u64, sessions u32, in u64, out u64 (messages) */
    CTL_CLOSED, /* index u32, generation u32: close your duplicate */
    CTL_LOST,   /* worker: link u32: this stream has ended, I want another */
    CTL_FIRST,  /* worker: index u32 each: the connections it wants first, whose clients were heard lately */
    CTL_GOES_ON, /* worker: asked u32, adopted u32, dropped u32: the adoption is done */
    CTL_UNKNOWN, /* worker: I do not know this slab's layout; give me a new one */
    CTL_BAD,    /* broker: slot u32, generation u32: this worker talks nonsense, replace it */
    CTL_ANSWER, /* broker: token u64, last u8, text rest */
    /* master to keeper, which keeps it all for the next master; process: a slot, or CTL_BROKER_SLOT */
    CTL_LISTEN,    /* name str8; descriptor: a listening socket */
    CTL_PROCESS,   /* process u32, generation u32; descriptor: its pidfd, and CTL_INTRO follows; without one:
                      the slot has no worker just now */
    CTL_KEEP_SLAB, /* slot u32; descriptor: its slab. Connections kept for the slot so far are forgotten */
    CTL_KEEP,      /* slot u32, index u32, generation u32; descriptor: a connection */
    CTL_LET_GO,    /* slot u32, index u32, generation u32: that connection has ended */
    CTL_TAKEOVER,  /* descriptor: the socket on which a new master will call; answered by CTL_KEPT */
    CTL_KEPT,      /* keeper: everything up to there */
    /* keeper to new master: first CTL_LISTEN and CTL_PROCESS for each, then */
    CTL_ALL,       /* that is all, but what is asked for: */
    /* new master to keeper */
    CTL_INTRODUCE, /* process u32; descriptor: the new master's channel for that process */
    CTL_WANT,      /* slot u32: its worker is dead; answered by CTL_KEEP_SLAB, CTL_KEEP for each, CTL_GIVEN */
    CTL_GIVEN,     /* slot u32 */
    /* what was kept for a new master meets it */
    CTL_MASTER, /* keeper to process, on their own channel: descriptor: your new master's channel */
    CTL_HELLO,  /* broker: sandbox str16, fingerprint str8, server_id str8 */
    CTL_HOLD,   /* worker: slot u32, generation u32, link u32 (0: it has no stream now), highest generation of a
                   connection it ever had u32, sandbox str16; descriptor: the slab */
    CTL_HELD,   /* worker: index u32, generation u32; descriptor: a connection */
    CTL_SERVED, /* worker: those were all */
};

/* The descriptor number at which a child finds its control channel. */
enum { CTL_FD = 3 };

/* Where a packet names a process by its slot: the broker. */
#define CTL_BROKER_SLOT UINT32_MAX

enum { CTL_FIRST_MAX = 1024 /* indices in one CTL_FIRST */ };

/* --- stream: frames between worker and broker --- */

/*
 * A session is known on a stream by sid = generation << 32 | index: where its record lies in the
 * worker's slab, and which connection of that place is meant.
 */
static inline uint64_t bus_sid(uint32_t index, uint32_t generation)
{
    return (uint64_t)generation << 32 | index;
}

static inline uint32_t bus_index(uint64_t sid) { return (uint32_t)sid; }
static inline uint32_t bus_generation(uint64_t sid) { return (uint32_t)(sid >> 32); }

enum bus_type {
    /* worker to broker */
    BUS_DH = 1,   /* sid u64, client's ephemeral 32: wants BUS_DH_DONE */
    BUS_LOGIN,    /* sid u64, h 32, peer str8, LOGIN payload rest: wants BUS_LOGGED or BUS_KICK */
    BUS_ANNOUNCE, /* sid u64, ticket 60, peer str8: a session that was open before (new broker, adoption) */
    BUS_UP,       /* sid u64, frame type u8, payload rest: what a client sent */
    BUS_GONE,     /* sid u64, polite u8: the session has ended */
    /* broker to worker */
    BUS_IDENTITY = 64, /* certificate 144: the server's identity and its transport key */
    BUS_DH_DONE,       /* sid u64, ok u8, DH result 32, challenge 16; ok 0: refuse as busy */
    BUS_LOGGED,        /* sid u64, account u64, device u64, name str8, ticket 60 */
    BUS_DOWN,          /* n u16, sid u64 each, frames (as on the wire) rest: for each of them */
    BUS_KICK,          /* sid u64, code u16, retry_ms u32, text str16: say ERROR and close */
};

enum { BUS_INDEX_MAX = 65536 /* indices are below it */, BUS_TICKET = 60, BUS_CERT = 144, BUS_PEER_MAX = 64 };

/*
 * What the broker certifies about a session, so that it can be announced to a later broker:
 * serial ‖ account ‖ device ‖ caps, and HMAC-SHA256 over them by a key that only brokers have.
 */
struct bus_ticket {
    uint64_t serial, account, device;
    uint32_t caps;
};

void bus_ticket_seal(uint8_t out[BUS_TICKET], const struct bus_ticket *t, const uint8_t key[32]);
/* False when the MAC does not fit. */
bool bus_ticket_open(const uint8_t in[BUS_TICKET], struct bus_ticket *t, const uint8_t key[32]);

/* Writers append one whole frame to the stream's buffer; stream_flush() sends them. */
void bus_put_dh(struct stream *s, uint64_t sid, const uint8_t ephemeral[32]);
void bus_put_login(struct stream *s, uint64_t sid, const uint8_t h[32], const char *peer,
                   struct slice login);
void bus_put_announce(struct stream *s, uint64_t sid, const uint8_t ticket[BUS_TICKET],
                      const char *peer);
void bus_put_up(struct stream *s, uint64_t sid, uint8_t type, struct slice payload);
void bus_put_gone(struct stream *s, uint64_t sid, bool polite);
void bus_put_identity(struct stream *s, const struct wire_cert *cert);
void bus_put_dh_done(struct stream *s, uint64_t sid, bool ok, const uint8_t result[32],
                     const uint8_t challenge[16]);
void bus_put_logged(struct stream *s, uint64_t sid, uint64_t account, uint64_t device,
                    const char *name, const uint8_t ticket[BUS_TICKET]);
void bus_put_kick(struct stream *s, uint64_t sid, uint16_t code, uint32_t retry_ms, const char *text);
/* Frames for one session: begin, append frames to s->out, stream_end(). */
size_t bus_begin_down(struct stream *s, uint64_t sid);
/* The same frames for many sessions; n at most 65535. */
void bus_put_down_many(struct stream *s, const uint64_t *sid, size_t n, struct slice frames);

/* Readers: false unless the payload is exactly right. Slices point into it. */
struct bus_dh {
    uint64_t sid;
    const uint8_t *ephemeral;
};
struct bus_login {
    uint64_t sid;
    const uint8_t *h;
    struct slice peer, login;
};
struct bus_announce {
    uint64_t sid;
    const uint8_t *ticket;
    struct slice peer;
};
struct bus_up {
    uint64_t sid;
    uint8_t type;
    struct slice payload;
};
struct bus_gone {
    uint64_t sid;
    bool polite;
};
struct bus_dh_done {
    uint64_t sid;
    bool ok;
    const uint8_t *result, *challenge;
};
struct bus_logged {
    uint64_t sid, account, device;
    struct slice name;
    const uint8_t *ticket;
};
struct bus_down {
    uint16_t n;
    const uint8_t *sids; /* n times u64: get_u64(sids + 8 * i) */
    struct slice frames;
};
struct bus_kick {
    uint64_t sid;
    uint16_t code;
    uint32_t retry_ms;
    struct slice text;
};

bool bus_get_dh(struct slice p, struct bus_dh *m);
bool bus_get_login(struct slice p, struct bus_login *m);
bool bus_get_announce(struct slice p, struct bus_announce *m);
bool bus_get_up(struct slice p, struct bus_up *m);
bool bus_get_gone(struct slice p, struct bus_gone *m);
bool bus_get_identity(struct slice p, struct wire_cert *cert);
bool bus_get_dh_done(struct slice p, struct bus_dh_done *m);
bool bus_get_logged(struct slice p, struct bus_logged *m);
bool bus_get_down(struct slice p, struct bus_down *m);
bool bus_get_kick(struct slice p, struct bus_kick *m);

#endif
