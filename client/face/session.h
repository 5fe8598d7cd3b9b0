/*
 * session.h - what every command needs: home, identity, store, engine, trust; one wait over socket,
 * signals and perhaps the keyboard; errors to the right place.
 */
#ifndef FACE_SESSION_H
#define FACE_SESSION_H

#include "../client.h"
#include "exits.h"
#include "home.h"
#include "options.h"

struct session {
    const struct options *options;
    struct home home;
    char host[256], port[8], place[TRUST_PLACE];
    struct identity identity;
    struct vault *vault;
    struct client *client;
    void (*event)(void *arg, const struct client_event *e); /* of the command */
    void (*say)(void *arg, const char *text); /* NULL: stderr */
    void *arg;
    int signals; /* signalfd: SIGINT, SIGTERM */
    bool no_questions; /* the terminal is in use: do not ask about a new server */
    bool connected;
    bool done;
    enum face_exit exit;     /* once done */
    char lost_code[32];      /* why there is no connection */
    char lost_reason[256];   /* the same for people, filtered */
    struct trust_pin pinned; /* when the server's key has changed */
};

/*
 * Opens all that a command needs, without connecting. caps: WIRE_CAP_*. EXIT_DONE, or another code
 * after saying why. session_close() in any case.
 */
enum face_exit session_open(struct session *s, const struct options *o, uint32_t caps);
void session_close(struct session *s);

/* Home and place of the server alone, for commands that do not connect as somebody. */
enum face_exit session_home(struct session *s, const struct options *o);

/* Runs until s->done or the deadline (monotonic ms, UINT64_MAX: none). True: done. */
bool session_run(struct session *s, uint64_t deadline);

/* Says BYE and waits for a moment until the server has it. */
void session_leave(struct session *s);

/* Ends the command. */
void session_end(struct session *s, enum face_exit exit);

/* An error to stderr, and as a JSON line with --json; returns exit_of(code). */
enum face_exit session_error(const struct options *o, const char *code, const struct why *why);

uint64_t session_now(void);

#endif
