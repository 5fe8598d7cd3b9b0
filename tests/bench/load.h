/*
 * load.h - the load generator: one thread, many connections, one protocol, one scenario.
 *
 *   load.c        options, the tables of drivers and scenarios, the result as a JSON line
 *   conn.c        sockets, epoll, TLS, what waits to leave; knows no protocol
 *   text.c        the text of a message: who, to whom, which, when
 *   drv_*.c       a protocol each: a row of functions (struct driver)
 *   s_*.c         scenarios; they never look at the wire
 *   procs.c, histogram.c   the server's figures; latencies. Pure of everything above.
 *
 * The generator is never the thing measured, but it shares the machine with the server: a read, a
 * write and an encryption for each connection and turn, however many messages.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include <sys/types.h>

#include "buf.h"
#include "histogram.h"
#include "procs.h"

struct ssl_st; /* OpenSSL's SSL */

enum conn_state { CONN_UNUSED, CONN_DIALLING, CONN_TLS, CONN_OPEN, CONN_CLOSED };

struct conn {
    int fd;
    unsigned id; /* the user's number; names are made from it */
    enum conn_state state;
    bool ready;   /* logged in: driver_ready() */
    bool joined;  /* in the room: driver_joined() */
    bool leaving; /* said goodbye: the server may close it */
    bool dirty;   /* in the list of those that have something to say this turn */
    uint32_t events;
    struct ssl_st *ssl;
    struct buf in, out; /* half a frame; not yet taken by the kernel */
    /* the driver's */
    unsigned step;
    uint16_t packet;
    void *own; /* outlives a connection: conn_dial() on the same conn finds it again */
    /* the scenario's */
    uint32_t outstanding, seq;
};

/* A protocol. A NULL function means that it has no such thing. */
struct driver {
    const char *name;
    bool tls_after_banner;        /* a plain line comes first; the driver calls conn_start_tls() */
    bool sender_joins;            /* who speaks to a room must be in it */
    bool acks;                    /* what is sent is acknowledged: driver_acked() */
    bool keeps;                   /* what was not acknowledged is sent again after a new login */
    size_t text_max;              /* longest text in one of its messages, 0: no limit */
    void (*open)(struct conn *c); /* bytes can flow: log in */
    /* Takes what has come and returns how many bytes were used; the rest comes again with more. */
    size_t (*input)(struct conn *c, uint8_t *data, size_t n);
    void (*leave)(struct conn *c); /* before each write: what was gathered becomes bytes */
    void (*join)(struct conn *c);
    void (*direct)(struct conn *c, unsigned to, const char *text, size_t n);
    void (*room)(struct conn *c, const char *text, size_t n);
    void (*bye)(struct conn *c);
    void (*forget)(struct conn *c);  /* frees own */
    void (*prepare)(struct conn *c); /* once, by the first sender to absent users; clears step */
};

extern const struct driver driver_csmsg, driver_irc, driver_mqtt, driver_nats, driver_jetstream,
    driver_xmpp, driver_relay;

struct options {
    const char *server; /* how the result names it */
    const char *scenario;
    const struct driver *driver;
    const char *host;
    uint16_t port;
    bool tls, draining;
    pid_t root;               /* of the server's processes */
    unsigned n;               /* pairs, members, connections, rounds: by scenario; 0 its default */
    unsigned window;          /* messages under way for each sender */
    unsigned bytes;           /* of a text */
    unsigned at_once;         /* logins under way */
    unsigned messages, users; /* to absent users */
    unsigned sources;         /* addresses from 127.0.0.2 on */
    unsigned qos;             /* MQTT */
    bool keep;                /* MQTT: sessions outlive connections */
    bool sealed;              /* ours: as much in each message as a sealed one has */
    double seconds, warm;
};

/* The state of this process. */
struct load {
    struct options o;
    struct conn *conn;
    unsigned n, first_id;
    unsigned n_ready, n_joined, n_dropped, dialling;
    bool stop; /* no new messages */
    json_t *result;
    struct histogram latency;
    /* the scenario's ears; NULL is fine */
    void (*on_text)(struct conn *c, unsigned from, unsigned to, uint32_t seq, uint64_t sent_ns);
    void (*on_acked)(struct conn *c, unsigned n);
    void (*on_ready)(struct conn *c);
};
extern struct load load;

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line on stderr, the first few times only. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

uint64_t now_ns(void);
double now_s(void);

/* --- conn.c: connections --- */

/* Makes n connections, unused, with ids from first_id on. Ends those that are there. */
void conns_make(unsigned n, unsigned first_id);
/*
 * Dials them all, load.o.at_once at a time, and returns the seconds until all are ready. try: or
 * until nobody new came in for a while; load.n_ready says how many are there. The other gives up
 * then.
 */
double conns_try_log_in(double limit_s);
double conns_log_in(double limit_s);
/* Every member of [from, from + n) joins the room, so many at once. */
void conns_join(unsigned from, unsigned n, unsigned at_once);

void conn_dial(struct conn *c);
void conn_start_tls(struct conn *c);
/* Ends it without a word. why is complained about and counted; NULL: on purpose. */
void conn_close(struct conn *c, const char *why);
/* Says goodbye where the protocol has a word for it; its end is no complaint from now on. */
void conn_leave(struct conn *c);
/* Bytes for the server; they leave at the end of the turn. */
void conn_put(struct conn *c, const void *data, size_t n);
void conn_putf(struct conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The driver has gathered something of its own: leave() and a write at the end of the turn. */
void conn_touch(struct conn *c);

/* One turn: at most ms of waiting. */
void turn(int ms);
/* Turns for this long. */
void turns(double seconds);

/* --- what drivers report --- */

void driver_ready(struct conn *c);
void driver_joined(struct conn *c);
void driver_acked(struct conn *c, unsigned n);

/* --- text.c --- */

/* A text of load.o.bytes to a user or (to_room) to the room; several messages where one is too
 * small. */
void text_send(struct conn *c, bool to_room, unsigned to);
/* A text has come; tells load.on_text when it is one of ours and complete. */
void text_came(struct conn *c, const void *text, size_t n);

/* --- results --- */

void result_int(const char *key, uint64_t v);
void result_real(const char *key, double v);
/* What happened between two snapshots, for so many messages: rate, CPU, wake-ups, latencies. */
void result_traffic(const struct usage *a, const struct usage *b, double seconds,
                    uint64_t messages);
/* The CPU of the server's processes by program, in µs for each of n. */
void result_by_program(const char *key, const struct usage *a, const struct usage *b, double n);

/* --- scenarios --- */

void scenario_ping(void);
void scenario_pairs(void);
void scenario_room(void);
void scenario_login(void);
void scenario_register(void);
void scenario_store(void);
void scenario_drain(void);
void scenario_queues(void);
void scenario_mixed(void);

#endif
