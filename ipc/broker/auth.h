/*
 * auth.h - the login thread: the broker's arithmetic beside the loop, so that a storm of logins does
 * not stall routing. Jobs are done in order; their number is bounded.
 */
#ifndef AUTH_H
#define AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct auth;

/* MARK does nothing, in its turn: what was asked before it is done before it. It is never refused. */
enum auth_kind { AUTH_DH, AUTH_VERIFY, AUTH_MARK };

/* Owned by the caller until auth_submit(), by the thread until it comes back in auth_reap(). */
struct auth_job {
    struct auth_job *next;
    enum auth_kind kind;
    bool good;            /* result: DH of a sound point; signature fits */
    uint32_t slot, generation; /* whose job it is: see session_late() */
    uint64_t sid;
    uint8_t secret[32];   /* DH: wiped by the thread */
    uint8_t point[32];    /* DH: the client's key in, the result out */
    uint8_t key[32], signature[64]; /* VERIFY */
    uint8_t message[WIRE_LOGIN_SIGNED_MAX];
    size_t message_len;
    struct wire_login login; /* VERIFY: for the caller; name points into name_bytes */
    uint8_t name_bytes[WIRE_NAME_MAX];
    char peer[65];
};

/* Starts the thread; fatal when there is none to have. */
struct auth *auth_start(size_t max_jobs);
void auth_stop(struct auth *a);
/* Readable when jobs are done. */
int auth_fd(const struct auth *a);
/* False, and the job still the caller's, when max_jobs are waiting. */
bool auth_submit(struct auth *a, struct auth_job *job);
/* Hands back what is done, in order. The callee frees the job. */
void auth_reap(struct auth *a, void (*done)(void *arg, struct auth_job *job), void *arg);

#endif
