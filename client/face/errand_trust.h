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

/* Asks for a name, offers that of the system's user. False: the input has ended. */
bool errand_ask_name(char name[128]);

/*
 * Is this the server? Asks where it was never seen before and somebody can be asked. EXIT_DONE, or another code
 * after saying why.
 */
enum face_exit errand_judge(struct errand *s, const uint8_t server_id[32]);

#endif
