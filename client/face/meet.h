/* meet.h - shakes hands with the server without signing in: who it is, and what time it has. */
#ifndef FACE_MEET_H
#define FACE_MEET_H

#include "../link.h"
#include "errand.h"

enum { MEET_MS = 10000 };

/*
 * Connects to the errand's server, takes its proof, and hangs up; whether that key is the right one is the
 * caller's to judge. LINK_FINE; else what is wrong, and why. Waits as long as --timeout says, or MEET_MS.
 */
enum link_fault meet(const struct errand *s, struct wire_proof *proof, struct why *why);

/* The code that errors have for a fault: exit_of(). */
const char *meet_code(enum link_fault fault);

#endif
