/* verbs.h - the commands of the program: one table makes dispatch and help. */
#ifndef FACE_VERBS_H
#define FACE_VERBS_H

#include "exits.h"
#include "options.h"

struct verb {
    const char *name, *usage, *help, *example;
    enum face_exit (*run)(const struct options *o);
};

/* NULL name ends it. */
extern const struct verb verbs[];

enum face_exit verb_send(const struct options *o);
enum face_exit verb_tail(const struct options *o);
enum face_exit verb_who(const struct options *o);
enum face_exit verb_keys(const struct options *o);
enum face_exit verb_help(const struct options *o);
/* No command: the conversation in a terminal or from a pipe. */
enum face_exit verb_chat(const struct options *o);

/* The program, without main(). */
int face_main(int argc, char *argv[]);

#endif
