/* errand_trust.h - is this the server? What the pins say, what the user is told and asked. */
#ifndef FACE_ERRAND_TRUST_H
#define FACE_ERRAND_TRUST_H

#include "errand.h"

/* The engine's question; arg is the errand. Pins a new key when --accept-new says so. */
enum trust_verdict errand_trust(void *arg, const uint8_t server_id[32]);

/* Tells why the engine gave up; asks about an unknown key and connects again; else ends. */
void errand_failed(struct errand *s, const struct client_event *e);

/* Yes or no from a terminal. */
bool errand_ask(const char *question);

#endif
