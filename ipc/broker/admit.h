/*
 * admit.h - guests: sessions of devices that are not in the list of the account they name, and may do
 * nothing but ask to be let in (ADMIT: docs/protocol.md, section 6.7). A guest is no session: it hears
 * nothing of the account before a device that is in answers it, or it has shown the account key.
 */
#ifndef ADMIT_H
#define ADMIT_H

#include "broker.h"
#include "wire_admit.h"

struct guest {
    struct guest *next;
    struct link *link;
    uint64_t sid;
    struct account *account;
    uint64_t device; /* its own number and key, as its LOGIN has proven them */
    uint8_t key[32];
    struct loop_timer timer;
    unsigned asked;    /* frames it has sent */
    bool paper;        /* it has shown the account key */
    uint64_t attempt;  /* under way; 0: none */
    uint8_t step;      /* of that, the last one carried */
    struct buf commit; /* message 1, for devices that come while nobody has answered */
    struct asker with; /* who has answered, from step 2 on */
    char address[48];  /* an IPv4 address or an IPv6 /64 */
};

/* A LOGIN of a device that is not in, and asks to be a guest: becomes one, or is refused. */
void admit_login(struct link *l, struct account *a, const struct auth_job *job);
/* A frame of a guest. */
void admit_up(struct guest *g, uint8_t type, struct slice payload);
/* A frame ADMIT of a device that is in. */
void admit_ask(struct session *s, const struct wire_admit_ask *m);
/* A device that is in has just logged in, or its session ends. */
void admit_welcome(struct session *s);
void admit_left(struct session *s);
/* The guest is gone: those whom it was talking to are told. */
void admit_forget(struct guest *g);
/* The account is closed: its guests go. */
void admit_end_account(struct broker *b, const struct account *a);

/* devices.c: LIST of a guest that has shown the account key. */
void devices_ask_guest(struct guest *g, const struct wire_list_ask *m);

#endif
