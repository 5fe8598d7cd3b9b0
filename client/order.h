/*
 * order.h - an order of ours for a group (create, invite, kick, …) as the store keeps it, until the server has
 * taken its entry or refused it (VAULT_GROUP_ORDER). It outlives its process, and is carried out once.
 *
 * Whose it is says a process id: the one that was given it, or, when that one is gone, the first to claim it.
 * Inside a transaction of the caller's; functions that return int give -1 when the store failed.
 */
#ifndef CLIENT_ORDER_H
#define CLIENT_ORDER_H

#include "buf.h"
#include "membership.h"
#include "name.h"
#include "vault.h"

/* What an entry of ours is to say; it is written anew when another one came first. */
struct group_order {
    struct group_order *next;
    uint64_t number; /* of the store's row of own numbers */
    uint8_t op, role;
    uint64_t until_ms;
    char room[NAME_SIZE], subject[NAME_SIZE], text[MEMBERSHIP_TEXT + 1];
    struct buf entry; /* as it was signed last, for the same to be said again; empty: not yet */
    bool earlier;     /* given to a process before this one */
    bool sent, repeated; /* repeated: the server may have taken it before */
    unsigned tries;
};

/* Keeps it, with its entry, as this process's. */
int order_keep(struct vault *v, const struct group_order *o);
int order_drop(struct vault *v, const struct group_order *o);

/* Is there one above this number that is nobody's? 1; then *o is it, and this process's; 0: none. */
int order_claim(struct vault *v, uint64_t after, struct group_order *o);

#endif
