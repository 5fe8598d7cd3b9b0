/*
 * errand.h - what every command needs: home, identity, store, engine, trust; one wait over socket,
 * signals and perhaps the keyboard; errors to the right place.
 */
#ifndef FACE_ERRAND_H
#define FACE_ERRAND_H

#include <signal.h>

#include "../client.h"
#include "exits.h"
#include "home.h"
#include "args.h"

struct errand {
    const struct args *args;
    struct home home;
    char host[256], port[8], place[TRUST_PLACE];
    struct identity identity;
    struct vault *vault;
    struct client *client;
    void (*event)(void *arg, const struct client_event *e); /* of the command */
    void (*say)(void *arg, const char *text);               /* NULL: stderr */
    void *arg;
    int signals; /* signalfd of what is in watched */
    sigset_t watched;
    bool no_questions; /* the terminal is in use: do not ask about a new server */
    bool connected;
    bool fresh;   /* the user's key was made by this run */
    bool useless; /* and the server will not have the name: forget it */
    bool done;
    enum face_exit exit;     /* once done */
    char lost_code[32];      /* why there is no connection */
    char lost_reason[256];   /* the same for people, filtered */
    struct trust_pin pinned; /* when the server's key has changed */
};

/*
 * Opens all that a command needs, without connecting. caps: WIRE_CAP_*. EXIT_DONE, or another code
 * after saying why. errand_close() in any case.
 */
enum face_exit errand_open(struct errand *s, const struct args *o, uint32_t caps);
void errand_close(struct errand *s);

/* Home and place of the server, found and not made. */
enum face_exit errand_place(struct errand *s, const struct args *o);

/* Home and place of the server alone, for commands that do not connect as somebody. */
enum face_exit errand_home(struct errand *s, const struct args *o);

/* Runs until s->done or the deadline (monotonic ms, UINT64_MAX: none). True: done. */
bool errand_run(struct errand *s, uint64_t deadline);

/* Says BYE and waits for a moment until the server has it. */
void errand_leave(struct errand *s);

/* Ends the command. */
void errand_end(struct errand *s, enum face_exit exit);

/* An error to stderr, and as a JSON line with --json; returns exit_of(code). */
enum face_exit errand_error(const struct args *o, const char *code, const struct why *why);

/* Lets s->signals tell of one more signal, which then does nothing else. */
void errand_watch(struct errand *s, int signo);

uint64_t errand_now(void);  /* monotonic ms */
uint64_t errand_wall(void); /* ms since 1970 */

#endif
