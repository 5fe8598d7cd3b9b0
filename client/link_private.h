/* link_private.h - what link.c and link_record.c share; nobody else includes it. */
#ifndef CLIENT_LINK_PRIVATE_H
#define CLIENT_LINK_PRIVATE_H

#include "link.h"
#include "link_proof.h"
#include "noise.h"

struct addrinfo;

struct link {
    int fd;
    enum link_state state;
    enum link_fault fault;
    char *words;
    struct addrinfo *addresses, *next; /* while DIALLING: all of them, and those not tried yet */
    struct shake *shake;               /* until LOGIN */
    struct noise_cipher send_key, recv_key;
    struct buf rx;  /* received, not yet given out */
    struct buf out; /* frames, not yet sealed */
    struct buf tx;  /* sealed, not yet taken by the kernel */
    struct wire_joiner join;
    struct cur frames; /* of the record at the head of rx, while in_record */
    size_t record_len; /* with its length field */
    bool in_record;
    bool ended;     /* nothing more will come */
    bool deaf;      /* the other side takes nothing more */
    bool finishing; /* nothing more will be sent after out and tx */
    uint64_t deadline;
};

void link_fail(struct link *l, enum link_fault fault, const char *words);
/* Gives tx to the kernel as far as it takes it. */
void link_send(struct link *l);

#endif
