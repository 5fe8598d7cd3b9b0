/*
 * first.h - the first run: which server, under which name, with a key made on this machine; in under a minute.
 * What options and config file answer is not asked. Without a terminal nothing is asked at all.
 */
#ifndef FACE_FIRST_H
#define FACE_FIRST_H

#include "args.h"
#include "exits.h"

/* Does the conversation have to begin with it? Only where one can be asked, and nobody was named. */
bool first_needed(const struct args *o);

/* Afterwards the name is registered and its key in the home. EXIT_DONE, or another code after saying why. */
enum face_exit first_run(const struct args *o);

#endif
