/* session_trust.h - is this the server? What the pins say, what the user is told and asked. */
#ifndef FACE_SESSION_TRUST_H
#define FACE_SESSION_TRUST_H

#include "session.h"

/* The engine's question; arg is the session. Pins a new key when --accept-new says so. */
enum trust_verdict session_trust(void *arg, const uint8_t server_id[32]);

/* Tells why the engine gave up; asks about an unknown key and connects again; else ends. */
void session_failed(struct session *s, const struct client_event *e);

/* Yes or no from a terminal. */
bool session_ask(const char *question);

#endif
