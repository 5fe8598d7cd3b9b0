/*
 * orders.h - what people type about groups, as the orders of client.h: shared by the slash commands of the
 * conversation and the command `group`.
 */
#ifndef FACE_ORDERS_H
#define FACE_ORDERS_H

#include "../client.h"

/* member, assistant, owner: enum membership_role. ROLE_NONE: another word. */
uint8_t order_role(const char *word);

/* "90s", "10m", "2h", "7d"; "0": until_ms 0, which lifts it. False: no such span. */
bool order_span(const char *text, uint64_t now_ms, uint64_t *until_ms);

uint64_t order_now_ms(void);

#endif
